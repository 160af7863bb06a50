"""Measures what surrounds the streams: long sessions, search over many messages, hostile documents.

`make bench` runs it after the streams. Goals: the newest 200 of 2 000 messages in 50 ms, a search over 20 000 in 100 ms, each
hostile document refused in 5 s, the gateway grown by less than 32 MiB. With DATABASE_URL set it measures that database, which must
be empty, instead of SQLite.
"""

import argparse
import asyncio
import io
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import tables
from contestants import gateway as served
from processes import Process
from results import about, keep

from lam.client.client import Client

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "backend"))
from tests.documents.hostile import hostile

TEXT = "the quick brown fox jumps over a lazy dog while seven wizards brew strong potions for one patient dragon"
WORDS = TEXT.split()
LOOKED_FOR = {"a common word": "dragon", "three words": "quick wizards potions", "a rare one": "number19998", "none": "unheard"}
REPEAT = 15
QUESTION = "Long sessions, search over many messages, hostile documents: how long does each take?"


def session_file(first: int, count: int) -> bytes:
    """A session of `count` messages of about 500 characters, each with a number of its own."""
    messages = [
        {
            "id": number,
            "role": "user" if number % 2 == 0 else "assistant",
            "content": f"number{number} " + " ".join(WORDS[(number + i) % len(WORDS)] for i in range(90)),
            "parent_id": number - 1 if number > first else None,
        }
        for number in range(first, first + count)
    ]
    return msgspec.json.encode({"format": "lam-session", "version": 1, "session": {"title": f"From {first}"}, "messages": messages})


async def timed(call: Callable[[], Awaitable[Any]], gateway: Process) -> dict[str, float]:
    """Milliseconds of one call, and of the gateway's CPU, medians over some."""
    await call()
    walls = []
    before = gateway.cpu_seconds()
    for _ in range(REPEAT):
        began = time.perf_counter()
        await call()
        walls.append(1000 * (time.perf_counter() - began))
    cpu = 1000 * (gateway.cpu_seconds() - before) / REPEAT
    return {"p50_ms": round(statistics.median(walls), 1), "max_ms": round(max(walls), 1), "cpu_ms": round(cpu, 1)}


async def library(messages: int) -> dict[str, Any]:
    figures: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        async with (
            served(folder, {"LLM_SERVER_URL": "http://127.0.0.1:9"}, ready=False) as lam,
            Client(lam.url, lam.token) as client,
        ):
            gateway = lam.processes["gateway"]
            began = time.perf_counter()
            for first in range(0, messages, 2000):
                made = await post(client, "/api/chatbot/sessions/import", io.BytesIO(session_file(first, 2000)))
            figures["import_2000_messages_ms"] = round(1000 * (time.perf_counter() - began) / (messages // 2000))
            path = f"/api/chatbot/sessions/{made['id']}/messages"
            figures["newest_200_of_2000"] = await timed(lambda: client.call("GET", path, limit=200), gateway)
            for name, words in LOOKED_FOR.items():
                figures[f"search: {name}"] = await timed(partial(client.call, "GET", "/api/chatbot/search", q=words), gateway)
            figures |= await documents(client, gateway)
    return figures


async def documents(client: Client, gateway: Process) -> dict[str, Any]:
    before, slowest, refused = gateway.peak_mib(), (0.0, ""), 0
    files = hostile()
    for what, (name, data, _) in files.items():
        form = aiohttp.FormData()
        form.add_field("file", io.BytesIO(data), filename=name)
        began = time.perf_counter()
        async with client._http.post(client.url + "/api/chatbot/upload-document", data=form) as response:
            refused += 400 <= response.status < 500
        slowest = max(slowest, (time.perf_counter() - began, what))
    async with client._http.get(client.url + "/metrics") as response:
        lag = longest_lag(await response.text())
    return {
        "hostile_documents_refused": f"{refused} of {len(files)}",
        "slowest_refusal": f"{slowest[0]:.2f} s: {slowest[1]}",
        "peak_memory_grown_mib": round(gateway.peak_mib() - before, 1),
        "event_loop_lag_at_most": lag,
    }


def longest_lag(metrics: str) -> str:
    """The bucket that holds the longest lag since the start."""
    buckets = [line for line in metrics.splitlines() if line.startswith("lam_event_loop_lag_seconds_bucket")]
    total = buckets[-1].split()[-1]
    first = next(line for line in buckets if line.split()[-1] == total)
    return first.split('le="')[1].split('"')[0] + " s"


async def post(client: Client, path: str, body: io.BytesIO) -> Any:
    async with client._http.post(client.url + path, data=body) as response:
        if response.status >= 400:
            raise SystemExit(f"{path}: {await response.text()}")
        return await response.json()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=20_000)
    parser.add_argument("--keep", action="store_true", help="write the result to bench/results/")
    args = parser.parse_args()
    figures = asyncio.run(library(args.messages))
    result = about("library", QUESTION, "python bench/library.py --keep", {"messages": args.messages}) | {
        "contestants": {"LAM": figures}
    }
    print(tables.scenario(result))
    if args.keep:
        keep(result)


if __name__ == "__main__":
    main()
