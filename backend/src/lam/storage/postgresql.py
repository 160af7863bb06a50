"""PostgreSQL: its engine, the meaning of its failures, and the advisory lock that makes a gateway the only one on its database.

It knows no table.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from msgspec import Struct
from sqlalchemy import URL, NullPool, exc, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from lam.background import Background
from lam.errors import ConfigError, StorageUnavailable

log = logging.getLogger(__name__)

LOCK_KEY: Final = 0x4C414D_53545544  # "LAMSTUD"
MIGRATION_KEY: Final = LOCK_KEY + 1
CONNECT_SECONDS: Final = 5
ANSWER_SECONDS: Final = 10
POLL_SECONDS: Final = 0.2
TELL_SECONDS: Final = 30

_AWAY: Final = (exc.DBAPIError, OSError)
_REFUSALS: Final = ("28", "3D", "42")  # classes of SQLSTATE: invalid authorization, no such database, missing privilege
_SERVER_SETTINGS: Final = {
    "application_name": "lam-gateway",
    "lock_timeout": "4s",
    "statement_timeout": "8s",
    "idle_in_transaction_session_timeout": "60s",
}
_LOCK_SETTINGS: Final = {
    "application_name": "lam-gateway-lock",
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
}


class Watch(Struct, frozen=True):
    """Waiting times in seconds: between two checks of the lock, and for the lock after a lost connection. The latter is longer
    than the server needs to notice that the earlier connection is dead."""

    every: float = 5
    regain: float = 40


def postgresql_engine(url: URL, *, pool_size: int, turn_seconds: float) -> AsyncEngine:
    return create_async_engine(
        url,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=turn_seconds,
        pool_pre_ping=True,
        connect_args={"timeout": CONNECT_SECONDS, "command_timeout": ANSWER_SECONDS, "server_settings": _SERVER_SETTINGS},
    )


@asynccontextmanager
async def advisory_lock(url: URL, wait_seconds: float, watch: Watch) -> AsyncIterator[asyncio.Event]:
    """Holds the lock on a connection of its own. Waits for a database that is not up yet, and logs that it waits.

    Yields an event that is set when the connection was lost and another gateway got the lock. Raises ConfigError when another
    gateway still has it after `wait_seconds`, or when the database refuses us.
    """
    lock = AdvisoryLock(url, watch)
    try:
        await lock.first(wait_seconds)
        tasks = Background()
        tasks.keep("database-lock", lock.keep)
        try:
            yield lock.lost
        finally:
            await tasks.close()
    finally:
        await lock.close()


class AdvisoryLock:
    """The lock of gateways on a database, and the connection that holds it. `shared`: together with all who take it so."""

    def __init__(self, url: URL, watch: Watch, *, shared: bool = False) -> None:
        self._watch = watch
        self._query = text(f"SELECT pg_try_advisory_lock{'_shared' if shared else ''}(:key)").bindparams(key=LOCK_KEY)
        self._where = where(url)
        self._engine = create_async_engine(
            url,
            poolclass=NullPool,
            isolation_level="AUTOCOMMIT",
            connect_args={"timeout": CONNECT_SECONDS, "command_timeout": ANSWER_SECONDS, "server_settings": _LOCK_SETTINGS},
        )
        self._connection: AsyncConnection | None = None
        self.lost = asyncio.Event()

    @property
    def connection(self) -> AsyncConnection:
        """The connection. Raises StorageUnavailable while there is none."""
        if self._connection is None:
            raise StorageUnavailable
        return self._connection

    async def first(self, wait_seconds: float) -> None:
        """Takes the lock. Raises ConfigError when another gateway has it for `wait_seconds`, or when the database refuses us."""
        await self._connect()
        if not await self._take(wait_seconds):
            raise ConfigError(f"Another gateway is using this database ({self._where}); stop it first.")

    async def keep(self) -> None:
        """Watches the connection, and takes the lock again after an outage."""
        while True:
            await asyncio.sleep(self._watch.every)
            if not await self._alive():
                await self.regain()

    async def regain(self) -> None:
        """Connects anew and takes the lock again. When another gateway has it, sets `lost` and never returns."""
        try:
            await self._connect()
            if not await self._take(self._watch.regain):
                log.critical("Another gateway has taken the database at %s", self._where)
                self.lost.set()
                await asyncio.Event().wait()  # the gateway stops; there is nothing left to watch
        except ConfigError as error:
            log.error("%s", error.message)  # the message needs no traceback

    async def _alive(self) -> bool:
        if self._connection is None:
            return False
        try:
            await self._connection.execute(text("SELECT 1"))
        except _AWAY as error:
            log.warning("The connection to the database at %s was lost (%s)", self._where, reason(error))
            return False
        return True

    async def close(self) -> None:
        await self._drop()
        await self._engine.dispose()

    async def _connect(self) -> None:
        """Tries until the database answers. Raises ConfigError when it refuses us."""
        clock = asyncio.get_running_loop().time
        last_log: float | None = None
        pause = POLL_SECONDS
        while True:
            await self._drop()
            try:
                self._connection = await self._engine.connect()
                break
            except _AWAY as error:
                if _refused(error):
                    raise ConfigError(f"The database at {self._where} refuses the gateway: {reason(error)}.") from error
                if last_log is None or clock() - last_log >= TELL_SECONDS:
                    log.warning("Waiting for the database at %s: %s", self._where, reason(error))
                    last_log = clock()
            await asyncio.sleep(pause)
            pause = min(2 * pause, 2)
        if last_log is not None:
            log.warning("The database at %s is there", self._where)

    async def _take(self, wait_seconds: float) -> bool:
        clock = asyncio.get_running_loop().time
        deadline = clock() + wait_seconds
        while True:
            try:
                assert self._connection is not None
                if (await self._connection.execute(self._query)).scalar_one():
                    return True
            except _AWAY:
                await self._connect()
            if clock() >= deadline:
                return False
            await asyncio.sleep(POLL_SECONDS)

    async def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                await connection.invalidate()
                await connection.close()
            except _AWAY:
                pass


def where(url: URL) -> str:
    """Returns the database's address without user and password."""
    return f"{url.host or 'localhost'}:{url.port or 5432}/{url.database or ''}"


def _refused(error: BaseException) -> bool:
    """Returns whether the database is up and refuses us, so that waiting would not help."""
    state = getattr(error.orig, "sqlstate", None) if isinstance(error, exc.DBAPIError) else None
    return isinstance(state, str) and state.startswith(_REFUSALS)


def reason(error: BaseException) -> str:
    if isinstance(error, exc.DBAPIError) and error.orig is not None:
        error = error.orig
    return str(error) or type(error).__name__


def patient_engine(url: URL) -> AsyncEngine:
    """Returns an engine without time limits, for migrations."""
    return create_async_engine(url, poolclass=NullPool, connect_args={"timeout": CONNECT_SECONDS})


async def migrate_alone(connection: AsyncConnection) -> None:
    """Waits until no other gateway migrates, and keeps the others from it until the transaction ends."""
    await connection.execute(text("SELECT pg_advisory_xact_lock(:key)").bindparams(key=MIGRATION_KEY))
