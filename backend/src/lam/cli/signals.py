"""Signals for commands that work until somebody stops them. It must not know what they do."""

import asyncio
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

POLL_SECONDS: Final = 0.1


class Stop:
    """Whether somebody wants the command to end."""

    def __init__(self) -> None:
        self._wanted = asyncio.Event()

    def want(self, *_: object) -> None:
        """Requests a stop; the second time, exits at once."""
        if self._wanted.is_set():
            os._exit(1)
        self._wanted.set()

    async def wait(self) -> None:
        while not self._wanted.is_set():  # noqa: ASYNC110  # polled: on Windows a signal wakes no event loop
            await asyncio.sleep(POLL_SECONDS)


@contextmanager
def stop_by_signals() -> Iterator[Stop]:
    """Makes SIGTERM and SIGINT request a stop, and puts the earlier handlers back. Works on every platform's event loop."""
    stop = Stop()
    before = {number: signal.signal(number, stop.want) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
