"""The contract of an engine: its routes, and a reply over one of them.

It must not know messages, sessions or the queue.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Final, Literal, Protocol, runtime_checkable

from msgspec import Struct

from lam.errors import GenerationError, PictureGone
from lam.protocol.chat import ChatRequest, Picture
from lam.protocol.events import EngineEvent, Mode
from lam.protocol.jobs import WorkerStatus

Batches = AsyncIterator[list[EngineEvent]]
Embed = Callable[[str | None, dict[str, Any]], Awaitable[dict[str, Any]]]
Count = Callable[[ChatRequest], Awaitable[int | None]]
State = Literal["ready", "loading", "asleep", "failed"]


class Pool(Struct, frozen=True, kw_only=True):
    """The places of one server or worker, shared by all its models. `name` is unique within its engine.

    `places`: how many runs may use it now. `slots`: how many could if nobody else used it; 0 means no more than `places`. `busy`:
    returns how many places the server itself sees in use, None when it cannot tell. `private`: it belongs to this gateway
    alone; a pool with the same name at another gateway is another pool.
    """

    name: str
    places: int
    slots: int = 0
    busy: Callable[[], Awaitable[int | None]]
    private: bool = False


class Can(Struct, frozen=True, kw_only=True):
    """The capabilities of a route. None means unknown until a request tries it.

    `history`: the other side stores the conversation under `session_key`; it gets only the new turn, and earlier turns cannot be
    regenerated. `images`: requests with pictures. `simulated`: answers come in one piece and are streamed at a set pace.
    `thinking`: the model can think before it answers. `answer_now`: its thinking can be ended early. `tools`: it can be held to
    calling one. `extras`: the other side takes requests with tools and further fields, whatever the model makes of them.
    """

    continues: bool | None = None
    images: bool | None = False
    tools: bool | None = None
    json: bool | None = None
    thinking: bool | None = None
    history: bool = False
    simulated: bool = False
    answer_now: bool = False
    extras: bool = True


class Needs(Struct, frozen=True, kw_only=True):
    """What a request asks of a route: only routes that do not rule it out may take the request.

    `continues`: continues a reply. `images`: has pictures that the model must see. `tools`: the model must call one. `json`: the
    answer must be JSON. `extras`: has tools, turns with calls or their answers, or further fields, which workers of earlier
    releases do not know. `history`: whether the other side stores the conversation, which decides what the request holds; None
    where it may or may not.
    """

    continues: bool = False
    images: bool = False
    tools: bool = False
    json: bool = False
    extras: bool = False
    history: bool | None = None

    @classmethod
    def of(cls, request: ChatRequest) -> "Needs":
        return cls(
            continues=request.continues,
            images=request.needs_sight,
            tools=request.must_call,
            json=request.sampling.response_format is not None and request.sampling.response_format.type != "text",
            extras=request.has_tools or bool(request.extra) or request.raw,
        )

    def met_by(self, can: Can) -> bool:
        if self.history is not None and can.history != self.history:
            return False
        wanted = (
            (self.continues, can.continues),
            (self.images, can.images),
            (self.tools, can.tools),
            (self.json, can.json),
            (self.extras, can.extras),
        )
        return not any(needed and able is False for needed, able in wanted)


ANY: Final = Needs()


class Route(Struct, frozen=True, kw_only=True):
    """A model on a server. `name`: the model's name; None passes any requested name on to the server.

    `default`: this route answers requests without a model. `n_ctx`: context tokens per slot, None when unknown. `ready`: the model
    can answer at once, as far as is known; other routes wait for it. `waits`: the server itself waits while a model loads or is
    overloaded, so that a failure is not retried there. `state`: where the gateway loads the model itself, whether it is in memory
    (`asleep`: the next request loads it; `failed`: it did not load the last time).
    """

    name: str | None
    pool: Pool
    mode: Mode
    can: Can = Can()
    default: bool = False
    n_ctx: int | None = None
    ready: bool = True
    waits: bool = False
    state: State = "ready"
    require_continuing: Callable[[ChatRequest], Awaitable[None]]
    """Raises NotSupported when the model cannot continue a reply, and a GenerationError when the server cannot be asked."""
    require_form: Callable[[str | None], Awaitable[None]] | None = None
    """Has the model continue an answer in a forced form as a test. Raises NotSupported when the whole is not valid, and a
    GenerationError when the server cannot be asked. None: nobody can tell."""
    embed: Embed | None = None
    """Turns texts into vectors, in OpenAI's format: takes the model's name and the other fields of the request, and returns the
    server's answer. None: a route that has no vectors.

    Raises NotSupported where the server makes none, Invalid for what it refuses, and a GenerationError."""
    count: Count | None = None
    """Returns the tokens of a prompt by the server's own tokenizer, None when it does not say. None: a route that cannot ask."""


class Broker(Struct, frozen=True, kw_only=True):
    """The broker between an engine and its workers."""

    connected: bool
    address: str
    detail: str | None = None


class Health(Struct, frozen=True, kw_only=True):
    """The state of a server; `detail` is a sentence that says what to do.

    `failure`: the error of a run that waits in vain. `address`: where replies come from, without secrets; None with workers.
    `broker`, `workers`: only from engines that have them.
    """

    state: Literal["ready", "loading", "unreachable"]
    detail: str | None = None
    slots: int | None = None
    failure: GenerationError | None = None
    address: str | None = None
    broker: Broker | None = None
    workers: tuple[WorkerStatus, ...] | None = None


class RouteLost(Exception):
    """This route cannot take the request now; another route can try it, or this one later. The reader saw nothing yet.

    `had_job`: the other side had accepted the request. The catalog limits such attempts, so that a request which kills servers does
    not kill them all.
    """

    def __init__(self, *, had_job: bool = False) -> None:
        self.had_job = had_job


@runtime_checkable
class AnswersNow(Protocol):
    """The batches of a reply whose thinking can be ended. They announce it by a Progress with `can_answer_now`."""

    async def answer_now(self) -> None:
        """Makes the model end its thinking and answer. The batches go on.

        Raises CannotAnswerNow when the reply does not think at the moment, and a GenerationError when the server cannot be asked.
        """
        ...


class Pictures(Protocol):
    """Where an engine finds the bytes of the pictures that a request refers to."""

    async def read(self, picture: Picture) -> bytes:
        """Returns the picture's bytes, which have its hash. Raises PictureGone when nobody has them any more."""
        ...


class NoPictures:
    """`Pictures` of an engine that was given none."""

    async def read(self, picture: Picture) -> bytes:
        raise PictureGone


class Engine(Protocol):
    """A connection to one server, or to the workers behind one broker."""

    def generate(self, request: ChatRequest, route: Route) -> AbstractAsyncContextManager[Batches]:
        """Makes one attempt to answer over this route.

        Yields one batch per read; an empty batch is a sign of life. The last event of the last batch is `Finished`. The reply is
        incomplete when the iterator ends without it or raises a GenerationError. Leaving the context closes the connection to the
        model at once: this is how a run is cancelled.

        Pictures of older turns are in the request while they fit; `Finished` says which are not. Raises CannotSee when the newest
        turn has pictures and the model takes none, and PictureGone when one of those is gone.

        Raises RouteLost, LlmUnreachable, LlmLoading or LlmOverloaded when another route may try the same request.
        """
        ...

    def routes(self) -> Sequence[Route]:
        """Returns the routes known now, preferred ones first. Makes no requests."""
        ...

    async def health(self) -> Health:
        """Asks the server, or returns its last known state; takes a few seconds at most."""
        ...

    def watch(self, callback: Callable[[], None]) -> None:
        """Registers a callback for every change of `routes`."""
        ...
