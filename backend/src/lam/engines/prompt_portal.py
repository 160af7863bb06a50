"""The engine for older LAM workers and their `prompt_portal` topics: a request, its answer in one piece, no status, no cancel.

Such a worker keeps the conversation itself, by the session's key, so it is told only what is new.
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

from lam.engines.base import Batches, Capacity, Health, Model
from lam.engines.paced import paced
from lam.errors import BrokerUnreachable, GenerationError, LlmError, TooLarge
from lam.mqtt.connection import Broker, Connection
from lam.protocol.chat import ChatRequest
from lam.protocol.events import Chunk, EngineEvent, Finished, Mode
from lam.protocol.text import valid
from lam.protocol.topics import checked_name

log = logging.getLogger(__name__)

REQUESTS: Final = "prompt_portal/user_input"
ANSWERS: Final = "prompt_portal/assistant_response"
DEFAULT_SLOTS: Final = 8
AWAY_SECONDS: Final = 60
PAUSE: Final = 0.1


class UserInput(Struct, frozen=True, rename="camel"):
    """A request as older workers read it."""

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
    """An `Engine`. An async context manager: it owns the connection to the broker.

    `slots`: requests at once, 0 means 8; nobody tells how many the workers take. `timeout`: seconds to wait for the broker.
    `chunk_size`, `chunk_delay`: see `paced`.
    """

    mode: Mode = "mqtt"
    keeps_history = True

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
        self.ignored = 0  # answers that came too late, twice or retained
        self._model = model
        self._slots = slots or DEFAULT_SLOTS
        self._timeout = timeout
        self._chunks = (chunk_size, chunk_delay)
        self._open: dict[str, asyncio.Future[bytes]] = {}  # by request
        self.connection = Connection(broker, self.client_id, max_packet=max_packet)
        self.connection.subscribe(f"{ANSWERS}/+/{self.client_id}/+", self._answer)

    async def __aenter__(self) -> Self:
        await self.connection.__aenter__()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.connection.__aexit__(kind, error, trace)

    def lane(self, model: str | None) -> str:
        return ""

    def answering(self, model: str | None) -> str | None:
        return self._model

    def watch_capacity(self, callback: Callable[[Capacity], None]) -> None:
        callback({"": self._slots})

    async def busy(self, lane: str) -> int | None:
        return None

    def simulates(self, model: str | None) -> bool | None:
        return True

    def missing(self, model: str | None) -> GenerationError:
        return BrokerUnreachable(self._broker_problem())

    async def models(self) -> Sequence[Model]:
        return [Model(self._model)] if self._model else []

    async def health(self) -> Health:
        if not self.connection.connected:
            return Health("unreachable", self._broker_problem())
        return Health("ready", "Older workers do not tell whether they are there.", slots=self._slots)

    async def require_continuing(self, request: ChatRequest) -> None:
        """Nothing to ask: what keeps the history is never asked to go on."""

    @asynccontextmanager
    async def generate(self, request: ChatRequest) -> AsyncIterator[Batches]:
        batches = self._batches(request)
        try:
            yield batches
        finally:
            await batches.aclose()

    async def _batches(self, request: ChatRequest) -> AsyncGenerator[list[EngineEvent]]:
        """The answer in paced pieces. Raises BrokerUnreachable, TooLarge, LlmError. How long to wait for it the reader decides."""
        request_id = secrets.token_urlsafe(12)
        answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._open[request_id] = answer
        try:
            payload = self._payload(request, request_id)
            deadline = asyncio.get_running_loop().time() + min(AWAY_SECONDS, self._timeout)
            while not self.connection.publish(REQUESTS, payload):
                if asyncio.get_running_loop().time() >= deadline:
                    raise BrokerUnreachable(self._broker_problem())
                yield []
                await asyncio.sleep(PAUSE)
            text, envelope = read_answer(await answer, request_id)
        finally:
            del self._open[request_id]
        about: dict[str, Any] = {"dialect": "prompt_portal"} | ({"payload": envelope} if envelope is not None else {})
        end = Finished("stop", model=self._model, simulated=True, about=about)
        async for batch in paced([Chunk(text), end] if text else [end], *self._chunks):
            yield batch

    def _payload(self, request: ChatRequest, request_id: str) -> bytes:
        system = request.turns[0].content if request.keep else None
        payload = msgspec.json.encode(
            UserInput(
                request.session_key,
                request.turns[-1].content,
                request_id,
                self.client_id,
                f"{ANSWERS}/{request.session_key}/{self.client_id}/{request_id}",
                system,
                request.sampling.temperature,
                request.sampling.top_p,
                request.sampling.max_tokens,
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

    def _broker_problem(self) -> str:
        return self.connection.problem or f"The broker at {self.connection.broker.address} is not connected yet."


def read_answer(payload: bytes, request_id: str) -> tuple[str, dict[str, Any] | None]:
    """The text of an answer, and the object that held it: only an object that names this very request is one, all else is the text
    itself. Raises LlmError."""
    try:
        verbatim = payload.decode()
    except UnicodeDecodeError as error:
        raise LlmError("The worker's answer is not UTF-8.") from error
    try:
        said = msgspec.json.decode(payload)
    except (msgspec.DecodeError, RecursionError):
        said = None
    if not isinstance(said, dict) or said.get("requestId") != request_id:
        return valid(verbatim), None
    text = said.get("response")
    text = said.get("content") if text is None else text
    if not isinstance(text, str):
        raise LlmError("The worker's answer holds neither a response nor a content that is text.")
    return valid(text), said
