"""The lock that makes a gateway the only one on its database, for as long as the gateway lives. It reads no rows."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from filelock import FileLock, Timeout
from sqlalchemy import make_url

from lam.errors import ConfigError
from lam.storage.postgresql import Watch, advisory_lock

POLL_SECONDS = 0.1
WAIT_SECONDS = 10


@asynccontextmanager
async def exclusive(
    database_url: str, wait_seconds: float = WAIT_SECONDS, watch: Watch | None = None
) -> AsyncIterator[asyncio.Event]:
    """Locks the database for one gateway: with a lock file beside an SQLite file, with an advisory lock in PostgreSQL.

    Yields an event that is set when another gateway gets the lock. Raises ConfigError when another one still has it after
    `wait_seconds`. `watch`: the intervals of checking the lock in PostgreSQL.
    """
    url = make_url(database_url)
    if url.get_backend_name() == "postgresql":
        async with advisory_lock(url, wait_seconds, watch or Watch()) as lost:
            yield lost
    else:
        async with _locked_file(Path(f"{url.database}.lock"), wait_seconds):
            yield asyncio.Event()


@asynccontextmanager
async def _locked_file(path: Path, wait_seconds: float) -> AsyncIterator[None]:
    """Locks the lock file. Raises ConfigError when another process still has it after `wait_seconds`."""
    lock = FileLock(path, mode=0o600, thread_local=False)
    deadline = asyncio.get_running_loop().time() + wait_seconds
    while True:
        try:
            lock.acquire(blocking=False)
            break
        except Timeout as error:
            if asyncio.get_running_loop().time() >= deadline:
                raise ConfigError(f"Another gateway is using this database ({path} is locked); stop it first.") from error
            await asyncio.sleep(POLL_SECONDS)
        except OSError as error:
            raise ConfigError(f"The lock file {path} cannot be used: {error.strerror}.") from error
    try:
        yield
    finally:
        lock.release()
