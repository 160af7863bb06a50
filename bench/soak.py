"""Half an hour of streams: does memory stay where it was after the first ten minutes?"""

import asyncio
from typing import Any

from contestants import lam
from load import Load, Script
from processes import machine_seconds
from results import Figures

STREAMS, TOKENS, PACE_US, CONNECTIONS = 200, 100, 20_000, 20
SETTLED_MINUTES, MINUTES = 10, 30


async def soak(load: Load, minutes: float = MINUTES) -> tuple[Figures, Figures]:
    """Twenty readers, one stream of 100 tokens at 50 a second after the other, every session new."""
    samples: list[dict[str, Any]] = []
    clock = asyncio.get_running_loop().time
    streams = tokens = 0
    steal, whole = machine_seconds()
    async with lam(load) as gateway:
        process = gateway.processes["gateway"]
        began, cpu = clock(), process.cpu_seconds()
        while clock() - began < 60 * minutes:
            await load.expect(STREAMS, TOKENS)
            requests = await gateway.requests([Script(number, TOKENS, PACE_US) for number in range(STREAMS)])
            found = await load.run(gateway.port, requests, connections=CONNECTIONS, stagger_us=100_000)
            if found["whole"] != found["requests"]:
                raise SystemExit(f"after {clock() - began:.0f} s: {found['errors']}")
            streams, tokens = streams + found["whole"], tokens + found["tokens"]
            samples.append({"minute": round((clock() - began) / 60, 1), "memory_mib": round(process.memory_mib(), 1)})
        spent = process.cpu_seconds() - cpu
    after = machine_seconds()
    settled = [one["memory_mib"] for one in samples if one["minute"] >= min(SETTLED_MINUTES, minutes / 3)]
    figures = {
        "minutes": minutes,
        "streams": streams,
        "tokens": tokens,
        "memory_settled_mib": settled[0],
        "memory_end_mib": settled[-1],
        "memory_most_mib": max(settled),
        "grown_percent": round(100 * (max(settled) / settled[0] - 1), 2),
        "cpu_us_per_token": round(1e6 * spent / tokens, 1),
        "errors": 0,
        "steal_percent": round(100 * (after[0] - steal) / (after[1] - whole), 2),
    }
    return {"LAM": figures}, {"LAM": samples}
