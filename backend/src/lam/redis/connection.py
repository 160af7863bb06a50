"""Connections to the server that LAM_REDIS_URL names, and the sentence for why it cannot be reached. It knows no keys.

The client's own pipelines examine the connection, each command and each answer several times, which costs more than Redis itself
where tokens come one by one. So this module packs the commands, and leaves connections, logins and answers to the client.
"""

from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from redis.asyncio import Redis
from redis.asyncio.connection import AbstractConnection, ConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError

CONNECT_SECONDS: Final = 2.0
MOST_KEPT: Final = 16
"""Connections that nobody uses. A burst of logins may need more for a moment."""
FAILURES: Final = (RedisError, OSError, TimeoutError)
"""What a call to Redis raises when the server is away, or refuses."""

Command = Sequence[bytes | str | int]


def client_of(url: str) -> Redis:
    """Returns a client that connects at its first use and retries nothing. Answers are bytes; the caller limits the time. Raises
    ValueError for a URL that it cannot read."""
    return Redis.from_pool(_pool(url))  # so that `aclose` closes the connection too


def _pool(url: str) -> ConnectionPool:
    return ConnectionPool.from_url(
        url,
        protocol=2,
        decode_responses=False,
        retry=Retry(NoBackoff(), 0),
        socket_connect_timeout=CONNECT_SECONDS,
        socket_timeout=None,
    )


class Connections:
    """The connections of one gateway. Each serves one caller at a time, and then the next."""

    def __init__(self, url: str) -> None:
        self._pool = _pool(url)
        self._free: list[AbstractConnection] = []
        self._closed = False

    async def take(self) -> AbstractConnection:
        """Returns a connection that nobody uses. Give it back, or drop it after a failure. Raises what `FAILURES` lists."""
        if self._free:
            return self._free.pop()
        connection: AbstractConnection = self._pool.make_connection()  # type: ignore[no-untyped-call]  # untyped in redis
        try:
            await connection.connect()  # type: ignore[no-untyped-call]  # untyped in redis
        except BaseException:
            await self.drop(connection)
            raise
        return connection

    async def give_back(self, connection: AbstractConnection) -> None:
        """Keeps a connection for the next caller, unless there are enough or nobody comes any more."""
        if len(self._free) < MOST_KEPT and not self._closed:
            self._free.append(connection)
        else:
            await self.drop(connection)

    async def drop(self, connection: AbstractConnection) -> None:
        """Closes a connection whose state is unknown."""
        await connection.disconnect(nowait=True)

    async def close(self) -> None:
        """Closes the connections that nobody uses; the others when they are given back."""
        self._closed = True
        await self.forget()

    async def forget(self) -> None:
        """Closes the connections that nobody uses, because the server was lost."""
        free, self._free = self._free, []
        for connection in free:
            await connection.disconnect()


async def exchange(connection: AbstractConnection, commands: Sequence[Command]) -> list[Any]:
    """Sends commands in one write and returns their answers in order. The answer to a refused command is a ResponseError."""
    await connection.send_packed_command([packed(commands)])
    answers: list[Any] = []
    for _ in commands:
        try:
            answers.append(await connection.read_response())
        except ResponseError as error:
            answers.append(error)
    return answers


def packed(commands: Sequence[Command]) -> bytes:
    """Returns commands as they go over the wire: arrays of bulk strings (RESP 2)."""
    parts: list[bytes] = []
    for command in commands:
        parts.append(b"*%d\r\n" % len(command))
        for word in command:
            data = word if isinstance(word, bytes) else str(word).encode()
            parts.append(b"$%d\r\n%b\r\n" % (len(data), data))
    return b"".join(parts)


def address_of(url: str) -> str:
    """Returns host and port, or the path of a socket, without user and password: for people."""
    parts = urlsplit(url)
    return parts.path if parts.scheme == "unix" else f"{parts.hostname}:{parts.port or 6379}"


def reason_of(error: BaseException) -> str:
    """Returns what is wrong, for people. It holds no password: the client's errors name host and port only."""
    return "it does not answer" if isinstance(error, TimeoutError) else str(error).rstrip(".") or type(error).__name__
