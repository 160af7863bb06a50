"""The engine of `sse` mode: any OpenAI-compatible server over HTTP, with the extras of llama.cpp's server.

It reads bytes as they arrive and yields one batch per read. It makes one attempt; the catalog makes the next.
"""

import asyncio
import io
import logging
import re
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, Final, Literal, Self

import aiohttp
import msgspec

from lam.background import Background
from lam.configuration import Server
from lam.engines.access import Access
from lam.engines.addresses import Addresses
from lam.engines.base import Batches, Can, Health, NoPictures, Pictures, Pool, Route
from lam.engines.completion import CompletionDecoder
from lam.engines.fitting import SHORT_REPLY, Fit, Fitter, template_arguments
from lam.engines.http_questions import CLIENT_ERRORS, PathUnknown, Questions, Silent
from lam.engines.openai_messages import data_uri, messages, tool_fields
from lam.engines.quirks import FieldRefused, Quirks, RolesRefused
from lam.engines.reading import Reading
from lam.engines.refusals import ModelMissing, ReplyTooLong
from lam.engines.server_facts import ServerFacts
from lam.engines.server_probe import CONTROL, Probing, ServerProbe
from lam.engines.sight import complaint
from lam.engines.tags import BARE_OPENERS
from lam.engines.thinking import ThinkSplitter
from lam.errors import (
    CannotAnswerNow,
    CannotSee,
    ContextExceeded,
    GenerationError,
    Interrupted,
    Invalid,
    LlmError,
    LlmLoading,
    LlmOverloaded,
    NotSupported,
    PictureGone,
)
from lam.protocol.chat import ChatRequest, Turn, pictures_of, with_pictures
from lam.protocol.sampling import openai_body
from lam.protocol.window import shorter
from lam.settings import Settings

__all__ = ["OpenAIHttpEngine", "Probing"]

log = logging.getLogger(__name__)

PING_SECONDS: Final = 5
MODELS: Final = "/v1/models"
CHAT: Final = "/v1/chat/completions"
COMPLETIONS: Final = "/v1/completions"
EMBEDDINGS: Final = "/v1/embeddings"
EMBEDDING_SECONDS: Final = 120  # for a request with many texts
FORM_SECONDS: Final = 30  # for the few tokens of a test
TRIAL: Final[dict[str, Any]] = {  # whether an answer in a form can be continued
    "messages": [{"role": "user", "content": 'Answer with {"n": 1}'}, {"role": "assistant", "content": '{"n":'}],
    "response_format": {
        "type": "json_schema",
        "json_schema": {"name": "n", "schema": {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}},
    },
    "max_tokens": 24,
    "temperature": 0,
    "stream": False,
}
REFUSAL_BYTES: Final = 65536
LARGE_BODY: Final = 1 << 20
_WITH_OURS: Final = {"chat_template_kwargs"}
"""Objects of a program's request that settings of ours are added to; where both name something, the program's holds."""
DEFAULT_SLOTS: Final = 8
NO_EMBEDDINGS: Final = re.compile(r"not support|--embedding|pooling", re.IGNORECASE)


class OpenAIHttpEngine:
    """An `Engine`, as an async context manager: it owns the HTTP client and a task that refreshes what is known about the server.

    `access`: how the server is reached; by default straight and without a key. `slots`: number of places; 0 takes the server's
    number. `pictures`: where the pictures of requests are.
    """

    def __init__(
        self,
        url: str,
        *,
        access: Access | None = None,
        model: str | None = None,
        slots: int = 0,
        probing: Probing | None = None,
        pictures: Pictures | None = None,
    ) -> None:
        self.addresses = Addresses(url)
        self._access = access or Access()
        self._model = model
        self._slots = slots
        self._probing = probing or Probing()
        self._pictures = pictures or NoPictures()
        self._replied = False  # the server accepted a chat, so the key is right
        self._replies = 0  # open ones
        self._health: tuple[float, Health] | None = None
        self._watchers: list[Callable[[], None]] = []
        self._routes: tuple[Route, ...] = ()
        self._thinking: dict[tuple[str | None, bool], bool] = {}  # by model and by whether reasoning is switched off
        self._quirks: dict[str | None, Quirks] = {}  # by model
        self._blind: set[str | None] = set()  # models that refused pictures

    @classmethod
    def of(cls, settings: Settings, probing: Probing | None = None, pictures: Pictures | None = None) -> Self:
        """Returns the engine for the server in the settings."""
        return cls(
            settings.llm_server_url,
            access=Access.of(settings),
            model=settings.llm_model,
            slots=settings.llm_slots,
            probing=probing,
            pictures=pictures,
        )

    @classmethod
    def to(cls, server: Server, probing: Probing | None = None, pictures: Pictures | None = None) -> Self:
        """Returns the engine for a server of a configuration. Raises ConfigError."""
        assert server.url is not None
        access = Access.to(server)
        return cls(server.url, access=access, model=server.model, slots=server.slots, probing=probing, pictures=pictures)

    @property
    def url(self) -> str:
        """The server for people."""
        return self.addresses.name

    @property
    def source(self) -> str:
        """Where replies come from and by which way, for people."""
        return self.addresses.chat + (f" through the proxy at {self._access.proxy_name}" if self._access.proxy else "")

    async def __aenter__(self) -> Self:
        self._client = self._access.client(self.addresses)
        self._questions = Questions(self._client, self.addresses, self._access, seconds=self._probing.answer)
        self._probe = ServerProbe(self._questions, self.addresses, self._probing, self._server_changed)
        self._fitter = Fitter(self._questions, self._arranged)
        self._renew_routes()
        self._tasks = Background()
        self._tasks.keep("engine-facts", self._probe.keep_fresh)
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._tasks.close()
        await self._client.close()

    # Routes and health

    def routes(self) -> Sequence[Route]:
        return self._routes

    def watch(self, callback: Callable[[], None]) -> None:
        self._watchers.append(callback)

    def _server_changed(self) -> None:
        """Forgets what the server's last description does not prove."""
        self._fitter.forget()
        self._quirks.clear()
        self._blind.clear()
        self._thinking = {route: thinks for route, thinks in self._thinking.items() if thinks}
        self._renew_routes()

    def _renew_routes(self) -> None:
        """Rebuilds the routes: one per listed model, then one for any other name."""
        facts = self._probe.facts or ServerFacts(models=())
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
                can=Can(
                    images=self._sees(facts, name),
                    tools=facts.tools,
                    json=facts.json,
                    thinking=facts.thinking,
                    answer_now=self._probe.ends_thinking,
                ),
                default=name == default,
                n_ctx=self._fitter.n_ctx(facts, name) or None,
                require_continuing=self._require_continuing,
                require_form=self._require_form,
                embed=self._embed,
                count=self.count,
            )
            for name in [*names, None]
        )
        if routes != self._routes:
            self._routes = routes
            for callback in self._watchers:
                callback()

    def _sees(self, facts: ServerFacts, model: str | None) -> bool | None:
        return False if model in self._blind else facts.sees(model)

    def _answering(self, model: str | None) -> str | None:
        return model or self._model or (self._probe.facts.default if self._probe.facts else None)

    async def _busy(self) -> int | None:
        if self._probe.facts is None or not self._probe.facts.llama or self._probe.facts.router:
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
            health = await self._ask_health()
            self._health = (now, msgspec.structs.replace(health, address=self.addresses.chat))
        return self._health[1]

    async def _ask_health(self) -> Health:
        try:
            facts = await self._probe.ask()
        except LlmLoading as error:
            return Health(state="loading", detail=error.message, failure=error)
        except GenerationError as error:
            if self._replies:  # a single-threaded server answers nothing else while it writes
                return Health(state="ready", slots=self._slots or None)
            return Health(state="unreachable", detail=error.message, failure=error)
        problem = self._probe.key_problem
        if problem is not None and problem.llama and not self._replied:
            return Health(state="unreachable", detail=problem.message, failure=problem)
        return Health(state="ready", slots=self._slots or facts.slots or None)

    async def _end_thinking(self, completion: str) -> None:
        """Ends the thinking of a running reply. Raises CannotAnswerNow with the server's reason."""
        answer = await self._questions.ask("POST", CONTROL, {"id": completion, "action": "reasoning_end"})
        if not isinstance(answer, dict) or answer.get("success") is not True:
            raise CannotAnswerNow

    # Replies

    async def _require_continuing(self, request: ChatRequest) -> None:
        """Checks llama.cpp's rendering of the prompt, which must end with the text to continue."""
        facts = await self._now()
        if not facts.llama:
            raise NotSupported(f"The model server at {self.url} does not say that it can continue a reply; regenerate it instead.")
        if request.model is not None and facts.models and facts.named(request.model) is None:
            raise NotSupported(f"The model server at {self.url} does not serve {request.model} any more.")
        if request.raw:
            return  # no template stands between the text and the model
        turns, _ = with_pictures(request.turns[-2:], ())  # pictures do not change how the prompt ends
        question = {"messages": messages(turns, {}), "model": self._answering(request.model)} | template_arguments(request)
        try:
            answer = await self._questions.ask("POST", "/apply-template", question)
        except LlmError as error:
            if error.retryable:
                raise  # the check failed; the answer is unknown
            raise NotSupported(f"The model cannot continue a reply: {error.message}") from error
        prompt = answer.get("prompt") if isinstance(answer, dict) else None
        if not isinstance(prompt, str) or not prompt.endswith(turns[-1].content):
            raise NotSupported("The model's template cannot continue a reply; regenerate it instead.")

    async def _now(self) -> ServerFacts:
        """Returns what the server reports at this moment: another one may have taken its place. Raises LlmUnreachable,
        LlmLoading."""
        try:
            return await self._probe.ask()
        except (LlmError, LlmOverloaded, Silent):
            return await self._probe.known()

    async def _require_form(self, model: str | None) -> None:
        questions = Questions(self._client, self.addresses, self._access, seconds=FORM_SECONDS)
        named = {"model": name} if (name := self._answering(model)) else {}
        try:
            answer = await questions.ask("POST", CHAT, TRIAL | named)
            text = TRIAL["messages"][-1]["content"] + answer["choices"][0]["message"]["content"]
            is_valid = isinstance(msgspec.json.decode(text), dict)
        except LlmError as error:
            if error.retryable:
                raise
            is_valid = False
        except (KeyError, IndexError, TypeError, ValueError):
            is_valid = False
        if not is_valid:
            raise NotSupported(f"The model server at {self.url} begins a forced form anew when it continues a reply.")

    @asynccontextmanager
    async def generate(self, request: ChatRequest, route: Route) -> AsyncIterator[Batches]:
        response, fit = await self._open(request, route)
        model = self._answering(request.model)
        thinking = (model, request.skip_thinking)
        about = {"shown": msgspec.to_builtins(fit.excerpts)} if fit.excerpts else None
        decoder = CompletionDecoder(self._splitter(request, thinking), about, fit.pictures_left_out)
        self._replied = True
        self._replies += 1
        try:
            yield Reading(
                response, decoder, self._end_thinking if self._probe.ends_thinking and not request.skip_thinking else None
            )
        finally:
            self._replies -= 1
            if decoder.done and response.content.at_eof():
                response.release()
            else:
                response.close()  # before anything else: this frees the slot
            if decoder.prompt_tokens:
                self._fitter.learn_pictures(model, decoder.prompt_tokens, fit)
            if decoder.splitter.bare:  # a template that contains the opening tag may also ignore a request for no reasoning
                self._thinking |= {(thinking[0], skips): True for skips in (False, True)}

    def _splitter(self, request: ChatRequest, thinking: tuple[str | None, bool]) -> ThinkSplitter:
        if request.raw:
            return ThinkSplitter(so_far="", watch=False)
        if request.continues:
            return ThinkSplitter(so_far=request.turns[-1].content, watch=not request.thoughts_over, relabel=request.relabels)
        return ThinkSplitter(thinks=self._thinking.get(thinking, False), relabel=request.relabels)

    async def _open(self, request: ChatRequest, route: Route) -> tuple[aiohttp.ClientResponse, Fit]:
        """Returns the open response of a 200, and what was sent of the conversation.

        A refusal that names its cause is answered with a shorter conversation, a shorter reply, fewer pictures, or the model's
        present name.
        """
        facts = await self._probe.known()
        model = self._answering(request.model)
        if not request.raw:
            await self._learn_template(facts, model, request)
        start, most_tokens, asked_again = request.keep, request.sampling.max_tokens, False
        pictures: Literal["all", "newest", "none"] = "all"
        if route.can.images is False or self._sees(facts, model) is False:
            pictures = self._blindly(model, request)
        uris: dict[str, str] = {}
        quirks = self._quirks.get(model, Quirks())
        while True:
            fit = await self._fitter.fit(facts, model, request, start, pictures)
            try:
                await self._load(fit, uris)
            except PictureGone:
                if pictures != "all" or not fit.has_older_pictures:
                    raise
                pictures = "newest"
                continue
            allowed = self._allowed_tokens(facts, model, fit, most_tokens)
            body = self._body(facts, model, request, fit.turns, allowed, quirks)
            try:
                if request.raw:
                    sent = {name: value for name, value in body.items() if name != "messages"}
                    response = await self._post(COMPLETIONS, sent | {"prompt": request.turns[-1].content})
                else:
                    response = await self._post(CHAT, body | {"messages": messages(body["messages"], uris)})
                if quirks != self._quirks.get(model, Quirks()):
                    self._quirks[model] = quirks
                    log.info("Requests to %s at %s now fit what it takes: %s", model or "the model", self.url, quirks)
                if self._fitter.accepted(model, fit):
                    self._renew_routes()
                return response, fit
            except ReplyTooLong as refusal:
                if refusal.limit >= allowed:
                    raise
                most_tokens = refusal.limit
            except (FieldRefused, RolesRefused) as refusal:
                lesson = quirks.learnt(refusal, body)
                if lesson is None:
                    raise
                quirks = lesson
            except ModelMissing:
                if request.model is not None or asked_again:
                    raise
                asked_again = True
                facts = await self._probe.ask()
                model = self._answering(None)
            except ContextExceeded as refusal:
                self._fitter.learn(facts, model, refusal, fit)
                self._renew_routes()
                again = await self._fitter.fit(facts, model, request, start, pictures)
                if (
                    again.start > fit.start
                    or again.excerpts != fit.excerpts
                    or again.pictures_left_out != fit.pictures_left_out
                    or self._allowed_tokens(facts, model, again, most_tokens) < allowed
                ):
                    start = again.start
                elif fit.has_older_pictures:
                    pictures = "newest"
                elif (later := shorter(request.turns, request.keep, fit.start)) is not None:
                    start = later
                elif allowed > SHORT_REPLY:
                    most_tokens = SHORT_REPLY
                else:
                    raise
            except LlmError as refusal:
                about = complaint(refusal.message) if pictures_of(fit.turns) else None
                if about == "too many" and fit.has_older_pictures:
                    pictures = "newest"
                elif about == "blind":
                    self._blind.add(model)
                    self._renew_routes()
                    pictures = self._blindly(model, request)
                else:
                    raise

    async def count(self, request: ChatRequest) -> int | None:
        """Returns the tokens of a prompt by the server's tokenizer, None when it does not say."""
        if self._probe.facts is None:
            return None
        return await self._fitter.count(self._probe.facts, self._answering(request.model), request)

    @staticmethod
    def _blindly(model: str | None, request: ChatRequest) -> Literal["none"]:
        """Leaves the pictures out. Raises CannotSee when the request is about one."""
        if request.needs_sight:
            raise CannotSee(f"{model or 'This model'} cannot see pictures; choose another one.")
        return "none"

    async def _load(self, fit: Fit, uris: dict[str, str]) -> None:
        """Adds the data URIs of the pictures that are missing. Raises PictureGone."""
        for picture in pictures_of(fit.turns):
            if picture.sha256 not in uris:
                uris[picture.sha256] = data_uri(picture, await self._pictures.read(picture))

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

    def _arranged(self, model: str | None, turns: Sequence[Turn]) -> tuple[Turn, ...]:
        return self._quirks.get(model, Quirks()).turns(turns)

    async def _post(self, path: str, body: dict[str, Any]) -> aiohttp.ClientResponse:
        """Returns the open response of a 200. Where the address leaves the base open, an unknown path is followed by the other."""
        try:
            response = await self._post_once(path, body)
        except PathUnknown as unknown:
            if self.addresses.settled:
                raise
            self.addresses.turn()
            try:
                response = await self._post_once(path, body)
            except PathUnknown:
                self.addresses.turn()
                raise unknown from None
            except (FieldRefused, RolesRefused, ContextExceeded):
                self._probe.settle()
                raise
        self._probe.settle()
        return response

    async def _post_once(self, path: str, body: dict[str, Any]) -> aiohttp.ClientResponse:
        headers = {"Content-Type": "application/json", "Accept": "text/event-stream"}
        try:
            url, data = self.addresses.url(path), msgspec.json.encode(body)
            sent = io.BytesIO(data) if len(data) > LARGE_BODY else data  # as a file it goes out piece by piece
            response = await self._client.post(url, data=sent, headers=headers, allow_redirects=False)
        except aiohttp.ServerDisconnectedError as error:
            raise Interrupted("The model server closed the connection before it answered.") from error
        except CLIENT_ERRORS as error:
            raise self._questions.unreachable(error) from error
        if 200 <= response.status < 300:
            return response  # whatever its content type: the decoder looks at the body
        raise self._questions.refusal(response, await self._refused_body(response))

    async def _embed(self, model: str | None, fields: dict[str, Any]) -> dict[str, Any]:
        named = {"model": name} if (name := self._answering(model)) else {}
        questions = Questions(self._client, self.addresses, self._access, seconds=EMBEDDING_SECONDS)
        try:
            answer = await questions.ask("POST", EMBEDDINGS, fields | named)
        except LlmError as error:
            if NO_EMBEDDINGS.search(error.message):
                raise NotSupported(error.message) from error
            if not error.retryable:
                raise Invalid(error.message) from error
            raise
        if answer is None:
            raise NotSupported(f"The model server at {self.url} makes no embeddings.")
        if not isinstance(answer, dict) or not isinstance(answer.get("data"), list):
            raise LlmError(f"The model server at {self.url} answers with something that is no embeddings.")
        return answer

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
        self,
        facts: ServerFacts,
        model: str | None,
        request: ChatRequest,
        turns: Sequence[Turn],
        max_tokens: int,
        quirks: Quirks,
    ) -> dict[str, Any]:
        body: dict[str, Any] = {
            "messages": quirks.turns(turns),
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        body |= request.extra | tool_fields(request, llama=facts.llama)
        settings = openai_body(request.sampling, llama=facts.llama)
        for name in settings.keys() & _WITH_OURS:
            if isinstance(theirs := request.extra.get(name), dict):
                settings[name] |= theirs
        body |= settings | {"max_tokens": max_tokens}
        if model is not None:
            body["model"] = model
        if facts.llama:
            body["return_progress"] = True
            body["sse_ping_interval"] = PING_SECONDS
            if self._probe.ends_thinking and not request.skip_thinking:
                body["reasoning_control"] = True
        return quirks.fitted(body)
