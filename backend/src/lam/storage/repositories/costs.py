"""The costs of runs: one row each, kept when their session is deleted.

It must not know what a token costs.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

import msgspec
from msgspec import Struct
from sqlalchemy import ColumnElement, FromClause, case, func, insert, select

from lam.storage.access import own, sessions_open
from lam.storage.models import Cost, UsageRow
from lam.storage.repositories.base import QUICK, Repository
from lam.storage.schema import costs, keys, sessions, users

Grouping = Literal["total", "day", "session", "model", "user", "key", "finest"]

# A guest's address is nobody's, and never shown.
_PAYER: ColumnElement[Any] = case((users.c.scope.is_(None), users.c.email), else_=users.c.nickname + " (guest)")
_KEYS: dict[Grouping, Sequence[ColumnElement[Any]]] = {
    "total": (),
    "day": (func.date(costs.c.created_at),),
    "session": (costs.c.session_id, sessions.c.title),
    "model": (costs.c.model,),
    "user": (costs.c.user_id, _PAYER),
    "key": (costs.c.key_id, keys.c.name, keys.c.prefix, keys.c.user_id),
    "finest": (func.date(costs.c.created_at), _PAYER, keys.c.name, costs.c.key_id, costs.c.model, costs.c.kind),
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
    func.count().filter(costs.c.estimated),
    func.coalesce(func.sum(costs.c.prompt_tokens), 0),
    func.coalesce(func.sum(costs.c.completion_tokens), 0),
    func.coalesce(func.sum(costs.c.cached_tokens), 0),
    func.avg(costs.c.first_token_ms),
    func.avg(costs.c.tokens_per_second),
)


class Costs(Repository):
    async def add(self, cost: Cost) -> None:
        await self._changed(_ADD, msgspec.structs.asdict(cost))

    async def summed(self, grouping: Grouping, wanted: "Wanted", limit: int) -> list[UsageRow]:
        """Returns sums over what is wanted. Days come in order, everything else by tokens, most first. By session: only those that
        the user may still read."""
        groups = _KEYS[grouping]
        query = select(*groups, *_SUMS).select_from(_source(grouping)).where(*wanted.conditions())
        spent = _SUMS[7] + _SUMS[8]
        in_order = grouping in ("day", "finest")
        if grouping == "session" and wanted.user_id is not None:
            query = query.where(sessions_open("read", wanted.user_id))
        query = query.group_by(*groups).order_by(*(groups if in_order else (spent.desc(), *groups))).limit(limit)
        usage = []
        for row in await self._connection.execute(query):
            sums: list[Any] = list(row[len(groups) :])
            averages = [None if value is None else float(value) for value in sums[10:]]
            values: dict[str, Any] = dict(zip(UsageRow.__struct_fields__[1:], (*map(int, sums[:10]), *averages), strict=True))
            usage.append(UsageRow(key=tuple(row[: len(groups)]), **values))
        return usage


class Wanted(Struct, frozen=True, kw_only=True):
    """Which costs are summed: `since <= created_at < until`, and those of one user, model or key. `key_id` 0: those of no key."""

    since: datetime
    until: datetime
    user_id: int | None = None
    model: str | None = None
    key_id: int | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        conditions = [costs.c.created_at >= self.since, costs.c.created_at < self.until]
        if self.user_id is not None:
            conditions.append(own(costs, self.user_id))
        if self.model is not None:
            conditions.append(costs.c.model == self.model)
        if self.key_id is not None:
            conditions.append(costs.c.key_id == self.key_id if self.key_id else costs.c.key_id.is_(None))
        return conditions


def _source(grouping: Grouping) -> FromClause:
    if grouping == "session":
        return costs.join(sessions, sessions.c.id == costs.c.session_id)
    if grouping == "user":
        return costs.join(users, users.c.id == costs.c.user_id)
    if grouping == "key":
        return costs.join(keys, keys.c.id == costs.c.key_id)
    if grouping == "finest":
        return costs.join(users, users.c.id == costs.c.user_id).outerjoin(keys, keys.c.id == costs.c.key_id)
    return costs
