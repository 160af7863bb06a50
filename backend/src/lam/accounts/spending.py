"""Budgets in force: reserves tokens when a run is admitted, and settles them when it has ended.

Both happen in the transaction of somebody else: the reservation in the one that stores the run, the settlement in the one that
stores its result. It must not know what a run is about, and knows no HTTP.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Final, Literal, Self

from msgspec import Struct

from lam.accounts.programs import Spender
from lam.background import Background
from lam.errors import BudgetExceeded, StorageUnavailable
from lam.protocol.budget import DAY, NO_LIMITS, Bar, Budget, Spent, Wish, bars, length_within, obstacle
from lam.protocol.events import Usage
from lam.protocol.outcome import Outcome
from lam.protocol.tokens import estimate_text
from lam.storage.database import Database, UnitOfWork
from lam.storage.models import Key, Reservation

Owner = Literal["key", "user", "group", "room"]
USUAL_TOKENS: Final = 2048
ROOM: Final = "room:"

WORDS: Final = {
    "requests_per_minute": "requests a minute",
    "tokens_per_minute": "tokens a minute",
    "tokens_per_day": "tokens a day",
    "runs": "runs at once",
}


class GroupBudget(Struct, frozen=True, kw_only=True):
    """What all `users` (addresses) of a group may use together."""

    name: str
    users: frozenset[str]
    budget: Budget


class Defaults(Struct, frozen=True, kw_only=True):
    """The budgets of the configuration. `user`: of each account without a budget of its own. `key`: the most that any key may have.
    `tokens`: a reply's usual length."""

    user: Budget = NO_LIMITS
    key: Budget = NO_LIMITS
    groups: tuple[GroupBudget, ...] = ()
    tokens: int = USUAL_TOKENS


class Held(Struct, frozen=True, kw_only=True):
    """A budget that applies to a spender. `name`: of the key or the group."""

    of: Owner
    name: str | None
    owner: str
    user_id: int | None
    budget: Budget


class Standing(Struct, frozen=True, kw_only=True):
    """A budget and what is left of it."""

    of: Owner
    name: str | None
    bars: list[Bar]


def key_owner(key_id: int) -> str:
    return f"key:{key_id}"


def user_owner(user_id: int) -> str:
    return f"user:{user_id}"


def group_owner(name: str) -> str:
    return f"group:{name}"


def room_owner(room_id: int, user_id: int) -> str:
    """Returns the owner of what one participant uses in a room."""
    return f"{ROOM}{room_id}:{user_id}"


class Allotment(Struct, frozen=True):
    """What a run may use. `length`: of the reply, in tokens. `limited`: whether a budget applies to the run."""

    length: int
    limited: bool


class Spending:
    """The budgets of one gateway. `after_refusal(error)`: called for each refused request; `after_use(of, tokens)`: for each
    reservation."""

    def __init__(self, defaults: Defaults = Defaults()) -> None:  # noqa: B008  # frozen
        self.defaults = defaults
        self.after_refusal: list[Callable[[BudgetExceeded], None]] = []
        self.after_use: list[Callable[[Owner, int], None]] = []

    def configure(self, defaults: Defaults) -> None:
        """Puts other defaults in force. What was used stays."""
        self.defaults = defaults

    async def reserve(
        self,
        unit: UnitOfWork,
        spender: Spender,
        *,
        run_id: str,
        prompt_tokens: int,
        max_tokens: int | None,
        now: datetime,
        usual: int | None = None,
        is_run: bool = True,
    ) -> Allotment:
        """Reserves the tokens of a run in its opening transaction, and returns what the run may use.

        `prompt_tokens`: counted, or estimated. `max_tokens`: as the caller chose it; None: the reply may be up to `usual` tokens
        (by default the gateway's) and is shortened to what is left, but not below 64. `is_run`: False for what the gateway does by
        itself; that uses tokens alone. Without a budget nothing is stored. Raises BudgetExceeded.
        """
        usual = self.defaults.tokens if usual is None else usual
        wish = Wish(prompt=prompt_tokens, length=max_tokens, usual=usual, is_run=is_run)
        budgets = [held for held in await self._held(unit, spender) if held.budget]
        if not budgets:
            return Allotment(length_within([], wish), limited=False)
        owners, seconds = [held.owner for held in budgets], int(now.timestamp())
        spent = {held.owner: (await unit.spending.locked(held.owner, held.user_id)).until(seconds) for held in budgets}
        running = await unit.spending.running(owners)
        all_ = {held.owner: bars(held.budget, spent[held.owner], running.get(held.owner, 0)) for held in budgets}
        for held in budgets:
            if (bar := obstacle(all_[held.owner], wish)) is not None:
                raise self._refusal(held, bar, wish, spent[held.owner].at)
        length = length_within([bar for bars_ in all_.values() for bar in bars_], wish)
        tokens = wish.prompt + length
        for held in budgets:
            before = spent[held.owner]
            after = before.adding(requests=int(is_run), tokens=tokens, minute=before.minute, day=before.day)
            await unit.spending.store(held.owner, after)
            await unit.spending.add(
                Reservation(
                    run_id=run_id,
                    owner=held.owner,
                    user_id=spender.user_id,
                    prompt_tokens=wish.prompt,
                    tokens=tokens,
                    minute=before.minute,
                    day=before.day,
                    is_run=is_run,
                )
            )
            for callback in self.after_use:
                callback(held.of, tokens)
        return Allotment(length, limited=True)

    async def limits(self, unit: UnitOfWork, spender: Spender) -> bool:
        """Returns whether any budget applies to a spender."""
        return any(held.budget for held in await self._held(unit, spender))

    async def settle(self, unit: UnitOfWork, run_id: str, usage: Usage | None, shown_tokens: int) -> None:
        """The same as the function: to settle, no budgets have to be known."""
        await settle(unit, run_id, usage, shown_tokens)

    async def own_budget(self, unit: UnitOfWork, user_id: int) -> Budget | None:
        """Returns the account's own budget, None where the configuration's holds."""
        return (await unit.spending.limits([user_owner(user_id)])).get(user_owner(user_id))

    async def standing(self, unit: UnitOfWork, spender: Spender, now: datetime) -> list[Standing]:
        """Returns the budgets that apply to a spender, with what is left of them."""
        budgets = [held for held in await self._held(unit, spender) if held.budget]
        return await self._standing(unit, budgets, now)

    async def recent(self, unit: UnitOfWork, now: datetime, most: int) -> dict[str, list[Bar]]:
        """Returns the budgets of those who used theirs within a day, by owner."""
        seconds = int(now.timestamp())
        known = await unit.spending.recent(seconds - DAY, most)
        spent = {owner: used for owner, used in known.items() if not owner.startswith(ROOM)}  # rooms know theirs themselves
        stored, running = await unit.spending.limits(list(spent)), await unit.spending.running(list(spent))
        return {
            owner: bars(self._budget_of(owner, stored.get(owner)), used.until(seconds), running.get(owner, 0))
            for owner, used in spent.items()
        }

    def _budget_of(self, owner: str, stored: Budget | None) -> Budget:
        if owner.startswith(group_owner("")):
            return next((group.budget for group in self.defaults.groups if group_owner(group.name) == owner), NO_LIMITS)
        if owner.startswith("key:"):
            return (stored or NO_LIMITS).within(self.defaults.key)
        return self.defaults.user if stored is None else stored

    async def of_keys(self, unit: UnitOfWork, keys: Sequence[Key], now: datetime) -> dict[int, list[Standing]]:
        """Returns the keys' own budgets, by the ids of the keys."""
        stored = await unit.spending.limits([key_owner(key.id) for key in keys]) if keys else {}
        found: dict[int, list[Standing]] = {}
        for key in keys:
            owner = key_owner(key.id)
            budget = stored.get(owner, NO_LIMITS).within(self.defaults.key)
            held = Held(of="key", name=key.name, owner=owner, user_id=key.user_id, budget=budget)
            found[key.id] = await self._standing(unit, [held], now) if budget else []
        return found

    async def _standing(self, unit: UnitOfWork, budgets: list[Held], now: datetime) -> list[Standing]:
        if not budgets:
            return []
        owners, seconds = [held.owner for held in budgets], int(now.timestamp())
        spent, running = await unit.spending.spent(owners), await unit.spending.running(owners)
        return [
            Standing(
                of=held.of,
                name=held.name,
                bars=bars(held.budget, spent.get(held.owner, Spent()).until(seconds), running.get(held.owner, 0)),
            )
            for held in budgets
        ]

    async def _held(self, unit: UnitOfWork, spender: Spender) -> list[Held]:
        """Returns the budgets that may apply to a spender, in the order in which they are locked."""
        owners = [user_owner(spender.user_id)]
        if spender.key_id is not None:
            owners.append(key_owner(spender.key_id))
        stored = await unit.spending.limits(owners)
        held = [
            Held(
                of="user",
                name=None,
                owner=owners[0],
                user_id=spender.user_id,
                budget=stored.get(owners[0], self.defaults.user),
            )
        ]
        if spender.key_id is not None:
            budget = stored.get(owners[1], NO_LIMITS).within(self.defaults.key)
            key = await unit.keys.by_id(spender.key_id) if budget else None
            name = key.name if key else None
            held.append(Held(of="key", name=name, owner=owners[1], user_id=spender.user_id, budget=budget))
        if spender.room_id is not None:
            owner = room_owner(spender.room_id, spender.user_id)
            held.append(Held(of="room", name=None, owner=owner, user_id=spender.user_id, budget=spender.room_budget))
        if self.defaults.groups:
            user = await unit.users.by_id(spender.user_id)
            held += [
                Held(of="group", name=group.name, owner=group_owner(group.name), user_id=None, budget=group.budget)
                for group in self.defaults.groups
                if user is not None and user.email in group.users
            ]
        return sorted(held, key=lambda one: one.owner)

    def _refusal(self, held: Held, bar: Bar, wish: Wish, at: int) -> BudgetExceeded:
        counts_tokens = bar.limit.startswith("tokens")
        needed = wish.takes(bar.limit)
        whose = {
            "key": f"The key {held.name or ''}".rstrip(),
            "user": "Your account",
            "group": f"The group {held.name}",
            "room": "Each person in this room",
        }[held.of]
        sentence = f"{whose} may use {bar.allowed} {WORDS[bar.limit]}"
        if needed > bar.allowed and not counts_tokens:
            sentence += "; ask for a larger budget."
        elif bar.limit == "runs":
            sentence += "; wait for one to end."
        elif needed > bar.allowed:
            sentence += f", and this request needs {needed}; make it shorter, or ask for a larger budget."
        else:
            renews = datetime.fromtimestamp(bar.renews_at or 0, UTC)
            wants = f", and this request needs {needed}" if counts_tokens else ""
            sentence += f"; {bar.left} are left{wants}. It renews at {renews:%Y-%m-%d %H:%M} UTC."
        error = BudgetExceeded(
            sentence,
            of=held.of,
            name=held.name,
            limit=bar.limit,
            allowed=bar.allowed,
            left=bar.left,
            needed=needed,
            renews_at=bar.renews_at,
            retry_after=None if bar.renews_at is None else max(1, bar.renews_at - at),
        )
        for callback in self.after_refusal:
            callback(error)
        return error


async def settle(unit: UnitOfWork, run_id: str, usage: Usage | None, shown_tokens: int, *, read_prompt: bool = False) -> None:
    """Replaces a run's reservation by what it used, in the transaction that stores its result. Does nothing without one.

    `usage`: the server's, or an estimate, which counts up to what was reserved and never less than `shown_tokens`, those of the
    text that came. None: nothing is known; the prompt counts if there was a text, or where the model read it (`read_prompt`).
    """
    for reservation in await unit.spending.take(run_id):
        used = tokens_used(reservation, usage, shown_tokens, read_prompt=read_prompt)
        is_group = reservation.owner.startswith(group_owner(""))
        spent = await unit.spending.locked(reservation.owner, None if is_group else reservation.user_id)
        change = used - reservation.tokens
        after = spent.adding(tokens=change, minute=reservation.minute, day=reservation.day)
        if after != spent:
            await unit.spending.store(reservation.owner, after)


async def settle_outcome(unit: UnitOfWork, run_id: str, outcome: Outcome) -> None:
    """Settles a run that has ended like this."""
    written = estimate_text(outcome.text) + estimate_text(outcome.thinking)
    timings = outcome.facts.timings
    # Whoever stops a run pays for its prompt, once it had a place: otherwise prompts that nobody waits for would be free.
    read_prompt = outcome.status == "cancelled" and timings is not None and timings.queued_ms is not None
    await settle(unit, run_id, outcome.facts.usage, written, read_prompt=read_prompt)


NO_ORPHAN: Final = timedelta(hours=1)
"""How long a request without a run may take at another gateway."""


async def settle_orphans(unit: UnitOfWork, before: datetime | None = None) -> int:
    """Frees the places of reservations whose run is gone without a result, and returns their number. Their tokens stay used: what
    the model did is unknown. `before`: only reservations of an earlier time; later ones may be of other gateways."""
    orphans = await unit.spending.orphans(None if before is None else int(before.timestamp()) // 60)
    for name in orphans:
        await unit.spending.take(name)
    return len(orphans)


class Reservations:
    """Frees the places of requests that ended without a settlement, every `every` seconds while this gateway is on duty. A run is
    settled with its result, but a request for vectors may end while the database is away. An async context manager."""

    def __init__(self, database: Database, *, on_duty: Callable[[], bool] = lambda: True, every: float = 3600) -> None:
        self._database = database
        self._on_duty = on_duty
        self._every = every
        self._tasks = Background()

    async def __aenter__(self) -> Self:
        self._tasks.keep("reservations", self._keep_settling)
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._tasks.close()

    async def settle(self, now: datetime) -> int:
        """Frees the places of requests that began more than an hour ago, and returns their number. Raises StorageUnavailable."""
        async with self._database.write() as unit:
            return await settle_orphans(unit, now - NO_ORPHAN)

    async def _keep_settling(self) -> None:
        while True:
            await asyncio.sleep(self._every)
            if self._on_duty():
                with suppress(StorageUnavailable):  # the next time
                    await self.settle(datetime.now(UTC))


def tokens_used(reservation: Reservation, usage: Usage | None, shown_tokens: int, *, read_prompt: bool = False) -> int:
    """Returns the tokens that count for a run."""
    if usage is None:
        has_begun = read_prompt or shown_tokens > 0
        return min(reservation.tokens, reservation.prompt_tokens + shown_tokens) if has_begun else 0
    if usage.estimated is True:
        return min(reservation.tokens, usage.prompt_tokens + max(usage.completion_tokens, shown_tokens))
    return usage.prompt_tokens + usage.completion_tokens
