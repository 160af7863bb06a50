"""A TCP proxy before a broker that loses, doubles and delays some messages: usually the frames that workers send to gateways.

It reads MQTT packets: types, lengths and topics as in sections 2 and 3.3 of the MQTT 5 specification, and alike in 3.1.1. What it
drops it acknowledges itself, so that to both sides the message was delivered.
"""

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Self

PUBLISH, PUBACK = 3, 4


class Faults:
    """Probabilities for a frame, and how long a delayed one waits, in seconds."""

    def __init__(self, *, lost: float, doubled: float, delayed: float, delay: float, seed: int = 1) -> None:
        self.lost, self.doubled, self.delayed, self.delay = lost, doubled, delayed, delay
        self.random = random.Random(seed)


class Proxy:
    """An async context manager. `topics`: parts of the topics whose messages suffer. `counts`: what was done to these."""

    def __init__(self, broker_port: int, faults: Faults, topics: tuple[bytes, ...] = (b"/from/",)) -> None:
        self._topics = topics
        self.counts: Counter[str] = Counter()
        self._broker_port = broker_port
        self._faults = faults
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            with contextlib.suppress(OSError, asyncio.CancelledError):
                await self._connect(reader, writer)
        finally:
            self._tasks.discard(task)
            writer.transport.abort()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        broker_reader, broker_writer = await asyncio.open_connection("127.0.0.1", self._broker_port)
        doubled: Counter[bytes] = Counter()  # packet numbers of which one acknowledgement too many will come
        directions = [
            asyncio.ensure_future(self._outward(reader, broker_writer, doubled)),
            asyncio.ensure_future(self._inward(broker_reader, writer, broker_writer, doubled)),
        ]
        try:
            await asyncio.wait(directions, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for direction in directions:
                direction.cancel()
            await asyncio.gather(*directions, return_exceptions=True)
            broker_writer.transport.abort()

    async def _outward(self, reader: asyncio.StreamReader, broker: asyncio.StreamWriter, doubled: "Counter[bytes]") -> None:
        async for first, body, packet in _packets(reader):
            if first >> 4 == PUBACK and doubled[body[:2]]:
                doubled[body[:2]] -= 1
            else:
                broker.write(packet)

    async def _inward(
        self, reader: asyncio.StreamReader, client: asyncio.StreamWriter, broker: asyncio.StreamWriter, doubled: "Counter[bytes]"
    ) -> None:
        faults, loop = self._faults, asyncio.get_running_loop()
        async for first, body, packet in _packets(reader):
            length = int.from_bytes(body[:2], "big")
            is_frame = first >> 4 == PUBLISH and any(topic in body[2 : 2 + length] for topic in self._topics)
            if not is_frame:
                client.write(packet)
                continue
            self.counts["frames"] += 1
            number = body[2 + length : 4 + length]
            chance = faults.random.random()
            if chance < faults.lost:
                self.counts["lost"] += 1
                broker.write(bytes([PUBACK << 4, 2]) + number)
            elif chance < faults.lost + faults.doubled:
                self.counts["doubled"] += 1
                doubled[number] += 1
                client.write(packet + packet)
            elif chance < faults.lost + faults.doubled + faults.delayed:
                self.counts["delayed"] += 1
                loop.call_later(faults.random.random() * faults.delay, client.write, packet)
            else:
                client.write(packet)


async def _packets(reader: asyncio.StreamReader) -> AsyncIterator[tuple[int, bytes, bytes]]:
    """First byte, body, and the whole packet."""
    try:
        while True:
            header = await reader.readexactly(2)
            length, shift = header[1] & 127, 7
            while header[-1] & 128:
                header += await reader.readexactly(1)
                length |= (header[-1] & 127) << shift
                shift += 7
            body = await reader.readexactly(length)
            yield header[0], body, header + body
    except (asyncio.IncompleteReadError, OSError):
        return
