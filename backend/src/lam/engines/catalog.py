"""All engines of a gateway: their merged routes, the queue in front of them, and what is known about their health.

It resolves a model's name to routes in order. It knows no message, session or run: callers name a group for the queue's fairness
and get a producer of events.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Final, Literal, TypeVar

import msgspec
from msgspec import Struct

from lam.background import Background
from lam.configuration import Configuration, Defaults, PublicModel
from lam.engines.attempts import Attempts, for_server
from lam.engines.base import ANY, Batches, Can, Engine, Health, Needs, Route
from lam.engines.breaker import Breaker, Breakers, Tolerance
from lam.engines.healing import Loss
from lam.engines.queue import Offer, Queue, Settling, Ticket, Way
from lam.engines.retries import Pauses
from lam.errors import (
    BrokerUnreachable,
    CannotSee,
    CannotUseTools,
    ContextExceeded,
    GenerationError,
    LlmError,
    LlmOverloaded,
    LlmUnreachable,
    NotSupported,
    NoWorker,
    TooLarge,
    UnknownModel,
)
from lam.protocol.chat import ChatRequest
from lam.protocol.events import Mode

log = logging.getLogger(__name__)

T = TypeVar("T")
Emails = Callable[[int], Awaitable[str | None]]
NO_DEFAULTS: Final = Defaults()
Availability = Literal["ready", "busy", "loading", "asleep", "unreachable"]
MOST_NAMED: Final = 3  # models in a sentence
MOST_WANTED: Final = 3600  # seconds that a server can ask to be left alone


class Price(Struct, frozen=True):
    """What a million tokens cost, for figures only."""

    input: float | None = None
    output: float | None = None


class Model(Struct, frozen=True, kw_only=True):
    """A model that people can choose.

    `n_ctx`: context tokens per slot, None when the server does not say. `images`: pictures may be sent to it. `can`: what its
    preferred route can do. `servers`: who answers for it, preferred ones first. `places`, `busy`: of all of them, and how many are
    in use. `note`: what people should know before they choose it.
    """

    name: str
    n_ctx: int | None = None
    images: bool = False
    can: Can = Can()
    servers: tuple[str, ...] = ()
    state: Availability = "ready"
    places: int = 0
    busy: int = 0
    price: Price | None = None
    defaults: Defaults = Defaults()
    note: str | None = None


class ServerState(Struct, frozen=True, kw_only=True):
    """A server as it is now. `is_avoided`: it failed, so requests go elsewhere while another one answers."""

    name: str
    health: Health
    is_avoided: bool
    models: tuple[str, ...]
    places: int
    busy: int


class Catalog:
    """Routes and queue of several engines. An async context manager: it owns the tasks that watch for free places.

    `engines`: by server name, preferred ones first; the caller closes them. `mode`: the mode to report for a model without a route.
    `most_waiting`: how many runs may wait for the same places. `timeout`: seconds a run waits for a server that is missing, loading
    or overloaded. `places`: places per pool; 0 takes the engine's number. `configuration`: has the models that people may choose;
    without one, or without models in it, they are all models of all servers. `emails`: says who a user is.
    `heals`: a reply goes on after the death of its server. `queue`: makes the queue; gateways may share one.
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
        tolerance: Tolerance | None = None,
        configuration: Configuration | None = None,
        emails: Emails | None = None,
        heals: bool = False,
        queue: Callable[..., Queue] = Queue,
    ) -> None:
        self._configuration = configuration or Configuration(servers=())
        self._emails = emails
        self.heals = heals
        self._breakers = Breakers(time.monotonic, tolerance)
        self._probes = Background()
        self._probed: set[Breaker] = set()
        self._asked: list[Engine] = []  # for embeddings, now
        self._mode = mode
        self.engines = dict(engines)
        self.timeout = timeout
        self._places = places
        self.pauses = pauses or Pauses()
        self._offers: tuple[Offer, ...] = ()
        self.queue = queue(self.resolve, most=most_waiting, settling=settling, breakers=self._breakers)

    async def __aenter__(self) -> "Catalog":
        for engine in self.engines.values():
            engine.watch(self._changed)
        self._changed()
        self.queue.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._probes.close()
        await self.queue.close()

    def replace(self, engines: Mapping[str, Engine], configuration: Configuration) -> None:
        """Takes other engines and models. Runs go on where they are; those that wait look for a place anew."""
        same = {name for name, engine in self.engines.items() if engines.get(name) is engine}
        self.engines, self._configuration = dict(engines), configuration
        self._breakers.keep(lambda pool: pool[0] in same)
        for name, engine in self.engines.items():
            if name not in same:
                engine.watch(self._changed)
        self._changed()

    @property
    def names_servers(self) -> bool:
        """Whether there are several servers, so that it matters which one answers."""
        return len(self.engines) > 1

    def _changed(self) -> None:
        self._offers = tuple(
            Offer(rank=rank, server=server, engine=engine, route=route, model=route.name)
            for rank, (server, engine) in enumerate(self.engines.items())
            for route in engine.routes()
        )
        pools = {offer.pool: offer.route.pool for offer in self._offers}
        if self._places:
            pools = {key: msgspec.structs.replace(pool, places=self._places) for key, pool in pools.items()}
        self._breakers.keep(pools.__contains__)
        self.queue.update(pools)

    # Lookup

    def resolve(self, model: str | None, needs: Needs = ANY) -> tuple[Offer, ...]:
        """Returns the routes for a model; None means the default model. Routes that pass any name on count only when no server
        lists the model. Routes that cannot meet the needs are left out."""
        offers = self._named(model) if self._configuration.models else self._listed(model)
        if offers and any(offer.route.can.history != offers[0].route.can.history for offer in offers):
            # a worker that stores the conversation knows none of what others answered, and they get more than the new turn
            offers = [offer for offer in offers if offer.route.can.history == offers[0].route.can.history]
        return tuple(offer for offer in offers if needs.met_by(offer.route.can))

    def _named(self, model: str | None) -> list[Offer]:
        """Returns the routes of a model that has a public name."""
        public = self._public(model)
        offers: list[Offer] = []
        for rank, target in enumerate(public.routes if public else ()):
            on_server = [offer for offer in self._offers if offer.server == target.server]
            if target.model is None:
                same = [offer for offer in on_server if offer.route.default]
            else:
                same = [offer for offer in on_server if offer.route.name == target.model]
                same = same or [offer for offer in on_server if offer.route.name is None]
            assert public is not None
            offers += [msgspec.structs.replace(offer, rank=rank, model=target.model, public=public.name) for offer in same]
        return offers

    def _listed(self, model: str | None) -> list[Offer]:
        """Returns the routes of a model by its own name."""
        if model is None:
            first = self._default_offer()
            if first is None:
                return []
            same = [offer for offer in self._offers if offer.route.name == first.route.name]
            return [
                msgspec.structs.replace(offer, model=None) if offer.route.default else offer
                for offer in same
                if offer.route.name is not None or offer.route.default
            ]
        offers = [offer for offer in self._offers if offer.route.name == model]
        return offers or [msgspec.structs.replace(offer, model=model) for offer in self._offers if offer.route.name is None]

    def _default_offer(self) -> Offer | None:
        """Returns the default route of the first server that answers or, when none does, of the first one."""
        offers = [offer for offer in self._offers if offer.route.default]
        return next((offer for offer in offers if not self._breakers.blocks(offer.pool)), next(iter(offers), None))

    def _public(self, model: str | None) -> PublicModel | None:
        """Returns the model of that public name; for None the first one that everybody may use."""
        configuration = self._configuration
        if model is None:
            return next((one for one in configuration.models if configuration.may_use(one, None)), None)
        return next((one for one in configuration.models if model == one.name), None)

    def defaults(self, model: str | None) -> Defaults:
        """Returns what applies to the model when nobody chose otherwise."""
        public = self._public(model)
        return public.defaults if public else NO_DEFAULTS

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

    async def require_continuing(self, request: ChatRequest) -> frozenset[Way]:
        """Returns the ways on which a reply can be continued, as far as was asked: the first that can is enough.

        Raises NotSupported when no route can, and a GenerationError when none could be asked.
        """
        failure: NotSupported | GenerationError = NotSupported(
            "Nobody who serves this model can continue a reply; regenerate it instead."
            if self.resolve(request.model)
            else "No server for this model is connected, so the reply cannot be continued; try again later."
        )
        for offer in self.resolve(request.model, Needs(continues=True)):
            try:
                await offer.route.require_continuing(for_server(request, offer))
                return frozenset((offer.way,))
            except (NotSupported, GenerationError) as error:
                failure = error
        raise failure

    def sees(self, model: str | None) -> bool:
        """Returns whether pictures may be sent to the model: none of its servers says that it is blind."""
        return bool(self.resolve(model, Needs(images=True)))

    async def require_sight(self, model: str | None) -> None:
        """Raises CannotSee when no route of the model sees pictures. Accepts any while no server can be asked; the run will then
        fail."""
        if self.sees(model):
            return
        try:
            await self.models()
        except GenerationError:
            return
        if failure := self.blindness(model):
            raise failure

    def require_tools(self, model: str | None) -> None:
        """Raises CannotUseTools when no route of the model can be held to calling a tool. Accepts any while nobody serves it."""
        if self.resolve(model) and not self.resolve(model, Needs(tools=True)):
            raise CannotUseTools

    def blindness(self, model: str | None) -> CannotSee | None:
        """Returns why pictures cannot be sent to the model; None when they can, or when nobody serves it."""
        offers = self.resolve(model)
        if not offers or self.sees(model):
            return None
        name = model or offers[0].name or "This model"
        able = [name for name in self._names() if self.sees(name)]
        choice = f"choose {_either(able[:MOST_NAMED])}" if able else "no model here can"
        return CannotSee(f"{name} cannot see pictures; {choice}.")

    async def models(self, user_id: int | None = None) -> Sequence[Model]:
        """Returns the models that a user may choose, the default first. None: those that everybody may.

        Raises the failure of the server when there are no routes.
        """
        if self._configuration.models:
            return [self._model(public.name, public) for public in await self._usable(user_id)]
        if not any(offer.route.name for offer in self._offers):
            health = await self.health()
            if health.failure is not None and not any(offer.route.name for offer in self._offers):
                raise health.failure
        default = self._default_offer()
        first = default.route.name if default else None
        models = [self._model(name, None) for name in dict.fromkeys(offer.route.name for offer in self._offers) if name]
        return sorted(models, key=lambda model: model.name != first)

    def _model(self, name: str, public: PublicModel | None) -> Model:
        offers = self.resolve(name)
        pools = {offer.pool: offer.route.pool for offer in offers}
        places = sum(max(pool.places, pool.slots) for pool in pools.values())
        busy = self.queue.busy(pools)
        priced = public is not None and (public.price_in is not None or public.price_out is not None)
        return Model(
            name=name,
            n_ctx=self.context(name),
            images=self.sees(name),
            can=offers[0].route.can if offers else Can(),
            servers=tuple(
                dict.fromkeys([str(target.server) for target in public.routes] if public else [o.server for o in offers])
            ),
            state=self._availability(offers, places, busy),
            places=places,
            busy=min(busy, places),
            price=Price(public.price_in, public.price_out) if public and priced else None,
            defaults=public.defaults if public else NO_DEFAULTS,
            note=public.note if public else None,
        )

    def _availability(self, offers: Sequence[Offer], places: int, busy: int) -> Availability:
        offers = [offer for offer in offers if offer.route.state != "failed" and not self._breakers.blocks(offer.pool)]
        if not offers or not places:
            return "unreachable"
        if busy >= places:
            return "busy"
        states = {offer.route.state for offer in offers if offer.route.ready or offer.route.state != "ready"}
        return next((state for state in ("ready", "loading", "asleep") if state in states), "loading")

    def _names(self) -> Sequence[str]:
        """Returns the names of all models."""
        if self._configuration.models:
            return [model.name for model in self._configuration.models]
        return list(dict.fromkeys(offer.route.name for offer in self._offers if offer.route.name))

    async def _usable(self, user_id: int | None) -> list[PublicModel]:
        """Returns the public models that a user may use."""
        configuration = self._configuration
        limited = any(model.users or model.groups for model in configuration.models)
        email = await self._emails(user_id) if limited and self._emails and user_id is not None else None
        return [model for model in configuration.models if configuration.may_use(model, email)]

    async def require_model(self, model: str, user_id: int | None) -> None:
        """Raises UnknownModel for a model that no server has, or that is not for this user. Accepts any while the server cannot be
        asked; the run will then fail."""
        if self._configuration.models:
            await self.chosen(model, user_id)
            return
        try:
            known = [one.name for one in await self.models()]
        except GenerationError:
            return
        if known and model not in known:
            raise UnknownModel(f"There is no model {model!r}; choose {_either(known[:MOST_NAMED])}.")

    async def embed(self, model: str | None, fields: dict[str, Any]) -> dict[str, Any]:
        """Returns the embeddings of the first route that makes some, in OpenAI's format. They wait in no queue: a server answers
        them beside its replies. Raises NotSupported when no route does, and the last route's Invalid or GenerationError."""
        failure: Exception = NotSupported("No server of this model makes embeddings.")
        for offer in self.resolve(model):
            if offer.route.embed is not None:
                self._asked.append(offer.engine)
                try:
                    answer = await offer.route.embed(offer.model, fields)
                except (NotSupported, GenerationError) as error:
                    failure = error
                else:
                    return answer if offer.public is None else answer | {"model": offer.public}
                finally:
                    self._asked.remove(offer.engine)
        raise failure

    def uses(self, engine: Engine) -> bool:
        """Returns whether a run is at an engine, or a request for embeddings."""
        return self.queue.uses(engine) or engine in self._asked

    async def count(self, request: ChatRequest) -> int | None:
        """Returns the tokens of a prompt as the first route with a tokenizer counts them, None when there is none."""
        for offer in self.resolve(request.model):
            if offer.route.count is not None and (tokens := await offer.route.count(for_server(request, offer))) is not None:
                return tokens
        return None

    async def chosen(self, model: str | None, user_id: int | None) -> str | None:
        """Returns the model that a run of this user asks for. Every run asks here first.

        Where models have public names, None becomes the first one that the user may use, and a model that is not for the user, or
        that is no longer there, raises UnknownModel. Elsewhere a run waits for a model that has gone.
        """
        if not self._configuration.models:
            return model
        usable = [one.name for one in await self._usable(user_id)]
        if not usable:
            raise UnknownModel("You may not use any model of this gateway; ask its admin.")
        if model is not None and model not in usable:
            raise UnknownModel(f"You have no model {model!r}; choose {_either(usable[:MOST_NAMED])}.")
        return model or usable[0]

    async def states(self) -> Sequence[ServerState]:
        """Asks all servers how they are, and returns that in their order."""
        healths = await asyncio.gather(*(engine.health() for engine in self.engines.values()))
        states: list[ServerState] = []
        for (name, engine), health in zip(self.engines.items(), healths, strict=True):
            offers = [offer for offer in self._offers if offer.engine is engine]
            pools = {offer.pool: offer.route.pool for offer in offers}
            states.append(
                ServerState(
                    name=name,
                    health=health,
                    is_avoided=bool(pools) and all(self._breakers.blocks(pool) for pool in pools),
                    models=tuple(dict.fromkeys(offer.route.name for offer in offers if offer.route.name)),
                    places=sum(max(pool.places, pool.slots) for pool in pools.values()),
                    busy=self.queue.busy(pools),
                )
            )
        return states

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
    def place(
        self,
        model: str | None,
        group: Hashable,
        needs: Needs = ANY,
        able: frozenset[Way] = frozenset(),
        upstream: str | None = None,
        *,
        goes_on: bool = False,
    ) -> Iterator[Ticket]:
        """Yields a place in the queue, which then belongs to the producer. Leaving the context with an error gives it back.

        `able`: the ways on which a reply can be continued, if the request continues one. `upstream`: the only model that may take
        the place, as its server names it. `goes_on`: it is for a run that was let in before. Raises QueueFull.
        """
        ticket = self.queue.enter(model, group, needs, upstream, goes_on=goes_on)
        ticket.able |= able
        try:
            yield ticket
        except BaseException:
            ticket.leave(model_is_free=True)
            raise

    @asynccontextmanager
    async def generate(self, request: ChatRequest, ticket: Ticket, loss: Loss | None = None) -> AsyncIterator[Batches]:
        """Yields a producer that waits for the ticket's place, answers over its route, and gives the place back.

        While the reader saw nothing, a failed route is followed by the next one; a reply whose server died goes on where it may.
        Raises the last route's failure, or NoWorker, BrokerUnreachable or WorkerLost when no route could be tried. `loss`: how an
        earlier gateway's attempt at this request was broken off.
        """
        batches = Attempts(self, request, ticket, loss).batches()
        try:
            yield batches
        finally:
            await batches.aclose()
            ticket.leave(model_is_free=True)  # in case the iterator was never started

    def avoids(self, offer: Offer) -> bool:
        """See `attempts.Servers`."""
        return self._breakers.blocks(offer.pool)

    def well(self, offer: Offer) -> None:
        """See `attempts.Servers`."""
        if self._breakers.succeed(offer.pool):
            log.info("The server %s answers again", offer.server)
            self.queue.renew()

    def ill(self, offer: Offer, error: GenerationError) -> None:
        """Notes a failure that may be the server's. Asks it from time to time, once it is left alone."""
        if not self.names_servers or not (error.retryable or isinstance(error, LlmOverloaded)):
            return
        if isinstance(error, ContextExceeded | TooLarge):
            return
        wanted = error.retry_after or 0 if isinstance(error, LlmOverloaded) else 0
        at_once = wanted > 0 or isinstance(error, LlmUnreachable | BrokerUnreachable)
        breaker = self._breakers.of(offer.pool)
        if breaker.fail(at_once=at_once, seconds=min(wanted, MOST_WANTED)):
            log.warning("The server %s fails, so requests go elsewhere while another one answers: %s", offer.server, error.message)
            if breaker not in self._probed:
                self._probed.add(breaker)
                self._probes.run(f"probe-{offer.server}", lambda: self._probe(offer, breaker))
            self.queue.renew()

    async def _probe(self, offer: Offer, breaker: Breaker) -> None:
        """Asks a server that failed whether it is well, until it is and a request got an answer from it."""
        try:
            while breaker.state != "closed" and self._breakers.has(breaker) and self.engines.get(offer.server) is offer.engine:
                if breaker.state == "half_open":  # whoever tried may have left
                    self.queue.renew()
                    await asyncio.sleep(breaker.seconds or breaker.pause)
                    continue
                await asyncio.sleep(breaker.seconds)
                if (await offer.engine.health()).state == "ready":
                    breaker.try_again()
                else:
                    breaker.still_ill()
        finally:
            self._probed.discard(breaker)

    def hindrance(self, ticket: Ticket) -> GenerationError | None:
        """See `attempts.Servers`."""
        if ticket.needs.images and (blindness := self.blindness(ticket.model)):
            return blindness
        if self._configuration.models and ticket.model is not None and self._public(ticket.model) is None:
            return LlmError(f"The model {ticket.model} is no longer offered; choose another one.", retryable=False)
        return None

    async def missing(self, model: str | None) -> GenerationError:
        """Returns the reason why no server answers for this model."""
        public = self._public(model)
        servers = {target.server for target in public.routes} if public else self.engines.keys()
        engines = [engine for name, engine in self.engines.items() if name in servers]
        failures = [(await engine.health()).failure for engine in engines]
        failure = failures[0] if failures and all(failures) else None
        if failure is None or (isinstance(failure, NoWorker) and model):
            return NoWorker(f"Nobody serves {model} at the moment." if model else None)
        return failure


def _either(names: Sequence[str]) -> str:
    return " or ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
