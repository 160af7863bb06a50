import asyncio

import pytest

from lam.errors import QueueFull
from lam.generation.admission import Admission, Ticket


class Server:
    """How many places the server sees in use."""

    def __init__(self) -> None:
        self.in_use: int | None = 0

    async def busy(self, lane: str) -> int | None:
        return self.in_use


def admission(places: int, max_queue: int = 100, server: Server | None = None) -> Admission:
    made = Admission(max_queue, (server or Server()).busy)
    made.resize({"m": places})
    return made


def order_of_starts(queue: Admission, tickets: dict[str, Ticket]) -> list[str]:
    started: list[str] = []
    waiting = dict(tickets)
    while waiting:
        name = next(name for name, ticket in waiting.items() if ticket.position is None)
        started.append(name)
        waiting.pop(name).leave(model_is_free=True)
    return started


async def test_runs_start_while_there_are_places() -> None:
    queue = admission(2)
    tickets = [queue.enter("m", user) for user in (1, 1, 2)]
    assert [ticket.position for ticket in tickets] == [None, None, 0]
    tickets[0].leave(model_is_free=True)
    assert tickets[2].position is None


async def test_users_take_turns_and_keep_their_own_order() -> None:
    queue = admission(1)
    names = ["x1", "a1", "a2", "a3", "b1", "c1", "c2"]
    users = {"x": 0, "a": 1, "b": 2, "c": 3}
    tickets = {name: queue.enter("m", users[name[0]]) for name in names}
    assert order_of_starts(queue, tickets) == ["x1", "a1", "b1", "c1", "a2", "c2", "a3"]


async def test_the_position_is_the_number_of_runs_that_start_before() -> None:
    queue = admission(1)
    first = queue.enter("m", 0)
    tickets = {name: queue.enter("m", ord(name[0])) for name in ("a1", "a2", "b1", "a3", "b2")}
    assert {name: ticket.position for name, ticket in tickets.items()} == {"a1": 0, "b1": 1, "a2": 2, "b2": 3, "a3": 4}
    first.leave(model_is_free=True)
    assert tickets["b1"].position == 0


async def test_positions_are_told_as_they_change() -> None:
    queue = admission(1)
    holders = [queue.enter("m", user) for user in range(3)]
    told: list[int] = []
    last = queue.enter("m", 9)
    last.moved = told.append
    for holder in holders:
        holder.leave(model_is_free=True)
    assert told == [1, 0]
    assert last.position is None


async def test_who_stops_waiting_leaves_the_others_alone() -> None:
    queue = admission(1)
    running, second, third = (queue.enter("m", user) for user in range(3))
    second.leave(model_is_free=True)
    second.leave(model_is_free=True)
    assert running.position is None
    assert third.position == 0


async def test_a_full_queue_refuses() -> None:
    queue = admission(1, max_queue=1)
    queue.enter("m", 1)
    queue.enter("m", 1)
    with pytest.raises(QueueFull):
        queue.enter("m", 2)


async def test_more_places_start_those_who_wait() -> None:
    queue = admission(0)
    tickets = [queue.enter("m", user) for user in range(3)]
    queue.resize({"m": 2})
    assert [ticket.position for ticket in tickets] == [None, None, 0]


async def test_lanes_do_not_wait_for_one_another() -> None:
    queue = admission(1)
    queue.resize({"m": 1, "n": 1})
    queue.enter("m", 1)
    assert queue.enter("n", 1).position is None


async def test_a_place_whose_run_was_cut_off_is_given_back_when_the_server_is_seen_idle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lam.generation.admission.POLL_SECONDS", 0.001)
    server = Server()
    queue = admission(1, server=server)
    running, waiting = queue.enter("m", 1), queue.enter("m", 2)
    server.in_use = 1
    running.leave(model_is_free=False)
    await asyncio.sleep(0.02)
    assert waiting.position == 0
    server.in_use = 0
    await asyncio.wait_for(waiting.granted(), 2)
    await queue.close()


async def test_a_server_that_never_says_so_gives_the_place_back_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lam.generation.admission.POLL_SECONDS", 0.001)
    monkeypatch.setattr("lam.generation.admission.SETTLE_SECONDS", 0.05)
    server = Server()
    server.in_use = None
    queue = admission(1, server=server)
    running, waiting = queue.enter("m", 1), queue.enter("m", 2)
    running.leave(model_is_free=False)
    assert waiting.position == 0
    await asyncio.wait_for(waiting.granted(), 2)
    await queue.close()


async def test_a_place_comes_back_though_the_server_cannot_be_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lam.generation.admission.UNSEEN_SECONDS", 0.05)

    async def fails(_lane: str) -> int | None:
        raise ValueError("an answer that nobody foresaw")

    queue = Admission(9, fails)
    queue.resize({"m": 1})
    running, waiting = queue.enter("m", 1), queue.enter("m", 2)
    running.leave(model_is_free=False)
    await asyncio.wait_for(waiting.granted(), 10)
    await queue.close()


async def test_who_waits_finds_its_lane_anew_and_keeps_its_turn() -> None:
    lanes: dict[str | None, str] = {None: ""}
    queue = Admission(9, Server().busy, lambda model: lanes[model])
    tickets = [queue.enter(None, user) for user in (1, 2)]
    lanes[None] = "m"
    queue.resize({"m": 1})
    assert [ticket.position for ticket in tickets] == [None, 0]
