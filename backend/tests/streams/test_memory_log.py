from lam.protocol.events import Chunk
from lam.streams.memory_log import KEEP_SECONDS, Shelf


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def ended(shelf: Shelf, name: str, text: str = "x") -> None:
    log = shelf.open(name)
    log.append([Chunk(text)])
    log.close()
    shelf.ended(name)


def test_an_ended_log_is_kept_for_five_minutes() -> None:
    clock = Clock()
    shelf = Shelf(clock=clock)
    ended(shelf, "a")
    clock.now = KEEP_SECONDS - 1
    assert shelf.get("a") is not None
    clock.now = KEEP_SECONDS
    assert shelf.get("a") is None


def test_a_running_log_is_never_dropped() -> None:
    clock = Clock()
    shelf = Shelf(clock=clock, keep_bytes=0)
    log = shelf.open("a")
    log.append([Chunk("x" * 1000)])
    clock.now = 10 * KEEP_SECONDS
    assert shelf.get("a") is log


def test_beyond_the_bound_the_oldest_ended_go_first() -> None:
    shelf = Shelf(keep_bytes=5000)
    for name in "abc":
        ended(shelf, name, "x" * 1000)
    assert shelf.get("a") is None
    assert shelf.get("b") is not None
    assert shelf.get("c") is not None
