"""The link of one gateway to Redis: one blocking read for all the streams that it follows, and pipelines of commands.

It owns how far each stream was read, and whether the server answers. It must not know what the entries mean.
"""

import asyncio
import hashlib
import hmac
import logging
import random
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Final, Self

from msgspec import Struct
from redis.asyncio.connection import AbstractConnection

from lam.background import Background
from lam.callbacks import call_each
from lam.errors import Unreachable
from lam.redis.connection import FAILURES, Command, Connections, address_of, exchange, reason_of

log = logging.getLogger(__name__)

BEGINNING: Final = b"0-0"
MOST_SIGNALS: Final = 10_000
"""The length of a stream of signals, roughly. A gateway that misses more asks the others for their state."""
KEEP_SECONDS: Final = 3600
"""How long Redis keeps a stream of signals after its last one."""
OLDER: Final = "equal or smaller"
"""A part of Redis' answer to an entry whose id is not higher than those before it."""

Fields = dict[bytes, bytes]
Handler = Callable[[bytes, Fields], None]
"""Takes the id and the fields of an entry. It must not wait. What it raises is logged."""


def key_prefix(secret_key: str) -> str:
    """Returns the beginning of the names of all keys of a studio. Gateways with another SECRET_KEY share none of them."""
    return f"lam-{hmac.new(secret_key.encode(), b'keys in Redis', hashlib.sha256).hexdigest()[:12]}"


class Pace(Struct, frozen=True, kw_only=True):
    """Times in seconds. `block`: the longest blocking read. `gather`: the pause after a read that brought entries of logs; without
    it many logs are read twice a tick, since a read that blocked returns one stream alone. `answer`: how long any other command may
    take, and a read beyond `block`. `first_pause`: before the first new attempt to connect; it doubles after each failure, up to
    `longest_pause`."""

    block: float = 1.0
    gather: float = 0.025
    answer: float = 2.0
    first_pause: float = 0.05
    longest_pause: float = 1.0


class Link:
    """An async context manager. Entering waits until the server answers, and says so in the log while it does not.

    `name`: this gateway's, unique among all. `after_loss` is called at each loss of the server, `after_return` once the streams are
    read again, `after_read` after each read that brought entries.
    """

    def __init__(self, url: str, name: str, *, prefix: str = "lam", pace: Pace = Pace()) -> None:
        self.name = name
        self.prefix = prefix
        self.pace = pace
        self.address = address_of(url)
        self.problem: str | None = None  # why it is not connected, for people
        self.after_return: list[Callable[[], None]] = []
        self.after_loss: list[Callable[[], None]] = []
        self.after_read: list[Callable[[], None]] = []
        self._bell = self.key("to", name)  # an entry here ends the blocking read, which then begins anew with other streams
        self._subscriptions: dict[bytes, _Subscription] = {}
        self._lost_at: float | None = None
        self._unwritable_at: float | None = None
        self._answered_at = 0.0
        self._joined = asyncio.Event()
        self._is_ringing = False  # since the last read began
        self._tasks = Background()
        self._connections = Connections(url)

    async def __aenter__(self) -> Self:
        self._clock = asyncio.get_running_loop().time
        self._tasks.keep("redis-read", self._keep_reading)
        try:
            await self._joined.wait()
        except BaseException:
            await self._close()
            raise
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._close()

    async def _close(self) -> None:
        await self._tasks.close()
        await self._connections.close()

    @property
    def since_lost(self) -> float | None:
        """Seconds since the server was lost, for reading or for writing; None while it answers."""
        losses = [at for at in (self._lost_at, self._unwritable_at) if at is not None]
        return self._clock() - min(losses) if losses else None

    def key(self, *parts: str) -> bytes:
        """Returns the key with these parts, below the prefix of all keys."""
        return ":".join((self.prefix, *parts)).encode()

    # Writing

    async def run(self, commands: Sequence[Command], *, whole: bool = False) -> list[Any]:
        """Executes commands in one pipeline and returns their answers. `whole`: all of them, or none. The answer to an entry whose
        id is not higher than the ids before it is an exception.

        Raises Unreachable; then any of the commands may have been executed, and the log says why.
        """
        try:
            async with asyncio.timeout(self.pace.answer):
                if whole:
                    commands = [("MULTI",), *commands, ("EXEC",)]
                answers = await self._exchange(commands)
            if whole:
                answers = answers[-1] if isinstance(answers[-1], list) else answers[-1:]
            for answer in answers:
                if isinstance(answer, Exception) and OLDER not in str(answer):
                    raise answer  # it is full, or may not be written
        except FAILURES as error:
            self._unwritable_at = self._unwritable_at or self._clock()
            raise Unreachable(self._note(error)) from error
        if self._unwritable_at is not None:
            self._unwritable_at = None
            if self._lost_at is None:
                self.problem = None
                log.info("Redis at %s takes entries again", self.address)
        return answers

    async def _exchange(self, commands: Sequence[Command]) -> list[Any]:
        connection = await self._connections.take()
        try:
            answers = await exchange(connection, commands)
        except BaseException:
            await self._connections.drop(connection)
            raise
        await self._connections.give_back(connection)
        return answers

    # Reading

    def follow(self, key: bytes, handler: Handler, after: bytes = BEGINNING, *, together: bool = False) -> None:
        """Reads a stream from now on, from the entry after the id `after`. `together`: at each call of `after_read`, all streams
        with this mark were read up to the same moment."""
        self._subscriptions[key] = _Subscription(handler, after, together)
        self._ring()

    def unfollow(self, key: bytes) -> None:
        """Stops reading a stream. Does nothing when it is not read."""
        self._subscriptions.pop(key, None)

    async def newest(self, key: bytes) -> bytes:
        """Returns the id of a stream's last entry; that of the beginning where there is no entry. Raises Unreachable."""
        (answer,) = await self.run([("XREVRANGE", key, "+", "-", "COUNT", 1)])
        return _newest(answer)

    def _ring(self) -> None:
        if self._joined.is_set() and not self._is_ringing:
            self._is_ringing = True
            self._tasks.run("redis-bell", self._add_bell_entry)

    async def _add_bell_entry(self) -> None:
        try:
            ring = ("XADD", self._bell, "MAXLEN", "~", MOST_SIGNALS, "*", "b", b"")
            await self.run([ring, ("EXPIRE", self._bell, KEEP_SECONDS)])
        except Unreachable:
            pass  # the read begins anew

    async def _keep_reading(self) -> None:
        pause = self.pace.first_pause
        while True:
            try:
                async with asyncio.timeout(self.pace.answer):
                    connection = await self._connections.take()
                try:
                    await self._join(connection)
                    pause = self.pace.first_pause
                    while True:
                        if await self._read(connection):
                            await asyncio.sleep(self.pace.gather)
                finally:
                    await self._connections.drop(connection)
            except FAILURES as error:
                self._lose(error)
            await self._connections.forget()  # none of them is of use after a loss
            await asyncio.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311  # spreads reconnects, guards nothing
            pause = min(2 * pause, self.pace.longest_pause)

    async def _join(self, connection: AbstractConnection) -> None:
        """Looks where to read on. A stream that is gone, or began anew with lower ids, is read from its beginning: all its entries
        came after the loss."""
        self._subscriptions.setdefault(self._bell, _Subscription(_ignore, BEGINNING, together=False))
        keys = list(self._subscriptions)
        async with asyncio.timeout(self.pace.answer):
            answers = await exchange(connection, [("XREVRANGE", key, "+", "-", "COUNT", 1) for key in keys])
        _raise_first(answers)
        first = not self._joined.is_set()
        for key, answer in zip(keys, answers, strict=True):
            subscription, newest = self._subscriptions.get(key), _newest(answer)
            if subscription is not None and (first or _order(newest) < _order(subscription.after)):
                subscription.after = newest if first else BEGINNING
        was_lost, self._lost_at, self.problem = self._lost_at is not None, None, None
        self._answered_at = self._clock()
        if was_lost or first:
            log.info("Connected to Redis at %s", self.address)
        self._joined.set()
        if was_lost and not first:
            call_each(self.after_return, event="the return of Redis")

    async def _read(self, connection: AbstractConnection) -> bool:
        """Returns whether there were entries of a stream that is read for itself: of a log."""
        self._is_ringing = False
        if self._unwritable_at is not None:  # so that a write is tried at each read, though nobody else writes
            self._ring()
        followed = self._subscriptions
        batches = await self._batches(connection, ("XREAD", "BLOCK", round(self.pace.block * 1000)), followed)
        # A read that blocked returns one stream alone, though others have earlier entries.
        together = {key: subscription for key, subscription in followed.items() if subscription.together}
        if any(key in together for key, _, _ in batches):
            batches += await self._batches(connection, ("XREAD",), together)
        for key, subscription, entries in batches:
            for id_, fields in entries:
                if followed.get(key) is not subscription:
                    break  # it is no longer read, or read anew
                try:
                    subscription.handler(id_, fields)
                except Exception:
                    log.exception("An entry of %r could not be read", key)
        if batches:
            call_each(self.after_read, event="a read from Redis")
        return any(key not in together and key != self._bell for key, _, _ in batches)

    async def _batches(self, connection: AbstractConnection, words: Command, asked: dict[bytes, "_Subscription"]) -> list["_Batch"]:
        """Returns the next entries of each of these streams that has any. `words`: the command's, up to the streams."""
        asked = dict(asked)  # as it is now
        positions = [subscription.after for subscription in asked.values()]
        async with asyncio.timeout(self.pace.block + self.pace.answer):
            [answer] = await exchange(connection, [(*words, "STREAMS", *asked, *positions)])
        _raise_first([answer])
        self._answered_at = self._clock()
        batches: list[_Batch] = []
        for key, entries in answer or ():
            subscription = asked[key]
            subscription.after = entries[-1][0]
            batches.append((key, subscription, [(id_, _fields(words)) for id_, words in entries if words is not None]))
        return batches

    def _lose(self, error: BaseException) -> None:
        self._note(error)
        if self._lost_at is None:
            # A server that does not answer counts as lost since its last answer.
            self._lost_at = self._answered_at if isinstance(error, TimeoutError) and self._joined.is_set() else self._clock()
            if self._joined.is_set():
                call_each(self.after_loss, event="the loss of Redis")

    def _note(self, error: BaseException) -> str:
        """Logs why the server cannot be used, once for each reason until it is back, and returns the sentence."""
        problem = f"Redis at {self.address} cannot be reached ({reason_of(error)})."
        if problem != self.problem:
            log.warning("%s It is tried again and again.", problem)
        self.problem = problem
        return problem


class _Subscription:
    """A stream that is read: who takes its entries, and the id of the last one."""

    __slots__ = ("after", "handler", "together")

    def __init__(self, handler: Handler, after: bytes, together: bool) -> None:
        self.together = together
        self.handler = handler
        self.after = after


_Batch = tuple[bytes, _Subscription, list[tuple[bytes, Fields]]]
"""The key of a stream, who reads it, and entries of it, each with its id."""


def _fields(words: Sequence[bytes]) -> Fields:
    """Returns the fields of an entry, which Redis sends as names and values in turn. Ours have one."""
    return {words[0]: words[1]} if len(words) == 2 else dict(zip(words[::2], words[1::2], strict=True))


def _ignore(_id: bytes, _fields: Fields) -> None:
    pass


def _raise_first(answers: Sequence[Any]) -> None:
    for answer in answers:
        if isinstance(answer, Exception):
            raise answer


def _newest(answer: Any) -> bytes:
    return bytes(answer[0][0]) if answer else BEGINNING


def _order(id_: bytes) -> tuple[int, int]:
    """Returns the sort key of an entry's id."""
    first, _, second = id_.partition(b"-")
    return int(first), int(second)
