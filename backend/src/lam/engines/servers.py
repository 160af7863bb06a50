"""The servers of a configuration as open engines: opened when they are configured, kept while they stay the same, and closed when
the last run on them has ended.

It must not know what an engine of a kind is made of: whoever makes it says so.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Final, Self

from lam.configuration import Server
from lam.engines.base import Engine

log = logging.getLogger(__name__)

LINGER_SECONDS: Final = 10.0  # for questions that are under way when a server goes
LOOK_SECONDS: Final = 0.25

Make = Callable[[Server], AbstractAsyncContextManager[Engine]]


class Servers:
    """Owns the engines, as an async context manager. `make`: returns the engine of a server. `linger`: seconds that an engine stays
    open after its last run."""

    def __init__(self, make: Make, *, linger: float = LINGER_SECONDS) -> None:
        self._make = make
        self._linger = linger
        self._open: dict[str, _Opened] = {}
        self._leaving: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for task in self._leaving:
            task.cancel()
        await asyncio.gather(*self._leaving, return_exceptions=True)
        await asyncio.gather(*(opened.close() for opened in self._open.values()))

    @property
    def engines(self) -> Mapping[str, Engine]:
        """The engines by the names of their servers, in order."""
        return {name: opened.engine for name, opened in self._open.items()}

    async def replace(self, servers: Sequence[Server], is_used: Callable[[Engine], bool] = lambda _engine: False) -> None:
        """Opens these servers and lets go of the others. `is_used`: whether a run is on an engine.

        A server that stays the same keeps its engine. Raises ConfigError when one cannot be opened; then nothing changes.
        """
        kept = {name: opened for name, opened in self._open.items() if opened.server in servers}
        new: dict[str, _Opened] = {}
        try:
            for server in servers:
                if server.name not in kept:
                    new[server.name] = await _Opened.start(server, self._make)
        except BaseException:
            await asyncio.gather(*(opened.close() for opened in new.values()))
            raise
        gone = [opened for name, opened in self._open.items() if name not in kept]
        self._open = {server.name: kept.get(server.name) or new[server.name] for server in servers}
        for opened in gone:
            task = asyncio.create_task(self._let_go(opened, is_used), name=f"let-go-{opened.server.name}")
            self._leaving.add(task)
            task.add_done_callback(self._leaving.discard)

    async def _let_go(self, opened: "_Opened", is_used: Callable[[Engine], bool]) -> None:
        try:
            await asyncio.sleep(self._linger)
            while is_used(opened.engine):  # noqa: ASYNC110  # a run of minutes; nothing else waits for this
                await asyncio.sleep(LOOK_SECONDS)
        finally:
            await opened.close()
            log.info("The server %s is let go", opened.server.name)


class _Opened:
    """An open engine. A task of its own enters and leaves its context."""

    def __init__(self, server: Server, engine: Engine, task: "asyncio.Task[None]", leave: asyncio.Event) -> None:
        self.server = server
        self.engine = engine
        self._task = task
        self._leave = leave

    @classmethod
    async def start(cls, server: Server, make: Make) -> Self:
        """Raises what opening the engine raises."""
        ready: asyncio.Future[Engine] = asyncio.get_running_loop().create_future()
        leave = asyncio.Event()
        task = asyncio.create_task(_hold(server, make, ready, leave), name=f"server-{server.name}")
        try:
            return cls(server, await ready, task, leave)
        except BaseException:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            raise

    async def close(self) -> None:
        self._leave.set()
        await asyncio.gather(self._task, return_exceptions=True)


async def _hold(server: Server, make: Make, ready: "asyncio.Future[Engine]", leave: asyncio.Event) -> None:
    try:
        async with make(server) as engine:
            ready.set_result(engine)
            await leave.wait()
    except Exception as error:
        if ready.done():
            log.exception("The server %s failed to close", server.name)
        else:
            ready.set_exception(error)
