"""Ports for programs that cannot choose one themselves, and for those that leave and come back."""

import fcntl
import functools
import itertools
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

OWN = range(10_000, 32_000)  # below those that the system gives to whoever asks for any: 32768 and up on Linux
BLOCK = 500  # ports of a run of tests; each is given again once all others were


def free_port() -> int:
    """A port that no run of tests beside this one gets, also while nobody listens there."""
    for port in itertools.islice(_ports(), BLOCK):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("all ports of this run are taken")


@functools.cache
def _ports() -> Iterator[int]:
    """The ports of a block that is this process's as long as it lives."""
    for first in range(OWN.start, OWN.stop, BLOCK):
        lock = Path(tempfile.gettempdir(), f"lam-tests-ports-{first}").open("w")  # noqa: SIM115  # as long as this process
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.close()
            continue
        _locks.append(lock)
        return itertools.cycle(range(first, first + BLOCK))
    raise AssertionError("too many runs of tests at a time")


_locks: list[object] = []
