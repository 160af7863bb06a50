"""Which connection makes room for another, and when one is ended: decided by the clock that is handed in."""

import logging

import pytest

from lam.api.connections import FEWEST, HEADS_BYTES, RESERVED, Connections, Patience, Waits, descriptor_limit

MANY = 10_000


class Peer:
    """A connection that does as it is told."""

    def __init__(self, descriptor: int = 10, late: str | None = None, unread: float | None = None) -> None:
        self.descriptor = descriptor
        self.late = late
        self.unread = unread
        self.ended: str | None = None

    def overdue(self, now: float) -> str | None:
        return self.late

    def blocked_since(self) -> float | None:
        return self.unread

    def end(self, reason: str) -> None:
        self.ended = reason

    def abort(self) -> None:
        self.ended = "aborted"


def full(most: int, waits: Waits, **options: float | None) -> tuple[Connections, list[Peer]]:
    """Connections without room, all of which wait for the same."""
    connections = Connections(most, descriptors=MANY)
    peers = [Peer(unread=options.get("unread")) for _ in range(most)]
    for peer in peers:
        assert connections.enter(peer, 0)
        connections.note(peer, waits)
    return connections, peers


def ended(peers: list[Peer]) -> list[int]:
    return [number for number, peer in enumerate(peers) if peer.ended]


def test_the_longest_silent_one_makes_room() -> None:
    connections, peers = full(3, Waits.REQUEST)
    connections.note(peers[0], Waits.REPLY)
    connections.note(peers[0], Waits.REQUEST)  # it was served meanwhile: the second one is silent for longer
    assert connections.enter(Peer(), 1)
    assert connections.enter(Peer(), 1)
    assert ended(peers) == [1, 2]
    assert connections.count == 3


def test_a_request_that_is_answered_is_never_given_up() -> None:
    connections, peers = full(3, Waits.REPLY)
    connections.note(peers[2], Waits.BODY)
    assert connections.enter(Peer(), 1)
    assert ended(peers) == [2]
    new = Peer()
    assert connections.enter(new, 1)  # for the one before it, which has asked for nothing yet
    connections.note(new, Waits.REPLY)
    assert not connections.enter(Peer(), 100)
    assert ended(peers) == [2]


@pytest.mark.parametrize(("now", "room"), [(9, False), (11, True)])
def test_an_answer_that_nobody_reads_makes_room_after_a_while(now: float, room: bool) -> None:
    connections, peers = full(3, Waits.REPLY)
    peers[1].unread = 0.0
    assert connections.enter(Peer(), now) is room
    assert ended(peers) == ([1] if room else [])


def test_an_oldest_half_sent_body_makes_room_where_nobody_is_silent() -> None:
    connections, peers = full(3, Waits.BODY)
    assert connections.enter(Peer(), 1)
    assert ended(peers) == [0]


def test_a_descriptor_near_the_limit_makes_room_though_few_are_connected() -> None:
    """The database, the model and files have used up what was reserved for them."""
    connections = Connections(descriptors=256)
    first, second = Peer(descriptor=200), Peer(descriptor=230)
    assert connections.enter(first, 0)
    assert connections.enter(second, 1)
    assert (first.ended, second.ended) == ("aborted", None)


@pytest.mark.parametrize(
    ("setting", "descriptors", "most"), [(0, 1024, 960), (100, 1024, 100), (5000, 1024, 960), (0, 64, FEWEST), (7, 256, 7)]
)
def test_the_setting_counts_up_to_what_the_descriptors_allow(setting: int, descriptors: int, most: int) -> None:
    assert Connections(setting, descriptors=descriptors).most == most


def test_without_a_setting_the_descriptors_of_this_process_count() -> None:
    assert Connections().most == min(65_536, descriptor_limit() - RESERVED)


async def test_what_is_overdue_is_ended_with_its_reason_and_counted() -> None:
    counted: list[str] = []
    connections = Connections(descriptors=MANY, on_end=counted.append)
    peers = [Peer(late=reason) for reason in ("head", None, "idle")] + [Peer() for _ in range(1200)]
    for peer in peers:
        connections.enter(peer, 0)
    await connections.look(1)
    assert [peer.ended for peer in peers[:3]] == ["head", None, "idle"]
    assert counted == ["head", "idle"]


async def test_a_flood_is_one_line_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    connections = Connections(20, descriptors=MANY)
    with caplog.at_level(logging.WARNING):
        for second in range(59):
            for _ in range(100):
                connections.enter(Peer(), second)
            await connections.look(second)
    assert len(caplog.records) == 1
    await connections.look(61)
    assert [record.args[1] for record in caplog.records] == [80, 58 * 100]  # type: ignore[index]


def test_every_limit_is_longer_than_a_proxy_keeps_its_connections() -> None:
    assert Patience().idle > 60  # nginx's keepalive_timeout towards us: it must be the one that closes


def test_heads_that_have_begun_hold_no_more_than_their_budget_and_the_oldest_go() -> None:
    connections = Connections(descriptors=MANY)
    peers = [Peer() for _ in range(400)]
    for peer in peers:
        connections.enter(peer, 0)
        connections.hold(peer, 40_000)
        connections.hold(peer, 64 << 10)
    assert ended(peers) == list(range(400 - (HEADS_BYTES >> 16)))
    for peer in peers[-100:]:
        connections.hold(peer, 0)
    for peer in peers[-100:]:
        connections.hold(peer, 64 << 10)
    assert len(ended(peers)) == 400 - (HEADS_BYTES >> 16)
