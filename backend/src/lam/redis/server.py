"""What a Redis server says of itself, and whether it does what gateways ask of it, for `lam doctor`. It must not know what gateways
keep there.
"""

import asyncio
import secrets
from typing import Final

from msgspec import Struct
from redis.asyncio import Redis

from lam.errors import Unreachable
from lam.redis.connection import FAILURES, address_of, client_of, reason_of

ANSWER_SECONDS: Final = 5.0
NO_EVICTION: Final = "noeviction"
TRIAL_SECONDS: Final = 10  # after which the server forgets the key of a trial by itself
CLUSTER: Final = "it is part of a cluster, which gateways cannot use; give them a server of its own"


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
    """Returns facts about the server that LAM_REDIS_URL names, once it has done what gateways ask of it. Raises Unreachable, which
    says why."""
    address = address_of(url)
    client = client_of(url)
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            about = await client.info()
            if about.get("redis_mode") == "cluster":
                raise Unreachable(f"Redis at {address} cannot be used: {CLUSTER}.")
            await _try(client)
    except FAILURES as error:
        raise Unreachable(f"Redis at {address} cannot be used: {reason_of(error)}.") from error
    finally:
        await client.aclose()
    version = about.get("valkey_version") or about.get("redis_version") or "unknown"
    limited = bool(about.get("maxmemory"))
    return About(address, str(version), str(about.get("maxmemory_policy", "")) if limited else "")


async def _try(client: Redis) -> None:
    """Executes the kinds of command that gateways use: a copy that is read only refuses some, and so may the rights of a user."""
    key = f"lam-doctor-{secrets.token_hex(8)}"
    for command in (
        ("XADD", key, "*", "trial", ""),
        ("EXPIRE", key, TRIAL_SECONDS),
        ("XREVRANGE", key, "+", "-", "COUNT", 1),
        ("XREAD", "COUNT", 1, "STREAMS", key, "0-0"),
        ("EVAL", "return redis.call('TIME')", 0),
        ("DEL", key),
    ):
        await client.execute_command(*command)  # type: ignore[no-untyped-call]  # untyped in redis
