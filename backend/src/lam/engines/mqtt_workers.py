"""The engine of `mqtt` mode: sends jobs to LAM workers through a broker and reads their frames.

Each model of each worker is a route. The engine gives up a job whose reader saw nothing, requests lost frames again, and ends a run
whose worker is lost. It knows no queue and no run.
"""

import asyncio
import logging
import secrets
from bisect import bisect_left
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from functools import partial
from types import TracebackType
from typing import Any, Final, Self

import msgspec

from lam.background import Background
from lam.engines.base import Batches, Can, Health, NoPictures, Pictures, Pool, Route, RouteLost
from lam.engines.base import Broker as BrokerHealth
from lam.engines.open_job import OpenJob, Silences
from lam.engines.picture_sender import PictureSender
from lam.engines.worker_list import KnownWorker, WorkerList
from lam.errors import (
    BrokerUnreachable,
    CannotAnswerNow,
    CannotSee,
    ContextExceeded,
    Invalid,
    LlmError,
    NotSupported,
    NoWorker,
    TooLarge,
    WorkerLost,
)
from lam.mqtt.connection import Broker, Connection, Will
from lam.protocol.chat import ChatRequest, Turn, left_out, merge_turns, with_pictures
from lam.protocol.events import Chunk, EngineEvent
from lam.protocol.jobs import (
    ACCEPTS,
    EMBED,
    PROTOCOL,
    TOOLS,
    Action,
    BadPayload,
    Control,
    GatewayStatus,
    Job,
    ServedModel,
    VectorAnswer,
    WorkerStatus,
    decode,
    decode_reply,
    encode,
    to_wire,
    vector_request,
)
from lam.protocol.pictures import MEDIA, Piece, Want, by_hash
from lam.protocol.topics import NAME, Topics, checked_name
from lam.protocol.window import cuts, shorter, trimmed

WHOLE: Final = (1 << 30, 0.0)  # size and delay of pieces, where nobody watches

log = logging.getLogger(__name__)


class MqttWorkersEngine:
    """An `Engine`, as an async context manager: it owns the connection to the broker.

    `model`: the default model. `chunk_size`, `chunk_delay`: see `paced`. `pictures`: where those come from that workers ask for.
    """

    def __init__(
        self,
        broker: Broker,
        *,
        name: str = "lam-gateway",
        prefix: str = "lam/v1",
        model: str | None = None,
        max_packet: int = 512 << 10,
        chunk_size: int = 10,
        chunk_delay: float = 0.01,
        silences: Silences | None = None,
        pictures: Pictures | None = None,
    ) -> None:
        self.name = checked_name(name, "MQTT_CLIENT_ID")
        self.instance = secrets.token_hex(4)
        self.topics = Topics(prefix)
        self.ignored = 0  # messages that were malformed, retained, for no open job, or from the wrong worker
        self.given_away = 0
        self.resumed = 0
        self._model = model
        self._chunks = (chunk_size, chunk_delay)
        self._silences = silences or Silences()
        self._jobs: dict[str, OpenJob] = {}
        self.pictures = PictureSender(pictures or NoPictures(), self)
        self._watchers: list[Callable[[], None]] = []
        self._changed = asyncio.Event()
        own = self.topics.gateway_status(self.name, self.instance)
        self.connection = Connection(broker, f"{self.name}-{self.instance}", will=Will(own, b""), max_packet=max_packet)
        self.connection.subscribe(self.topics.frames(self.name, self.instance), self._frame)
        self.connection.subscribe(self.topics.worker_status(), self._status)
        self.connection.on_connected.append(self._connected)
        self.connection.on_lost.append(self._disconnected)

    async def __aenter__(self) -> Self:
        self._clock = asyncio.get_running_loop().time
        self._workers = WorkerList(
            self._clock, self._worker_moved, self._worker_gone, away=self._silences.away, forget=self._silences.forget
        )
        await self.connection.__aenter__()
        self._tasks = Background()
        self._tasks.keep("gateway-status", self._keep_telling)
        self._tasks.keep("worker-list", self._keep_watch)
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._tasks.close()
        await self.pictures.close()
        self.connection.publish(self.topics.gateway_status(self.name, self.instance), b"", retain=True)
        await self.connection.__aexit__(kind, error, trace)

    # Routes and health

    def routes(self) -> Sequence[Route]:
        """Returns the routes; workers with ready models come first. A worker that has not listed its models yet may serve any."""
        if not self.connection.connected:
            return ()
        default = self._model or min(self._workers.models(), default=None)
        now = self._clock()
        return [
            Route(
                name=model.name or None,
                pool=Pool(
                    name=f"{worker.name}/{worker.status.instance}",
                    places=worker.places(now),
                    slots=worker.status.slots,
                    busy=partial(_running, worker),
                ),
                mode="mqtt",
                can=Can(
                    continues=worker.status.continues,
                    images=model.images if MEDIA in worker.status.accepts else False,
                    tools=model.tools if TOOLS in worker.status.accepts else False,
                    extras=TOOLS in worker.status.accepts,
                    simulated=not worker.status.streaming,
                    answer_now="answer_now" in worker.status.accepts and worker.status.streaming,
                ),
                default=model.name == default or not model.name,
                n_ctx=model.n_ctx,
                ready=worker.status.state == "ready",
                waits=True,
                require_continuing=partial(_require_continuing, worker),
                embed=partial(self._embed, worker) if EMBED in worker.status.accepts else None,
            )
            for worker in self._workers.all()
            if worker.status.state != "draining"
            for model in worker.status.models or (ServedModel("", images=None),)
        ]

    def watch(self, callback: Callable[[], None]) -> None:
        self._watchers.append(callback)

    async def health(self) -> Health:
        link = self.connection
        broker = BrokerHealth(connected=link.connected, address=link.broker.address, detail=link.problem)
        if not link.connected:
            failure = BrokerUnreachable(link.problem or f"The broker at {link.broker.address} is not connected yet.")
            return Health(state="unreachable", detail=failure.message, failure=failure, broker=broker, workers=self.workers())
        workers = self.workers()
        detail = None
        if not workers:
            detail = "No worker is connected; start one with `lam worker`."
        elif not any(worker.state == "ready" or worker.running >= worker.slots > 0 for worker in workers):
            detail = "Workers are connected, but their models are not available."
        elif self._model and (served := self._workers.models()) and self._model not in served:
            detail = f"No worker serves {self._model} at the moment."
        if detail is not None:
            return Health(state="unreachable", detail=detail, failure=NoWorker(detail), broker=broker, workers=workers)
        return Health(state="ready", slots=sum(worker.slots for worker in workers), broker=broker, workers=workers)

    def workers(self) -> tuple[WorkerStatus, ...]:
        return tuple(worker.status for worker in sorted(self._workers.all(), key=lambda worker: worker.name))

    # Replies

    @asynccontextmanager
    async def generate(self, request: ChatRequest, route: Route) -> AsyncIterator[Batches]:
        worker = self._workers.by_key(route.pool.name)
        if worker is None or not self.connection.connected:
            raise RouteLost
        asked = request.turns
        if route.can.images is False:
            if request.needs_sight:
                raise CannotSee
            turns, _ = with_pictures(request.turns, ())
            request = msgspec.structs.replace(request, turns=turns)
        reply = _Reply(self._end_thinking)
        batches = self._batches(request, worker, reply, asked)
        reply.batches = batches
        try:
            yield reply
        finally:
            await batches.aclose()

    async def _batches(
        self, request: ChatRequest, worker: KnownWorker, reply: "_Reply", asked: Sequence[Turn]
    ) -> AsyncGenerator[list[EngineEvent]]:
        """Yields one worker's reply. `asked`: the conversation with all its pictures.

        A conversation that is too long is shortened for workers that cannot drop turns.
        """
        while True:
            reply.job = job = self._open(worker, request, asked)
            try:
                async with aclosing(job.follow()) as batches:
                    async for batch in batches:
                        yield batch
                return
            except RouteLost:
                self.given_away += 1
                raise
            except ContextExceeded:
                start = None
                # the worker got the turns merged and could not drop any
                if not job.has_output and "unmerged" not in worker.status.accepts:
                    start = shorter(request.turns, request.keep, request.keep)
                if start is None:
                    raise
                request = msgspec.structs.replace(request, turns=trimmed(request.turns, request.keep, start))
            finally:
                reply.job = None
                self._close(job)

    def _open(self, worker: KnownWorker, request: ChatRequest, asked: Sequence[Turn]) -> OpenJob:
        """Publishes the job and returns it. Raises TooLarge."""
        name = secrets.token_urlsafe(12)
        reply_to = self.topics.frames(self.name, self.instance, worker.name, name)
        topic = self.topics.job(worker.name)
        limit = self.connection.max_packet - len(topic) - 64

        def packed(turns: tuple[Turn, ...]) -> bytes:
            if "unmerged" not in worker.status.accepts:
                turns = merge_turns(turns)
            wire = to_wire(msgspec.structs.replace(request, turns=turns, model=request.model or self._model))
            return encode(
                Job(
                    job=name,
                    instance=worker.status.instance,
                    reply_to=reply_to,
                    request=wire,
                    stream=worker.status.streaming,
                    accepts=ACCEPTS,
                )
            )

        turns, payload = _fitting(request, packed, limit)
        job = OpenJob(
            name,
            worker,
            self,
            clock=self._clock,
            silences=self._silences,
            chunks=self._chunks,
            pictures=by_hash(turns),
            left_out=left_out(asked, turns),
        )
        self._jobs[name] = job
        worker.jobs += 1
        self.connection.publish(topic, payload)
        return job

    async def _embed(self, worker: KnownWorker, model: str | None, fields: dict[str, Any]) -> dict[str, Any]:
        """Returns the vectors that the worker's server makes. The job takes no place.

        Raises NotSupported, Invalid, TooLarge and a GenerationError.
        """
        name, topic = secrets.token_urlsafe(12), self.topics.job(worker.name)
        payload = encode(
            Job(
                job=name,
                instance=worker.status.instance,
                reply_to=self.topics.frames(self.name, self.instance, worker.name, name),
                request=vector_request(model or self._model),
                accepts=ACCEPTS,
                embed=fields,
            )
        )
        limit = self.connection.max_packet - len(topic) - 64
        if len(payload) > limit:
            raise TooLarge.for_packet(limit)
        job = OpenJob(name, worker, self, clock=self._clock, silences=self._silences, chunks=WHOLE)
        self._jobs[name] = job
        self.connection.publish(topic, payload)
        try:
            async with aclosing(job.follow()) as batches:
                return _vectors("".join([event.content async for batch in batches for event in batch if isinstance(event, Chunk)]))
        except RouteLost:
            raise WorkerLost("The worker did not answer the request for vectors; try again.") from None
        finally:
            self._jobs.pop(name, None)
            self._control(job, "release")

    def _close(self, job: OpenJob) -> None:
        """Releases the job; if it still runs, this cancels it and frees the model."""
        self._jobs.pop(job.name, None)
        self.pictures.drop(job)
        job.worker.jobs -= 1
        self._control(job, "release")
        self._tell_capacity()

    # What a job needs

    @property
    def connected(self) -> bool:
        return self.connection.connected

    @property
    def problem(self) -> str | None:
        return self.connection.problem

    async def until_change(self, seconds: float) -> None:
        self._changed.clear()
        try:
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        except TimeoutError:
            pass

    def resume(self, job: OpenJob) -> None:
        self.resumed += 1
        self._control(job, "resume", job.inbox.last)

    def pause(self, worker: KnownWorker) -> None:
        worker.full_until = self._clock() + self._silences.full
        self._tell_capacity()

    def room(self, worker: str) -> int:
        return self.connection.max_packet - len(self.topics.control(worker)) - 64

    def send_piece(self, worker: str, piece: Piece) -> bool:
        return self.connection.publish(self.topics.control(worker), encode(piece))

    async def flushed(self) -> None:
        await self.connection.flushed()

    # Messages

    def _end_thinking(self, job: OpenJob) -> None:
        self._control(job, "answer_now")

    def _control(self, job: OpenJob, action: Action, after: int = 0) -> None:
        reply_to = self.topics.frames(self.name, self.instance, job.worker.name, job.name) if action == "resume" else None
        instance = job.worker.status.instance
        control = Control(job=job.name, action=action, after=after, reply_to=reply_to, instance=instance)
        self.connection.publish(self.topics.control(job.worker.name), encode(control))

    def _frame(self, topic: str, payload: bytes, retained: bool) -> None:
        *_, worker, name = self.topics.names(topic)
        job = self._jobs.get(name)
        try:
            said = decode_reply(payload)
        except BadPayload as error:
            self._ignore(topic, str(error))
            return
        if said.job != name:
            self._ignore(topic, "its topic names another job")
        elif retained or job is None or job.worker.name != worker:
            self._ignore(topic, "it is for no open job of that worker")
            if isinstance(said, Want) and not retained and NAME.fullmatch(worker):
                self.pictures.refuse(worker, said, "not_named")
        elif isinstance(said, Want):
            job.hear()
            self.pictures.ask(job, said)
        else:
            job.take(said)

    def _status(self, topic: str, payload: bytes, retained: bool) -> None:
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
        if self._workers.hear(status, retained=retained):
            self._tell_capacity()

    def _ignore(self, topic: str, why: str) -> None:
        self.ignored += 1
        if self.ignored == 1:
            log.warning("A message on %s is ignored (%s); further ones are only counted", topic, why)

    def _worker_moved(self, worker: KnownWorker) -> None:
        if worker.away_since is None:
            self._tell()  # list the open jobs: a release may have been lost
        for job in self._jobs.values():
            if job.worker is worker:
                job.wake()
                if worker.away_since is None:
                    self.resume(job)  # messages sent meanwhile are lost, and nothing would reveal a lost last frame

    def _worker_gone(self, worker: KnownWorker) -> None:
        for job in self._jobs.values():
            if job.worker is worker:
                job.lose()

    def _disconnected(self) -> None:
        for job in self._jobs.values():
            job.wake()
        self._tell_capacity()

    def _connected(self) -> None:
        self._workers.start_over()
        self._tell()
        self._tell_capacity()

    def _tell(self) -> None:
        status = GatewayStatus(gateway=self.name, instance=self.instance, jobs=tuple(self._jobs), version=PROTOCOL, accepts=ACCEPTS)
        self.connection.publish(self.topics.gateway_status(self.name, self.instance), encode(status), retain=True)

    def _tell_capacity(self) -> None:
        self._changed.set()
        for callback in self._watchers:
            callback()

    async def _keep_telling(self) -> None:
        while True:
            await asyncio.sleep(self._silences.status)
            self._tell()

    async def _keep_watch(self) -> None:
        while True:
            await asyncio.sleep(self._silences.watch)
            if self.connection.connected and (self._workers.forget_silent() or self._workers.refilled()):
                self._tell_capacity()


class _Reply:
    """The batches of one reply, whose thinking a worker can end. `job`: the open job behind them."""

    def __init__(self, end_thinking: Callable[[OpenJob], None]) -> None:
        self.batches: AsyncIterator[list[EngineEvent]]
        self.job: OpenJob | None = None
        self._end_thinking = end_thinking

    def __aiter__(self) -> AsyncIterator[list[EngineEvent]]:
        return self.batches

    async def __anext__(self) -> list[EngineEvent]:
        return await anext(self.batches)

    async def answer_now(self) -> None:
        """See `AnswersNow`. Whether the model obeys shows in the batches."""
        job = self.job
        if job is None or not job.can_answer_now or "answer_now" not in job.worker.status.accepts:
            raise CannotAnswerNow
        self._end_thinking(job)


def _vectors(text: str) -> dict[str, Any]:
    try:
        said = decode(text.encode(), VectorAnswer)
    except BadPayload as error:
        raise LlmError("The worker answers a request for vectors with something else.") from error
    if said.answer is None:
        raise Invalid(said.message) if said.code == Invalid.code else NotSupported(said.message)
    return said.answer


async def _running(worker: KnownWorker) -> int:
    return worker.status.running


async def _require_continuing(worker: KnownWorker, _request: ChatRequest) -> None:
    if not worker.status.continues:
        raise NotSupported("No worker for this model can continue a reply; regenerate it instead.")


def _fitting(request: ChatRequest, packed: Callable[[tuple[Turn, ...]], bytes], limit: int) -> tuple[tuple[Turn, ...], bytes]:
    """Returns as many turns as fit into a message, and the job with them. Raises TooLarge when the newest turn alone does not
    fit."""
    whole = packed(request.turns)
    if len(whole) <= limit:
        return request.turns, whole
    starts = cuts(request.turns, request.keep, 1)
    first = bisect_left(starts, True, key=lambda start: len(packed(trimmed(request.turns, request.keep, start))) <= limit)
    if first == len(starts):
        raise TooLarge.for_packet(limit)
    turns = trimmed(request.turns, request.keep, starts[first])
    return turns, packed(turns)
