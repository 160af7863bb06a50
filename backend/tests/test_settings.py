"""Settings that are given as other programs write them."""

import pytest
from sqlalchemy import make_url

from lam.errors import ConfigError
from lam.settings import load_settings


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ("postgresql+asyncpg://lam:pw@db:5432/lam", "postgresql+asyncpg://lam:pw@db:5432/lam"),
        ("postgresql://lam:pw@db:5432/lam", "postgresql+asyncpg://lam:pw@db:5432/lam"),
        ("postgres://lam@db/lam", "postgresql+asyncpg://lam@db/lam"),
        (" postgres://db/lam\n", "postgresql+asyncpg://db/lam"),
        ("postgres://lam:pw@db/lam?sslmode=verify-full", "postgresql+asyncpg://lam:pw@db/lam?ssl=verify-full"),
        ("postgresql://lam@db/lam?ssl=require", "postgresql+asyncpg://lam@db/lam?ssl=require"),
        ("postgresql://lam@/lam?host=/run/postgresql", "postgresql+asyncpg://lam@/lam?host=%2Frun%2Fpostgresql"),
        ("postgresql://lam:a%40b%3Fc@[::1]:5432/lam", "postgresql+asyncpg://lam:a%40b%3Fc@[::1]:5432/lam"),
        ("postgresql://lam:a?b=1@db/lam?prepared_statement_cache_size=0", None),
        ("sqlite+aiosqlite:////data/lam.db", "sqlite+aiosqlite:////data/lam.db"),
    ],
)
def test_the_url_of_a_database_is_taken_as_others_write_it(given: str, taken: str | None) -> None:
    found = load_settings(database_url=given).database_url
    assert found is not None
    assert found == taken if taken else make_url(found).password == "a?b=1"
    assert make_url(found).database


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ("mysql://lam@db/lam", "must be postgresql://"),
        ("postgresql://lam@db/", "must be postgresql://"),
        ("postgresql://lam:secret@db/lam?channel_binding=require", "option `channel_binding`"),
        ("postgresql://lam:secret@db/lam?sslmode=require&sslrootcert=/x.pem", "option `sslrootcert`.*PGSSLROOTCERT"),
        ("postgresql://lam:secret@db:port/lam", "no host and port"),
        ("postgresql://lam:se@cret@db/lam", "write / as %2F, @ as %40"),
    ],
)
def test_what_cannot_be_used_is_refused_with_a_sentence_and_without_the_password(given: str, sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence) as refusal:
        load_settings(database_url=given)
    assert "secret" not in str(refusal.value)
    assert "cret" not in str(refusal.value)
