"""A mirror tells its readers of what a read brought: once, also at its end."""

from lam.protocol import sse
from lam.protocol.events import Chunk, Done, Event
from lam.streams.entries import FIELD, entry_id
from lam.streams.mirrors import Mirror

DONE = Done(None, "ab", "stop", None, None, None, None)


class Listener:
    """Notes at each call what the mirror then had, and whether it was closed."""

    def __init__(self, mirror: Mirror) -> None:
        self.calls: list[tuple[int, bool]] = []
        self.mirror = mirror
        mirror.listen(lambda: self.calls.append((mirror.last, mirror.closed)))


def entry(number: int, *events: Event, epoch: int = 1) -> tuple[bytes, dict[bytes, bytes]]:
    """An entry whose first event has this number."""
    frames = b"".join(sse.encode(number + place, event) for place, event in enumerate(events))
    return entry_id(epoch, number + len(events) - 1), {FIELD: frames}


def test_readers_are_told_of_a_read_and_not_of_each_entry() -> None:
    mirror = Mirror()
    listener = Listener(mirror)
    for number in (1, 2, 3):
        mirror.take(*entry(number, Chunk("a")))
    assert listener.calls == []
    mirror.tell()
    assert listener.calls == [(3, False)]


def test_readers_are_told_of_the_last_events_together_with_the_end() -> None:
    mirror = Mirror()
    listener = Listener(mirror)
    mirror.take(*entry(1, Chunk("a")))
    mirror.take(*entry(2, Chunk("b"), DONE))
    assert listener.calls == [(3, True)]
    mirror.take(*entry(4, Chunk("late")))
    assert mirror.last == 3


def test_an_entry_that_overlaps_brings_what_is_new() -> None:
    mirror = Mirror()
    mirror.take(*entry(1, Chunk("a"), Chunk("b")))
    mirror.take(*entry(1, Chunk("a"), Chunk("b")))
    mirror.take(*entry(2, Chunk("b"), Chunk("c")))
    assert [(record.number, record.event) for record in mirror.since(0)] == [(1, Chunk("a")), (2, Chunk("b")), (3, Chunk("c"))]
    assert [record.frame for record in mirror.since(2)] == [sse.encode(3, Chunk("c"))]


def test_a_gap_closes_the_mirror_and_adds_nothing() -> None:
    mirror = Mirror()
    mirror.take(*entry(1, Chunk("a")))
    mirror.take(*entry(3, Chunk("c")))
    assert (mirror.last, mirror.closed) == (1, True)


def test_the_log_of_the_next_owner_replaces_that_of_the_one_before() -> None:
    mirror = Mirror()
    mirror.take(*entry(1, Chunk("a")))
    mirror.take(*entry(1_000_001, Chunk("b"), epoch=2))
    mirror.take(*entry(2, Chunk("late"), epoch=1))
    assert [record.number for record in mirror.since(0)] == [1_000_001]
    assert mirror.last == 1_000_001
