"""What a Redis server says of itself, for `lam doctor`. It must not know what gateways keep there."""

import asyncio
from typing import Final

from msgspec import Struct

from lam.errors import Unreachable
from lam.redis.connection import FAILURES, address_of, client_of, reason_of

ANSWER_SECONDS: Final = 5.0
NO_EVICTION: Final = "noeviction"


class About(Struct, frozen=True):
    """`policy`: its `maxmemory-policy`; empty when its memory has no limit."""

    address: str
    version: str
    policy: str

    @property
    def drops(self) -> bool:
        """Whether it may drop keys that have not expired."""
        return self.policy not in (NO_EVICTION, "")


async def examine(url: str) -> About:
    """Returns facts about the server that LAM_REDIS_URL names. Raises Unreachable, which says why."""
    address = address_of(url)
    client = client_of(url)
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            about = await client.info()
    except FAILURES as error:
        raise Unreachable(f"Redis at {address} cannot be used: {reason_of(error)}.") from error
    finally:
        await client.aclose()
    version = about.get("valkey_version") or about.get("redis_version") or "unknown"
    limited = bool(about.get("maxmemory"))
    return About(address, str(version), str(about.get("maxmemory_policy", "")) if limited else "")
