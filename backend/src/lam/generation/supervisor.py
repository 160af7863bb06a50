"""Knows every running generation: by stream, by session, by user. Starts, stops and drains them."""

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Final, Self

from lam.background import Background
from lam.engines.base import Engine
from lam.errors import Interrupted, SessionBusy, ShuttingDown, TooManyStreams
from lam.generation.admission import Admission, Ticket
from lam.generation.checkpoint import keep_checkpoints
from lam.generation.pump import COMMIT_SECONDS, Pump
from lam.generation.run import Order, Run, Stop
from lam.protocol.events import Error
from lam.storage.database import Database
from lam.storage.models import Ending
from lam.streams.memory_log import Shelf

log = logging.getLogger(__name__)

ROOM_SECONDS: Final = 2
SAVE_SECONDS: Final = 3


class Claim:
    """A session that is about to get a run: its stream's id, and its place in the queue."""

    def __init__(self, stream_id: str, session_id: int, user_id: int, ticket: Ticket) -> None:
        self.stream_id = stream_id
        self.session_id = session_id
        self.user_id = user_id
        self.ticket = ticket
        self.gone = asyncio.Event()


class Supervisor:
    """An async context manager that owns the tasks of all runs. Leaving it ends what still runs, as `interrupted`."""

    def __init__(
        self,
        engine: Engine,
        database: Database,
        shelf: Shelf,
        *,
        max_queue: int,
        max_streams_per_user: int,
        detach_seconds: float,
        timeout: float,
        longest_reply: int = 2_000_000,
    ) -> None:
        self._engine = engine
        self._database = database
        self._shelf = shelf
        self._max_streams = max_streams_per_user
        self._detach_seconds = detach_seconds
        self._timeout = timeout
        self._longest_reply = longest_reply
        self._runs: dict[str, Run] = {}
        self._outer: dict[str, asyncio.Task[None]] = {}
        self._sessions: dict[int, Run | Claim] = {}
        self._draining = False
        self.after_end: list[Callable[[Run], None]] = []  # called once a run's ending is stored and told
        self.admission = Admission(max_queue, engine.busy, engine.lane)

    async def __aenter__(self) -> Self:
        self._engine.watch_capacity(self.admission.resize)
        self._tasks = asyncio.TaskGroup()
        await self._tasks.__aenter__()
        self._background = Background()
        self._background.keep("checkpoints", lambda: keep_checkpoints(self._database, self.running))
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.drain(0)
        await self._background.close()
        await self.admission.close()
        for run in self.running():
            log.error("The reply %s could not be saved; the next start recovers its checkpoints", run.stream_id)
            self._outer[run.stream_id].cancel()
        await self._tasks.__aexit__(None, None, None)

    # Looking

    def running(self) -> list[Run]:
        return list(self._runs.values())

    def get(self, stream_id: str) -> Run | None:
        return self._runs.get(stream_id)

    def in_session(self, session_id: int) -> Run | None:
        found = self._sessions.get(session_id)
        return found if isinstance(found, Run) else None

    @property
    def draining(self) -> bool:
        return self._draining

    # Starting

    @asynccontextmanager
    async def claim(self, session_id: int, user_id: int, model: str | None) -> AsyncIterator[Claim]:
        """Reserves the session and a place in the queue while the rows are written; `start` turns it into a run.

        Raises ShuttingDown, SessionBusy, TooManyStreams or QueueFull.
        """
        await self._make_room(session_id)
        owned = sum(self._owner(held) == user_id for held in self._sessions.values())
        if owned >= self._max_streams:
            raise TooManyStreams(f"You have {owned} replies running, as many as this gateway allows; wait for one to end.")
        ticket = self.admission.enter(model, user_id)
        claim = Claim(secrets.token_urlsafe(18), session_id, user_id, ticket)
        self._sessions[session_id] = claim
        try:
            yield claim
        finally:
            if self._sessions.get(session_id) is claim:  # it was not started
                del self._sessions[session_id]
                ticket.leave(model_is_free=True)
            claim.gone.set()

    def start(self, claim: Claim, order: Order) -> Run:
        log_ = self._shelf.open(claim.stream_id)
        run = Run(claim.stream_id, order, log_, detach_seconds=self._detach_seconds)
        self._runs[run.stream_id] = self._sessions[claim.session_id] = run
        pump = Pump(run, self._engine, claim.ticket, self._database, timeout=self._timeout, longest=self._longest_reply)
        self._outer[run.stream_id] = self._tasks.create_task(self._drive(run, pump), name=f"run-{run.stream_id}")
        if self._draining:
            run.stop(Stop("drain"))
        return run

    async def _drive(self, run: Run, pump: Pump) -> None:
        try:
            await pump.drive()
        except Exception:
            log.exception("The run %s fell out of its pump", run.stream_id)
        finally:
            if not run.ended.is_set():  # it fell out, or the gateway cannot wait for the database any longer
                failure = Interrupted()
                text, message_id = run.snapshot.text, run.order.assistant_message_id
                run.close(Ending("interrupted", text), Error(failure.message, failure.code, failure.retryable, message_id))
            del self._runs[run.stream_id], self._outer[run.stream_id]
            if self._sessions.get(run.order.session_id) is run:
                del self._sessions[run.order.session_id]
            self._shelf.ended(run.stream_id)
        for callback in self.after_end:
            try:
                callback(run)
            except Exception:
                log.exception("What follows the end of %s failed", run.stream_id)

    async def _make_room(self, session_id: int) -> None:
        """Waits a moment for the session's run to end or to lose its last reader: an aborted request and the next send travel on
        different connections. A `cancel` run that nobody reads makes way."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + ROOM_SECONDS
        while True:
            if self._draining:
                raise ShuttingDown
            held = self._sessions.get(session_id)
            if held is None:
                return
            if isinstance(held, Run) and held.order.on_disconnect == "cancel" and held.lonely.is_set():
                held.stop(Stop())
                if not await _happens(COMMIT_SECONDS, held.saved):
                    raise SessionBusy(held.stream_id)
                await asyncio.sleep(0)  # its task takes it off the books
                continue
            left = deadline - loop.time()
            if left <= 0:
                raise SessionBusy(held.stream_id)
            if isinstance(held, Claim):
                await _happens(left, held.gone)
            elif held.order.on_disconnect == "cancel":
                await _happens(left, held.saved, held.lonely)
            else:
                await _happens(left, held.saved)
            await asyncio.sleep(0)

    # Ending

    async def stop(self, stream_id: str, shown_chars: int | None = None) -> None:
        """Stops a run in whatever stage it is, and waits a little for its message to stand; harmless when it has ended."""
        run = self._runs.get(stream_id)
        if run is not None:
            run.stop(Stop(shown_chars=shown_chars))
            await _happens(ROOM_SECONDS, run.saved)

    async def end_session(self, session_id: int) -> None:
        """Stops the session's run and waits until its message is final. Raises SessionBusy when it cannot be made final."""
        await self._end(run for run in self.running() if run.order.session_id == session_id)

    async def end_user(self, user_id: int) -> None:
        await self._end(run for run in self.running() if run.order.user_id == user_id)

    async def _end(self, runs: Iterable[Run]) -> None:
        ending = list(runs)
        for run in ending:
            run.stop(Stop())
        for run in ending:
            if not await _happens(COMMIT_SECONDS, run.saved):
                raise SessionBusy(run.stream_id)

    async def drain(self, seconds: float) -> None:
        """Takes no new runs, lets the running ones go on for `seconds`, then ends them as `interrupted` and saves them."""
        self._draining = True
        await self._all_saved(seconds)
        for run in self.running():
            run.stop(Stop("drain"))
        await self._all_saved(SAVE_SECONDS)

    async def _all_saved(self, seconds: float) -> None:
        waiting = [asyncio.create_task(run.saved.wait(), name="saved") for run in self.running()]
        if waiting:
            _, late = await asyncio.wait(waiting, timeout=seconds)
            for task in late:
                task.cancel()
        await asyncio.sleep(0)

    @staticmethod
    def _owner(held: Run | Claim) -> int:
        return held.order.user_id if isinstance(held, Run) else held.user_id


async def _happens(seconds: float, *events: asyncio.Event) -> bool:
    """Whether one of the events happens within that time."""
    if any(event.is_set() for event in events):
        return True
    waiting = [asyncio.create_task(event.wait(), name="happens") for event in events]
    done, late = await asyncio.wait(waiting, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    for task in late:
        task.cancel()
    return bool(done)
