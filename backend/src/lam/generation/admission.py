"""The one queue before the models: who may start now, who waits, and at which position.

Order: round robin over users, first come first served within a user. A place is given back when its run's end shows that the
model is free; after a connection that we closed ourselves when the server is seen idle, or after a second where it cannot be seen.
"""

import asyncio
import logging
from bisect import insort
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from itertools import count
from typing import Final

from lam.engines.base import Capacity
from lam.errors import QueueFull

log = logging.getLogger(__name__)

UNSEEN_SECONDS: Final = 1  # a server that does not tell whether it is idle
SETTLE_SECONDS: Final = 10  # one that tells, and says it is busy with nothing of ours
POLL_SECONDS: Final = 0.1

Busy = Callable[[str], Awaitable[int | None]]
Lanes = Callable[[str | None], str]


class Ticket:
    """A run's claim on a place for a model. `position`: runs that would start before it; None once it has a place.

    `moved` is called at each change of position while it waits, `wanted` when the place, which was only lent, is asked back.
    """

    def __init__(self, lane: "_Lane", number: int, user_id: int, model: str | None) -> None:
        self._lane = lane
        self._number = number  # in the order of their coming
        self.user_id = user_id
        self.model = model
        self.position: int | None = None
        self.moved: Callable[[int], None] | None = None
        self.wanted: Callable[[], object] | None = None
        self._granted = asyncio.Event()

    @property
    def served(self) -> bool:
        """Whether the lane has places at all, taken or not."""
        return self._lane.places > 0

    def __lt__(self, other: "Ticket") -> bool:
        return self._number < other._number

    def join(self, lane: "_Lane") -> None:
        """Waits in another lane from now on, at the place that its coming gives it there."""
        self._lane = lane

    async def granted(self) -> None:
        await self._granted.wait()

    def grant(self) -> None:
        self.position = None
        self._granted.set()

    def move(self, position: int) -> None:
        if position != self.position:
            self.position = position
            if self.moved:
                self.moved(position)

    def leave(self, *, model_is_free: bool) -> None:
        """Gives the place back, or gives up waiting. Harmless when repeated."""
        self._lane.leave(self, model_is_free=model_is_free)


class Admission:
    """Queues by lane. `lane_of(model)` names the lane that serves a model, `busy(lane)` asks how many of its places are in use.

    What serves a model may change while a run waits for it: whenever the capacity does, each waiting ticket finds its lane anew.
    """

    def __init__(self, max_queue: int, busy: Busy, lane_of: Lanes = lambda model: model or "") -> None:
        self._max_queue = max_queue
        self._busy = busy
        self._lane_of = lane_of
        self._lanes: dict[str, _Lane] = {}
        self._capacity: Capacity = {}
        self._numbers = count()

    def resize(self, capacity: Capacity) -> None:
        self._capacity = capacity
        moving = [ticket for name, lane in self._lanes.items() for ticket in lane.queue() if self._lane_of(ticket.model) != name]
        for ticket in moving:
            ticket.leave(model_is_free=True)
            lane = self._lane(ticket.model)
            ticket.join(lane)
            lane.wait(ticket)
        for name, lane in self._lanes.items():
            lane.resize(capacity.get(name, 0))

    def enter(self, model: str | None, user_id: int) -> Ticket:
        """Raises QueueFull when no place is free and as many wait as may."""
        lane = self._lane(model)
        return lane.enter(Ticket(lane, next(self._numbers), user_id, model))

    def lend(self, model: str | None, wanted: Callable[[], object]) -> Ticket | None:
        """A place that nobody needs at the moment, for work that can be dropped; `wanted` is called when somebody waits for it."""
        lane = self._lane(model)
        ticket = Ticket(lane, next(self._numbers), 0, model)
        ticket.wanted = wanted
        return ticket if lane.lend(ticket) else None

    def _lane(self, model: str | None) -> "_Lane":
        name = self._lane_of(model)
        lane = self._lanes.get(name)
        if lane is None:
            lane = self._lanes[name] = _Lane(name, self._capacity.get(name, 0), self._max_queue, self._busy)
        return lane

    @property
    def waiting(self) -> int:
        return sum(lane.waiting for lane in self._lanes.values())

    @property
    def taken(self) -> int:
        """Places in use, those included whose model is not yet seen to be free."""
        return sum(lane.taken for lane in self._lanes.values())

    async def close(self) -> None:
        await asyncio.gather(*(lane.close() for lane in self._lanes.values()))


class _Lane:
    def __init__(self, name: str, places: int, max_queue: int, busy: Busy) -> None:
        self._name = name
        self.places = places
        self._max_queue = max_queue
        self._busy = busy
        self._running: set[Ticket] = set()
        self._settling = 0
        self._ring: OrderedDict[int, list[Ticket]] = OrderedDict()  # users in the order of their turns
        self._settler: asyncio.Task[None] | None = None

    @property
    def waiting(self) -> int:
        return sum(map(len, self._ring.values()))

    @property
    def taken(self) -> int:
        return len(self._running) + self._settling

    def resize(self, places: int) -> None:
        self.places = places
        self._next()

    def queue(self) -> list[Ticket]:
        return [ticket for queue in self._ring.values() for ticket in queue]

    def enter(self, ticket: Ticket) -> Ticket:
        if not self._ring and self._has_place():
            self._start(ticket)
            return ticket
        if self.waiting >= self._max_queue + len(self._lent()):
            raise QueueFull
        self.wait(ticket)
        return ticket

    def wait(self, ticket: Ticket) -> None:
        insort(self._ring.setdefault(ticket.user_id, []), ticket)
        self._ask_back()
        self._tell_positions()

    def lend(self, ticket: Ticket) -> bool:
        if self._ring or not self._has_place():
            return False
        self._start(ticket)
        return True

    def leave(self, ticket: Ticket, *, model_is_free: bool) -> None:
        if ticket in self._running:
            self._running.remove(ticket)
            if not model_is_free:
                self._settling += 1
                if self._settler is None or self._settler.done():
                    self._settler = asyncio.create_task(self._settle(), name=f"settle-{self._name}")
            self._next()
            return
        queue = self._ring.get(ticket.user_id)
        if queue and ticket in queue:
            queue.remove(ticket)
            if not queue:
                del self._ring[ticket.user_id]
            self._tell_positions()

    async def close(self) -> None:
        if self._settler:
            self._settler.cancel()
            await asyncio.gather(self._settler, return_exceptions=True)

    def _lent(self) -> list[Ticket]:
        return [ticket for ticket in self._running if ticket.wanted is not None]

    def _ask_back(self) -> None:
        for ticket in self._lent()[: self.waiting]:
            wanted, ticket.wanted = ticket.wanted, None
            if wanted is not None:
                wanted()

    def _has_place(self) -> bool:
        return self.taken < self.places

    def _start(self, ticket: Ticket) -> None:
        self._running.add(ticket)
        ticket.grant()

    def _next(self) -> None:
        while self._ring and self._has_place():
            user_id, queue = self._ring.popitem(last=False)
            self._start(queue.pop(0))
            if queue:
                self._ring[user_id] = queue
        self._tell_positions()

    def _tell_positions(self) -> None:
        position = 0
        round_of_turns = list(self._ring.values())
        depth = 0
        while round_of_turns:
            for queue in round_of_turns:
                queue[depth].move(position)
                position += 1
            depth += 1
            round_of_turns = [queue for queue in round_of_turns if len(queue) > depth]

    async def _settle(self) -> None:
        """Gives places back as the server is seen to free them; all that are left after a second where it cannot be seen, or after
        ten seconds where it says that it is busy."""
        clock = asyncio.get_running_loop().time
        since = clock()
        while self._settling:
            busy = await self._busy_places()
            still = self._settling if busy is None else max(0, min(self._settling, busy - len(self._running)))
            if clock() - since >= (UNSEEN_SECONDS if busy is None else SETTLE_SECONDS):
                still = 0
            if still < self._settling:
                self._settling = still
                since = clock()
                self._next()
            if self._settling:
                await asyncio.sleep(POLL_SECONDS)

    async def _busy_places(self) -> int | None:
        try:
            async with asyncio.timeout(UNSEEN_SECONDS):
                return await self._busy(self._name)
        except TimeoutError:
            return None
        except Exception:  # a place that is never given back would be worse
            log.exception("The server could not be asked whether it is idle")
            return None
