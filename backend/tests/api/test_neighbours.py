"""What a gateway knows of the people at the others: while these live, when they die, freeze, and when signals are lost."""

from collections.abc import AsyncIterator, Callable, Collection, Sequence

import msgspec
import pytest

from lam.api.neighbours import Neighbours
from lam.chat.changes import Changes
from lam.chat.presence import Connected, Presence, State
from lam.storage.leases import Peer

from ..waiting import until


class Signals:
    """Signals without a server: what was said, and what is heard."""

    def __init__(self) -> None:
        self.name = "here-00000001"
        self.since_lost: float | None = None
        self.after_return: list[Callable[[], None]] = []
        self.said: list[tuple[str | None, str]] = []
        self._handlers: dict[str, Callable[[str, bytes], None]] = {}

    def send_all(self, kind: str, body: bytes) -> None:
        self.said.append((None, kind))

    def send(self, gateway: str, kind: str, body: bytes) -> None:
        self.said.append((gateway, kind))

    def hear(self, kind: str, handler: Callable[[str, bytes], None]) -> None:
        self._handlers[kind] = handler

    def deliver(self, gateway: str, kind: str, value: object) -> None:
        self._handlers[kind](gateway, msgspec.msgpack.encode(value))


class Leases:
    def __init__(self) -> None:
        self.name = "here-00000001"
        self.valid = True
        self.after_change: list[Callable[[], None]] = []
        self._peers: frozenset[str] = frozenset()
        self.duties: set[str] = set()

    def peers(self) -> frozenset[str]:
        return self._peers

    def others(self) -> Sequence[Peer]:
        return [Peer(name=name, version="1", started_at=0, draining=False) for name in sorted(self._peers)]

    def holds(self, duty: str) -> int | None:
        return 1 if duty in self.duties else None

    def change(self, *peers: str) -> None:
        self._peers = frozenset(peers)
        for callback in self.after_change:
            callback()


class Scene:
    def __init__(self) -> None:
        self.signals, self.leases, self.checks = Signals(), Leases(), 0
        self.told: list[tuple[int, int, State]] = []
        self.presence = Presence(lambda *one: self.told.append(one), left_seconds=0)

        async def nobody(_ids: Collection[int]) -> dict[int, dict[int, object]]:
            return {}

        async def nothing(_ids: Collection[int]) -> list[object]:
            return []

        self.changes = Changes(nothing, nobody)  # type: ignore[arg-type]  # it describes nothing here
        self.neighbours = Neighbours(self.signals, self.leases, self.presence, self.changes, self.check, patience=30)

    async def check(self) -> None:
        self.checks += 1


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    scene = Scene()
    async with scene.neighbours:
        yield scene


ADA = Connected(id="x", user_id=7, sessions=frozenset({1}))


async def test_a_gateway_that_starts_asks_who_is_connected_elsewhere(scene: Scene) -> None:
    assert scene.signals.said == [(None, "connections?")]
    scene.signals.deliver("there-2", "connections", [ADA])
    assert scene.presence.of(1, 7) == "here"
    scene.signals.deliver("there-2", "connections?", None)
    assert scene.signals.said[-1] == ("there-2", "connections")


async def test_people_of_a_gateway_that_dies_are_gone_and_one_gateway_follows_its_death(scene: Scene) -> None:
    deaths: list[str] = []
    scene.neighbours.after_death.append(lambda: deaths.append("followed"))
    scene.leases.change("there-2")
    scene.signals.deliver("there-2", "connection", ("there-2", ADA))
    scene.leases.change()
    scene.presence.expire()
    assert (scene.presence.of(1, 7), scene.told[-1], deaths) == ("left", (1, 7, "left"), [])
    scene.leases.duties.add("housekeeping")
    scene.leases.change()
    scene.leases.change()
    assert deaths == ["followed"]


async def test_who_may_still_read_is_asked_when_a_gateway_is_gone_that_may_have_told_nobody(scene: Scene) -> None:
    scene.leases.change("there-2")
    assert scene.checks == 0
    scene.leases.change()
    await until(lambda: scene.checks == 1)


async def test_a_gateway_that_was_frozen_is_asked_anew(scene: Scene) -> None:
    scene.leases.change("there-2")
    scene.leases.change()
    scene.signals.said.clear()
    scene.leases.change("there-2")
    assert scene.signals.said == [("there-2", "connections?")]


async def test_when_signals_were_lost_all_is_told_and_loaded_anew_and_access_is_checked(scene: Scene) -> None:
    with scene.changes.reading(7) as feed:
        position = scene.changes.last
        scene.signals.said.clear()
        for callback in scene.signals.after_return:
            callback()
        assert scene.signals.said == [(None, "connections"), (None, "connections?")]
        await until(lambda: feed.floor > position)  # whoever read until here loads anew
        assert not scene.changes.knows(7, position)
        assert scene.changes.knows(7, scene.changes.last)
    await until(lambda: scene.checks == 1)


async def test_access_is_checked_from_time_to_time_though_all_seems_well(scene: Scene) -> None:
    """Another gateway that does not reach Redis cannot tell who was removed there."""
    scene.neighbours._usual_check = 0
    await until(lambda: scene.checks >= 2)


async def test_while_redis_is_away_access_is_checked_again_and_again(scene: Scene) -> None:
    scene.signals.since_lost = 0.1
    await until(lambda: scene.checks >= 2)
    assert scene.neighbours.problem() is None
    scene.signals.since_lost = 31
    assert "Redis has been away for 31 s" in (scene.neighbours.problem() or "")
    scene.signals.since_lost, scene.leases.valid = None, False
    assert "lease" in (scene.neighbours.problem() or "")


async def test_a_connection_that_opens_changes_or_ends_here_is_told_to_all(scene: Scene) -> None:
    scene.signals.said.clear()
    scene.presence.connected("a", 7, [1])
    scene.presence.shows("a", [2], hidden=True)
    scene.presence.disconnected("a")
    assert scene.signals.said == [(None, "connection"), (None, "connection"), (None, "connection-ended")]
