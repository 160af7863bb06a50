"""One queue over several gateways, with a network that loses what it is told to lose."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from lam.engines.bids import group_of_wire, group_to_wire
from lam.engines.queue import Loan, Settling, Ticket
from lam.engines.ring import Inside
from lam.engines.shared_queue import Sharing
from lam.errors import QueueFull
from tests.engines.gateways import EAGER, World, settled


@asynccontextmanager
async def gateways(places: int | dict[str, int], *names: str, sharing: Sharing = EAGER, most: int = 1000) -> AsyncIterator[World]:
    """Yields gateways, of which the first decides."""
    world = World(places if isinstance(places, dict) else {"s": places}, sharing=sharing, most=most)
    for name in names:
        world.start(name)
    world.leases.give(names[0])
    await world.talk()
    try:
        yield world
    finally:
        for queue in world.gateways.values():
            await queue.close()


def servers_of(tickets: list[Ticket]) -> list[str | None]:
    return [ticket.offer.server if ticket.offer else None for ticket in tickets]


async def test_a_free_place_is_granted_to_whoever_asks_on_any_gateway() -> None:
    async with gateways(2, "a", "b", "c") as world:
        tickets = [world.enter(name, name) for name in ("b", "c", "a")]
        assert servers_of(tickets) == [None, None, "s"], "the one that decides needs no answer"
        await world.talk()
        assert servers_of(tickets) == ["s", None, "s"]
        assert tickets[1].position == 0
        world.leave("b", tickets[0])
        await world.talk()
        assert servers_of(tickets[1:]) == ["s", "s"]


@pytest.mark.parametrize("many", ["a", "b"])
async def test_a_user_with_100_runs_on_one_gateway_delays_another_user_elsewhere_by_one_run(many: str) -> None:
    async with gateways(1, "a", "b", "c") as world:
        for _ in range(100):
            world.enter(many, 1)
        await world.talk()
        other = world.enter("c", 2)
        await world.talk()
        assert other.position == 1, "one that waits, beside the one that runs"
        for ticket in [ticket for ticket in world.tickets[many] if ticket.offer is not None]:
            world.leave(many, ticket)
        await world.talk()
        assert other.position == 0
        for ticket in [ticket for ticket in world.tickets[many] if ticket.offer is not None]:
            world.leave(many, ticket)
        await world.talk()
        assert servers_of([other]) == ["s"]


async def test_a_room_is_one_member_of_the_ring_on_whatever_gateways_its_people_are() -> None:
    async with gateways(1, "a", "b", "c") as world:
        world.enter("a", "first")
        for number in range(20):
            world.enter("abc"[number % 3], Inside(("room", 5), number))
        await world.talk()
        colleague = world.enter("b", 7)
        await world.talk()
        assert colleague.position == 1


async def test_positions_are_honest_over_all_gateways() -> None:
    async with gateways(1, "a", "b", "c") as world:
        running = world.enter("a", "first")
        waiting = []
        for number in range(12):
            waiting.append(("abc"[number % 3], world.enter("abc"[number % 3], number % 4)))
            await world.talk(1)
        await world.talk()
        positions = [ticket.position for _, ticket in waiting]
        assert sorted(position for position in positions if position is not None) == list(range(12))
        world.leave("a", running)
        starts = []
        for _ in range(12):
            await world.talk()
            (started,) = [pair for pair in waiting if pair[1].offer is not None and pair[1] not in starts]
            starts.append(started[1])
            world.leave(*started)
        assert [starts.index(ticket) for _, ticket in waiting] == positions


async def test_a_new_holder_grants_nothing_before_all_have_said_what_they_have() -> None:
    async with gateways(2, "a", "b", "c") as world:
        tickets = [world.enter("b", 1), world.enter("c", 2), world.enter("c", 3)]
        await world.talk()
        assert servers_of(tickets) == ["s", "s", None]
        await world.kill("a")
        world.leases.give("b")
        world.gateways["b"].look()
        new = world.enter("b", 4)
        await settled()
        assert new.offer is None
        assert not world.gateways["b"].decides
        await world.talk()
        assert world.gateways["b"].decides
        assert servers_of([*tickets, new]) == ["s", "s", None, None]
        assert [ticket.position for ticket in (tickets[2], new)] == [0, 1]
        world.leave("c", tickets[1])
        await until(world, lambda: tickets[2].offer is not None)


async def test_without_anybody_who_decides_all_wait() -> None:
    async with gateways(5, "a", "b") as world:
        world.leases.give(None)
        ticket = world.enter("a", 1)
        await world.talk()
        assert ticket.offer is None
        assert ticket.position == 0


async def test_who_does_not_reach_a_server_lets_another_one_decide() -> None:
    async with gateways({"s": 1, "t": 1}, "c") as world:
        world.start("a", blind_to=["s"])
        world.start("b", blind_to=["t"])
        world.leases.give("a")
        await world.talk()
        for name, server in (("b", "s"), ("a", "t"), ("b", "s")):
            ticket = world.enter(name, 1, server)
            while ticket.offer is None:
                await world.talk(1)
            assert servers_of([ticket]) == [server]
            world.leave(name, ticket)
        before = world.leases.term
        waiting = world.enter("b", 2, "nowhere")
        await world.talk(20)
        assert waiting.offer is None
        assert world.leases.term == before, "nobody knows such a server"


async def test_a_late_grant_of_an_earlier_holder_counts_for_nothing() -> None:
    async with gateways(1, "a", "b", "c") as world:
        other = world.enter("b", 2)
        await settled()
        world.network.letters.clear()
        ticket = world.enter("c", 1)
        await settled()
        while not any(letter.kind == "queue.decisions" for letter in world.network.letters):
            world.network.deliver()
            await settled()
        late = next(letter for letter in world.network.letters if letter.kind == "queue.decisions")
        world.network.letters.remove(late)
        world.leases.give("b")
        await until(world, lambda: other.offer is not None)
        world.network.letters.append(late)
        world.network.deliver_all()
        assert servers_of([other, ticket]) == ["s", None]


async def test_a_new_holder_waits_for_what_a_frozen_one_left_on_the_servers() -> None:
    async with gateways(1, "a", "b") as world:
        world.enter("a", 1)
        left = world.tickets["a"]
        await world.kill("a")
        world.tickets["ghost"] = left
        world.leases.give("b")
        waiting = world.enter("b", 2)
        for _ in range(20):
            await world.talk()
            await asyncio.sleep(0.001)  # Time itself: longer than the server is asked whether it is idle
        assert waiting.offer is None
        del world.tickets["ghost"]
        await until(world, lambda: waiting.offer is not None)


async def test_what_gets_lost_is_said_again() -> None:
    async with gateways(2, "a", "b") as world:
        gone = world.enter("b", 1)
        await world.talk()
        world.leave("b", gone)
        tickets = [world.enter("b", number) for number in range(3)]
        await settled()
        assert world.network.letters
        world.network.letters.clear()  # that one is gone, and others came
        world.gateways["b"].look()
        await settled()
        world.network.deliver_all()
        await settled()
        world.network.letters.clear()  # who got a place, and who waits where
        await world.talk()
        assert servers_of(tickets) == ["s", "s", None]
        assert tickets[2].position == 0


async def test_what_comes_too_late_or_twice_changes_nothing() -> None:
    async with gateways(1, "a", "b") as world:
        ticket = world.enter("b", 1)
        await settled()
        late = list(world.network.letters)
        await world.talk()
        world.leave("b", ticket)
        await world.talk()
        world.network.letters += late
        world.network.deliver_all()
        assert world.gateways["a"].in_use == 0


async def test_the_places_of_a_gateway_that_died_are_free_when_the_server_is_idle() -> None:
    async with gateways(1, "a", "b") as world:
        world.enter("b", 1)
        await world.talk()
        waiting = world.enter("a", 2)
        hung = world.tickets["b"]
        await world.kill("b")
        world.tickets["ghost"] = hung  # its process is frozen, and the server goes on
        await world.talk()
        for _ in range(20):
            await asyncio.sleep(0.001)  # Time itself: longer than the server is asked whether it is idle
            assert waiting.offer is None
        del world.tickets["ghost"]
        await until(world, lambda: waiting.offer is not None)


async def test_a_gateway_that_stops_a_run_elsewhere_gets_the_place_once_the_server_is_idle() -> None:
    async with gateways(1, "a", "b") as world:
        stopped = world.enter("b", 1)
        await world.talk()
        waiting = world.enter("b", 2)
        await world.talk()
        stopped.leave(model_is_free=False)
        await world.talk()
        assert waiting.offer is None
        world.tickets["b"].remove(stopped)  # now the server is idle
        await until(world, lambda: waiting.offer is not None)


async def test_a_run_that_moves_gets_a_place_elsewhere_and_keeps_its_own_where_there_is_none() -> None:
    async with gateways({"s": 1, "t": 1}, "a", "b") as world:
        ticket = world.enter("b", 1)
        await world.talk()
        assert servers_of([ticket]) == ["s"]
        assert await moves(world, ticket)
        assert servers_of([ticket]) == ["t"]
        assert not await moves(world, ticket), "it has tried both"
        other = world.enter("a", 2)
        assert servers_of([ticket, other]) == ["t", "s"]
        ticket.avoided.clear()
        assert not await moves(world, ticket)
        assert servers_of([ticket, other]) == ["t", "s"]
        world.leave("a", other)
        world.leave("b", ticket)
        await world.talk()
        assert world.gateways["a"].in_use == 0


async def moves(world: World, ticket: Ticket) -> bool:
    moving = asyncio.create_task(world.gateways["b"].move(ticket))
    while not moving.done():
        await world.talk(1)
    return await moving


async def test_who_gives_a_place_back_is_the_next_and_one_who_is_turned_away_does_not_return_there() -> None:
    async with gateways({"s": 1, "t": 1}, "a", "b") as world:
        first, second = world.enter("b", 1), world.enter("b", 1)
        await world.talk()
        others = [world.enter("a", 2), world.enter("a", 3)]
        assert servers_of([first, second]) == ["s", "t"]
        assert world.gateways["b"].turn_away(first, model_is_free=True)
        await world.talk()
        assert servers_of([first, others[0]]) == [None, "s"]
        assert first.position == 0
        world.leave("b", second)
        await world.talk()
        assert servers_of([first]) == ["t"]


class Borrower:
    def __init__(self) -> None:
        self.is_asked = False

    def wanted(self) -> None:
        self.is_asked = True

    @property
    def loan(self) -> Loan:
        return Loan(wanted=self.wanted, spared=0)


async def test_lent_places_are_asked_back_across_gateways() -> None:
    async with gateways(1, "a", "b", "c") as world:
        borrower, late = Borrower(), Borrower()
        lent = world.gateways["b"].lend("m", borrower.loan)
        assert lent is not None
        refused = world.gateways["c"].lend("m", late.loan)
        await world.talk()
        assert lent.offer is not None
        assert not borrower.is_asked
        assert refused is not None
        assert refused.refused
        assert late.is_asked
        assert world.gateways["c"].lend("m", late.loan) is None, "by now it knows that there is none"
        waiting = world.enter("c", 1)
        await world.talk()
        assert borrower.is_asked
        lent.leave(model_is_free=True)
        await world.talk()
        assert waiting.offer is not None


async def test_a_lent_place_is_kept_when_there_is_none_to_move_to() -> None:
    async with gateways({"s": 1, "t": 1}, "a", "b") as world:
        borrower = Borrower()
        lent = world.gateways["b"].lend("m", borrower.loan)
        await world.talk()
        assert lent is not None
        assert servers_of([lent]) == ["s"]
        world.enter("a", 1)
        await world.talk()
        lent.avoided.add(("s", "places"))
        assert not await moves(world, lent)
        assert not borrower.is_asked
        assert servers_of([lent]) == ["s"]


async def test_a_full_queue_is_full_on_every_gateway() -> None:
    async with gateways(1, "a", "b", most=3) as world:
        for name in "abab":
            world.enter(name, name)
            await world.talk()
        for name in "ab":
            with pytest.raises(QueueFull):
                world.enter(name, 5)


async def test_a_gateway_that_lives_and_says_nothing_holds_nobody_up_for_good() -> None:
    patience = Sharing(look=0, sign=0, whole=0, pause=0, silence=1)
    async with gateways(1, "a", "b", sharing=patience) as world:
        world.network.posts.pop("b")
        world.leases.give("a")
        ticket = world.enter("a", 1)
        await world.talk()
        assert ticket.offer is None
        await until(world, lambda: ticket.offer is not None)


async def test_a_late_letter_of_a_dead_gateway_holds_no_place_for_good() -> None:
    async with gateways(1, "a", "b", "c") as world:
        ticket = world.enter("b", 1)
        await world.talk()
        assert ticket.offer is not None
        world.leases.give("c")
        world.look()
        await settled()
        world.network.deliver_all()  # b hears of the new term, and answers
        world.gateways["b"].look()
        await settled()
        late = [letter for letter in world.network.letters if letter.sender == "b" and letter.receiver == "c"]
        assert late
        world.network.letters.clear()
        await world.kill("b")
        world.look()
        for letter in late:
            world.network.give(letter)
        assert world.gateways["c"].in_use == 1
        next_one = world.enter("a", 2)
        await world.talk()
        await until(world, lambda: next_one.offer is not None)  # a server that shows no run for 0.02 s is idle


async def test_letters_that_cannot_be_read_change_nothing() -> None:
    async with gateways(1, "a", "b") as world:
        for kind in ("queue.bids", "queue.decisions", "queue.standing"):
            for body in (b"", b"\xc1", b"\x93\x01\x02\x03", b"\x80", b"x" * 1000):
                for post in world.network.posts.values():
                    post.handlers[kind]("stranger", body)
        ticket = world.enter("b", 1)
        await world.talk()
        assert ticket.offer is not None


@pytest.mark.parametrize("group", [None, 7, "x", ("key", 3), Inside(("room", 5), 9), Inside(("room", 5), None)])
def test_a_group_is_the_same_on_every_gateway(group: object) -> None:
    assert group_of_wire(group_to_wire(group)) == group
    assert type(group_of_wire(group_to_wire(group))) is type(group)


async def until(world: World, condition: object) -> None:
    assert callable(condition)
    async with asyncio.timeout(60):
        while not condition():
            await world.talk(1)
            await asyncio.sleep(0.001)  # Time itself: what must not happen while it passes


NAMES = st.sampled_from(["a", "b", "c", "d", "e", "f"])
GROUPS = st.sampled_from([1, 2, Inside("room", 1), Inside("room", 2)])
PLACES = {"s": 2, "t": 1}


class Gateways(RuleBasedStateMachine):
    """Gateways come, die, and lose the duty, while letters are lost, doubled and reordered. Each server has its places, and never
    more runs; in the end everybody was served and everything is free."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.world = World(PLACES, settling=Settling(unseen=0, busy=1000, poll=0.0005))
        self.world.blind = {"t"}  # where nothing but the gateways' own word prevents a second run

    def do(self, awaitable: object) -> object:
        return self.runner.run(awaitable)  # type: ignore[arg-type]  # each is a coroutine

    async def step(self) -> None:
        for _ in range(3):
            await settled()
            self.world.network.shuffle(self.random, self.trouble)
        await settled()

    @initialize(seed=st.integers(0, 1000), trouble=st.sampled_from([0, 0.05, 0.2, 0.3]))
    def begin(self, seed: int, trouble: float) -> None:
        self.random, self.trouble = Random(seed), trouble  # how many letters there are depends on time

        async def start() -> None:
            for name in "abc":
                self.world.start(name)
            self.world.leases.give("a")
            await self.world.talk()

        self.do(start())

    @rule(name=NAMES)
    def starts(self, name: str) -> None:
        async def start() -> None:
            if name not in self.world.gateways and len(self.world.gateways) < 4:
                self.names = getattr(self, "names", 0) + 1
                self.world.start(f"{name}{self.names}")
            await self.step()

        self.do(start())

    def pick(self, number: int) -> str:
        names = sorted(self.world.gateways)
        return names[number % len(names)]

    @rule(number=st.integers(0, 9), group=GROUPS, model=st.sampled_from(["m", "m", "t"]))
    def enters(self, number: int, group: object, model: str) -> None:
        async def enter() -> None:
            self.world.enter(self.pick(number), group, model)
            await self.step()

        self.do(enter())

    @rule(number=st.integers(0, 9))
    def borrows(self, number: int) -> None:
        async def borrow() -> None:
            name = self.pick(number)
            ticket = self.world.gateways[name].lend("m", Loan(wanted=lambda: None))
            if ticket is not None:
                self.world.tickets[name].append(ticket)
            await self.step()

        self.do(borrow())

    @rule(number=st.integers(0, 9), which=st.integers(0, 30), model_is_free=st.booleans())
    def leaves(self, number: int, which: int, model_is_free: bool) -> None:
        async def leave() -> None:
            name = self.pick(number)
            if tickets := self.world.tickets[name]:
                self.world.leave(name, tickets[which % len(tickets)], model_is_free=model_is_free)
            await self.step()

        self.do(leave())

    @rule(number=st.integers(0, 9), which=st.integers(0, 30), how=st.sampled_from(["again", "turn away"]))
    def waits_again(self, number: int, which: int, how: str) -> None:
        async def again() -> None:
            name = self.pick(number)
            held = [ticket for ticket in self.world.tickets[name] if ticket.offer is not None and not ticket.lent]
            if held:
                ticket = held[which % len(held)]
                if how == "again":
                    ticket.again()
                else:
                    self.world.gateways[name].turn_away(ticket, model_is_free=True)
            await self.step()

        self.do(again())

    @rule(number=st.integers(0, 9), which=st.integers(0, 30))
    def moves(self, number: int, which: int) -> None:
        async def move() -> None:
            name = self.pick(number)
            held = [ticket for ticket in self.world.tickets[name] if ticket.offer is not None]
            if held:
                moving = asyncio.create_task(self.world.gateways[name].move(held[which % len(held)]))
                while not moving.done():
                    await self.step()
                    await asyncio.sleep(0.001)
                await moving
            await self.step()

        self.do(move())

    @rule(number=st.integers(0, 9))
    def looks(self, number: int) -> None:
        async def look() -> None:
            self.world.gateways[self.pick(number)].look()
            await self.step()

        self.do(look())

    @rule(number=st.integers(0, 9), by_death=st.booleans())
    def the_duty_goes_to(self, number: int, by_death: bool) -> None:
        async def give() -> None:
            holder = self.world.leases.holder
            if by_death and holder is not None and len(self.world.gateways) > 1:
                await self.world.kill(holder)
            name = self.pick(number)
            self.world.leases.give(name)
            self.world.gateways[name].look()
            await self.step()

        self.do(give())

    @rule(number=st.integers(0, 9))
    def dies(self, number: int) -> None:
        async def die() -> None:
            if len(self.world.gateways) > 1:
                await self.world.kill(self.pick(number))
            await self.step()

        self.do(die())

    @invariant()
    def no_server_has_more_runs_than_places(self) -> None:
        for server, places in PLACES.items():
            assert self.world.busy(server) <= places

    def teardown(self) -> None:
        try:
            self.do(self.end())
        finally:
            self.runner.close()

    async def end(self) -> None:
        world = self.world
        if world.gateways:
            if world.leases.holder is None:
                world.leases.give(self.pick(0))
            async with asyncio.timeout(60):
                while any(world.tickets.values()):
                    for name, tickets in world.tickets.items():
                        for ticket in list(tickets):
                            if ticket.offer is not None or ticket.refused:
                                world.leave(name, ticket)
                    await world.talk(1)
                    await asyncio.sleep(0.0005)
                holder = world.gateways[str(world.leases.holder)]
                while holder.in_use or holder.waiting or any(queue.in_use for queue in world.gateways.values()):
                    await world.talk(1)
                    await asyncio.sleep(0.0005)
                assert dict(holder._now().pools)["s", "places"].in_use == 0
        for queue in world.gateways.values():
            await queue.close()


TestGateways = Gateways.TestCase
TestGateways.settings = settings(
    max_examples=60, stateful_step_count=40, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
