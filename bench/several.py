"""Two gateways on one PostgreSQL and one Redis: `python bench/several.py [--rounds 3]`.

What does a token cost that is written to Redis as well, what does a reader on the other gateway cost, and how much later does it
have a token? A reader costs what it adds to its gateway. Both gateways, PostgreSQL and Redis are processes of their own; the CPU
time of the gateways is judged.
"""

import argparse
import asyncio
import secrets
import shutil
import statistics
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from contestants import Lam, gateway
from load import Load, Script, load

sys.path.insert(0, str(Path(__file__).parents[1] / "backend"))  # the tests' own PostgreSQL and Redis

from tests.postgresql import PostgreSQL, running_postgresql
from tests.redis_server import RedisServer, running_redis

STREAMS = 20
PACE_US = 20_000
TOKENS = 700
WAIT_US = 2_000_000
SECONDS = 8.0
RARE = {"tokens": 12, "pace_us": 500_000}
"""Tokens that come alone: each is as late as the first one of a reply."""


@asynccontextmanager
async def gateways(load: Load, postgresql: PostgreSQL, redis: RedisServer | None) -> AsyncIterator[list[Lam]]:
    """Two gateways; without Redis one, which is alone."""
    with tempfile.TemporaryDirectory() as folder:
        env = {"DATABASE_URL": postgresql.database(), "SECRET_KEY": secrets.token_hex(32), "LLM_SERVER_URL": load.url}
        if redis is not None:
            env["LAM_REDIS_URL"] = redis.url_for(Path(folder))
        async with AsyncExitStack() as stack:
            found = []
            for name in ("a", "b")[: 2 if redis else 1]:
                data = Path(folder) / name
                data.mkdir()
                found.append(await stack.enter_async_context(gateway(str(data), env | {"MQTT_CLIENT_ID": name})))
            yield found


async def busy(load: Load, both: list[Lam], readers: Lam | None, each: int = 1) -> dict[str, Any]:
    """20 streams of 50 tokens a second, owned by the first gateway: CPU seconds a second of each gateway, and how late the readers
    are in milliseconds. `readers`: the gateway where each stream has `each` readers."""
    owner = both[0]
    await load.expect(STREAMS, TOKENS)
    ids = await owner.begin([Script(number, TOKENS, PACE_US, wait_us=WAIT_US) for number in range(STREAMS)])
    reading = None
    if readers is not None:
        requests = [(number, readers.follow(one)) for number, one in enumerate(ids) for _ in range(each)]
        reading = asyncio.create_task(load.run(readers.port, requests, connections=len(requests)))
    await asyncio.sleep(WAIT_US / 1e6 + 2)
    processes = [one.processes["gateway"] for one in both]
    clock = asyncio.get_running_loop().time
    before, began = [process.cpu_seconds() for process in processes], clock()
    await asyncio.sleep(SECONDS)
    rates = [(process.cpu_seconds() - was) / (clock() - began) for process, was in zip(processes, before, strict=True)]
    figures: dict[str, Any] = {"pid-" + str(process.pid): rate for process, rate in zip(processes, rates, strict=True)}
    if reading is not None:
        figures["behind"] = _insist(await reading)["behind_ms"]
    else:
        await asyncio.sleep(TOKENS * PACE_US / 1e6 - SECONDS)
    return figures


def cpu(figures: dict[str, Any], one: Lam) -> float:
    """Microseconds a token."""
    rate: float = figures[f"pid-{one.processes['gateway'].pid}"]
    return 1e6 * rate / (STREAMS * 1e6 / PACE_US)


async def rare(load: Load, owner: Lam, readers: Lam) -> dict[str, float]:
    """How late tokens are that come alone, in milliseconds."""
    await load.expect(1, RARE["tokens"])
    [one] = await owner.begin([Script(0, RARE["tokens"], RARE["pace_us"], wait_us=WAIT_US)])
    behind: dict[str, float] = _insist(await load.run(readers.port, [(0, readers.follow(one))], connections=1))["behind_ms"]
    return behind


def _insist(found: dict[str, Any]) -> dict[str, Any]:
    if found["whole"] != found["requests"]:
        raise SystemExit(f"readers lost, doubled or disordered an event: {found['errors']}")
    return found


async def one_round(load: Load, postgresql: PostgreSQL, redis: RedisServer) -> dict[str, float]:
    async with gateways(load, postgresql, None) as [alone]:
        unread = cpu(await busy(load, [alone], None), alone)
    async with gateways(load, postgresql, redis) as [a, b]:
        nobody_reads = await busy(load, [a, b], None)
        here = {each: await busy(load, [a, b], a, each) for each in (1, 5)}
        there = {each: await busy(load, [a, b], b, each) for each in (1, 5)}
        first_here, first_there = await rare(load, a, a), await rare(load, a, b)
    written, beside = cpu(nobody_reads, a), cpu(nobody_reads, b)
    local = {each: (cpu(figures, a) - written) / each for each, figures in here.items()}
    remote = {each: (cpu(figures, b) - beside) / each for each, figures in there.items()}
    return {
        "alone, nobody reads: µs/token": unread,
        "replica: µs/token": written - unread,
        "the other gateway, nobody reads: µs/token": beside,
        "local reader: µs/token": local[1],
        "remote reader: µs/token": remote[1],
        "remote : local": remote[1] / local[1],
        "one of 5 local readers: µs/token": local[5],
        "one of 5 remote readers: µs/token": remote[5],
        "remote : local, 5 readers": remote[5] / local[5],
        "token of a busy stream, local: ms (median)": here[1]["behind"]["p50"],
        "token of a busy stream, remote: ms (median)": there[1]["behind"]["p50"],
        "token of a busy stream, remote: ms (longest)": there[1]["behind"]["max"],
        "lone token, local: ms (median)": first_here["p50"],
        "lone token, remote: ms (median)": first_there["p50"],
        "lone token, remote: ms (longest)": first_there["max"],
    }


def programs() -> tuple[str, str]:
    """The paths of initdb and redis-server."""
    debian = ":".join(map(str, sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)))
    initdb, server = shutil.which("initdb", path=debian) or shutil.which("initdb"), shutil.which("redis-server")
    if initdb is None or server is None:
        raise SystemExit("PostgreSQL or Redis is missing: apt-get install postgresql redis-server")
    return initdb, server


async def measure(rounds: int) -> None:
    initdb, server = programs()
    with running_postgresql(Path(initdb).parent) as postgresql, running_redis(server) as redis:
        async with load() as loaded:
            found = [await one_round(loaded, postgresql, redis) for _ in range(rounds)]
    for name in found[0]:
        print(f"{name:44} {statistics.median(one[name] for one in found):8.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="medians of that many")
    asyncio.run(measure(parser.parse_args().rounds))


if __name__ == "__main__":
    main()
