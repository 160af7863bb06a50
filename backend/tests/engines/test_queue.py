"""The queue before the models, with servers that are only numbers."""

import asyncio
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lam.engines.base import ANY, Needs, Pool, Route
from lam.engines.queue import Loan, Offer, Queue, Settling, Ticket
from lam.engines.ring import Inside
from lam.errors import QueueFull
from lam.protocol.chat import ChatRequest
from lam.testing.engine import ScriptedEngine

AT_ONCE = Settling(unseen=0.05, busy=10, poll=0.001)


async def able(_request: ChatRequest) -> None:
    pass


class Server:
    """A pool with models on it, and how many of its places the server itself sees in use."""

    def __init__(self, name: str, places: int, *models: str, ready: bool = True) -> None:
        self.name = name
        self.places = places
        self.models = models or ("m",)
        self.ready = ready
        self.in_use: int | None = 0
        self.engine = ScriptedEngine()

    async def busy(self) -> int | None:
        return self.in_use

    @property
    def pool(self) -> Pool:
        return Pool(name=self.name, places=self.places, busy=self.busy)

    def offers(self, rank: int) -> list[Offer]:
        route = {"pool": self.pool, "mode": "sse", "ready": self.ready, "require_continuing": able}
        return [
            Offer(rank=rank, server=self.name, engine=self.engine, route=Route(name=name, **route), model=name)
            for name in self.models
        ]  # type: ignore[arg-type]


class Servers:
    def __init__(self, *servers: Server, most: int = 100, settling: Settling = AT_ONCE) -> None:
        self.servers = list(servers)
        self.queue = Queue(self.offers, most=most, settling=settling)
        self.change()

    def offers(self, model: str | None, _needs: Needs) -> Sequence[Offer]:
        offers = [offer for rank, server in enumerate(self.servers) for offer in server.offers(rank)]
        return [offer for offer in offers if model in (None, offer.route.name)]

    def change(self, change: Callable[[], None] = lambda: None) -> None:
        change()
        self.queue.update({(server.name, server.name): server.pool for server in self.servers})


def one(places: int, most: int = 100) -> Queue:
    return Servers(Server("s", places), most=most).queue


def order_of_starts(tickets: dict[str, Ticket]) -> list[str]:
    started: list[str] = []
    waiting = dict(tickets)
    while waiting:
        name = next(name for name, ticket in waiting.items() if ticket.position is None)
        started.append(name)
        waiting.pop(name).leave(model_is_free=True)
    return started


async def granted(ticket: Ticket) -> None:
    async with asyncio.timeout(60):
        while ticket.offer is None:
            await ticket.news(5)


async def test_runs_start_while_there_are_places() -> None:
    queue = one(2)
    tickets = [queue.enter("m", user) for user in (1, 1, 2)]
    assert [ticket.position for ticket in tickets] == [None, None, 0]
    tickets[0].leave(model_is_free=True)
    assert tickets[2].position is None


async def test_groups_take_turns_and_keep_their_own_order() -> None:
    queue = one(1)
    names = ["x1", "a1", "a2", "a3", "b1", "c1", "c2"]
    assert order_of_starts({name: queue.enter("m", name[0]) for name in names}) == ["x1", "a1", "b1", "c1", "a2", "c2", "a3"]


async def test_the_position_is_the_number_of_runs_that_start_before() -> None:
    queue = one(1)
    first = queue.enter("m", "x")
    tickets = {name: queue.enter("m", name[0]) for name in ("a1", "a2", "b1", "a3", "b2")}
    assert {name: ticket.position for name, ticket in tickets.items()} == {"a1": 0, "b1": 1, "a2": 2, "b2": 3, "a3": 4}
    first.leave(model_is_free=True)
    assert tickets["b1"].position == 0


def guest(number: int, room: int = 1) -> Inside:
    return Inside(("room", room), number)


@given(st.lists(st.sampled_from([1, 2, 3, *(guest(number, room) for room in (1, 2) for number in range(4))]), max_size=20))
async def test_positions_are_honest_among_rooms_and_people(groups: list) -> None:
    """Whatever waits: each position is the number of runs that did start before, if nobody new comes."""
    queue = one(1)
    running = queue.enter("m", "first")
    tickets = {str(number): queue.enter("m", group) for number, group in enumerate(groups)}
    positions = {name: ticket.position for name, ticket in tickets.items()}
    running.leave(model_is_free=True)
    starts = order_of_starts(tickets)
    assert {name: starts.index(name) for name in tickets} == positions


async def positions_of_colleagues(others: list) -> list[int | None]:
    """Returns where five colleagues wait who come after the others, each with two questions."""
    queue = one(4, most=256)
    for _ in range(4):
        queue.enter("m", "first")
    for group in others:
        queue.enter("m", group)
    tickets = [queue.enter("m", f"colleague {number}") for _ in range(2) for number in range(5)]
    return [ticket.position for ticket in tickets]


async def test_five_colleagues_wait_beside_a_room_of_100_no_longer_than_beside_one_more_colleague() -> None:
    room = await positions_of_colleagues([guest(number) for number in range(100)])
    colleague = await positions_of_colleagues(["one more"] * 100)
    assert room == colleague == [1, 2, 3, 4, 5, 7, 8, 9, 10, 11]


async def test_everybody_in_a_room_starts_before_somebody_starts_again() -> None:
    queue = one(1)
    names = ["x1", "a1", "a2", "b1", "c1"]
    tickets = {name: queue.enter("m", Inside("room", name[0])) for name in names}
    assert order_of_starts(tickets) == ["x1", "a1", "b1", "c1", "a2"]


async def test_a_guest_who_lost_the_place_is_the_next_of_all() -> None:
    server = Server("s", 1)
    servers = Servers(server)
    lost, *others = (servers.queue.enter("m", group) for group in (guest(1), guest(2), "colleague"))
    servers.change(lambda: setattr(server, "places", 0))
    lost.again()
    assert [ticket.position for ticket in (lost, *others)] == [0, 2, 1]


async def test_rooms_leave_half_of_the_queue_to_others() -> None:
    queue = one(1, most=6)
    queue.enter("m", "first")
    for number in range(3):
        queue.enter("m", guest(number, room=number))
    with pytest.raises(QueueFull):
        queue.enter("m", guest(1, room=9))
    assert [queue.enter("m", person).position for person in range(3)] == [3, 4, 5]
    with pytest.raises(QueueFull):
        queue.enter("m", "one too many")


async def test_a_waiting_run_hears_of_each_change_of_its_position() -> None:
    queue = one(1)
    holders = [queue.enter("m", user) for user in range(3)]
    last = queue.enter("m", 9)
    heard = []
    for holder in holders:
        await last.news(0)
        holder.leave(model_is_free=True)
        await last.news(5)
        heard.append(last.position)
    assert heard == [1, 0, None]


async def test_who_stops_waiting_leaves_the_others_alone() -> None:
    queue = one(1)
    running, second, third = (queue.enter("m", user) for user in range(3))
    second.leave(model_is_free=True)
    second.leave(model_is_free=True)
    assert running.position is None
    assert third.position == 0


async def test_a_full_queue_refuses_only_those_who_want_the_same_places() -> None:
    servers = Servers(Server("s", 1, "m"), Server("t", 1, "n"), most=1)
    for _ in range(2):
        servers.queue.enter("m", 1)
    with pytest.raises(QueueFull):
        servers.queue.enter("m", 2)
    assert servers.queue.enter("n", 2).position is None


async def test_a_full_queue_takes_runs_that_were_let_in_before() -> None:
    queue = one(1, most=1)
    tickets = [queue.enter("m", 1), queue.enter("m", 2), queue.enter("m", 3, goes_on=True)]
    assert [ticket.position for ticket in tickets] == [None, 0, 1]
    with pytest.raises(QueueFull):
        queue.enter("m", 4)


async def test_more_places_start_those_who_wait() -> None:
    server = Server("s", 0)
    servers = Servers(server)
    tickets = [servers.queue.enter("m", user) for user in range(3)]
    servers.change(lambda: setattr(server, "places", 2))
    assert [ticket.position for ticket in tickets] == [None, None, 0]


async def test_models_of_one_server_share_its_places() -> None:
    queue = Servers(Server("s", 1, "m", "n")).queue
    first = queue.enter("m", 1)
    other = queue.enter("n", 2)
    assert other.position == 0
    first.leave(model_is_free=True)
    assert other.position is None


async def test_a_place_goes_to_the_first_who_may_use_it() -> None:
    """Not to the first of all: who waits for another server is passed, and keeps its turn there."""
    small, large = Server("small", 1, "s"), Server("large", 1, "l")
    queue = Servers(small, large).queue
    holders = [queue.enter("s", "x"), queue.enter("l", "x")]
    first, second = queue.enter("l", "a"), queue.enter("s", "b")
    assert (first.position, second.position) == (0, 0)
    holders[0].leave(model_is_free=True)
    assert (first.position, second.position) == (0, None)
    holders[1].leave(model_is_free=True)
    assert first.position is None


async def test_a_run_takes_the_preferred_server_and_another_while_that_is_full() -> None:
    queue = Servers(Server("a", 1), Server("b", 2)).queue
    taken = [queue.enter("m", 1).offer for _ in range(3)]
    assert [offer.server if offer else None for offer in taken] == ["a", "b", "b"]


async def test_a_server_whose_model_is_ready_goes_before_one_that_loads_it() -> None:
    first, second = Server("p", 5, ready=False), Server("p2", 1)
    queue = Servers(first, second).queue
    for offer in queue.offers("m", ANY):
        assert offer.route.ready is (offer.server == "p2")
    same_rank = [
        Offer(rank=0, server=offer.server, engine=offer.engine, route=offer.route, model=offer.model)
        for offer in queue.offers("m", ANY)
    ]
    queue.offers = lambda _model, _needs: same_rank
    assert getattr(queue.enter("m", 1).offer, "server", None) == "p2"


async def test_a_run_that_moves_takes_a_free_place_elsewhere_and_gives_its_own_back() -> None:
    servers = Servers(Server("a", 1), Server("b", 1))
    moving = servers.queue.enter("m", 1)
    assert await servers.queue.move(moving)
    assert getattr(moving.offer, "server", None) == "b"
    assert getattr(servers.queue.enter("m", 2).offer, "server", None) == "a"
    assert not await servers.queue.move(moving)  # nowhere else is a place, and it keeps its own
    assert getattr(moving.offer, "server", None) == "b"


async def test_a_run_that_lost_its_place_is_the_next() -> None:
    server = Server("s", 1)
    servers = Servers(server)
    lost, *others = (servers.queue.enter("m", user) for user in (1, 2, 3))
    servers.change(lambda: setattr(server, "places", 0))
    lost.again()
    assert [ticket.position for ticket in (lost, *others)] == [0, 1, 2]
    servers.change(lambda: setattr(server, "places", 1))
    assert [ticket.position for ticket in (lost, *others)] == [None, 0, 1]


async def test_a_lent_place_is_asked_back_once_somebody_waits_for_it() -> None:
    queue = one(1)
    asked: list[str] = []
    lent = queue.lend("m", Loan(wanted=lambda: asked.append("back")))
    assert lent is not None
    assert queue.lend("m", Loan(wanted=lambda: None)) is None
    waiting = queue.enter("m", 1)
    queue.enter("m", 2)
    assert asked == ["back"]
    lent.leave(model_is_free=True)
    assert waiting.position is None


class Borrower:
    """Borrows places on the lab's terms and keeps the names of those that are asked back."""

    def __init__(self, queue: Queue, grace: float = 0.02) -> None:
        self.queue = queue
        self.grace = grace
        self.asked: list[str] = []
        self.near: set[str] = set()
        self.news = asyncio.Event()

    def borrow(self, name: str) -> Ticket | None:
        def wanted() -> None:
            self.asked.append(name)
            self.news.set()

        loan = Loan(wanted=wanted, grace=self.grace, spared=1, near_end=lambda: name in self.near)
        return self.queue.lend("m", loan)

    async def next_asked(self) -> list[str]:
        async with asyncio.timeout(60):
            await self.news.wait()
        self.news.clear()
        return self.asked


@pytest.mark.parametrize(("places", "lent"), [(1, 1), (2, 1), (4, 3)])
async def test_all_places_but_one_are_lent_or_the_only_one(places: int, lent: int) -> None:
    borrower = Borrower(one(places))
    assert [borrower.borrow(name) is not None for name in "abcde"] == [True] * lent + [False] * (5 - lent)


async def test_no_place_is_lent_that_somebody_has() -> None:
    queue = one(2)
    people = [queue.enter("m", user) for user in (1, 2)]
    assert Borrower(queue).borrow("a") is None
    people[0].leave(model_is_free=True)
    assert Borrower(queue).borrow("a") is not None


async def test_the_newest_lent_place_is_asked_back_once_somebody_has_waited_for_a_while() -> None:
    queue = one(3)
    borrower = Borrower(queue)
    borrower.borrow("old")
    new = borrower.borrow("new")
    assert new is not None
    person = queue.enter("m", 1)
    assert person.position is None, "one place is never lent"
    waiting = queue.enter("m", 2)
    assert borrower.asked == [], "not at once"
    assert await borrower.next_asked() == ["new"]
    new.leave(model_is_free=True)
    assert waiting.position is None
    await queue.close()


async def test_one_place_is_asked_back_for_each_who_waits_and_no_more() -> None:
    queue = one(4)
    borrower = Borrower(queue)
    for name in ("first", "second", "third"):
        borrower.borrow(name)
    queue.enter("m", 1)
    queue.enter("m", 2)
    await borrower.next_asked()
    later = queue.enter("m", 3)  # looks again; the place for the earlier one is on its way
    assert borrower.asked == ["third"]
    assert await borrower.next_asked() == ["third", "second"]
    later.leave(model_is_free=True)
    assert borrower.asked == ["third", "second"]
    await queue.close()


async def test_whoever_leaves_in_time_takes_no_place_back() -> None:
    queue = one(1)
    borrower = Borrower(queue, grace=0.1)
    borrower.borrow("a")
    hasty, patient = queue.enter("m", 1), queue.enter("m", 2)
    hasty.leave(model_is_free=True)
    assert await borrower.next_asked() == ["a"]
    patient.leave(model_is_free=True)
    await queue.close()


async def test_no_place_is_asked_back_while_one_is_about_to_be_free() -> None:
    queue = one(3)
    borrower = Borrower(queue)
    ending = borrower.borrow("ending")
    borrower.borrow("new")
    assert ending is not None
    borrower.near = {"ending"}
    queue.enter("m", 1)
    waiting = queue.enter("m", 2)
    await asyncio.sleep(0.1)  # Time itself: longer than the grace
    assert borrower.asked == []
    ending.leave(model_is_free=True)
    assert waiting.position is None
    await queue.close()


async def test_work_that_only_seems_near_its_end_is_asked_back_after_all() -> None:
    queue = one(1)
    borrower = Borrower(queue)
    borrower.borrow("slow")
    borrower.near = {"slow"}
    queue.enter("m", 1)
    await asyncio.sleep(0.1)  # Time itself: longer than the grace
    borrower.near = set()
    assert await borrower.next_asked() == ["slow"]
    await queue.close()


async def test_what_makes_way_at_once_is_asked_before_what_may_wait() -> None:
    queue = one(3)
    borrower, titles = Borrower(queue), list[str]()
    queue.lend("m", Loan(wanted=lambda: titles.append("title")))
    borrower.borrow("cell")
    queue.enter("m", 1)
    queue.enter("m", 2)
    assert (titles, borrower.asked) == (["title"], [])
    await queue.close()


async def test_who_borrows_hears_of_every_place_that_becomes_free() -> None:
    server = Server("s", 1)
    servers = Servers(server)
    lent: list[Ticket | None] = []
    servers.queue.after_change.append(lambda: lent.append(servers.queue.lend("m", Loan(wanted=lambda: None))))
    servers.queue.enter("m", 1).leave(model_is_free=True)
    assert [ticket is not None for ticket in lent] == [True]
    servers.change(lambda: setattr(server, "places", 2))
    assert [ticket is not None for ticket in lent] == [True, True]


async def test_a_place_whose_run_was_cut_off_is_given_back_when_the_server_is_seen_idle() -> None:
    server = Server("s", 1)
    queue = Servers(server).queue
    running, waiting = queue.enter("m", 1), queue.enter("m", 2)
    server.in_use = 1
    running.leave(model_is_free=False)
    for _ in range(20):
        await asyncio.sleep(0)
    assert waiting.position == 0
    server.in_use = 0
    await granted(waiting)
    await queue.close()


async def test_a_server_that_never_says_so_gives_the_place_back_after_a_while() -> None:
    server = Server("s", 1)
    server.in_use = None
    queue = Servers(server).queue
    running, waiting = queue.enter("m", 1), queue.enter("m", 2)
    running.leave(model_is_free=False)
    assert waiting.position == 0
    await granted(waiting)
    await queue.close()


async def test_a_place_comes_back_though_the_server_cannot_be_asked() -> None:
    class Broken(Server):
        async def busy(self) -> int | None:
            raise ValueError("an answer that nobody foresaw")

    queue = Servers(Broken("s", 1)).queue
    running, waiting = queue.enter("m", 1), queue.enter("m", 2)
    running.leave(model_is_free=False)
    await granted(waiting)
    await queue.close()


async def test_a_run_whose_server_is_gone_gives_its_place_back_without_harm() -> None:
    server = Server("s", 1)
    servers = Servers(server)
    running = servers.queue.enter("m", 1)
    servers.change(servers.servers.clear)
    waiting = servers.queue.enter("m", 2)
    assert (waiting.position, waiting.served) == (0, False)
    running.leave(model_is_free=False)
    servers.change(lambda: servers.servers.append(server))
    await granted(waiting)
    await servers.queue.close()


async def test_routes_are_computed_anew_and_who_waits_keeps_its_turn() -> None:
    servers = Servers()
    tickets = [servers.queue.enter(None, user) for user in (1, 2)]
    assert not tickets[0].served
    servers.change(lambda: servers.servers.append(Server("s", 1)))
    assert [ticket.position for ticket in tickets] == [None, 0]
