"""The contract of an engine: the routes it has, and a reply over one of them."""

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
    """The places of one server or worker, shared by all models on it. `name` is unique within its engine.

    `places`: how many runs may be there now. `slots`: how many could be if nobody else was; 0: no more than `places`. `busy` counts
    the places that the server itself sees in use, None where it cannot tell.
    """

    name: str
    places: int
    slots: int = 0
    busy: Callable[[], Awaitable[int | None]]


class Can(Struct, frozen=True, kw_only=True):
    """What a route can do. None: not known before it is tried.

    `history`: the other side remembers the conversation by `session_key`; it is told only what is new, and an earlier turn cannot
    be asked again. `simulated`: answers come in one piece and are paced.
    """

    continues: bool | None = None
    images: bool = False
    tools: bool | None = None
    json: bool | None = None
    history: bool = False
    simulated: bool = False


class Route(Struct, frozen=True, kw_only=True):
    """A model on a server. `name` is what people ask for, None: whatever is asked for is passed on.

    `default`: it answers when no model is asked for. `n_ctx`: tokens that a slot's context holds, None while not known. `ready`:
    its model can answer at once, as far as is known; others wait for it. `waits`: the other side waits by itself for a model that
    loads or has too much to do, so that a failure of it is not tried again there.
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
    """Raises NotSupported for a request that goes on with a reply where the model cannot do that, and a GenerationError where it
    cannot be asked."""


class Broker(Struct, frozen=True, kw_only=True):
    """The broker that an engine reaches its workers through."""

    connected: bool
    address: str
    detail: str | None = None


class Health(Struct, frozen=True, kw_only=True):
    """What stands between the gateway and a reply; `detail` is a sentence that says what to do.

    `failure`: what a run ends with that waits in vain. `broker`, `workers`: of an engine that has them.
    """

    state: Literal["ready", "loading", "unreachable"]
    detail: str | None = None
    slots: int | None = None
    failure: GenerationError | None = None
    broker: Broker | None = None
    workers: tuple[WorkerStatus, ...] | None = None


class RouteLost(Exception):
    """This route does not take the request now: another one shall have it, or the same one later. Nothing was shown.

    `taken`: the other side had accepted it. What kills its servers is not passed on for ever.
    """

    def __init__(self, *, taken: bool = False) -> None:
        self.taken = taken


class Engine(Protocol):
    """Talks to one server, or to the workers behind one broker."""

    def generate(self, request: ChatRequest, route: Route) -> AbstractAsyncContextManager[Batches]:
        """One attempt to answer over this route.

        Gives batches: whatever arrived in one read, an empty one for a bare sign of life. The last event of the last batch is
        `Finished`; if the iterator ends without it, or raises a GenerationError, the reply is not complete. Leaving the context
        closes the connection to the model at once: that is the cancel.

        Raises RouteLost, LlmUnreachable, LlmLoading, LlmOverloaded where the same request may be tried over another route.
        """
        ...

    def routes(self) -> Sequence[Route]:
        """The routes as they are known now, the preferred ones first. Cheap: it asks nobody."""
        ...

    async def health(self) -> Health:
        """Asks the server, or says what was heard last; at most a few seconds."""
        ...

    def watch(self, callback: Callable[[], None]) -> None:
        """Calls back whenever `routes` has changed."""
        ...
