"""The costs of runs: one row each, kept when their session is deleted.

It must not know what a token costs.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

import msgspec
from sqlalchemy import ColumnElement, func, insert, select

from lam.storage.access import own
from lam.storage.models import Cost, UsageRow
from lam.storage.repositories.base import QUICK, Repository
from lam.storage.schema import costs, sessions, users

Grouping = Literal["total", "day", "session", "model", "user"]

_KEYS: dict[Grouping, Sequence[ColumnElement[Any]]] = {
    "total": (),
    "day": (func.date(costs.c.created_at),),
    "session": (costs.c.session_id, sessions.c.title),
    "model": (costs.c.model,),
    "user": (costs.c.user_id, users.c.email),
}
_ADD = insert(costs).execution_options(**QUICK)


def _outcome(status: str) -> ColumnElement[int]:
    return func.count().filter(costs.c.status == status)


_SUMS = (
    func.count(),
    _outcome("complete"),
    _outcome("cancelled"),
    _outcome("interrupted"),
    _outcome("failed"),
    func.count(costs.c.prompt_tokens),
    func.coalesce(func.sum(costs.c.prompt_tokens), 0),
    func.coalesce(func.sum(costs.c.completion_tokens), 0),
    func.coalesce(func.sum(costs.c.cached_tokens), 0),
    func.avg(costs.c.first_token_ms),
    func.avg(costs.c.tokens_per_second),
)


class Costs(Repository):
    async def add(self, cost: Cost) -> None:
        await self._changed(_ADD, msgspec.structs.asdict(cost))

    async def summed(self, grouping: Grouping, since: datetime, until: datetime, user_id: int | None, limit: int) -> list[UsageRow]:
        """Returns sums over `since <= created_at < until`, of one user or of all. Days come in order, everything else by tokens,
        most first."""
        keys = _KEYS[grouping]
        query = select(*keys, *_SUMS).where(costs.c.created_at >= since, costs.c.created_at < until)
        if grouping == "session":
            query = query.join(sessions, sessions.c.id == costs.c.session_id)
        if grouping == "user":
            query = query.join(users, users.c.id == costs.c.user_id)
        if user_id is not None:
            query = query.where(own(costs, user_id))
        spent = _SUMS[6] + _SUMS[7]
        query = query.group_by(*keys).order_by(*(keys if grouping == "day" else (spent.desc(), *keys))).limit(limit)
        usage = []
        for row in await self._connection.execute(query):
            sums: list[Any] = list(row[len(keys) :])
            averages = [None if value is None else float(value) for value in sums[9:]]
            values: dict[str, Any] = dict(zip(UsageRow.__struct_fields__[1:], (*map(int, sums[:9]), *averages), strict=True))
            usage.append(UsageRow(key=tuple(row[: len(keys)]), **values))
        return usage
