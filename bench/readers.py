"""Scenarios of many readers: one stream with two hundred of them, a storm of readers that come back, thousands that only wait."""

import asyncio
from typing import Any

from contestants import Lam, lam
from load import Load, Script
from processes import machine_seconds
from results import Figures, medians

FAN_OUT = {"readers": 200, "tokens": 500, "pace_us": 20_000}
STORM = {"readers": 500, "streams": 50, "tokens": 80, "pace_us": 100_000, "cut_seconds": 4}
WATCHERS = {"watchers": 5000, "tokens": 3, "pace_us": 25_000_000}


async def fan_out(load: Load, rounds: int) -> tuple[Figures, Figures]:
    """CPU of a reader: what 200 cost more than one, while all are connected."""
    found = []
    for _ in range(rounds):
        async with lam(load) as gateway:
            one, _ = await _followed(gateway, load, 1)
            all_, figures = await _followed(gateway, load, FAN_OUT["readers"])
        batches = 1e6 / FAN_OUT["pace_us"]  # at this pace each token is a batch
        figures["cpu_us_per_reader_and_batch"] = 1e6 * (all_ - one) / (FAN_OUT["readers"] - 1) / batches
        found.append(figures)
    return {"LAM": medians(found)}, {"LAM": found}


async def _followed(gateway: Lam, load: Load, readers: int) -> tuple[float, Figures]:
    """CPU seconds a second while one stream is read by so many, and what they saw."""
    process, tokens = gateway.processes["gateway"], FAN_OUT["tokens"]
    await load.expect(1, tokens)
    [stream] = await gateway.begin([Script(0, tokens, FAN_OUT["pace_us"])])
    requests = [(0, gateway.follow(stream))] * readers
    steal, whole = machine_seconds()
    reading = asyncio.create_task(load.run(gateway.port, requests, connections=readers, stagger_us=5000))
    await asyncio.sleep(2)
    clock = asyncio.get_running_loop().time
    cpu, began = process.cpu_seconds(), clock()
    await asyncio.sleep(6)
    rate = (process.cpu_seconds() - cpu) / (clock() - began)
    found = await reading
    after = machine_seconds()
    _insist(found)
    steal_percent = 100 * (after[0] - steal) / (after[1] - whole)
    return rate, {"behind_ms": found["behind_ms"], "errors": 0, "steal_percent": steal_percent}


async def resume_storm(load: Load, rounds: int) -> tuple[Figures, Figures]:
    """All readers lose their connections at once, and come back with `Last-Event-ID`."""
    found = []
    for _ in range(rounds):
        async with lam(load) as gateway:
            await load.expect(STORM["streams"], STORM["tokens"])
            scripts = [Script(number, STORM["tokens"], STORM["pace_us"]) for number in range(STORM["streams"])]
            streams = await gateway.begin(scripts)
            requests = [
                (number % len(streams), gateway.follow(streams[number % len(streams)])) for number in range(STORM["readers"])
            ]
            process = gateway.processes["gateway"]
            steal, whole = machine_seconds()
            reading = asyncio.create_task(
                load.run(gateway.port, requests, connections=STORM["readers"], cut_seconds=STORM["cut_seconds"])
            )
            await asyncio.sleep(STORM["cut_seconds"] - 1.5)
            before = process.cpu_seconds()
            await asyncio.sleep(1)
            quiet, before = process.cpu_seconds() - before, process.cpu_seconds()
            await asyncio.sleep(2)
            storm = process.cpu_seconds() - before - 2 * quiet
            answer = await reading
            after = machine_seconds()
            _insist(answer)
            figures = {
                "resumed_ms": answer["resumed_ms"],
                "cpu_ms_per_resume": 1000 * storm / STORM["readers"],
                "errors": 0,
                "steal_percent": 100 * (after[0] - steal) / (after[1] - whole),
            }
            found.append(figures)
    return {"LAM": medians(found)}, {"LAM": found}


async def watchers(load: Load, rounds: int) -> tuple[Figures, Figures]:
    """Readers of a stream in which next to nothing happens: what they cost, and how soon all have the next token."""
    count = WATCHERS["watchers"]
    found = []
    for _ in range(rounds):
        async with lam(load) as gateway:
            process = gateway.processes["gateway"]
            await load.expect(1, WATCHERS["tokens"])
            [stream] = await gateway.begin([Script(0, WATCHERS["tokens"], WATCHERS["pace_us"])])
            memory = process.memory_mib()
            requests = [(0, gateway.follow(stream))] * count
            steal, whole = machine_seconds()
            clock = asyncio.get_running_loop().time
            reading = asyncio.create_task(load.run(gateway.port, requests, connections=count, stagger_us=1500))
            await asyncio.sleep(24)  # the next token comes at 25 s, the last one at 50 s; comments every 15 s
            held = process.memory_mib()
            await asyncio.sleep(4)
            cpu, began = process.cpu_seconds(), clock()
            await asyncio.sleep(18)
            rate = (process.cpu_seconds() - cpu) / (clock() - began)
            answer = await reading
            after = machine_seconds()
            _insist(answer)
            figures = {
                "kib_per_watcher": 1024 * (held - memory) / count,
                "cpu_us_per_watcher_and_second": 1e6 * rate / count,
                "all_have_it_ms": answer["behind_ms"]["max"],
                "errors": 0,
                "steal_percent": 100 * (after[0] - steal) / (after[1] - whole),
            }
            found.append(figures)
    return {"LAM": medians(found)}, {"LAM": found}


def _insist(found: dict[str, Any]) -> None:
    if found["whole"] != found["requests"]:
        raise SystemExit(f"readers lost, doubled or disordered an event: {found['errors']}")
