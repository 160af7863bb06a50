"""The load program: builds it from load/*.c, starts it, and speaks with it. It is the model server and the reader in one."""

import asyncio
import json
import shutil
import subprocess
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from msgspec import Struct

SOURCES = Path(__file__).parent / "load"
PROGRAM = Path(__file__).parent / "build" / "load"


class Script(Struct, frozen=True):
    """What a stream gets from the model server. `pace_us`: microseconds a token, 0: as fast as they are taken; `lock`: the next
    token only when the client has the last; `wait_us`: microseconds to the first one."""

    stream: int
    tokens: int
    pace_us: int = 0
    lock: bool = False
    wait_us: int = 0

    def __str__(self) -> str:
        times = f"pace_us={self.pace_us} wait_us={self.wait_us} lock={int(self.lock)}"
        return f"@lam stream={self.stream} tokens={self.tokens} {times} @"


class Load:
    """`port`: where its model server listens."""

    def __init__(self, process: asyncio.subprocess.Process, port: int) -> None:
        self._process = process
        self.port = port

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def expect(self, streams: int, tokens: int) -> None:
        """What is coming: so many streams, so many tokens each. Forgets what was."""
        await self._ask(f"streams count={streams} tokens={tokens}\n".encode())

    async def run(
        self,
        port: int,
        requests: Sequence[tuple[int, bytes]],
        *,
        connections: int,
        stagger_us: int = 0,
        limit_seconds: float = 120,
        cut_seconds: float = 0,
    ) -> dict[str, Any]:
        """Sends the requests, each with the number of its stream, and reads until all have ended; its figures."""
        head = f"run port={port} connections={connections} requests={len(requests)} stagger_us={stagger_us} "
        times = f"limit_ms={round(1000 * limit_seconds)} cut_ms={round(1000 * cut_seconds)}\n"
        body = b"".join(b"%d %d\n%b" % (stream, len(request), request) for stream, request in requests)
        return await self._ask((head + times).encode() + body)

    async def _ask(self, command: bytes) -> dict[str, Any]:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(command)
        await self._process.stdin.drain()
        answer: dict[str, Any] = json.loads(await self._process.stdout.readline() or b"null")
        if answer is None:
            raise SystemExit("the load program has ended")
        return answer


@asynccontextmanager
async def load() -> AsyncIterator[Load]:
    build()
    process = await asyncio.create_subprocess_exec(PROGRAM, stdin=subprocess.PIPE, stdout=subprocess.PIPE, limit=1 << 20)
    assert process.stdout
    try:
        yield Load(process, json.loads(await process.stdout.readline())["port"])
    finally:
        process.terminate()
        await process.wait()


def build() -> None:
    sources = sorted(SOURCES.glob("*.c"))
    if PROGRAM.exists() and PROGRAM.stat().st_mtime > max(source.stat().st_mtime for source in SOURCES.iterdir()):
        return
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        raise SystemExit("a C compiler is missing: apt-get install gcc libc6-dev")
    PROGRAM.parent.mkdir(exist_ok=True)
    subprocess.run([compiler, "-O2", "-Wall", "-Wextra", "-std=gnu11", "-o", PROGRAM, *sources], check=True)
