"""Open runs and their checkpoints. A run's writes count only while its lease is valid.

It must not know what a run is about: `request` is its kind's own JSON.
"""

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import (
    DateTime,
    Executable,
    Float,
    Row,
    bindparam,
    case,
    cast,
    delete,
    extract,
    func,
    insert,
    or_,
    select,
    type_coerce,
    update,
)

from lam.errors import LeaseLost
from lam.protocol.events import SavedEvent
from lam.protocol.runs import Checkpoint, Lease, OpenRun, OrphanRule, Reached
from lam.storage.connection import Connection
from lam.storage.repositories.base import QUICK, Repository
from lam.storage.schema import checkpoints, gateways, runs

_events: Final = msgspec.json.Decoder(list[SavedEvent])
_ADD = insert(runs)
_ADD_SMALL = _ADD.execution_options(**QUICK)
_SMALL: Final = 100_000  # characters of a request
NOBODY: Final = ""
"""The owner of a run that its gateway gave away."""
_OURS: Final = (runs.c.id == bindparam("run"), runs.c.owner == bindparam("by"), runs.c.epoch == bindparam("under"))
_GIVE = update(runs).where(*_OURS).values(owner=NOBODY)
_CLOSE = delete(runs).where(*_OURS).execution_options(**QUICK)
_COLUMNS: Final = ["run_id", "since", "number", "events", "pieces", "saved_at"]
# The database's clock, in seconds since 1970.
_SQLITE_NOW: Final = (func.julianday("now") - 2440587.5) * 86400.0
_NOW: Final = cast(extract("epoch", func.clock_timestamp()), Float)
_SQLITE_BEGAN: Final = (func.julianday(runs.c.created_at) - 2440587.5) * 86400.0
_BEGAN: Final = cast(extract("epoch", func.timezone("UTC", type_coerce(runs.c.created_at, DateTime))), Float)
_APPEND = insert(checkpoints).from_select(
    _COLUMNS,
    select(
        runs.c.id,
        bindparam("since", type_=checkpoints.c.since.type),
        bindparam("number", type_=checkpoints.c.number.type),
        bindparam("events", type_=checkpoints.c.events.type),
        bindparam("pieces", type_=checkpoints.c.pieces.type),
        _NOW,
    )
    .where(*_OURS)
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
        _field("pieces", checkpoints.c.pieces),
        _SQLITE_NOW,
    ).where(
        runs.c.id == _field("lease.run_id", runs.c.id),
        runs.c.owner == _field("lease.owner", runs.c.owner),
        runs.c.epoch == _field("lease.epoch", runs.c.epoch),
    ),
)


class Runs(Repository):
    """`shared`: whether other gateways may take over the runs of this one."""

    def __init__(self, connection: Connection, *, shared: bool = False) -> None:
        super().__init__(connection)
        self._shared = shared

    async def add(self, run: OpenRun, now: datetime) -> None:
        """Adds an open run. Raises Conflict when its key has one already."""
        values = {"id": run.id, "kind": run.kind, "key": run.key, "user_id": run.user_id, "owner": run.owner, "epoch": run.epoch}
        rest = {"attempts": run.attempts, "on_disconnect": run.on_disconnect, "request": run.request.decode(), "created_at": now}
        await self._changed(_ADD_SMALL if len(run.request) <= _SMALL else _ADD, values | rest)

    async def close(self, lease: Lease) -> bool:
        """Removes the run with its checkpoints. Returns False, and changes nothing, when the lease is no longer valid; where other
        gateways may have the run, it raises LeaseLost."""
        if await self._changed(_CLOSE, _named(lease)):
            return True
        if self._shared:
            raise LeaseLost
        return False

    async def of_key(self, key: str) -> OpenRun | None:
        """Returns the key's open run, of any owner; None when there is none."""
        return await self._run(select(*_OF_RUN).where(runs.c.key == key))

    async def find(self, run_id: str) -> OpenRun | None:
        """Returns an open run, of any owner; None when it is not open."""
        return await self._run(select(*_OF_RUN).where(runs.c.id == run_id))

    async def _run(self, query: Executable) -> OpenRun | None:
        row = (await self._connection.execute(query)).first()
        return None if row is None else _open_run(row)

    async def take_over(self, owner: str, rule: OrphanRule | None = None) -> list[OpenRun]:
        """Makes `owner` the owner of every open run, or of those of the rule, under the next epoch, and returns these runs."""
        if rule is not None:
            return await self._take(owner, rule)
        change = update(runs).values(owner=owner, epoch=runs.c.epoch + 1, attempts=runs.c.attempts + 1)
        await self._changed(change)
        query = select(*_OF_RUN).where(runs.c.owner == owner).order_by(runs.c.created_at, runs.c.id)
        return [_open_run(row) for row in await self._connection.execute(query)]

    async def _take(self, owner: str, rule: OrphanRule) -> list[OpenRun]:
        orphans = [runs.c.owner == NOBODY]
        if rule.lease is not None:
            living = select(gateways.c.name).where(gateways.c.beat_at > _NOW - rule.lease)
            orphans.append((runs.c.owner != owner) & runs.c.owner.not_in(living))
        if rule.lost:
            orphans.append((runs.c.owner == owner) & runs.c.id.in_(rule.lost))
        starts = runs.c.attempts + case((runs.c.owner == NOBODY, 0), else_=1)
        change = update(runs).where(or_(*orphans)).values(owner=owner, epoch=runs.c.epoch + 1, attempts=starts)
        rows = await self._connection.execute(change.returning(*_OF_RUN))
        return [_open_run(row) for row in rows]

    async def of_owner(self, owner: str, before: datetime) -> list[str]:
        """Returns the ids of the open runs of a gateway that began before a time."""
        query = select(runs.c.id).where(runs.c.owner == owner, runs.c.created_at < before)
        return list((await self._connection.execute(query)).scalars())

    async def give_away(self, leases: Sequence[Lease]) -> None:
        """Leaves runs to any gateway, as far as these leases are valid."""
        if leases:
            await self._connection.execute(_GIVE, [_named(lease) for lease in leases])

    async def checkpoint(self, batch: Sequence[Checkpoint]) -> None:
        """Adds events to the runs whose leases are valid."""
        # a single statement: each one needs the interpreter's lock, which a busy loop holds
        if self._connection.dialect.name == "sqlite":
            await self._connection.execute(_APPEND_ALL, {"rows": msgspec.json.encode(batch).decode()})
            return
        rows = [
            _named(one.lease)
            | {"since": one.since, "number": one.number, "pieces": one.pieces, "events": msgspec.json.encode(one.events).decode()}
            for one in batch
        ]
        await self._connection.execute(_APPEND, rows)

    async def progress(self, run_id: str) -> list[SavedEvent]:
        """Returns the checkpointed events of a run, oldest first."""
        return [event for row in await self._saved(run_id) for event in _decoded(row.events)]

    async def reached(self, run_id: str) -> Reached:
        """Returns how far the checkpoints of a run reach."""
        rows = await self._saved(run_id)
        is_sqlite = self._connection.dialect.name == "sqlite"
        clock = select(_SQLITE_NOW, _SQLITE_BEGAN) if is_sqlite else select(_NOW, _BEGAN)
        now, began = (await self._connection.execute(clock.select_from(runs).where(runs.c.id == run_id))).one()
        last = max((row.saved_at for row in rows if row.saved_at is not None), default=began)
        return Reached(
            number=rows[-1].number if rows else 0,
            pieces=sum(row.pieces for row in rows),
            seconds=max(0.0, now - last),
            events=[event for row in rows for event in _decoded(row.events)],
        )

    async def _saved(self, run_id: str) -> list[Row[Any]]:
        """Returns the checkpoints that count, oldest first."""
        query = select(checkpoints).where(checkpoints.c.run_id == run_id).order_by(checkpoints.c.id)
        kept: list[Row[Any]] = []
        for row in await self._connection.execute(query):
            while kept and kept[-1].number > row.since:  # stored before, but the answer was lost
                kept.pop()
            kept.append(row)
        return kept


_OF_RUN: Final = [column for column in runs.c if column.name != "created_at"]


def _open_run(row: Row[Any]) -> OpenRun:
    return OpenRun(**dict(row._mapping) | {"request": row.request.encode()})


def _decoded(events: str) -> list[SavedEvent]:
    """Returns the stored events, without those of another release that this one cannot read."""
    try:
        return _events.decode(events)
    except msgspec.ValidationError:
        pass
    known: list[SavedEvent] = []
    for event in msgspec.json.decode(events):
        with suppress(msgspec.ValidationError):
            known.append(msgspec.convert(event, SavedEvent))
    return known


def _named(lease: Lease) -> dict[str, Any]:
    return {"run": lease.run_id, "by": lease.owner, "under": lease.epoch}
