"""What refusals mean that the conversations and the shapes do not show."""

import pytest

from lam.engines.refusals import ModelMissing, ReplyTooLong, failure_of, is_failure, read_refusal
from lam.errors import ContextExceeded, LlmError, LlmLoading, LlmOverloaded


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ("Loading model", LlmLoading),
        ("The model is still loading", LlmLoading),
        ("Server load is too high, try later", LlmOverloaded),
        ("heavy load", LlmOverloaded),
    ],
)
def test_a_503_says_whether_it_loads_or_has_too_much_to_do(words: str, kind: type[LlmError]) -> None:
    assert type(failure_of(read_refusal({"error": {"message": words}}, 503))) is kind


@pytest.mark.parametrize(
    ("words", "prompt", "limit"),
    [
        ("prompt is too long: 210000 tokens > 200000 maximum", 210000, 200000),
        ("input length and `max_tokens` exceed context limit: 188240 + 21333 > 200000", 188240, 200000),
        ("`inputs` must have less than 1024 tokens. Given: 5000", 5000, 1024),
        ("This model's maximum context length is 4,096 tokens. However, your messages resulted in 5,130 tokens.", 5130, 4096),
        ("This model's maximum context length is 3 tokens. However, your request has 500 input tokens.", 500, None),
    ],
)
def test_the_numbers_of_a_refusal_are_read(words: str, prompt: int, limit: int | None) -> None:
    failure = failure_of(read_refusal({"error": words}, 400))
    assert isinstance(failure, ContextExceeded)
    assert (failure.prompt_tokens, failure.limit) == (prompt, limit)


def test_what_only_sounds_like_length_is_not() -> None:
    for words in (
        "Invalid 'temperature': must be <= 2",
        "tool name is too long: exceeds 64",
        "stop sequences: too many, maximum 4",
    ):
        assert type(failure_of(read_refusal({"error": words}, 400))) is LlmError
    assert isinstance(
        failure_of(read_refusal({"error": "max_tokens is too large: this model supports at most 4096"}, 400)), ReplyTooLong
    )
    assert isinstance(failure_of(read_refusal({"error": "The model `x` does not exist"}, 404)), ModelMissing)


def test_an_error_field_without_an_error_is_none() -> None:
    assert not any(
        map(is_failure, (None, "", "null", {}, [], False, {"code": 0, "message": "ok"}, {"code": None, "message": None}))
    )
    assert all(map(is_failure, ("boom", {"message": "boom"}, {"code": 500}, {"type": "overloaded"})))


def test_a_refusal_of_a_megabyte_is_quoted_and_takes_no_time() -> None:
    failure = failure_of(read_refusal({"error": {"message": "model " * 200_000, "type": "model " * 200_000}}, 400))
    assert len(failure.message) < 600
