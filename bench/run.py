"""Measures the gateway in front of the scripted server, beside the scripted server alone, in one run.

`make bench` runs the scenario *concurrent*: 200 streams of 20 tokens a second. It prints the CPU time of the gateway process per
forwarded token (from /proc/PID/schedstat), the time to first token that the gateway adds, and its peak memory; it fails when an
event is lost, doubled or out of order. Results go to bench/results/ as JSON with machine and commit.
"""

import argparse
import asyncio
import datetime
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from lam.client.client import Client
from lam.protocol.sse import Decoder

RESULTS = Path(__file__).parent / "results"


class Process:
    """A measured process."""

    def __init__(self, pid: int) -> None:
        self._proc = Path(f"/proc/{pid}")

    def cpu_seconds(self) -> float:
        """Of all its threads, in user and kernel mode."""
        return sum(int((task / "schedstat").read_text().split()[0]) for task in (self._proc / "task").iterdir()) / 1e9

    def peak_mib(self) -> float:
        line = next(line for line in (self._proc / "status").read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024


@asynccontextmanager
async def started(*command: str, says: str, env: dict[str, str] | None = None) -> AsyncIterator[tuple[Process, str]]:
    """A child process, once it has printed a line with `says`; its last word is the URL or what stands in its place."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, *command, env=os.environ | (env or {}), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    assert process.stdout
    try:
        line = ""
        while says not in line:
            raw = await process.stdout.readline()
            if not raw:
                raise SystemExit(f"{' '.join(command)} did not start")
            line = raw.decode()
        yield Process(process.pid), line
    finally:
        process.terminate()
        await process.wait()


async def direct(http: aiohttp.ClientSession, url: str, _session: int) -> tuple[float, list[str]]:
    """One stream straight from the scripted server: seconds to the first token, and the tokens."""
    body = {"messages": [{"role": "user", "content": "hi"}], "stream": True}
    began, first, tokens = time.perf_counter(), 0.0, []
    async with http.post(url + "/v1/chat/completions", json=body) as response:
        decoder = Decoder()
        while piece := await response.content.readany():
            for event in decoder.feed(piece):
                if b'"content":"' in event.data:
                    first = first or time.perf_counter() - began
                    tokens.append(event.data.split(b'"content":"')[1].split(b'"')[0].decode())
    return first, tokens


async def through(http: aiohttp.ClientSession, url: str, session: int) -> tuple[float, list[str]]:
    """The same through the gateway."""
    body = {"session_id": session, "content": "hi"}
    began, first, tokens, last = time.perf_counter(), 0.0, [], 0
    async with http.post(url + "/api/chatbot/messages/stream", json=body) as response:
        if response.status != 200:
            raise SystemExit(f"the gateway answers {response.status}: {await response.text()}")
        decoder = Decoder(limit=1 << 24)
        while piece := await response.content.readany():
            for event in decoder.feed(piece):
                last += 1
                if int(event.id) != last:
                    raise SystemExit(f"event {event.id!r} came as number {last}")
                if b'"type": "chunk"' in event.data:
                    first = first or time.perf_counter() - began
                    tokens.append(event.data.split(b'"content": "')[1].split(b'"')[0].decode())
    return first, tokens


async def concurrent(streams: int, rate: float, tokens: int) -> dict[str, Any]:
    """Many paced streams, begun one after the other within one token's pace each."""
    upstream_command = ("-m", "lam.testing.server", "--port", "0", "--rate", str(rate), "--tokens", str(tokens))
    with tempfile.TemporaryDirectory() as folder:
        async with started(*upstream_command, "--slots", str(streams), says="http://") as (_, line):
            upstream = line.strip()
            env = {
                "LAM_DATA_DIR": folder,
                "LAM_PORT": "0",
                "LLM_SERVER_URL": upstream,
                "LAM_MAX_STREAMS_PER_USER": str(streams),
            }
            serve = ("-c", "from lam.cli import main; main()", "serve")
            async with started(*serve, says="serves", env=env) as (gateway, _):
                url = (Path(folder) / "url").read_text().strip()
                token = (Path(folder) / "token").read_text().strip()
                async with Client(url, token) as client:
                    while not (await client.call("GET", "/api/health"))["ready"]:
                        await asyncio.sleep(0.1)
                    sessions = [int((await client.create_session())["id"]) for _ in range(streams)]
                return await _compare(url, upstream, token, sessions, tokens, rate, gateway)


async def _compare(
    url: str, upstream: str, token: str, sessions: list[int], tokens: int, rate: float, gateway: Process
) -> dict[str, Any]:
    expected = [f"word{number} " for number in range(tokens)]
    headers = {"Authorization": f"Bearer {token}"}
    figures: dict[str, Any] = {}
    async with aiohttp.ClientSession(headers=headers, connector=aiohttp.TCPConnector(limit=0)) as http:
        for name, one, target in (("direct", direct, upstream), ("gateway", through, url)):
            before = gateway.cpu_seconds()

            async def later(number: int, session: int, one: Any = one, target: str = target) -> tuple[float, list[str]]:
                await asyncio.sleep(number / rate)
                found: tuple[float, list[str]] = await one(http, target, session)
                return found

            results = await asyncio.gather(*(later(number, session) for number, session in enumerate(sessions)))
            if any(received != expected for _, received in results):
                raise SystemExit(f"{name}: a token was lost, doubled or out of order")
            firsts = sorted(1000 * first for first, _ in results)
            figures[name] = {
                "first_token_ms": {"p50": round(statistics.median(firsts), 1), "p99": round(firsts[int(0.99 * len(firsts))], 1)},
                "cpu_us_per_token": round(1e6 * (gateway.cpu_seconds() - before) / (len(sessions) * tokens), 1),
            }
    direct_ms, ours = figures["direct"]["first_token_ms"], figures["gateway"]
    return {
        "streams": len(sessions),
        "tokens_per_second_each": rate,
        "tokens_each": tokens,
        "cpu_us_per_forwarded_token": ours["cpu_us_per_token"],
        "first_token_ms": {"direct": direct_ms, "gateway": ours["first_token_ms"]},
        "first_token_added_ms_p50": round(ours["first_token_ms"]["p50"] - direct_ms["p50"], 1),
        "peak_memory_mib": round(gateway.peak_mib(), 1),
    }


def steal_seconds() -> float:
    """Processor time that the machine's owner took, so far."""
    return int(Path("/proc/stat").read_text().split("\n", 1)[0].split()[8]) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--streams", type=int, default=200)
    parser.add_argument("--rate", type=float, default=20, help="tokens a second of each stream")
    parser.add_argument("--tokens", type=int, default=300, help="tokens of each stream")
    parser.add_argument("--keep", action="store_true", help="write the result to bench/results/")
    args = parser.parse_args()
    before = steal_seconds()
    result = asyncio.run(concurrent(args.streams, args.rate, args.tokens))
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False).stdout.strip()
    about = {
        "scenario": "concurrent",
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "commit": commit,
        "machine": {"cpus": os.cpu_count(), "python": platform.python_version(), "system": platform.system()},
        "steal_seconds": round(steal_seconds() - before, 1),
    }
    for name, value in result.items():
        print(f"{name:28} {value}")
    if args.keep:
        RESULTS.mkdir(exist_ok=True)
        path = RESULTS / f"{about['date'][:10]}-concurrent.json"
        path.write_text(json.dumps(about | result, indent=2) + "\n")
        print(f"{'kept in':28} {path.name}")


if __name__ == "__main__":
    main()
