"""Sends messages, from a request to a running reply, and reads the messages of a session.

It owns the order of checks and the opening transaction. It must not know HTTP, and leaves the result to the sink.
"""

import asyncio
import hashlib
import logging
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from weakref import WeakValueDictionary

import msgspec
from msgspec import Struct

from lam.accounts.spending import Spending
from lam.chat import pictures
from lam.chat.branches import Aim, Newest, anew, at_end, beside, going_on
from lam.chat.history import Prompt, chat_request, conversation, left_out
from lam.chat.members import authors
from lam.chat.returned_pictures import Store, with_pictures
from lam.chat.sessions import require_session
from lam.chat.sink import REPLY, Order, Replies, ReplySink, as_stored, session_key
from lam.chat.streams import Following, Streams, wait_for_log
from lam.chat.templates import prompt_changes
from lam.chat.terms import Terms, terms_of
from lam.chat.titles import DEFAULT_TITLE, Titles, first_words
from lam.engines.base import Needs
from lam.engines.catalog import Catalog
from lam.engines.queue import Ticket, Way
from lam.errors import Conflict, Invalid, NotFound, NotSupported, RequestIdReused, SessionBusy, ShuttingDown, StorageUnavailable
from lam.generation.recovery import end_leftover
from lam.generation.supervisor import Claim, Supervisor
from lam.protocol.chat import ChatRequest
from lam.protocol.documents import Document
from lam.protocol.facts import NOTHING, Facts
from lam.protocol.parts import (
    Image,
    Parts,
    documents_of,
    images_of,
    message_parts,
    parts_of,
    subject,
    text_of,
    written_form,
)
from lam.protocol.runs import OnDisconnect, OpenRun
from lam.protocol.sampling import Choices, in_force
from lam.protocol.text import is_emoji, utf16_length
from lam.protocol.window import estimate, longest
from lam.settings import Settings
from lam.storage.access import Action
from lam.storage.database import Database, UnitOfWork
from lam.storage.models import Message, Person, Rating, Reaction, SentRequest, Session
from lam.storage.run_store import RunStore

log = logging.getLogger(__name__)

REMEMBERED: Final = timedelta(hours=24)
MOST_REACTIONS: Final = 6
"""How many reactions of one person a message may have."""


class NotReady(Exception):
    """A waiting message is not to be sent yet."""


class Send(Choices, frozen=True, kw_only=True):
    """A new turn or, with `regenerate` or `continues`, another reply or the continuation of one. None means unset.

    `documents`: when set, even to an empty list, `content` is not searched for documents. `waiting_id`: the waiting message that
    this sends; its text, documents and pictures count. `by_itself`: nobody asked for that one to be sent now.
    `images`: ids of pictures.
    """

    session_id: int
    content: str | None = None
    documents: tuple[Document, ...] | None = None
    images: tuple[str, ...] = ()
    system_prompt: str | None = None
    template_id: int | None = None
    variables: dict[str, str] | None = None
    model: str | None = None
    parent_id: int | None = None
    regenerate: int | Newest | None = None
    continues: int | Newest | None = None
    waiting_id: int | None = None
    by_itself: bool = False
    client_request_id: str | None = None
    on_disconnect: OnDisconnect = "cancel"

    @property
    def aims(self) -> dict[str, Any]:
        """The position in the tree, empty for the end of the active path."""
        position = {"parent_id": self.parent_id, "regenerate": self.regenerate, "continue": self.continues}
        return {name: value for name, value in position.items() if value is not None}

    @property
    def changes_prompt(self) -> bool:
        """Whether it changes the session's system prompt."""
        return (self.system_prompt, self.template_id, self.variables) != (None, None, None)

    def parts(self, images: Iterable[Image] = ()) -> Parts:
        """Returns the parts of the user's message, with these pictures."""
        parts = parts_of(self.content or "")
        if self.documents is not None:
            return message_parts(self.content or "", self.documents, images)
        return message_parts(text_of(parts), documents_of(parts), images)

    @property
    def fingerprint(self) -> str:
        """A hash of everything that a client_request_id identifies, except the session."""
        data = written_form(self.parts()).encode("utf-8")
        if marks := self.aims | ({"images": self.images} if self.images else {}):
            data = b"\0" + msgspec.json.encode(marks, order="sorted") + data  # no content begins with that byte
        return hashlib.sha256(data).hexdigest()


class ListedMessage(Struct, frozen=True, kw_only=True):
    """A message, and the ids of all messages in its place, itself included, in order of creation.

    `in_context`: the next prompt includes it, if the context has room. `author`: of a turn; None for a reply, or when the account
    is gone. `reactions`: as the reader sees them.
    """

    message: Message
    siblings: list[int]
    in_context: bool = True
    author: Person | None = None
    reactions: Sequence[Reaction] = ()


class _Plan(Struct, frozen=True, kw_only=True):
    """The plan of a request: the session as it will be, its changes, the position, and the request to the model.

    `parts`: of the user's new message, if there is one. `facts`: what is known about the reply at its beginning.
    """

    session: Session
    changes: dict[str, Any]
    aim: Aim
    parts: Parts
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
        store: Store,
        spending: Spending,
    ) -> None:
        """`store`: where pictures that a model returns are kept."""
        self._settings = settings
        self._database = database
        self._catalog = catalog
        self._supervisor = supervisor
        self._streams = streams
        self._titles = titles
        self._store_of_pictures = store
        self._spending = spending
        # a lock disappears with its last user
        self._sending: WeakValueDictionary[tuple[int, str], asyncio.Lock] = WeakValueDictionary()

    async def send(self, user_id: int, send: Send) -> Following:
        """Stores the turn, starts the reply, and returns its stream; a repeated client_request_id returns the first run's stream.

        Raises NotFound, Invalid, TooManyPictures, UnknownModel, CannotSee, NotSupported, RequestIdReused, ShuttingDown,
        SessionBusy, TooManyStreams, QueueFull, BudgetExceeded, StorageUnavailable, NotAllowed and, with `continues`, the error of
        asking the server; in a room also RoomPaused, RoomOver; of several gateways also Unreachable, LeaseLost. After an error
        nothing is stored.
        """
        async with self._one_at_a_time(user_id, send.client_request_id):
            async with self._database.read() as unit:
                session = await require_session(unit, send.session_id, user_id, "send")
                if send.changes_prompt:
                    await require_session(unit, send.session_id, user_id, "change")
                earlier = await self._earlier(unit, user_id, send)
                if earlier is None:
                    terms = await terms_of(unit, session, user_id, datetime.now(UTC))
                    terms.require_model(send.model or session.model)
                    await self._changes(unit, user_id, session, send)
                    await pictures.images(unit, user_id, send.images)
            if earlier is not None:
                await self._forget(send)
                return await self._streams.find(earlier.stream_id, user_id)
            if send.model is not None:
                await self._catalog.require_model(send.model, user_id)
            model = await self._catalog.chosen(send.model or session.model, user_id)
            send = msgspec.structs.replace(send, model=model)
            keeps_history = self._catalog.can(model).history
            plan = None
            if send.aims:
                async with self._database.read() as unit:
                    plan = await self._plan(unit, user_id, send, keeps_history=keeps_history)
            sight = bool(send.images) if plan is None else plan.request.needs_sight
            if sight:
                await self._catalog.require_sight(model)
            # before an unread reply makes way for this one: an error must leave it running
            able: frozenset[Way] = frozenset()
            if plan is not None and plan.request.continues:
                able = await self._catalog.require_continuing(plan.request)
            needs = Needs(continues=send.continues is not None, images=sight, history=keeps_history)
            displaces = send.waiting_id is None  # what waits never ends a reply
            if self._supervisor.of_key(session_key(session.id)) is not None and (same := await self._same(user_id, send)):
                return same  # it must not make way for itself
            try:
                async with self._supervisor.claim(session_key(session.id), user_id, displaces=displaces) as claim:
                    with self._catalog.place(model, terms.group, needs, able) as place:
                        try:
                            order, record = await self._store(claim, place, user_id, send, keeps_history=keeps_history)
                        except Conflict:
                            if same := await self._same(user_id, send):
                                place.leave(model_is_free=True)
                                return same
                            store, replies = RunStore(self._database), Replies(self._database)
                            await end_leftover(store, replies, session_key(session.id), self._supervisor, displaces=displaces)
                            order, record = await self._store(claim, place, user_id, send, keeps_history=keeps_history)
                        producer = with_pictures(self._catalog.generate(order.request, place), self._store_of_pictures, user_id)
                        sink = ReplySink(order, record.id, self._database, self._titles.after)
                        run = self._supervisor.start(claim, record, producer, sink, answer_now=place.answer_now)
            except SessionBusy:
                if same := await self._same(user_id, send):
                    return same
                raise
            return Following(stream_id=run.id, log=run.log, run=run)

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
            items = await _listed(unit, session, user_id, [await self._live(unit, message) for message in messages], out)
        if session.unread and session.user_id == user_id:
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
            items = await _listed(unit, session, user_id, [question, reply])
        return session, items[0], items[1]

    async def rate(self, user_id: int, message_id: int, rating: Rating | None) -> ListedMessage:
        """Rates a reply; None removes the rating. Raises NotFound, NotAllowed, Invalid."""
        async with self._database.write() as unit:
            reply = await require_message(unit, message_id, user_id, "rate")
            if reply.role != "assistant":
                raise Invalid(f"Message {message_id} is not a reply; only replies are rated.")
            session = await require_session(unit, reply.session_id, user_id, "rate")
            await unit.messages.rate(message_id, rating)
            rated = await self._live(unit, msgspec.structs.replace(reply, rating=rating))
            return (await _listed(unit, session, user_id, [rated]))[0]

    async def react(self, user_id: int, session_id: int, message_id: int, emoji: str, *, does: bool) -> None:
        """Adds a person's reaction to a message, or takes it back. Raises NotFound, NotAllowed, Invalid."""
        if not is_emoji(emoji):
            raise Invalid("emoji: one emoji.")
        async with self._database.write() as unit:
            await require_session(unit, session_id, user_id, "react")
            if await unit.messages.in_session(message_id, session_id) is None:
                raise NotFound("There is no such message.")
            if not does:
                await unit.reactions.remove(session_id, message_id, user_id, emoji)
                return
            if await unit.reactions.count(message_id, user_id) >= MOST_REACTIONS:
                raise Invalid(f"emoji: up to {MOST_REACTIONS} reactions of one person to a message.")
            await unit.reactions.add(session_id, message_id, user_id, emoji)

    def _longest(self, model: str | None) -> int:
        """Returns the longest prompt for the model in tokens, 0 when unknown."""
        return longest(self._catalog.context(model) or 0, self._settings.llm_max_history_tokens)

    async def _live(self, unit: UnitOfWork, message: Message) -> Message:
        """Returns a running reply with its text so far, at another gateway up to its last checkpoint; any other message
        unchanged."""
        if message.status != "streaming" or not message.stream_id:
            return message
        run = self._supervisor.local(message.stream_id)
        if run is None and self._supervisor.elsewhere is None:
            return message
        if run is None:
            return await as_stored(unit, message)
        so_far = run.snapshot
        return msgspec.structs.replace(message, content=so_far.text, parts=so_far.parts, thinking=so_far.thinking or None)

    async def _store(self, claim: Claim, place: Ticket, user_id: int, send: Send, *, keeps_history: bool) -> tuple[Order, OpenRun]:
        """Stores the rows of the turn and of the new reply in one transaction."""
        now = datetime.now(UTC)
        async with self._database.write() as unit:
            if self._supervisor.draining:  # the drain began while this waited: nothing may be stored any more
                raise ShuttingDown
            if send.waiting_id is not None:
                send = await _take(unit, user_id, send, send.waiting_id)
            plan = await self._plan(unit, user_id, send, keeps_history=keeps_history, lock=True)
            session, aim, changes = plan.session, plan.aim, plan.changes
            terms = await terms_of(unit, session, user_id, now)
            request = await self._reserved(unit, terms, claim, plan.request, now)
            row: dict[str, Any] = {"session_id": session.id, "request_id": send.client_request_id, "created_at": now}
            question_id = aim.parent_id
            if aim.new_turn:
                question_id = await unit.messages.add(
                    role="user", parts=plan.parts, status="complete", parent_id=question_id, author_id=user_id, **row
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
                changes |= {"title": first_words(subject(aim.path[0].parts if aim.path else plan.parts))}
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
                request=request,
                mode=place.mode or self._catalog.mode(request.model),
                server=place.server if self._catalog.names_servers else None,
                model=place.model_name,
                simulated=place.simulated,
                upstream=place.expected_upstream,
                so_far=so_far,
                thought_so_far=thinking,
                facts=facts,
                wants_title=session.title_pending,
            )
            record = self._supervisor.record(claim, REPLY, msgspec.json.encode(order), send.on_disconnect)
            await unit.runs.add(record, now)
        return order, record

    async def _reserved(self, unit: UnitOfWork, terms: Terms, claim: Claim, request: ChatRequest, now: datetime) -> ChatRequest:
        """Reserves the tokens of a reply. Returns the request with the length that the budgets admit."""
        longest_prompt = self._longest(request.model)
        prompt = min(estimate(request.turns), longest_prompt) if longest_prompt else estimate(request.turns)
        usual = request.sampling.max_tokens
        allotment = await self._spending.reserve(
            unit, terms.spender, run_id=claim.id, prompt_tokens=prompt, max_tokens=None, usual=usual, now=now
        )
        if allotment.length == usual:
            return request
        return msgspec.structs.replace(request, sampling=msgspec.structs.replace(request.sampling, max_tokens=allotment.length))

    async def _forget(self, send: Send) -> None:
        """Removes the waiting message of a send that had been carried out before."""
        if send.waiting_id is not None:
            async with self._database.write() as unit:
                await unit.waiting.take(send.session_id, send.waiting_id)

    async def _plan(self, unit: UnitOfWork, user_id: int, send: Send, *, keeps_history: bool, lock: bool = False) -> _Plan:
        session = await require_session(unit, send.session_id, user_id, "send", lock=lock)
        changes = await self._changes(unit, user_id, session, send)
        session = msgspec.structs.replace(session, **changes)
        model = send.model or session.model
        usual = self._catalog.defaults(model)
        if session.system_prompt is None and usual.system_prompt:
            session = msgspec.structs.replace(session, system_prompt=usual.system_prompt)
        if keeps_history:
            _require_new_turn(session, send)
        aim = await _aim(unit, session, send)
        path, key, facts = aim.path, session.session_key, NOTHING
        if keeps_history:
            path, (key, facts) = [], conversation(session, aim.path)
        elif path:
            out = await left_out(unit, session.id, path, self._longest(model))
            path = [message for message in path if message.id not in out]  # keeps a turn that is regenerated: it has no reply here
        goes_on = await self._live(unit, aim.goes_on) if aim.goes_on else None
        parts = send.parts(await pictures.images(unit, user_id, send.images)) if aim.new_turn else ()
        prompt = Prompt(
            path=path,
            new_turn=parts if aim.new_turn else None,
            pictures=await pictures.pictures_in(unit, [parts, *(message.parts for message in path)]),
            so_far=goes_on.content if goes_on else None,
            sampling=in_force(self._settings, send, session, usual),
            model=model,
            session_key=key,
            thoughts_over=bool(goes_on and goes_on.thinking),
        )
        request = chat_request(self._settings, session, prompt)
        return _Plan(session=session, changes=changes, aim=aim, parts=parts, request=request, facts=facts)

    @staticmethod
    async def _changes(unit: UnitOfWork, user_id: int, session: Session, send: Send) -> dict[str, Any]:
        return await prompt_changes(unit, user_id, session, send.template_id, send.variables, send.system_prompt)

    async def _same(self, user_id: int, send: Send) -> Following | None:
        """Returns the stream of the same request, if another gateway took it at the same moment."""
        if self._supervisor.elsewhere is None or send.client_request_id is None:
            return None
        async with self._database.read() as unit:
            earlier = await self._earlier(unit, user_id, send)
        if earlier is None:
            return None
        await self._forget(send)
        stream_id = earlier.stream_id
        return await wait_for_log(lambda: self._streams.find(stream_id, user_id))

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


async def require_message(unit: UnitOfWork, message_id: int, user_id: int, action: Action) -> Message:
    """Returns the message. Raises NotFound when the user may not read it, NotAllowed when the user may not do `action`."""
    message = await unit.messages.find(message_id, user_id, action)
    if message is None:
        known = await unit.messages.find(message_id, user_id, "read")
        if known is not None:
            await require_session(unit, known.session_id, user_id, action)
        raise NotFound("There is no such message.")
    return message


async def _take(unit: UnitOfWork, user_id: int, send: Send, waiting_id: int) -> Send:
    """Removes the waiting message and returns the send with its content. Raises NotFound when it was sent or taken back, NotReady
    when somebody changes it or it is held, and nobody asked for it."""
    await require_session(unit, send.session_id, user_id, "send", lock=True)
    waiting = await unit.waiting.take(send.session_id, waiting_id)
    if waiting is None:
        raise NotFound("This message does not wait any more.")
    if send.by_itself and (waiting.editing or waiting.held is not None):
        raise NotReady
    return msgspec.structs.replace(
        send,
        content=text_of(waiting.parts),
        documents=tuple(documents_of(waiting.parts)),
        images=tuple(image.id for image in images_of(waiting.parts)),
        client_request_id=waiting.request_id,
    )


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


async def _listed(
    unit: UnitOfWork, session: Session, user_id: int, messages: Sequence[Message], out: frozenset[int] = frozenset()
) -> list[ListedMessage]:
    """Returns messages of a session as a person sees them."""
    siblings = await unit.messages.siblings(session.id, [message.parent_id for message in messages])
    people = await authors(unit, session, {message.author_id for message in messages if message.role == "user"})
    reactions = await unit.reactions.of_messages([message.id for message in messages], user_id)
    return [
        ListedMessage(
            message=message,
            siblings=sorted({message.id, *siblings.get(message.parent_id, ())}),
            in_context=message.id not in out,
            author=people.get(message.author_id) if message.role == "user" else None,
            reactions=reactions.get(message.id, ()),
        )
        for message in messages
    ]
