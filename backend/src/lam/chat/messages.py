"""Sends messages, from a request to a running reply, and reads the messages of a session.

It owns the order of checks and the opening transaction. It must not know HTTP, and leaves the result to the sink.
"""

import asyncio
import hashlib
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from weakref import WeakValueDictionary

import msgspec
from msgspec import Struct

from lam.chat.branches import Aim, Newest, anew, at_end, beside, going_on
from lam.chat.history import Prompt, chat_request, conversation, left_out
from lam.chat.sessions import require_session
from lam.chat.sink import REPLY, Order, Replies, ReplySink, session_key
from lam.chat.streams import Following, Streams
from lam.chat.templates import prompt_changes
from lam.chat.titles import DEFAULT_TITLE, Titles, first_words
from lam.engines.catalog import Catalog
from lam.engines.queue import Ticket
from lam.errors import Conflict, Invalid, NotFound, NotSupported, RequestIdReused, ShuttingDown, StorageUnavailable
from lam.generation.recovery import end_leftover
from lam.generation.run import Run
from lam.generation.supervisor import Claim, Supervisor
from lam.protocol.chat import ChatRequest
from lam.protocol.documents import Document
from lam.protocol.facts import NOTHING, Facts
from lam.protocol.parts import Parts, message_parts, parts_of, subject, written_form
from lam.protocol.runs import OnDisconnect, OpenRun
from lam.protocol.sampling import Choices, in_force
from lam.protocol.text import utf16_length
from lam.protocol.window import longest
from lam.settings import Settings
from lam.storage.database import Database, UnitOfWork
from lam.storage.models import Message, Rating, SentRequest, Session
from lam.storage.run_store import RunStore

log = logging.getLogger(__name__)

REMEMBERED: Final = timedelta(hours=24)


class Send(Choices, frozen=True, kw_only=True):
    """A new turn or, with `regenerate` or `continues`, another reply or the continuation of one. None means unset.

    `documents`: when set, even to an empty list, `content` is not searched for documents.
    """

    session_id: int
    content: str | None = None
    documents: tuple[Document, ...] | None = None
    system_prompt: str | None = None
    template_id: int | None = None
    variables: dict[str, str] | None = None
    model: str | None = None
    parent_id: int | None = None
    regenerate: int | Newest | None = None
    continues: int | Newest | None = None
    client_request_id: str | None = None
    on_disconnect: OnDisconnect = "cancel"

    @property
    def aims(self) -> dict[str, int]:
        """The position in the tree, empty for the end of the active path."""
        position = {"parent_id": self.parent_id, "regenerate": self.regenerate, "continue": self.continues}
        return {name: value for name, value in position.items() if value is not None}

    @property
    def parts(self) -> Parts:
        """The parts of the user's message."""
        text = self.content or ""
        return parts_of(text) if self.documents is None else message_parts(text, self.documents)

    @property
    def fingerprint(self) -> str:
        """A hash of everything that a client_request_id identifies, except the session."""
        data = written_form(self.parts).encode("utf-8")
        if self.aims:
            data = b"\0" + msgspec.json.encode(self.aims, order="sorted") + data  # no content begins with that byte
        return hashlib.sha256(data).hexdigest()


class ListedMessage(Struct, frozen=True):
    """A message, and the ids of all messages in its place, itself included, in order of creation.

    `in_context`: the next prompt includes it, if the context has room.
    """

    message: Message
    siblings: list[int]
    in_context: bool = True


class _Plan(Struct, frozen=True, kw_only=True):
    """The plan of a request: the session as it will be, its changes, the position, and the request to the model.

    `facts`: what is known about the reply at its beginning.
    """

    session: Session
    changes: dict[str, Any]
    aim: Aim
    request: ChatRequest
    facts: Facts


class Messages:
    def __init__(
        self,
        settings: Settings,
        database: Database,
        catalog: Catalog,
        supervisor: Supervisor,
        streams: Streams,
        titles: Titles,
    ) -> None:
        self._settings = settings
        self._database = database
        self._catalog = catalog
        self._supervisor = supervisor
        self._streams = streams
        self._titles = titles
        # a lock disappears with its last user
        self._sending: WeakValueDictionary[tuple[int, str], asyncio.Lock] = WeakValueDictionary()

    async def send(self, user_id: int, send: Send) -> Following:
        """Stores the turn, starts the reply, and returns its stream; a repeated client_request_id returns the first run's stream.

        Raises NotFound, Invalid, UnknownModel, NotSupported, RequestIdReused, ShuttingDown, SessionBusy, TooManyStreams, QueueFull,
        StorageUnavailable and, with `continues`, the error of asking the server. After an error nothing is stored.
        """
        async with self._one_at_a_time(user_id, send.client_request_id):
            async with self._database.read() as unit:
                session = await require_session(unit, send.session_id, user_id, "send")
                earlier = await self._earlier(unit, user_id, send)
                if earlier is None:
                    await self._changes(unit, user_id, session, send)
                    plan = await self._plan(unit, user_id, send) if send.aims else None
            if earlier is not None:
                return await self._streams.find(earlier.stream_id, user_id)
            if send.model is not None:
                await self._catalog.require_model(send.model)
            model = send.model or session.model
            # before an unread reply makes way for this one: an error must leave it running
            if plan is not None and plan.request.continues:
                await self._catalog.require_continuing(plan.request)
            continues = send.continues is not None
            async with self._supervisor.claim(session_key(session.id), user_id) as claim:
                with self._catalog.place(model, user_id, continues=continues) as place:
                    try:
                        order, record = await self._store(claim, place, user_id, send)
                    except Conflict:
                        await end_leftover(RunStore(self._database), Replies(self._database), session_key(session.id))
                        order, record = await self._store(claim, place, user_id, send)
                    producer = self._catalog.generate(order.request, place)
                    sink = ReplySink(order, record.id, self._database, self._titles.after)
                    run = self._supervisor.start(claim, record, producer, sink)
            return Following(run.id, run.log, run=run)

    async def page(self, user_id: int, session_id: int, limit: int, before: int | None) -> list[ListedMessage]:
        """Returns the newest `limit` messages of the active path, or those before message `before`, oldest first. Marks the
        session as read."""
        async with self._database.read() as unit:
            session = await require_session(unit, session_id, user_id, "read")
            leaf = session.leaf_id
            if before is not None:
                edge = await unit.messages.in_session(before, session_id)
                if edge is None:
                    raise Invalid(f"Message {before} is not in this session.")
                leaf = edge.parent_id
            messages = await unit.messages.path(leaf, limit)
            out = await left_out(unit, session_id, messages, self._longest(session.model))
            items = await _with_siblings(unit, session_id, [self._live(message) for message in messages], out)
        if session.unread:
            with suppress(StorageUnavailable):  # only the mark is lost
                async with self._database.write() as unit:
                    await unit.sessions.mark_read(session_id)
        return items

    async def pair(self, user_id: int, following: Following) -> tuple[Session, ListedMessage, ListedMessage]:
        """Returns the session, the user's message and the reply of a stream that has ended."""
        async with self._database.read() as unit:
            reply = await unit.messages.by_stream(following.stream_id, user_id, "read")
            question = await unit.messages.by_id(reply.parent_id) if reply and reply.parent_id else None
            session = await unit.sessions.find(reply.session_id, user_id, "read") if reply else None
            if reply is None or question is None or session is None:
                raise NotFound
            items = await _with_siblings(unit, session.id, [question, reply])
        return session, items[0], items[1]

    async def rate(self, user_id: int, message_id: int, rating: Rating | None) -> ListedMessage:
        """Rates a reply; None removes the rating. Raises NotFound, Invalid."""
        async with self._database.write() as unit:
            reply = await unit.messages.find(message_id, user_id, "rate")
            if reply is None:
                raise NotFound("There is no such message.")
            if reply.role != "assistant":
                raise Invalid(f"Message {message_id} is not a reply; only replies are rated.")
            await unit.messages.rate(message_id, rating)
            rated = self._live(msgspec.structs.replace(reply, rating=rating))
            return (await _with_siblings(unit, reply.session_id, [rated]))[0]

    def _longest(self, model: str | None) -> int:
        """Returns the longest prompt for the model in tokens, 0 when unknown."""
        return longest(self._catalog.context(model) or 0, self._settings.llm_max_history_tokens)

    def _live(self, message: Message) -> Message:
        """Returns a running reply with its text so far; any other message unchanged."""
        run: Run | None = self._supervisor.get(message.stream_id) if message.status == "streaming" and message.stream_id else None
        if run is None:
            return message
        so_far = run.snapshot
        return msgspec.structs.replace(message, content=so_far.text, parts=so_far.parts, thinking=so_far.thinking or None)

    async def _store(self, claim: Claim, place: Ticket, user_id: int, send: Send) -> tuple[Order, OpenRun]:
        """Stores the rows of the turn and of the new reply in one transaction."""
        now = datetime.now(UTC)
        async with self._database.write() as unit:
            if self._supervisor.draining:  # the drain began while this waited: nothing may be stored any more
                raise ShuttingDown
            plan = await self._plan(unit, user_id, send, lock=True)
            session, aim, changes = plan.session, plan.aim, plan.changes
            row: dict[str, Any] = {"session_id": session.id, "request_id": send.client_request_id, "created_at": now}
            question_id = aim.parent_id
            if aim.new_turn:
                question_id = await unit.messages.add(
                    role="user", parts=send.parts, status="complete", parent_id=question_id, **row
                )
            assert question_id is not None
            so_far: Parts = ()
            thinking, facts = "", plan.facts
            if aim.goes_on is not None:
                so_far, thinking = aim.goes_on.parts, aim.goes_on.thinking or ""
                facts = msgspec.structs.replace(facts, continues=utf16_length(aim.goes_on.content))
            reply = await unit.messages.add(
                role="assistant",
                parts=so_far,
                facts=facts,
                thinking=thinking or None,
                status="streaming",
                parent_id=question_id,
                continues_id=aim.goes_on.id if aim.goes_on else None,
                stream_id=claim.id,
                **row,
            )
            if session.title_pending and session.title == DEFAULT_TITLE:
                changes |= {"title": first_words(subject(aim.path[0].parts if aim.path else send.parts))}
            await unit.sessions.sent(session.id, reply, now, added=1 + aim.new_turn, **changes)
            if send.client_request_id is not None:
                sent = SentRequest(session.id, send.fingerprint, claim.id)
                await unit.requests.forget(now - REMEMBERED)
                await unit.requests.add(user_id, send.client_request_id, sent, now)
            order = Order(
                session_id=session.id,
                session_key=session.session_key,
                user_id=user_id,
                user_message_id=question_id,
                assistant_message_id=reply,
                request=plan.request,
                mode=self._catalog.mode(plan.request.model),
                model=place.model_name,
                simulated=place.simulated,
                so_far=so_far,
                thought_so_far=thinking,
                facts=facts,
                wants_title=session.title_pending,
            )
            record = self._supervisor.record(claim, REPLY, msgspec.json.encode(order), send.on_disconnect)
            await unit.runs.add(record, now)
        return order, record

    async def _plan(self, unit: UnitOfWork, user_id: int, send: Send, *, lock: bool = False) -> _Plan:
        session = await require_session(unit, send.session_id, user_id, "send", lock=lock)
        changes = await self._changes(unit, user_id, session, send)
        session = msgspec.structs.replace(session, **changes)
        model = send.model or session.model
        keeps_history = self._catalog.can(model).history
        if keeps_history:
            _require_new_turn(session, send)
        aim = await _aim(unit, session, send)
        path, key, facts = aim.path, session.session_key, NOTHING
        if keeps_history:
            path, (key, facts) = [], conversation(session, aim.path)
        elif path:
            out = await left_out(unit, session.id, path, self._longest(model))
            path = [message for message in path if message.id not in out]  # keeps a turn that is regenerated: it has no reply here
        goes_on = self._live(aim.goes_on) if aim.goes_on else None
        prompt = Prompt(
            path=path,
            new_turn=written_form(send.parts) if aim.new_turn else None,
            so_far=goes_on.content if goes_on else None,
            sampling=in_force(self._settings, send, session),
            model=model,
            session_key=key,
            thoughts_over=bool(goes_on and goes_on.thinking),
        )
        return _Plan(session=session, changes=changes, aim=aim, request=chat_request(self._settings, session, prompt), facts=facts)

    @staticmethod
    async def _changes(unit: UnitOfWork, user_id: int, session: Session, send: Send) -> dict[str, Any]:
        return await prompt_changes(unit, user_id, session, send.template_id, send.variables, send.system_prompt)

    async def _earlier(self, unit: UnitOfWork, user_id: int, send: Send) -> SentRequest | None:
        if send.client_request_id is None:
            return None
        earlier = await unit.requests.find(user_id, send.client_request_id, datetime.now(UTC) - REMEMBERED)
        if earlier is not None and (earlier.session_id, earlier.content_hash) != (send.session_id, send.fingerprint):
            raise RequestIdReused
        return earlier

    @asynccontextmanager
    async def _one_at_a_time(self, user_id: int, client_request_id: str | None) -> AsyncIterator[None]:
        """Serializes requests with the same client_request_id, so that the second finds the first."""
        if client_request_id is None:
            yield
            return
        lock = self._sending.setdefault((user_id, client_request_id), asyncio.Lock())
        async with lock:
            yield


def _require_new_turn(session: Session, send: Send) -> None:
    """Raises NotSupported for anything but a new turn after the newest reply."""
    if send.regenerate or send.continues or (send.parent_id is not None and (send.parent_id or None) != session.leaf_id):
        raise NotSupported("The worker keeps the conversation: earlier turns cannot be edited, regenerated or continued.")


async def _aim(unit: UnitOfWork, session: Session, send: Send) -> Aim:
    if send.continues is not None:
        return await going_on(unit, session, send.continues)
    if send.regenerate is not None:
        return await anew(unit, session, send.regenerate)
    if send.parent_id is not None:
        return await beside(unit, session, send.parent_id)
    return await at_end(unit, session)


async def _with_siblings(
    unit: UnitOfWork, session_id: int, messages: Sequence[Message], out: frozenset[int] = frozenset()
) -> list[ListedMessage]:
    siblings = await unit.messages.siblings(session_id, [message.parent_id for message in messages])
    return [
        ListedMessage(message, sorted({message.id, *siblings.get(message.parent_id, ())}), message.id not in out)
        for message in messages
    ]
