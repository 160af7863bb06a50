"""All engines of a gateway: their merged routes, the queue in front of them, and the only loop that tries the next route.

It resolves a model's name to routes in order. It knows no message, session or run: callers name a group for the queue's fairness
and get a producer of events.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Hashable, Iterator, Mapping, Sequence
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
    UnknownModel,
    WorkerLost,
)
from lam.protocol.chat import ChatRequest
from lam.protocol.events import ContentEvent, EngineEvent, Finished, Mode, Progress

MOST_ATTEMPTS: Final = 10  # accepted by a server each time; a request that kills servers must not kill them all
LOOK_SECONDS: Final = 1  # how often a waiting run checks what has no callback


class Model(Struct, frozen=True):
    """A model that people can choose. `n_ctx`: context tokens per slot, None when the server does not say."""

    name: str
    n_ctx: int | None = None


class Catalog:
    """Routes and queue of several engines. An async context manager: it owns the tasks that watch for free places.

    `engines`: by server name, preferred ones first; the caller closes them. `mode`: the mode to report for a model without a route.
    `most_waiting`: how many runs may wait for the same places. `timeout`: seconds a run waits for a server that is missing, loading
    or overloaded. `places`: places per pool; 0 takes the engine's number.
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
        self.queue = Queue(self.resolve, most=most_waiting, settling=settling)

    async def __aenter__(self) -> "Catalog":
        for engine in self.engines.values():
            engine.watch(self._changed)
        self._changed()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.queue.close()

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

    # Lookup

    def resolve(self, model: str | None, continues: bool = False) -> tuple[Offer, ...]:
        """Returns the routes for a model; None means the default model. Routes that pass any name on count only when no server
        lists the model."""
        if model is None:
            first = next((offer for offer in self._offers if offer.route.default), None)
            if first is None:
                return ()
            same = [offer for offer in self._offers if offer.route.name == first.route.name]
            offers = [
                msgspec.structs.replace(offer, model=None) if offer.route.default else offer
                for offer in same
                if offer.route.name is not None or offer.route.default
            ]
        else:
            offers = [offer for offer in self._offers if offer.route.name == model]
            open_ended = [msgspec.structs.replace(offer, model=model) for offer in self._offers if offer.route.name is None]
            offers = offers or open_ended
        return tuple(offer for offer in offers if not continues or offer.route.can.continues is not False)

    def routes(self, model: str | None) -> list[Route]:
        return [offer.route for offer in self.resolve(model)]

    def can(self, model: str | None) -> Can:
        """Returns the capabilities of the model's preferred route."""
        return next((route.can for route in self.routes(model)), Can())

    def mode(self, model: str | None) -> Mode:
        """Returns the mode of the model's preferred route, or of the first server when the model has no route."""
        routes = [*self.routes(model), *(offer.route for offer in self._offers)]
        return next((route.mode for route in routes), self._mode)

    def context(self, model: str | None) -> int | None:
        """Returns the largest context of the model's routes in tokens, None when unknown."""
        return max((route.n_ctx for route in self.routes(model) if route.n_ctx), default=None)

    async def require_continuing(self, request: ChatRequest) -> None:
        """Raises NotSupported when no route can continue a reply, and a GenerationError when none could be asked."""
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
        """Returns the available models, the default first. Raises the failure of the server when there are no routes."""
        if not any(offer.route.name for offer in self._offers):
            health = await self.health()
            if health.failure is not None and not any(offer.route.name for offer in self._offers):
                raise health.failure
        first = next((offer.route.name for offer in self._offers if offer.route.default), None)
        models = {
            offer.route.name: Model(offer.route.name, self.context(offer.route.name)) for offer in self._offers if offer.route.name
        }
        return sorted(models.values(), key=lambda model: model.name != first)

    async def require_model(self, model: str) -> None:
        """Raises UnknownModel for a model that no server has. Accepts any while the server cannot be asked; the run will then
        fail."""
        try:
            known = [one.name for one in await self.models()]
        except GenerationError:
            return
        if known and model not in known:
            raise UnknownModel(f"There is no model {model!r}; there is {', '.join(known[:5])}.")

    async def health(self) -> Health:
        """Returns the health of all servers together: ready when one of them is."""
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

    # Replies

    @contextmanager
    def place(self, model: str | None, group: Hashable, *, continues: bool = False) -> Iterator[Ticket]:
        """Yields a place in the queue, which then belongs to the producer. Leaving the context with an error gives it back.

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
        """Yields a producer that waits for the ticket's place, answers over its route, and gives the place back.

        While the reader saw nothing, a failed route is followed by the next one. Raises the last route's failure, or NoWorker,
        BrokerUnreachable or WorkerLost when no route could be tried.
        """
        batches = self._batches(request, ticket)
        try:
            yield batches
        finally:
            await batches.aclose()
            ticket.leave(model_is_free=True)  # in case the iterator was never started

    async def _batches(self, request: ChatRequest, ticket: Ticket) -> AsyncGenerator[list[EngineEvent]]:
        clock = asyncio.get_running_loop().time
        last_route: tuple[str | None, bool | None] = (ticket.model_name, ticket.simulated)
        retries = Retries(self._timeout, self._pauses)
        start, since = clock(), None  # start of the attempts at this place, and the last time that a server had accepted it
        attempts, waited = 0, False
        while True:
            async for progress in self._waiting(ticket):
                waited = True
                yield [progress]
            offer = ticket.offer
            assert offer is not None
            if waited:  # time in the queue does not count
                retries, start = Retries(self._timeout, self._pauses), clock()
            since = since or clock()
            answering = (offer.model or offer.route.name, offer.route.can.simulated)
            if waited or answering != last_route:
                simulated = answering[1] if answering[1] != last_route[1] else UNSET
                yield [Progress("prompt", model=answering[0] or UNSET, simulated=simulated)]
            else:
                yield []
            last_route, waited = answering, False
            attempt = request if offer.model == request.model else msgspec.structs.replace(request, model=offer.model)
            batch: list[EngineEvent] = []
            visible = False
            try:
                async with offer.engine.generate(attempt, offer.route) as batches:
                    async for batch in batches:
                        yield batch
                        if visible := any(isinstance(event, ContentEvent) for event in batch):
                            break
                    async for batch in batches:
                        yield batch
                if not (batch and isinstance(batch[-1], Finished)):
                    raise Interrupted
                ticket.leave(model_is_free=True)
                return
            except RouteLost as loss:
                if loss.had_job:
                    since, attempts = clock(), attempts + 1
                if attempts >= MOST_ATTEMPTS:
                    failure = WorkerLost(f"{attempts} workers in turn were lost before they said anything.")
                    raise failure from None
                if clock() - since >= self._timeout:
                    raise await self._missing(ticket.model) from None
                if not self.queue.move(ticket):
                    if ticket.lent:  # work that can be dropped does not wait for a place
                        raise await self._missing(ticket.model) from None
                    ticket.again()
                    if ticket.offer is not None:  # no other route is free: try the same one after a pause
                        await asyncio.sleep(self._pauses.same_route)
            except (LlmUnreachable, LlmLoading, LlmOverloaded) as error:
                is_late = clock() - start >= self._timeout
                if visible or is_late or (not self.queue.move(ticket) and offer.route.waits):
                    ticket.leave(model_is_free=error.model_is_free)
                    raise
                if ticket.offer is offer:
                    pause = retries.pause(error)
                    yield list(retries.progress(error))
                    await asyncio.sleep(pause)
                    ticket.avoided.clear()
                    self.queue.move(ticket)
            except BaseException as error:  # includes a reader that left, with the whole reply or before
                ticket.leave(model_is_free=_proves_free(error, batch))
                raise

    async def _waiting(self, ticket: Ticket) -> AsyncGenerator[Progress]:
        """Yields a progress event whenever the state of a waiting ticket changes. Raises the cause after `timeout` seconds without
        a server."""
        clock = asyncio.get_running_loop().time
        last: Progress | None = None
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
            if progress != last:
                last = progress
                yield progress
            if ticket.offer is None:
                await ticket.news(min(LOOK_SECONDS, self._timeout / 4))

    async def _missing(self, model: str | None) -> GenerationError:
        """Returns the reason why no server answers for this model."""
        failures = [(await engine.health()).failure for engine in self.engines.values()]
        failure = failures[0] if failures and all(failures) else None
        if failure is None or (isinstance(failure, NoWorker) and model):
            return NoWorker(f"No worker serves {model} at the moment." if model else None)
        return failure


def _proves_free(error: BaseException, batch: Sequence[EngineEvent]) -> bool:
    """Returns whether the end of an attempt proves that the model is free. After a connection we closed, only idleness does."""
    if batch and isinstance(batch[-1], Finished):
        return True
    return isinstance(error, GenerationError) and error.model_is_free
