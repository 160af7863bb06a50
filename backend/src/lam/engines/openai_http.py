"""The engine of `sse` mode: any OpenAI-compatible server over HTTP, with the extras of llama.cpp's server.

It reads bytes as they arrive and yields one batch per read. It makes one attempt; the catalog makes the next.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, Final, Self

import aiohttp
import msgspec
from msgspec import Struct

from lam.background import Background
from lam.engines.base import Batches, Can, Health, Pool, Route
from lam.engines.completion import CompletionDecoder
from lam.engines.fitting import SHORT_REPLY, Fit, Fitter, template_arguments
from lam.engines.http_questions import (
    CLIENT_ERRORS,
    KeyRefused,
    Questions,
    Silent,
    client_session,
)
from lam.engines.reading import Reading
from lam.engines.refusals import ModelMissing, ReplyTooLong
from lam.engines.server_facts import ServerFacts, read_facts
from lam.engines.tags import BARE_OPENERS
from lam.engines.thinking import ThinkSplitter
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
from lam.protocol.chat import ChatRequest, Turn, merge_turns
from lam.protocol.sampling import openai_body
from lam.protocol.window import shorter

PING_SECONDS: Final = 5
REFUSAL_BYTES: Final = 65536
DEFAULT_SLOTS: Final = 8


class Probing(Struct, frozen=True, kw_only=True):
    """Waiting times in seconds.

    `answer`: time limit of a request. `props`: how much longer than the list of models /props may take. `first`, `again`: pauses
    between probes; the first ones grow. `health`: how long an answer about health stays valid.
    """

    answer: float = 5
    props: float = 3
    first: float = 0.1
    again: float = 30
    health: float = 1


class OpenAIHttpEngine:
    """An `Engine`, as an async context manager: it owns the HTTP client and a task that refreshes what is known about the server.

    `slots`: number of places; 0 takes the server's number.
    """

    def __init__(
        self,
        url: str,
        *,
        api_key: str | None = None,
        model: str | None = None,
        slots: int = 0,
        probing: Probing | None = None,
    ) -> None:
        self.url = url.rstrip("/").removesuffix("/v1")
        self._api_key = api_key
        self._model = model
        self._slots = slots
        self._probing = probing or Probing()
        self._answers: tuple[Any, Any] = (None, None)  # the last ones of /props and /v1/models
        self._facts: ServerFacts | None = None
        self._is_incomplete = False  # one of the requests timed out
        self._key_problem: KeyRefused | None = None
        self._replied = False  # the server accepted a chat, so the key is right
        self._replies = 0  # open ones
        self._health: tuple[float, Health] | None = None
        self._watchers: list[Callable[[], None]] = []
        self._routes: tuple[Route, ...] = ()
        self._thinking: dict[tuple[str | None, bool], bool] = {}  # by model and by whether reasoning is switched off

    async def __aenter__(self) -> Self:
        self._client = client_session(self._api_key)
        self._questions = Questions(self._client, self.url, seconds=self._probing.answer)
        self._fitter = Fitter(self._questions)
        self._renew_routes()
        self._tasks = Background()
        self._tasks.keep("engine-facts", self._keep_facts_fresh)
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._tasks.close()
        await self._client.close()

    # Routes and health

    def routes(self) -> Sequence[Route]:
        return self._routes

    def watch(self, callback: Callable[[], None]) -> None:
        self._watchers.append(callback)

    def _renew_routes(self) -> None:
        """Rebuilds the routes: one per listed model, then one for any other name."""
        facts = self._facts or ServerFacts(models=())
        places = self._slots or facts.slots or DEFAULT_SLOTS
        pool = Pool(name="server", places=places, busy=self._busy)  # all models share the server's slots
        default = self._answering(None)
        names: list[str | None] = [default] if default else []
        names += [model.name for model in facts.models if model.name != default]
        routes = tuple(
            Route(
                name=name,
                pool=pool,
                mode="sse",
                can=Can(),
                default=name == default,
                n_ctx=self._fitter.n_ctx(facts, name) or None,
                require_continuing=self._require_continuing,
            )
            for name in [*names, None]
        )
        if routes != self._routes:
            self._routes = routes
            for callback in self._watchers:
                callback()

    def _answering(self, model: str | None) -> str | None:
        return model or self._model or (self._facts.default if self._facts else None)

    async def _busy(self) -> int | None:
        if self._facts is None or not self._facts.llama or self._facts.router:
            return None
        try:
            slots = await self._questions.ask("GET", "/slots")
        except GenerationError:
            return None
        if not isinstance(slots, list):
            return None
        return sum(1 for slot in slots if isinstance(slot, dict) and slot.get("is_processing"))

    async def health(self) -> Health:
        now = asyncio.get_running_loop().time()
        if self._health is None or now - self._health[0] > self._probing.health:
            self._health = (now, await self._ask_health())
        return self._health[1]

    async def _ask_health(self) -> Health:
        try:
            facts = await self._probe()
        except LlmLoading as error:
            return Health(state="loading", detail=error.message, failure=error)
        except GenerationError as error:
            if self._replies:  # a single-threaded server answers nothing else while it writes
                return Health(state="ready", slots=self._slots or None)
            return Health(state="unreachable", detail=error.message, failure=error)
        if self._key_problem is not None and self._key_problem.llama and not self._replied:
            return Health(state="unreachable", detail=self._key_problem.message, failure=self._key_problem)
        return Health(state="ready", slots=self._slots or facts.slots or None)

    async def _keep_facts_fresh(self) -> None:
        pause = self._probing.first
        while True:
            try:
                await self._probe()
                pause = self._probing.answer if self._is_incomplete else self._probing.again
            except GenerationError:
                pause = min(pause * 2, self._probing.answer)
            await asyncio.sleep(pause)

    async def _known_facts(self) -> ServerFacts:
        """Returns what is known about the server. A server without answers may still chat. Raises LlmUnreachable, LlmLoading."""
        if self._facts is not None:
            return self._facts
        try:
            return await self._probe()
        except (LlmError, LlmOverloaded, Silent):
            return ServerFacts(models=())

    async def _probe(self) -> ServerFacts:
        """Returns what the server reports about itself. A fact that is missing this time keeps its old value.

        Raises LlmLoading, LlmUnreachable, LlmOverloaded or LlmError when it answers nothing.
        """
        models_task = asyncio.create_task(self._answer("/v1/models"), name="ask-models")
        props_task = asyncio.create_task(self._answer("/props"), name="ask-props")
        try:
            models, models_error = await models_task
            if models_error is None:
                await asyncio.wait({props_task}, timeout=self._probing.props)
                slow = None, Silent(f"The model server at {self.url} does not answer.")
                props, props_error = props_task.result() if props_task.done() else slow
            else:
                props, props_error = await props_task
        finally:
            models_task.cancel()
            props_task.cancel()
            await asyncio.gather(models_task, props_task, return_exceptions=True)
        for error in (props_error, models_error):
            if isinstance(error, LlmLoading) or (type(error) is LlmUnreachable and models_error is not None):
                raise error
        if props_error is not None and models_error is not None:
            raise models_error
        self._is_incomplete = isinstance(props_error, Silent) or isinstance(models_error, Silent)
        self._key_problem = props_error if isinstance(props_error, KeyRefused) else None
        if isinstance(models_error, KeyRefused):
            raise models_error
        before_props, before_models = self._answers
        self._answers = (
            before_props if isinstance(props_error, Silent) else props,
            before_models if models_error is not None else models,
        )
        facts = read_facts(*self._answers)
        if facts != self._facts:
            self._facts = facts
            self._fitter.forget()
            self._thinking = {route: thinks for route, thinks in self._thinking.items() if thinks}
            self._renew_routes()
        return facts

    async def _answer(self, path: str) -> tuple[Any, GenerationError | None]:
        try:
            return await self._questions.ask("GET", path), None
        except GenerationError as error:
            return None, error

    # Replies

    async def _require_continuing(self, request: ChatRequest) -> None:
        """Checks llama.cpp's rendering of the prompt, which must end with the text to continue."""
        facts = await self._known_facts()
        if not facts.llama:
            raise NotSupported(f"The model server at {self.url} does not say that it can continue a reply; regenerate it instead.")
        turns = request.turns[-2:]
        question = {"messages": turns, "model": self._answering(request.model)} | template_arguments(request)
        try:
            answer = await self._questions.ask("POST", "/apply-template", question)
        except LlmError as error:
            if error.retryable:
                raise  # the check failed; the answer is unknown
            raise NotSupported(f"The model cannot continue a reply: {error.message}") from error
        prompt = answer.get("prompt") if isinstance(answer, dict) else None
        if not isinstance(prompt, str) or not prompt.endswith(turns[-1].content):
            raise NotSupported("The model's template cannot continue a reply; regenerate it instead.")

    @asynccontextmanager
    async def generate(self, request: ChatRequest, route: Route) -> AsyncIterator[Batches]:
        response = await self._open(request)
        thinking = (self._answering(request.model), request.skip_thinking)
        decoder = CompletionDecoder(self._splitter(request, thinking))
        self._replied = True
        self._replies += 1
        try:
            yield Reading(response, decoder)
        finally:
            self._replies -= 1
            if decoder.done and response.content.at_eof():
                response.release()
            else:
                response.close()  # before anything else: this frees the slot
            if decoder.splitter.bare:  # a template that contains the opening tag may also ignore a request for no reasoning
                self._thinking |= {(thinking[0], skips): True for skips in (False, True)}

    def _splitter(self, request: ChatRequest, thinking: tuple[str | None, bool]) -> ThinkSplitter:
        if request.continues:
            return ThinkSplitter(so_far=request.turns[-1].content, watch=not request.thoughts_over, relabel=request.relabels)
        return ThinkSplitter(thinks=self._thinking.get(thinking, False), relabel=request.relabels)

    async def _open(self, request: ChatRequest) -> aiohttp.ClientResponse:
        """Returns the open response of a 200.

        A refusal that names its cause is answered with a shorter conversation, a shorter reply, or the model's present name.
        """
        facts = await self._known_facts()
        model = self._answering(request.model)
        await self._learn_template(facts, model, request)
        start, most_tokens, asked_again = request.keep, request.sampling.max_tokens, False
        while True:
            fit = await self._fitter.fit(facts, model, request, start)
            allowed = self._allowed_tokens(facts, model, fit, most_tokens)
            try:
                response = await self._post(self._body(facts, model, request, fit.turns, allowed))
                if self._fitter.accepted(model, fit):
                    self._renew_routes()
                return response
            except ReplyTooLong as refusal:
                if refusal.limit >= allowed:
                    raise
                most_tokens = refusal.limit
            except ModelMissing:
                if request.model is not None or asked_again:
                    raise
                asked_again = True
                facts = await self._probe()
                model = self._answering(None)
            except ContextExceeded as refusal:
                self._fitter.learn(facts, model, refusal, fit)
                self._renew_routes()
                again = await self._fitter.fit(facts, model, request, start)
                if again.start > fit.start or self._allowed_tokens(facts, model, again, most_tokens) < allowed:
                    start = again.start
                elif (later := shorter(request.turns, request.keep, fit.start)) is not None:
                    start = later
                elif allowed > SHORT_REPLY:
                    most_tokens = SHORT_REPLY
                else:
                    raise

    def _allowed_tokens(self, facts: ServerFacts, model: str | None, fit: Fit, most_tokens: int) -> int:
        """Returns the tokens left for the reply, up to `most_tokens`. An estimate that leaves nothing is ignored, because it may be
        wrong."""
        n_ctx = self._fitter.n_ctx(facts, model)
        if not n_ctx or not fit.tokens:
            return most_tokens
        return max(1 if fit.exact else min(SHORT_REPLY, most_tokens), min(most_tokens, n_ctx - fit.tokens))

    async def _learn_template(self, facts: ServerFacts, model: str | None, request: ChatRequest) -> None:
        """Learns whether the template itself opens the reasoning: then the rendered prompt ends with the opening tag."""
        route = (model, request.skip_thinking)
        if route in self._thinking or not facts.llama or facts.router:
            return
        question = {"messages": [Turn("user", "?")], "model": model} | template_arguments(request)
        try:
            answer = await self._questions.ask("POST", "/apply-template", question)
        except Silent:
            self._thinking[route] = False  # asking before each message would delay them all
            return
        except GenerationError:
            return
        prompt = answer.get("prompt") if isinstance(answer, dict) else None
        end = prompt.rstrip().lower() if isinstance(prompt, str) else ""
        self._thinking[route] = any(end.endswith(opener.rstrip().lower()) for opener in BARE_OPENERS)

    async def _post(self, body: dict[str, Any]) -> aiohttp.ClientResponse:
        headers = {"Content-Type": "application/json", "Accept": "text/event-stream"}
        try:
            url = self.url + "/v1/chat/completions"
            response = await self._client.post(url, data=msgspec.json.encode(body), headers=headers, allow_redirects=False)
        except aiohttp.ServerDisconnectedError as error:
            raise Interrupted("The model server closed the connection before it answered.") from error
        except CLIENT_ERRORS as error:
            raise self._questions.unreachable(error) from error
        if 200 <= response.status < 300:
            return response  # whatever its content type: the decoder looks at the body
        raise self._questions.refusal(response, await self._refused_body(response))

    async def _refused_body(self, response: aiohttp.ClientResponse) -> bytes:
        """Returns as much of an error body as arrives in time."""
        text = b""
        try:
            async with asyncio.timeout(self._probing.answer):
                while len(text) < REFUSAL_BYTES and (piece := await response.content.readany()):
                    text += piece
        except (TimeoutError, *CLIENT_ERRORS):
            pass
        finally:
            response.close()
        return text

    def _body(
        self, facts: ServerFacts, model: str | None, request: ChatRequest, turns: Sequence[Turn], max_tokens: int
    ) -> dict[str, Any]:
        body: dict[str, Any] = {
            "messages": merge_turns(turns),
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        body |= openai_body(request.sampling, llama=facts.llama) | {"max_tokens": max_tokens}
        if model is not None:
            body["model"] = model
        if facts.llama:
            body["return_progress"] = True
            body["sse_ping_interval"] = PING_SECONDS
        return body
