"""Measures the gateway in front of the scripted server, beside the scripted server alone, in one run.

`make bench` runs the scenario *concurrent*: 200 streams of 20 tokens a second. It prints the CPU time of the gateway process per
forwarded token (from /proc/PID/schedstat), the time to first token that the gateway adds, and its peak memory; it fails when an
event is lost, doubled or out of order. Results go to bench/results/ as JSON with machine and commit.
"""

import argparse
import asyncio
import statistics
import tempfile
import time
from typing import Any

import aiohttp
from gateways import Process, measured, served, started

from lam.client.client import Client
from lam.protocol.sse import Decoder


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
            env = {"LLM_SERVER_URL": upstream, "LAM_MAX_STREAMS_PER_USER": str(streams)}
            async with served(folder, env) as (gateway, url, token):
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--streams", type=int, default=200)
    parser.add_argument("--rate", type=float, default=20, help="tokens a second of each stream")
    parser.add_argument("--tokens", type=int, default=300, help="tokens of each stream")
    parser.add_argument("--keep", action="store_true", help="write the result to bench/results/")
    args = parser.parse_args()
    with measured("concurrent", keep=args.keep) as result:
        result |= asyncio.run(concurrent(args.streams, args.rate, args.tokens))


if __name__ == "__main__":
    main()
