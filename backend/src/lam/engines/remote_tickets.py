"""The tickets of other gateways, as the gateway that decides keeps them, and what it has to tell each of their gateways.

It must not know how messages travel, nor which ticket comes next.
"""

from lam.engines.bids import Bid, Decisions, group_of_wire
from lam.engines.breaker import PoolKey
from lam.engines.queue import Loan, Offer, Queue, Ticket


class Peer:
    """Another gateway. `since`: when its first message came. `was_living`: whether it was among the living; before that it may have
    just started. `number`: of its newest message. `blocked`: the pools that its requests avoid. The other fields are the decisions
    that it has to get."""

    def __init__(self, name: str, since: float) -> None:
        self.name = name
        self.since = since
        self.was_living = False
        self.number = 0
        self.blocked: frozenset[PoolKey] = frozenset()
        self.tickets: dict[int, RemoteTicket] = {}
        self.grants: dict[int, PoolKey] = {}
        self.positions: dict[int, int] = {}
        self.refused: list[int] = []
        self.asked: list[int] = []
        self.whole = False

    def decisions(self, term: int) -> Decisions:
        """Returns the decisions since the last call."""
        decisions = Decisions(
            term=term, grants=self.grants, positions=self.positions, refused=self.refused, asked=self.asked, whole=self.whole
        )
        self.grants, self.positions, self.refused, self.asked, self.whole = {}, {}, [], [], False
        return decisions

    def forget(self, number: int) -> None:
        """Removes a ticket with what was decided about it."""
        self.tickets.pop(number, None)
        self.grants.pop(number, None)
        self.positions.pop(number, None)


class RemoteTicket(Ticket):
    """A ticket of another gateway. `id`: of its bid. `gateway_pools`: the pools that its gateway knows for it."""

    is_remote = True

    def __init__(self, queue: Queue, number: int, peer: Peer, bid: Bid) -> None:
        super().__init__(queue, number, group_of_wire(bid.group), bid.model, bid.needs)
        self.peer = peer
        self.id = bid.id
        self.pool: PoolKey | None = None
        self.gateway_pools: frozenset[PoolKey] = frozenset()
        self.read(bid)

    def read(self, bid: Bid) -> None:
        """Takes over what its gateway says in a bid."""
        self.needs, self.upstream, self.came_back = bid.needs, bid.upstream, bid.came_back
        self.excluded, self.avoided = set(bid.excluded), set(bid.avoided)
        self.gateway_pools, self.lent = frozenset(bid.pools), bid.lent
        if bid.lent and not bid.asked and self.loan is None and self.place is None:
            self.loan = Loan(wanted=self.ask, grace=bid.grace, spared=bid.spared)

    @property
    def place(self) -> PoolKey | None:
        return self.pool

    def grant(self, offer: Offer) -> None:
        self.have(offer.pool)
        self.peer.grants[self.id] = offer.pool

    def have(self, pool: PoolKey) -> None:
        """Notes that it has a place in the pool."""
        self.pool, self.position = pool, None
        self.peer.positions.pop(self.id, None)

    def move(self, position: int) -> None:
        if position != self.position:
            self.position = self.peer.positions[self.id] = position

    def ask(self) -> None:
        """Asks its lent place back."""
        self.peer.asked.append(self.id)
