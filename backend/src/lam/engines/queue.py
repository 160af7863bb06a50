"""The one queue in front of the models: who starts now, who waits, and at which position.

Places belong to pools; a ticket names the routes it may use. A free place goes to the first ticket, in fair order, that may use it.
Fair order: groups (a person, for example) take turns, first come first served within a group; a room is one group, and its people
take turns inside it (`ring.py`). A place is free again when the run's end proves that the model is free. When we closed the
connection ourselves, it is free when the server is idle, or after a second when the server cannot tell.

A free place can be lent to work that nobody waits for. It is asked back when a ticket waits that could use it: at once, or after a
while, and then the newest first.

The queue knows no request and produces nothing.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from itertools import count
from typing import Final

from msgspec import Struct

from lam.engines.base import ANY, AnswersNow, Engine, Needs, Pool, Route
from lam.engines.breaker import Breakers, PoolKey
from lam.engines.ring import Inside, Ring
from lam.errors import CannotAnswerNow, QueueFull
from lam.protocol.events import Mode

log = logging.getLogger(__name__)

Way = tuple[str, str | None]
"""A server and the model that is asked for there."""


class Settling(Struct, frozen=True):
    """Waiting times in seconds.

    `unseen`: until a place is reused on a server that cannot report its load. `busy`: until it is reused on a server that reports
    load which is not ours. `poll`: between two checks.
    """

    unseen: float = 1
    busy: float = 10
    poll: float = 0.1


class Offer(Struct, frozen=True, kw_only=True):
    """A route with its engine. `rank`: how many others are preferred to this one. `model`: the name to request, None for the
    engine's default. `public`: the name that people know, where the gateway gives models names of its own."""

    rank: int
    server: str
    engine: Engine
    route: Route
    model: str | None
    public: str | None = None

    @property
    def pool(self) -> PoolKey:
        return (self.server, self.route.pool.name)

    @property
    def way(self) -> Way:
        return (self.server, self.upstream)

    @property
    def upstream(self) -> str | None:
        """The model as its server names it, None when unknown."""
        return self.model or self.route.name

    @property
    def name(self) -> str | None:
        """The model for people, None when unknown."""
        return self.public or self.upstream


Offers = Callable[[str | None, Needs], Sequence[Offer]]


class Loan(Struct, frozen=True, kw_only=True):
    """The terms of a lent place. `wanted`: called once, when somebody else needs the place. `grace`: seconds that a ticket waits
    before that. `spared`: how many places of a pool are never lent on such terms, except its only one. `near_end`: whether the work
    is about to end by itself, so that no place is asked back for the same ticket.
    """

    wanted: Callable[[], object]
    grace: float = 0
    spared: int = 0
    near_end: Callable[[], bool] = lambda: False


class Crowd(Struct, frozen=True):
    """`ahead`: how many tickets wait for the same places. `inside`: how many of them in rooms. `lent`: how many of the
    places are lent and not asked back."""

    ahead: int
    inside: int
    lent: int


LOOK_AGAIN: Final = 0.25  # seconds until a place that was near its end is asked back after all


class Ticket:
    """A run's claim on a place. `offers`: the routes it may use, recomputed at every change.

    `position`: how many runs start before it; None once it has a place, at `offer`. `loan`: the terms of a lent place that was not
    asked back. `lent`: whether its place is lent. `since`: when it began to wait, by the event loop's clock. `reply`: the running
    reply, if its thinking can be ended. `came_back`: it had a place and gave it back, so its group is the next. `undecided`:
    another gateway decides about it, and has not answered yet. `refused`: it wanted a place at once, and there was none.
    `is_remote`: it stands for a ticket of another gateway.
    """

    is_remote = False

    def __init__(self, queue: "Queue", number: int, group: Hashable, model: str | None, needs: Needs) -> None:
        self._queue = queue
        self.number = number  # order of arrival
        self._news = asyncio.Event()
        self.group = group
        self.model = model
        self.needs = needs
        self.offers: Sequence[Offer] = queue.offers(model, needs)
        self.expected = tuple(self.offers)  # the offers at its arrival
        self.avoided: set[PoolKey] = set()  # pools to use only when no other has a place
        self.excluded: set[Way] = set()  # where the request has failed for good
        self.able: set[Way] = set()  # where it is known that a reply can be continued
        self.upstream: str | None = None  # the only model that may go on with its reply
        self.position: int | None = None
        self.offer: Offer | None = None
        self.loan: Loan | None = None
        self.lent = False
        self.since = 0.0
        self.reply: AnswersNow | None = None
        self.came_back = False
        self.undecided = False
        self.refused = False

    def __lt__(self, other: "Ticket") -> bool:
        return self.number < other.number

    @property
    def served(self) -> bool:
        """Whether its pools have any places, free or in use."""
        return any(offer.route.pool.places > 0 or offer.route.pool.slots > 0 for offer in self.offers)

    @property
    def pools(self) -> frozenset[PoolKey]:
        return frozenset(offer.pool for offer in self.offers)

    @property
    def place(self) -> PoolKey | None:
        """The pool where it has a place, None while it has none."""
        return self.offer.pool if self.offer else None

    @property
    def model_name(self) -> str | None:
        """The model that was expected to answer at arrival, None when unknown."""
        return self.model or next((offer.name for offer in self.expected), None)

    @property
    def mode(self) -> Mode | None:
        """The mode of the route that answers or, while it waits, of the preferred one; None when unknown."""
        offer = self._likely
        return offer.route.mode if offer else None

    @property
    def server(self) -> str | None:
        """The server that answers or, while it waits, the preferred one; None when unknown."""
        offer = self._likely
        return offer.server if offer else None

    @property
    def _likely(self) -> Offer | None:
        return self.offer or next(iter(self.offers), None)

    @property
    def simulated(self) -> bool | None:
        """Whether the answer was expected in one piece; None when it depended on the route."""
        kinds = {offer.route.can.simulated for offer in self.expected}
        return kinds.pop() if len(kinds) == 1 else None

    @property
    def expected_upstream(self) -> str | None:
        """The model that was expected to answer at arrival, as its servers name it; None when unknown or not certain."""
        names = {offer.upstream for offer in self.expected}
        return names.pop() if len(names) == 1 else None

    def grant(self, offer: Offer) -> None:
        self.offer, self.position, self.undecided = offer, None, False
        self._news.set()

    def refuse(self) -> None:
        """Tells the ticket that it gets no place."""
        self.refused, self.undecided = True, False
        self._news.set()

    def move(self, position: int) -> None:
        self.undecided = False
        if position != self.position:
            self.position = position
            self._news.set()

    async def news(self, seconds: float) -> None:
        """Waits until its position changes or it gets a place, for up to `seconds`."""
        try:
            async with asyncio.timeout(seconds):
                await self._news.wait()
        except TimeoutError:
            pass
        self._news.clear()

    async def answer_now(self) -> None:
        """Makes the model end its thinking and answer. Raises CannotAnswerNow and GenerationError."""
        if self.reply is None:
            raise CannotAnswerNow
        await self.reply.answer_now()

    def again(self) -> None:
        """Gives the place back unused and waits for another in the old turn; pools not tried yet come first."""
        self._queue.again(self)

    def leave(self, *, model_is_free: bool) -> None:
        """Gives the place back or stops waiting. Further calls do nothing."""
        self._queue.leave(self, model_is_free=model_is_free)


class Queue:
    """Hands out places. `offers(model, needs)` returns the routes for a request, preferred ones first. `most`: how many
    tickets may wait for the same places; those of rooms fill up to half of that, so that others still find room."""

    def __init__(self, offers: Offers, *, most: int, settling: Settling | None = None, breakers: Breakers | None = None) -> None:
        self.offers = offers
        self._breakers = breakers or Breakers(lambda: 0.0)
        self._most = most
        self._settling = settling or Settling()
        self._pools: dict[PoolKey, Places] = {}
        self._waiting: Ring[Ticket] = Ring()
        self._numbers = count()
        self._timer: asyncio.TimerHandle | None = None
        self.after_change: list[Callable[[], None]] = []  # called when a place may have become free

    def update(self, pools: Mapping[PoolKey, Pool]) -> None:
        """Resizes the pools and recomputes the offers of every waiting ticket. No ticket loses its turn."""
        for key, pool in pools.items():
            if (places := self._pools.get(key)) is None:
                places = self._pools[key] = Places(key, self._settling, self._next)
            places.pool = pool
        for key, places in list(self._pools.items()):
            if key not in pools:
                places.pool = None
                if not places.in_use:
                    del self._pools[key]
        for ticket in self._waiting:
            self._renew(ticket)
        self._next()
        self._ask_back()

    def enter(
        self, model: str | None, group: Hashable, needs: Needs = ANY, upstream: str | None = None, *, goes_on: bool = False
    ) -> Ticket:
        """Returns a new ticket. Raises QueueFull when no place is free and `most` tickets wait already.

        `upstream`: the only model that may take it, as its server names it. `goes_on`: it is of a run that was let in before.
        """
        ticket = self._ticket(model, group, needs)
        if upstream is not None:
            ticket.upstream = upstream
            self._renew(ticket)
        if self._start(ticket):  # no waiting ticket can use a free place, or it would have it already
            return ticket
        if not goes_on:
            self._require_room(ticket)
        self._wait(ticket)
        return ticket

    def _require_room(self, ticket: Ticket) -> None:
        crowd = self._crowd(ticket)
        if crowd.ahead >= self._most + crowd.lent:
            raise QueueFull
        if isinstance(ticket.group, Inside) and crowd.inside >= max(1, self._most // 2) + crowd.lent:
            raise QueueFull

    def _crowd(self, ticket: Ticket) -> Crowd:
        """Counts the tickets that wait for the same places as this one."""
        ahead = [other for other in self._waiting if _rivals(ticket, other)]
        lent = sum(len(places.lent) for key, places in self._pools.items() if key in ticket.pools)
        return Crowd(len(ahead), sum(isinstance(other.group, Inside) for other in ahead), lent)

    def lend(self, model: str | None, loan: Loan, needs: Needs = ANY) -> Ticket | None:
        """Returns an idle place for droppable work, None if there is none. The terms say when it is asked back."""
        ticket = self._ticket(model, None, needs)
        if not self._start(ticket, [offer for offer in ticket.offers if self._lends(offer.pool, loan.spared)]):
            return None
        ticket.loan, ticket.lent = loan, True
        return ticket

    def _lends(self, pool: PoolKey, spared: int) -> bool:
        """Returns whether one more place of the pool may be lent."""
        places = self._pools.get(pool)
        if places is None or places.pool is None:
            return False
        return not spared or sum(ticket.lent for ticket in places.running) < max(1, places.places - spared)

    async def move(self, ticket: Ticket) -> bool:
        """Moves the ticket to a free place in a pool it has not tried, and frees its old one. Returns False when there is none."""
        return self._move(ticket)

    def _move(self, ticket: Ticket) -> bool:
        places = self._places_of(ticket)
        if places is None or ticket.offer is None:
            return False
        ticket.avoided.add(ticket.offer.pool)
        self._renew(ticket)
        if not self._start(ticket, [offer for offer in ticket.offers if offer.pool not in ticket.avoided]):
            return False
        places.running.discard(ticket)
        self._next()
        return True

    def again(self, ticket: Ticket) -> None:
        """Takes the place back unused; the ticket waits in its old turn."""
        places = self._places_of(ticket)
        if places is None:
            return
        places.running.discard(ticket)
        self._come_back(ticket)

    def _come_back(self, ticket: Ticket) -> None:
        """Lets a ticket that had a place wait in its old turn."""
        ticket.offer, ticket.came_back = None, True
        self._renew(ticket)
        self._wait(ticket)
        self._waiting.prefer(ticket.group)
        self._next()

    def turn_away(self, ticket: Ticket, *, model_is_free: bool) -> bool:
        """Excludes the way that the ticket went, gives that place back, and lets the ticket wait for another in its old turn.
        Returns False, and changes nothing, when there is no other way."""
        places, offer = self._places_of(ticket), ticket.offer
        if places is None or offer is None:
            return False
        ticket.excluded.add(offer.way)
        if not self.usable(ticket):
            ticket.excluded.discard(offer.way)
            return False
        self._release(places, ticket, model_is_free=model_is_free)
        self._come_back(ticket)
        return True

    def exclude(self, ticket: Ticket) -> bool:
        """Excludes the way that the ticket went, which keeps its place. Returns False when it has none."""
        if ticket.offer is not None:
            ticket.excluded.add(ticket.offer.way)
        return ticket.offer is not None

    def renew(self) -> None:
        """Recomputes the offers of every waiting ticket, and hands out places."""
        for ticket in self._waiting:
            self._renew(ticket)
        self._next()

    def busy(self, pools: Iterable[PoolKey]) -> int:
        """Returns how many places of these pools are in use."""
        return sum(self._pools[key].in_use for key in pools if key in self._pools)

    def _renew(self, ticket: Ticket) -> None:
        ticket.offers = self.usable(ticket)

    def usable(self, ticket: Ticket) -> list[Offer]:
        """Returns the routes that the ticket may use, as they are now."""
        offers = [offer for offer in self.offers(ticket.model, ticket.needs) if offer.way not in ticket.excluded]
        return [offer for offer in offers if ticket.upstream in (None, offer.upstream)]

    def leave(self, ticket: Ticket, *, model_is_free: bool) -> None:
        places = self._places_of(ticket)
        if places is not None:
            self._release(places, ticket, model_is_free=model_is_free)
            self._next()
            return
        if self._waiting.remove(ticket.group, ticket):
            self._place()

    def _release(self, places: "Places", ticket: Ticket, *, model_is_free: bool) -> None:
        places.leave(ticket, model_is_free=model_is_free)

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    @property
    def in_use(self) -> int:
        """Places in use, including those whose model may not be free yet."""
        return sum(places.in_use for places in self._pools.values())

    def open(self) -> None:
        """Begins the work that the queue does by itself; the queue of one gateway has none."""

    async def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        await asyncio.gather(*(places.close() for places in self._pools.values()))

    def _ticket(self, model: str | None, group: Hashable, needs: Needs) -> Ticket:
        return Ticket(self, next(self._numbers), group, model, needs)

    def _places_of(self, ticket: Ticket) -> "Places | None":
        places = self._pools.get(ticket.place) if ticket.place else None
        return places if places is not None and ticket in places.running else None

    def _wait(self, ticket: Ticket) -> None:
        ticket.since = ticket.since or asyncio.get_running_loop().time()
        self._waiting.add(ticket.group, ticket)
        self._ask_back()
        self._place()

    def _start(self, ticket: Ticket, offers: Sequence[Offer] | None = None) -> bool:
        """Gives the ticket the best free place among these offers, by default its own. Returns False when there is none."""
        offers = ticket.offers if offers is None else offers
        free = [(self._pools[offer.pool], offer) for offer in offers if offer.pool in self._pools]
        free = [(places, offer) for places, offer in free if places.free > 0]
        if any(self._answers(ticket, offer) for offer in ticket.offers):  # otherwise a server that fails is better than none
            free = [(places, offer) for places, offer in free if not self._avoids(ticket, offer.pool)]
        if not free:
            return False

        def preference(choice: tuple[Places, Offer]) -> tuple[bool, bool, int, bool, int, int, str]:
            places, offer = choice
            fewest = (-places.free, places.in_use, offer.route.pool.name)
            is_doubtful = ticket.needs.images and offer.route.can.images is None
            return (offer.pool in ticket.avoided, is_doubtful, offer.rank, not offer.route.ready, *fewest)

        places, offer = min(free, key=preference)
        places.running.add(ticket)
        ticket.grant(offer)
        if not ticket.is_remote:
            self._breakers.enter(offer.pool)
        return True

    def _avoids(self, _ticket: Ticket, pool: PoolKey) -> bool:
        """Returns whether the ticket should go elsewhere, because the pool's server failed."""
        return self._breakers.blocks(pool)

    def _answers(self, ticket: Ticket, offer: Offer) -> bool:
        """Returns whether the ticket may go there now or, once a place is free, later."""
        return not self._avoids(ticket, offer.pool) and (offer.route.pool.places > 0 or offer.route.pool.slots > 0)

    def has_others(self, ticket: Ticket, pool: PoolKey) -> bool:
        """Returns whether the ticket can wait for a place elsewhere."""
        return any(offer.pool != pool and self._answers(ticket, offer) for offer in ticket.offers)

    def uses(self, engine: Engine) -> bool:
        """Returns whether a place of this engine is in use."""
        running = (ticket for places in self._pools.values() for ticket in places.running)
        return any(ticket.offer is not None and ticket.offer.engine is engine for ticket in running)

    def _next(self) -> None:
        """Hands out the free places. A group that got one goes to the end of the ring."""
        started = True
        while started:
            started = False
            for ticket in list(self._waiting):
                if self._start(ticket):
                    self._waiting.take(ticket.group, ticket)
                    started = True
                    break
        self._place()
        for callback in self.after_change:
            callback()

    def _place(self) -> None:
        """Sets the position of each waiting ticket."""
        ahead: Counter[frozenset[PoolKey] | str | None] = Counter()
        for ticket in self._waiting:
            rivals = ticket.pools or ticket.model
            if isinstance(rivals, frozenset):
                position = sum(number for other, number in ahead.items() if isinstance(other, frozenset) and other & rivals)
            else:
                position = ahead[rivals]
            ahead[rivals] += 1
            ticket.move(position)

    def _ask_back(self) -> None:
        """Requests a lent place for each ticket that has waited for long enough, unless one is on its way back already."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        loop = asyncio.get_running_loop()
        now, later = loop.time(), list[float]()
        coming = {key: places.coming for key, places in self._pools.items()}
        lent = [ticket for places in self._pools.values() for ticket in places.lent if self._asks(ticket)]
        lent.sort(key=lambda ticket: (_grace(ticket), -ticket.number))
        for waiting in list(self._waiting):
            pools = waiting.pools
            expected = next((key for key in pools if coming.get(key)), None)
            if expected is not None:
                coming[expected] -= 1
                continue
            mine = [ticket for ticket in lent if ticket.place in pools]
            due = [ticket for ticket in mine if now - waiting.since >= _grace(ticket)]
            near = next((ticket for ticket in due if ticket.loan is not None and ticket.loan.near_end()), None)
            if near is not None:
                lent.remove(near)
                later.append(LOOK_AGAIN)
            elif due:
                lent.remove(due[0])
                self._ask(due[0])
            elif mine:
                later.append(min(map(_grace, mine)) - (now - waiting.since))
        if later:
            self._timer = loop.call_later(max(0.0, min(later)), self._ask_back)

    def _asks(self, _ticket: Ticket) -> bool:
        """Returns whether this queue may ask for a lent place."""
        return True

    @staticmethod
    def _ask(ticket: Ticket) -> None:
        loan, ticket.loan = ticket.loan, None
        if loan is not None:
            loan.wanted()


def _grace(ticket: Ticket) -> float:
    return ticket.loan.grace if ticket.loan is not None else 0


def _rivals(one: Ticket, other: Ticket) -> bool:
    """Returns whether two tickets compete for the same places or, when there are none, for the same model."""
    if one.offers or other.offers:
        return bool(one.pools & other.pools)
    return one.model == other.model


class Places:
    """The places of one pool. `pool`: its last known state, None once the engine no longer lists it."""

    def __init__(self, key: PoolKey, settling: Settling, next_: Callable[[], None]) -> None:
        self.pool: Pool | None = None
        self.running: set[Ticket] = set()
        self._name = "/".join(key)
        self._seconds = settling
        self._next = next_
        self._settling = 0
        self._settler: asyncio.Task[None] | None = None

    @property
    def private(self) -> bool:
        """Whether the pool belongs to this gateway alone."""
        return self.pool is not None and self.pool.private

    @property
    def in_use(self) -> int:
        return len(self.running) + self._settling

    @property
    def places(self) -> int:
        """How many runs may use it. An engine that subtracts the load of other programs has subtracted that of our other
        gateways as well; it is added here."""
        if self.pool is None:
            return 0
        load = self.pool.slots - self.pool.places
        return self.pool.places + (min(load, sum(ticket.is_remote for ticket in self.running)) if load > 0 else 0)

    @property
    def free(self) -> int:
        return self.places - self.in_use

    @property
    def lent(self) -> list[Ticket]:
        """The lent places that were not asked back."""
        return [ticket for ticket in self.running if ticket.loan is not None]

    @property
    def coming(self) -> int:
        """How many places were asked back, or are about to be free."""
        return self._settling + sum(ticket.lent and ticket.loan is None for ticket in self.running)

    def leave(self, ticket: Ticket, *, model_is_free: bool) -> None:
        self.running.remove(ticket)
        if not model_is_free:
            self.settle(1)

    def settle(self, number: int) -> None:
        """Takes places out of use until the server is idle."""
        self._settling += number
        if self._settling and (self._settler is None or self._settler.done()):
            self._settler = asyncio.create_task(self._settle(), name=f"settle-{self._name}")

    async def close(self) -> None:
        if self._settler:
            self._settler.cancel()
            await asyncio.gather(self._settler, return_exceptions=True)

    async def _settle(self) -> None:
        """Frees places as the server reports them idle, and the rest when that takes too long."""
        clock = asyncio.get_running_loop().time
        since = clock()
        while self._settling:
            busy = await self._busy()
            still = self._settling if busy is None else max(0, min(self._settling, busy - len(self.running)))
            if clock() - since >= (self._seconds.unseen if busy is None else self._seconds.busy):
                still = 0
            if still < self._settling:
                self._settling = still
                since = clock()
                self._next()
            if self._settling:
                await asyncio.sleep(self._seconds.poll)

    async def _busy(self) -> int | None:
        if self.pool is None:
            return 0
        try:
            async with asyncio.timeout(self._seconds.unseen):
                return await self.pool.busy()
        except TimeoutError:
            return None
        except Exception:  # otherwise the place would never be free again
            log.exception("The server could not be asked whether it is idle")
            return None
