"""The table of settings, and all that derives from it."""

from typing import Any

import msgspec
import pytest

from lam.protocol.sampling import (
    NAMES,
    SETTINGS,
    Choices,
    JsonSchema,
    ResponseFormat,
    Sampling,
    checked,
    defaults,
    from_stored,
    openai_body,
    resolve,
)
from lam.settings import Settings

SCHEMA = ResponseFormat(type="json_schema", json_schema=JsonSchema(schema={"type": "object"}))
PLAIN: dict[str, Any] = {"temperature": 0.0, "top_p": 0.9, "max_tokens": 5}
EVERY: dict[str, Any] = PLAIN | {
    "top_k": 40,
    "min_p": 0.05,
    "seed": 7,
    "stop": ("\n\n", "END"),
    "presence_penalty": -2,
    "frequency_penalty": 2,
    "repeat_penalty": 1.1,
    "response_format": SCHEMA,
    "reasoning": 100,
}


def test_there_is_an_example_of_each_setting() -> None:
    assert set(PLAIN) <= set(EVERY) <= set(NAMES)


def test_the_gateways_ranges_are_those_of_the_table() -> None:
    for setting in SETTINGS:
        if setting.default is None or setting.read is not None:
            continue
        limits = {name: value for meta in Settings.model_fields[setting.default].metadata for name, value in vars_of(meta).items()}
        (own,) = [meta for meta in setting.type.__metadata__ if isinstance(meta, msgspec.Meta)]
        assert all(getattr(own, name) == value for name, value in limits.items()), setting.name


def vars_of(meta: Any) -> dict[str, Any]:
    return {name: getattr(meta, name) for name in ("gt", "ge", "lt", "le") if hasattr(meta, name)}


def test_each_setting_comes_from_the_first_who_chose_it_and_zero_is_a_choice() -> None:
    gateway = defaults(Settings(llm_temperature=0.5, llm_skip_thinking=True))
    sampling = resolve(Choices(temperature=0, stop=()), Choices(temperature=1, top_p=0.5, stop=("x",), seed=0), gateway)
    assert (sampling.temperature, sampling.top_p, sampling.max_tokens) == (0, 0.5, 2048)
    assert (sampling.stop, sampling.seed, sampling.reasoning, sampling.top_k) == ((), 0, "off", None)
    assert resolve(Choices(reasoning="auto"), gateway).reasoning == "auto"


def test_a_strict_server_is_sent_only_what_somebody_chose() -> None:
    assert openai_body(Sampling(**PLAIN), llama=False) == PLAIN
    assert openai_body(Sampling(**PLAIN, reasoning="off"), llama=False) == PLAIN
    assert openai_body(Sampling(**EVERY), llama=False) == {name: value for name, value in EVERY.items() if name != "reasoning"}


def test_llama_cpp_is_told_how_long_to_think() -> None:
    def told(**reasoning: Any) -> dict[str, Any]:
        body = openai_body(Sampling(**PLAIN, **reasoning), llama=True)
        return {name: value for name, value in body.items() if name not in PLAIN}

    assert told() == told(reasoning="auto") == {}
    assert told(reasoning="off") == {"chat_template_kwargs": {"enable_thinking": False}}
    assert told(reasoning=100) == {"thinking_budget_tokens": 100}


def test_a_schema_is_sent_in_the_form_of_openai() -> None:
    body = msgspec.json.decode(msgspec.json.encode(openai_body(Sampling(**PLAIN, response_format=SCHEMA), llama=False)))
    schema = {"name": "answer", "schema": {"type": "object"}}
    assert body["response_format"] == {"type": "json_schema", "json_schema": schema}


def test_what_was_stored_is_read_again_and_what_is_not_understood_counts_as_not_chosen() -> None:
    stored = msgspec.to_builtins(Choices(**EVERY))
    assert from_stored(stored, NAMES) == EVERY
    strange = {"top_k": -1, "seed": "seven", "reasoning": "hard", "stop": ["a"], "of_a_later_release": 1}
    assert from_stored(strange, NAMES) == {"stop": ("a",)}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("temperature", -0.1),
        ("temperature", 2.1),
        ("top_p", 0),
        ("max_tokens", 0),
        ("top_k", -1),
        ("min_p", 1.1),
        ("seed", -1),
        ("seed", 2**32 - 1),
        ("stop", ("a", "b", "c", "d", "e")),
        ("stop", ("",)),
        ("presence_penalty", 2.1),
        ("frequency_penalty", -2.1),
        ("repeat_penalty", 0),
        ("reasoning", 0),
        ("reasoning", "hard"),
        ("response_format", {"type": "json_schema"}),
        ("response_format", {"type": "text", "json_schema": {"schema": {}}}),
        ("response_format", {"type": "json_schema", "json_schema": {"schema": {"a": "x" * 40_000}}}),
        ("response_format", {"type": "json_schema", "json_schema": {"schema": {"a": "\0"}}}),
        ("response_format", {"type": "json_schema", "json_schema": {"schema": {}, "name": "a b"}}),
    ],
)
def test_a_value_beyond_its_range_is_refused(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=name):
        checked(Sampling(**{**PLAIN, name: value}))
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({name: value}, Choices)


def test_the_edges_of_every_range_are_inside() -> None:
    for name, value in {"temperature": 2, "top_p": 1, "min_p": 1, "seed": 2**32 - 2, "top_k": 0, "repeat_penalty": 2}.items():
        assert getattr(checked(Sampling(**PLAIN | {name: value})), name) == value
