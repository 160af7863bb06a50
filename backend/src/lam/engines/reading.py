"""Reads the body of a chat answer, as it arrives, until the reply is over."""

import asyncio
from typing import Final, Self

import aiohttp

from lam.engines.completion import CompletionDecoder
from lam.engines.http_questions import CLIENT_ERRORS
from lam.protocol.events import EngineEvent

AFTER_FINISH_SECONDS: Final = 2


class Reading:
    """Iterates over what each read brings, until the reply is over. `lost`: how the connection broke, if it did.

    After a finish reason more text may come: the end is `[DONE]`, the body's end, or two seconds without a document.
    """

    def __init__(self, response: aiohttp.ClientResponse, decoder: CompletionDecoder) -> None:
        self._read = response.content.readany
        self._decoder = decoder
        self._ended = False
        self._deadline: float | None = None
        self.lost: Exception | None = None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> list[EngineEvent]:
        decoder = self._decoder
        if self._ended or decoder.over:
            raise StopAsyncIteration
        try:
            piece = await self._read() if decoder.reason is None else await self._read_tail()
        except CLIENT_ERRORS as error:
            self.lost, self._ended = error, True
            return decoder.end(broken=True)
        if not piece:
            self._ended = True
            return decoder.end()
        news = decoder.news
        events = decoder.feed(piece)
        if decoder.news != news:
            self._deadline = None
        return events

    async def _read_tail(self) -> bytes:
        """A read after the finish reason. A stop comes too late then, unless every chunk carries the reason, which says nothing."""
        if self._deadline is None:
            self._deadline = asyncio.get_running_loop().time() + AFTER_FINISH_SECONDS
        try:
            async with asyncio.timeout_at(self._deadline):
                return await self._read()
        except TimeoutError:
            self._ended = True
            raise StopAsyncIteration from None
        except asyncio.CancelledError:
            if self._decoder.reason_on_every_text:
                raise
            self._ended = True
            raise StopAsyncIteration from None
