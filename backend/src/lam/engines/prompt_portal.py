"""The engine for older LAM workers and their `prompt_portal` topics: one request, one whole answer, no cancel.

Such a worker stores the conversation under the session's key, so it gets only the new turn. Its presence is known from its status,
if it publishes one, and from an MQTT 5 broker, which reports a request without receivers.

It knows no LAM protocol and no queue.
"""

import asyncio
import logging
import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, Final, Self

import msgspec
from msgspec import Struct

from lam.engines.base import Batches, Can, Health, Pool, Route
from lam.engines.base import Broker as BrokerHealth
from lam.engines.paced import paced
from lam.errors import BrokerUnreachable, CannotSee, LlmError, LlmOverloaded, NotSupported, NoWorker, TooLarge
from lam.mqtt.connection import Broker, Connection
from lam.protocol.chat import ChatRequest, left_out
from lam.protocol.events import Chunk, EngineEvent, Finished, Progress
from lam.protocol.text import valid
from lam.protocol.topics import checked_name

log = logging.getLogger(__name__)

REQUESTS: Final = "prompt_portal/user_input"
ANSWERS: Final = "prompt_portal/assistant_response"
STATUS: Final = "prompt_portal/status"
DEFAULT_SLOTS: Final = 8
AWAY_SECONDS: Final = 60
PAUSE: Final = 0.1
UNHEARD_PAUSE: Final = 1.0  # pause before a request without receivers is published again
SHOW_SECONDS: Final = 5
NEARLY_ZERO: Final = 1e-4  # these workers treat temperature 0 as unset and use their own
NO_WORKER: Final = "No older worker is connected to the broker; start one."
_FAILED: Final = ("Error: OpenAI API error: ", "Error: Generation failed: ", "Error processing message: ")
_OVERLOADED: Final = ("Error: Rate limit exceeded. ", "Server is overloaded. Please try again in a moment.")
_GONE: Final = frozenset({"offline", "disconnected", "stopped", "down", "shutdown"})


class UserInput(Struct, frozen=True, rename="camel", kw_only=True):
    """A request in the format of older workers."""

    session_id: str
    message: str
    request_id: str
    client_id: str
    reply_topic: str
    system_prompt: str | None
    temperature: float
    top_p: float
    max_tokens: int


class PromptPortalEngine:
    """An `Engine`, as an async context manager: it owns the connection to the broker.

    `slots`: requests at once; 0 means 8, because workers do not report their number. `timeout`: seconds to wait for the broker.
    `chunk_size`, `chunk_delay`: see `paced`.
    """

    def __init__(
        self,
        broker: Broker,
        *,
        name: str = "lam-gateway",
        model: str | None = None,
        slots: int = 0,
        timeout: float = 300,
        max_packet: int = 512 << 10,
        chunk_size: int = 10,
        chunk_delay: float = 0.01,
    ) -> None:
        self.client_id = f"{checked_name(name, 'MQTT_CLIENT_ID')}-{secrets.token_hex(4)}"
        self.ignored = 0  # answers that were late, repeated or retained
        self._model = model
        self._slots = slots or DEFAULT_SLOTS
        self._timeout = timeout
        self._chunks = (chunk_size, chunk_delay)
        self._open: dict[str, asyncio.Future[bytes]] = {}  # by request
        self.connection = Connection(broker, self.client_id, max_packet=max_packet)
        self._worker: bool | None = None  # whether a worker is connected; None when unknown
        self.connection.subscribe(f"{ANSWERS}/+/{self.client_id}/+", self._answer)
        self.connection.subscribe(STATUS, self._status)

    async def __aenter__(self) -> Self:
        await self.connection.__aenter__()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.connection.__aexit__(kind, error, trace)

    def routes(self) -> Sequence[Route]:
        """Returns one route, or two when a model is named: any other name gets the same answer."""
        return [
            Route(
                name=name,
                pool=Pool(name="workers", places=self._slots, busy=_busy),
                mode="mqtt",
                can=Can(continues=False, tools=False, json=False, history=True, simulated=True, extras=False),
                default=name == self._model,
                waits=True,
                require_continuing=_require_continuing,
            )
            for name in dict.fromkeys((self._model, None))
        ]

    def watch(self, callback: Callable[[], None]) -> None:
        """Does nothing: the routes never change."""

    async def health(self) -> Health:
        link = self.connection
        broker = BrokerHealth(connected=link.connected, address=link.broker.address, detail=link.problem)
        if not link.connected:
            failure = BrokerUnreachable(self._broker_problem())
            return Health(state="unreachable", detail=failure.message, failure=failure, broker=broker)
        if self._worker is False:
            return Health(state="unreachable", detail=NO_WORKER, failure=NoWorker(NO_WORKER), broker=broker)
        detail = None if self._worker else "Older workers do not report whether they are connected."
        return Health(state="ready", detail=detail, slots=self._slots, broker=broker)

    @asynccontextmanager
    async def generate(self, request: ChatRequest, route: Route) -> AsyncIterator[Batches]:
        if request.needs_sight:
            raise CannotSee
        batches = self._batches(request)
        try:
            yield batches
        finally:
            await batches.aclose()

    async def _batches(self, request: ChatRequest) -> AsyncGenerator[list[EngineEvent]]:
        """Yields the answer in paced pieces. Raises BrokerUnreachable, NoWorker, TooLarge, LlmError, LlmOverloaded.

        Once a worker took the request there is no time limit: the reader decides how long to wait.
        """
        request_id = secrets.token_urlsafe(12)
        answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._open[request_id] = answer
        try:
            payload = self._payload(request, request_id)
            async for signs in self._delivered(payload, answer):
                yield signs
            text, envelope = read_answer(await answer, request_id)
        finally:
            del self._open[request_id]
        self._worker = True
        about: dict[str, Any] = {"dialect": "prompt_portal"} | ({"payload": envelope} if envelope is not None else {})
        end = Finished("stop", model=self._model, simulated=True, about=about, pictures_left_out=left_out(request.turns, ()))
        async for batch in paced([Chunk(text), end] if text else [end], *self._chunks):
            yield batch

    async def _delivered(self, payload: bytes, answer: "asyncio.Future[bytes]") -> AsyncGenerator[list[EngineEvent]]:
        """Publishes the request until a worker takes it, as far as the broker can tell. Yields signs of life meanwhile."""
        clock = asyncio.get_running_loop().time
        began, last_sign = clock(), 0.0
        unheard = asyncio.Event()
        while not answer.done():
            yield []
            unheard.clear()
            if not self.connection.publish(REQUESTS, payload, unheard=unheard.set):
                if clock() - began >= min(AWAY_SECONDS, self._timeout):
                    raise BrokerUnreachable(self._broker_problem())
                yield []
                await asyncio.sleep(PAUSE)
                continue
            waiting: set[asyncio.Future[Any]] = {answer, asyncio.create_task(unheard.wait(), name="unheard")}
            try:
                await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in waiting - {answer}:
                    task.cancel()
            if answer.done():
                return
            self._worker = False
            if clock() - began >= self._timeout:
                raise NoWorker(NO_WORKER)
            if clock() - last_sign >= SHOW_SECONDS:
                last_sign = clock()
                yield [Progress("unreachable", reason=NoWorker.code)]
            else:
                yield []
            await asyncio.sleep(min(UNHEARD_PAUSE, self._timeout / 4))

    def _payload(self, request: ChatRequest, request_id: str) -> bytes:
        system = request.turns[0].content if request.keep else None
        payload = msgspec.json.encode(
            UserInput(
                session_id=request.session_key,
                message=request.turns[-1].content,
                request_id=request_id,
                client_id=self.client_id,
                reply_topic=f"{ANSWERS}/{request.session_key}/{self.client_id}/{request_id}",
                system_prompt=system,
                temperature=request.sampling.temperature or NEARLY_ZERO,
                top_p=request.sampling.top_p,
                max_tokens=request.sampling.max_tokens,
            )
        )
        limit = self.connection.max_packet - len(REQUESTS) - 64
        if len(payload) > limit:
            raise TooLarge.for_packet(limit)
        return payload

    def _answer(self, topic: str, payload: bytes, retained: bool) -> None:
        answer = self._open.get(topic.rpartition("/")[2])
        if retained or answer is None or answer.done():
            self.ignored += 1
            if self.ignored == 1:
                log.warning("An answer on %s is dropped (nobody waits for it); further ones are only counted", topic)
            return
        answer.set_result(payload)

    def _status(self, _topic: str, payload: bytes, _retained: bool) -> None:
        """Takes a worker's status, a word or an object with one. Any status except offline means connected."""
        try:
            status = msgspec.json.decode(payload)
        except (ValueError, RecursionError):
            status = payload.decode("utf-8", "replace")
        word = (status.get("status") or status.get("state")) if isinstance(status, dict) else status
        self._worker = bool(payload) and str(word).strip().lower() not in _GONE

    def _broker_problem(self) -> str:
        return self.connection.problem or f"The broker at {self.connection.broker.address} is not connected yet."


async def _busy() -> int | None:
    return None


async def _require_continuing(_request: ChatRequest) -> None:
    raise NotSupported("The worker keeps the conversation: earlier turns cannot be edited, regenerated or continued.")


def read_answer(payload: bytes, request_id: str) -> tuple[str, dict[str, Any] | None]:
    """Returns the text of an answer, and the object that held it.

    Only an object that names this very request is unpacked; anything else is the text itself. Raises LlmError or LlmOverloaded,
    also for the sentences in which such a worker reports its own failures.
    """
    try:
        verbatim = payload.decode()
    except UnicodeDecodeError as error:
        raise LlmError("The worker's answer is not UTF-8.") from error
    try:
        answer = msgspec.json.decode(payload)
    except (msgspec.DecodeError, RecursionError):
        answer = None
    if not isinstance(answer, dict) or answer.get("requestId") != request_id:
        return _answered(valid(verbatim)), None
    text = answer.get("response")
    text = answer.get("content") if text is None else text
    if not isinstance(text, str):
        raise LlmError("The worker's answer holds neither a response nor a content that is text.")
    return _answered(valid(text)), answer


def _answered(text: str) -> str:
    for prefix in _FAILED:
        if text.startswith(prefix):
            raise LlmError(f"The worker reports: {text[len(prefix) :].strip()[:500] or prefix.strip()}")
    if text.startswith(_OVERLOADED):
        raise LlmOverloaded(f"The worker reports: {text.strip()[:500]}")
    return text
