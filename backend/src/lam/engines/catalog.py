"""All engines of a gateway: their routes merged, the queue before them, and the one loop that tries the next route.

It resolves a model's name to routes in order. It knows no message, no session and no run: whoever asks names a group for the
queue's fairness, and gets a producer of events.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Final

import msgspec
from msgspec import UNSET, Struct

from lam.engines.base import Batches, Can, Engine, Health, Route, RouteLost
from lam.engines.queue import Offer, Queue, Settling, Ticket
from lam.engines.retries import Pauses, Retries
from lam.errors import (
    GenerationError,
    Interrupted,
    LlmLoading,
    LlmOverloaded,
    LlmUnreachable,
    NotSupported,
    NoWorker,
    WorkerLost,
)
from lam.protocol.chat import ChatRequest
from lam.protocol.events import ContentEvent, EngineEvent, Finished, Mode, Progress

MOST_ATTEMPTS: Final = 10  # that a server had accepted: what kills its servers is not passed on for ever
LOOK_SECONDS: Final = 1  # a waiting run is looked at that often, for what nobody calls back about


class Model(Struct, frozen=True):
    """A model that can be asked for. `n_ctx`: tokens a slot's context holds, None where the server does not say."""

    name: str
    n_ctx: int | None = None


class Catalog:
    """`engines`: by the name of their server, the preferred ones first; whoever made them closes them. `mode`: what to say of a
    model that no server has a route for.

    `most_waiting`: runs that may wait for the same places. `timeout`: seconds that a run waits for a server which is missing,
    loads, or has too much to do. `places`: of each pool, 0: as many as its engine says. An async context manager: it owns the
    tasks that see places freed.
    """

    def __init__(
        self,
        engines: Mapping[str, Engine],
        *,
        mode: Mode = "sse",
        most_waiting: int,
        timeout: float,
        places: int = 0,
        settling: Settling | None = None,
        pauses: Pauses | None = None,
    ) -> None:
        self._mode = mode
        self.engines = dict(engines)
        self._timeout = timeout
        self._places = places
        self._pauses = pauses or Pauses()
        self._offers: tuple[Offer, ...] = ()
        self._watchers: list[Callable[[], None]] = []
        self.queue = Queue(self.resolve, most=most_waiting, settling=settling)

    async def __aenter__(self) -> "Catalog":
        for engine in self.engines.values():
            engine.watch(self._changed)
        self._changed()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.queue.close()

    def watch(self, callback: Callable[[], None]) -> None:
        """Calls back whenever a route has changed."""
        self._watchers.append(callback)

    def _changed(self) -> None:
        self._offers = tuple(
            Offer(rank=rank, server=server, engine=engine, route=route, model=route.name)
            for rank, (server, engine) in enumerate(self.engines.items())
            for route in engine.routes()
        )
        pools = {offer.pool: offer.route.pool for offer in self._offers}
        if self._places:
            pools = {key: msgspec.structs.replace(pool, places=self._places) for key, pool in pools.items()}
        self.queue.update(pools)
        for callback in self._watchers:
            callback()

    # Looking

    def resolve(self, model: str | None, continues: bool = False) -> tuple[Offer, ...]:
        """The routes for a model, None: the default one; those whose servers pass any name on only where no server lists it."""
        if model is None:
            first = next((offer for offer in self._offers if offer.route.default), None)
            if first is None:
                return ()
            same = [offer for offer in self._offers if offer.route.name == first.route.name]
            found = [
                msgspec.structs.replace(offer, model=None) if offer.route.default else offer
                for offer in same
                if offer.route.name is not None or offer.route.default
            ]
        else:
            found = [offer for offer in self._offers if offer.route.name == model]
            open_ended = [msgspec.structs.replace(offer, model=model) for offer in self._offers if offer.route.name is None]
            found = found or open_ended
        return tuple(offer for offer in found if not continues or offer.route.can.continues is not False)

    def routes(self, model: str | None) -> list[Route]:
        return [offer.route for offer in self.resolve(model)]

    def can(self, model: str | None) -> Can:
        """What the preferred route for this model can do."""
        return next((route.can for route in self.routes(model)), Can())

    def mode(self, model: str | None) -> Mode:
        """How the preferred route for this model is reached; of the first server where there is none."""
        routes = [*self.routes(model), *(offer.route for offer in self._offers)]
        return next((route.mode for route in routes), self._mode)

    def context(self, model: str | None) -> int | None:
        """The largest context of a model's routes in tokens, None while not known."""
        return max((route.n_ctx for route in self.routes(model) if route.n_ctx), default=None)

    async def require_continuing(self, request: ChatRequest) -> None:
        """Raises NotSupported for a request that goes on with a reply where no route can, and what hinders asking them."""
        failure: NotSupported | GenerationError = NotSupported(
            "No worker for this model can continue a reply; regenerate it instead."
            if self.resolve(request.model)
            else "No server for this model is connected, so the reply cannot be continued; try again later."
        )
        for offer in self.resolve(request.model, True):
            try:
                await offer.route.require_continuing(request)
                return
            except (NotSupported, GenerationError) as error:
                failure = error
        raise failure

    async def models(self) -> Sequence[Model]:
        """The models that can be asked for, the default one first. Raises what the only server fails with."""
        if not any(offer.route.name for offer in self._offers):
            health = await self.health()
            if health.failure is not None and not any(offer.route.name for offer in self._offers):
                raise health.failure
        first = next((offer.route.name for offer in self._offers if offer.route.default), None)
        found = {
            offer.route.name: Model(offer.route.name, self.context(offer.route.name)) for offer in self._offers if offer.route.name
        }
        return sorted(found.values(), key=lambda model: model.name != first)

    async def health(self) -> Health:
        """Of all servers together: ready where one is."""
        all_ = await asyncio.gather(*(engine.health() for engine in self.engines.values()))
        best = min(all_, key=lambda health: ("ready", "loading", "unreachable").index(health.state))
        slots = [health.slots for health in all_ if health.slots and health.state == best.state]
        workers = [worker for health in all_ for worker in health.workers or ()]
        return msgspec.structs.replace(
            best,
            slots=sum(slots) or None,
            broker=next((health.broker for health in all_ if health.broker), None),
            workers=tuple(workers) if any(health.workers is not None for health in all_) else None,
        )

    # A reply

    @contextmanager
    def place(self, model: str | None, group: Hashable, *, continues: bool = False) -> Iterator[Ticket]:
        """A place in the queue. It belongs to the producer from then on; where this context ends with an error, it is given back.

        Raises QueueFull.
        """
        ticket = self.queue.enter(model, group, continues=continues)
        try:
            yield ticket
        except BaseException:
            ticket.leave(model_is_free=True)
            raise

    @asynccontextmanager
    async def generate(self, request: ChatRequest, ticket: Ticket) -> AsyncIterator[Batches]:
        """A producer: waits for the ticket's place, answers over its route, and gives the place back.

        While nothing was shown a route that fails is followed by the next one. Raises what the last one failed with, and NoWorker,
        BrokerUnreachable or WorkerLost where none could be tried.
        """
        batches = self._batches(request, ticket)
        try:
            yield batches
        finally:
            await batches.aclose()
            ticket.leave(model_is_free=True)  # where it was never begun

    async def _batches(self, request: ChatRequest, ticket: Ticket) -> AsyncGenerator[list[EngineEvent]]:
        clock = asyncio.get_running_loop().time
        told: tuple[str | None, bool | None] = (ticket.model_name, ticket.simulated)
        retries = Retries(self._timeout, self._pauses)
        begun, since = clock(), None  # of the attempts at this place, and of the last time that a server had accepted it
        attempts, waited = 0, False
        while True:
            async for progress in self._waiting(ticket):
                waited = True
                yield [progress]
            offer = ticket.offer
            assert offer is not None
            if waited:  # time in the queue is nobody's fault
                retries, begun = Retries(self._timeout, self._pauses), clock()
            since = since or clock()
            answering = (offer.model or offer.route.name, offer.route.can.simulated)
            if waited or answering != told:
                simulated = answering[1] if answering[1] != told[1] else UNSET
                yield [Progress("prompt", model=answering[0] or UNSET, simulated=simulated)]
            else:
                yield []
            told, waited = answering, False
            asked = request if offer.model == request.model else msgspec.structs.replace(request, model=offer.model)
            batch: list[EngineEvent] = []
            shown = False
            try:
                async with offer.engine.generate(asked, offer.route) as batches:
                    async for batch in batches:
                        yield batch
                        if shown := any(isinstance(event, ContentEvent) for event in batch):
                            break
                    async for batch in batches:
                        yield batch
                if not (batch and isinstance(batch[-1], Finished)):
                    raise Interrupted
                ticket.leave(model_is_free=True)
                return
            except RouteLost as lost:
                if lost.taken:
                    since, attempts = clock(), attempts + 1
                if attempts >= MOST_ATTEMPTS:
                    failure = WorkerLost(f"{attempts} workers in turn were lost before they said anything.")
                    raise failure from None
                if clock() - since >= self._timeout:
                    raise await self._missing(ticket.model) from None
                if not self.queue.move(ticket):
                    if ticket.lent:  # nobody waits for it, and it waits for nobody
                        raise await self._missing(ticket.model) from None
                    ticket.again()
                    if ticket.offer is not None:  # nobody else: a moment later it may take it
                        await asyncio.sleep(self._pauses.lost)
            except (LlmUnreachable, LlmLoading, LlmOverloaded) as error:
                is_late = clock() - begun >= self._timeout
                if shown or is_late or (not self.queue.move(ticket) and offer.route.waits):
                    ticket.leave(model_is_free=error.model_is_free)
                    raise
                if ticket.offer is offer:
                    pause = retries.pause(error)
                    yield list(retries.progress(error))
                    await asyncio.sleep(pause)
                    ticket.avoided.clear()
                    self.queue.move(ticket)
            except BaseException as error:  # also where whoever reads has left: it has the whole reply, or wants no more
                ticket.leave(model_is_free=_proves_free(error, batch))
                raise

    async def _waiting(self, ticket: Ticket) -> AsyncGenerator[Progress]:
        """What a ticket without a place waits for, whenever that changes. Raises what is missing once the time is over."""
        clock = asyncio.get_running_loop().time
        told: Progress | None = None
        missing_since: float | None = None
        while ticket.offer is None:
            if ticket.served:
                missing_since = None
                progress = Progress("queued", position=ticket.position or 0)
            else:
                failure = await self._missing(ticket.model)
                missing_since = missing_since or clock()
                if clock() - missing_since >= self._timeout:
                    raise failure
                progress = Progress("unreachable", reason=failure.code)
            if progress != told:
                told = progress
                yield progress
            if ticket.offer is None:
                await ticket.news(min(LOOK_SECONDS, self._timeout / 4))

    async def _missing(self, model: str | None) -> GenerationError:
        """Why nobody answers for this model."""
        failures = [(await engine.health()).failure for engine in self.engines.values()]
        failure = failures[0] if failures and all(failures) else None
        if failure is None or (isinstance(failure, NoWorker) and model):
            return NoWorker(f"No worker serves {model} at the moment." if model else None)
        return failure


def _proves_free(error: BaseException, batch: Sequence[EngineEvent]) -> bool:
    """Whether the end of an attempt shows that; after a connection that we closed the server has to be seen idle."""
    if batch and isinstance(batch[-1], Finished):
        return True
    return isinstance(error, GenerationError) and error.model_is_free
