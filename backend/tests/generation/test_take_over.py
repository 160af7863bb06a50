"""What a gateway takes over from others, between its row and its run."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from types import SimpleNamespace
from typing import Any

import pytest
from msgspec.structs import replace

from lam.errors import SessionBusy, StorageUnavailable
from lam.generation.contracts import Batches, Work
from lam.generation.pump import Limits
from lam.generation.recovery import Leftovers, Orphans, end_leftover
from lam.generation.run import Life, Stop
from lam.generation.supervisor import Supervisor, Waits
from lam.protocol.events import Chunk, EngineEvent
from lam.protocol.runs import Lease, OpenRun, OrphanRule, Reached
from lam.several import TakeOver
from lam.storage.leases import Pace
from lam.streams.memory_log import Shelf

from .test_pump import Memory, Script, start

ORPHAN = OpenRun(
    id="r", kind="reply", key="session:1", user_id=1, owner="here", on_disconnect="continue", request=b"{}", epoch=2, attempts=1
)


class Rows:
    """A store in which one run of a dead gateway waits to be taken over."""

    def __init__(self) -> None:
        self.left = [ORPHAN]
        self.forgotten = asyncio.Event()

    async def take_over(self, owner: str, rule: OrphanRule | None = None) -> list[OpenRun]:
        left, self.left = self.left, []
        return left

    async def of_owner(self, owner: str, before: datetime) -> list[str]:
        return []

    async def of_key(self, key: str) -> OpenRun | None:
        return ORPHAN

    async def reached(self, run_id: str) -> Reached:
        return Reached(number=0, pieces=0, seconds=0, events=[])

    async def forget(self, lease: object) -> None:
        self.forgotten.set()


async def test_a_send_does_not_interrupt_a_reply_that_is_about_to_go_on_here() -> None:
    rows: Any = Rows()
    supervisor: Any = SimpleNamespace(lost=set(), local=lambda _: None, draining=False, owner="here", elsewhere=object())
    leases = SimpleNamespace(pace=Pace(beat=30), valid=True, may_take_over=True, after_change=[])
    remote_runs = SimpleNamespace(after_gift=[], ended_orphan=lambda *_: None, given=lambda: None)
    refused = list[str]()

    class GoesOn:
        kind = "reply"

        async def work(self, run: OpenRun, reached: Reached) -> Work | None:
            try:
                await end_leftover(rows, SimpleNamespace(), "session:1", supervisor)  # type: ignore[arg-type]  # no kind is asked
            except SessionBusy as error:
                refused.append(error.stream_id)
            return None

    several: Any = SimpleNamespace(leases=leases, remote_runs=remote_runs)
    async with TakeOver(several, supervisor, rows, [], GoesOn(), seconds=60):
        async with asyncio.timeout(20):
            await rows.forgotten.wait()
    assert refused == ["r"]
    assert not supervisor.lost


async def test_a_send_does_not_interrupt_a_reply_that_has_just_become_ours_or_runs_here_already() -> None:
    runs = dict[str, object]()
    supervisor: Any = SimpleNamespace(lost=set(), local=runs.get, draining=False, owner="here", elsewhere=object())
    kind: Any = SimpleNamespace()  # it is not asked
    refused = list[str]()

    class TakesLong(Rows):
        async def take_over(self, owner: str, rule: OrphanRule | None = None) -> list[OpenRun]:
            await send()
            return await super().take_over(owner, rule)

    async def send() -> None:
        with pytest.raises(SessionBusy) as busy:
            await end_leftover(rows, kind, "session:1", supervisor)
        refused.append(busy.value.stream_id)

    rows: Any = TakesLong()
    leases = SimpleNamespace(pace=Pace(beat=30), valid=True, may_take_over=True, after_change=[])
    remote_runs = SimpleNamespace(after_gift=[], ended_orphan=lambda *_: None, given=lambda: None)
    several: Any = SimpleNamespace(leases=leases, remote_runs=remote_runs)
    async with TakeOver(several, supervisor, rows, [], None, seconds=60):
        async with asyncio.timeout(20):
            await rows.forgotten.wait()
    assert (refused, supervisor.takes_over) == (["r"], False)
    runs["r"] = object()
    await send()
    assert refused == ["r", "r"]


async def test_a_run_of_this_gateway_that_nobody_runs_is_taken_again() -> None:
    taken: asyncio.Future[frozenset[str]] = asyncio.get_running_loop().create_future()

    class Forgotten(Rows):
        async def of_owner(self, owner: str, before: datetime) -> list[str]:
            return ["r", "runs"]

        async def take_over(self, owner: str, rule: OrphanRule | None = None) -> list[OpenRun]:
            assert rule
            if not taken.done():
                taken.set_result(rule.lost)
            return []

    rows: Any = Forgotten()
    supervisor: Any = SimpleNamespace(
        lost=set(), local=lambda _: None, knows=lambda run_id: run_id == "runs", draining=False, owner="here"
    )
    leases = SimpleNamespace(pace=Pace(beat=30), valid=True, may_take_over=True, after_change=[])
    several: Any = SimpleNamespace(leases=leases, remote_runs=SimpleNamespace(after_gift=[]))
    async with TakeOver(several, supervisor, rows, [], None, seconds=60):
        async with asyncio.timeout(20):
            assert await taken == {"r"}


async def test_a_run_that_ends_without_its_readers_does_not_go_on_after_a_death() -> None:
    class GoesOn:
        kind = "reply"

        async def work(self, run: OpenRun, reached: Reached) -> Work | None:
            raise AssertionError

    rows: Any = Rows()
    supervisor: Any = SimpleNamespace(draining=False)
    orphans = Orphans(rows, [], [replace(ORPHAN, on_disconnect="cancel")])
    assert await orphans.resume(GoesOn(), supervisor, seconds=60) == 0
    assert len(orphans.remaining) == 1


async def test_a_reply_that_cannot_go_on_after_all_gives_its_place_back() -> None:
    class Away(Rows):
        async def checkpoint(self, checkpoints: object) -> None:
            raise StorageUnavailable

    rows: Any = Away()
    supervisor: Any = SimpleNamespace(draining=False)
    places = ["taken"]

    @asynccontextmanager
    async def producer() -> AsyncIterator[Batches]:
        try:
            yield SimpleNamespace()  # type: ignore[misc]  # nobody reads it
        finally:
            places.clear()

    class GoesOn:
        kind = "reply"

        async def work(self, run: OpenRun, reached: Reached) -> Work | None:
            sink: Any = SimpleNamespace(opening=list)
            return Work(producer=producer(), sink=sink)

    orphans = Orphans(rows, [], [ORPHAN])
    with pytest.raises(StorageUnavailable):
        await orphans.resume(GoesOn(), supervisor, seconds=60)
    assert (places, orphans.remaining) == ([], [ORPHAN])


async def test_one_run_whose_opening_cannot_be_read_keeps_no_other_from_going_on() -> None:
    class Kept(Rows):
        async def checkpoint(self, checkpoints: object) -> None: ...

    rows: Any = Kept()
    started = list[str]()
    supervisor: Any = SimpleNamespace(draining=False, resume=lambda run, *_: started.append(run.id))
    places = ["bad", "good"]

    class GoesOn:
        kind = "reply"

        async def work(self, run: OpenRun, reached: Reached) -> Work | None:
            def opening() -> list[EngineEvent]:
                if run.id == "bad":
                    raise ValueError("it was stored by a release to come")
                return []

            @asynccontextmanager
            async def producer() -> AsyncIterator[Batches]:
                try:
                    yield SimpleNamespace()  # type: ignore[misc]  # nobody reads it
                finally:
                    places.remove(run.id)

            sink: Any = SimpleNamespace(opening=opening)
            return Work(producer=producer(), sink=sink)

    bad, good = replace(ORPHAN, id="bad"), replace(ORPHAN, id="good")
    orphans = Orphans(rows, [], [bad, good])
    assert await orphans.resume(GoesOn(), supervisor, seconds=60) == 1
    assert (started, places, orphans.remaining) == (["good"], ["good"], [bad])


class Gifts(Memory):
    """A store that notes what is given away."""

    def __init__(self) -> None:
        super().__init__()
        self.given: list[Lease] = []

    async def give_away(self, leases: Sequence[Lease]) -> None:
        self.given += leases


class Neighbour:
    """Another gateway, which takes every run."""

    valid = True

    async def leave(self) -> None: ...

    def can_give_away(self, run: object) -> bool:
        return True

    def announce_gift(self) -> None: ...

    def running(self) -> Sequence[Any]:
        return ()


@asynccontextmanager
async def beside_another() -> AsyncIterator[tuple[Supervisor, Gifts]]:
    store: Any = Gifts()
    neighbour: Any = Neighbour()
    async with Supervisor(store, Shelf(), owner="here", most_per_user=9, limits=Limits(), waits=Waits()) as supervisor:
        supervisor.elsewhere = neighbour
        yield supervisor, store


async def test_a_reply_that_somebody_stopped_is_not_given_to_another_gateway() -> None:
    closes = asyncio.Event()

    class Slow(Script):
        async def _play(self) -> AsyncGenerator[list[EngineEvent]]:
            try:
                async for batch in super()._play():
                    yield batch
            finally:
                await closes.wait()

    async with beside_another() as (supervisor, store):
        sink = Memory()
        run = await start(supervisor, Slow([[Chunk("Once")]], hangs=True), sink)
        await run.until(20, lambda run: run.life >= Life.RUNNING)
        run.stop(Stop())
        draining = asyncio.create_task(supervisor.drain(0))
        asyncio.get_running_loop().call_later(0.05, closes.set)  # once it has been decided what is given
        await draining
        assert store.given == []
        assert sink.outcome is not None
        assert sink.outcome.status == "cancelled"


async def test_a_reply_that_begins_while_its_gateway_stops_goes_on_at_another_one() -> None:
    async with beside_another() as (supervisor, store):
        async with supervisor.claim(None, 1) as claim:
            await supervisor.drain(0)
            record = supervisor.record(claim, "test", b"{}", "continue")
            run = supervisor.start(claim, record, Script([[Chunk("Once")]], hangs=True).open(), Memory())
        assert run.stop_request is None
        await supervisor.drain(0)
        assert store.given == [run.lease]
        assert run.is_lost


async def test_a_stop_that_comes_before_a_run_is_here_stops_it() -> None:
    async with beside_another() as (supervisor, _):
        sink: Any = Memory()
        await supervisor.stop("r")
        work = Work(producer=Script([[Chunk("Once")]], hangs=True).open(), sink=sink)
        run = supervisor.resume(ORPHAN, work, [], 1_000_000)
        await run.saved(20)
        assert sink.outcome is not None
        assert sink.outcome.status == "cancelled"


class Left(Rows):
    """One run is this gateway's by its row, and another one runs here."""

    def __init__(self) -> None:
        super().__init__()
        self.taken: list[frozenset[str]] = []
        self.away = 0  # how many takes fail

    async def of_owner(self, owner: str, before: datetime) -> list[str]:
        return ["runs", *(run.id for run in self.left)]

    async def take_over(self, owner: str, rule: OrphanRule | None = None) -> list[OpenRun]:
        assert rule
        self.taken.append(rule.lost)
        if len(self.taken) <= self.away:
            raise StorageUnavailable
        return await super().take_over(owner, rule)


@pytest.mark.parametrize("away", [0, 2])
async def test_a_gateway_that_is_alone_ends_what_it_has_forgotten(away: int) -> None:
    rows: Any = Left()
    rows.away = away
    supervisor: Any = SimpleNamespace(lost=set(), knows=lambda run_id: run_id == "runs", owner="here")
    async with Leftovers(supervisor, rows, [], seconds=0.01):
        async with asyncio.timeout(20):
            await rows.forgotten.wait()
            while supervisor.lost:
                await asyncio.sleep(0.001)
    assert rows.taken == [frozenset({"r"})] * (away + 1)


async def test_each_end_of_a_forgotten_run_is_told_once_though_the_database_goes_away_between_them() -> None:
    class Two(Left):
        def __init__(self) -> None:
            super().__init__()
            self.left = [ORPHAN, replace(ORPHAN, id="s")]
            self.forgets = 0

        async def take_over(self, owner: str, rule: OrphanRule | None = None) -> list[OpenRun]:
            return list(self.left)

        async def forget(self, lease: object) -> None:
            self.forgets += 1
            if self.forgets == 2:
                raise StorageUnavailable
            self.left.pop(0)

    rows: Any = Two()
    supervisor: Any = SimpleNamespace(lost=set(), knows=lambda run_id: run_id == "runs", owner="here")
    ends = list[str]()
    leftovers = Leftovers(supervisor, rows, [], seconds=0.01)
    leftovers.after_end.append(lambda run: ends.append(run.id))
    async with leftovers, asyncio.timeout(20):
        while rows.left or supervisor.lost:
            await asyncio.sleep(0.001)
    assert ends == ["r", "s"]
