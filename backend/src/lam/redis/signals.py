"""Signals between gateways over Redis Streams: to all, to one, and questions with answers.

A signal is lost only if Redis loses it, or if more of them wait than are kept. A gateway that misses one learns so
(`after_return`). This module must not know what a kind of signal means.
"""

import asyncio
import logging
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable
from itertools import count, islice
from types import TracebackType
from typing import Final, Self

import msgspec
from msgspec import Struct

from lam.background import Background
from lam.callbacks import call_each
from lam.errors import Unreachable
from lam.redis.link import KEEP_SECONDS, MOST_SIGNALS, Fields, Link, Pace

log = logging.getLogger(__name__)

MOST_WAITING: Final = 10_000
MOST_WAITING_BYTES: Final = 16 << 20
MOST_SENDERS: Final = 1000
BATCH: Final = 500
LAST_WORD_SECONDS: Final = 1.0
_FIELD: Final = b"m"


class _Signal(Struct, frozen=True, array_like=True, kw_only=True):
    """`number`: of this signal among all of its sender. `before`: of the sender's signal before this one in the same stream.
    `question`: the number of a question; the signal with the same number as `answer` answers it. `failed`: there is no answer."""

    sender: str
    number: int
    before: int
    kind: str
    body: bytes
    question: int | None = None
    answer: int | None = None
    failed: bool = False


class _Outgoing(Struct, frozen=True):
    """A signal that waits to be sent to the stream `key`."""

    number: int
    key: bytes
    data: bytes


class Signals:
    """An async context manager; entering waits for Redis. `name`: this gateway's, new at each start.

    Every gateway that listens hears the signals of one sender once and in its order; no gateway hears its own signals to all.
    `after_return` is called when signals may have been lost: after Redis was away, or when more were sent than are kept.
    """

    def __init__(self, url: str, name: str, prefix: str = "lam", *, pace: Pace = Pace()) -> None:
        self.name = name
        self.link = Link(url, name, prefix=prefix, pace=pace)
        self.after_return: list[Callable[[], None]] = []
        self.link.after_return.append(self._returned)
        self.link.after_read.append(self._hear)
        self._everybody = self.link.key("all")
        self._handlers: dict[str, list[Callable[[str, bytes], None]]] = {}
        self._answerers: dict[str, Callable[[str, bytes], Awaitable[bytes]]] = {}
        self._numbers, self._question_numbers = count(1), count(1)
        self._before: OrderedDict[bytes, int] = OrderedDict()  # the number of the last signal in each stream
        self._waiting: deque[_Outgoing] = deque()
        self._waiting_bytes = 0
        self._more = asyncio.Event()
        self._arrivals: list[tuple[bytes, _Signal]] = []  # of one read, stream after stream
        self._senders: OrderedDict[str, _Sender] = OrderedDict()
        self._questions: dict[int, asyncio.Future[bytes]] = {}  # without an answer so far
        self._tasks = Background()
        for key in (self._everybody, self.link.key("to", name)):
            self.link.follow(key, self._reader(key), together=True)

    async def __aenter__(self) -> Self:
        await self.link.__aenter__()
        self._tasks.keep("signals", self._keep_sending)
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._last_word()
        await self._tasks.close()
        await self.link.__aexit__(kind, error, trace)

    @property
    def since_lost(self) -> float | None:
        """Seconds since Redis was lost; None while it answers."""
        return self.link.since_lost

    # Saying

    def send_all(self, kind: str, body: bytes) -> None:
        """Says something to all other gateways. Never waits."""
        self._say(self._everybody, kind, body)

    def send(self, gateway: str, kind: str, body: bytes) -> None:
        """Says something to one gateway, which may be this one. Never waits."""
        self._say(self.link.key("to", gateway), kind, body)

    async def ask(self, gateway: str, kind: str, body: bytes, seconds: float) -> bytes:
        """Returns the gateway's answer. Raises Unreachable when there is none within `seconds`, when the gateway cannot answer, and
        at once while Redis is away for long: the question would be obeyed when nobody waits for the answer any more."""
        if (lost := self.since_lost) is not None and lost >= self.link.pace.answer:
            raise Unreachable
        question = next(self._question_numbers)
        answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._questions[question] = answer
        try:
            async with asyncio.timeout(seconds):
                self._say(self.link.key("to", gateway), kind, body, question=question)
                return await answer
        except TimeoutError:
            raise Unreachable from None
        finally:
            del self._questions[question]

    def _say(
        self,
        key: bytes,
        kind: str,
        body: bytes,
        *,
        question: int | None = None,
        answer: int | None = None,
        failed: bool = False,
    ) -> None:
        number = next(self._numbers)
        signal = _Signal(
            sender=self.name,
            number=number,
            before=self._before.pop(key, 0),
            kind=kind,
            body=body,
            question=question,
            answer=answer,
            failed=failed,
        )
        self._before[key] = number
        if len(self._before) > MOST_SENDERS:
            self._before.popitem(last=False)
        outgoing = _Outgoing(number, key, msgspec.msgpack.encode(signal))
        self._waiting.append(outgoing)
        self._waiting_bytes += len(outgoing.data)
        while len(self._waiting) > MOST_WAITING or self._waiting_bytes > MOST_WAITING_BYTES:
            self._forget()
        self._more.set()

    def _forget(self) -> None:
        self._waiting_bytes -= len(self._waiting.popleft().data)

    async def _keep_sending(self) -> None:
        pace = self.link.pace
        pause = pace.first_pause
        while True:
            await self._more.wait()
            try:
                await self._send()
                pause = pace.first_pause
            except Unreachable:
                await asyncio.sleep(pause)
                pause = min(2 * pause, pace.longest_pause)

    async def _send(self) -> None:
        """Sends one batch of what waits. After a failure all of it is sent again; receivers drop what they have by its number."""
        batch = list(islice(self._waiting, BATCH))
        if not batch:
            self._more.clear()
            return
        commands: list[tuple[bytes | str | int, ...]] = [
            ("XADD", one.key, "MAXLEN", "~", MOST_SIGNALS, "*", _FIELD, one.data) for one in batch
        ]
        commands += [("EXPIRE", key, KEEP_SECONDS) for key in {one.key for one in batch}]
        await self.link.run(commands, whole=True)
        while self._waiting and self._waiting[0].number <= batch[-1].number:
            self._forget()

    async def _last_word(self) -> None:
        """Sends what waits, if Redis answers."""
        try:
            async with asyncio.timeout(LAST_WORD_SECONDS):
                while self._waiting and self.since_lost is None:
                    await self._send()
        except (TimeoutError, Unreachable):
            pass

    # Hearing

    def hear(self, kind: str, handler: Callable[[str, bytes], None]) -> None:
        """Calls `handler(sender, body)` for each signal of the kind. It must not wait; what it raises is logged."""
        self._handlers.setdefault(kind, []).append(handler)

    def answer(self, kind: str, handler: Callable[[str, bytes], Awaitable[bytes]]) -> None:
        """Answers questions of the kind with `await handler(sender, body)`. What it raises is logged; the asking gateway then gets
        Unreachable."""
        self._answerers[kind] = handler

    def _reader(self, key: bytes) -> Callable[[bytes, Fields], None]:
        def read(_id: bytes, fields: Fields) -> None:
            if (data := fields.get(_FIELD)) is not None:
                self._arrivals.append((key, msgspec.msgpack.decode(data, type=_Signal)))

        return read

    def _hear(self) -> None:
        """Takes the signals of one read: all that a sender wrote to both streams before its newest one."""
        arrivals, self._arrivals = self._arrivals, []
        arrivals.sort(key=lambda one: one[1].number)
        is_gap = False
        for key, signal in arrivals:
            is_gap |= not self._sender(signal.sender).follows(key, signal)
            if self._sender(signal.sender).is_new(signal.number) and not (key == self._everybody and signal.sender == self.name):
                self._take(signal)
        if is_gap:
            log.warning("Signals of other gateways were lost; their state is asked for anew")
            self._returned()

    def _sender(self, name: str) -> "_Sender":
        sender = self._senders.pop(name) if name in self._senders else _Sender()
        self._senders[name] = sender  # the newest is the last
        if len(self._senders) > MOST_SENDERS:
            self._senders.popitem(last=False)
        return sender

    def _take(self, signal: _Signal) -> None:
        if signal.answer is not None:
            answer = self._questions.get(signal.answer)
            if answer is not None and not answer.done():
                answer.set_exception(Unreachable()) if signal.failed else answer.set_result(signal.body)
        elif signal.question is not None:
            self._tasks.run(f"answer-{signal.kind}", lambda: self._answer(signal))
        else:
            call_each(self._handlers.get(signal.kind, ()), signal.sender, signal.body, event=f"the signal {signal.kind}")

    async def _answer(self, signal: _Signal) -> None:
        key, body = self.link.key("to", signal.sender), None
        try:
            if (handler := self._answerers.get(signal.kind)) is not None:
                body = await handler(signal.sender, signal.body)
        finally:
            self._say(key, signal.kind, body or b"", answer=signal.question, failed=body is None)

    def _returned(self) -> None:
        call_each(self.after_return, event="a loss of signals")


class _Sender:
    """How far another gateway, or this one, was heard: its last number, of all signals and in each stream."""

    def __init__(self) -> None:
        self._last = 0
        self._of_stream: dict[bytes, int] = {}

    def is_new(self, number: int) -> bool:
        """Returns whether the signal with this number was not heard before, and notes it."""
        if number <= self._last:
            return False
        self._last = number
        return True

    def follows(self, key: bytes, signal: _Signal) -> bool:
        """Returns whether no signal in this stream is missing before this one."""
        last = self._of_stream.get(key)
        self._of_stream[key] = max(last or 0, signal.number)
        return last is None or signal.before <= last
