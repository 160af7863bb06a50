"""The one queue in front of the models: who starts now, who waits, and at which position.

Places belong to pools; a ticket names the routes it may use. A free place goes to the first ticket, in fair order, that may use it.
Fair order: groups (a person, for example) take turns, first come first served within a group. A place is free again when the run's
end proves that the model is free. When we closed the connection ourselves, it is free when the server is idle, or after a second
when the server cannot tell.

A free place can be lent to work that nobody waits for. It is asked back when a ticket waits that could use it: at once, or after a
while, and then the newest first.

The queue knows no request and produces nothing.
"""

import asyncio
import logging
from bisect import insort
from collections import Counter, OrderedDict
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from itertools import count
from typing import Final

from msgspec import Struct

from lam.engines.base import Engine, Pool, Route
from lam.errors import QueueFull

log = logging.getLogger(__name__)

PoolKey = tuple[str, str]


class Settling(Struct, frozen=True):
    """Waiting times in seconds.

    `unseen`: until a place is reused on a server that cannot report its load. `busy`: until it is reused on a server that reports
    load which is not ours. `poll`: between two checks.
    """

    unseen: float = 1
    busy: float = 10
    poll: float = 0.1


class Offer(Struct, frozen=True, kw_only=True):
    """A route with its engine. `rank`: how many engines are preferred to this one. `model`: the name to request, None for the
    engine's default."""

    rank: int
    server: str
    engine: Engine
    route: Route
    model: str | None

    @property
    def pool(self) -> PoolKey:
        return (self.server, self.route.pool.name)


Offers = Callable[[str | None, bool], Sequence[Offer]]


class Loan(Struct, frozen=True, kw_only=True):
    """The terms of a lent place. `wanted`: called once, when somebody else needs the place. `grace`: seconds that a ticket waits
    before that. `spared`: how many places of a pool are never lent on such terms, except its only one. `near_end`: whether the work
    is about to end by itself, so that no place is asked back for the same ticket.
    """

    wanted: Callable[[], object]
    grace: float = 0
    spared: int = 0
    near_end: Callable[[], bool] = lambda: False


LOOK_AGAIN: Final = 0.25  # seconds until a place that was near its end is asked back after all


class Ticket:
    """A run's claim on a place. `offers`: the routes it may use, recomputed at every change.

    `position`: how many runs start before it; None once it has a place, at `offer`. `loan`: the terms of a lent place that was not
    asked back. `lent`: whether its place is lent. `since`: when it began to wait, by the event loop's clock.
    """

    def __init__(self, queue: "Queue", number: int, group: Hashable, model: str | None, *, continues: bool) -> None:
        self._queue = queue
        self.number = number  # order of arrival
        self._news = asyncio.Event()
        self.group = group
        self.model = model
        self.continues = continues
        self.offers: Sequence[Offer] = queue.offers(model, continues)
        self.expected = tuple(self.offers)  # the offers at its arrival
        self.avoided: set[PoolKey] = set()  # pools to use only when no other has a place
        self.position: int | None = None
        self.offer: Offer | None = None
        self.loan: Loan | None = None
        self.lent = False
        self.since = 0.0

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
    def model_name(self) -> str | None:
        """The model that was expected to answer at arrival, None when unknown."""
        return self.model or next((offer.route.name for offer in self.expected), None)

    @property
    def simulated(self) -> bool | None:
        """Whether the answer was expected in one piece; None when it depended on the route."""
        kinds = {offer.route.can.simulated for offer in self.expected}
        return kinds.pop() if len(kinds) == 1 else None

    def grant(self, offer: Offer) -> None:
        self.offer, self.position = offer, None
        self._news.set()

    def move(self, position: int) -> None:
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

    def again(self) -> None:
        """Gives the place back unused and waits for another in the old turn; pools not tried yet come first."""
        self._queue.again(self)

    def leave(self, *, model_is_free: bool) -> None:
        """Gives the place back or stops waiting. Further calls do nothing."""
        self._queue.leave(self, model_is_free=model_is_free)


class Queue:
    """Hands out places. `offers(model, continues)` returns the routes for a request, preferred ones first. `most`: how many tickets
    may wait for the same places."""

    def __init__(self, offers: Offers, *, most: int, settling: Settling | None = None) -> None:
        self.offers = offers
        self._most = most
        self._settling = settling or Settling()
        self._pools: dict[PoolKey, _Places] = {}
        self._ring: OrderedDict[Hashable, list[Ticket]] = OrderedDict()  # groups in order of their turns
        self._numbers = count()
        self._timer: asyncio.TimerHandle | None = None
        self.after_change: list[Callable[[], None]] = []  # called when a place may have become free

    def update(self, pools: Mapping[PoolKey, Pool]) -> None:
        """Resizes the pools and recomputes the offers of every waiting ticket. No ticket loses its turn."""
        for key, pool in pools.items():
            if (places := self._pools.get(key)) is None:
                places = self._pools[key] = _Places(key, self._settling, self._next)
            places.pool = pool
        for key, places in list(self._pools.items()):
            if key not in pools:
                places.pool = None
                if not places.in_use:
                    del self._pools[key]
        for ticket in self._waiting():
            ticket.offers = self.offers(ticket.model, ticket.continues)
        self._next()
        self._ask_back()

    def enter(self, model: str | None, group: Hashable, *, continues: bool = False) -> Ticket:
        """Returns a new ticket. Raises QueueFull when no place is free and `most` tickets wait already."""
        ticket = self._ticket(model, group, continues=continues)
        if self._start(ticket):  # no waiting ticket can use a free place, or it would have it already
            return ticket
        ahead = [other for other in self._waiting() if _rivals(ticket, other)]
        lent = sum(len(places.lent) for key, places in self._pools.items() if key in ticket.pools)
        if len(ahead) >= self._most + lent:
            raise QueueFull
        self._wait(ticket)
        return ticket

    def lend(self, model: str | None, loan: Loan, *, continues: bool = False) -> Ticket | None:
        """Returns an idle place for droppable work, None if there is none. The terms say when it is asked back."""
        ticket = self._ticket(model, None, continues=continues)
        if not self._start(ticket, [offer for offer in ticket.offers if self._lends(offer.pool, loan.spared)]):
            return None
        ticket.loan, ticket.lent = loan, True
        return ticket

    def _lends(self, pool: PoolKey, spared: int) -> bool:
        """Returns whether one more place of the pool may be lent."""
        places = self._pools.get(pool)
        if places is None or places.pool is None:
            return False
        return not spared or sum(ticket.lent for ticket in places.running) < max(1, places.pool.places - spared)

    def move(self, ticket: Ticket) -> bool:
        """Moves the ticket to a free place in a pool it has not tried, and frees its old one. Returns False when there is none."""
        places = self._places_of(ticket)
        if places is None or ticket.offer is None:
            return False
        ticket.avoided.add(ticket.offer.pool)
        ticket.offers = self.offers(ticket.model, ticket.continues)
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
        ticket.offer = None
        ticket.offers = self.offers(ticket.model, ticket.continues)
        self._wait(ticket)
        self._ring.move_to_end(ticket.group, last=False)
        self._next()

    def leave(self, ticket: Ticket, *, model_is_free: bool) -> None:
        places = self._places_of(ticket)
        if places is not None:
            places.leave(ticket, model_is_free=model_is_free)
            self._next()
            return
        queue = self._ring.get(ticket.group)
        if queue and ticket in queue:
            queue.remove(ticket)
            if not queue:
                del self._ring[ticket.group]
            self._place()

    @property
    def waiting(self) -> int:
        return sum(map(len, self._ring.values()))

    @property
    def in_use(self) -> int:
        """Places in use, including those whose model may not be free yet."""
        return sum(places.in_use for places in self._pools.values())

    async def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        await asyncio.gather(*(places.close() for places in self._pools.values()))

    def _ticket(self, model: str | None, group: Hashable, *, continues: bool) -> Ticket:
        return Ticket(self, next(self._numbers), group, model, continues=continues)

    def _places_of(self, ticket: Ticket) -> "_Places | None":
        places = self._pools.get(ticket.offer.pool) if ticket.offer else None
        return places if places is not None and ticket in places.running else None

    def _waiting(self) -> Iterator[Ticket]:
        """Yields the waiting tickets in fair order."""
        queues = list(self._ring.values())
        for depth in range(max(map(len, queues), default=0)):
            for queue in queues:
                if depth < len(queue):
                    yield queue[depth]

    def _wait(self, ticket: Ticket) -> None:
        ticket.since = ticket.since or asyncio.get_running_loop().time()
        insort(self._ring.setdefault(ticket.group, []), ticket)
        self._ask_back()
        self._place()

    def _start(self, ticket: Ticket, offers: Sequence[Offer] | None = None) -> bool:
        """Gives the ticket the best free place among these offers, by default its own. Returns False when there is none."""
        offers = ticket.offers if offers is None else offers
        free = [(self._pools[offer.pool], offer) for offer in offers if offer.pool in self._pools]
        free = [(places, offer) for places, offer in free if places.free > 0]
        if not free:
            return False

        def preference(choice: tuple[_Places, Offer]) -> tuple[bool, int, bool, int, int, str]:
            places, offer = choice
            fewest = (-places.free, places.in_use, offer.route.pool.name)
            return (offer.pool in ticket.avoided, offer.rank, not offer.route.ready, *fewest)

        places, offer = min(free, key=preference)
        places.running.add(ticket)
        ticket.grant(offer)
        return True

    def _next(self) -> None:
        """Hands out the free places. A group that got one goes to the end of the ring."""
        started = True
        while started:
            started = False
            for ticket in list(self._waiting()):
                if self._start(ticket):
                    queue = self._ring[ticket.group]
                    queue.remove(ticket)
                    self._ring.move_to_end(ticket.group)
                    if not queue:
                        del self._ring[ticket.group]
                    started = True
                    break
        self._place()
        for callback in self.after_change:
            callback()

    def _place(self) -> None:
        """Sets the position of each waiting ticket."""
        ahead: Counter[frozenset[PoolKey] | str | None] = Counter()
        for ticket in self._waiting():
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
        lent = [ticket for places in self._pools.values() for ticket in places.lent]
        lent.sort(key=lambda ticket: (_grace(ticket), -ticket.number))
        for waiting in list(self._waiting()):
            pools = waiting.pools
            expected = next((key for key in pools if coming.get(key)), None)
            if expected is not None:
                coming[expected] -= 1
                continue
            mine = [ticket for ticket in lent if ticket.offer is not None and ticket.offer.pool in pools]
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


class _Places:
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
    def in_use(self) -> int:
        return len(self.running) + self._settling

    @property
    def free(self) -> int:
        return (self.pool.places if self.pool else 0) - self.in_use

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
            self._settling += 1
            if self._settler is None or self._settler.done():
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
