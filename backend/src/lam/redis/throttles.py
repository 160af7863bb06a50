"""Counts of attempts that all gateways share, in Redis and by its clock. Each key expires.

Keys are hashes: Redis gets no address and no name of an account. This module must not know what an attempt is for.
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

from lam.errors import Unreachable
from lam.redis.connection import Command
from lam.redis.link import Link

_NOW: Final = "local t = redis.call('TIME') local now = t[1] + t[2] / 1000000 "
_TAKE: Final = (
    _NOW
    + """
local each, size = tonumber(ARGV[1]), tonumber(ARGV[2])
local full_at = math.max(tonumber(redis.call('GET', KEYS[1]) or now), now) + each
local wait = full_at - now - each * size
if wait > 0.000001 then return tostring(wait) end
redis.call('SET', KEYS[1], string.format('%.6f', full_at), 'PX', math.ceil((full_at - now) * 1000) + 1)
return '0'
"""
)
_GIVE_BACK: Final = """
local full_at = redis.call('GET', KEYS[1])
if full_at then redis.call('SET', KEYS[1], string.format('%.6f', full_at - tonumber(ARGV[1])), 'KEEPTTL') end
return 0
"""
_ENTER: Final = (
    _NOW
    + """
for i, key in ipairs(KEYS) do
  redis.call('ZREMRANGEBYSCORE', key, '-inf', now - tonumber(ARGV[2]))
  if redis.call('ZCARD', key) >= tonumber(ARGV[i + 2]) then return 0 end
end
for _, key in ipairs(KEYS) do
  redis.call('ZADD', key, now, ARGV[1])
  redis.call('EXPIRE', key, math.ceil(tonumber(ARGV[2])))
end
return 1
"""
)


class Throttles:
    """The `accounts.throttle.SharedCounts` of gateways with one Redis. Every method raises Unreachable."""

    def __init__(self, link: Link) -> None:
        self._link = link

    async def take(self, name: str, key: str, size: int, seconds: float) -> float:
        return float(await self._run("EVAL", _TAKE, 1, self._key(name, key), seconds / size, size))

    async def give_back(self, name: str, key: str, size: int, seconds: float) -> None:
        await self._run("EVAL", _GIVE_BACK, 1, self._key(name, key), seconds / size)

    async def failures(self, names: Sequence[tuple[str, str]]) -> list[int]:
        return [int(count or 0) for count in await self._run("MGET", *(self._key(*name) for name in names))]

    async def fail(self, names: Sequence[tuple[str, str]], seconds: float) -> None:
        keys = [self._key(*name) for name in names]
        commands = [command for key in keys for command in (("INCR", key), ("EXPIRE", key, int(seconds)))]
        await self._all(commands, whole=True)

    async def forgive(self, name: str, key: str) -> None:
        await self._run("DEL", self._key(name, key))

    async def enter(self, limits: Mapping[tuple[str, str], int], who: str, seconds: float) -> bool:
        keys = [self._key(*name) for name in limits]
        return bool(await self._run("EVAL", _ENTER, len(keys), *keys, who, seconds, *limits.values()))

    async def leave(self, limits: Mapping[tuple[str, str], int], who: str) -> None:
        await self._all([("ZREM", self._key(*name), who) for name in limits])

    def _key(self, name: str, key: str) -> bytes:
        return self._link.key("attempts", name, hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()[:32])

    async def _all(self, commands: Sequence[Command], *, whole: bool = False) -> list[Any]:
        if self._link.problem is not None:  # a login must not wait for a server that is away
            raise Unreachable(self._link.problem)
        return await self._link.run(commands, whole=whole)

    async def _run(self, *command: Any) -> Any:
        (answer,) = await self._all([command])
        if isinstance(answer, Exception):
            raise Unreachable(f"Redis refuses to count: {answer}") from answer
        return answer
