"""Budgets, what was used of them, and what running runs have reserved. Each has an owner: `key:5`, `user:3`, `group:NAME`.

It must not know when a budget is used up: `protocol.budget` does.
"""

from collections.abc import Collection, Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import bindparam, delete, func, insert, or_, select, update

from lam.protocol.budget import Budget, Spent
from lam.storage.models import Reservation
from lam.storage.repositories.base import QUICK, Repository
from lam.storage.schema import budgets, reservations, runs, spending

PART: Final = "#"  # between a run's id and the number of one of its requests

_SPENT: Final = tuple(spending.c[name] for name in Spent.__struct_fields__)
_LIMITS: Final = tuple(budgets.c[name] for name in Budget.__struct_fields__)
_LIMITS_OF = select(budgets.c.owner, *_LIMITS).execution_options(**QUICK)
_LIMITS_OF_MANY = _LIMITS_OF.where(budgets.c.owner.in_(bindparam("owners", expanding=True)))
# An account and perhaps a key, as in every request of a program: a list would be written into the statement at each run.
_LIMITS_OF_TWO = _LIMITS_OF.where(or_(budgets.c.owner == bindparam("first"), budgets.c.owner == bindparam("last")))
_TAKE = (
    delete(reservations)
    .where(reservations.c.run_id == bindparam("run"))
    .returning(*(reservations.c[name] for name in Reservation.__struct_fields__))
    .execution_options(**QUICK)
)


class Spending(Repository):
    # Budgets

    async def limits(self, owners: Sequence[str]) -> dict[str, Budget]:
        """Returns the stored budgets of these owners."""
        if 1 <= len(owners) <= 2:
            rows = await self._connection.execute(_LIMITS_OF_TWO, {"first": owners[0], "last": owners[-1]})
        else:
            rows = await self._connection.execute(_LIMITS_OF_MANY, {"owners": list(owners)})
        return {row.owner: Budget(**{name: row._mapping[name] for name in Budget.__struct_fields__}) for row in rows}

    async def set_limits(self, owner: str, user_id: int, budget: Budget | None) -> None:
        """Stores the budget of a key or a user. None: it has none of its own any more."""
        if budget is None:
            await self._changed(delete(budgets).where(budgets.c.owner == owner))
            return
        limits = self._insert(budgets).values(owner=owner, user_id=user_id, **_all(budget))
        await self._changed(limits.on_conflict_do_update(index_elements=["owner"], set_=_all(budget)))

    # What was used

    async def spent(self, owners: Collection[str]) -> dict[str, Spent]:
        query = select(spending.c.owner, *_SPENT).where(spending.c.owner.in_(owners))
        return {row.owner: Spent(**_named(row)) for row in await self._connection.execute(query)}

    async def recent(self, since: int, most: int) -> dict[str, Spent]:
        """Returns what owners have used that were active since then, the newest ones first."""
        query = select(spending.c.owner, *_SPENT).where(spending.c.at >= since).order_by(spending.c.at.desc()).limit(most)
        return {row.owner: Spent(**_named(row)) for row in await self._connection.execute(query)}

    async def locked(self, owner: str, user_id: int | None) -> Spent:
        """Returns what the owner has used. Nobody else can change it until this unit of work ends."""
        query = select(*_SPENT).where(spending.c.owner == owner).with_for_update()
        found = await self._one(Spent, query)
        if found is not None:
            return found
        new = self._insert(spending).values(owner=owner, user_id=user_id, **_all(Spent()))
        await self._connection.execute(new.on_conflict_do_nothing())  # where another unit of work is first, this one waits for it
        return await self._one(Spent, query) or Spent()

    async def store(self, owner: str, spent: Spent) -> None:
        await self._changed(update(spending).where(spending.c.owner == owner).values(**_all(spent)))

    # Reservations

    async def running(self, owners: Collection[str]) -> dict[str, int]:
        """Returns how many runs have reserved something of each owner's budget."""
        query = select(reservations.c.owner, func.count()).where(reservations.c.owner.in_(owners), reservations.c.is_run)
        query = query.group_by(reservations.c.owner)
        return {owner: int(number) for owner, number in await self._connection.execute(query)}

    async def add(self, reservation: Reservation) -> None:
        await self._changed(insert(reservations).values(**_all(reservation)))

    async def take(self, run_id: str) -> list[Reservation]:
        """Removes the reservations of a run and returns them, in the order in which owners are locked."""
        found = await self._all_of(run_id)
        return sorted(found, key=lambda one: one.owner)

    async def _all_of(self, run_id: str) -> list[Reservation]:
        rows = await self._connection.execute(_TAKE, {"run": run_id})
        return [Reservation(**_named(row)) for row in rows]

    async def forget(self, run_id: str) -> None:
        """Removes the reservations of a run and of its requests. Their tokens stay used: what the model did is unknown."""
        for name in (run_id, *await self.parts_of(run_id)):
            await self.take(name)

    async def parts_of(self, run_id: str) -> Sequence[str]:
        """Returns the names under which requests of this run have reserved something."""
        query = select(reservations.c.run_id).where(reservations.c.run_id.startswith(run_id + PART, autoescape=True)).distinct()
        return list((await self._connection.execute(query)).scalars())

    async def orphans(self, before: int | None = None) -> Sequence[str]:
        """Returns the names of reservations whose run is not open any more. `before`: only those of earlier minutes since 1970."""
        query = select(reservations.c.run_id).distinct()
        if before is not None:
            query = query.where(reservations.c.minute < before)
        names = list((await self._connection.execute(query)).scalars())
        open_ = set((await self._connection.execute(select(runs.c.id))).scalars()) if names else set()
        return [name for name in names if name.partition(PART)[0] not in open_]


def _all(struct: msgspec.Struct) -> dict[str, Any]:
    return msgspec.structs.asdict(struct)


def _named(row: Any) -> dict[str, Any]:
    return {name: value for name, value in row._mapping.items() if name != "owner" or "run_id" in row._mapping}
