"""How long to go on trying a server that refuses, loads or is overloaded, and how to pause in between."""

import asyncio

from msgspec import Struct

from lam.errors import GenerationError, LlmOverloaded, LlmUnreachable
from lam.protocol.events import Progress


class Pauses(Struct, frozen=True, kw_only=True):
    """Seconds. `refused`: how long a server that refuses connections is tried. `first`, `longest`: pauses between tries, growing;
    `overloaded`: the longest for a server that has too much to do already. `show`: until the reader is told again. `lost`: before a
    route that was lost is tried again."""

    refused: float = 10
    first: float = 0.1
    longest: float = 2
    overloaded: float = 15
    show: float = 5
    lost: float = 0.5


class Retries:
    """Of one request. `timeout`: seconds a server may stay loading or overloaded."""

    def __init__(self, timeout: float, pauses: Pauses) -> None:
        self._clock = asyncio.get_running_loop().time
        self._start = self._clock()
        self._timeout = timeout
        self._pauses = pauses
        self._refused = min(timeout, pauses.refused)
        self._pause = pauses.first
        self._shown: float | None = None

    def pause(self, failure: GenerationError) -> float:
        """Seconds until the next try. Raises the failure when its time is over, or when the server asks for more than is left."""
        limit = self._refused if isinstance(failure, LlmUnreachable) else self._timeout
        left = limit - (self._clock() - self._start)
        asked = failure.retry_after or 0 if isinstance(failure, LlmOverloaded) else 0
        if left <= 0 or asked > left or not failure.retryable:
            raise failure
        longest = self._pauses.overloaded if isinstance(failure, LlmOverloaded) else self._pauses.longest
        self._pause, pause = min(self._pause * 2, longest), self._pause
        return min(max(pause, asked), left)

    def progress(self, failure: GenerationError) -> list[Progress]:
        """What the reader should be told (again) is being waited for: at once, then every 5 seconds."""
        now = self._clock()
        if self._shown is not None and now - self._shown < self._pauses.show:
            return []
        self._shown = now
        if isinstance(failure, LlmUnreachable):
            return [Progress("unreachable", reason=failure.code)]
        return [Progress("loading", reason=failure.code)]
