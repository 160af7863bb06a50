"""The runs of the other gateways: which there are, who reads them here, and how this gateway has them stopped.

Each gateway tells the others which of its runs begin and end, and answers questions about them. Signals may be lost, so gateways
compare their lists; which run has a key is decided by its row in the store. It must not know how signals travel, nor who lives.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection
from types import TracebackType
from typing import Final, Protocol, Self

import msgspec
from msgspec import Struct

from lam.background import Background
from lam.callbacks import call_each
from lam.errors import CannotAnswerNow, LamError, SessionBusy, StorageUnavailable, Unreachable, from_code
from lam.generation.contracts import RunStore
from lam.generation.remote import Begun, RemoteRun
from lam.generation.run import Life, Run
from lam.generation.supervisor import Supervisor, Waits

COMPARE_SECONDS: Final = 10.0  # between two comparisons with the lists of the others
ANSWER_SECONDS: Final = 2.0  # to a question whose answer needs no waiting there
REMEMBERED: Final = 10_000  # ended runs


class Signals(Protocol):
    """The part of `redis.signals.Signals` that this module needs."""

    def send_all(self, kind: str, body: bytes) -> None:
        """Says something to all other gateways."""
        ...

    def send(self, gateway: str, kind: str, body: bytes) -> None:
        """Says something to one gateway."""
        ...

    async def ask(self, gateway: str, kind: str, body: bytes, seconds: float) -> bytes:
        """Returns the gateway's answer. Raises Unreachable when there is none within `seconds`."""
        ...

    def hear(self, kind: str, handler: Callable[[str, bytes], None]) -> None:
        """Calls `handler(sender, body)` for each signal of the kind."""
        ...

    def answer(self, kind: str, handler: Callable[[str, bytes], Awaitable[bytes]]) -> None:
        """Answers questions of the kind with `await handler(sender, body)`."""
        ...


class Living(Protocol):
    """The part of `storage.leases.Leases` that this module needs."""

    @property
    def name(self) -> str:
        """This gateway's name."""
        ...

    @property
    def valid(self) -> bool:
        """Whether this gateway surely counts as living."""
        ...

    def peers(self) -> Collection[str]:
        """Returns the names of the other gateways that live."""
        ...

    async def look(self) -> None:
        """Looks at once who else lives. Does nothing where the database does not answer."""
        ...

    async def drain(self) -> None:
        """Lets the others know that this gateway stops."""
        ...

    def ready(self) -> Collection[str]:
        """Returns the names of those that take new runs."""
        ...


class _Ended(Struct, frozen=True):
    id: str
    status: str | None


class _Reads(Struct, frozen=True):
    id: str
    reads: bool


class _StopQuestion(Struct, frozen=True):
    id: str
    shown_chars: int | None = None
    by: str | None = None


class _RoomQuestion(Struct, frozen=True):
    id: str
    displaces: bool


class _EndQuestion(Struct, frozen=True):
    run_id: str | None = None
    key: str | None = None
    user_id: int | None = None


class _Failure(Struct, frozen=True):
    """How a question ended. `code`: of the error, None after a success. `stream_id`: the run that makes a session busy."""

    code: str | None = None
    message: str | None = None
    stream_id: str = ""


class RemoteRuns:
    """An `Elsewhere`, as an async context manager. `kinds`: the kinds of run that another gateway can make go on.

    `after_start` and `after_end` are called with a run of another gateway, `after_gift` when another gateway gave runs away.
    """

    def __init__(
        self,
        signals: Signals,
        living: Living,
        supervisor: Supervisor,
        store: RunStore,
        *,
        waits: Waits | None = None,
        kinds: Collection[str] = (),
    ) -> None:
        self.after_start: list[Callable[[RemoteRun], None]] = []
        self.after_end: list[Callable[[RemoteRun], None]] = []
        self.after_gift: list[Callable[[], None]] = []
        self._signals = signals
        self._living = living
        self._supervisor = supervisor
        self._store = store
        self._waits = waits or Waits()
        self._kinds = kinds
        self._runs: dict[str, RemoteRun] = {}
        self._by_key: dict[str, RemoteRun] = {}
        self._ended: OrderedDict[str, RemoteRun] = OrderedDict()
        self._here: dict[str, RemoteRun] = {}  # runs that came here and whose readers still follow a mirror
        self._tasks = Background()
        self._compare = asyncio.Event()
        signals.hear("run.started", self._hear_start)
        signals.hear("run.ended", self._hear_end)
        signals.hear("run.reads", self._hear_reader)
        signals.hear("run.given", lambda *_: call_each(self.after_gift, event="a gift of runs"))
        signals.answer("runs", self._answer_runs)
        signals.answer("run.stop", self._answer_stop)
        signals.answer("run.answer_now", self._answer_answer_now)
        signals.answer("run.room", self._answer_room)
        signals.answer("run.end", self._answer_end)
        supervisor.elsewhere = self
        supervisor.after_start.append(self._started)
        supervisor.after_end.append(self._tell_end)

    async def __aenter__(self) -> Self:
        await self._compare_all()
        self._tasks.keep("remote-runs", self._keep_comparing)
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._tasks.close()

    # Looking up

    @property
    def valid(self) -> bool:
        return self._living.valid

    def get(self, run_id: str) -> RemoteRun | None:
        return self._runs.get(run_id)

    def of_key(self, key: str) -> RemoteRun | None:
        return self._by_key.get(key)

    def running(self) -> Collection[RemoteRun]:
        return self._runs.values()

    def recall(self, run_id: str) -> RemoteRun | None:
        """Returns a run that runs elsewhere, or has ended there a short time ago."""
        return self._runs.get(run_id) or self._ended.get(run_id)

    def has_ended(self, run_id: str) -> bool:
        ended = self._ended.get(run_id)
        return ended is not None and ended.is_kept

    async def find(self, run_id: str) -> RemoteRun | None:
        run = self._runs.get(run_id)
        if run is None and self._supervisor.local(run_id) is None:
            row = await self._store.find(run_id)
            if row is not None and self._supervisor.local(run_id) is None:
                run = self._runs.get(run_id) or self._enter(Begun.of_row(row), row.owner)
        return run

    # The others' runs, from here

    async def make_room(self, run: RemoteRun, *, displaces: bool) -> None:
        question = msgspec.msgpack.encode(_RoomQuestion(run.id, displaces))
        try:
            answer = await self._ask(run.owner, "run.room", question, self._waits.room + self._waits.commit + ANSWER_SECONDS)
        except Unreachable:
            raise SessionBusy(run.id) from None
        self._raise(answer)
        if (row := await self._store.find(run.id)) is None:
            self._forget(run, None)
        elif row.owner != run.owner and row.owner != self._living.name:
            self._move(run, row.owner, row.epoch)
        else:  # its row is there, though nobody runs it: another gateway soon takes it over
            raise SessionBusy(run.id)

    async def stop(self, run: RemoteRun, shown_chars: int | None, by: str | None) -> str | None:
        question = msgspec.msgpack.encode(_StopQuestion(run.id, shown_chars, by))
        asked = set[str]()
        while True:
            asked.add(owner := run.owner)
            answer = await self._ask(owner, "run.stop", question, self._waits.stop + ANSWER_SECONDS)
            status = msgspec.msgpack.decode(answer, type=str | None)
            if status is not None or (row := await self._store.find(run.id)) is None:
                return status
            if row.owner == self._living.name:
                await self._supervisor.stop(run.id, shown_chars, by)
                return None
            if row.owner in asked:
                return None  # it has the run, and has not stored its result yet
            self._move(run, row.owner, row.epoch)  # it went to another gateway meanwhile

    async def answer_now(self, run: RemoteRun) -> None:
        self._raise(await self._ask(run.owner, "run.answer_now", run.id.encode(), self._waits.commit))

    async def end(self, *, run_id: str | None = None, key: str | None = None, user_id: int | None = None) -> None:
        if user_id is not None:
            owners = set(self._living.peers())
        else:
            row = await self._store.of_key(key) if key is not None else await self._store.find(run_id or "")
            if row is None:
                return
            if not await self._lives(row.owner):
                raise SessionBusy(row.id)  # its gateway is gone, and nobody has taken it over yet
            owners = {row.owner}
        question = msgspec.msgpack.encode(_EndQuestion(run_id, key, user_id))
        wait = self._waits.commit + ANSWER_SECONDS
        for answer in await asyncio.gather(*(self._ask(owner, "run.end", question, wait) for owner in owners)):
            self._raise(answer)

    async def leave(self) -> None:
        await self._living.drain()

    def can_give_away(self, run: Run) -> bool:
        return run.on_disconnect == "continue" and run.kind in self._kinds and bool(self._living.ready())

    def announce_gift(self) -> None:
        self._signals.send_all("run.given", b"")

    async def _lives(self, owner: str) -> bool:
        """Returns whether this gateway lives. One that has just started is not seen before the next beat, so this looks at once."""
        if owner not in self._living.peers():
            await self._living.look()
        return owner in self._living.peers()

    async def _ask(self, owner: str, kind: str, question: bytes, seconds: float) -> bytes:
        """Returns the gateway's answer. Raises Unreachable, at once when the gateway does not live."""
        if not await self._lives(owner):
            raise Unreachable
        return await self._signals.ask(owner, kind, question, seconds)

    @staticmethod
    def _raise(answer: bytes) -> None:
        failure = msgspec.msgpack.decode(answer, type=_Failure)
        if failure.code is not None:
            raise from_code(failure.code, failure.message or "", stream_id=failure.stream_id)

    # Our runs, for the others

    def _started(self, run: Run) -> None:
        self._signals.send_all("run.started", msgspec.msgpack.encode(Begun.of(run)))
        before = self._runs.pop(run.id, None)
        if before is not None:  # it was taken over
            self._leave_key(before)
            before.move(self._living.name, run.lease.epoch)
            self._here[run.id] = before
            if before.is_read:
                run.read_from(self._living.name, reads=True)

    def _tell_end(self, run: Run) -> None:
        status = run.outcome.status if run.outcome is not None else None
        self._signals.send_all("run.ended", msgspec.msgpack.encode(_Ended(run.id, status)))
        if (mirrored := self._here.pop(run.id, None)) is not None:
            mirrored.end(status)

    def ended_orphan(self, run_id: str, status: str) -> None:
        """Reports the end of a run that this gateway took over and did not start again, to the others and here."""
        self._signals.send_all("run.ended", msgspec.msgpack.encode(_Ended(run_id, status)))
        self._over(run_id, status)

    def tell_all(self) -> None:
        """After a loss of signals: tells the others who reads here, and asks them for their runs."""
        for run in self._runs.values():
            if run.is_read:
                self._tell_reader(run, True)
        self._compare.set()

    def look(self) -> None:
        """After a change of the gateways: forgets the readers at those that are gone, and asks the others for their runs."""
        gateways = {*self._living.peers(), self._living.name}
        for run in self._supervisor.running():
            run.read_only_from(gateways)
        self._compare.set()

    def _tell_reader(self, run: RemoteRun, reads: bool) -> None:
        if run.owner == self._living.name:
            if (here := self._supervisor.local(run.id)) is not None:
                here.read_from(self._living.name, reads=reads)
        else:
            self._signals.send(run.owner, "run.reads", msgspec.msgpack.encode(_Reads(run.id, reads)))

    async def _answer_runs(self, _sender: str, _body: bytes) -> bytes:
        return msgspec.msgpack.encode([Begun.of(run) for run in self._supervisor.running() if run.life < Life.ENDED])

    async def _answer_stop(self, _sender: str, body: bytes) -> bytes:
        question = msgspec.msgpack.decode(body, type=_StopQuestion)
        run = self._supervisor.local(question.id)
        await self._supervisor.stop(question.id, question.shown_chars, question.by)
        status = run.outcome.status if run is not None and run.outcome is not None else None
        return msgspec.msgpack.encode(status)

    async def _answer_answer_now(self, _sender: str, body: bytes) -> bytes:
        run = self._supervisor.local(body.decode())

        async def work() -> None:
            if run is None or run.answer_now is None or run.life >= Life.ENDING:
                raise CannotAnswerNow
            await run.answer_now()

        return await _failure_of(work())

    async def _answer_room(self, _sender: str, body: bytes) -> bytes:
        question = msgspec.msgpack.decode(body, type=_RoomQuestion)
        return await _failure_of(self._supervisor.make_room(question.id, displaces=question.displaces))

    async def _answer_end(self, _sender: str, body: bytes) -> bytes:
        question = msgspec.msgpack.decode(body, type=_EndQuestion)
        return await _failure_of(
            self._supervisor.end_here(run_id=question.run_id, key=question.key, user_id=question.user_id),
        )

    # Hearing

    def _hear_start(self, sender: str, body: bytes) -> None:
        begun = msgspec.msgpack.decode(body, type=Begun)
        here = self._supervisor.local(begun.id)
        if begun.id not in self._ended and (here is None or here.lease.epoch < begun.epoch):  # else it says so too late
            self._enter(begun, sender)

    def _hear_end(self, _sender: str, body: bytes) -> None:
        ended = msgspec.msgpack.decode(body, type=_Ended)
        self._over(ended.id, ended.status)

    def _over(self, run_id: str, status: str | None) -> None:
        if (run := self._runs.get(run_id)) is not None:
            self._forget(run, status)
        elif self._supervisor.local(run_id) is None and (run := self._here.pop(run_id, None)) is not None:
            run.end(status)  # it was lost here, and ended before it ran anywhere again

    def _hear_reader(self, sender: str, body: bytes) -> None:
        reader = msgspec.msgpack.decode(body, type=_Reads)
        if (run := self._supervisor.local(reader.id)) is not None:
            run.read_from(sender, reads=reader.reads)

    def _enter(self, begun: Begun, owner: str) -> RemoteRun:
        run = self._runs.get(begun.id)
        if run is not None:
            self._move(run, owner, begun.epoch)
            return run
        if (run := self._here.pop(begun.id, None)) is not None:  # it ran here, and another gateway took it over
            run.move(owner, begun.epoch)
        else:
            run = RemoteRun(begun, owner, self._tell_reader)
        self._runs[run.id] = run
        if run.is_read:
            self._tell_reader(run, True)
        if run.key is not None:
            self._by_key[run.key] = run
        call_each(self.after_start, run, event="the start of a run elsewhere")
        return run

    def _move(self, run: RemoteRun, owner: str, epoch: int) -> None:
        """The run is at another gateway now, which is told who reads it here."""
        if run.move(owner, epoch) and run.is_read:
            self._tell_reader(run, True)

    def _forget(self, run: RemoteRun, status: str | None) -> None:
        if self._runs.pop(run.id, None) is None:
            return
        self._leave_key(run)
        run.end(status)
        self._ended[run.id] = run
        while len(self._ended) > REMEMBERED:
            self._ended.popitem(last=False)
        call_each(self.after_end, run, event="the end of a run elsewhere")

    def _leave_key(self, run: RemoteRun) -> None:
        if run.key is not None and self._by_key.get(run.key) is run:
            del self._by_key[run.key]

    # Comparing

    async def _keep_comparing(self) -> None:
        while True:
            try:
                async with asyncio.timeout(COMPARE_SECONDS):
                    await self._compare.wait()
            except TimeoutError:
                pass
            self._compare.clear()
            await self._compare_all()

    async def _compare_all(self) -> None:
        before = list(self._runs.values())
        running = set[str]().union(*await asyncio.gather(*map(self._compare_with, self._living.peers())))
        for run in before:
            if run.id not in running and self._runs.get(run.id) is run:
                await self._look_up(run)

    async def _look_up(self, run: RemoteRun) -> None:
        """Asks the store about a run that no gateway names."""
        try:
            row = await self._store.find(run.id)
        except StorageUnavailable:
            return
        if row is None:
            self._forget(run, None)
        elif row.owner:
            self._move(run, row.owner, row.epoch)

    async def _compare_with(self, peer: str) -> set[str]:
        """Returns the ids of a peer's runs; those that are known already when it does not answer."""
        try:
            answer = await self._signals.ask(peer, "runs", b"", ANSWER_SECONDS)
        except Unreachable:
            return {run.id for run in self._runs.values() if run.owner == peer}
        runs = msgspec.msgpack.decode(answer, type=list[Begun])
        for begun in runs:
            if begun.id not in self._ended and self._supervisor.local(begun.id) is None:
                self._enter(begun, peer)
        return {begun.id for begun in runs}


async def _failure_of(work: Awaitable[None]) -> bytes:
    """Does the work and returns a `_Failure`, encoded."""
    try:
        await work
    except LamError as error:
        stream_id = error.stream_id if isinstance(error, SessionBusy) else ""
        return msgspec.msgpack.encode(_Failure(error.code, error.message, stream_id))
    return msgspec.msgpack.encode(_Failure())
