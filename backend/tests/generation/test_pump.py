"""Runs whose producer, sink or store misbehaves: each ends once, and harms nobody else."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from lam.errors import StorageUnavailable
from lam.generation.contracts import Batches
from lam.generation.pump import Limits
from lam.generation.run import Life, Run
from lam.generation.supervisor import Supervisor, Waits
from lam.protocol.events import Chunk, Done, EngineEvent, Error, Event, Finished, Metadata, Progress, SavedEvent
from lam.protocol.outcome import Outcome
from lam.protocol.runs import Checkpoint, Lease, OpenRun
from lam.streams.memory_log import Shelf

from ..skipping import SkippingLoop, skip

WHOLE: list[list[EngineEvent]] = [[Chunk("Once")], [Finished("stop")]]


class Memory:
    """A `RunStore` that keeps nothing, and a `Sink` that keeps one outcome. `turn`: the commit waits for it."""

    moved_at = 0.0

    def __init__(self, *, fails: str = "", refusals: int = 0, turn: asyncio.Event | None = None) -> None:
        self.fails = fails
        self.refusals = refusals
        self.turn = turn
        self.outcome: Outcome | None = None

    async def checkpoint(self, taken: Sequence[Checkpoint]) -> None: ...

    async def take_over(self, owner: str) -> list[OpenRun]:
        return []

    async def progress(self, run_id: str) -> list[SavedEvent]:
        return []

    async def forget(self, lease: Lease) -> None: ...

    def opening(self) -> Sequence[Event]:
        self._fail("opening")
        return [Metadata(1, None, "")]

    def prompt_tokens(self) -> int:
        return 0

    async def commit(self, outcome: Outcome, lease: Lease) -> None:
        if self.refusals:
            self.refusals -= 1
            raise StorageUnavailable
        self._fail("commit")
        if self.turn is not None:
            await self.turn.wait()
        self.outcome = outcome

    def ending(self, outcome: Outcome) -> Done | Error:
        self._fail("ending")
        failure = outcome.facts.failure
        return Error(failure.message, failure.code) if failure else Done(None, outcome.text)

    def _fail(self, what: str) -> None:
        if self.fails == what:
            raise ValueError(what)


class Script:
    """A producer. `left`: its context was left."""

    def __init__(self, batches: Sequence[list[EngineEvent]] = WHOLE, *, hangs: bool = False, fails_to_close: bool = False) -> None:
        self.batches = batches
        self.hangs = hangs
        self.fails_to_close = fails_to_close
        self.left = False

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Batches]:
        try:
            yield self._play()
        finally:
            self.left = True
        if self.fails_to_close:
            raise ValueError("close")

    async def _play(self) -> AsyncGenerator[list[EngineEvent]]:
        for batch in self.batches:
            yield batch
        if self.hangs:
            await asyncio.Event().wait()


@pytest.fixture
async def supervisor() -> AsyncIterator[Supervisor]:
    limits = Limits(silence=0.2, retry=0.001)
    async with Supervisor(Memory(), Shelf(), owner="o", most_per_user=9, limits=limits, waits=Waits()) as made:
        yield made


async def start(supervisor: Supervisor, script: Script, sink: Memory) -> Run:
    async with supervisor.claim(None, 1) as claim:
        record = supervisor.record(claim, "test", b"{}", "continue")
        return supervisor.start(claim, record, script.open(), sink)


def last(run: Run) -> Event:
    return run.log.since(run.log.last - 1)[0].event


async def test_a_server_that_falls_silent_after_it_was_unreachable_is_a_timeout(supervisor: Supervisor) -> None:
    script = Script([[Progress("unreachable")], []], hangs=True)
    run = await start(supervisor, script, sink := Memory())
    assert await run.saved(10)
    assert sink.outcome is not None
    assert sink.outcome.facts.failure is not None
    assert (sink.outcome.facts.failure.code, script.left) == ("timeout", True)


async def test_whoever_waits_for_a_place_is_not_silent(supervisor: Supervisor) -> None:
    run = await start(supervisor, Script([[Progress("queued", position=0)]], hangs=True), Memory())
    assert not await run.saved(0.6)


async def test_a_producer_that_fails_to_close_loses_no_result(supervisor: Supervisor) -> None:
    run = await start(supervisor, Script(fails_to_close=True), sink := Memory())
    assert await run.saved(10)
    assert sink.outcome is not None
    assert (sink.outcome.status, sink.outcome.text) == ("complete", "Once")
    assert isinstance(last(run), Done)


@pytest.mark.parametrize("fails", ["opening", "commit", "ending"])
async def test_a_sink_that_fails_ends_its_own_run_alone(fails: str) -> None:
    limits = Limits(silence=60, retry=0.001)
    async with Supervisor(Memory(), Shelf(), owner="o", most_per_user=9, limits=limits, waits=Waits()) as supervisor:
        other = await start(supervisor, Script([[Chunk("a")]], hangs=True), Memory())
        script = Script()
        run = await start(supervisor, script, Memory(fails=fails))
        assert await run.saved(10)
        assert script.left
        assert isinstance(last(run), Error)
        assert run.log.closed
        assert not await other.saved(0.05)


async def test_a_result_is_stored_as_soon_as_the_store_takes_it(supervisor: Supervisor) -> None:
    run = await start(supervisor, Script(), sink := Memory(refusals=3))
    assert await run.saved(10)
    assert sink.outcome is not None
    assert isinstance(last(run), Done)


@pytest.mark.parametrize("moves", [True, False])
def test_a_result_in_the_line_of_a_slow_database_is_late_and_behind_a_stuck_one_an_error(moves: bool) -> None:
    async def wait_in_line() -> None:
        store, loop = Memory(), asyncio.get_running_loop()
        async with Supervisor(store, Shelf(), owner="o", most_per_user=9, limits=Limits(), waits=Waits()) as supervisor:
            run = await start(supervisor, Script(), sink := Memory(turn=asyncio.Event()))
            assert await run.until(10, lambda one: one.life is Life.ENDING)
            for _ in range(5):
                skip(0.9 * Limits().commit)
                store.moved_at = loop.time() if moves else 0.0
                await run.until(0.01, lambda one: one.life is Life.ENDED)
            assert (run.life < Life.ENDED) is moves
            assert sink.turn is not None
            sink.turn.set()
            assert await run.saved(10)
        assert isinstance(last(run), Done if moves else Error)
        assert sink.outcome is not None
        assert sink.outcome.text == "Once"

    with asyncio.Runner(loop_factory=SkippingLoop) as runner:
        runner.run(wait_in_line())
