"""The error tree, and the way back into it from a code."""

import pytest

import lam.engines.openai_http  # noqa: F401  # with its private branches of the tree
from lam.errors import (
    ContextExceeded,
    GenerationError,
    LamError,
    LlmOverloaded,
    SessionBusy,
    Throttled,
    all_errors,
    from_code,
)


def owner(kind: type[LamError]) -> type[LamError]:
    """The class that gives its code to this one."""
    return next(parent for parent in kind.__mro__ if issubclass(parent, LamError) and "code" in vars(parent))


@pytest.mark.parametrize("kind", all_errors())
def test_every_error_is_built_again_from_its_code_and_message(kind: type[LamError]) -> None:
    again = from_code(kind.code, "What happened.")
    assert type(again) is owner(kind)
    assert (again.code, again.message, str(again)) == (kind.code, "What happened.", "What happened.")
    assert from_code(kind.code, None).message == owner(kind).summary
    if isinstance(again, GenerationError):
        assert issubclass(kind, GenerationError)
        assert (again.retryable, again.outcome) == (type(again).retryable, type(again).outcome)
        for retryable in (True, False):
            told = from_code(kind.code, None, retryable=retryable)
            assert isinstance(told, GenerationError)
            assert told.retryable is retryable
    else:
        assert not hasattr(from_code(kind.code, None, retryable=True), "retryable")


def test_the_details_of_an_error_come_back_with_it() -> None:
    exceeded = from_code("context_exceeded", "Too long.", prompt_tokens=9, limit=5)
    assert isinstance(exceeded, ContextExceeded)
    assert (exceeded.message, exceeded.prompt_tokens, exceeded.limit) == ("Too long.", 9, 5)
    busy = from_code("session_busy", None, stream_id="s")
    assert isinstance(busy, SessionBusy)
    assert busy.stream_id == "s"
    for code in ("too_many_streams", "queue_full", "llm_overloaded"):
        refused = from_code(code, None, retry_after=7)
        assert isinstance(refused, Throttled | LlmOverloaded)
        assert refused.retry_after == 7
    assert from_code("queue_full", None).code == "queue_full"


def test_a_code_of_a_later_release_keeps_its_message() -> None:
    unknown = from_code("of_a_later_release", "Something new happened.", retryable=True)
    assert type(unknown) is LamError
    assert unknown.message == "Something new happened."
