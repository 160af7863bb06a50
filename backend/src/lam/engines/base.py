"""The contract of an engine."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Literal, Protocol

from msgspec import Struct

from lam.errors import GenerationError
from lam.protocol.chat import ChatRequest
from lam.protocol.events import EngineEvent, Mode

Batches = AsyncIterator[list[EngineEvent]]
Capacity = Mapping[str, int]


class Model(Struct, frozen=True):
    """A model that can be asked for. `n_ctx`: tokens a slot's context holds, None where the server does not say."""

    name: str
    n_ctx: int | None = None


class Health(Struct, frozen=True):
    """What stands between the gateway and a reply; `detail` is a sentence that says what to do."""

    state: Literal["ready", "loading", "unreachable"]
    detail: str | None = None
    slots: int | None = None


class Engine(Protocol):
    """Produces events, and says what it has.

    `generate` gives batches: whatever arrived in one read, an empty one for a bare sign of life. The last event of the last batch
    is `Finished`; if the iterator ends without it, or raises a GenerationError, the reply is not complete. Leaving the context
    closes the connection to the model at once: that is the cancel.

    `lane(model)` names the queue that requests for this model wait in, `answering(model)` the model that will answer them, None
    while that is not known. `context(model)`: tokens that its context holds, None while not known. `watch_capacity` is called with
    the places of each lane, at once and whenever they change, or what `lane` says.
    `require_continuing` raises NotSupported for a request that goes on with a reply where the server cannot do that, and a
    GenerationError where it cannot be asked.
    `simulates(model)` tells whether answers come in one piece and are paced; None while that depends on who takes the job.
    `missing(model)` is the error for a run that nobody can serve: its lane has no places at all.
    `keeps_history`: the other side remembers the conversation by `session_key`; it is told only what is new, and an earlier turn
    cannot be asked again.
    `busy(lane)` counts the places the server itself sees in use, None where it cannot tell.
    """

    mode: Mode

    @property
    def keeps_history(self) -> bool: ...

    def generate(self, request: ChatRequest) -> AbstractAsyncContextManager[Batches]: ...

    async def require_continuing(self, request: ChatRequest) -> None: ...

    def lane(self, model: str | None) -> str: ...

    def answering(self, model: str | None) -> str | None: ...

    def context(self, model: str | None) -> int | None: ...

    def watch_capacity(self, callback: Callable[[Capacity], None]) -> None: ...

    async def busy(self, lane: str) -> int | None: ...

    def simulates(self, model: str | None) -> bool | None: ...

    def missing(self, model: str | None) -> GenerationError: ...

    async def models(self) -> Sequence[Model]: ...

    async def health(self) -> Health: ...
