"""Gateways that share a queue in one event loop, with a network and leases that the tests control."""

import asyncio
from collections.abc import Callable, Collection, Sequence
from random import Random

from lam.engines.base import Needs, Pool, Route
from lam.engines.queue import Offer, Settling, Ticket
from lam.engines.shared_queue import SharedQueue, Sharing
from lam.protocol.chat import ChatRequest
from lam.testing.engine import ScriptedEngine

EAGER = Sharing(look=0, sign=0, whole=0, pause=0, silence=1000, unknown=0, blind=0, answer=0.2)
"""Each look sends everything again."""
QUICK = Settling(unseen=0.02, busy=1000, poll=0.001)


async def able(_request: ChatRequest) -> None:
    pass


class Letter:
    def __init__(self, sender: str, receiver: str, kind: str, body: bytes) -> None:
        self.sender, self.receiver, self.kind, self.body = sender, receiver, kind, body


class Network:
    """Letters on their way between the posts of living gateways."""

    def __init__(self) -> None:
        self.letters: list[Letter] = []
        self.posts: dict[str, PostOf] = {}

    def deliver(self) -> None:
        """Delivers the oldest letter."""
        self.give(self.letters.pop(0))

    def shuffle(self, random: Random, trouble: float) -> None:
        """Delivers the letters on their way. `trouble`: the share that is lost, the share that comes twice, and the share that
        comes late."""
        letters, self.letters = self.letters, []
        for letter in letters:
            fate = random.random()
            if fate < trouble:
                continue
            if fate >= 2 * trouble:
                self.give(letter)
            if fate < 2 * trouble or fate > 1 - trouble:
                self.letters.append(letter)

    def give(self, letter: Letter) -> None:
        post = self.posts.get(letter.receiver)
        if post is not None:
            post.handlers[letter.kind](letter.sender, letter.body)

    def deliver_all(self) -> None:
        while self.letters:
            self.deliver()


class PostOf:
    """`Post` of one gateway."""

    def __init__(self, network: Network, name: str) -> None:
        self.network, self.name = network, name
        self.after_return: list[Callable[[], None]] = []
        self.handlers: dict[str, Callable[[str, bytes], None]] = {}
        network.posts[name] = self

    def send_all(self, kind: str, body: bytes) -> None:
        for other in self.network.posts:
            if other != self.name:
                self.send(other, kind, body)

    def send(self, gateway: str, kind: str, body: bytes) -> None:
        self.network.letters.append(Letter(self.name, gateway, kind, body))

    def hear(self, kind: str, handler: Callable[[str, bytes], None]) -> None:
        self.handlers[kind] = handler


class Leases:
    """Which gateways live, and which decides in which term: none before the first `give`."""

    def __init__(self) -> None:
        self.living: set[str] = set()
        self.holder: str | None = None
        self.term = 0

    def give(self, name: str | None) -> None:
        self.holder, self.term = name, self.term + 1


class DutiesOf:
    """`Duties` of one gateway."""

    def __init__(self, leases: Leases, name: str) -> None:
        self.leases, self.name = leases, name
        self.after_change: list[Callable[[], None]] = []
        leases.living.add(name)

    def holds(self, _duty: str) -> int | None:
        return self.leases.term if self.leases.holder == self.name else None

    def peers(self) -> frozenset[str]:
        return frozenset(self.leases.living - {self.name})

    def pass_on(self, _duty: str) -> None:
        names = sorted(self.leases.living)
        self.leases.give(names[(names.index(self.name) + 1) % len(names)])


class World:
    """Gateways in front of servers that are only numbers of places. `tickets`: those of each living gateway. `blind`: the servers
    that cannot say how many runs they have."""

    def __init__(self, places: dict[str, int], *, sharing: Sharing = EAGER, settling: Settling = QUICK, most: int = 1000) -> None:
        self.places = places
        self.sharing, self.settling, self.most = sharing, settling, most
        self.network, self.leases = Network(), Leases()
        self.engine = ScriptedEngine()
        self.blind: set[str] = set()
        self.gateways: dict[str, SharedQueue] = {}
        self.tickets: dict[str, list[Ticket]] = {}

    def start(self, name: str, *, blind_to: Collection[str] = ()) -> SharedQueue:
        """`blind_to`: the servers that it does not reach."""
        queue = SharedQueue(
            lambda model, needs: [offer for offer in self.offers(model, needs) if offer.server not in blind_to],
            most=self.most,
            settling=self.settling,
            post=PostOf(self.network, name),
            duties=DutiesOf(self.leases, name),
            sharing=self.sharing,
        )
        self.gateways[name], self.tickets[name] = queue, []
        queue.update({(server, "places"): self.pool(server) for server in self.places if server not in blind_to})
        return queue

    def pool(self, server: str) -> Pool:
        async def busy() -> int | None:
            return None if server in self.blind else self.busy(server)

        return Pool(name="places", places=self.places[server], busy=busy)

    def offers(self, model: str | None, _needs: Needs) -> Sequence[Offer]:
        return [
            Offer(
                rank=rank,
                server=server,
                engine=self.engine,
                route=Route(name="m", pool=self.pool(server), mode="sse", require_continuing=able),
                model="m",
            )
            for rank, server in enumerate(self.places)
            if model in ("m", server)
        ]

    def busy(self, server: str) -> int:
        """The number of runs of a server; those of dead gateways are over."""
        return sum(
            ticket.offer is not None and ticket.offer.server == server for tickets in self.tickets.values() for ticket in tickets
        )

    def enter(self, name: str, group: object, model: str = "m") -> Ticket:
        ticket = self.gateways[name].enter(model, group)
        self.tickets[name].append(ticket)
        return ticket

    def leave(self, name: str, ticket: Ticket, *, model_is_free: bool = True) -> None:
        self.tickets[name].remove(ticket)
        ticket.leave(model_is_free=model_is_free)

    async def kill(self, name: str) -> None:
        """Ends a gateway with its runs and its lease."""
        queue = self.gateways.pop(name)
        del self.tickets[name], self.network.posts[name]
        self.leases.living.discard(name)
        if self.leases.holder == name:
            self.leases.give(None)
        await queue.close()

    def look(self) -> None:
        for queue in self.gateways.values():
            queue.look()

    async def talk(self, rounds: int = 3) -> None:
        """Lets every gateway look and delivers all letters, several times."""
        for _ in range(rounds):
            self.look()
            await settled()
            while self.network.letters:
                self.network.deliver_all()
                await settled()


async def settled() -> None:
    """Runs the callbacks that are due."""
    for _ in range(3):
        await asyncio.sleep(0)
