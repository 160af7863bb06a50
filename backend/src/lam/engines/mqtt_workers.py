"""The engine of `mqtt` mode: gives jobs to LAM workers through a broker, and reads their frames.

It chooses the worker, gives a job away while nothing was shown, asks again for what was lost, and ends a run whose worker is lost.
"""

import asyncio
import logging
import secrets
from bisect import bisect_left
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from types import TracebackType
from typing import Final, Self

import msgspec
from msgspec import UNSET

from lam.background import Background
from lam.engines.base import Batches, Capacity, Health, Model
from lam.engines.open_job import OpenJob
from lam.engines.paced import paced
from lam.engines.worker_list import Seen, WorkerList
from lam.errors import (
    BrokerUnreachable,
    ContextExceeded,
    GenerationError,
    LlmError,
    NotSupported,
    NoWorker,
    TooLarge,
    WorkerLost,
    from_code,
)
from lam.mqtt.connection import Broker, Connection, Will
from lam.protocol.chat import ChatRequest, Turn, joined
from lam.protocol.events import Chunk, EngineEvent, Finished, Mode, Progress, Relabel, Thinking, ToolCall
from lam.protocol.jobs import (
    ACCEPTS,
    PROTOCOL,
    Accepted,
    Action,
    BadPayload,
    Control,
    Failed,
    GatewayStatus,
    Job,
    JobFinished,
    Rejected,
    WorkerStatus,
    decode,
    decode_frame,
    encode,
    finish_reason,
    to_wire,
)
from lam.protocol.topics import NAME, Topics, checked_name
from lam.protocol.window import cuts, shorter, trimmed

log = logging.getLogger(__name__)

STATUS_SECONDS: Final = 10
ACCEPT_SECONDS: Final = 3
SILENT_SECONDS: Final = 15
LOST_SECONDS: Final = 30
ASK_SECONDS: Final = 4  # between them the last frames are asked for again and again: the asking and the answer can be lost too
AWAY_SECONDS: Final = 60  # how long the broker may be away in the middle of a reply
GAP_SECONDS: Final = 0.3  # frames that come late are awaited that long before they are asked for
LONGEST_GAP_SECONDS: Final = 5
MOST_ATTEMPTS: Final = 10  # that a worker took: what kills its workers is not passed on for ever
WATCH_SECONDS: Final = 1
FULL_SECONDS: Final = 1
PATIENCE_PAUSE: Final = 0.5
SHOW_SECONDS: Final = 5


class _GiveAway(Exception):
    """Another worker shall have the job: nothing was shown yet."""


class _Gap:
    """What is missing after frame `last`: asked for after a moment, then less and less often while nothing comes of it."""

    def __init__(self, last: int, now: float) -> None:
        self.last = last
        self._next = now + GAP_SECONDS
        self._pause = GAP_SECONDS

    def due(self, now: float) -> bool:
        if now < self._next:
            return False
        self._pause = min(2 * self._pause, LONGEST_GAP_SECONDS)
        self._next = now + self._pause
        return True


class MqttWorkersEngine:
    """An `Engine`. An async context manager: it owns the connection to the broker.

    `timeout`: seconds a run may wait for a worker. `chunk_size`, `chunk_delay`: see `paced`.
    """

    mode: Mode = "mqtt"
    keeps_history = False

    def __init__(
        self,
        broker: Broker,
        *,
        name: str = "lam-gateway",
        prefix: str = "lam/v1",
        model: str | None = None,
        timeout: float = 300,
        max_packet: int = 512 << 10,
        chunk_size: int = 10,
        chunk_delay: float = 0.01,
    ) -> None:
        self.name = checked_name(name, "MQTT_CLIENT_ID")
        self.instance = secrets.token_hex(4)
        self.topics = Topics(prefix)
        self.ignored = 0  # messages that were malformed, for nobody, from the wrong worker, retained
        self.given_away = 0
        self.resumed = 0
        self._model = model
        self._timeout = timeout
        self._chunks = (chunk_size, chunk_delay)
        self._jobs: dict[str, OpenJob] = {}
        self._watchers: list[Callable[[Capacity], None]] = []
        self._changed = asyncio.Event()
        own = self.topics.gateway_status(self.name, self.instance)
        self.connection = Connection(broker, f"{self.name}-{self.instance}", will=Will(own, b""), max_packet=max_packet)
        self.connection.subscribe(self.topics.frames(self.name, self.instance), self._frame)
        self.connection.subscribe(self.topics.worker_status(), self._status)
        self.connection.on_connected.append(self._connected)
        self.connection.on_lost.append(self._disconnected)

    async def __aenter__(self) -> Self:
        self._clock = asyncio.get_running_loop().time
        self._workers = WorkerList(self._clock, self._worker_moved, self._worker_gone)
        await self.connection.__aenter__()
        self._tasks = Background()
        self._tasks.keep("gateway-status", self._keep_telling)
        self._tasks.keep("worker-list", self._keep_watch)
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._tasks.close()
        self.connection.publish(self.topics.gateway_status(self.name, self.instance), b"", retain=True)
        await self.connection.__aexit__(kind, error, trace)

    # What it has

    def lane(self, model: str | None) -> str:
        return self.answering(model) or ""

    def answering(self, model: str | None) -> str | None:
        return model or self._model or min(filter(None, self._workers.capacity()), default=None)

    def context(self, model: str | None) -> int | None:
        name = self.answering(model)
        served = (one for seen in self._workers.all() for one in seen.status.models if one.name == name and one.n_ctx)
        return max((one.n_ctx or 0 for one in served), default=None)

    def watch_capacity(self, callback: Callable[[Capacity], None]) -> None:
        self._watchers.append(callback)
        callback(self._workers.capacity())

    async def busy(self, lane: str) -> int | None:
        return sum(seen.status.running for seen in self._workers.all() if seen.serves(lane or None))

    async def models(self) -> Sequence[Model]:
        found: dict[str, Model] = {}
        for seen in self._workers.all():
            for served in seen.status.models:
                found.setdefault(served.name, Model(served.name, served.n_ctx))
        first = self.answering(None)
        return sorted(found.values(), key=lambda model: (model.name != first, model.name))

    async def health(self) -> Health:
        if not self.connection.connected:
            return Health("unreachable", self._broker_problem())
        workers = [seen.status for seen in self._workers.all()]
        if not workers:
            return Health("unreachable", "No worker is connected; start one with `lam worker`.")
        if not any(worker.state == "ready" or worker.running >= worker.slots > 0 for worker in workers):
            return Health("unreachable", "Workers are connected, but their models are not available.")
        return Health("ready", slots=sum(worker.slots for worker in workers))

    def workers(self) -> list[WorkerStatus]:
        return [seen.status for seen in sorted(self._workers.all(), key=lambda seen: seen.name)]

    async def require_continuing(self, request: ChatRequest) -> None:
        able = [seen for seen in self._workers.all() if seen.serves(self.answering(request.model)) and seen.status.continues]
        if not able:
            raise NotSupported("No worker for this model can continue a reply; regenerate it instead.")

    # A reply

    @asynccontextmanager
    async def generate(self, request: ChatRequest) -> AsyncIterator[Batches]:
        batches = self._batches(request)
        try:
            yield batches
        finally:
            await batches.aclose()

    async def _batches(self, request: ChatRequest) -> AsyncGenerator[list[EngineEvent]]:
        """One attempt after another, until one shows something or nobody is left to ask."""
        avoid: set[tuple[str, str]] = set()
        waiting_since, shown, attempts = self._clock(), 0.0, 0
        while True:
            model = self.answering(request.model)
            worker = self._workers.choose(model, continues=request.continues, avoid=frozenset(avoid))
            if worker is None or not self.connection.connected:
                if self._clock() - waiting_since >= self._timeout:
                    raise self.missing(model)
                if self._clock() - shown >= SHOW_SECONDS:
                    shown = self._clock()
                    yield [Progress("unreachable", reason=self.missing(model).code)]
                else:
                    yield []
                await self._until_changed(PATIENCE_PAUSE)
                continue
            job = self._open(worker, request)
            try:
                async with aclosing(self._follow(job)) as batches:
                    async for batch in batches:
                        yield batch
                return
            except _GiveAway:
                self.given_away += 1
                avoid.add(job.key)
                if job.accepted:
                    waiting_since, attempts = self._clock(), attempts + 1
                if attempts >= MOST_ATTEMPTS:
                    raise WorkerLost(f"{attempts} workers in turn were lost before they said anything.") from None
            except ContextExceeded:
                start = None
                if not job.begun and "unmerged" not in worker.status.accepts:  # it got them as one, and could not drop any
                    start = shorter(request.turns, request.keep, request.keep)
                if start is None:
                    raise
                request = msgspec.structs.replace(request, turns=trimmed(request.turns, request.keep, start))
            finally:
                self._close(job)

    def _open(self, worker: Seen, request: ChatRequest) -> OpenJob:
        """Publishes the job. Raises TooLarge."""
        job = OpenJob(secrets.token_urlsafe(12), worker, self._clock())
        reply_to = self.topics.frames(self.name, self.instance, worker.name, job.name)
        topic = self.topics.job(worker.name)
        limit = self.connection.max_packet - len(topic) - 64

        def packed(turns: tuple[Turn, ...]) -> bytes:
            if "unmerged" not in worker.status.accepts:
                turns = joined(turns)
            wire = to_wire(msgspec.structs.replace(request, turns=turns, model=request.model or self._model))
            return encode(Job(job.name, worker.status.instance, reply_to, wire, stream=worker.status.streaming, accepts=ACCEPTS))

        payload = _fitting(request, packed, limit)
        self._jobs[job.name] = job
        worker.jobs += 1
        self.connection.publish(topic, payload)
        return job

    def _close(self, job: OpenJob) -> None:
        """The worker may forget the job; if it still runs, this frees the model."""
        self._jobs.pop(job.name, None)
        job.worker.jobs -= 1
        self._control(job, "release")
        self._changed.set()

    async def _follow(self, job: OpenJob) -> AsyncGenerator[list[EngineEvent]]:
        """The job's events. Raises _GiveAway, WorkerLost, BrokerUnreachable, or what the worker's engine failed with."""
        simulated = not job.worker.status.streaming
        tells = simulated or self.simulates(job.worker.status.models[0].name if job.worker.status.models else None) is None
        begun = False
        asked = 0.0
        gap: _Gap | None = None
        whole: list[EngineEvent] = []
        while True:
            events, signs = job.read()
            batch: list[EngineEvent] = []
            for event in events:
                if isinstance(event, Accepted):
                    job.accepted = True
                    if tells:
                        batch.append(Progress("prompt", model=event.model or UNSET, simulated=simulated))
                elif isinstance(event, Rejected):
                    self._rejected(job, event, begun=begun)
                elif isinstance(event, Failed):
                    async for piece in paced([*whole, *batch], *self._chunks) if simulated else _once(batch):
                        yield piece
                    raise _failure(event)
                else:
                    batch.append(_finished(event, simulated) if isinstance(event, JobFinished) else event)
            ended = bool(batch) and isinstance(batch[-1], Finished)
            if simulated:
                whole += [event for event in batch if not isinstance(event, Progress)]
                batch = [event for event in batch if isinstance(event, Progress)]
                if ended:
                    async for piece in paced(whole, *self._chunks):
                        yield piece
                    return
            begun = job.begun = begun or any(isinstance(event, Chunk | Thinking | ToolCall | Relabel) for event in batch)
            if batch or signs:
                yield batch
            if ended:
                return
            now = self._clock()
            if job.lost or (not begun and job.worker.away_since is not None):
                raise WorkerLost if begun else _GiveAway
            if not self.connection.connected:
                await self._until_reconnected(begun=begun)
                job.heard = self._clock()
                continue
            quiet = now - job.heard
            if not job.accepted:
                if quiet >= ACCEPT_SECONDS:
                    raise _GiveAway
                await job.wait(ACCEPT_SECONDS - quiet)
                continue
            if quiet >= (LOST_SECONDS if begun else SILENT_SECONDS):
                raise WorkerLost if begun else _GiveAway
            if job.inbox.missing:
                if gap is None or gap.last != job.inbox.last:
                    gap = _Gap(job.inbox.last, now)
                if gap.due(now):
                    asked = now
                    self._resume(job)
                await job.wait(GAP_SECONDS)
                continue
            gap = None
            if not begun or quiet < SILENT_SECONDS:
                await job.wait(SILENT_SECONDS - quiet)
                continue
            if now - asked >= ASK_SECONDS:
                asked = now
                self._resume(job)
            await job.wait(min(ASK_SECONDS, LOST_SECONDS - quiet))

    def _rejected(self, job: OpenJob, rejected: Rejected, *, begun: bool) -> None:
        """Raises what becomes of the run."""
        job.lost = rejected.reason == "unknown_job"
        if begun:
            raise WorkerLost
        if rejected.reason == "busy":
            job.worker.full_until = self._clock() + FULL_SECONDS
        if rejected.reason in ("invalid", "not_supported"):
            raise LlmError(f"The worker refused the job ({rejected.message or rejected.reason}).", retryable=False)
        raise _GiveAway

    async def _until_reconnected(self, *, begun: bool) -> None:
        """Raises BrokerUnreachable when it takes too long; _GiveAway where nothing was shown, which waits on."""
        deadline = self._clock() + AWAY_SECONDS
        while not self.connection.connected:
            if self._clock() >= deadline:
                raise BrokerUnreachable(self._broker_problem(), begun=True) if begun else _GiveAway
            await self._until_changed(PATIENCE_PAUSE)

    def simulates(self, model: str | None) -> bool | None:
        """Known where all workers for the model are alike."""
        found = {not seen.status.streaming for seen in self._workers.all() if seen.serves(self.answering(model))}
        return found.pop() if len(found) == 1 else None

    def missing(self, model: str | None) -> GenerationError:
        """Why nobody answers."""
        if not self.connection.connected:
            return BrokerUnreachable(self._broker_problem())
        return NoWorker(f"No worker serves {model} at the moment." if model else None)

    def _broker_problem(self) -> str:
        return self.connection.problem or f"The broker at {self.connection.broker.address} is not connected yet."

    # Messages

    def _resume(self, job: OpenJob) -> None:
        self.resumed += 1
        self._control(job, "resume", job.inbox.last)

    def _control(self, job: OpenJob, action: Action, after: int = 0) -> None:
        reply_to = self.topics.frames(self.name, self.instance, job.worker.name, job.name) if action == "resume" else None
        self.connection.publish(self.topics.control(job.worker.name), encode(Control(job.name, action, after, reply_to)))

    def _frame(self, topic: str, payload: bytes, retained: bool) -> None:
        *_, worker, name = self.topics.names(topic)
        job = self._jobs.get(name)
        if retained or job is None or job.worker.name != worker:
            self._ignore(topic, "it is for no open job of that worker")
            return
        try:
            frame = decode_frame(payload)
        except BadPayload as error:
            self._ignore(topic, str(error))
            return
        if frame.job != name:
            self._ignore(topic, "its topic names another job")
            return
        job.take(frame, self._clock())

    def _status(self, topic: str, payload: bytes, _retained: bool) -> None:
        if not payload:
            return
        try:
            status = decode(payload, WorkerStatus)
        except BadPayload as error:
            self._ignore(topic, str(error))
            return
        if self.topics.names(topic)[1] != status.worker or not NAME.fullmatch(status.worker):
            self._ignore(topic, "its topic names another worker, or none that may be")
            return
        if self._workers.hear(status):
            self._tell_capacity()

    def _ignore(self, topic: str, why: str) -> None:
        self.ignored += 1
        if self.ignored == 1:
            log.warning("A message on %s is ignored (%s); further ones are only counted", topic, why)

    def _worker_moved(self, worker: Seen) -> None:
        if worker.away_since is None:
            self._tell()  # which jobs are open: a release may not have reached it
        for job in self._jobs.values():
            if job.worker is worker:
                job.wake()
                if worker.away_since is None:
                    self._resume(job)  # what was published meanwhile is lost, and a lost last frame would never be missed

    def _worker_gone(self, worker: Seen) -> None:
        for job in self._jobs.values():
            if job.worker is worker:
                job.lose()

    def _disconnected(self) -> None:
        for job in self._jobs.values():
            job.wake()

    def _connected(self) -> None:
        self._workers.start_over()
        self._tell()
        self._changed.set()

    def _tell(self) -> None:
        status = GatewayStatus(self.name, self.instance, tuple(self._jobs), PROTOCOL, ACCEPTS)
        self.connection.publish(self.topics.gateway_status(self.name, self.instance), encode(status), retain=True)

    def _tell_capacity(self) -> None:
        self._changed.set()
        capacity = self._workers.capacity()
        for callback in self._watchers:
            callback(capacity)

    async def _keep_telling(self) -> None:
        while True:
            await asyncio.sleep(STATUS_SECONDS)
            self._tell()

    async def _keep_watch(self) -> None:
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            if self.connection.connected and self._workers.forget_silent():
                self._tell_capacity()

    async def _until_changed(self, seconds: float) -> None:
        self._changed.clear()
        try:
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        except TimeoutError:
            pass


async def _once(batch: list[EngineEvent]) -> AsyncGenerator[list[EngineEvent]]:
    if batch:
        yield batch


def _finished(event: JobFinished, simulated: bool) -> Finished:
    return Finished(finish_reason(event), event.usage, event.tokens_per_second, event.model, simulated)


def _failure(event: Failed) -> GenerationError:
    known = from_code(event.code, event.message)
    failure = known if isinstance(known, GenerationError) else LlmError(event.message)
    failure.retryable = event.retryable
    if isinstance(failure, ContextExceeded):
        failure.prompt_tokens, failure.limit = event.prompt_tokens, event.limit
    return failure


def _fitting(request: ChatRequest, packed: Callable[[tuple[Turn, ...]], bytes], limit: int) -> bytes:
    """The job with as many of the request's turns as fit. Raises TooLarge when the newest one alone does not."""
    whole = packed(request.turns)
    if len(whole) <= limit:
        return whole
    starts = cuts(request.turns, request.keep, 1)
    first = bisect_left(starts, True, key=lambda start: len(packed(trimmed(request.turns, request.keep, start))) <= limit)
    if first == len(starts):
        raise TooLarge.for_packet(limit)
    return packed(trimmed(request.turns, request.keep, starts[first]))
