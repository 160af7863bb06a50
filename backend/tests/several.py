"""Several gateways for tests: on one database and one redis-server, inside this process or as processes of their own.

Each gateway has its own data folder, as on a machine of its own. They share what several gateways of `lam serve` share:
DATABASE_URL, LAM_REDIS_URL and SECRET_KEY.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

from lam.client.client import Client
from lam.gateway import Bounds

from . import databases
from .redis_server import RedisServer
from .running import Gateway, gateway_process, running_gateway

SECRET = "the-same-on-each-of-these-gateways"
NAMES = "abcdefgh"


def shared(data: Path, redis: RedisServer, name: str) -> dict[str, Any]:
    """The settings of one of several gateways, whose folders are in `data`."""
    return {
        "database_url": databases.url_for(data),
        "lam_redis_url": redis.url_for(data),
        "secret_key": SECRET,
        "mqtt_client_id": name,
    }


@contextlib.asynccontextmanager
async def running_gateways(
    count: int, data: Path, redis: RedisServer, *, bounds: Bounds | None = None, **settings: Any
) -> AsyncIterator[list[Gateway]]:
    """Gateways inside this process, each on a real port. They start one after the other, and end in reverse order."""
    async with contextlib.AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(
                running_gateway(data / name, bounds=bounds, **(shared(data, redis, name) | settings)),
            )
            for name in NAMES[:count]
        ]


@contextlib.asynccontextmanager
async def gateway_of_several(
    data: Path, redis: RedisServer, name: str, **settings: Any
) -> AsyncIterator[tuple[asyncio.subprocess.Process, Gateway]]:
    """One of several gateways as a process of `lam serve`, to kill, freeze or drain. The same name starts again on the same
    folder."""
    async with gateway_process(data / name, **(shared(data, redis, name) | settings)) as running:
        yield running


async def clients_of_account(gateways: Sequence[Gateway], email: str) -> list[Client]:
    """Clients of a new account, one for each gateway, with one login."""
    async with await gateways[0].user(email) as first:
        token = first._headers["Authorization"].removeprefix("Bearer ")
    return [gateway.client(token) for gateway in gateways]
