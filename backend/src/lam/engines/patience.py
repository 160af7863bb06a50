"""How long to go on trying a server that refuses, loads or is overloaded, and how to pause in between."""

import asyncio
from typing import Final

from lam.errors import GenerationError, LlmOverloaded, LlmUnreachable
from lam.protocol.events import Progress

REFUSED_SECONDS: Final = 10
_FIRST_PAUSE: Final = 0.1
_LONGEST_PAUSE: Final = 2.0
_LONGEST_BACKOFF: Final = 15.0  # for a server that has too much to do already
_SHOW_SECONDS: Final = 5


class Patience:
    """`timeout`: seconds a server may stay loading or overloaded."""

    def __init__(self, timeout: float) -> None:
        self._clock = asyncio.get_running_loop().time
        self._start = self._clock()
        self._timeout = timeout
        self._refused = min(timeout, REFUSED_SECONDS)
        self._pause = _FIRST_PAUSE
        self._shown: float | None = None

    def pause(self, failure: GenerationError) -> float:
        """Seconds until the next try. Raises the failure when its time is over, or when the server asks for more than is left."""
        limit = self._refused if isinstance(failure, LlmUnreachable) else self._timeout
        left = limit - (self._clock() - self._start)
        asked = failure.retry_after or 0 if isinstance(failure, LlmOverloaded) else 0
        if left <= 0 or asked > left or not failure.retryable:
            raise failure
        longest = _LONGEST_BACKOFF if isinstance(failure, LlmOverloaded) else _LONGEST_PAUSE
        self._pause, pause = min(self._pause * 2, longest), self._pause
        return min(max(pause, asked), left)

    def progress(self, failure: GenerationError) -> list[Progress]:
        """What the reader should be told (again) is being waited for: at once, then every 5 seconds."""
        now = self._clock()
        if self._shown is not None and now - self._shown < _SHOW_SECONDS:
            return []
        self._shown = now
        if isinstance(failure, LlmUnreachable):
            return [Progress("unreachable", reason=failure.code)]
        return [Progress("loading", reason=failure.code)]
