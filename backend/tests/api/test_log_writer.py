"""A log on its way to one connection, which may take what it gets at once, later, or never."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import pytest
from starlette.types import Message

from lam.api.log_writer import LogWriter
from lam.protocol.events import Chunk
from lam.streams.log import Record
from lam.streams.memory_log import MemoryLog


class Connection:
    """The other side: takes everything while `open` is set."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.open.set()
        self.taken: list[bytes] = []
        self.ended = False
        self.broken = False

    async def send(self, message: Message) -> None:
        if not self.open.is_set():
            await self.open.wait()
        if self.broken:
            raise OSError("broken")
        assert not self.ended
        self.taken.append(message["body"])
        self.ended = not message["more_body"]


@asynccontextmanager
async def writing(log: MemoryLog, connection: Connection, after: int = 0) -> AsyncIterator[tuple[LogWriter, asyncio.Task[None]]]:
    writer = LogWriter(log, after, connection.send)
    task = asyncio.create_task(writer.run())
    await asyncio.sleep(0)
    try:
        yield writer, task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def frames(log: MemoryLog, after: int = 0) -> bytes:
    return b"".join(record.frame for record in log.since(after))


async def appended(log: MemoryLog, texts: Sequence[str]) -> None:
    for text in texts:
        log.append([Chunk(text)])
        await asyncio.sleep(0)


async def test_what_is_appended_is_written_before_append_returns() -> None:
    log, connection = MemoryLog(), Connection()
    async with writing(log, connection):
        log.append([Chunk("a")])
        assert connection.taken == [b'id: 1\ndata: {"type": "chunk", "content": "a"}\n\n']
        log.append([Chunk("b"), Chunk("c")])
        assert b"".join(connection.taken) == frames(log)
        assert len(connection.taken) == 2


async def test_it_begins_after_the_number_it_was_given_and_ends_with_the_log() -> None:
    log, connection = MemoryLog(), Connection()
    await appended(log, "abc")
    async with writing(log, connection, 2) as (_, task):
        await appended(log, "d")
        log.close()
        await asyncio.wait_for(task, 60)
    assert b"".join(connection.taken) == frames(log, 2)


async def test_the_last_events_go_out_with_the_end_and_so_does_what_follows_them() -> None:
    log, connection = MemoryLog(), Connection()
    writer = LogWriter(log, 0, connection.send, rest=lambda: b"[DONE]")
    task = asyncio.create_task(writer.run())
    await appended(log, "ab")
    log.append([Chunk("c")], last=True)
    await asyncio.wait_for(task, 60)
    assert connection.ended
    assert b"".join(connection.taken[:-1]) == frames(log)[: -len(frames(log, 2))]
    assert connection.taken[-1] == frames(log, 2) + b"[DONE]"


async def test_a_log_that_is_closed_without_more_events_ends_the_answer() -> None:
    log, connection = MemoryLog(), Connection()
    async with writing(log, connection) as (_, task):
        await appended(log, "a")
        log.close()
        await asyncio.wait_for(task, 60)
    assert connection.taken == [frames(log), b""]
    assert connection.ended


class Closing:
    """A source that notices only when it is asked that nothing more will come, and says so once."""

    def __init__(self) -> None:
        self.closed = False
        self.wake: Callable[[], None] = lambda: None
        self.log = MemoryLog()

    def since(self, after: int) -> Sequence[Record]:
        self.closed = self.closed or bool(self.log.last)
        return self.log.since(after)

    def listen(self, callback: Callable[[], None]) -> None:
        self.wake = callback

    def unlisten(self, callback: Callable[[], None]) -> None:
        self.wake = lambda: None


async def test_a_source_that_closes_while_it_is_asked_ends_the_answer() -> None:
    source, connection = Closing(), Connection()
    task = asyncio.create_task(LogWriter(source, 0, connection.send).run())
    await asyncio.sleep(0)
    source.log.append([Chunk("a")])
    source.wake()
    await asyncio.wait_for(task, 60)
    assert connection.ended
    assert b"".join(connection.taken) == frames(source.log)


async def test_a_reader_that_takes_nothing_for_a_while_misses_nothing() -> None:
    log, connection = MemoryLog(), Connection()
    async with writing(log, connection) as (writer, task):
        await appended(log, "ab")
        connection.open.clear()
        await appended(log, [str(number) for number in range(100)])
        assert len(connection.taken) == 2
        assert writer.waiting_since is not None
        connection.open.set()
        while writer.waiting_since is not None:
            await asyncio.sleep(0)
        await appended(log, "cd")
        log.close()
        await asyncio.wait_for(task, 60)
    assert b"".join(connection.taken) == frames(log)


async def test_a_connection_that_breaks_ends_the_writer_and_not_the_producer() -> None:
    log, connection = MemoryLog(), Connection()
    async with writing(log, connection) as (_, task):
        connection.broken = True
        await appended(log, "ab")
        with pytest.raises(OSError, match="broken"):
            await asyncio.wait_for(task, 60)
    assert log.append([Chunk("c")]) == 3


async def test_a_writer_that_is_cancelled_while_the_other_side_takes_nothing_writes_no_more() -> None:
    log, connection = MemoryLog(), Connection()
    connection.open.clear()
    async with writing(log, connection) as (_, task):
        await appended(log, "ab")
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        connection.open.set()
        await appended(log, "c")
    assert connection.taken == []


async def test_a_batch_beyond_one_write_is_written_whole() -> None:
    log, connection = MemoryLog(), Connection()
    async with writing(log, connection) as (_, task):
        log.append([Chunk("x" * 9000) for _ in range(10)])
        log.close()
        await asyncio.wait_for(task, 60)
    assert b"".join(connection.taken) == frames(log)
    assert len(connection.taken) == 10
