"""Functions that every gateway calls with the same arguments."""

import logging
from collections.abc import Callable, Collection, Mapping
from typing import Any

import msgspec
import pytest

from lam.redis.relay import Relay


class Wire:
    """Signals between gateways that share it, without a server."""

    def __init__(self, others: "list[Wire]", name: str) -> None:
        self.name = name
        self.said: list[tuple[str, bytes]] = []
        self.handlers: dict[str, Callable[[str, bytes], None]] = {}
        self._others = others
        others.append(self)

    def send_all(self, kind: str, body: bytes) -> None:
        self.said.append((kind, body))
        for other in self._others:
            if other is not self and kind in other.handlers:
                other.handlers[kind](self.name, body)

    def hear(self, kind: str, handler: Callable[[str, bytes], None]) -> None:
        self.handlers[kind] = handler


class Board:
    """What a gateway did."""

    def __init__(self) -> None:
        self.done: list[Any] = []

    def note(self, session: int, event: dict[str, Any], but: int | None = None) -> None:
        self.done.append((session, event, but))

    def hide(self, sessions: Mapping[int, int], shown: Collection[int]) -> None:
        self.done.append((dict(sessions), list(shown)))

    def wake(self) -> None:
        self.done.append("awake")


@pytest.fixture
def wires() -> list[Wire]:
    wires: list[Wire] = []
    for name in ("here", "there", "beyond"):
        Wire(wires, name)
    return wires


def test_what_is_done_everywhere_is_done_here_and_on_each_other_gateway_once(wires: list[Wire]) -> None:
    boards = [Board() for _ in wires]
    notes = [Relay(wire).everywhere("note", board.note) for wire, board in zip(wires, boards, strict=True)]
    notes[0](17, {"type": "typing"}, None)
    notes[2](18, {"type": "typing", "people": [1, 2]}, 3)
    assert all(board.done == boards[0].done for board in boards)
    assert boards[1].done == [(17, {"type": "typing"}, None), (18, {"type": "typing", "people": [1, 2]}, 3)]


def test_what_is_done_elsewhere_is_not_done_here(wires: list[Wire]) -> None:
    boards = [Board() for _ in wires]
    wakes = [Relay(wire).elsewhere("wake", board.wake) for wire, board in zip(wires, boards, strict=True)]
    wakes[1]()
    assert [board.done for board in boards] == [["awake"], [], ["awake"]]


def test_arguments_arrive_as_their_annotations_say(wires: list[Wire]) -> None:
    boards = [Board() for _ in wires]
    hides = [Relay(wire).everywhere("hide", board.hide) for wire, board in zip(wires, boards, strict=True)]
    hides[0]({1: 2}, {5})
    assert boards[1].done == [({1: 2}, [5])]


def test_a_gateway_that_is_alone_calls_the_function_itself() -> None:
    board = Board()
    assert Relay().everywhere("note", board.note) == board.note
    Relay().elsewhere("wake", board.wake)()
    assert board.done == []


@pytest.mark.parametrize("body", [b"", b"\xc1", msgspec.msgpack.encode(("seventeen", {}, None)), msgspec.msgpack.encode((17,))])
def test_what_cannot_be_read_is_logged_and_nothing_is_done(
    body: bytes, wires: list[Wire], caplog: pytest.LogCaptureFixture
) -> None:
    board = Board()
    Relay(wires[1]).everywhere("note", board.note)
    with caplog.at_level(logging.WARNING):
        wires[0].send_all("note", body)
    assert board.done == []
    assert "cannot be read" in caplog.text
