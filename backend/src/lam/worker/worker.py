"""The worker: its presence, its jobs, and the messages of gateways.

It owns the connection and the jobs. It must not know how a model server speaks.
"""

import asyncio
import logging
import secrets
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self, TypeVar

import msgspec
from msgspec import UNSET, Struct

import lam
from lam.background import Background
from lam.engines.base import Engine, Needs
from lam.engines.catalog import Catalog
from lam.engines.queue import Settling, Way
from lam.engines.retries import Pauses
from lam.errors import GenerationError, LamError, QueueFull
from lam.mqtt.connection import Broker, Connection, Will
from lam.protocol.chat import ChatRequest, Turn
from lam.protocol.jobs import (
    ACCEPTS,
    PROTOCOL,
    BadPayload,
    Frame,
    GatewayStatus,
    Job,
    Reason,
    Rejected,
    ServedModel,
    State,
    WorkerStatus,
    decode,
    decode_control,
    encode,
    from_wire,
)
from lam.protocol.pictures import MEDIA, Piece, Want, by_hash
from lam.protocol.sampling import Sampling
from lam.protocol.topics import NAME, Topics, checked_name
from lam.worker.pictures import Ask, WorkerPictures
from lam.worker.running_job import RunningJob
from lam.worker.vectors import vectors

log = logging.getLogger(__name__)

DEFAULT_SLOTS: Final = 8
GATEWAY: Final[Way] = ("", None)
MOST_JOBS: Final = 256  # open ones, before requests for vectors are refused: those take no place
T = TypeVar("T")
_PROBE: Final = ChatRequest(
    turns=(Turn("user", "a"), Turn("assistant", "b")), keep=0, sampling=Sampling(temperature=0, top_p=1, max_tokens=1)
)


class Beats(Struct, frozen=True, kw_only=True):
    """Waiting times in seconds.

    `status`: between two status messages without a change. `change`: between checks for a change. `facts`, `facts_away`: between
    probes of the model's server, when it is ready and when not. `gateway_silent`, `gateway_gone`: until the jobs of a gateway are
    dropped that is silent, or whose connection broke (it usually returns sooner). `listed`: until a job missing from its gateway's
    list is dropped. `watch`: between two checks for that. `job`: between signs of life of a job (the contract says 5). `gather`:
    events within this time share a frame.
    """

    status: float = 10
    change: float = 0.1
    facts: float = 5
    facts_away: float = 0.5
    gateway_silent: float = 30
    gateway_gone: float = 5
    listed: float = 5
    watch: float = 1
    job: float = 4
    gather: float = 0.03


class Worker:
    """A worker, as an async context manager: it owns the connection, its status and the tasks of its jobs.

    `slots`: jobs at once; 0 takes the number of the model's server. `streaming`: False sends each answer in one piece. `timeout`:
    seconds that a job waits for a server that loads its model or is overloaded. `pictures`: those that the engine reads; without,
    the worker does not accept any.
    """

    def __init__(
        self,
        engine: Engine,
        broker: Broker,
        *,
        name: str,
        prefix: str = "lam/v1",
        slots: int = 0,
        streaming: bool = True,
        timeout: float = 300,
        max_packet: int = 512 << 10,
        beats: Beats | None = None,
        settling: Settling | None = None,
        pauses: Pauses | None = None,
        pictures: WorkerPictures | None = None,
    ) -> None:
        self.name = checked_name(name, "--name")
        self.instance = secrets.token_hex(4)
        self.topics = Topics(prefix)
        self.draining = False
        self._beats = beats or Beats()
        self._catalog = Catalog({"model": engine}, most_waiting=0, timeout=timeout, places=slots, settling=settling, pauses=pauses)
        self._wanted_slots = slots
        self._slots = slots or DEFAULT_SLOTS
        self._last_status: WorkerStatus | None = None
        self._streaming = streaming
        self._continues = False
        self._models: tuple[ServedModel, ...] = ()
        self._ready = False
        self._jobs: dict[str, RunningJob] = {}
        self._last_message: dict[str, float] = {}  # time of each gateway's last message, by its status topic
        self._gone: dict[str, float] = {}  # time at which a gateway's status was cleared
        self._accepts: dict[str, tuple[str, ...]] = {}  # what a gateway understands, by its status topic
        self._bad = 0
        self._pictures = pictures
        self._own_accepts = ACCEPTS if pictures is not None else tuple(word for word in ACCEPTS if word != MEDIA)
        gone = WorkerStatus(
            worker=self.name,
            instance=self.instance,
            state="offline",
            version=PROTOCOL,
            accepts=self._own_accepts,
            release=lam.__version__,
        )
        self._offline = Will(self.topics.worker_status(self.name), encode(gone))
        self.connection = Connection(broker, f"{self.name}-{self.instance}", will=self._offline, max_packet=max_packet)
        self.connection.subscribe(self.topics.job(self.name), self._job)
        self.connection.subscribe(self.topics.control(self.name), self._control)
        self.connection.subscribe(self.topics.gateway_status(), self._gateway)
        self.connection.on_connected.append(self._tell)
        if pictures is not None:
            self.connection.on_connected.append(pictures.connected)

    async def __aenter__(self) -> Self:
        await self._catalog.__aenter__()
        await self.connection.__aenter__()
        self._tasks = Background()
        self._tasks.keep("worker-facts", self._keep_facts)
        self._tasks.keep("worker-status", self._keep_telling)
        self._tasks.keep("worker-watch", self._keep_watch)
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._tasks.close()
        for job in list(self._jobs.values()):
            await job.end()
        self.connection.publish(self._offline.topic, self._offline.payload, retain=True)
        await self.connection.__aexit__(kind, error, trace)
        await self._catalog.__aexit__()

    @property
    def running(self) -> int:
        """Places in use. A place is free again once the model is idle, so that the next job need not wait."""
        return self._catalog.queue.in_use

    async def drain(self, seconds: float) -> None:
        """Takes no new jobs, gives the running ones that long to be released, then ends them as interrupted."""
        self.draining = True
        self._tell()
        clock = asyncio.get_running_loop().time
        deadline = clock() + seconds
        while self._jobs and clock() < deadline:  # noqa: ASYNC110  # many things release a job, and a bound ends it
            await asyncio.sleep(self._beats.change)
        for job in list(self._jobs.values()):
            job.interrupt("The worker was stopped in the middle of the reply.")
        await asyncio.sleep(0)
        await self.connection.flushed()

    # Presence

    def status(self) -> WorkerStatus:
        """The worker's present status. Without a ready model it is busy but takes jobs: its engine waits and reports why."""
        state: State = "ready"
        if self.draining:
            state = "draining"
        elif not self._ready or self.running >= self._slots:
            state = "busy"
        return WorkerStatus(
            worker=self.name,
            instance=self.instance,
            state=state,
            models=self._models,
            slots=self._slots,
            running=self.running,
            streaming=self._streaming,
            continues=self._continues,
            version=PROTOCOL,
            accepts=self._own_accepts,
            release=lam.__version__,
        )

    def _tell(self) -> None:
        status = self.status()
        if self.connection.publish(self.topics.worker_status(self.name), encode(status), retain=True):
            self._last_status = status

    async def _keep_telling(self) -> None:
        """Publishes the status at each change, and every 10 seconds."""
        clock = asyncio.get_running_loop().time
        last_time = clock()
        while True:
            await asyncio.sleep(self._beats.change)
            if self.status() != self._last_status or clock() - last_time >= self._beats.status:
                self._tell()
                last_time = clock()

    async def _keep_facts(self) -> None:
        while True:
            try:
                health = await self._catalog.health()
                self._ready = health.state == "ready"
                if self._ready:
                    self._models = tuple(
                        ServedModel(model.name, model.n_ctx, self._sees(model.name), self._catalog.can(model.name).tools)
                        for model in await self._catalog.models()
                    )
                    self._slots = self._wanted_slots or health.slots or DEFAULT_SLOTS
                    self._continues = self._streaming and await self._can_continue()
            except GenerationError:
                self._ready = False
            await asyncio.sleep(self._beats.facts if self._ready else self._beats.facts_away)

    def _sees(self, model: str | None) -> bool | None:
        return self._catalog.can(model).images if self._pictures is not None else False

    async def _can_continue(self) -> bool:
        try:
            await self._catalog.require_continuing(_PROBE)
        except LamError:
            return False
        return True

    # Messages of gateways

    def _job(self, topic: str, payload: bytes, retained: bool) -> None:
        if retained or not payload:
            return
        try:
            job = decode(payload, Job)
            request = from_wire(job.request)
        except BadPayload as error:
            self._answer_bad_job(payload, str(error))
            return
        if job.instance != self.instance or job.job in self._jobs:
            return  # for another instance of this name, or delivered twice
        gateway = self._gateway_of(job.reply_to, job.job)
        if gateway is None:
            self._note_bad(topic, "its reply_to is no topic for this worker's frames")
            return
        accepts = job.accepts or self._accepts.get(gateway, ())
        request = msgspec.structs.replace(request, relabels="relabel" in accepts)
        refusal = self._refusal(request)
        place, asks = None, job.embed
        if refusal is None and asks is not UNSET and len(self._jobs) >= MOST_JOBS:
            refusal = "busy"
        if refusal is None and asks is UNSET:
            try:
                place = self._catalog.queue.enter(request.model, None, Needs.of(request))
            except QueueFull:
                refusal = "busy"
        if refusal is not None:
            self._reject(job.reply_to, job.job, refusal)
            return
        self._last_message[gateway] = asyncio.get_running_loop().time()
        if request.continues and place is not None:
            place.able.add(GATEWAY)  # which asked no model about this very text
        named = by_hash(request.turns)
        if self._pictures is not None and named:
            self._pictures.open(job.job, named, self._asker(job.reply_to, job.job))
        if asks is UNSET:
            assert place is not None
            producer = self._catalog.generate(request, place)
        else:
            producer = vectors(self._catalog, request.model, asks)
        self._jobs[job.job] = RunningJob(
            job.job,
            request,
            producer,
            gateway,
            place,
            publish=self._publisher(job.reply_to),
            after_end=self._tell,
            max_bytes=self.connection.max_packet - len(job.reply_to) - 64,
            streaming=(self._streaming and job.stream) or place is None,
            media=MEDIA in accepts,
            beat=self._beats.job,
            gather=self._beats.gather,
        )
        self._tell()

    def _refusal(self, request: ChatRequest) -> Reason | None:
        if self.draining:
            return "draining"
        if request.model is not None and self._models and request.model not in {model.name for model in self._models}:
            return "unknown_model"
        if (request.continues and not self._continues) or (request.needs_sight and self._sees(request.model) is False):
            return "not_supported"
        return None

    def _control(self, topic: str, payload: bytes, retained: bool) -> None:
        if retained or not payload:
            return
        try:
            control = decode_control(payload)
        except BadPayload as error:
            self._note_bad(topic, str(error))
            return
        job = self._jobs.get(control.job)
        if isinstance(control, Piece):
            self._piece(job, control)
            return
        if job is None:
            if control.instance not in (UNSET, self.instance):
                return  # it is for another worker of this name
            if control.action == "resume" and control.reply_to and self._gateway_of(control.reply_to, control.job):
                self._reject(control.reply_to, control.job, "unknown_job")
            return
        self._last_message[job.gateway] = asyncio.get_running_loop().time()
        if control.action == "resume":
            job.resume(control.after)
        elif control.action == "answer_now":
            job.answer_now()
        else:
            job.cancel()
            if control.action == "release":
                self._remove(control.job)
            self._tell()

    def _piece(self, job: RunningJob | None, piece: Piece) -> None:
        if job is not None and self._pictures is not None and self._pictures.take(piece):
            self._last_message[job.gateway] = asyncio.get_running_loop().time()
            job.hear()

    def _gateway(self, topic: str, payload: bytes, retained: bool) -> None:
        now = asyncio.get_running_loop().time()
        if not payload:  # the broker published its will: it stopped, or its connection broke
            self._gone.setdefault(topic, now)
            return
        status = self._decoded(topic, payload, GatewayStatus)
        if status is None or topic != self.topics.gateway_status(status.gateway, status.instance):
            return
        if retained:  # a retained status describes the gateway but does not show that it is alive
            self._accepts[topic] = status.accepts
            return
        self._last_message[topic] = now
        self._accepts[topic] = status.accepts
        self._gone.pop(topic, None)
        if status.jobs is not None:
            self._drop_closed(topic, frozenset(status.jobs), now)

    async def _keep_watch(self) -> None:
        """Drops the jobs of gateways that have been silent for too long."""
        while True:
            await asyncio.sleep(self._beats.watch)
            if not self.connection.connected:
                continue
            now = asyncio.get_running_loop().time()
            for gateway in {*(job.gateway for job in self._jobs.values()), *self._last_message, *self._gone}:
                silent = now - max(self._last_message.get(gateway, 0), self.connection.since)
                # what happened while this worker had no connection, it could not hear
                gone = now - max(self._gone[gateway], self.connection.since) if gateway in self._gone else 0
                if silent > self._beats.gateway_silent or gone > self._beats.gateway_gone:
                    self._forget(gateway)

    def _forget(self, gateway: str) -> None:
        """Drops a gateway and its jobs."""
        self._drop([name for name, job in self._jobs.items() if job.gateway == gateway])
        self._last_message.pop(gateway, None)
        self._gone.pop(gateway, None)
        self._accepts.pop(gateway, None)

    def _drop_closed(self, gateway: str, still_open: frozenset[str], now: float) -> None:
        """Drops jobs whose release was lost. A new job may be younger than the gateway's list."""
        self._drop(
            [
                name
                for name, job in self._jobs.items()
                if job.gateway == gateway and name not in still_open and now - job.began >= self._beats.listed
            ]
        )

    def _drop(self, names: list[str]) -> None:
        for name in names:
            self._remove(name).cancel()
        if names:
            self._tell()

    def _remove(self, name: str) -> RunningJob:
        if self._pictures is not None:
            self._pictures.close(name)
        return self._jobs.pop(name)

    # Answers

    def _publisher(self, reply_to: str) -> Callable[[bytes], None]:
        def publish(frame: bytes) -> None:
            self.connection.publish(reply_to, frame)

        return publish

    def _asker(self, reply_to: str, job: str) -> Ask:
        def ask(sha256: str, pieces: tuple[int, ...]) -> bool:
            return self.connection.publish(reply_to, encode(Want(job, sha256, pieces)))

        return ask

    def _reject(self, reply_to: str, job: str, reason: Reason, message: str | None = None) -> None:
        self.connection.publish(reply_to, encode(Frame(job, 1, (Rejected(reason, message),))))

    def _answer_bad_job(self, payload: bytes, why: str) -> None:
        """Answers `rejected: invalid` if the payload has a reply topic."""
        self._note_bad(self.topics.job(self.name), why)
        try:
            data = msgspec.json.decode(payload)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return
        job, reply_to = (data.get("job"), data.get("reply_to")) if isinstance(data, dict) else (None, None)
        if isinstance(job, str) and isinstance(reply_to, str) and self._gateway_of(reply_to, job):
            self._reject(reply_to, job, "invalid", why[:200])

    def _gateway_of(self, reply_to: str, job: str) -> str | None:
        """Returns the status topic of the gateway that owns this topic for frames; None when it is no such topic."""
        match self.topics.names(reply_to):
            case ["gateway", gateway, instance, "from", self.name, name] if (
                name == job
                and all(NAME.fullmatch(part) for part in (gateway, instance, job))
                and reply_to == self.topics.frames(gateway, instance, self.name, job)
            ):
                return self.topics.gateway_status(gateway, instance)
        return None

    def _decoded(self, topic: str, payload: bytes, kind: type[T]) -> T | None:
        try:
            return decode(payload, kind)
        except BadPayload as error:
            self._note_bad(topic, str(error))
            return None

    def _note_bad(self, topic: str, why: str) -> None:
        self._bad += 1
        if self._bad == 1:
            log.warning("A message on %s means nothing (%s); further ones are only counted", topic, why)
