"""What `lam doctor` says of the server that LAM_REDIS_URL names."""

from collections.abc import Callable
from pathlib import Path

import pytest

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


async def test_a_copy_that_is_read_only_is_a_failure(redis: RedisServer, mortal_redis: RedisServer) -> None:
    mortal_redis.command("REPLICAOF", "127.0.0.1", str(redis.port))
    result = await checks.safely("redis", checks.redis(f"redis://127.0.0.1:{mortal_redis.port}/0"))
    assert (result.state, "read only replica" in result.sentence) == ("FAILED", True), result


@pytest.mark.parametrize("missing", ["-xadd", "-eval", "-xread", "-expire"])
async def test_a_user_who_may_not_do_all_that_gateways_do_is_a_failure(mortal_redis: RedisServer, missing: str) -> None:
    mortal_redis.command("ACL", "SETUSER", "lam", "on", ">pass", "~*", "+@all", missing)
    result = await checks.safely("redis", checks.redis(f"redis://lam:pass@127.0.0.1:{mortal_redis.port}/0"))
    assert (result.state, missing[1:] in result.sentence) == ("FAILED", True), result
    mortal_redis.command("ACL", "SETUSER", "lam", "+@all")
    assert (await checks.safely("redis", checks.redis(f"redis://lam:pass@127.0.0.1:{mortal_redis.port}/0"))).state == "ok"


async def test_a_cluster_is_a_failure(program: Callable[[str], str], tmp_path: Path) -> None:
    server = RedisServer(program("redis-server"), tmp_path, cluster=True)
    server.start()
    try:
        result = await checks.safely("redis", checks.redis(f"redis://127.0.0.1:{server.port}/0"))
    finally:
        server.kill()
    assert (result.state, "cluster" in result.sentence) == ("FAILED", True), result


async def test_a_trial_leaves_nothing_behind(mortal_redis: RedisServer, tmp_path: Path) -> None:
    assert (await checks.safely("redis", checks.redis(mortal_redis.url_for(tmp_path)))).state == "ok"
    assert mortal_redis.command("DBSIZE") == b":0\r\n"


def test_only_a_limited_memory_drops_anything() -> None:
    assert not About("redis:6379", "7.0", "").drops
    assert not About("redis:6379", "7.0", "noeviction").drops
    assert About("redis:6379", "7.0", "volatile-ttl").drops
