"""Calls callbacks so that an error in one of them stops neither the others nor the caller. It must not know what they do."""

import logging
from collections.abc import Callable, Iterable
from typing import TypeVarTuple

log = logging.getLogger(__name__)

Arguments = TypeVarTuple("Arguments")


def call_each(callbacks: Iterable[Callable[[*Arguments], None]], *arguments: *Arguments, event: str) -> None:
    """Calls each callback with these arguments, in order. What one raises is logged. `event`: what they follow, for the log."""
    for callback in tuple(callbacks):
        try:
            callback(*arguments)
        except Exception:
            log.exception("What follows %s failed", event)
