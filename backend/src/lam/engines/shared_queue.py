"""The one queue of several gateways: the gateway with the duty decides by the rule of `queue.py`, the others send it their bids.

Each gateway keeps its own tickets in its own queue, whichever decides; the deciding one has those of the others beside its own. A
place is in use from its grant until the gateway that got it says that the bid is over, or has died: a lost message costs time and
never a place. A gateway begins to decide once all living gateways have sent their bids. Private pools are not shared.

It must not know how messages travel, nor how the duty is given.
"""

import asyncio
import logging
from collections.abc import Callable, Hashable, Iterable, Sequence
from itertools import count
from typing import Protocol

from msgspec import Struct

from lam.background import Background
from lam.engines.base import ANY, Needs
from lam.engines.bids import (
    BIDS,
    DECISIONS,
    DUTY,
    STANDING,
    Bid,
    Bids,
    Decisions,
    Fill,
    How,
    Lane,
    Standing,
    group_to_wire,
    pack,
    unpack,
)
from lam.engines.breaker import Breakers, PoolKey
from lam.engines.queue import LOOK_AGAIN, Crowd, Loan, Offer, Offers, Places, Queue, Settling, Ticket
from lam.engines.remote_tickets import Peer, RemoteTicket
from lam.engines.ring import Inside, Ring

log = logging.getLogger(__name__)


class Duties(Protocol):
    """The living gateways and their duties. `after_change`: called when these change."""

    after_change: list[Callable[[], None]]

    def holds(self, duty: str, /) -> int | None:
        """Returns the epoch of a duty while this gateway surely has it, None otherwise. A later holder has a higher one."""
        ...

    def peers(self) -> frozenset[str]:
        """Returns the names of the other gateways that live."""
        ...

    def pass_on(self, duty: str, /) -> None:
        """Gives a duty up, so that another gateway takes it. Does nothing where there is none."""
        ...


class Post(Protocol):
    """Messages between gateways, which may be lost. `after_return`: called when some may be."""

    after_return: list[Callable[[], None]]

    def send_all(self, kind: str, body: bytes, /) -> None:
        """Sends a message to all other gateways."""
        ...

    def send(self, gateway: str, kind: str, body: bytes, /) -> None:
        """Sends a message to one gateway."""
        ...

    def hear(self, kind: str, handler: Callable[[str, bytes], None], /) -> None:
        """Calls `handler(sender, body)` for each message of the kind."""
        ...


class Sharing(Struct, frozen=True, kw_only=True):
    """Times in seconds. `look`: between two looks at who lives and decides. `sign`: between two signs of life of the deciding
    gateway. `whole`: between two complete lists of bids. `silence`: how long the deciding gateway waits for one that lives and
    sends nothing; `unknown`: for one that sent bids and is not known to live; `blind`: for servers that only others know.
    `answer`: how long a run that could move waits for a place. `pause`: between two states that differ."""

    look: float = 0.25
    sign: float = 1
    whole: float = 5
    silence: float = 30
    unknown: float = 5
    blind: float = 3
    answer: float = 1
    pause: float = 0.1


class SharedQueue(Queue):
    """A `Queue` of one of several gateways. Once open, it looks by itself who decides; `close` ends that."""

    def __init__(
        self,
        offers: Offers,
        *,
        most: int,
        settling: Settling | None = None,
        breakers: Breakers | None = None,
        post: Post,
        duties: Duties,
        sharing: Sharing | None = None,
    ) -> None:
        super().__init__(offers, most=most, settling=settling, breakers=breakers)
        self._post, self._duties, self._sharing = post, duties, sharing or Sharing()
        self._clock = asyncio.get_running_loop().time
        self._tasks = Background()
        self._newest_number = 0  # number of a ticket
        self.term = 0  # the highest of which this gateway has heard
        self._own_term: int | None = None  # in which this gateway decides
        self._blind_since: float | None = None
        # While this gateway decides
        self._has_all_bids = False
        self._began = 0.0
        self._peers: dict[str, Peer] = {}
        self._complete_peers: set[str] = set()
        self._dead: set[str] = set()
        self._sent_standing: Standing | None = None
        self._standing_sent_at = 0.0
        # While another one does
        self._decider: str | None = None
        self._sign_at = float("-inf")
        self._standing = Standing(term=0)
        self._fills: dict[PoolKey, Fill] = {}
        self._asking: dict[Ticket, How] = {}  # the tickets that want a place at once or never
        self._ids: dict[Ticket, int] = {}
        self._by_id: dict[int, Ticket] = {}
        self._id_numbers, self._messages = count(1), count(1)
        self._sent: dict[int, Bid] = {}
        self._sent_whole = float("-inf")
        self._blocked: list[PoolKey] = []
        self._busy_bids: set[int] = set()  # bids that are over, though the model may be busy
        self._is_flush_due = False
        post.hear(BIDS, self._hear_bids)
        post.hear(DECISIONS, self._hear_decisions)
        post.hear(STANDING, self._hear_standing)
        post.after_return.append(self._returned)
        duties.after_change.append(self.look)

    def open(self) -> None:
        self._tasks.keep("queue", self._keep_looking)

    async def close(self) -> None:
        await self._tasks.close()
        await super().close()

    async def _keep_looking(self) -> None:
        # The gateway that decides answers with its term.
        self._post.send_all(BIDS, pack(Bids(term=0, number=0, now=0, whole=False)))
        while True:
            self.look()
            await asyncio.sleep(self._sharing.look)

    # Who decides

    @property
    def decides(self) -> bool:
        """Whether this gateway may grant places now."""
        return self._has_all_bids and self._own_term is not None and self._duties.holds(DUTY) == self._own_term

    def look(self) -> None:
        """Looks who decides and who lives, and sends what is due."""
        term = self._duties.holds(DUTY)
        if term is not None and term != self._own_term and term >= self.term:
            self._begin(term)
        if self._own_term is not None:
            self._look_for_dead()
            self._look_for_blindness()
            self._gather()
            self._next()
            self._say()
        else:
            self._tell(whole=self._clock() - self._sent_whole >= self._sharing.whole)

    def _look_for_blindness(self) -> None:
        """Lets another gateway decide while one waits for servers that it knows and this one does not: its broker is out of reach
        for this gateway alone."""
        if not any(self._is_blind(ticket) for ticket in self._waiting):
            self._blind_since = None
        elif self._blind_since is None:
            self._blind_since = self._clock()
        elif self._clock() - self._blind_since >= self._sharing.blind:
            self._blind_since = None
            log.info("Another gateway reaches servers that this one does not: it may decide who gets a place")
            self._duties.pass_on(DUTY)

    def _is_blind(self, ticket: Ticket) -> bool:
        """Returns whether a ticket of another gateway is for servers that this one knows nothing of."""
        if not isinstance(ticket, RemoteTicket) or not ticket.gateway_pools:
            return False
        known = (self._pools.get(pool) for pool in ticket.gateway_pools)
        return not any(places is not None and places.pool is not None for places in known)

    def _begin(self, term: int) -> None:
        self._leave_peers()
        self._own_term = self.term = term
        self._decider, self._has_all_bids, self._began = None, False, self._clock()
        self._sent_standing = None
        self._say()

    def _gather(self) -> None:
        """Begins to decide once all living gateways have sent their bids, or were silent for too long."""
        if self._has_all_bids or self._own_term is None:
            return
        silent = self._duties.peers() - self._complete_peers
        if silent and self._clock() - self._began < self._sharing.silence:
            self._sent_standing = None  # ask again
            return
        if silent:
            log.warning("The queue goes on without the bids of %s, which lives and sends nothing", ", ".join(sorted(silent)))
        self._has_all_bids = True
        if self._own_term > 1 or silent:  # the model may be busy with what another gateway left
            for places in self._pools.values():
                if not places.private:
                    places.settle(max(0, places.free))
        waiting: list[Ticket] = sorted(self._waiting)
        self._waiting = Ring()
        for ticket in waiting:
            self._waiting.add(ticket.group, ticket)
        for ticket in reversed(waiting):
            if ticket.came_back:
                self._waiting.prefer(ticket.group)
        for ticket, how in list(self._asking.items()):
            self._asking.pop(ticket)
            if not self._start(ticket, self._at_once(ticket, how)):
                self._refuse(ticket, how)
        log.info("This gateway decides who gets a place (term %d)", self._own_term)
        self._next()
        self._ask_back()

    def _step_down(self) -> None:
        self._leave_peers()
        self._own_term, self._has_all_bids = None, False

    def _leave_peers(self) -> None:
        """Takes the tickets of other gateways out of this queue."""
        for peer in self._peers.values():
            for ticket in peer.tickets.values():
                places = self._places_of(ticket)
                if places is not None:
                    places.running.discard(ticket)
                else:
                    self._waiting.remove(ticket.group, ticket)
        self._peers, self._complete_peers, self._dead = {}, set(), set()

    def _returned(self) -> None:
        if self._own_term is None:
            self._tell(whole=True)
            return
        self._sent_standing = None
        self._say()
        for peer in self._peers.values():
            peer.whole = True
        self._later()

    # Deciding

    def _look_for_dead(self) -> None:
        """Frees the places of gateways that have died, once their servers are idle."""
        living = self._duties.peers()
        for peer in list(self._peers.values()):
            peer.was_living = peer.was_living or peer.name in living
            if peer.name in living or not (peer.was_living or self._clock() - peer.since > self._sharing.unknown):
                continue
            level = logging.WARNING if peer.tickets else logging.INFO
            log.log(level, "The gateway %s is gone with %d bids", peer.name, len(peer.tickets))
            del self._peers[peer.name]
            self._dead.add(peer.name)
            for ticket in list(peer.tickets.values()):
                self._over(peer, ticket.id, model_is_free=False)

    def _hear_bids(self, sender: str, body: bytes) -> None:
        bids = unpack(body, Bids)
        if self._own_term is None or bids is None:
            return
        if bids.term != self._own_term:
            self._post.send(sender, STANDING, pack(self._now()))
            return
        if sender in self._dead:
            if sender not in self._duties.peers():
                return
            self._dead.discard(sender)
        peer = self._peers.setdefault(sender, Peer(sender, self._clock()))
        if bids.number <= peer.number:
            return  # it came twice, or too late
        peer.whole = peer.whole or (bids.number != peer.number + 1 and not bids.whole)
        peer.number, peer.blocked = bids.number, frozenset(bids.blocked)
        for number, model_is_free in bids.gone:
            self._over(peer, number, model_is_free=model_is_free)
        if bids.whole:
            ids = {bid.id for bid in bids.bids}
            for number in [number for number in peer.tickets if number not in ids]:
                self._over(peer, number, model_is_free=False)
            self._complete_peers.add(sender)
        for bid in bids.bids:
            self._take(peer, bid, self._clock() - bids.now, is_again=bids.whole)
        self._gather()
        self._next()
        self._ask_back()

    def _take(self, peer: Peer, bid: Bid, shift: float, *, is_again: bool) -> None:
        """Takes one bid of a gateway. `shift`: seconds from its clock to ours. `is_again`: it has sent the bid before, and may have
        missed a decision about it."""
        ticket = peer.tickets.get(bid.id)
        if ticket is None:
            since = bid.since + shift
            ticket = RemoteTicket(self, int(since * 1_000_000), peer, bid)
            ticket.since = since
            self._renew(ticket)
            if bid.place is not None:
                peer.tickets[bid.id] = ticket
                self._occupy(ticket, bid.place)
            elif bid.how == "wait":
                peer.tickets[bid.id] = ticket
                self._wait(ticket)
                if bid.came_back:
                    self._waiting.prefer(ticket.group)
            elif self._has_all_bids:
                if self._start(ticket, self._at_once(ticket, bid.how)):
                    peer.tickets[bid.id] = ticket
                else:
                    peer.refused.append(bid.id)
        elif bid.place is not None:
            if ticket.place is None:
                self._waiting.remove(ticket.group, ticket)
                self._occupy(ticket, bid.place)
            elif is_again and ticket.lent and ticket.loan is None and not bid.asked:
                ticket.ask()
        elif ticket.place is not None:
            if is_again:
                peer.grants[bid.id] = ticket.place
        else:
            ticket.read(bid)
            self._renew(ticket)
            if is_again and ticket.position is not None:
                peer.positions[bid.id] = ticket.position
        self._later()

    def _at_once(self, ticket: Ticket, how: How) -> list[Offer]:
        """Returns the routes of a ticket that wants a place now or never."""
        if how == "move":
            return [offer for offer in ticket.offers if offer.pool not in ticket.avoided]
        return [offer for offer in ticket.offers if ticket.loan is not None and self._lends(offer.pool, ticket.loan.spared)]

    def _occupy(self, ticket: RemoteTicket, pool: PoolKey) -> None:
        """Notes that another gateway has a place, which an earlier term granted."""
        places = self._pools.get(pool)
        if places is None:
            places = self._pools[pool] = Places(pool, self._settling, self._next)
        places.running.add(ticket)
        ticket.have(pool)

    def _over(self, peer: Peer, number: int, *, model_is_free: bool) -> None:
        ticket = peer.tickets.get(number)
        if ticket is None:
            return
        peer.forget(number)
        places = self._places_of(ticket)
        if places is not None:
            places.leave(ticket, model_is_free=model_is_free)
        else:
            self._waiting.remove(ticket.group, ticket)

    def _now(self) -> Standing:
        """Returns the state of the queue."""
        lanes: dict[tuple[frozenset[PoolKey], str | None], list[int]] = {}
        for ticket in self._waiting:
            pools = ticket.pools
            lane = lanes.setdefault((pools, None if pools else ticket.model), [0, 0])
            lane[0] += 1
            lane[1] += isinstance(ticket.group, Inside)
        return Standing(
            term=self.term,
            pools=[
                (key, Fill(places.places, places.in_use, sum(ticket.lent for ticket in places.running), len(places.lent)))
                for key, places in self._pools.items()
                if not places.private
            ],
            lanes=[Lane(pools, model, waiting, inside) for (pools, model), (waiting, inside) in lanes.items()],
        )

    def _say(self) -> None:
        """Sends all others the state of the queue, if it has changed or a sign of life is due."""
        now, sent_at, pause = self._clock(), self._standing_sent_at, self._sharing.pause
        if self._duties.holds(DUTY) != self._own_term or (self._sent_standing is not None and now - sent_at < pause):
            return  # the next look sends it
        standing = self._now()
        if self._sent_standing is None or now - sent_at >= (pause if standing != self._sent_standing else self._sharing.sign):
            self._sent_standing, self._standing_sent_at = standing, now
            self._post.send_all(STANDING, pack(standing))

    # Waiting for another one's decision

    def _hear_standing(self, sender: str, body: bytes) -> None:
        standing = unpack(body, Standing)
        if standing is None or standing.term < self.term or standing.term == self._own_term:
            return
        is_new = standing.term > self.term or self._decider is None
        if self._own_term is not None:
            self._step_down()
        self.term, self._decider, self._sign_at = standing.term, sender, self._clock()
        if is_new:
            self._tell(whole=True)
        if standing != self._standing:
            self._standing, self._fills = standing, dict(standing.pools)
            for callback in self.after_change:
                callback()

    def _hear_decisions(self, sender: str, body: bytes) -> None:
        decisions = unpack(body, Decisions)
        if decisions is None or decisions.term != self.term or self._own_term is not None:
            return
        self._sign_at = self._clock()
        for number, pool in decisions.grants.items():
            if (ticket := self._bidder(number)) is not None and ticket.offer is None:
                self._accept(ticket, pool)
        for number, position in decisions.positions.items():
            if (ticket := self._bidder(number)) is not None and ticket.offer is None:
                ticket.move(position)
        for number in decisions.refused:
            ticket = self._bidder(number)
            if ticket is not None and (how := self._asking.pop(ticket, None)) is not None:
                self._refuse(ticket, how)
        for number in decisions.asked:
            ticket = self._bidder(number)
            if ticket is not None and self._places_of(ticket) is not None:
                self._ask_soon(ticket)
        if decisions.whole:
            self._tell(whole=True)

    def _bidder(self, number: int) -> Ticket | None:
        """Returns the ticket that a bid stands for, None when it has left or waits anew."""
        ticket = self._by_id.get(number)
        return ticket if ticket is not None and self._ids.get(ticket) == number else None

    def _accept(self, ticket: Ticket, pool: PoolKey) -> None:
        self._renew(ticket)
        offer = next((offer for offer in ticket.offers if offer.pool == pool and not offer.route.pool.private), None)
        is_waiting = ticket not in self._asking
        if offer is None or (is_waiting and not self._waiting.remove(ticket.group, ticket)):
            self._ids.pop(ticket, None)  # its server is no longer here: the ticket makes another bid
            self._later()
            return
        self._asking.pop(ticket, None)
        places = self._pools.get(pool)
        if places is None:
            places = self._pools[pool] = Places(pool, self._settling, self._next)
        places.running.add(ticket)
        ticket.grant(offer)
        self._breakers.enter(pool)
        number = self._ids[ticket]
        if number in self._sent:  # the deciding gateway knows of the place
            self._sent[number] = self._bid(ticket, number, "wait")

    @staticmethod
    def _refuse(ticket: Ticket, how: How) -> None:
        loan, ticket.loan = ticket.loan, None
        ticket.refuse()
        if loan is not None and how == "lend":  # who wanted to move keeps the place that was lent before
            loan.wanted()

    def _ask_soon(self, ticket: Ticket) -> None:
        if ticket.loan is None or self._places_of(ticket) is None:
            return
        if ticket.loan.near_end():
            asyncio.get_running_loop().call_later(LOOK_AGAIN, self._ask_soon, ticket)
            return
        self._ask(ticket)
        self._later()

    def _bid(self, ticket: Ticket, number: int, how: How) -> Bid:
        return Bid(
            id=number,
            group=group_to_wire(ticket.group),
            model=ticket.model,
            needs=ticket.needs,
            upstream=ticket.upstream,
            excluded=tuple(sorted(ticket.excluded, key=repr)),
            avoided=tuple(sorted(ticket.avoided)),
            pools=tuple(sorted({offer.pool for offer in ticket.offers if not offer.route.pool.private})),
            since=ticket.since or ticket.number / 1_000_000,
            how=how,
            place=ticket.place,
            lent=ticket.lent,
            asked=ticket.lent and ticket.loan is None,
            grace=ticket.loan.grace if ticket.loan else 0,
            spared=ticket.loan.spared if ticket.loan else 0,
            came_back=ticket.came_back,
        )

    def _own_bids(self) -> dict[int, Bid]:
        """Returns the bids of this gateway by id, without those on its private pools."""
        ids: dict[Ticket, int] = {}
        bids: dict[int, Bid] = {}

        def add(ticket: Ticket, how: How) -> None:
            number = ids[ticket] = self._ids.get(ticket) or next(self._id_numbers)
            bids[number] = self._bid(ticket, number, how)

        for ticket in self._waiting:
            if not ticket.is_remote and not (ticket.offers and all(offer.route.pool.private for offer in ticket.offers)):
                add(ticket, "wait")
        for ticket in self._tickets_with_places():
            add(ticket, "wait")
        for ticket, how in self._asking.items():
            add(ticket, how)
        self._ids, self._by_id = ids, {number: ticket for ticket, number in ids.items()}
        return bids

    def _tickets_with_places(self) -> Iterable[Ticket]:
        """Yields this gateway's tickets with places in pools that gateways share."""
        for places in self._pools.values():
            for ticket in places.running:
                if ticket.offer is not None and not ticket.offer.route.pool.private:
                    yield ticket

    def _tell(self, *, whole: bool) -> None:
        """Sends the deciding gateway the bids that changed; with `whole`, all of them."""
        if self._decider is None or self._own_term is not None:
            return
        own, now = self._own_bids(), self._clock()
        gone = [(number, number not in self._busy_bids) for number in self._sent if number not in own]
        blocked = [key for key in self._pools if self._breakers.blocks(key)]
        bids = [bid for number, bid in own.items() if whole or self._sent.get(number) != bid]
        if not (bids or gone or whole or blocked != self._blocked):
            return
        message = Bids(term=self.term, number=next(self._messages), now=now, whole=whole, bids=bids, gone=gone, blocked=blocked)
        self._post.send(self._decider, BIDS, pack(message))
        self._sent, self._blocked, self._busy_bids = own, blocked, set()
        if whole:
            self._sent_whole = now

    def _later(self) -> None:
        """Sends what changed in the next step of the event loop, in one message for each gateway."""
        if not self._is_flush_due:
            self._is_flush_due = True
            asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        self._is_flush_due = False
        if self._own_term is None:
            self._tell(whole=False)
            return
        for peer in self._peers.values():
            decisions = peer.decisions(self.term)
            if decisions:
                self._post.send(peer.name, DECISIONS, pack(decisions))
        self._say()

    # The rule, where another one decides

    def update(self, *args: object, **keywords: object) -> None:
        super().update(*args, **keywords)  # type: ignore[arg-type]  # whatever the queue's own takes
        self._later()

    def renew(self) -> None:
        super().renew()
        self._later()

    def usable(self, ticket: Ticket) -> list[Offer]:
        offers = super().usable(ticket)
        if isinstance(ticket, RemoteTicket):
            return [offer for offer in offers if offer.pool in ticket.gateway_pools and not offer.route.pool.private]
        return offers

    def lend(self, model: str | None, loan: Loan, needs: Needs = ANY) -> Ticket | None:
        """Returns a place as `Queue` does or, where another gateway decides, a ticket that soon gets a place or is refused."""
        ticket = super().lend(model, loan, needs)
        if ticket is not None or self._own_term is not None or self._decider is None:
            return ticket
        ticket = self._ticket(model, None, needs)
        if not any(self._may_lend(pool, loan.spared) for pool in ticket.pools):
            return None
        ticket.loan, ticket.lent, ticket.undecided = loan, True, True
        self._asking[ticket] = "lend"
        self._later()
        return ticket

    def _may_lend(self, pool: PoolKey, spared: int) -> bool:
        """Returns whether the deciding gateway seems to have a place to lend."""
        fill = self._fills.get(pool, Fill())
        asking = sum(ticket.lent and pool in ticket.pools for ticket in self._asking)
        return fill.in_use + asking < fill.places and (not spared or fill.lent + asking < max(1, fill.places - spared))

    async def move(self, ticket: Ticket) -> bool:
        if self._move(ticket):
            return True
        if self._own_term is not None or self._decider is None or ticket.offer is None or self._places_of(ticket) is None:
            return False
        probe = self._ticket(ticket.model, ticket.group, ticket.needs)
        probe.upstream, probe.excluded, probe.avoided = ticket.upstream, ticket.excluded, ticket.avoided
        probe.loan, probe.lent, probe.since = ticket.loan, ticket.lent, ticket.since
        probe.offers = [offer for offer in self.usable(probe) if offer.pool not in probe.avoided]
        if not probe.offers:
            return False
        self._asking[probe] = "move"
        self._later()
        try:
            await probe.news(self._sharing.answer)
        except BaseException:
            self.leave(probe, model_is_free=True)
            raise
        before, after = self._places_of(ticket), self._places_of(probe)
        if before is None or after is None or probe.offer is None:
            self.leave(probe, model_is_free=True)
            return False
        before.running.discard(ticket)
        after.running.discard(probe)
        after.running.add(ticket)
        ticket.grant(probe.offer)
        self._ids.pop(ticket, None)
        if (number := self._ids.pop(probe, None)) is not None:
            self._ids[ticket] = number
            self._by_id[number] = ticket
        self._next()
        self._later()
        return True

    def leave(self, ticket: Ticket, *, model_is_free: bool) -> None:
        if ticket in self._asking:
            del self._asking[ticket]
        else:
            super().leave(ticket, model_is_free=model_is_free)
        self._later()

    def _release(self, places: Places, ticket: Ticket, *, model_is_free: bool) -> None:
        if self._own_term is None and not places.private and not model_is_free:
            if (number := self._ids.get(ticket)) is not None:
                self._busy_bids.add(number)
            model_is_free = True  # the deciding gateway waits for the server
        super()._release(places, ticket, model_is_free=model_is_free)

    def _wait(self, ticket: Ticket) -> None:
        self._ids.pop(ticket, None)  # a bid lives once
        has_sign = self._clock() - self._sign_at < 3 * self._sharing.sign
        ticket.undecided = self._own_term is None and self._decider is not None and has_sign
        super()._wait(ticket)
        self._later()

    def _next(self) -> None:
        super()._next()
        if self._own_term is not None:
            self._later()

    def _start(self, ticket: Ticket, offers: Sequence[Offer] | None = None) -> bool:
        if not self.decides:
            offers = [offer for offer in (ticket.offers if offers is None else offers) if offer.route.pool.private]
            if not offers:
                return False
        return super()._start(ticket, offers)

    def _avoids(self, ticket: Ticket, pool: PoolKey) -> bool:
        if isinstance(ticket, RemoteTicket):
            return pool in ticket.peer.blocked
        return super()._avoids(ticket, pool)

    def _asks(self, ticket: Ticket) -> bool:
        return self._own_term is not None or (ticket.offer is not None and ticket.offer.route.pool.private)

    def _place(self) -> None:
        if self._own_term is not None:
            super()._place()
            return
        for number, ticket in enumerate(self._waiting):  # until the deciding gateway sends a position
            if ticket.position is None and not ticket.undecided:
                ticket.move(max(number, self._crowd(ticket).ahead - 1))

    def _crowd(self, ticket: Ticket) -> Crowd:
        here = super()._crowd(ticket)
        if self._own_term is not None:
            return here
        pools = ticket.pools
        lanes = [lane for lane in self._standing.lanes if (lane.pools & pools if pools else lane.model == ticket.model)]
        return Crowd(
            max(here.ahead, sum(lane.waiting for lane in lanes)),
            max(here.inside, sum(lane.inside for lane in lanes)),
            max(here.lent, sum(self._fills.get(pool, Fill()).loans for pool in pools)),
        )

    def _ticket(self, model: str | None, group: Hashable, needs: Needs) -> Ticket:
        self._newest_number = max(self._newest_number + 1, int(self._clock() * 1_000_000))
        return Ticket(self, self._newest_number, group, model, needs)

    def busy(self, pools: Iterable[PoolKey]) -> int:
        keys = list(pools)
        if self._own_term is not None:
            return super().busy(keys)
        return sum(max(super(SharedQueue, self).busy([key]), self._fills.get(key, Fill()).in_use) for key in keys)

    @property
    def waiting(self) -> int:
        """How many tickets of this gateway wait."""
        return sum(not ticket.is_remote for ticket in self._waiting)

    @property
    def positions(self) -> list[int | None]:
        """The positions of this gateway's waiting tickets."""
        return [ticket.position for ticket in self._waiting if not ticket.is_remote]
