"""A room of 100 guests for ten minutes, 20 replies at a time: `python bench/room.py [--minutes 10] [--guests 100] [--at-once 20]`.

With `--share 0.2` the gateway is held up four fifths of the time, as on a machine that is busy with other things: then
everything is late, and still nothing may be lost.

The guests are in this process, and so is the scripted model; the gateway is a process of its own, which is measured. The room's
owner follows up to 60 replies on one connection, as the page's tiles do. It prints what it saw, and fails where anything was lost.
"""

import argparse
import asyncio
import json
import os
import re
import secrets
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from processes import Process

from lam.client.client import Client
from lam.protocol.sse import Decoder
from lam.testing.classroom import Classroom, Report, reply_to
from lam.testing.server import Reply, ScriptedServer

TILES = 60
RATE = 15.0
"""Pieces of a reply per second: slower than a person reads."""
SLICE = 0.2
"""Seconds in which a gateway that is held up has its share once."""


@asynccontextmanager
async def gateway(folder: Path, model: str) -> AsyncIterator[tuple[str, str, Process]]:
    settings = {"LAM_DATA_DIR": str(folder), "LAM_PORT": "0", "LAM_ROOMS": "true", "LLM_SERVER_URL": model, "LAM_TITLES": "false"}
    settings |= {"SECRET_KEY": secrets.token_hex(32)}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", "from lam.cli import main; main()", "serve", env=os.environ | settings, stderr=subprocess.PIPE
    )
    said = asyncio.create_task(_read(process))
    try:
        while not (folder / "url").exists():
            if process.returncode is not None:
                raise SystemExit("the gateway did not start")
            await asyncio.sleep(0.1)
        yield (folder / "url").read_text().strip(), (folder / "token").read_text().strip(), Process(process.pid)
    finally:
        process.terminate()
        await process.wait()
        for line in (await said)[-20:]:
            print("gateway:", line)


async def _read(process: asyncio.subprocess.Process) -> list[str]:
    """Returns the warnings of the gateway, once it has ended."""
    assert process.stderr is not None
    return [line.decode().rstrip() async for line in process.stderr if b" INFO " not in line]


class Tiles:
    """What the owner sees: each reply that it followed, and how far it read it."""

    def __init__(self, client: Client, room: int) -> None:
        self._client = client
        self._room = room
        self._texts: dict[str, str] = {}
        self._running: dict[int, str] = {}
        self._ended: set[str] = set()
        self._last: dict[str, int] = {}
        self.most = 0
        self.read = 0
        self.lost: list[str] = []

    async def watch(self) -> None:
        decoder, followed = Decoder(), list[str]()
        async with self._client._http.get(f"{self._client.url}/api/events?room={self._room}") as response:
            connection = ""
            async for piece in response.content.iter_any():
                for message in decoder.feed(piece):
                    frame = json.loads(message.data)
                    if frame["stream"] == "connection":
                        connection = frame["event"]["id"]
                    elif frame["stream"] == "room":
                        self._hear(frame["event"])
                    elif frame["n"] > self._last.get(frame["stream"], 0):  # one that ended while it was asked for comes again
                        self._last[frame["stream"]] = frame["n"]
                        self._take(frame["stream"], frame["event"])
                running = [*self._running.values()]
                kept = [one for one in followed if one in running]  # whoever is let go and followed again is read from the start
                wanted = [*kept, *(one for one in running if one not in kept)][:TILES]
                self.most = max(self.most, len(wanted))
                if connection and wanted != followed:
                    followed = wanted
                    await self._client.call("POST", f"/api/events/{connection}", {"room": [self._room], "run": wanted})

    def _hear(self, event: dict[str, Any]) -> None:
        if event["type"] == "participant":
            person = event["participant"]
            self._running.pop(person["user_id"], None)
            if person["stream_id"] is not None and person["stream_id"] not in self._ended:
                self._running[person["user_id"]] = person["stream_id"]

    def _take(self, stream: str, event: dict[str, Any]) -> None:
        text = self._texts.setdefault(stream, "")
        if event["type"] == "chunk":
            self._texts[stream] = text + event["content"]
        elif event["type"] in ("done", "error"):
            self.read += 1
            self._ended.add(stream)
            self._running = {person: one for person, one in self._running.items() if one != stream}
            if text != event.get("full_content"):
                self.lost.append(f"{stream}: {len(text)} characters of {len(event.get('full_content') or '')}")


async def _hold_up(process: Process, share: float) -> None:
    """Lets a process run for `share` of the time."""
    try:
        while share < 1:
            os.kill(process.pid, signal.SIGSTOP)
            await asyncio.sleep((1 - share) * SLICE)
            os.kill(process.pid, signal.SIGCONT)
            await asyncio.sleep(share * SLICE)
    finally:
        os.kill(process.pid, signal.SIGCONT)


async def measure(minutes: float, guests: int, at_once: int, share: float) -> None:
    most = 0

    def answer(body: dict[str, Any]) -> Reply:
        nonlocal most
        most = max(most, model.active)
        question = str(body["messages"][-1]["content"])
        assert re.fullmatch(r"<\d+\.\d+>", question), question
        return reply_to(question, RATE)

    with tempfile.TemporaryDirectory() as folder:
        async with (
            ScriptedServer(answer, slots=at_once, n_ctx=1 << 20) as model,
            gateway(Path(folder), model.url) as (url, token, process),
        ):
            async with Client(url, token) as owner:
                ends = datetime.now(UTC) + timedelta(days=1)
                body = {"title": "A class", "expires_at": ends.isoformat(), "most": guests}
                room = await owner.call("POST", "/api/rooms", body)
                tiles = Tiles(owner, room["id"])
                watching = asyncio.create_task(tiles.watch())
                classroom = Classroom(url, room["code"], pupils=guests, think=4.0)
                memory: list[float] = []
                sampling = asyncio.create_task(_sample(process, memory))
                holding_up = asyncio.create_task(_hold_up(process, share))
                began, cpu = time.monotonic(), process.cpu_seconds()
                await classroom.run(60 * minutes)
                took, spent = time.monotonic() - began, process.cpu_seconds() - cpu
                for task in (watching, sampling, holding_up):
                    task.cancel()
                await asyncio.wait({watching, sampling, holding_up})
                people = await owner.call("GET", f"/api/rooms/{room['id']}/participants")
                _print(classroom.report, tiles, took=took, spent=spent, memory=memory, at_once=at_once)
                print(f"requests at the model at a time: {most}")
                stored = sum(person["messages"] for person in people)
                print(f"in the database: {stored} messages of {len(people)} participants")
                report = classroom.report
                if (
                    most > at_once
                    or report.lost
                    or report.refused
                    or report.moved_back
                    or tiles.lost
                    or stored != 2 * report.answered
                ):
                    raise SystemExit(f"lost: {report.lost[:3]} {report.refused} {report.moved_back} {tiles.lost[:3]}")


async def _sample(process: Process, memory: list[float]) -> None:
    while True:
        memory.append(process.memory_mib())
        await asyncio.sleep(5)


def _print(report: Report, tiles: Tiles, *, took: float, spent: float, memory: list[float], at_once: int) -> None:
    queued = [wait for wait in report.waits if wait.position >= 0]
    worst = max(queued, key=lambda wait: wait.position, default=None)
    late = max((wait.others - wait.position for wait in queued), default=0)
    seconds = sorted(wait.seconds for wait in report.waits)
    print(
        f"{took:.0f} s: {report.answered} of {report.asked} questions answered, {len(report.lost)} lost, refused {report.refused}"
    )
    print(f"replies at a time: {report.most_at_once} (places: {at_once})")
    print(f"first word: median {statistics.median(seconds):.2f} s, longest {seconds[-1]:.2f} s; {len(queued)} waited in the queue")
    if worst is not None:
        print(f"the last in the queue: position {worst.position}, {worst.others} others began first, {worst.seconds:.2f} s")
    print(
        f"others began beyond the position: at most {late}; those admitted before count, too. Grown positions: {report.moved_back}"
    )
    print(f"the owner's tiles: {tiles.most} at a time, {tiles.read} replies read to their end, {len(tiles.lost)} lost")
    print(f"gateway: {100 * spent / took:.1f} % of one core, {1e3 * spent / max(1, report.answered):.1f} ms a reply")
    print(f"memory: {memory[0]:.0f} MiB at the beginning, {memory[-1]:.0f} at the end, {max(memory):.0f} at most")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--guests", type=int, default=100)
    parser.add_argument("--at-once", type=int, default=20)
    parser.add_argument("--share", type=float, default=1)
    chosen = parser.parse_args()
    asyncio.run(measure(chosen.minutes, chosen.guests, chosen.at_once, chosen.share))


if __name__ == "__main__":
    main()
