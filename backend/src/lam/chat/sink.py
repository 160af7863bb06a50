"""Replies: what their runs are about, where their results go, and how they are told again from their messages."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Final, Literal

import msgspec
from msgspec import UNSET, Struct

from lam.chat.costs import cost_of
from lam.errors import Interrupted, NotFound
from lam.protocol.chat import ChatRequest, Turn
from lam.protocol.events import Done, Error, Event, Metadata, Mode, Timings, Usage
from lam.protocol.outcome import Outcome
from lam.protocol.runs import Lease, OpenRun
from lam.protocol.sampling import Sampling
from lam.protocol.snapshot import Snapshot, events_of
from lam.protocol.text import utf16_length, utf16_prefix
from lam.protocol.window import estimate
from lam.storage.database import Database, UnitOfWork
from lam.storage.models import Ending, Message

REPLY: Final = "reply"


class Order(Struct, frozen=True, kw_only=True):
    """What a reply is about: the request, and the rows that already stand in the database.

    `model`, `simulated`: as they could be told when the reply began. `so_far`, `thought_so_far`, `calls_so_far`: of the reply that
    this one goes on with. `about`: what its metadata holds from the beginning. `wants_title`: its session has none yet.
    """

    session_id: int
    session_key: str
    user_id: int
    user_message_id: int
    assistant_message_id: int
    request: ChatRequest
    mode: Mode = "sse"
    model: str | None = None
    simulated: bool | None = None
    so_far: str = ""
    thought_so_far: str = ""
    calls_so_far: tuple[dict[str, Any], ...] = ()
    about: dict[str, Any] = {}
    wants_title: bool = False


def session_key(session_id: int) -> str:
    """The key of a session's runs: it has one at a time."""
    return f"session:{session_id}"


class ReplySink:
    """A `Sink`: owns the reply's message and its cost. `after(order, outcome)` is called once both are stored."""

    def __init__(
        self, order: Order, stream_id: str, database: Database, after: Callable[[Order, Outcome], None] | None = None
    ) -> None:
        self.order = order
        self._stream_id = stream_id
        self._database = database
        self._after = after

    def opening(self) -> Sequence[Event]:
        order = self.order
        metadata = Metadata(
            order.session_id,
            order.user_message_id,
            order.session_key,
            self._stream_id,
            order.assistant_message_id,
            order.mode,
            order.model,
            order.simulated,
            continues=utf16_length(order.so_far) if order.so_far else UNSET,
        )
        return [metadata, *events_of(order.so_far, order.thought_so_far if order.so_far else "", order.calls_so_far)]

    def prompt_tokens(self) -> int:
        return estimate(self.order.request.turns)

    async def commit(self, outcome: Outcome, lease: Lease) -> None:
        order, now = self.order, datetime.now(UTC)
        ending = _ending(outcome, order)
        async with self._database.write() as unit:
            if not await unit.runs.close(lease):
                return
            if await unit.messages.finish(order.assistant_message_id, ending, now):
                await unit.costs.add(cost_of(outcome, order.user_id, order.session_id, REPLY, now))
        if self._after is not None:
            self._after(order, outcome)

    def ending(self, outcome: Outcome) -> Done | Error:
        message_id, facts = self.order.assistant_message_id, outcome.facts
        if facts.failure is not None:
            return Error(facts.failure.message, facts.failure.code, facts.failure.retryable, message_id)
        reason = facts.finish_reason or "stop"
        return Done(message_id, outcome.text, reason, facts.model, facts.simulated, facts.usage, facts.timings)


class Replies:
    """The `Kind` of run that writes a session's replies."""

    name = REPLY

    def __init__(self, database: Database) -> None:
        self._database = database

    async def restore(self, run: OpenRun) -> ReplySink | None:
        async with self._database.read() as unit:
            message = await unit.messages.by_stream(run.id, run.user_id, "send")
            if message is None or message.status != "streaming":
                return None
            order = await self._order(unit, run, message)
        return ReplySink(order, run.id, self._database)

    @staticmethod
    async def _order(unit: UnitOfWork, run: OpenRun, message: Message) -> Order:
        try:
            return msgspec.json.decode(run.request, type=Order)
        except msgspec.DecodeError:  # of an earlier release: its rows say most of it
            pass
        session = await unit.sessions.find(message.session_id, run.user_id, "send")
        path = await unit.messages.path(message.parent_id)
        turns = tuple(Turn(earlier.role, earlier.content) for earlier in path)
        return Order(
            session_id=message.session_id,
            session_key=session.session_key if session else "",
            user_id=run.user_id,
            user_message_id=message.parent_id or 0,
            assistant_message_id=message.id,
            request=ChatRequest(turns=turns, keep=0, sampling=Sampling(temperature=0, top_p=1, max_tokens=1)),
            so_far=message.content,
            thought_so_far=message.thinking or "",
            calls_so_far=tuple(message.tool_calls),
            about=message.about,
        )

    async def status(self, run_id: str, user_id: int, action: Literal["read", "stop"]) -> str | None:
        async with self._database.read() as unit:
            message = await unit.messages.by_stream(run_id, user_id, action)
        return message.status if message else None

    async def rebuild(self, run_id: str, user_id: int) -> Sequence[Event]:
        async with self._database.read() as unit:
            message = await unit.messages.by_stream(run_id, user_id, "read")
            if message is None:
                raise NotFound
            return await _rebuilt(unit, message, user_id)


def _ending(outcome: Outcome, order: Order) -> Ending:
    facts = outcome.facts.with_metadata(order.about).with_metadata(outcome.facts.metadata)
    if outcome.calls:
        facts = facts.with_metadata({"tool_calls": outcome.calls})
    row = facts.to_row()
    return Ending(
        status=outcome.status,
        content=outcome.text,
        thinking=outcome.thinking or None,
        metadata=row["metadata"],
        usage=row["usage"],
        timings=row["timings"],
        error=row["error"],
        unread=outcome.unread,
    )


async def so_far(unit: UnitOfWork, message: Message) -> Snapshot:
    """A message that is marked as streaming, as far as it is stored: what its row began with, and its run's checkpoints."""
    snapshot = Snapshot()
    saved = await unit.runs.progress(message.stream_id) if message.stream_id else []
    for event in (*events_of(message.content, message.thinking or "", message.tool_calls), *saved):
        snapshot.add(event)
    return snapshot


async def _rebuilt(unit: UnitOfWork, message: Message, user_id: int) -> list[Event]:
    session = await unit.sessions.find(message.session_id, user_id, "read")
    about = message.about
    text, thinking, calls, error = message.content, message.thinking or "", message.tool_calls, message.error
    if message.status == "streaming":  # its log is gone and its ending is not stored yet
        reply = await so_far(unit, message)
        text, thinking, calls = reply.text, reply.thinking, reply.calls
        error = {"code": Interrupted.code, "message": Interrupted.summary, "retryable": True}
    base = utf16_prefix(text, about.get("continues", 0))  # a stop may have cut into it
    events: list[Event] = [
        Metadata(
            message.session_id,
            message.parent_id,
            session.session_key if session else "",
            message.stream_id,
            message.id,
            about.get("mode") or "sse",
            about.get("model"),
            about.get("simulated"),
            rebuilt=True,
            continues=utf16_length(base) if "continues" in about else UNSET,
        )
    ]
    events += events_of(base, thinking)
    events += events_of(text[len(base) :], "", calls)
    if error:
        events.append(Error(error["message"], error["code"], error["retryable"], message.id))
    else:
        usage = Usage(**message.usage) if message.usage else None
        timings = Timings(**message.timings) if message.timings else None
        reason = about.get("finish_reason", "stop")
        events.append(Done(message.id, text, reason, about.get("model"), about.get("simulated"), usage, timings))
    return events
