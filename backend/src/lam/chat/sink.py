"""Chat replies as a kind of run: what they are about, where their results go, and how they are rebuilt.

This module owns the rows of a reply and its cost. It must not know engines or HTTP.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Final, Literal

import msgspec
from msgspec import UNSET, Struct

from lam.accounts.spending import settle_outcome
from lam.errors import Interrupted, NotFound
from lam.generation.remote import AnyRun
from lam.protocol.chat import ChatRequest, Turn
from lam.protocol.events import Done, Error, Event, Metadata, Mode
from lam.protocol.facts import NOTHING, Facts, Failure
from lam.protocol.outcome import Outcome
from lam.protocol.parts import Parts, text_of
from lam.protocol.runs import Lease, OpenRun
from lam.protocol.sampling import Sampling
from lam.protocol.snapshot import Reply, Snapshot, content_events, events_of
from lam.protocol.text import utf16_length
from lam.protocol.window import estimate
from lam.storage.costs import cost_of
from lam.storage.database import Database, UnitOfWork
from lam.storage.models import Ending, Hold, Message

REPLY: Final = "reply"


class Order(Struct, frozen=True, kw_only=True):
    """What a reply's run is about: the request and the stored rows.

    `server`, `model`, `simulated`: as expected at the beginning; `upstream`: the model as its servers name it, None when that was
    not certain. `so_far`, `thought_so_far`: from the reply that this one
    continues. `facts`: what is known about this reply at its beginning. `wants_title`: its session has no title yet.
    """

    session_id: int
    session_key: str
    user_id: int
    user_message_id: int
    assistant_message_id: int
    request: ChatRequest
    mode: Mode = "sse"
    server: str | None = None
    model: str | None = None
    simulated: bool | None = None
    upstream: str | None = None
    so_far: Parts = ()
    thought_so_far: str = ""
    facts: Facts = NOTHING
    wants_title: bool = False


def session_key(session_id: int) -> str:
    """Returns the key of a session's runs, of which one may be open at a time."""
    return f"session:{session_id}"


def session_of(run: AnyRun | OpenRun) -> int | None:
    """Returns the session of a reply's run, None for another kind of run."""
    kind, _, session_id = (run.key or "").partition(":")
    return int(session_id) if run.kind == REPLY and kind == "session" else None


async def name_of_stopper(database: Database, run: AnyRun, user_id: int) -> str | None:
    """Returns the name of somebody who stops a reply in a session that is shared, None in any other."""
    session_id = session_of(run)
    if session_id is None:
        return None
    async with database.read() as unit:
        if not await unit.members.is_shared(session_id):
            return None
        user = await unit.users.by_id(user_id)
    return user.name if user else None


class ReplySink:
    """A `Sink` that owns the reply's message and cost. `after(order, outcome)` is called once both are stored."""

    def __init__(
        self, order: Order, stream_id: str, database: Database, after: Callable[[Order, Outcome], None] | None = None
    ) -> None:
        self.order = order
        self._stream_id = stream_id
        self._database = database
        self._after = after

    def opening(self) -> Sequence[Event]:
        order, text = self.order, text_of(self.order.so_far)
        metadata = Metadata(
            order.session_id,
            order.user_message_id,
            order.session_key,
            self._stream_id,
            order.assistant_message_id,
            order.mode,
            order.model,
            order.simulated,
            continues=utf16_length(text) if text else UNSET,
            server=order.server or UNSET,
        )
        return [metadata, *content_events(order.so_far, order.thought_so_far if text else "")]

    def prompt_tokens(self) -> int:
        return estimate(self.order.request.turns)

    async def commit(self, outcome: Outcome, lease: Lease) -> None:
        order, now = self.order, datetime.now(UTC)
        facts = outcome.facts.after(order.facts)
        ending = Ending(
            status=outcome.status,
            parts=outcome.parts,
            thinking=outcome.thinking or None,
            facts=facts,
            unread=outcome.unread,
        )
        async with self._database.write() as unit:
            if not await unit.runs.close(lease):
                return
            if await unit.messages.finish(order.assistant_message_id, ending, now):
                await unit.costs.add(cost_of(outcome, order.user_id, order.session_id, REPLY, now))
            if outcome.status != "complete":
                await unit.waiting.hold(order.session_id, Hold(outcome.status))
            await settle_outcome(unit, lease.run_id, outcome)
        if self._after is not None:
            self._after(order, outcome)

    def ending(self, outcome: Outcome) -> Done | Error:
        message_id, facts = self.order.assistant_message_id, outcome.facts
        if facts.failure is not None:
            return Error(facts.failure.message, facts.failure.code, facts.failure.retryable, message_id)
        reason = facts.finish_reason or "stop"
        usage, by = facts.usage, facts.stopped_by or UNSET
        return Done(message_id, outcome.text, reason, facts.model, facts.simulated, usage, facts.timings, by)


class Replies:
    """The `Kind` of run that produces a session's replies."""

    name = REPLY

    def __init__(self, database: Database) -> None:
        self._database = database

    async def restore(self, run: OpenRun) -> ReplySink | None:
        async with self._database.read() as unit:
            message = await unit.messages.of_stream(run.id)  # its sender may have left the session
            if message is None or message.status != "streaming":
                return None
            order = await self._order(unit, run, message)
        return ReplySink(order, run.id, self._database)

    @staticmethod
    async def _order(unit: UnitOfWork, run: OpenRun, message: Message) -> Order:
        try:
            return msgspec.json.decode(run.request, type=Order)
        except msgspec.DecodeError:  # from an earlier release: the rows hold most of it
            pass
        ((session, _),) = await unit.sessions.listed([message.session_id])
        path = await unit.messages.path(message.parent_id)
        turns = tuple(Turn(earlier.role, earlier.content) for earlier in path)
        return Order(
            session_id=message.session_id,
            session_key=session.session_key,
            user_id=run.user_id,
            user_message_id=message.parent_id or 0,
            assistant_message_id=message.id,
            request=ChatRequest(turns=turns, keep=0, sampling=Sampling(temperature=0, top_p=1, max_tokens=1)),
            so_far=message.parts,
            thought_so_far=message.thinking or "",
            facts=message.facts,
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


async def as_stored(unit: UnitOfWork, message: Message) -> Message:
    """Returns a message with all that is stored of it: of a streaming one its row and its run's checkpoints. It may have ended
    since it was read; then its row, read again, has everything, and the checkpoints are gone."""
    if message.status != "streaming":
        return message
    snapshot = Snapshot()
    saved = await unit.runs.progress(message.stream_id) if message.stream_id else []
    for event in (*content_events(message.parts, message.thinking or ""), *saved):
        snapshot.add(event)
    now = await unit.messages.by_id(message.id)
    if now is not None and now.status != "streaming":
        return now
    return msgspec.structs.replace(message, content=snapshot.text, parts=snapshot.parts, thinking=snapshot.thinking or None)


async def _rebuilt(unit: UnitOfWork, message: Message, user_id: int) -> list[Event]:
    session = await unit.sessions.find(message.session_id, user_id, "read")
    message = await as_stored(unit, message)
    facts = message.facts
    if message.status == "streaming":  # the log is gone and the ending is not stored yet
        failure = Failure(code=Interrupted.code, message=Interrupted.summary, retryable=True)
        facts = msgspec.structs.replace(facts, failure=failure)
    return events_of(
        Reply(
            session_id=message.session_id,
            session_key=session.session_key if session else "",
            stream_id=message.stream_id,
            user_message_id=message.parent_id,
            message_id=message.id,
            thinking=message.thinking or "",
            parts=message.parts,
            facts=facts,
        )
    )
