"""Open runs and their checkpoints. A run's writes count only while its lease is valid.

It must not know what a run is about: `request` is its kind's own JSON.
"""

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import Executable, Row, bindparam, delete, func, insert, select, update

from lam.protocol.events import ContentEvent
from lam.protocol.runs import Checkpoint, Lease, OpenRun
from lam.storage.repositories.base import QUICK, Repository
from lam.storage.schema import checkpoints, runs

_events: Final = msgspec.json.Decoder(list[ContentEvent])
_ADD = insert(runs)
_ADD_SMALL = _ADD.execution_options(**QUICK)
_SMALL: Final = 100_000  # characters of a request
_CLOSE = delete(runs).where(runs.c.id == bindparam("run"), runs.c.owner == bindparam("by"), runs.c.epoch == bindparam("under"))
_CLOSE = _CLOSE.execution_options(**QUICK)
_COLUMNS: Final = [checkpoints.c.run_id.name, checkpoints.c.since.name, checkpoints.c.number.name, checkpoints.c.events.name]
_APPEND = insert(checkpoints).from_select(
    _COLUMNS,
    select(
        runs.c.id,
        bindparam("since", type_=checkpoints.c.since.type),
        bindparam("number", type_=checkpoints.c.number.type),
        bindparam("events", type_=checkpoints.c.events.type),
    )
    .where(runs.c.id == bindparam("run"), runs.c.owner == bindparam("by"), runs.c.epoch == bindparam("under"))
    .with_for_update(key_share=True, read=True),  # keeps a run that ends meanwhile from leaving a checkpoint behind
)
_ROW = func.json_each(bindparam("rows")).table_valued("value")


def _field(path: str, like: Any) -> Any:
    return func.json_extract(_ROW.c.value, f"$.{path}", type_=like.type)


_APPEND_ALL = insert(checkpoints).from_select(
    _COLUMNS,
    select(
        runs.c.id,
        _field("since", checkpoints.c.since),
        _field("number", checkpoints.c.number),
        _field("events", checkpoints.c.events),
    ).where(
        runs.c.id == _field("lease.run_id", runs.c.id),
        runs.c.owner == _field("lease.owner", runs.c.owner),
        runs.c.epoch == _field("lease.epoch", runs.c.epoch),
    ),
)


class Runs(Repository):
    async def add(self, run: OpenRun, now: datetime) -> None:
        """Adds an open run. Raises Conflict when its key has one already."""
        values = {"id": run.id, "kind": run.kind, "key": run.key, "user_id": run.user_id, "owner": run.owner, "epoch": run.epoch}
        rest = {"attempts": run.attempts, "on_disconnect": run.on_disconnect, "request": run.request.decode(), "created_at": now}
        await self._changed(_ADD_SMALL if len(run.request) <= _SMALL else _ADD, values | rest)

    async def close(self, lease: Lease) -> bool:
        """Removes the run with its checkpoints. Returns False, and changes nothing, when the lease is no longer valid."""
        return bool(await self._changed(_CLOSE, _named(lease)))

    async def of_key(self, key: str) -> OpenRun | None:
        """Returns the key's open run, of any owner; None when there is none."""
        return await self._run(select(*_OF_RUN).where(runs.c.key == key))

    async def _run(self, query: Executable) -> OpenRun | None:
        row = (await self._connection.execute(query)).first()
        return None if row is None else _open_run(row)

    async def take_over(self, owner: str) -> list[OpenRun]:
        """Makes `owner` the owner of every open run, under the next epoch, and returns the runs."""
        change = update(runs).values(owner=owner, epoch=runs.c.epoch + 1, attempts=runs.c.attempts + 1)
        await self._changed(change)
        query = select(*_OF_RUN).where(runs.c.owner == owner).order_by(runs.c.created_at, runs.c.id)
        return [_open_run(row) for row in await self._connection.execute(query)]

    async def checkpoint(self, batch: Sequence[Checkpoint]) -> None:
        """Adds events to the runs whose leases are valid."""
        # a single statement: each one needs the interpreter's lock, which a busy loop holds
        if self._connection.dialect.name == "sqlite":
            await self._connection.execute(_APPEND_ALL, {"rows": msgspec.json.encode(batch).decode()})
            return
        rows = [
            _named(one.lease) | {"since": one.since, "number": one.number, "events": msgspec.json.encode(one.events).decode()}
            for one in batch
        ]
        await self._connection.execute(_APPEND, rows)

    async def progress(self, run_id: str) -> list[ContentEvent]:
        """Returns the checkpointed events of a run, oldest first."""
        query = select(checkpoints.c.since, checkpoints.c.number, checkpoints.c.events)
        rows = await self._connection.execute(query.where(checkpoints.c.run_id == run_id).order_by(checkpoints.c.id))
        kept: list[tuple[int, str]] = []
        for since, number, events in rows:
            while kept and kept[-1][0] > since:  # stored before, but the answer was lost
                kept.pop()
            kept.append((number, events))
        return [event for _, events in kept for event in _decoded(events)]


_OF_RUN: Final = [column for column in runs.c if column.name != "created_at"]


def _open_run(row: Row[Any]) -> OpenRun:
    return OpenRun(**dict(row._mapping) | {"request": row.request.encode()})


def _decoded(events: str) -> list[ContentEvent]:
    """Returns the stored events, without those of another release that this one cannot read."""
    try:
        return _events.decode(events)
    except msgspec.ValidationError:
        pass
    known: list[ContentEvent] = []
    for event in msgspec.json.decode(events):
        with suppress(msgspec.ValidationError):
            known.append(msgspec.convert(event, ContentEvent))
    return known


def _named(lease: Lease) -> dict[str, Any]:
    return {"run": lease.run_id, "by": lease.owner, "under": lease.epoch}
