"""Sets of tasks, runs of the lab and their cells.

It must not know what a spec, a result or a transcript says: the lab writes and reads those.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, delete, exists, func, insert, select, update

from lam.storage.access import Action, lab_runs_open, lab_sets_open, own
from lam.storage.models import CellStatus, LabCell, LabRun, LabSet, WaitingCell
from lam.storage.repositories.base import Repository
from lam.storage.schema import lab_cells, lab_runs, lab_sets, runs

_CELL: Final = [column for column in lab_cells.c if column.name != "transcript"]


class Lab(Repository):
    # Sets

    async def add_set(self, **values: Any) -> LabSet:
        return LabSet(id=await self._inserted(insert(lab_sets).values(**values).returning(lab_sets.c.id)), **values)

    async def find_set(self, set_id: int, user_id: int, action: Action, *, lock: bool = False) -> LabSet | None:
        """Returns a set, None unless the user may do `action` with it."""
        query = select(lab_sets).where(lab_sets.c.id == set_id, lab_sets_open(action, user_id))
        return await self._one(LabSet, query.with_for_update() if lock else query)

    async def sets_of(self, user_id: int) -> list[LabSet]:
        """Returns the user's sets, last changed first."""
        query = select(lab_sets).where(lab_sets_open("read", user_id))
        return await self._all(LabSet, query.order_by(lab_sets.c.updated_at.desc(), lab_sets.c.id.desc()))

    async def count_sets(self, user_id: int) -> int:
        query = select(func.count()).where(own(lab_sets, user_id))
        return int((await self._connection.execute(query)).scalar_one())

    async def change_set(self, set_id: int, **values: Any) -> None:
        await self._changed(update(lab_sets).where(lab_sets.c.id == set_id).values(**values))

    async def delete_set(self, set_id: int) -> None:
        await self._changed(delete(lab_sets).where(lab_sets.c.id == set_id))

    # Runs

    async def add_run(self, cells: Sequence[Mapping[str, Any]], **values: Any) -> LabRun:
        """Adds a run with its cells, each with number, template, model, setting, task and repeat."""
        run = LabRun(id=await self._inserted(insert(lab_runs).values(**values).returning(lab_runs.c.id)), **values)
        fresh = {"lab_run_id": run.id, "status": "waiting", "attempts": 0, "failures": 0, "given_up": 0}
        await self._connection.execute(insert(lab_cells), [dict(cell) | fresh for cell in cells])
        return run

    async def find_run(self, run_id: int, user_id: int, action: Action, *, lock: bool = False) -> LabRun | None:
        """Returns a run, None unless the user may do `action` with it. `lock`: no cell of it begins or ends until this unit of
        work does."""
        query = select(lab_runs).where(lab_runs.c.id == run_id, lab_runs_open(action, user_id))
        return await self._one(LabRun, query.with_for_update() if lock else query)

    async def run(self, run_id: int, *, lock: bool = False) -> LabRun | None:
        """Returns a run of any owner."""
        query = select(lab_runs).where(lab_runs.c.id == run_id)
        return await self._one(LabRun, query.with_for_update() if lock else query)

    async def runs_of(self, user_id: int, limit: int) -> list[LabRun]:
        """Returns the user's runs, newest first."""
        query = select(lab_runs).where(lab_runs_open("read", user_id)).order_by(lab_runs.c.id.desc())
        return await self._all(LabRun, query.limit(limit))

    async def count_runs(self, user_id: int) -> int:
        query = select(func.count()).where(own(lab_runs, user_id))
        return int((await self._connection.execute(query)).scalar_one())

    async def change_run(self, run_id: int, **values: Any) -> None:
        await self._changed(update(lab_runs).where(lab_runs.c.id == run_id).values(**values))

    async def delete_run(self, run_id: int) -> None:
        await self._changed(delete(lab_runs).where(lab_runs.c.id == run_id))

    # Cells

    async def counts(self, run_ids: Collection[int]) -> dict[int, dict[CellStatus, int]]:
        """Returns how many cells of each run have each status, without zeros."""
        columns = (lab_cells.c.lab_run_id, lab_cells.c.status)
        query = select(*columns, func.count()).where(lab_cells.c.lab_run_id.in_(run_ids)).group_by(*columns)
        counts: dict[int, dict[CellStatus, int]] = {run_id: {} for run_id in run_ids}
        for run_id, status, number in await self._connection.execute(query):
            counts[run_id][status] = number
        return counts

    async def cells(self, run_id: int, numbers: Collection[int] | None = None) -> list[LabCell]:
        """Returns the cells of a run in order, all of them or those with these numbers."""
        query = select(*_CELL).where(lab_cells.c.lab_run_id == run_id)
        if numbers is not None:
            query = query.where(lab_cells.c.number.in_(numbers))
        return await self._all(LabCell, query.order_by(lab_cells.c.number))

    async def cell(self, run_id: int, number: int) -> LabCell | None:
        return await self._one(LabCell, select(*_CELL).where(lab_cells.c.lab_run_id == run_id, lab_cells.c.number == number))

    async def cell_by_id(self, cell_id: int) -> LabCell | None:
        return await self._one(LabCell, select(*_CELL).where(lab_cells.c.id == cell_id))

    async def cell_by_stream(self, stream_id: str, user_id: int, action: Action) -> LabCell | None:
        """Returns the cell whose newest attempt has this stream, None unless the user may do `action` with its run."""
        query = select(*_CELL).join(lab_runs, lab_runs.c.id == lab_cells.c.lab_run_id)
        return await self._one(LabCell, query.where(lab_cells.c.stream_id == stream_id, lab_runs_open(action, user_id)))

    async def transcript(self, cell_id: int) -> str | None:
        query = select(lab_cells.c.transcript).where(lab_cells.c.id == cell_id)
        return (await self._connection.execute(query)).scalar_one_or_none()

    async def waiting(self) -> list[WaitingCell]:
        """Returns, for each model of each run that is not stopped, the first cell that waits; runs in order of creation."""
        first = func.min(lab_cells.c.id).label("id")  # ids grow with the numbers
        query = (
            select(first, lab_cells.c.lab_run_id, lab_runs.c.user_id, lab_cells.c.model)
            .join(lab_runs, lab_runs.c.id == lab_cells.c.lab_run_id)
            .where(lab_cells.c.status == "waiting", lab_runs.c.status == "running")
            .group_by(lab_cells.c.lab_run_id, lab_runs.c.user_id, lab_cells.c.model)
            .order_by(lab_cells.c.lab_run_id, first)
        )
        return await self._all(WaitingCell, query)

    async def is_open(self, run_id: int) -> bool:
        """Returns whether a cell of the run waits or runs."""
        query = select(lab_cells.c.id).where(lab_cells.c.lab_run_id == run_id, lab_cells.c.status.in_(("waiting", "running")))
        return (await self._connection.execute(query.limit(1))).first() is not None

    async def begin_cell(self, cell_id: int, stream_id: str) -> bool:
        """Marks a waiting cell as running. Returns False, and changes nothing, when it does not wait any more."""
        values = {"status": "running", "stream_id": stream_id, "attempts": lab_cells.c.attempts + 1}
        return bool(await self._changed(update(lab_cells).where(*_status(cell_id, "waiting")).values(**values)))

    async def end_cell(self, cell_id: int, **values: Any) -> None:
        """Stores how an attempt ended."""
        await self._changed(update(lab_cells).where(*_status(cell_id, "running")).values(**values))

    async def free_cells(self, stream_ids: Collection[str]) -> int:
        """Lets cells wait again that are marked as running, without a run of theirs being stored or among these."""
        has_run = exists().where(runs.c.id == lab_cells.c.stream_id)
        lost = update(lab_cells).where(lab_cells.c.status == "running", ~has_run, lab_cells.c.stream_id.not_in(stream_ids))
        return await self._changed(lost.values(status="waiting"))

    async def move_cells(self, run_id: int, since: Collection[CellStatus], status: CellStatus, number: int | None = None) -> int:
        """Gives cells of a run another status, all of them or one, and returns their number."""
        change = update(lab_cells).where(lab_cells.c.lab_run_id == run_id, lab_cells.c.status.in_(since))
        if number is not None:
            change = change.where(lab_cells.c.number == number)
        values: dict[str, Any] = {"status": status}
        if status == "waiting":
            values |= {"failures": 0, "result": None, "passed": None}
        return await self._changed(change.values(**values))


def _status(cell_id: int, status: CellStatus) -> list[ColumnElement[bool]]:
    return [lab_cells.c.id == cell_id, lab_cells.c.status == status]
