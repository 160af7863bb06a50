"""The engine of `sse` mode: any OpenAI-compatible server over HTTP, and all that llama.cpp's server offers more.

The only home of the HTTP client on the gateway's side. It reads bytes as they arrive and hands on what one read brought in one
batch. It retries only while nothing was shown: refused connections for a short while, a server that loads its model or has too
much to do until `timeout`.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, Final, Self

import aiohttp
import msgspec

from lam.engines.base import Batches, Capacity, Health, Model
from lam.engines.completion import CompletionDecoder, context_exceeded, reported_error
from lam.engines.server_facts import ServerFacts, read_facts
from lam.errors import (
    ContextExceeded,
    GenerationError,
    Interrupted,
    LlmError,
    LlmLoading,
    LlmOverloaded,
    LlmUnreachable,
    NotSupported,
)
from lam.protocol import window
from lam.protocol.chat import ChatRequest, Turn
from lam.protocol.events import EngineEvent, Mode, Progress

log = logging.getLogger(__name__)

PING_SECONDS: Final = 5
REFUSED_SECONDS: Final = 10
PROBE_SECONDS: Final = 5
PROBE_AGAIN_SECONDS: Final = 30
AFTER_FINISH_SECONDS: Final = 2
KEEP_ALIVE_SECONDS: Final = 3  # shorter than any server's, so that no request meets a connection that is being closed
REFUSAL_BYTES: Final = 65536
UNKNOWN_PATH: Final = (404, 405, 501)
HEALTH_SECONDS: Final = 1  # an answer is good for that long, however often it is asked for
DEFAULT_SLOTS: Final = 8
LANE: Final = "server"
KEY: Final = "LLM_API_KEY"
_FIRST_PAUSE: Final = 0.1
_LONGEST_PAUSE: Final = 2.0
_CLIENT_ERRORS: Final = (aiohttp.ClientError, ConnectionError, OSError)


class OpenAIHttpEngine:
    """An `Engine`. An async context manager: it owns the HTTP client and a task that keeps the server's facts fresh.

    `slots`: places to give out; 0 leaves it to the server. `timeout`: seconds a server may stay loading or overloaded.
    """

    mode: Mode = "sse"
    keeps_history = False

    def __init__(
        self,
        url: str,
        *,
        api_key: str | None = None,
        model: str | None = None,
        slots: int = 0,
        timeout: float = 300,
    ) -> None:
        self.url = url.rstrip("/").removesuffix("/v1")
        self._headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._model = model
        self._slots = slots
        self._timeout = timeout
        self._facts: ServerFacts | None = None
        self._health: tuple[float, Health] | None = None
        self._watchers: list[Callable[[Capacity], None]] = []

    async def __aenter__(self) -> Self:
        self._client = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEP_ALIVE_SECONDS),
            headers=self._headers,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=10),
            auto_decompress=False,
            skip_auto_headers=("Accept-Encoding",),
        )
        self._watch = asyncio.create_task(self._keep_facts_fresh(), name="engine-facts")
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._watch.cancel()
        await asyncio.gather(self._watch, return_exceptions=True)
        await self._client.close()

    # What it has

    def lane(self, model: str | None) -> str:
        return LANE  # one server: its models share its slots

    def answering(self, model: str | None) -> str | None:
        listed = self._facts.models if self._facts else ()
        return model or self._model or (listed[0].name if listed else None)

    def watch_capacity(self, callback: Callable[[Capacity], None]) -> None:
        self._watchers.append(callback)
        callback(self._capacity())

    def _capacity(self) -> Capacity:
        return {LANE: self._slots or (self._facts.slots if self._facts else 0) or DEFAULT_SLOTS}

    async def busy(self, lane: str) -> int | None:
        try:
            slots = await self._json("GET", "/slots")
        except GenerationError:
            return None
        if not isinstance(slots, list):
            return None
        return sum(1 for slot in slots if isinstance(slot, dict) and slot.get("is_processing"))

    def simulates(self, model: str | None) -> bool | None:
        return False

    def missing(self, model: str | None) -> GenerationError:
        return self._unreachable()

    async def models(self) -> Sequence[Model]:
        facts = await self._known_facts()
        wanted = facts.named(self._model) or (Model(self._model, facts.n_ctx or None) if self._model else None)
        return [wanted, *(m for m in facts.models if m != wanted)] if wanted else list(facts.models)

    async def health(self) -> Health:
        now = asyncio.get_running_loop().time()
        if self._health is None or now - self._health[0] > HEALTH_SECONDS:
            self._health = (now, await self._ask_health())
        return self._health[1]

    async def _ask_health(self) -> Health:
        try:
            facts = await self._probe()
        except LlmLoading as error:
            return Health("loading", error.message)
        except GenerationError as error:
            return Health("unreachable", error.message)
        return Health("ready", slots=self._slots or facts.slots or None)

    async def _keep_facts_fresh(self) -> None:
        pause = _FIRST_PAUSE
        while True:
            try:
                await self._probe()
                pause = PROBE_AGAIN_SECONDS
            except GenerationError:
                pause = min(pause * 2, PROBE_SECONDS)
            except Exception:
                log.exception("The model server's facts could not be read")
                pause = PROBE_AGAIN_SECONDS
            await asyncio.sleep(pause)

    async def _known_facts(self) -> ServerFacts:
        return self._facts or await self._probe()

    async def _probe(self) -> ServerFacts:
        """Asks the server what it is. Raises LlmLoading, LlmUnreachable or LlmError."""
        answers: list[Any] = []
        refusal: LlmError | None = None
        for path in ("/props", "/v1/models"):
            try:
                answers.append(await self._json("GET", path))
            except LlmError as error:
                answers.append(None)
                refusal = error
        if refusal is not None and (KEY in refusal.message or not any(answers)):
            raise refusal  # it tells nothing, and not for want of the question: what was known about it stays
        props, models = answers
        facts = read_facts(props, models)
        if facts != self._facts:
            self._facts = facts
            for callback in self._watchers:
                callback(self._capacity())
        return facts

    async def _json(self, method: str, path: str, body: Any = None) -> Any:
        """A small question to the server, answered in PROBE_SECONDS or not at all; None where it does not know the question."""
        data = None if body is None else msgspec.json.encode(body)
        headers = {"Content-Type": "application/json"} if data else None
        try:
            async with asyncio.timeout(PROBE_SECONDS):
                async with self._client.request(method, self.url + path, data=data, headers=headers) as response:
                    text = await response.read()
        except TimeoutError as error:
            raise LlmUnreachable(f"The model server at {self.url} does not answer.") from error
        except _CLIENT_ERRORS as error:
            raise self._unreachable() from error
        if response.status in UNKNOWN_PATH:
            return None
        if response.status != 200:
            raise self._refusal(response.status, text)
        try:
            return msgspec.json.decode(text)
        except ValueError as error:
            raise LlmError(f"The model server at {self.url} answers {path} with something that is not JSON.") from error

    # A reply

    async def require_continuing(self, request: ChatRequest) -> None:
        """llama.cpp shows the prompt it would make: it must end with the text that is to be continued."""
        facts = await self._known_facts()
        if not facts.llama:
            raise NotSupported(f"The model server at {self.url} does not say that it can continue a reply; regenerate it instead.")
        turns = request.turns[-2:]
        try:
            answer = await self._json("POST", "/apply-template", {"messages": turns} | _template_arguments(request))
        except LlmError as error:
            if error.retryable:
                raise  # it failed; whether it could is not known
            raise NotSupported(f"The model cannot continue a reply: {error.message}") from error
        prompt = answer.get("prompt") if isinstance(answer, dict) else None
        if not isinstance(prompt, str) or not prompt.endswith(turns[-1].content):
            raise NotSupported("The model's template cannot continue a reply; regenerate it instead.")

    @asynccontextmanager
    async def generate(self, request: ChatRequest) -> AsyncIterator[Batches]:
        batches = self._batches(request)
        try:
            yield batches
        finally:
            await batches.aclose()

    async def _batches(self, request: ChatRequest) -> AsyncGenerator[list[EngineEvent]]:
        response: aiohttp.ClientResponse | None = None
        patience = _Patience(self._timeout)
        while response is None:
            try:
                response = await self._open(request)
            except (LlmUnreachable, LlmLoading, LlmOverloaded) as failure:
                pause = patience.pause(failure)
                yield [Progress("loading")] if patience.time_to_show() else []  # how long to wait is ours to decide, not the pump's
                await asyncio.sleep(pause)
        decoder = CompletionDecoder(answering=request.continues)
        lost: Exception | None = None
        try:
            if response.content_type == "application/json":
                yield decoder.whole(await response.read())
            read = response.content.readany
            while decoder.finish_reason is None and decoder.failure is None and (piece := await read()):
                yield decoder.feed(piece)
            if decoder.finish_reason is not None:
                await self._read_figures(response, decoder)
        except _CLIENT_ERRORS as error:
            lost = error
        finally:
            if decoder.ended and response.content.at_eof():
                response.release()
            else:
                response.close()  # at once: this frees the slot
        if decoder.finish_reason is None:
            yield decoder.flush()
            raise decoder.failure or Interrupted("The connection to the model server was lost; what had arrived is kept.") from lost
        yield [decoder.finished()]

    @staticmethod
    async def _read_figures(response: aiohttp.ClientResponse, decoder: CompletionDecoder) -> None:
        """After the finish reason only figures follow: they are worth a short wait, and whatever happens now, even a stop, comes
        too late to change that the reply is complete."""
        try:
            async with asyncio.timeout(AFTER_FINISH_SECONDS):
                while not decoder.ended and decoder.failure is None and (piece := await response.content.readany()):
                    decoder.feed(piece)
        except (TimeoutError, asyncio.CancelledError, *_CLIENT_ERRORS):
            pass

    async def _open(self, request: ChatRequest) -> aiohttp.ClientResponse:
        """The opened stream of a 200. A context that was misjudged is answered by trimming once more."""
        facts = await self._known_facts()
        start, turns, count = await self._fit(facts, request)
        try:
            return await self._post(self._body(facts, request, turns, count))
        except ContextExceeded:
            later = [cut for cut in window.cuts(request.turns, request.keep, 1) if cut > start]
            if not later:
                raise
            shorter = window.trimmed(request.turns, request.keep, later[len(later) // 2])
            return await self._post(self._body(facts, request, shorter, window.estimate(shorter)))

    async def _post(self, body: dict[str, Any]) -> aiohttp.ClientResponse:
        headers = {"Content-Type": "application/json", "Accept": "text/event-stream"}
        try:
            url = self.url + "/v1/chat/completions"
            response = await self._client.post(url, data=msgspec.json.encode(body), headers=headers)
        except aiohttp.ServerDisconnectedError as error:
            raise Interrupted("The model server closed the connection before it answered.") from error
        except _CLIENT_ERRORS as error:
            raise self._unreachable() from error
        if response.status == 200 and response.content_type in ("text/event-stream", "application/json"):
            return response
        kind = response.content_type
        text = await self._refused_body(response)
        if response.status == 200:
            raise LlmError(f"The model server at {self.url} answers with {kind} instead of a stream; check LLM_SERVER_URL.")
        raise self._refusal(response.status, text)

    @staticmethod
    async def _refused_body(response: aiohttp.ClientResponse) -> bytes:
        """As much of an error answer as arrives in good time."""
        text = b""
        try:
            async with asyncio.timeout(PROBE_SECONDS):
                while len(text) < REFUSAL_BYTES and (piece := await response.content.readany()):
                    text += piece
        except (TimeoutError, *_CLIENT_ERRORS):
            pass
        finally:
            response.close()
        return text

    def _body(self, facts: ServerFacts, request: ChatRequest, turns: Sequence[Turn], count: int) -> dict[str, Any]:
        model = self.answering(request.model)
        max_tokens = request.sampling.max_tokens
        n_ctx = self._n_ctx(facts, request)
        if n_ctx and count:
            max_tokens = max(1, min(max_tokens, n_ctx - count))
        body: dict[str, Any] = {
            "messages": turns,
            "stream": True,
            "stream_options": {"include_usage": True},
            "temperature": request.sampling.temperature,
            "top_p": request.sampling.top_p,
            "max_tokens": max_tokens,
        }
        if model is not None:
            body["model"] = model
        if facts.llama:
            body["return_progress"] = True
            body["sse_ping_interval"] = PING_SECONDS
            body |= _template_arguments(request)
        return body

    # The window

    async def _fit(self, facts: ServerFacts, request: ChatRequest) -> tuple[int, tuple[Turn, ...], int]:
        """Where the conversation begins so that it fits, its turns, and how many tokens they are (0: not counted).

        Raises ContextExceeded when the newest message alone does not fit.
        """
        keep, turns = request.keep, request.turns
        n_ctx = self._n_ctx(facts, request)
        budget = window.budget(n_ctx, request)
        bound = window.at_most(turns)
        if not budget or (bound <= budget and bound + request.sampling.max_tokens <= n_ctx):
            return keep, turns, 0
        cuts = window.cuts(turns, keep, budget // 2)
        low, high, found = 0, len(cuts) - 1, 0
        while low < high:  # the first cut that fits, the last one if none does
            middle = (low + high) // 2
            count = await self._count(facts, request, window.trimmed(turns, keep, cuts[middle]))
            if count <= budget:
                high, found = middle, count
            else:
                low = middle + 1
        chosen = window.trimmed(turns, keep, cuts[low])
        if low == len(cuts) - 1:
            found = await self._count(facts, request, chosen)
            limit = n_ctx - 1 if n_ctx and not request.max_prompt_tokens else budget
            if found > limit:
                raise context_exceeded(found, limit)
        return cuts[low], chosen, found

    def _n_ctx(self, facts: ServerFacts, request: ChatRequest) -> int:
        """Tokens the context of the answering model holds; 0 where nobody says."""
        model = facts.named(self.answering(request.model))
        return facts.n_ctx or (model.n_ctx if model and model.n_ctx else 0)

    async def _count(self, facts: ServerFacts, request: ChatRequest, turns: Sequence[Turn]) -> int:
        """Tokens of the prompt that the server would make of these turns; estimated where it has no tokenizer."""
        if not facts.llama:
            return window.estimate(turns)
        try:
            prompt = (await self._json("POST", "/apply-template", {"messages": turns} | _template_arguments(request)))["prompt"]
            question = {"content": prompt, "add_special": True, "parse_special": True}
            return len((await self._json("POST", "/tokenize", question))["tokens"])
        except (LlmError, KeyError, TypeError):
            return window.estimate(turns)

    # Failures

    def _unreachable(self) -> LlmUnreachable:
        return LlmUnreachable(f"The model server at {self.url} cannot be reached; is it running, and is LLM_SERVER_URL right?")

    def _refusal(self, status: int, text: bytes) -> GenerationError:
        """An HTTP status other than 200 as one of our errors."""
        try:
            said: Any = msgspec.json.decode(text)
        except ValueError:
            said = None
        error = said.get("error") if isinstance(said, dict) else None
        if status == 401:  # llama.cpp lists its models all the same
            return LlmError(f"The model server at {self.url} refuses the key; is {KEY} right?", retryable=False)
        if status == 503 and isinstance(error, dict):
            return LlmLoading()
        if status == 429:
            return LlmOverloaded()
        if isinstance(error, dict):
            return reported_error(error, status)
        return LlmError(f"The model server at {self.url} answers with HTTP {status}.", retryable=not 400 <= status < 500)


def _template_arguments(request: ChatRequest) -> dict[str, Any]:
    return {"chat_template_kwargs": {"enable_thinking": False}} if request.skip_thinking else {}


class _Patience:
    """How long to go on trying a server that refuses, loads or is overloaded, and how to pause in between."""

    def __init__(self, timeout: float) -> None:
        self._clock = asyncio.get_running_loop().time
        self._start = self._clock()
        self._timeout = timeout
        self._pause = _FIRST_PAUSE
        self._shown: float | None = None

    def pause(self, failure: GenerationError) -> float:
        """Seconds until the next try. Raises the failure when its time is over."""
        limit = min(self._timeout, REFUSED_SECONDS) if isinstance(failure, LlmUnreachable) else self._timeout
        left = limit - (self._clock() - self._start)
        if left <= 0:
            raise failure
        self._pause, pause = min(self._pause * 2, _LONGEST_PAUSE), self._pause
        return min(pause, left)

    def time_to_show(self) -> bool:
        """Whether the reader should be told (again) what is being waited for: at once, then every 5 seconds."""
        now = self._clock()
        if self._shown is None or now - self._shown >= 5:
            self._shown = now
            return True
        return False
