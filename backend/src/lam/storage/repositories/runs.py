"""Open runs and their checkpoints. Whatever a run writes counts only while its lease is good."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import bindparam, delete, func, insert, select, update

from lam.protocol.events import ContentEvent
from lam.protocol.runs import Checkpoint, Lease, OpenRun
from lam.storage.repositories.base import QUICK, Repository
from lam.storage.schema import checkpoints, runs

_events: Final = msgspec.json.Decoder(list[ContentEvent])
_ADD = insert(runs).execution_options(**QUICK)
_CLOSE = delete(runs).where(runs.c.id == bindparam("run"), runs.c.owner == bindparam("by"), runs.c.epoch == bindparam("under"))
_CLOSE = _CLOSE.execution_options(**QUICK)
_COLUMNS: Final = [checkpoints.c.run_id.name, checkpoints.c.number.name, checkpoints.c.events.name]
_APPEND = insert(checkpoints).from_select(
    _COLUMNS,
    select(
        runs.c.id,
        bindparam("number", type_=checkpoints.c.number.type),
        bindparam("events", type_=checkpoints.c.events.type),
    )
    .where(runs.c.id == bindparam("run"), runs.c.owner == bindparam("by"), runs.c.epoch == bindparam("under"))
    .with_for_update(key_share=True, read=True),  # a run that ends meanwhile leaves no row without its run
)
_ROW = func.json_each(bindparam("rows")).table_valued("value")


def _field(path: str, like: Any) -> Any:
    return func.json_extract(_ROW.c.value, f"$.{path}", type_=like.type)


_APPEND_ALL = insert(checkpoints).from_select(
    _COLUMNS,
    select(runs.c.id, _field("number", checkpoints.c.number), _field("events", checkpoints.c.events)).where(
        runs.c.id == _field("lease.run_id", runs.c.id),
        runs.c.owner == _field("lease.owner", runs.c.owner),
        runs.c.epoch == _field("lease.epoch", runs.c.epoch),
    ),
)


class Runs(Repository):
    async def add(self, run: OpenRun, now: datetime) -> None:
        """Raises Conflict where the key has an open run."""
        values = {"id": run.id, "kind": run.kind, "key": run.key, "user_id": run.user_id, "owner": run.owner, "epoch": run.epoch}
        rest = {"attempts": run.attempts, "on_disconnect": run.on_disconnect, "request": run.request.decode(), "created_at": now}
        await self._changed(_ADD, values | rest)

    async def close(self, lease: Lease) -> bool:
        """Removes the run with its checkpoints; False where the lease is no longer good, and then nothing was changed."""
        return bool(await self._changed(_CLOSE, _named(lease)))

    async def take_over(self, owner: str) -> list[OpenRun]:
        """Makes every open run this owner's, under the next epoch."""
        taken = update(runs).values(owner=owner, epoch=runs.c.epoch + 1, attempts=runs.c.attempts + 1)
        await self._changed(taken)
        columns = [column for column in runs.c if column.name != "created_at"]
        rows = await self._connection.execute(select(*columns).where(runs.c.owner == owner).order_by(runs.c.created_at, runs.c.id))
        return [OpenRun(**dict(row._mapping) | {"request": row.request.encode()}) for row in rows]

    async def checkpoint(self, taken: Sequence[Checkpoint]) -> None:
        """Adds events to runs whose leases are good."""
        if self._connection.dialect.name == "sqlite":  # one statement: each needs the interpreter's lock, which a busy loop holds
            await self._connection.execute(_APPEND_ALL, {"rows": msgspec.json.encode(taken).decode()})
            return
        rows = [_named(one.lease) | {"number": one.number, "events": msgspec.json.encode(one.events).decode()} for one in taken]
        await self._connection.execute(_APPEND, rows)

    async def progress(self, run_id: str) -> list[ContentEvent]:
        """What was checkpointed of a run, oldest first."""
        query = select(checkpoints.c.events).where(checkpoints.c.run_id == run_id).order_by(checkpoints.c.id)
        rows = await self._connection.execute(query)
        return [event for (events,) in rows for event in _events.decode(events)]


def _named(lease: Lease) -> dict[str, Any]:
    return {"run": lease.run_id, "by": lease.owner, "under": lease.epoch}
