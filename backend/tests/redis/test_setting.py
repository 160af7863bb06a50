"""LAM_REDIS_URL: what is refused, in a sentence without the password."""

import pytest

from lam.errors import ConfigError
from lam.redis.connection import address_of
from lam.settings import load_settings

KEY = "0123456789abcdef0123456789abcdef"
POSTGRESQL = "postgresql+asyncpg://lam@127.0.0.1/lam"


@pytest.mark.parametrize("database", [None, "sqlite+aiosqlite:////tmp/lam.sqlite"])
def test_several_gateways_need_postgresql(database: str | None) -> None:
    with pytest.raises(ConfigError, match="set DATABASE_URL to postgresql"):
        load_settings(lam_redis_url="redis://127.0.0.1", database_url=database, secret_key=KEY)


def test_several_gateways_need_one_key() -> None:
    with pytest.raises(ConfigError, match="set the same for all of them"):
        load_settings(lam_redis_url="redis://127.0.0.1", database_url=POSTGRESQL)


@pytest.mark.parametrize(
    "url",
    [
        "127.0.0.1:6379",
        "http://127.0.0.1",
        "redis://",
        "redis://:hunter2@/0",
        "redis://:hunter2@127.0.0.1:many/0",
        "redis://:hunter2@127.0.0.1/name",
        "redis://:hunter2/x@127.0.0.1:6379/0",
        "redis://:hunter2#x@127.0.0.1:6379/0",
        "redis://[::1/0",
    ],
)
def test_what_is_no_url_of_a_redis_is_refused_without_naming_it(url: str) -> None:
    with pytest.raises(ConfigError, match=r"LAM_REDIS_URL: .*redis://:password@host:port/0") as refusal:
        load_settings(lam_redis_url=url, database_url=POSTGRESQL, secret_key=KEY)
    assert "hunter2" not in refusal.value.message


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("redis://127.0.0.1", "127.0.0.1:6379"),
        ("redis://:hunter2@redis.example:7000/3", "redis.example:7000"),
        ("rediss://user:hunter2%2F@redis.example", "redis.example:6379"),
    ],
)
def test_a_url_is_taken_and_named_without_its_password(url: str, address: str) -> None:
    assert load_settings(lam_redis_url=f" {url} ", database_url=POSTGRESQL, secret_key=KEY).lam_redis_url == url
    assert address_of(url) == address
