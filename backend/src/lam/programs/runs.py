"""Runs of programs as a kind: their rows, their cost, and who may follow them. What they say is in their
log alone, unless `lam.toml` keeps it.

It must not know engines, HTTP, or any program's format.
"""

import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Final, Literal

import msgspec
from msgspec import Struct

from lam.accounts.spending import settle_outcome
from lam.errors import Conflict, LeaseLost, NotFound, StorageUnavailable
from lam.generation.remote import RemoteRun
from lam.generation.run import Run
from lam.programs.archive import Archive, Kept
from lam.protocol.events import Done, Error, Event, Metadata, Mode
from lam.protocol.outcome import Outcome
from lam.protocol.runs import Lease, OpenRun
from lam.storage.costs import cost_of
from lam.storage.database import Database
from lam.streams.memory_log import KEEP_SECONDS

log = logging.getLogger(__name__)

API: Final = "api"
MOST_ATTEMPTS: Final = 4  # to store a result that is kept
MOST_ENDED: Final = 20_000  # runs whose owner is remembered


class ProgramOrder(Struct, frozen=True, kw_only=True):
    """What a program's run is about. `prompt_tokens`: estimated. `mode`, `server`, `model`, `simulated`: as expected at the
    beginning. `limited`: whether a budget applies. `kept`: the conversation, where it is stored; None: not a word of it is."""

    user_id: int
    key_id: int | None = None
    prompt_tokens: int = 0
    mode: Mode = "sse"
    server: str | None = None
    model: str | None = None
    simulated: bool | None = None
    limited: bool = True
    kept: Kept | None = None


class ProgramSink:
    """A `Sink` that owns the run's cost. `ended(status)` is called once it is stored."""

    def __init__(
        self, order: ProgramOrder, stream_id: str, database: Database, archive: Archive, ended: Callable[[str], None]
    ) -> None:
        self._archive = archive
        self._illustrated: Outcome | None = None  # the outcome to be kept, with its pictures stored
        self._order = order
        self._stream_id = stream_id
        self._database = database
        self._ended = ended

    def opening(self) -> Sequence[Event]:
        order = self._order
        metadata = Metadata(None, None, "", self._stream_id, None, order.mode, order.model, order.simulated)
        return [metadata if order.server is None else msgspec.structs.replace(metadata, server=order.server)]

    def prompt_tokens(self) -> int:
        return self._order.prompt_tokens

    async def commit(self, outcome: Outcome, lease: Lease) -> None:
        if self._order.kept is not None and self._illustrated is None:
            self._illustrated = await self._archive.with_pictures(self._order.user_id, outcome)
        for attempt in range(MOST_ATTEMPTS):
            try:
                await self._commit(outcome, lease, kept=attempt < MOST_ATTEMPTS - 1)
                break
            except Conflict:  # another run has kept the same conversation, or made the folder, at the same time
                continue
            except StorageUnavailable:
                raise
            except LeaseLost:
                self._ended("interrupted")
                raise
            except Exception:  # it must not cost the bill
                log.exception("The run %s of a program cannot be kept", lease.run_id)
                await self._commit(outcome, lease, kept=False)
                break
        self._ended(outcome.status)

    async def _commit(self, outcome: Outcome, lease: Lease, *, kept: bool) -> None:
        order, now, session_id = self._order, datetime.now(UTC), None
        async with self._database.write() as unit:
            if await unit.runs.close(lease):
                if kept and order.kept is not None and self._illustrated is not None:
                    session_id = await self._archive.keep(unit, order.user_id, lease.run_id, order.kept, self._illustrated, now)
                await unit.costs.add(cost_of(outcome, order.user_id, session_id, API, now, key_id=order.key_id))
                if order.limited:
                    await settle_outcome(unit, lease.run_id, outcome)

    def ending(self, outcome: Outcome) -> Done | Error:
        facts = outcome.facts
        if facts.failure is not None:
            return Error(facts.failure.message, facts.failure.code, facts.failure.retryable)
        reason = facts.finish_reason or "stop"
        return Done(None, outcome.text, reason, facts.model, facts.simulated, facts.usage, facts.timings)


class ProgramRuns:
    """The `Kind` of run that answers programs. It remembers whose runs are open, or ended while their logs may be kept."""

    name = API

    def __init__(self, database: Database, archive: Archive, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._archive = archive
        self._clock = clock
        self.elsewhere: Callable[[str], RemoteRun | None] | None = None  # returns a run of another gateway, also one that has ended
        self._open: dict[str, int] = {}  # user ids by run
        self._ended: OrderedDict[str, tuple[float, int, str]] = OrderedDict()  # when, whose, status

    def sink(self, order: ProgramOrder, run_id: str) -> ProgramSink:
        """Returns the sink of a run that begins."""
        self._open[run_id] = order.user_id
        return ProgramSink(order, run_id, self._database, self._archive, lambda status: self._end(run_id, status))

    def _end(self, run_id: str, status: str) -> None:
        user_id = self._open.pop(run_id, None)
        if user_id is not None:
            self._ended[run_id] = (self._clock(), user_id, status)
        while self._ended:
            since, _, _ = next(iter(self._ended.values()))
            if len(self._ended) <= MOST_ENDED and self._clock() - since < KEEP_SECONDS:
                return
            self._ended.popitem(last=False)

    def lost(self, run: Run) -> None:
        """Forgets a run that another gateway has now."""
        self._open.pop(run.id, None)

    def count(self, user_id: int) -> int:
        """Returns how many runs of the user are open."""
        return sum(owner == user_id for owner in self._open.values())

    async def restore(self, run: OpenRun) -> ProgramSink | None:
        try:
            order = msgspec.json.decode(run.request, type=ProgramOrder)
        except msgspec.DecodeError:  # from another release
            order = ProgramOrder(user_id=run.user_id)
        return self.sink(order, run.id)

    async def status(self, run_id: str, user_id: int, action: Literal["read", "stop"]) -> str | None:
        if self._open.get(run_id) == user_id:
            return "streaming"
        if run_id in self._ended:
            _, owner, status = self._ended[run_id]
            return status if owner == user_id else None
        if self.elsewhere is None:
            return None
        if (run := self.elsewhere(run_id)) is not None:
            return (run.status or "streaming") if (run.kind, run.user_id) == (API, user_id) else None
        async with self._database.read() as unit:
            row = await unit.runs.find(run_id)
        return "streaming" if row is not None and (row.kind, row.user_id) == (API, user_id) else None

    async def rebuild(self, run_id: str, user_id: int) -> Sequence[Event]:
        """Raises NotFound: nothing of such a run outlives its log."""
        raise NotFound("This reply is no longer kept.")
