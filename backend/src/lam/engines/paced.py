"""Simulated streaming: sends a complete answer in paced pieces of whole grapheme clusters.

It knows text and time, and no engine.
"""

import asyncio
import math
from collections.abc import AsyncGenerator, Iterator, Sequence
from typing import Final

import regex

from lam.protocol.events import Chunk, EngineEvent

LONGEST_SECONDS: Final = 4
"""A text that would take longer comes in larger pieces: the answer is complete already."""

_CLUSTER: Final = regex.compile(r"\X")


def pieces(text: str, size: int) -> Iterator[str]:
    """Yields pieces of at least `size` characters, cut only between grapheme clusters; 0 yields one piece."""
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
    """Yields the events in batches, `delay` seconds apart, with texts in pieces of `size` characters; within 4 seconds."""
    length = sum(len(event.content) for event in events if isinstance(event, Chunk))
    if size > 0 and delay > 0:
        size = max(size, math.ceil(length * delay / LONGEST_SECONDS))
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
