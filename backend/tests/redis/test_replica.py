"""Logs of one gateway that are read on another, over a real Redis that dies, freezes and forgets."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
from msgspec.structs import replace

from lam.api.log_writer import LogWriter
from lam.errors import Unreachable
from lam.protocol import sse
from lam.protocol.events import Chunk, Done, Event, Metadata
from lam.redis.link import Link, Pace
from lam.streams.entries import ENTRY_BYTES
from lam.streams.log import has_ended
from lam.streams.memory_log import MemoryLog, Shelf
from lam.streams.mirrors import Mirror, Mirrors
from lam.streams.replica import Replica

from ..redis_server import RedisServer
from ..waiting import until

pytestmark = [pytest.mark.postgresql, pytest.mark.sse]
QUICK = Pace(block=0.2, answer=0.5, first_pause=0.02, longest_pause=0.1)
START = Metadata(session_id=1, user_message_id=1, session_key="s")
END = Done(assistant_message_id=1, full_content="all")
PATIENT = replace(QUICK, answer=20)  # where Redis is well
NEVER = 1e9


class Place:
    """One gateway: its logs, what it writes of them, and its mirrors of others."""

    def __init__(self, url: str, name: str, *, pace: Pace, patience: float, lost_seconds: float, check_seconds: float) -> None:
        self.link = Link(url, name, pace=pace)
        self.shelf = Shelf()
        self.valid = True
        self.replica = Replica(self.link, self.shelf, valid=lambda: self.valid)
        self.mirrors = Mirrors(self.link, patience=patience, lost_seconds=lost_seconds, check_seconds=check_seconds)

    def run(self, stream_id: str = "one", epoch: int = 1, start: int = 0) -> MemoryLog:
        log = self.shelf.open(stream_id, start)
        self.replica.add(stream_id, epoch, log)
        return log

    async def mirror(self, stream_id: str = "one", after: int = 0) -> Mirror:
        mirror = await self.mirrors.open(stream_id, after)
        assert mirror is not None
        return mirror


@asynccontextmanager
async def places(
    server: RedisServer,
    folder: Path,
    *names: str,
    patience: float = 20,
    lost_seconds: float = NEVER,
    check_seconds: float = NEVER,
    mortal: bool = False,
) -> AsyncIterator[list[Place]]:
    """`mortal`: the server dies or freezes, which is to be noticed soon."""
    url, pace = server.url_for(folder), QUICK if mortal else PATIENT
    waits = {"patience": patience, "lost_seconds": lost_seconds, "check_seconds": check_seconds}
    async with AsyncExitStack() as stack:
        made = [Place(url, name, pace=pace, **waits) for name in names]
        for place in made:
            for part in (place.link, place.replica, place.mirrors):
                await stack.enter_async_context(part)
        yield made


class Reader:
    """A connection: what it was sent. A client would go on after `last`."""

    def __init__(self, log: MemoryLog, after: int = 0) -> None:
        self.bytes = b""
        self.last = after
        self.comments = 0
        self.task = asyncio.create_task(LogWriter(log, after, self._send, comment_seconds=0.1).run())

    async def _send(self, message: dict) -> None:
        if message["body"] == sse.COMMENT:
            self.comments += 1
            return
        self.bytes += message["body"]
        self.last = int(self.bytes.rstrip().rsplit(b"\n\n", 1)[-1].split(b"\n")[0][4:])


def tokens(count: int, first: int = 0) -> list[Event]:
    return [Chunk(f" token {number}\u2028") for number in range(first, first + count)]


def frames(log: MemoryLog) -> bytes:
    return b"".join(record.frame for record in log.since(0))


async def write(log: MemoryLog, events: list[Event]) -> None:
    """One by one, as tokens come."""
    for event in events:
        log.append([event])
        await asyncio.sleep(0)


async def test_a_reader_elsewhere_gets_the_same_bytes(redis: RedisServer, tmp_path: Path) -> None:
    async with places(redis, tmp_path, "a", "b") as (a, b):
        log = a.run()
        log.append([START])
        reader = Reader(await b.mirror())
        await write(log, tokens(500))
        log.append([END])
        log.close()
        await reader.task
        assert reader.bytes == frames(log)
        again = await b.mirror()
        assert again.closed
        assert [record.event for record in again.since(0)] == [record.event for record in log.since(0)]


async def test_who_resumes_elsewhere_gets_what_they_lack(redis: RedisServer, tmp_path: Path) -> None:
    async with places(redis, tmp_path, "a", "b") as (a, b):
        log = a.run()
        log.append([START, *tokens(99)])
        reader = Reader(await b.mirror(after=log.last), 40)  # opened before Redis can have all of it
        assert (await b.mirror()).last == 100
        log.append([END])
        log.close()
        await reader.task
        assert reader.bytes == b"".join(record.frame for record in log.since(40))


async def test_a_stream_that_nobody_writes_has_no_mirror(redis: RedisServer, tmp_path: Path) -> None:
    async with places(redis, tmp_path, "b", patience=1) as (b,):
        found = await asyncio.gather(b.mirrors.open("none"), b.mirrors.open("none"))
        assert list(found) == [None, None]


async def test_large_and_many_logs_come_whole(redis: RedisServer, tmp_path: Path) -> None:
    async with places(redis, tmp_path, "a", "b") as (a, b):
        logs = {f"s{number}": a.run(f"s{number}") for number in range(30)}
        logs["s0"].append([Chunk("x" * 3 * ENTRY_BYTES)])
        logs["s1"].append(tokens(40_000))
        for log in logs.values():
            log.append([START, *tokens(10), END])
            log.close()
        for stream_id, log in logs.items():
            mirror = await b.mirror(stream_id, log.last)
            assert frames(mirror) == frames(log)
            assert mirror.closed


async def test_an_ended_log_leaves_redis_and_an_abandoned_one_too(redis: RedisServer, tmp_path: Path) -> None:
    number = int(redis.url_for(tmp_path).rpartition("/")[2])

    def lifetime(stream_id: str) -> int:
        return int(redis.command("TTL", f"lam:run:{stream_id}", number=number)[1:])

    async with places(redis, tmp_path, "a") as (a,):
        ended, open_ = a.run("ended"), a.run("open")
        ended.append([START, END])
        ended.close()
        open_.append([START])
        await until(lambda: 0 < lifetime("ended") <= 300)
        await until(lambda: 300 < lifetime("open") <= 3600)


async def test_a_run_that_another_gateway_took_over_goes_on_in_the_same_mirror(redis: RedisServer, tmp_path: Path) -> None:
    async with places(redis, tmp_path, "a", "b", "c") as (a, b, c):
        old = a.run()
        old.append([START, *tokens(50)])
        reader = Reader(await c.mirror(after=51))
        await until(lambda: reader.last == 51)
        rebuilt = Metadata(session_id=1, user_message_id=1, session_key="s", rebuilt=True)
        new = b.run(epoch=2, start=1_000_000)
        new.append([rebuilt, *tokens(45)])
        await until(lambda: reader.last == 1_000_046)
        await write(old, tokens(20, 50))  # it was frozen and has not noticed yet
        new.append([END])
        new.close()
        await reader.task
        assert reader.bytes == frames(MemoryLog()) + b"".join(record.frame for record in old.since(0)[:51]) + frames(new)
        late = await c.mirror("one")
        assert frames(late) == frames(new)


async def test_an_old_owner_writes_nothing_into_what_a_new_one_wrote(
    redis: RedisServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with places(redis, tmp_path, "a", "b", "c") as (a, b, c):
        old = a.run()
        old.append([START, *tokens(5)])
        assert (await c.mirror(after=6)).last == 6
        new = b.run(epoch=2, start=1_000_000)
        new.append([START])
        mirror = await c.mirror(after=1_000_001)
        old.append(tokens(100))
        await until(lambda: "went to another gateway" in caplog.text)
        old.append([END])
        old.close()
        new.append(tokens(1))
        await mirror.reached(1_000_002)
        assert frames(mirror) == frames(new)
        assert not a.replica._copies


async def test_an_owner_without_a_lease_writes_nothing_even_to_an_empty_redis(mortal_redis: RedisServer, tmp_path: Path) -> None:
    async with places(mortal_redis, tmp_path, "a", "b", "c", mortal=True) as (a, b, c):
        old = a.run()
        old.append([START, *tokens(5)])
        await c.mirror(after=6)
        mortal_redis.command("FLUSHALL")
        a.valid = False
        old.append(tokens(100))
        old.close()  # as it is where the lease is lost: without a last event
        a.valid = True
        other = a.run("other")
        other.append([START])
        await c.mirror("other")
        assert mortal_redis.command("EXISTS", "lam:run:one") == b":0\r\n"
        new = b.run(epoch=2, start=1_000_000)
        new.append([START])
        assert frames(await c.mirror(after=1_000_001)) == frames(new)


@pytest.mark.parametrize("harm", ["kill", "freeze", "flush", "full"])
async def test_mirrors_go_on_without_a_gap_or_doubling_when_redis_is_back(
    mortal_redis: RedisServer, tmp_path: Path, harm: str
) -> None:
    async with places(mortal_redis, tmp_path, "a", "b", mortal=True) as (a, b):
        logs = [a.run(f"s{number}") for number in range(5)]
        for log in logs:
            log.append([START, *tokens(30)])
        readers = [Reader(await b.mirror(f"s{number}", 31)) for number in range(5)]
        own = Reader(logs[0])
        match harm:
            case "kill":
                mortal_redis.kill()
            case "freeze":
                mortal_redis.freeze()
            case "flush":
                mortal_redis.command("FLUSHALL")
            case "full":
                mortal_redis.command("CONFIG", "SET", "maxmemory", "1")
        for log in logs:
            await write(log, tokens(40, 30))
        await until(lambda: own.last == 71)  # our own readers notice nothing
        if harm in ("kill", "freeze"):
            await until(lambda: a.link.since_lost is not None and b.link.since_lost is not None)
        elif harm == "full":
            await until(lambda: a.link.since_lost is not None)
        logs[4].append([END])
        logs[4].close()
        match harm:
            case "kill":
                mortal_redis.start()
            case "freeze":
                mortal_redis.thaw()
            case "full":
                mortal_redis.command("CONFIG", "SET", "maxmemory", "0")
        for log in logs[:4]:
            log.append([*tokens(10, 70), END])
            log.close()
        await asyncio.gather(*(reader.task for reader in readers))
        for reader, log in zip(readers, logs, strict=True):
            assert reader.bytes == frames(log)
        late = await b.mirror("s1", 82)
        assert frames(late) == frames(logs[1])


async def test_what_ended_a_moment_ago_is_there_again_after_redis_has_lost_it(mortal_redis: RedisServer, tmp_path: Path) -> None:
    async with places(mortal_redis, tmp_path, "a", "b", mortal=True) as (a, b):
        log = a.run()
        log.append([START, END])
        log.close()
        a.shelf.ended("one")
        await until(lambda: not a.replica._copies)
        mortal_redis.kill()
        await until(lambda: a.link.since_lost is not None and b.link.since_lost is not None)
        mortal_redis.start()
        await until(lambda: b.link.since_lost is None)
        assert frames(await b.mirror(after=2)) == frames(log)


async def test_readers_of_mirrors_get_comments_and_then_leave_while_redis_is_away(
    mortal_redis: RedisServer, tmp_path: Path
) -> None:
    async with places(mortal_redis, tmp_path, "a", "b", lost_seconds=3, mortal=True) as (a, b):
        log = a.run()
        log.append([START, *tokens(5)])
        own, reader = Reader(log), Reader(await b.mirror(after=6))
        await until(lambda: reader.last == 6)
        mortal_redis.kill()
        await until(lambda: b.link.since_lost is not None)
        comments = reader.comments
        await until(lambda: reader.comments > comments)
        await reader.task
        assert reader.last == 6
        with pytest.raises(Unreachable):
            await b.mirrors.open("one", 6)
        log.append(tokens(5, 5))
        await until(lambda: own.last == 11)
        mortal_redis.start()
        await until(lambda: b.link.since_lost is None)
        resumed = Reader(await b.mirror(after=reader.last), reader.last)
        await write(log, tokens(5, 10))
        log.append([END])
        log.close()
        await asyncio.gather(resumed.task, own.task)
        assert reader.bytes + resumed.bytes == own.bytes == frames(log)


async def test_a_mirror_whose_stream_is_gone_for_good_is_closed(mortal_redis: RedisServer, tmp_path: Path) -> None:
    async with places(mortal_redis, tmp_path, "b", check_seconds=0.1, mortal=True) as (b,):
        async with places(mortal_redis, tmp_path, "a", mortal=True) as (a,):
            a.run().append([START])
            reader = Reader(await b.mirror())
        mortal_redis.command("FLUSHALL")  # and its gateway is gone, too
        await reader.task
        assert reader.last == 1


async def test_a_mirror_without_its_last_event_is_closed_when_the_run_is_over(redis: RedisServer, tmp_path: Path) -> None:
    async with places(redis, tmp_path, "a", "b") as (a, b):
        a.run().append([START])
        reader = Reader(await b.mirror())
        b.mirrors.ended("one")
        await reader.task
        log = a.run("two")
        log.append([START])
        mirror = await b.mirror("two")
        b.mirrors.ended("two")
        log.append([END])
        log.close()
        await mirror.reached(2)
        assert frames(mirror) == frames(log)


async def test_a_mirror_goes_some_time_after_its_last_reader(redis: RedisServer, tmp_path: Path) -> None:
    async with places(redis, tmp_path, "a", "b", check_seconds=0.1) as (a, b):
        a.run().append([START])
        mirror = await b.mirror()
        reader = Reader(mirror)
        await until(lambda: reader.last == 1)
        assert await b.mirror() is mirror
        reader.task.cancel()
        await until(lambda: mirror.closed)
        assert not b.mirrors._mirrors
        assert (await b.mirror()).last == 1


async def test_what_a_newer_gateway_says_reaches_readers_as_it_is(redis: RedisServer, tmp_path: Path) -> None:
    number = int(redis.url_for(tmp_path).rpartition("/")[2])
    async with places(redis, tmp_path, "b") as (b,):
        frame = r"id:\x201\ndata:\x20{\"type\":\x20\"surprise\"}\n\n"
        redis.command("XADD", "lam:run:one", "1-1", "f", f'"{frame}"', number=number)
        mirror = await b.mirror()
        assert frames(mirror) == b'id: 1\ndata: {"type": "surprise"}\n\n'


async def test_nothing_is_lost_or_doubled_whatever_happens_to_redis_and_to_owners(
    mortal_redis: RedisServer, tmp_path: Path
) -> None:
    """Readers who resume as clients do, while Redis dies, freezes and forgets, and runs go from one gateway to another."""
    chance = random.Random(18)
    async with places(mortal_redis, tmp_path, "a", "b", "c", lost_seconds=0.5, check_seconds=0.1, mortal=True) as (a, b, c):
        logs = {f"s{number}": [a.run(f"s{number}")] for number in range(6)}  # of each stream, by epoch
        told: dict[str, list[tuple[int, bytes]]] = {stream_id: [] for stream_id in logs}

        async def read(stream_id: str) -> None:
            """Reads as a client does: from the number it has, again and again, until the last event."""
            seen = told[stream_id]
            while True:
                try:
                    mirror = await c.mirrors.open(stream_id, seen[-1][0] if seen else 0)
                except Unreachable:
                    mirror = None
                if mirror is None:
                    await asyncio.sleep(0)
                    await until(lambda: c.link.since_lost is None)
                    continue
                async for batch in mirror.follow(seen[-1][0] if seen else 0):
                    seen += [(record.number, record.frame) for record in batch]
                if has_ended(mirror) and seen and seen[-1][0] == mirror.last:
                    return

        readers = [asyncio.create_task(read(stream_id)) for stream_id in logs]
        for log in logs.values():
            log[0].append([START])
        for step in range(60):
            for stream_id, epochs in logs.items():
                epochs[-1].append(tokens(chance.randrange(4), step * 10))
                for old in epochs[:-1]:
                    if not old.closed:  # it has not noticed yet
                        old.append(tokens(1, 7777))
                        if chance.random() < 0.2:
                            old.close()
                if chance.random() < 0.02:
                    rebuilt = Metadata(session_id=1, user_message_id=1, session_key="s", rebuilt=True)
                    place = b if len(epochs) % 2 else a
                    new = place.run(stream_id, len(epochs) + 1, len(epochs) * 1_000_000)
                    new.append([rebuilt])
                    if len(epochs) > 1 or place is a:
                        epochs[-1].close()  # a gateway has one log of a stream
                    await until(lambda place=place: place.link.since_lost is None)
                    await until(lambda new=new, place=place: not place.replica._dirty)
                    epochs.append(new)
            if step % 10 == 5:
                harm = chance.choice(["kill", "freeze", "flush"])
                if harm == "flush":
                    mortal_redis.command("FLUSHALL")
                    continue
                mortal_redis.kill() if harm == "kill" else mortal_redis.freeze()
                if chance.random() < 0.5:
                    await until(lambda: c.link.since_lost is not None)
                mortal_redis.start() if harm == "kill" else mortal_redis.thaw()
            await asyncio.sleep(0.01)  # Time itself: a tick of the replica is twice as long
        for epochs in logs.values():
            epochs[-1].append([END])
            epochs[-1].close()
        await asyncio.gather(*readers)
        for stream_id, epochs in logs.items():
            numbers = [number for number, _ in told[stream_id]]
            assert numbers == sorted(set(numbers))
            last = epochs[-1].since(0)
            assert told[stream_id][-len(last) :] == [(record.number, record.frame) for record in last]
