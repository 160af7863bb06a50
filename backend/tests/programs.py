"""Model servers and workers as programs of their own, which are killed and start anew."""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Protocol

from lam.llama.model import demo_model
from lam.llama.process import LlamaServer, llama_server

from .brokers import Mosquitto
from .forked import forked
from .tunnel import worker_process


class Process(Protocol):
    def kill(self) -> None: ...

    async def wait(self) -> object: ...


class Program:
    """A program that can be killed, and then starts anew."""

    def __init__(self) -> None:
        self._process: Process | None = None
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

    def strike(self) -> bool:
        """Kills it. Returns False where it is gone already."""
        if self._process is None or not self._started.is_set():
            return False
        self._process.kill()
        return True

    async def kill(self) -> None:
        await self._started.wait()
        assert self._process
        self._process.kill()
        await self._process.wait()

    async def up(self) -> None:
        await self._started.wait()

    def _start(self) -> "contextlib.AbstractAsyncContextManager[Process]":
        raise NotImplementedError


class ModelServer(Program):
    """`program`: Python that prints a line once the server answers."""

    def __init__(self, program: str) -> None:
        super().__init__()
        self._program = program

    @contextlib.asynccontextmanager
    async def _start(self) -> AsyncIterator[Process]:
        process = await forked(self._program)
        said = asyncio.create_task(process.stderr.read())
        try:
            assert await process.stdout.readline(), (await said).decode()
            yield process
        finally:
            said.cancel()
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()


class DemoServer(Program):
    """llama.cpp with the demo model. `options`: of `llama_server`."""

    def __init__(self, log: Path, port: int, **options: Any) -> None:
        super().__init__()
        self._options = {"log": log, "port": port} | options

    @contextlib.asynccontextmanager
    async def _start(self) -> AsyncIterator[Process]:
        async with llama_server(demo_model(), **self._options) as server:
            yield _Llama(server)


class _Llama:
    def __init__(self, server: LlamaServer) -> None:
        self._server = server

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._server.pid, signal.SIGKILL)

    async def wait(self) -> object:
        return await self._server.ended


class WorkerProgram(Program):
    """`lam worker` beside the server at `url`."""

    def __init__(self, url: str, broker: Mosquitto, name: str, *, slots: int) -> None:
        super().__init__()
        self._arguments = (url, broker, name, "--slots", str(slots))

    def _start(self) -> "contextlib.AbstractAsyncContextManager[Process]":
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
