"""Ports for programs that cannot choose one themselves, and for those that leave and come back."""

import random
import socket

OWN = range(10_000, 32_000)  # below those that the system gives to whoever asks for any: 32768 and up on Linux
_reserved: list[socket.socket] = []


def free_port() -> int:
    """A port that no other test gets, of this run or of one beside it, also while nobody listens there."""
    while True:
        port = random.choice(OWN)
        reservation = socket.socket(socket.AF_UNIX)
        with socket.socket() as probe:
            try:
                reservation.bind(f"\0lam-tests-{port}")  # abstract: it goes with this process
                probe.bind(("127.0.0.1", port))
            except OSError:
                reservation.close()
                continue
        _reserved.append(reservation)
        return port
