"""Sending: from a request to a running reply, and the messages of a session."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from weakref import WeakValueDictionary

import msgspec
from msgspec import Struct

from lam.chat.history import chat_request, sampling_for
from lam.chat.models import require_model
from lam.chat.streams import Following, Streams
from lam.chat.templates import require_template
from lam.engines.base import Engine
from lam.errors import Invalid, NotFound, RequestIdReused, ShuttingDown, StorageUnavailable
from lam.generation.run import OnDisconnect, Order, Run
from lam.generation.supervisor import Claim, Supervisor
from lam.settings import Settings
from lam.storage.database import Database, UnitOfWork
from lam.storage.models import Message, SentRequest, Session

REMEMBERED: Final = timedelta(hours=24)


class Send(Struct, frozen=True):
    """A new turn. None means not given."""

    session_id: int
    content: str
    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    system_prompt: str | None = None
    template_id: int | None = None
    model: str | None = None
    client_request_id: str | None = None
    on_disconnect: OnDisconnect = "cancel"


class Messages:
    def __init__(self, settings: Settings, database: Database, engine: Engine, supervisor: Supervisor, streams: Streams) -> None:
        self._settings = settings
        self._database = database
        self._engine = engine
        self._supervisor = supervisor
        self._streams = streams
        self._sending: WeakValueDictionary[tuple[int, str], asyncio.Lock] = WeakValueDictionary()  # gone with its last user

    async def send(self, user_id: int, send: Send) -> Following:
        """Stores the turn, starts the reply, and gives its stream; for a client_request_id seen before, the first run's stream.

        Raises NotFound, UnknownModel, RequestIdReused, ShuttingDown, SessionBusy, TooManyStreams, QueueFull, StorageUnavailable;
        then nothing was stored.
        """
        async with self._one_at_a_time(user_id, send.client_request_id):
            async with self._database.read() as unit:
                session = await self._session(unit, user_id, send.session_id)
                earlier = await self._earlier(unit, user_id, send)
                if send.template_id is not None:
                    await require_template(unit, send.template_id, user_id)
            if earlier is not None:
                return await self._streams.find(earlier.stream_id, user_id)
            if send.model is not None:
                await require_model(self._engine, send.model)
            model = send.model or session.model
            async with self._supervisor.claim(session.id, user_id, model) as claim:
                run = self._supervisor.start(claim, await self._store(claim, user_id, send))
            return Following(run.stream_id, run.log, run=run)

    async def page(self, user_id: int, session_id: int, limit: int, before: int | None) -> list[Message]:
        """The newest `limit` messages of the active path, or those before message `before`, oldest first. Reading marks as read."""
        async with self._database.read() as unit:
            session = await self._session(unit, user_id, session_id)
            leaf = session.leaf_id
            if before is not None:
                edge = await unit.messages.in_session(before, session_id)
                if edge is None:
                    raise Invalid(f"Message {before} is not in this session.")
                leaf = edge.parent_id
            messages = await unit.messages.path(leaf, limit)
        if session.unread:
            with suppress(StorageUnavailable):  # a mark for the list; the messages are here
                async with self._database.write() as unit:
                    await unit.sessions.mark_read(session_id)
        return [self._live(message) for message in messages]

    async def pair(self, user_id: int, following: Following) -> tuple[Session, Message, Message]:
        """The session, the user's message and the reply of a stream that has ended."""
        async with self._database.read() as unit:
            reply = await unit.messages.by_stream(following.stream_id, user_id)
            asked = await unit.messages.by_id(reply.parent_id) if reply and reply.parent_id else None
            session = await unit.sessions.owned(reply.session_id, user_id) if reply else None
        if reply is None or asked is None or session is None:
            raise NotFound
        return session, asked, reply

    def _live(self, message: Message) -> Message:
        """A message that is being written holds its text so far."""
        run: Run | None = self._supervisor.get(message.stream_id) if message.status == "streaming" and message.stream_id else None
        if run is None:
            return message
        changes: dict[str, Any] = {"content": run.snapshot.text, "thinking": run.snapshot.thinking or None}
        return msgspec.structs.replace(message, **changes)

    async def _store(self, claim: Claim, user_id: int, send: Send) -> Order:
        """The rows of a turn and of the reply that begins, all in one transaction."""
        now = datetime.now(UTC)
        async with self._database.write() as unit:
            if self._supervisor.draining:  # it began while this waited for its turn: nothing may be stored any more
                raise ShuttingDown
            session = await self._session(unit, user_id, send.session_id)
            changes = await self._changes(unit, user_id, send)
            session = msgspec.structs.replace(session, **changes)
            path = await unit.messages.path(session.leaf_id)
            sampling = sampling_for(self._settings, session, send.temperature, send.top_p, send.max_tokens)
            request = chat_request(self._settings, session, path, send.content, sampling, send.model or session.model)
            row = {"session_id": session.id, "request_id": send.client_request_id, "created_at": now}
            asked = await unit.messages.add(role="user", content=send.content, status="complete", parent_id=session.leaf_id, **row)
            reply = await unit.messages.add(
                role="assistant", content="", status="streaming", parent_id=asked, stream_id=claim.stream_id, **row
            )
            await unit.sessions.sent(session.id, reply, now, **changes)
            if send.client_request_id is not None:
                sent = SentRequest(session.id, _hash(send.content), claim.stream_id)
                await unit.requests.forget(now - REMEMBERED)
                await unit.requests.add(user_id, send.client_request_id, sent, now)
        return Order(session.id, session.session_key, user_id, asked, reply, request, send.on_disconnect)

    @staticmethod
    async def _changes(unit: UnitOfWork, user_id: int, send: Send) -> dict[str, Any]:
        """What the request changes about the session: its prompt, from a text or from a template."""
        changes: dict[str, Any] = {}
        if send.template_id is not None:
            template = await require_template(unit, send.template_id, user_id)
            changes = {"template_id": template.id, "system_prompt": template.content}
        if send.system_prompt is not None:
            changes["system_prompt"] = send.system_prompt
        return changes

    async def _earlier(self, unit: UnitOfWork, user_id: int, send: Send) -> SentRequest | None:
        if send.client_request_id is None:
            return None
        found = await unit.requests.find(user_id, send.client_request_id, datetime.now(UTC) - REMEMBERED)
        if found is not None and (found.session_id, found.content_hash) != (send.session_id, _hash(send.content)):
            raise RequestIdReused
        return found

    @staticmethod
    async def _session(unit: UnitOfWork, user_id: int, session_id: int) -> Session:
        session = await unit.sessions.owned(session_id, user_id)
        if session is None:
            raise NotFound("There is no such session.")
        return session

    @asynccontextmanager
    async def _one_at_a_time(self, user_id: int, client_request_id: str | None) -> AsyncIterator[None]:
        """Requests with the same client_request_id wait for one another, so that the second finds the first."""
        if client_request_id is None:
            yield
            return
        lock = self._sending.setdefault((user_id, client_request_id), asyncio.Lock())
        async with lock:
            yield


def _hash(content: str) -> str:
    return hashlib.sha256(content.encode("utf-8")).hexdigest()
