"""Model servers and workers as programs of their own, which are killed and start anew."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator

from .brokers import Mosquitto
from .tunnel import worker_process


class Program:
    """A program that can be killed, and then starts anew."""

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None
        self._started = asyncio.Event()

    async def run(self) -> None:
        async with self._start() as process:
            self._process = process
            self._started.set()
            await process.wait()
            self._started.clear()

    async def keep(self) -> None:
        while True:
            await self.run()

    async def kill(self) -> None:
        await self._started.wait()
        assert self._process
        self._process.kill()
        await self._process.wait()

    async def up(self) -> None:
        await self._started.wait()

    def _start(self) -> "contextlib.AbstractAsyncContextManager[asyncio.subprocess.Process]":
        raise NotImplementedError


class ModelServer(Program):
    """`program`: Python that prints a line once the server answers."""

    def __init__(self, program: str) -> None:
        super().__init__()
        self._program = program

    @contextlib.asynccontextmanager
    async def _start(self) -> AsyncIterator[asyncio.subprocess.Process]:
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", self._program, stdout=asyncio.subprocess.PIPE)
        assert process.stdout
        try:
            assert await process.stdout.readline()
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()


class WorkerProgram(Program):
    """`lam worker` beside the server at `url`."""

    def __init__(self, url: str, broker: Mosquitto, name: str, *, slots: int) -> None:
        super().__init__()
        self._arguments = (url, broker, name, "--slots", str(slots))

    def _start(self) -> "contextlib.AbstractAsyncContextManager[asyncio.subprocess.Process]":
        return worker_process(*self._arguments)


@contextlib.asynccontextmanager
async def kept(*programs: Program) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(program.keep()) for program in programs]
    try:
        await asyncio.gather(*(program.up() for program in programs))
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
