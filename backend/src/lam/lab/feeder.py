"""Starts the cells that wait, as places become idle: from the database, in order, the runs of different people in turn.

One task does it. It must not know what a cell asks a model.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack, suppress
from datetime import UTC, datetime
from itertools import count
from types import TracebackType
from typing import Any, Final, Self

import msgspec

from lam.background import Background
from lam.engines.catalog import Catalog
from lam.errors import Conflict, LeaseLost, SessionBusy, ShuttingDown, StorageUnavailable
from lam.generation.run import Run, Stop
from lam.generation.supervisor import Supervisor
from lam.lab import transcripts
from lam.lab.borrowing import Borrowing
from lam.lab.cells import AWAY, CELL, Attempt, CellOrder, Cells, CellSink
from lam.lab.specs import Spec, read_spec
from lam.protocol.outcome import Outcome
from lam.protocol.runs import Lease, OpenRun
from lam.storage.database import Database
from lam.storage.models import LabRun, WaitingCell

log = logging.getLogger(__name__)

LOOK_SECONDS: Final = 1.0  # between two looks while cells wait, for what has no callback
MOST_REST_SECONDS: Final = 60.0  # between two looks at a budget that was used up
MOST_SPECS: Final = 32  # in memory


def cell_key(cell_id: int) -> str:
    """Returns the key of a cell's runs, of which one may be open at a time."""
    return f"cell:{cell_id}"


class Feeder:
    """An async context manager: it owns the task that starts cells. `changed(order)` is called when a cell began or ended.
    `on_duty()`: whether this gateway starts the cells that wait."""

    def __init__(
        self,
        database: Database,
        supervisor: Supervisor,
        cells: Cells,
        borrowing: Borrowing,
        catalog: Catalog,
        changed: Callable[[CellOrder], None],
        on_duty: Callable[[], bool] = lambda: True,
    ) -> None:
        self.starting = asyncio.Lock()  # nothing starts while somebody holds it
        self._database = database
        self._supervisor = supervisor
        self._cells = cells
        self._borrowing = borrowing
        self._catalog = catalog
        self._doubtful: list[tuple[CellOrder, Lease]] = []  # stored or not: the database did not say
        self._changed = changed
        self._on_duty = on_duty
        self._specs: dict[int, Spec] = {}
        self._turns: dict[int, int] = {}  # when each person's last cell was started
        self._numbers = count(1)
        self._rests: dict[str | None, float] = {}  # until when no cell of a model starts
        self._resting: dict[int, float] = {}  # until when no cell of a person starts, whose budget is used up
        self._wake = asyncio.Event()
        self._waits = False  # whether cells wait, as far as is known

    async def __aenter__(self) -> Self:
        async with self._database.write() as unit:
            await unit.lab.free_cells([run.id for run in self._supervisor.running()])
            self._waits = bool(await unit.lab.waiting())
        self._tasks = Background()
        self._tasks.keep("lab-feeder", self._keep_feeding)
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._tasks.close()

    def wake(self) -> None:
        """Looks for waiting cells, and for places."""
        self._waits = True
        self._wake.set()

    def place_freed(self) -> None:
        if self._waits:
            self._wake.set()

    def run_ended(self, run: Run) -> None:
        if run.kind != CELL:
            return
        failure = run.outcome.facts.failure if run.outcome is not None else None
        if isinstance(run.sink, CellSink) and run.sink.rest is not None:
            rest = min(run.sink.rest, MOST_REST_SECONDS)
            self._resting[run.sink.user_id] = asyncio.get_running_loop().time() + rest
        elif failure is not None and failure.code in AWAY and isinstance(run.sink, CellSink):
            self._rests[run.sink.model] = asyncio.get_running_loop().time() + self._borrowing.patience.rest
        self.wake()

    def rests(self, model: str | None) -> bool:
        """Returns whether cells of this model wait because its server was away a moment ago."""
        return self._rests.get(model, 0) > asyncio.get_running_loop().time()

    async def spec(self, run_id: int) -> Spec | None:
        """Returns the spec of a run, None when the run is gone or another release wrote it."""
        if run_id not in self._specs:
            async with self._database.read() as unit:
                run = await unit.lab.run(run_id)
            if run is None:
                return None
            while len(self._specs) >= MOST_SPECS:
                del self._specs[next(iter(self._specs))]
            spec = read_spec(run.spec)
            if spec is None:
                log.warning("The run %d of the lab was made by another release; its cells wait", run_id)
                return None
            self._specs[run_id] = spec
        return self._specs[run_id]

    def forget(self, run_id: int) -> None:
        self._specs.pop(run_id, None)
        self._cells.lengths.forget(run_id)

    async def _keep_feeding(self) -> None:
        while True:
            try:
                async with asyncio.timeout(LOOK_SECONDS if self._waits else None):
                    await self._wake.wait()
            except TimeoutError:
                pass
            self._wake.clear()
            while self._on_duty() and not self._supervisor.draining and await self._feed_one():
                pass

    async def _feed_one(self) -> bool:
        """Starts one waiting cell. Returns False when none waits, or none can start now."""
        while self._doubtful:
            order, lease = self._doubtful[-1]
            with suppress(LeaseLost):
                await CellSink(order, None, self._database, self._changed).commit(Outcome(status="interrupted"), lease)
            self._doubtful.pop()
        async with self._database.read() as unit:
            waiting = await unit.lab.waiting()
        self._waits = bool(waiting)
        waiting.sort(key=lambda one: self._turns.get(one.user_id, 0))  # stable: a person's runs stay in order
        busy = set[str | None]()
        for one in waiting:
            spec = await self.spec(one.lab_run_id)
            if self._resting.get(one.user_id, 0) > asyncio.get_running_loop().time():
                continue
            if spec is None or (model := spec.models[one.model]) in busy or self.rests(model):
                continue
            if await self._try(one, spec):
                return True
            busy.add(model)
        return False

    async def _try(self, waiting: WaitingCell, spec: Spec) -> bool:
        """Starts the cell if there is a place for it. Returns False when there is none."""
        async with self._database.read() as unit:
            cell = await unit.lab.cell_by_id(waiting.id)
            transcript = transcripts.decoded(await unit.lab.transcript(waiting.id)) if spec.tasks.maze is not None else ()
        if cell is None:
            return True
        order = CellOrder(cell_id=cell.id, lab_run_id=cell.lab_run_id, number=cell.number, user_id=waiting.user_id)
        attempt = Attempt(order, spec, cell, transcript, None)
        ticket = self._borrowing.idle(attempt.model, self._cells.loan(attempt))
        if ticket is None:
            return False
        attempt.ticket = ticket
        self._turns[waiting.user_id] = next(self._numbers)
        try:
            async with self.starting:
                await self._begin(attempt)
        except (Conflict, ShuttingDown) as error:
            log.info("The cell %d did not start: %s", cell.id, error.message)
            return not isinstance(error, SessionBusy)
        finally:
            if attempt.run is None and attempt.ticket is not None:
                attempt.ticket.leave(model_is_free=True)
        return True

    async def _begin(self, attempt: Attempt) -> None:
        """Marks the cell as running and starts its run, unless it waits no more."""
        order = attempt.order
        async with self._supervisor.claim(cell_key(order.cell_id), order.user_id, droppable=True) as claim:
            record = self._supervisor.record(claim, CELL, msgspec.json.encode(order), "continue")
            if not await self._store(order, record):
                return
            sink = CellSink(order, attempt, self._database, self._changed)
            attempt.run = self._supervisor.start(claim, record, self._cells.producer(attempt), sink, droppable=True)
            if attempt.wanted:  # while the rows were written
                attempt.run.stop(Stop())
        self._changed(order)

    async def _store(self, order: CellOrder, record: OpenRun) -> bool:
        """Marks the cell as running. Returns False when it waits no more, or its run is stopped."""
        try:
            async with self._database.write() as unit:
                run = await unit.lab.run(order.lab_run_id, lock=True)
                if self._supervisor.draining or run is None or run.status != "running":
                    return False
                if not await unit.lab.begin_cell(order.cell_id, record.id):
                    return False
                await unit.runs.add(record, datetime.now(UTC))
            return True
        except StorageUnavailable:
            self._doubtful.append((order, record.lease))
            raise

    async def begin_attended(self, user_id: int, spec: Spec, values: Mapping[str, Any]) -> LabRun:
        """Stores a run that somebody waits for and starts all its cells like ordinary runs of that person.

        Raises TooManyStreams, QueueFull, ShuttingDown; then nothing is stored.
        """
        cells, now = list(spec.cells()), datetime.now(UTC)
        async with self.starting, AsyncExitStack() as stack:
            claims = [await stack.enter_async_context(self._supervisor.claim(None, user_id)) for _ in cells]
            tickets = [stack.enter_context(self._catalog.place(spec.models[cell["model"]], user_id)) for cell in cells]
            attempts = list[tuple[Attempt, OpenRun]]()
            async with self._database.write() as unit:
                run = await unit.lab.add_run(cells, **values)
                for cell, claim, ticket in zip(await unit.lab.cells(run.id), claims, tickets, strict=True):
                    order = CellOrder(cell_id=cell.id, lab_run_id=run.id, number=cell.number, user_id=user_id)
                    record = self._supervisor.record(claim, CELL, msgspec.json.encode(order), "continue")
                    await unit.lab.begin_cell(cell.id, claim.id)
                    await unit.runs.add(record, now)
                    attempts.append((Attempt(order, spec, cell, (), ticket), record))
            for claim, (attempt, record) in zip(claims, attempts, strict=True):
                sink = CellSink(attempt.order, attempt, self._database, self._changed)
                attempt.run = self._supervisor.start(claim, record, self._cells.producer(attempt), sink)
        return run
