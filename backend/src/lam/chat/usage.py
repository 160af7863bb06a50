"""Sums the costs of runs. It knows tokens and no prices."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

from msgspec import Struct

from lam.errors import Forbidden, Invalid
from lam.protocol.spreadsheet import as_csv
from lam.storage.database import Database
from lam.storage.models import UsageRow, User
from lam.storage.repositories.costs import Wanted

DEFAULT_DAYS: Final = 30
MOST_DAYS: Final = 3660
MOST_ROWS: Final = 100
MOST_LINES: Final = 100_000
COLUMNS: Final = (
    *("day", "user", "key", "key_id", "model", "kind"),
    *("runs", "complete", "cancelled", "interrupted", "failed", "metered", "estimated"),
    *("prompt_tokens", "completion_tokens", "cached_tokens"),
)


class Usage(Struct, frozen=True, kw_only=True):
    """Sums over days in UTC, first and last included. `users`: only in a report about everybody. `keys`: of programs;
    what was asked in the page and by logins is not among them."""

    first: date
    last: date
    total: UsageRow
    days: Sequence[UsageRow]
    sessions: Sequence[UsageRow]
    models: Sequence[UsageRow]
    keys: Sequence[UsageRow]
    users: Sequence[UsageRow] | None


class Question(Struct, frozen=True, kw_only=True):
    """Whose usage, of what and when. `key_id` 0: that of no key. `user_id`, `everybody`: for admins."""

    first: date | None = None
    last: date | None = None
    everybody: bool = False
    user_id: int | None = None
    model: str | None = None
    key_id: int | None = None


class UsageReport:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def of(self, user: User, asked: Question) -> Usage:
        """Returns the usage, by default the user's own of the last 30 days. Raises Invalid, and Forbidden when the user is no admin
        and asks about others."""
        first, last, wanted = _wanted(user, asked)
        async with self._database.read() as unit:
            total = (await unit.costs.summed("total", wanted, 1))[0]
            days = await unit.costs.summed("day", wanted, MOST_DAYS)
            models = await unit.costs.summed("model", wanted, MOST_ROWS)
            keys = await unit.costs.summed("key", wanted, MOST_ROWS)
            sessions = await unit.costs.summed("session", wanted, MOST_ROWS) if wanted.user_id == user.id else []
            users = await unit.costs.summed("user", wanted, MOST_ROWS) if asked.everybody else None
        return Usage(first=first, last=last, total=total, days=days, sessions=sessions, models=models, keys=keys, users=users)

    async def table(self, user: User, asked: Question) -> str:
        """Returns the usage as CSV, a line for each day, account, key, model and kind. Raises as `of` does."""
        *_, wanted = _wanted(user, asked)
        async with self._database.read() as unit:
            rows = await unit.costs.summed("finest", wanted, MOST_LINES + 1)
        if len(rows) > MOST_LINES:
            raise Invalid(f"This span has more than {MOST_LINES:,} lines; choose fewer days.")
        return as_csv(COLUMNS, (_line(row) for row in rows))


def _wanted(user: User, asked: Question) -> tuple[date, date, Wanted]:
    about_others = asked.everybody or asked.user_id not in (None, user.id)
    if about_others and not user.is_admin:
        raise Forbidden("Only an admin sees everybody's usage; `lam users admin EMAIL` makes one.")
    last = asked.last or datetime.now(UTC).date()
    first = asked.first or date.fromordinal(max(1, last.toordinal() - DEFAULT_DAYS + 1))
    if not 0 <= (last - first).days < MOST_DAYS or last == date.max:
        raise Invalid("first: it must be before `last`, and not more than ten years.")
    since, until = (datetime.combine(day, time(), UTC) for day in (first, last + timedelta(days=1)))
    whose = asked.user_id if asked.user_id is not None else None if asked.everybody else user.id
    return first, last, Wanted(since=since, until=until, user_id=whose, model=asked.model, key_id=asked.key_id)


def _line(row: UsageRow) -> list[Any]:
    day, email, key, key_id, model, kind = row.key
    counts = (row.generations, row.complete, row.cancelled, row.interrupted, row.failed, row.metered, row.estimated)
    return [str(day), email, key, key_id, model, kind, *counts, row.prompt_tokens, row.completion_tokens, row.cached_tokens]
