"""Simulated streaming: a finished answer in paced pieces of whole grapheme clusters."""

import asyncio
from collections.abc import AsyncGenerator, Iterator, Sequence

import regex

from lam.protocol.events import Chunk, EngineEvent

_CLUSTER = regex.compile(r"\X")


def pieces(text: str, size: int) -> Iterator[str]:
    """The text in pieces of at least `size` characters, cut only between grapheme clusters; 0: all in one."""
    if size <= 0:
        if text:
            yield text
        return
    start = 0
    for match in _CLUSTER.finditer(text):
        if match.end() - start >= size:
            yield text[start : match.end()]
            start = match.end()
    if start < len(text):
        yield text[start:]


async def paced(events: Sequence[EngineEvent], size: int, delay: float) -> AsyncGenerator[list[EngineEvent]]:
    """The events as batches, texts in pieces of `size` characters, `delay` seconds apart."""
    for event in events:
        if not isinstance(event, Chunk):
            yield [event]
            continue
        first = True
        for piece in pieces(event.content, size):
            if delay and not first:
                await asyncio.sleep(delay)
            first = False
            yield [Chunk(piece)]
