"""Several streams merged for one connection, which may take what it gets at once, later, or never."""

import asyncio
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import msgspec
import pytest
from starlette.types import Message

from lam.api.event_connection import PULL_BYTES, EventConnection, Refused
from lam.api.log_writer import WRITE_BYTES, LogWriter
from lam.chat.changes import KEEP_CHANGES, Change, Feed
from lam.chat.streams import Following
from lam.protocol.events import Chunk, Done, Event, Metadata
from lam.protocol.sse import Decoder
from lam.streams.memory_log import MemoryLog

TRANSCRIPTS = Path(__file__).resolve().parents[3] / "contracts" / "transcripts" / "events"


def frames(body: bytes) -> list[dict[str, Any]]:
    return [msgspec.json.decode(arrived.data) for arrived in Decoder().feed(body)]


class Reader:
    """The other side: takes everything while `open` is set."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.open.set()
        self.writes: list[bytes] = []

    async def send(self, message: Message) -> None:
        if not self.open.is_set():
            await self.open.wait()
        self.writes.append(message["body"])

    def of(self, stream: str) -> list[int]:
        return [frame["n"] for frame in frames(b"".join(self.writes)) if frame["stream"] == stream]


class Line:
    """A connection that is written to a reader."""

    def __init__(self, position: int = 0, *, complete: bool = True) -> None:
        self.feed = Feed(0)
        self.reader = Reader()
        self.connection = EventConnection("0f1e2d3c", 3)
        self.connection.id = "Y29ubmVjdGlvbi0x"
        self._position = position
        self._complete = complete

    async def __aenter__(self) -> "Line":
        self._stack = ExitStack()
        self._stack.enter_context(self.connection.open(self.feed, self._position, complete=self._complete))
        self._writing = asyncio.create_task(LogWriter(self.connection, 0, self.reader.send).run())
        await asyncio.sleep(0)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._writing.cancel()
        await asyncio.gather(self._writing, return_exceptions=True)
        self._stack.close()

    async def let_write(self) -> None:
        """Gives the writer its turn."""
        for _ in range(3):
            await asyncio.sleep(0)

    async def settle(self) -> bytes:
        """Closes it and gives all that was written."""
        self.connection.close()
        await asyncio.wait_for(self._writing, 60)
        return b"".join(self.reader.writes)


def session(number: int, title: str) -> Change:
    return Change(
        number, "sessions", 7, {"type": "session", "session": {"id": 7, "title": title, "running": number < 5, "unread": False}}
    )


def metadata(stream_id: str) -> Event:
    return Metadata(7, 41, "user3-0123456789", stream_id, 42, "sse", "SmolLM2-135M-Instruct", False)


async def test_what_is_written_is_the_golden_transcript() -> None:
    first, second = MemoryLog(), MemoryLog()
    async with Line() as line:
        line.feed.append(session(1, "New Chat"))
        await line.let_write()
        line.connection.watch([7])
        line.connection.describe(7, 40, None)
        await line.let_write()
        line.feed.append(Change(2, "session", 7, {"type": "run", "session_id": 7, "stream_id": "Zmlyc3Q"}))
        await line.let_write()
        line.connection.follow(
            {"Zmlyc3Q": Following(stream_id="Zmlyc3Q", log=first), "c2Vjb25k": Following(stream_id="c2Vjb25k", log=second)}
        )
        await line.let_write()
        first.append([metadata("Zmlyc3Q")])
        await line.let_write()
        second.append([metadata("c2Vjb25k")])
        await line.let_write()
        first.append([Chunk("Once")])
        await line.let_write()
        second.append([Chunk("Zwölf\u2028")])
        await line.let_write()
        line.connection.follow({"Zmlyc3Q": None, "c2Vjb25k": None, "b3RoZXI": Refused("b3RoZXI", "not_found")})
        await line.let_write()
        first.append([Chunk(" upon")])
        await line.let_write()
        first.append([Done(42, "Once upon", "stop", "SmolLM2-135M-Instruct", False, None, None)])
        await line.let_write()
        first.close()
        line.feed.append(Change(3, "session", 9, {"type": "messages", "session_id": 9}))
        await line.let_write()
        line.feed.append(Change(4, "session", 7, {"type": "messages", "session_id": 7}))
        await line.let_write()
        line.feed.append(session(5, "Once upon a time"))
        await line.let_write()
        line.connection.follow({"c2Vjb25k": Following(stream_id="c2Vjb25k", log=second, after=1)})
        await line.let_write()
        line.feed.append(Change(6, "sessions", 9, {"type": "deleted", "session_id": 9}))
        await line.let_write()
        whole = await line.settle()
    assert whole == (TRANSCRIPTS / "two-runs.sse").read_bytes()


async def test_a_reader_that_takes_nothing_for_a_while_misses_nothing_and_gets_small_writes() -> None:
    log, other = MemoryLog(), MemoryLog()
    async with Line() as line:
        line.connection.follow({"a": Following(stream_id="a", log=log), "b": Following(stream_id="b", log=other)})
        log.append([Chunk("x")])
        line.reader.open.clear()
        for _ in range(100):
            log.append([Chunk("y" * 3000)])
            other.append([Chunk("z" * 30)])
        assert len(line.reader.writes) <= 3
        line.reader.open.set()
        log.close()
        await line.settle()
    assert line.reader.of("a") == list(range(1, 102))
    assert line.reader.of("b") == list(range(1, 101))
    assert max(len(write) for write in line.reader.writes) <= WRITE_BYTES


@pytest.mark.parametrize("sizes", [[3 * PULL_BYTES, 10, 10], [10, 3 * PULL_BYTES, 10], [3 * PULL_BYTES, 3 * PULL_BYTES, 10]])
async def test_an_event_larger_than_a_write_holds_nothing_up(sizes: list[int]) -> None:
    log, other = MemoryLog(), MemoryLog()
    async with Line() as line:
        line.connection.follow({"a": Following(stream_id="a", log=log), "b": Following(stream_id="b", log=other)})
        log.append([Chunk("x" * size) for size in sizes])
        other.append([Chunk("end")])
        async with asyncio.timeout(60):
            while line.reader.of("b") != [1]:
                await asyncio.sleep(0.005)
    assert line.reader.of("a") == [1, 2, 3]


async def test_a_reader_that_is_too_slow_for_its_changes_is_told_to_load_anew() -> None:
    async with Line() as line:
        line.reader.open.clear()
        for number in range(1, KEEP_CHANGES + 3):
            line.feed.append(Change(number, "sessions", 7, {"type": "deleted", "session_id": number}))
        line.reader.open.set()
        whole = frames(await line.settle())
    assert [frame["event"]["type"] for frame in whole if frame["stream"] == "connection"] == ["open", "reset"]
    assert [frame["n"] for frame in whole if frame["stream"] == "sessions"][-1] == KEEP_CHANGES + 2


@pytest.mark.parametrize("last", [[], [Chunk("Once")]])
async def test_a_connection_ends_when_a_run_goes_on_elsewhere_so_that_its_reader_asks_from_where_they_are(
    last: list[Event],
) -> None:
    log, other = MemoryLog(), MemoryLog()
    async with Line() as line:
        line.connection.follow(
            {"Zmlyc3Q": Following(stream_id="Zmlyc3Q", log=log), "c2Vjb25k": Following(stream_id="c2Vjb25k", log=other)}
        )
        log.append([metadata("Zmlyc3Q")])
        other.append([Done(42, "")])
        other.close()
        await line.let_write()
        assert not line.connection.closed
        line.reader.open.clear()
        log.append(last)
        log.close()
        line.reader.open.set()
        await asyncio.wait_for(line._writing, 60)
        assert line.reader.of("Zmlyc3Q") == list(range(1, log.last + 1))
        assert line.reader.of("c2Vjb25k") == [1]


async def test_a_run_that_is_followed_no_more_is_not_listened_to() -> None:
    log = MemoryLog()
    async with Line() as line:
        line.connection.follow({"a": Following(stream_id="a", log=log)})
        log.append([Chunk("x")])
        while line.reader.of("a") != [1]:
            await asyncio.sleep(0)
        line.connection.follow({})
        log.append([Chunk("y")])
        assert log._listeners == {}
    assert line.reader.of("a") == [1]


@pytest.mark.parametrize("size", [1, 7, 100_000])
def test_the_golden_transcript_folds_into_what_stands_beside_it(size: int) -> None:
    wire, decoder = (TRANSCRIPTS / "two-runs.sse").read_bytes(), Decoder()
    arrived = [one for at in range(0, len(wire), size) for one in decoder.feed(wire[at : at + size])]
    folded: dict[str, Any] = {
        "connection": None,
        "cursor": arrived[-1].id.decode(),
        "titles": {},
        "runs": {},
        "closed": {},
        "in_session": [],
    }
    for frame in (msgspec.json.decode(one.data) for one in arrived):
        stream, event = frame["stream"], frame["event"]
        if stream == "connection":
            folded["connection"] = event["id"]
        elif stream == "sessions":
            folded["titles"] |= {str(event["session"]["id"]): event["session"]["title"]} if event["type"] == "session" else {}
        elif stream == "session":
            folded["in_session"].append(event["type"])
        elif event["type"] == "closed":
            folded["closed"][stream] = event["reason"]
        else:
            run = folded["runs"].setdefault(stream, {"text": "", "last": 0, "terminal": None})
            if frame["n"] > run["last"]:
                run["last"] = frame["n"]
                run["text"] += event["content"] if event["type"] == "chunk" else ""
                run["terminal"] = "done" if event["type"] == "done" else None
    assert folded == msgspec.json.decode((TRANSCRIPTS / "two-runs.json").read_bytes())
