"""A log that is closed without its last event: the run goes on at another gateway, where its readers have to ask."""

import asyncio
from collections.abc import Sequence
from contextlib import nullcontext

import pytest
from starlette.types import Message

from lam.accounts.programs import Program
from lam.api.event_stream import OpenStreams, SourceStream
from lam.api.programs import ProgramStream, whole
from lam.chat.streams import Following
from lam.errors import Unreachable
from lam.protocol.events import Chunk, Done, Error, Event
from lam.streams.log import has_ended, wait_until_closed
from lam.streams.memory_log import MemoryLog

PROGRAM = Program(user_id=3, key_id=None, name="ada", email="ada@example.org")


def lines(events: Sequence[Event]) -> bytes:
    return b"".join(event.code.encode() if isinstance(event, Error) else b"." for event in events)


async def good(ids: object) -> set[int]:
    return set()


async def receive() -> Message:
    """The client stays."""
    return await asyncio.get_running_loop().create_future()


async def body_of(answer: SourceStream) -> bytes:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    await answer({"type": "http"}, receive, send)
    assert not sent[-1].get("more_body")
    return b"".join(message.get("body", b"") for message in sent)


def closed(*events: Event) -> MemoryLog:
    log = MemoryLog()
    log.append(events)
    log.close()
    return log


def test_only_the_last_event_ends_a_log() -> None:
    assert [has_ended(closed(*events)) for events in ([], [Chunk("a")], [Chunk("a"), Done(1, "a")])] == [False, False, True]


async def test_the_wait_until_closed_a_log_can_be_waited_for() -> None:
    log = MemoryLog()
    waiting = asyncio.create_task(wait_until_closed(log))
    await asyncio.sleep(0)
    log.append([Chunk("a")])
    await asyncio.sleep(0)
    assert not waiting.done()
    log.close()
    await waiting
    await wait_until_closed(log)
    assert not log._listeners


async def test_a_reader_gets_what_there_is_and_no_ending() -> None:
    log = closed(Chunk("a"))
    answer = SourceStream(log, 0, nullcontext(), OpenStreams(good, good), None)
    assert await body_of(answer) == log.since(0)[0].frame


@pytest.mark.parametrize(("log", "body"), [(closed(Chunk("a")), b".unreachable"), (closed(Chunk("a"), Done(1, "a")), b"..")])
async def test_a_program_is_told_that_its_stream_broke_off(log: MemoryLog, body: bytes) -> None:
    answer = ProgramStream(Following(stream_id="one", log=log), lines, OpenStreams(good, good), PROGRAM, {})
    assert await body_of(answer) == body


async def test_a_program_that_waits_for_the_whole_reply_is_told_too() -> None:
    log = MemoryLog()
    waiting = asyncio.create_task(whole(Following(stream_id="one", log=log), PROGRAM, OpenStreams(good, good), receive))
    await asyncio.sleep(0)
    log.append([Chunk("a")])
    log.close()
    with pytest.raises(Unreachable):
        await waiting
    reply = await whole(Following(stream_id="one", log=closed(Chunk("a"), Done(1, "a"))), PROGRAM, OpenStreams(good, good), receive)
    assert reply.text == "a"
