"""What stands between a model and a program's run: the pictures of its request, and the call that the reply had to make.

A template may say that it knows tools and ignore them: `tool_choice: required` then comes back as prose with status 200.
"""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AbstractContextManager, asynccontextmanager

from lam.errors import NoToolCall
from lam.generation.contracts import Batches, Producer
from lam.protocol.chat import ChatRequest
from lam.protocol.events import EngineEvent, Finished, ToolCall


def held_to_tools(producer: Producer, request: ChatRequest) -> Producer:
    """Returns the producer itself, or where the request must be answered by a call, one that fails without it."""
    return _held(producer) if request.must_call else producer


@asynccontextmanager
async def passing_pictures(producer: Producer, passing: AbstractContextManager[None]) -> AsyncIterator[Batches]:
    """Yields the producer's batches while engines can read the request's pictures."""
    with passing:
        async with producer as batches:
            yield batches


@asynccontextmanager
async def _held(producer: Producer) -> AsyncIterator[Batches]:
    async with producer as batches:
        yield _checked(batches)


async def _checked(batches: Batches) -> AsyncGenerator[list[EngineEvent]]:
    called = False
    async for batch in batches:
        called = called or any(isinstance(event, ToolCall) for event in batch)
        if not called and batch and isinstance(batch[-1], Finished) and batch[-1].finish_reason in ("stop", "tool_calls"):
            if len(batch) > 1:
                yield batch[:-1]
            raise NoToolCall
        yield batch
