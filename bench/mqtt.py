"""Measures mqtt mode beside sse mode, in one run, with the same model server behind both.

Two gateways serve side by side: one asks the scripted server over HTTP, the other a LAM worker through a real Mosquitto. Streams
are sent to them in turns. It prints the time to the first token, the longest pause between two pieces of text, and the CPU time per
token of gateway, worker and broker; it fails when a text is not the scripted one. Results go to bench/results/ as JSON with machine
and commit.
"""

import argparse
import asyncio
import shutil
import socket
import statistics
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
from gateways import Process, measured, served, started

from lam.client.client import Client
from lam.protocol.sse import Decoder


class Target(NamedTuple):
    url: str
    token: str
    processes: dict[str, Process]


class Stream(NamedTuple):
    """Seconds to the first text, and between one piece and the next."""

    first: float
    pauses: list[float]


@asynccontextmanager
async def targets(folder: str, upstream: str, slots: int) -> AsyncIterator[dict[str, Target]]:
    """Both gateways, ready."""
    env = {"LAM_MAX_STREAMS_PER_USER": str(slots), "LLM_SERVER_URL": upstream}
    ours = {name: Path(folder) / name for name in ("sse", "mqtt")}
    for path in ours.values():
        path.mkdir()
    async with mosquitto(folder) as (broker, port), served(str(ours["sse"]), env) as (sse, sse_url, sse_token):
        through_broker = env | {"LLM_COMM_MODE": "mqtt", "MQTT_BROKER_PORT": str(port)}
        command = (
            "-c",
            "from lam.cli import main; main()",
            "worker",
            "--llm",
            upstream,
            "--broker",
            f"127.0.0.1:{port}",
            "--name",
            "bench",
        )
        async with served(str(ours["mqtt"]), through_broker) as (mqtt, mqtt_url, mqtt_token):
            async with started(*command, says="Ctrl-C stops it") as (worker, _):
                found = {
                    "sse": Target(sse_url, sse_token, {"gateway": sse}),
                    "mqtt": Target(mqtt_url, mqtt_token, {"gateway": mqtt, "worker": worker, "broker": broker}),
                }
                for target in found.values():
                    async with Client(target.url, target.token) as client:
                        while not (await client.call("GET", "/api/health"))["ready"]:
                            await asyncio.sleep(0.1)
                yield found


@asynccontextmanager
async def mosquitto(folder: str) -> AsyncIterator[tuple[Process, int]]:
    program = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")
    if program is None:
        raise SystemExit("mosquitto is not installed: apt-get install mosquitto")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    config = Path(folder) / "mosquitto.conf"
    config.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\n")
    process = await asyncio.create_subprocess_exec(program, "-c", str(config), stderr=asyncio.subprocess.DEVNULL)
    try:
        yield Process(process.pid), port
    finally:
        process.terminate()
        await process.wait()


async def stream(http: aiohttp.ClientSession, target: Target, session: int, expected: str) -> Stream:
    body = {"session_id": session, "content": "hi"}
    began, last, pauses, text = time.perf_counter(), 0.0, [], []
    async with http.post(target.url + "/api/chatbot/messages/stream", json=body) as response:
        if response.status != 200:
            raise SystemExit(f"the gateway answers {response.status}: {await response.text()}")
        decoder = Decoder(limit=1 << 24)
        while piece := await response.content.readany():
            now = time.perf_counter()
            found = [event.data for event in decoder.feed(piece) if b'"type": "chunk"' in event.data]
            if found:
                pauses.append(now - (last or began))
                last = now
                text += [data.split(b'"content": "')[1].split(b'"')[0].decode() for data in found]
    if "".join(text) != expected:
        raise SystemExit("a text is not the scripted one")
    return Stream(pauses[0], pauses[1:])


async def in_turns(found: dict[str, Target], rounds: int, at_once: int, expected: str) -> dict[str, list[Stream]]:
    """`at_once` streams to one gateway, then as many to the other, and so on."""
    results: dict[str, list[Stream]] = {name: [] for name in found}
    for _ in range(rounds):
        for name, target in found.items():
            async with Client(target.url, target.token) as client:
                sessions = [int((await client.create_session())["id"]) for _ in range(at_once)]
            headers = {"Authorization": f"Bearer {target.token}"}
            async with aiohttp.ClientSession(headers=headers, connector=aiohttp.TCPConnector(limit=0)) as http:
                results[name] += await asyncio.gather(*(stream(http, target, session, expected) for session in sessions))
    return results


def figures_of(streams: list[Stream]) -> dict[str, Any]:
    firsts = sorted(1000 * one.first for one in streams)
    longest = sorted(1000 * max(one.pauses) for one in streams)
    return {
        "first_token_ms": {"p50": round(statistics.median(firsts), 1), "p90": round(firsts[int(0.9 * len(firsts))], 1)},
        "longest_pause_ms": {"p50": round(statistics.median(longest), 1), "max": round(longest[-1], 1)},
    }


async def compare(rounds: int, streams: int, rate: float, tokens: int) -> dict[str, Any]:
    expected = "".join(f"word{number} " for number in range(tokens))
    command = ("-m", "lam.testing.server", "--port", "0", "--rate", str(rate), "--tokens", str(tokens), "--slots", str(streams))
    with tempfile.TemporaryDirectory() as folder:
        async with started(*command, says="http://") as (_, line), targets(folder, line.strip(), streams) as found:
            alone = await in_turns(found, rounds, 1, expected)
            before = {name: {part: one.cpu_seconds() for part, one in target.processes.items()} for name, target in found.items()}
            together = await in_turns(found, max(1, rounds // 10), streams, expected)
            cpu = {
                name: {
                    part: round(1e6 * (one.cpu_seconds() - before[name][part]) / (len(together[name]) * tokens), 1)
                    for part, one in target.processes.items()
                }
                for name, target in found.items()
            }
    figures: dict[str, Any] = {"tokens_per_second_each": rate, "tokens_each": tokens, "streams_at_once": streams, "rounds": rounds}
    for kind, results in (("alone", alone), ("together", together)):
        both = {name: figures_of(found_streams) for name, found_streams in results.items()}
        figures |= {f"{kind}_{name}": both[name] for name in both}
        for what, which in (("first_token_ms", "p50"), ("longest_pause_ms", "p50"), ("longest_pause_ms", "max")):
            figures[f"{kind}_added_{what}_{which}"] = round(both["mqtt"][what][which] - both["sse"][what][which], 1)
    return figures | {"cpu_us_per_token": cpu}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--streams", type=int, default=20, help="streams at once in the second half")
    parser.add_argument("--rate", type=float, default=50, help="tokens a second of each stream")
    parser.add_argument("--tokens", type=int, default=100, help="tokens of each stream")
    parser.add_argument("--keep", action="store_true", help="write the result to bench/results/")
    args = parser.parse_args()
    with measured("mqtt", keep=args.keep) as result:
        result |= asyncio.run(compare(args.rounds, args.streams, args.rate, args.tokens))


if __name__ == "__main__":
    main()
