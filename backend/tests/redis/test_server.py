"""What `lam doctor` says of the server that LAM_REDIS_URL names."""

from pathlib import Path

from lam.cli import checks
from lam.redis.server import About

from ..ports import free_port
from ..redis_server import RedisServer


async def test_a_server_that_answers_is_named_with_its_release(redis: RedisServer, tmp_path: Path) -> None:
    result = await checks.safely("redis", checks.redis(redis.url_for(tmp_path)))
    assert result.state == "ok"
    assert f"127.0.0.1:{redis.port} answers, version " in result.sentence


async def test_a_server_that_is_away_is_a_failure_without_its_password() -> None:
    result = await checks.safely("redis", checks.redis(f"redis://:secret@127.0.0.1:{free_port()}/0"))
    assert result.state == "FAILED"
    assert "secret" not in result.sentence + (result.mend or "")
    assert "127.0.0.1" in result.sentence


async def test_a_server_that_drops_keys_when_it_is_full_is_a_failure(mortal_redis: RedisServer, tmp_path: Path) -> None:
    mortal_redis.command("CONFIG", "SET", "maxmemory", "100mb")
    mortal_redis.command("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    result = await checks.safely("redis", checks.redis(mortal_redis.url_for(tmp_path)))
    assert (result.state, "allkeys-lru" in result.sentence, "noeviction" in (result.mend or "")) == ("FAILED", True, True)


def test_only_a_limited_memory_drops_anything() -> None:
    assert not About("redis:6379", "7.0", "").drops
    assert not About("redis:6379", "7.0", "noeviction").drops
    assert About("redis:6379", "7.0", "volatile-ttl").drops
