"""Reads the body of a chat answer until the reply is over, in batches of events.

It owns the order of bytes, time limits and endings. It must not know what the bytes mean: the decoder does.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, Self

import aiohttp

from lam.engines.completion import CompletionDecoder
from lam.engines.http_questions import CLIENT_ERRORS
from lam.errors import CannotAnswerNow, GenerationError
from lam.protocol.events import Chunk, EngineEvent, Progress, Thinking

AFTER_FINISH_SECONDS: Final = 2


class Reading:
    """Iterates over the batches of a reply, one per read; the last one ends with `Finished`.

    Text may follow a finish reason: the reply ends with `[DONE]`, with the body, or after two seconds without a document. Raises
    the decoder's error when the reply is incomplete.

    `end_thinking`: asks the server to end the thinking of the completion with that id; None when the server cannot. Where it can,
    the first thought comes after a Progress that says so.
    """

    def __init__(
        self,
        response: aiohttp.ClientResponse,
        decoder: CompletionDecoder,
        end_thinking: Callable[[str], Awaitable[None]] | None = None,
    ) -> None:
        self._read = response.content.readany
        self._decoder = decoder
        self._ended = self._closed = False
        self._hindrance: GenerationError | None = None
        self._deadline: float | None = None
        self._lost: Exception | None = None
        self._end_thinking = end_thinking
        self._begins = end_thinking is not None  # neither a thought nor text so far
        self._last: list[EngineEvent] = []

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> list[EngineEvent]:
        decoder = self._decoder
        if self._ended or decoder.over:
            return self._close()
        try:
            piece = await self._read() if decoder.reason is None else await self._read_tail()
        except CLIENT_ERRORS as error:
            self._lost, self._ended = error, True
            return decoder.end(broken=True)
        if not piece:
            self._ended = True
            return decoder.end() if piece is not None else self._close()
        news = decoder.news
        events = decoder.feed(piece)
        if decoder.news != news:
            self._deadline = None
        if events:
            self._last = events
            if self._begins:
                return self._announced(events)
        return events

    async def answer_now(self) -> None:
        """See `AnswersNow`."""
        completion, last = self._decoder.id, self._last[-1] if self._last else None
        if self._end_thinking is None or completion is None or not isinstance(last, Thinking):
            raise CannotAnswerNow
        await self._end_thinking(completion)

    def _announced(self, events: list[EngineEvent]) -> list[EngineEvent]:
        """Returns the events, with the announcement before the first thought."""
        for position, event in enumerate(events):
            if isinstance(event, Thinking):
                self._begins = False
                news = [Progress("prompt", can_answer_now=True)] if self._decoder.id is not None else []
                return [*events[:position], *news, *events[position:]]
            if isinstance(event, Chunk):
                self._begins = False
                break
        return events

    def _close(self) -> list[EngineEvent]:
        """Returns what the decoder held back and the ending, or raises the failure."""
        if self._hindrance is not None:
            raise self._hindrance from self._lost
        if self._closed:
            raise StopAsyncIteration
        self._closed = True
        events, self._hindrance = self._decoder.close(broken=self._lost is not None)
        return events

    async def _read_tail(self) -> bytes | None:
        """Returns a read after the finish reason, None when the reply is over.

        A stop comes too late here, unless every chunk carries a reason, which then means nothing.
        """
        if self._deadline is None:
            self._deadline = asyncio.get_running_loop().time() + AFTER_FINISH_SECONDS
        try:
            async with asyncio.timeout_at(self._deadline):
                return await self._read()
        except TimeoutError:
            return None
        except asyncio.CancelledError:
            if self._decoder.reason_on_every_text:
                raise
            return None
