"""How long to retry a server that refuses, loads or is overloaded, and how long to pause between attempts.

It counts seconds and sends nothing.
"""

import asyncio

from msgspec import Struct

from lam.errors import GenerationError, LlmOverloaded, LlmUnreachable
from lam.protocol.events import Progress


class Pauses(Struct, frozen=True, kw_only=True):
    """Waiting times in seconds.

    `refused`: how long to retry a server that refuses connections. `first`, `longest`: the growing pauses between attempts.
    `overloaded`: the longest pause for an overloaded server. `show`: how often to repeat the progress event. `same_route`: pause
    before a lost route is tried again.
    """

    refused: float = 10
    first: float = 0.1
    longest: float = 2
    overloaded: float = 15
    show: float = 5
    same_route: float = 0.5


class Retries:
    """The retries of one request. `timeout`: how many seconds a server may stay loading or overloaded."""

    def __init__(self, timeout: float, pauses: Pauses) -> None:
        self._clock = asyncio.get_running_loop().time
        self._start = self._clock()
        self._timeout = timeout
        self._pauses = pauses
        self._refused = min(timeout, pauses.refused)
        self._pause = pauses.first
        self._last_progress: float | None = None

    def pause(self, failure: GenerationError) -> float:
        """Returns the seconds until the next attempt. Raises the failure when its time is over, or when the server asks for a
        longer pause than that."""
        limit = self._refused if isinstance(failure, LlmUnreachable) else self._timeout
        left = limit - (self._clock() - self._start)
        retry_after = failure.retry_after or 0 if isinstance(failure, LlmOverloaded) else 0
        if left <= 0 or retry_after > left or not failure.retryable:
            raise failure
        longest = self._pauses.overloaded if isinstance(failure, LlmOverloaded) else self._pauses.longest
        self._pause, pause = min(self._pause * 2, longest), self._pause
        return min(max(pause, retry_after), left)

    def progress(self, failure: GenerationError) -> list[Progress]:
        """Returns the progress event that is due: at once, then every 5 seconds."""
        now = self._clock()
        if self._last_progress is not None and now - self._last_progress < self._pauses.show:
            return []
        self._last_progress = now
        if isinstance(failure, LlmUnreachable):
            return [Progress("unreachable", reason=failure.code)]
        return [Progress("loading", reason=failure.code)]
