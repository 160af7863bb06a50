"""The lock that makes a gateway the only one on its database, held for as long as the gateway lives."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from lam.errors import ConfigError

POLL_SECONDS = 0.1


@asynccontextmanager
async def exclusive(path: Path, wait_seconds: float = 10) -> AsyncIterator[None]:
    """Holds the lock file. Raises ConfigError when another process still holds it after `wait_seconds`."""
    lock = FileLock(path, thread_local=False)
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
