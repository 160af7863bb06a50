"""Sums the costs of runs. It knows tokens and no prices."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from msgspec import Struct

from lam.errors import Forbidden, Invalid
from lam.storage.database import Database
from lam.storage.models import UsageRow, User

DEFAULT_DAYS: Final = 30
MOST_DAYS: Final = 3660
MOST_ROWS: Final = 100


class Usage(Struct, frozen=True, kw_only=True):
    """Sums over days in UTC, first and last included. `users`: only in a report about everybody."""

    first: date
    last: date
    total: UsageRow
    days: Sequence[UsageRow]
    sessions: Sequence[UsageRow]
    models: Sequence[UsageRow]
    users: Sequence[UsageRow] | None


class UsageReport:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def of(self, user: User, first: date | None, last: date | None, *, everybody: bool = False) -> Usage:
        """Returns the usage, by default of the last 30 days. Raises Invalid, and Forbidden when the user is no admin and asks
        about everybody."""
        if everybody and not user.is_admin:
            raise Forbidden("Only an admin sees everybody's usage; `lam users admin EMAIL` makes one.")
        last = last or datetime.now(UTC).date()
        first = first or date.fromordinal(max(1, last.toordinal() - DEFAULT_DAYS + 1))
        if not 0 <= (last - first).days < MOST_DAYS or last == date.max:
            raise Invalid("first: it must be before `last`, and not more than ten years.")
        since, until = (datetime.combine(day, time(), UTC) for day in (first, last + timedelta(days=1)))
        only = None if everybody else user.id
        async with self._database.read() as unit:
            total = (await unit.costs.summed("total", since, until, only, 1))[0]
            days = await unit.costs.summed("day", since, until, only, MOST_DAYS)
            models = await unit.costs.summed("model", since, until, only, MOST_ROWS)
            sessions = await unit.costs.summed("session", since, until, only, MOST_ROWS) if not everybody else []
            users = await unit.costs.summed("user", since, until, None, MOST_ROWS) if everybody else None
        return Usage(first=first, last=last, total=total, days=days, sessions=sessions, models=models, users=users)
