"""Callbacks: each is called, whatever another one does."""

from collections.abc import Callable

import pytest

from lam.callbacks import call_each


def test_an_error_in_a_callback_is_logged_and_the_others_are_called(caplog: pytest.LogCaptureFixture) -> None:
    calls: list[int] = []

    def fail(_: int) -> None:
        raise ZeroDivisionError

    call_each([calls.append, fail, calls.append], 7, event="a change")
    assert calls == [7, 7]
    assert "What follows a change failed" in caplog.text
    assert "ZeroDivisionError" in caplog.text


def test_a_callback_may_remove_itself() -> None:
    callbacks: list[Callable[[], None]] = []
    calls: list[str] = []

    def once() -> None:
        callbacks.remove(once)
        calls.append("once")

    callbacks += [once, lambda: calls.append("then")]
    call_each(callbacks, event="a change")
    assert calls == ["once", "then"]
