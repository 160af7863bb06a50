"""What generations cost: one row each, kept when their session goes."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

import msgspec
from sqlalchemy import ColumnElement, func, insert, select

from lam.storage.access import own
from lam.storage.models import Generation, UsageRow
from lam.storage.repositories.base import QUICK, Repository
from lam.storage.schema import generations, sessions, users

Grouping = Literal["total", "day", "session", "model", "user"]

_KEYS: dict[Grouping, Sequence[ColumnElement[Any]]] = {
    "total": (),
    "day": (func.date(generations.c.created_at),),
    "session": (generations.c.session_id, sessions.c.title),
    "model": (generations.c.model,),
    "user": (generations.c.user_id, users.c.email),
}
_ADD = insert(generations).execution_options(**QUICK)


def _outcome(status: str) -> ColumnElement[int]:
    return func.count().filter(generations.c.status == status)


_SUMS = (
    func.count(),
    _outcome("complete"),
    _outcome("cancelled"),
    _outcome("interrupted"),
    _outcome("failed"),
    func.count(generations.c.prompt_tokens),
    func.coalesce(func.sum(generations.c.prompt_tokens), 0),
    func.coalesce(func.sum(generations.c.completion_tokens), 0),
    func.coalesce(func.sum(generations.c.cached_tokens), 0),
    func.avg(generations.c.first_token_ms),
    func.avg(generations.c.tokens_per_second),
)


class Generations(Repository):
    async def add(self, generation: Generation) -> None:
        await self._changed(_ADD, msgspec.structs.asdict(generation))

    async def summed(self, grouping: Grouping, since: datetime, until: datetime, user_id: int | None, limit: int) -> list[UsageRow]:
        """Sums over `since <= created_at < until`, of one user or of all; days in their order, the rest by tokens, most first."""
        keys = _KEYS[grouping]
        query = select(*keys, *_SUMS).where(generations.c.created_at >= since, generations.c.created_at < until)
        if grouping == "session":
            query = query.join(sessions, sessions.c.id == generations.c.session_id)
        if grouping == "user":
            query = query.join(users, users.c.id == generations.c.user_id)
        if user_id is not None:
            query = query.where(own(generations, user_id))
        spent = _SUMS[6] + _SUMS[7]
        query = query.group_by(*keys).order_by(*(keys if grouping == "day" else (spent.desc(), *keys))).limit(limit)
        found = []
        for row in await self._connection.execute(query):
            sums: list[Any] = list(row[len(keys) :])
            averages = [None if value is None else float(value) for value in sums[9:]]
            values: dict[str, Any] = dict(zip(UsageRow.__struct_fields__[1:], (*map(int, sums[:9]), *averages), strict=True))
            found.append(UsageRow(key=tuple(row[: len(keys)]), **values))
        return found
