"""What models refuse, in the words of their servers, and the request that they then get."""

from typing import Any

import msgspec
import pytest

from lam.engines.quirks import FieldRefused, Quirks, RolesRefused, refused_part
from lam.engines.refusals import failure_of, read_refusal
from lam.errors import ContextExceeded, LlmError
from lam.protocol.chat import Turn
from lam.protocol.sampling import SETTINGS, Sampling, openai_body
from lam.protocol.tools import Call

BODY: dict[str, Any] = {
    "messages": (Turn("system", "Be brief."), Turn("user", "Hello")),
    "stream": True,
    "stream_options": {"include_usage": True},
    "temperature": 0.7,
    "top_p": 0.9,
    "max_tokens": 100,
    "seed": 1,
    "presence_penalty": 0.5,
    "frequency_penalty": 0.5,
    "min_p": 0.1,
    "top_k": 5,
    "stop": ["x"],
    "thinking_budget_tokens": 5,
    "return_progress": True,
}

FIELDS: dict[str, tuple[int, Any, str]] = {
    "OpenAI max_tokens": (
        400,
        {
            "error": {
                "message": "Unsupported parameter: 'max_tokens' is not supported with this model. Use "
                "'max_completion_tokens' instead.",
                "type": "invalid_request_error",
                "param": "max_tokens",
                "code": "unsupported_parameter",
            }
        },
        "max_tokens",
    ),
    "a proxy without param": (
        400,
        {
            "error": {
                "message": "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' "
                "instead. (tid: 2025120401482440582258876384808)",
                "code": "invalid_request_body",
            }
        },
        "max_tokens",
    ),
    "a router in front": (
        400,
        {
            "error": "[openai/gpt-5-mini] [400]: Unsupported value: 'temperature' does not support 0.16 with "
            "this model. Only the default (1)"
        },
        "temperature",
    ),
    "OpenAI temperature": (
        400,
        {
            "error": {
                "message": "Unsupported value: 'temperature' does not support 0.7 with this model. Only the "
                "default (1) value is supported.",
                "param": "temperature",
                "code": "unsupported_value",
            }
        },
        "temperature",
    ),
    "OpenAI top_p": (
        400,
        {"error": {"message": "Unsupported parameter: 'top_p' is not supported with this model.", "param": "top_p"}},
        "top_p",
    ),
    "xAI, in camel case": (400, {"error": "Model grok-4 does not support parameter presencePenalty."}, "presence_penalty"),
    "Moonshot": (400, {"error": {"message": "invalid temperature: only 1 is allowed for this model"}}, "temperature"),
    "Anthropic, two that exclude each other": (
        400,
        {"error": {"message": "`temperature` and `top_p` cannot both be specified for this model. Please use only one."}},
        "top_p",
    ),
    "Anthropic, deprecated": (400, {"error": {"message": "`temperature` is deprecated for this model."}}, "temperature"),
    "Mistral": (
        422,
        {"detail": [{"type": "extra_forbidden", "loc": ["body", "seed"], "msg": "Extra inputs are not permitted", "input": 123}]},
        "seed",
    ),
    "vLLM, two at once": (
        400,
        {
            "object": "error",
            "message": "[{'type': 'extra_forbidden', 'loc': ('body', 'seed'), 'msg': 'Extra inputs are not "
            "permitted', 'input': 42}, "
            "{'type': 'extra_forbidden', 'loc': ('body', 'stream_options'), 'msg': 'Extra inputs are not permitted'}]",
            "param": None,
            "code": 400,
        },
        "seed",
    ),
    "Fireworks": (400, {"error": {"message": "Extra inputs are not permitted, field: 'stream_options'"}}, "stream_options"),
    "NVIDIA": (
        422,
        {
            "title": "Unprocessable Entity",
            "detail": "body -> frequency_penalty\n  Extra inputs are not permitted (type=extra_forbidden)",
        },
        "frequency_penalty",
    ),
    "new-api": (400, {"error": {"message": "Unknown parameter: 'stream_options'.", "param": "stream_options"}}, "stream_options"),
    "Azure, an old version": (
        400,
        {"error": {"message": "Unrecognized request argument supplied: stream_options", "param": None}},
        "stream_options",
    ),
    "Groq": (400, {"error": {"message": "property 'min_p' is unsupported", "type": "invalid_request_error"}}, "min_p"),
    "Gemini": (
        400,
        [{"error": {"code": 400, "message": 'Invalid JSON payload received. Unknown name "seed": Cannot find field.'}}],
        "seed",
    ),
    "an organization that may not stream": (
        400,
        {
            "error": {
                "message": "Your organization must be verified to stream this model.",
                "param": "stream",
                "code": "unsupported_value",
            }
        },
        "stream",
    ),
}

ROLES: dict[str, tuple[int, Any, bool]] = {
    "Gemma": (400, {"error": {"message": "System role not supported", "type": "invalid_request_error"}}, True),
    "Gemma in llama.cpp": (
        500,
        {
            "error": {
                "code": 500,
                "message": "\n------------\nWhile executing CallExpression at line 1, column 61 in source:\n"
                "...'system' %}{{ raise_exception('System role not supported') }}...\n   ^\n"
                "Error: Jinja Exception: System role not supported",
                "type": "server_error",
            }
        },
        True,
    ),
    "Gemma at Google": (400, {"error": {"message": "Developer instruction is not enabled for models/gemma-3-27b-it"}}, True),
    "o1-mini": (
        400,
        {
            "error": {
                "message": "Unsupported value: 'messages[0].role' does not support 'system' with this model.",
                "param": "messages[0].role",
            }
        },
        True,
    ),
    "Ministral": (500, {"error": {"message": "Only user, assistant and tool roles are supported, got system."}}, True),
    "Mistral, old": (400, {"error": "Only user and assistant roles are supported!"}, True),
    "Bedrock": (
        400,
        {
            "message": "This model doesn't support system messages. Try again without system messages or use a "
            "model that supports system messages."
        },
        True,
    ),
    "MiniMax": (400, {"error": {"message": "invalid params, chat content has invalid message role: system (2013)"}}, True),
    "Qwen": (500, {"error": {"message": "Jinja Exception: System message must be at the beginning."}}, True),
    "Mistral": (
        500,
        {
            "error": {
                "message": "Error: Jinja Exception: After the optional system message, conversation roles must "
                "alternate user and assistant "
                "roles except for tool calls and results."
            }
        },
        False,
    ),
    "LM Studio": (
        400,
        {
            "error": 'Error rendering prompt with jinja template: "Conversation roles must alternate '
            'user/assistant/user/assistant/...".'
        },
        False,
    ),
    "Anthropic": (
        400,
        {
            "error": {
                "message": 'messages: roles must alternate between "user" and "assistant", but found multiple "user" roles in a row'
            }
        },
        False,
    ),
    "Perplexity": (
        400,
        {
            "error": {
                "message": "After the (optional) system message(s), user or tool message(s) should alternate "
                "with assistant message(s)."
            }
        },
        False,
    ),
}

# What is no refusal of a field or of a role.
OTHERS = (
    (400, "Invalid 'temperature': must be <= 2"),
    (400, "temperature must be between 0 and 2"),
    (400, "Unsupported parameter: 'tools' is not supported with this model."),
    (400, "Invalid schema for response_format 'answer': 'seed' is not supported"[:50]),
    (400, "This model's maximum context length is 4096 tokens. However, your messages resulted in 5130 tokens."),
    (400, "max_tokens is too large: 5000. This model supports at most 4096 completion tokens."),
    (401, "temperature is not supported"),
    (500, "CUDA out of memory"),
    (500, "temperature is not supported"),
    (400, "The image is not supported by the system"),
)


def failure(status: int, answer: Any) -> LlmError | None:
    refusal = read_refusal(answer, status)
    assert type(failure_of(refusal)) is LlmError, "another reading comes first"
    return refused_part(refusal)


@pytest.mark.parametrize("name", FIELDS)
def test_a_refused_field_is_left_out_and_the_rest_stays(name: str) -> None:
    status, answer, field = FIELDS[name]
    refusal = failure(status, answer)
    assert isinstance(refusal, FieldRefused)
    quirks = Quirks().learnt(refusal, BODY)
    assert quirks is not None
    fitted = quirks.fitted(BODY)
    assert field not in fitted
    expected = set(BODY) - {field} | ({"max_completion_tokens"} if field == "max_tokens" else set())
    assert set(fitted) == expected - ({"stream_options"} if field == "stream" else set())
    again = quirks.learnt(refusal, fitted)
    assert (again is None) is (len(refusal.fields) == 1), "the same words teach nothing twice"


@pytest.mark.parametrize("name", ROLES)
def test_refused_roles_are_folded_and_then_alternate(name: str) -> None:
    status, answer, system = ROLES[name]
    refusal = failure(status, answer)
    assert isinstance(refusal, RolesRefused)
    assert refusal.system is system
    quirks = Quirks().learnt(refusal, BODY)
    assert quirks is not None
    assert quirks.turns(BODY["messages"]) == (Turn("user", "Be brief.\n\nHello"),)


@pytest.mark.parametrize(("status", "words"), OTHERS)
def test_what_only_sounds_like_a_refused_part_is_none(status: int, words: str) -> None:
    refusal = read_refusal({"error": {"message": words}}, status)
    part = refused_part(refusal) if type(failure_of(refusal)) is LlmError else None
    assert part is None or (isinstance(part, FieldRefused) and Quirks().learnt(part, {"messages": ()}) is None)


def test_a_server_that_refuses_everything_is_asked_a_bounded_number_of_times() -> None:
    every = FieldRefused("no", sorted(set(BODY) - {"messages", "stop"}))
    quirks, body, asked = Quirks(), BODY, 0
    refusals = [every, RolesRefused("no", system=True), RolesRefused("no", system=False)] * 30
    for refusal in refusals:
        lesson = quirks.learnt(refusal, body)
        if lesson is not None:
            quirks, asked = lesson, asked + 1
            body = quirks.fitted(BODY | {"messages": quirks.turns(BODY["messages"])})
    assert asked < 25
    assert {"messages", "stop", "max_completion_tokens"} <= set(body)


def test_nothing_that_somebody_needs_is_left_out() -> None:
    """A stop text or a schema that a model does not take is an error that people see."""
    for field in ("stop", "response_format", "messages", "model", "tools"):
        refusal = read_refusal({"error": {"message": f"'{field}' is not supported with this model", "param": field}}, 400)
        assert refused_part(refusal) is None


def test_every_setting_that_may_be_sent_is_known() -> None:
    values = {"reasoning": "off", "stop": ("x",), "response_format": None}
    sampling = Sampling(**{setting.name: values.get(setting.name, 1) for setting in SETTINGS})
    for field in set(openai_body(sampling, llama=True)) - {"stop", "response_format"}:
        refusal = read_refusal({"error": {"message": f"Unknown parameter: '{field}'."}}, 400)
        assert isinstance(refused_part(refusal), FieldRefused), field


@pytest.mark.parametrize(
    ("turns", "expected"),
    [
        ("s:A u:B", "u:A|B"),
        ("s:A u:B a:C u:D", "u:A|B a:C u:D"),
        ("u:A s:B u:C", "u:A|B|C"),
        ("s:A", "u:A"),
        ("s:A a:B u:C", "u:… a:B u:A|C"),
        ("a:A u:B", "u:… a:A u:B"),
        ("u:A a:B a:C u:D", "u:A a:B|C u:D"),
        ("u:A u:B a:C", "u:A|B a:C"),
    ],
)
def test_turns_alternate_whatever_came_before(turns: str, expected: str) -> None:
    names = {"s": "system", "u": "user", "a": "assistant"}

    def parsed(text: str) -> tuple[Turn, ...]:
        return tuple(
            msgspec.convert({"role": names[one[0]], "content": one[2:].replace("|", "\n\n")}, Turn) for one in text.split()
        )

    assert Quirks(folds=True, alternates=True).turns(parsed(turns)) == parsed(expected)


def test_a_long_refusal_is_read_at_once() -> None:
    words = "system role message roles temperature not supported " * 20_000
    assert refused_part(read_refusal({"error": {"message": words}}, 400)) is not None


def test_a_context_that_is_exceeded_stays_that() -> None:
    words = "This model's maximum context length is 4096 tokens; max_tokens is not supported above that"
    assert isinstance(failure_of(read_refusal({"error": words}, 400)), ContextExceeded)


@pytest.mark.parametrize(
    "answer",
    [
        {
            "object": "error",
            "message": [{"type": "extra_forbidden", "loc": ["body", "messages", 1, "assistant", "reasoning_content"]}],
        },
        {"error": {"message": "Unrecognized request argument supplied: messages[1].reasoning_content", "param": None}},
        {"error": {"message": "property 'reasoning_content' is unsupported", "param": "messages.1"}},
    ],
)
def test_a_model_that_refuses_its_own_thoughts_does_not_get_them_again(answer: Any) -> None:
    turns = (Turn("user", "Hi"), Turn("assistant", "", calls=(Call("c", "f"),), thinking="Hm."), Turn("tool", "4", call_id="c"))
    refusal = failure(400, answer)
    assert isinstance(refusal, FieldRefused)
    quirks = Quirks().learnt(refusal, BODY | {"messages": turns})
    assert quirks is not None
    assert [turn.thinking for turn in quirks.turns(turns)] == ["", "", ""]
    assert quirks.learnt(refusal, BODY | {"messages": quirks.turns(turns)}) is None
