"""The contract of an engine: its routes, and a reply over one of them.

It must not know messages, sessions or the queue.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Literal, Protocol

from msgspec import Struct

from lam.errors import GenerationError
from lam.protocol.chat import ChatRequest
from lam.protocol.events import EngineEvent, Mode
from lam.protocol.jobs import WorkerStatus

Batches = AsyncIterator[list[EngineEvent]]


class Pool(Struct, frozen=True, kw_only=True):
    """The places of one server or worker, shared by all its models. `name` is unique within its engine.

    `places`: how many runs may use it now. `slots`: how many could if nobody else used it; 0 means no more than `places`. `busy`:
    returns how many places the server itself sees in use, None when it cannot tell.
    """

    name: str
    places: int
    slots: int = 0
    busy: Callable[[], Awaitable[int | None]]


class Can(Struct, frozen=True, kw_only=True):
    """The capabilities of a route. None means unknown until a request tries it.

    `history`: the other side stores the conversation under `session_key`; it gets only the new turn, and earlier turns cannot be
    regenerated. `simulated`: answers come in one piece and are streamed at a set pace.
    """

    continues: bool | None = None
    images: bool = False
    tools: bool | None = None
    json: bool | None = None
    history: bool = False
    simulated: bool = False


class Route(Struct, frozen=True, kw_only=True):
    """A model on a server. `name`: the model's name; None passes any requested name on to the server.

    `default`: this route answers requests without a model. `n_ctx`: context tokens per slot, None when unknown. `ready`: the model
    can answer at once, as far as is known; other routes wait for it. `waits`: the server itself waits while a model loads or is
    overloaded, so that a failure is not retried there.
    """

    name: str | None
    pool: Pool
    mode: Mode
    can: Can = Can()
    default: bool = False
    n_ctx: int | None = None
    ready: bool = True
    waits: bool = False
    require_continuing: Callable[[ChatRequest], Awaitable[None]]
    """Raises NotSupported when the model cannot continue a reply, and a GenerationError when the server cannot be asked."""


class Broker(Struct, frozen=True, kw_only=True):
    """The broker between an engine and its workers."""

    connected: bool
    address: str
    detail: str | None = None


class Health(Struct, frozen=True, kw_only=True):
    """The state of a server; `detail` is a sentence that says what to do.

    `failure`: the error of a run that waits in vain. `broker`, `workers`: only from engines that have them.
    """

    state: Literal["ready", "loading", "unreachable"]
    detail: str | None = None
    slots: int | None = None
    failure: GenerationError | None = None
    broker: Broker | None = None
    workers: tuple[WorkerStatus, ...] | None = None


class RouteLost(Exception):
    """This route cannot take the request now; another route can try it, or this one later. The reader saw nothing yet.

    `had_job`: the other side had accepted the request. The catalog limits such attempts, so that a request which kills servers does
    not kill them all.
    """

    def __init__(self, *, had_job: bool = False) -> None:
        self.had_job = had_job


class Engine(Protocol):
    """A connection to one server, or to the workers behind one broker."""

    def generate(self, request: ChatRequest, route: Route) -> AbstractAsyncContextManager[Batches]:
        """Makes one attempt to answer over this route.

        Yields one batch per read; an empty batch is a sign of life. The last event of the last batch is `Finished`. The reply is
        incomplete when the iterator ends without it or raises a GenerationError. Leaving the context closes the connection to the
        model at once: this is how a run is cancelled.

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
