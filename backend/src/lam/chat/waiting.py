"""Messages that wait for the reply before them: a person writes the next one while the model still answers.

They are sent one by one, each when the reply before it is complete, as their owner would send them at that moment. After a stop, an
error or an interruption they are held until somebody sends one, or another reply is complete. This module must not know HTTP.
"""

import asyncio
import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from types import TracebackType
from typing import Final, Self

from msgspec import UNSET, Struct, UnsetType

from lam.background import Background
from lam.chat import pictures
from lam.chat.members import authors
from lam.chat.messages import REMEMBERED, Messages, NotReady, Send
from lam.chat.sessions import require_session
from lam.chat.sink import session_key, session_of
from lam.chat.streams import Following
from lam.errors import (
    BudgetExceeded,
    Invalid,
    LamError,
    NotAllowed,
    NotFound,
    RequestIdReused,
    RoomPaused,
    SessionBusy,
    ShuttingDown,
    StorageUnavailable,
    Throttled,
    TooManyWaiting,
)
from lam.generation.remote import RemoteRun
from lam.generation.run import Run
from lam.generation.supervisor import Supervisor
from lam.protocol.chat import LONGEST_TEXT
from lam.protocol.documents import Document
from lam.protocol.parts import Parts, documents_of, images_of, message_parts, text_of, written_form
from lam.redis.relay import Relay
from lam.storage.database import Database, UnitOfWork
from lam.storage.models import Hold, Person, Session, WaitingMessage

log = logging.getLogger(__name__)

MOST: Final = 10
"""How many messages may wait in a session."""
PAUSE_SECONDS: Final = 5.0
"""How long a refused message waits, unless a reply ends before that."""
SOON_SECONDS: Final = 60
"""How long a message waits for a budget to renew; for longer it is held, until somebody sends it."""


class Written(Struct, frozen=True):
    """A waiting message, and who wrote it; None when their account is gone."""

    message: WaitingMessage
    author: Person | None


class Added(Struct, frozen=True):
    """The answer to a new waiting message: it waits, or it was sent already, as `stream_id`."""

    waiting: WaitingMessage | None
    stream_id: str | None = None


class Waiting:
    """The waiting messages of all sessions. An async context manager: it owns the tasks that send them."""

    def __init__(
        self,
        database: Database,
        messages: Messages,
        supervisor: Supervisor,
        relay: Relay | None = None,
        *,
        pause: float = PAUSE_SECONDS,
    ) -> None:
        """`relay`: to the other gateways, which send the messages that a gateway leaves when it stops. The opening transaction of a
        send removes the message, so it is sent once, however many try."""
        self._database = database
        self._messages = messages
        self._supervisor = supervisor
        self._pause = pause
        self._tasks = Background()
        self._ended = asyncio.Event()  # set at the next end of any run
        self._behind: set[int] = set()  # sessions whose next message waits for a running reply
        self._others_begin = (relay or Relay()).elsewhere("waiting", self._begin)

    async def __aenter__(self) -> Self:
        await self._look()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._tasks.close()

    def gateway_died(self) -> None:
        """Sends the messages that another gateway was about to send."""
        self._tasks.run("waiting", self._look)

    async def _look(self) -> None:
        async with self._database.read() as unit:
            for session_id in await unit.waiting.sessions_with_next():
                self._begin(session_id)

    # For their owner

    async def of_session(self, user_id: int, session_id: int) -> list[Written]:
        """Returns the session's waiting messages, first one first. Raises NotFound."""
        async with self._database.read() as unit:
            session = await require_session(unit, session_id, user_id, "read")
            return await _written(unit, session, await unit.waiting.of_session(session_id))

    async def written(self, user_id: int, message: WaitingMessage) -> Written:
        """Returns a waiting message with its author. Raises NotFound."""
        async with self._database.read() as unit:
            session = await require_session(unit, message.session_id, user_id, "read")
            return (await _written(unit, session, [message]))[0]

    async def add(
        self,
        user_id: int,
        session_id: int,
        content: str,
        documents: Sequence[Document],
        request_id: str | None,
        *,
        images: Sequence[str] = (),
    ) -> Added:
        """Adds a message at the end. `images`: ids of pictures. A repeated `request_id` adds nothing.

        Where no reply runs, the message is sent at once, unless one before it is held. Raises NotFound, NotAllowed, Invalid,
        TooManyPictures, TooManyWaiting, RequestIdReused.
        """
        now = datetime.now(UTC)
        async with self._database.write() as unit:
            session = await require_session(unit, session_id, user_id, "send", lock=True)
            parts = message_parts(content, documents, await pictures.images(unit, user_id, images))
            _require_sendable(parts)
            before = await unit.waiting.of_session(session_id)
            if request_id is not None:
                earlier = next((message for message in before if message.request_id == request_id), None)
                if earlier is not None and (earlier.author_id or session.user_id) != user_id:
                    raise RequestIdReused
                if earlier is not None:
                    return Added(earlier)
                sent = await unit.requests.find(user_id, request_id, now - REMEMBERED)
                if sent is not None and sent.session_id != session_id:
                    raise RequestIdReused
                if sent is not None:
                    return Added(None, sent.stream_id)
            if len(before) >= MOST:
                raise TooManyWaiting(f"{MOST} messages wait in this session already; wait until one is sent, or take one back.")
            held = before[-1].held if before else None
            added = await unit.waiting.add(session_id, user_id, parts, request_id, held, now)
            message = await _find(unit, session_id, added)
        self._begin(session_id)
        return Added(message)

    async def change(
        self,
        user_id: int,
        session_id: int,
        waiting_id: int,
        *,
        content: str | UnsetType = UNSET,
        documents: Sequence[Document] | UnsetType = UNSET,
        images: Sequence[str] | UnsetType = UNSET,
        editing: bool | UnsetType = UNSET,
    ) -> WaitingMessage:
        """Changes an own waiting message; while `editing` is true it is not sent. Raises NotFound, NotAllowed, Invalid,
        TooManyPictures."""
        async with self._database.write() as unit:
            session = await require_session(unit, session_id, user_id, "send", lock=True)
            before = await _find(unit, session_id, waiting_id)
            if (before.author_id or session.user_id) != user_id:
                raise NotAllowed("Somebody else wrote this message.")
            parts = message_parts(
                text_of(before.parts) if content is UNSET else content,
                documents_of(before.parts) if documents is UNSET else documents,
                images_of(before.parts) if images is UNSET else await pictures.images(unit, user_id, images),
            )
            _require_sendable(parts)
            held = before.held
            if held is not None and held.reason == "refused" and parts != before.parts:
                held = None  # the change may have cured it
            await unit.waiting.change(
                session_id, waiting_id, parts=parts, held=held, editing=before.editing if editing is UNSET else editing
            )
            await unit.media.touch(_ids(before.parts) - _ids(parts), datetime.now(UTC))
            changed = await _find(unit, session_id, waiting_id)
        self._begin(session_id)
        return changed

    async def take_back(self, user_id: int, session_id: int, waiting_id: int) -> WaitingMessage:
        """Removes an own waiting message, or as the session's owner anybody's, and returns it. Raises NotFound when it was sent or
        taken back already, NotAllowed."""
        async with self._database.write() as unit:
            session = await require_session(unit, session_id, user_id, "send", lock=True)
            _require_own(session, await _find(unit, session_id, waiting_id), user_id)
            message = await unit.waiting.take(session_id, waiting_id)
            await unit.media.touch(_ids(message.parts) if message else (), datetime.now(UTC))  # for the draft that it becomes
        if message is None:
            raise NotFound(_GONE)
        self._begin(session_id)
        return message

    async def send_now(self, user_id: int, session_id: int, waiting_id: int) -> Following:
        """Sends an own waiting message, or as the session's owner anybody's, held or not. It is sent as its author. Returns its
        stream. Raises NotFound, NotAllowed, and what a send raises."""
        async with self._database.read() as unit:
            session = await require_session(unit, session_id, user_id, "send")
            message = await _find(unit, session_id, waiting_id)
            _require_own(session, message, user_id)
        return await self._messages.send(message.author_id or session.user_id, _send(message))

    # Sending

    def after(self, run: Run) -> None:
        """Sends the next message of the session whose reply has ended, if it is complete."""
        self._ended.set()
        self._ended = asyncio.Event()
        session_id = session_of(run)
        if session_id is None:
            return
        self._behind.discard(session_id)
        if run.outcome is not None and run.outcome.status == "complete":
            self._begin(session_id, True)

    def after_loss(self, run: Run) -> None:
        """As `after`, of a run that another gateway may have now: where it has, the next message waits for it there. Where its
        result was stored and the database only did not say so, nobody else sends that message."""
        session_id = session_of(run)
        if session_id in self._behind:
            self._behind.discard(session_id)
            self._begin(session_id)

    def after_elsewhere(self, run: RemoteRun) -> None:
        """As `after`, for a run on another gateway. That gateway sends the next message, unless the message came here after it had
        looked."""
        self._ended.set()
        self._ended = asyncio.Event()
        session_id = session_of(run)
        if session_id in self._behind:
            self._behind.discard(session_id)
            self._begin(session_id, run.status == "complete")

    def _begin(self, session_id: int, lets_go: bool = False) -> None:
        self._tasks.run(f"waiting-{session_id}", lambda: self._next(session_id, lets_go))

    async def _next(self, session_id: int, lets_go: bool) -> None:
        """Sends the session's next message. `lets_go`: a reply is complete, so that earlier ends hold nothing any more."""
        while True:
            message: WaitingMessage | None = None
            ended = self._ended
            try:
                async with self._database.read() as unit:
                    first = await unit.waiting.first(session_id)
                if first is None:
                    return
                message, owner = first
                if message.held is not None and lets_go:
                    lets_go = False
                    async with self._database.write() as unit:
                        await unit.waiting.hold(session_id, None)
                    continue
                if message.held is not None or message.editing:
                    return
                if self._supervisor.of_key(session_key(session_id)) is not None:
                    self._behind.add(session_id)
                    return
                await self._messages.send(owner, _send(message, by_itself=True))
            except NotReady:
                lets_go = False  # what was done to it is newer than the reply
            except ShuttingDown:
                self._others_begin(session_id, lets_go)
                return
            except BudgetExceeded as error:
                if message is not None and error.retry_after > SOON_SECONDS:
                    lets_go = False  # this hold is newer than the reply
                    await self._hold(message, error)
                else:
                    await self._patience(ended)
            except (SessionBusy, RoomPaused, Throttled, StorageUnavailable) as error:
                if isinstance(error, StorageUnavailable) and not error.retryable:
                    return
                await self._patience(ended)
            except LamError as error:
                if message is not None:
                    lets_go = False
                    await self._hold(message, error)

    async def _hold(self, message: WaitingMessage, error: LamError) -> None:
        """Holds a message that cannot be sent as it is. Does nothing to one that was sent or taken back meanwhile."""
        log.info("A waiting message of session %d cannot be sent: %s", message.session_id, error.message)
        async with self._database.write() as unit:
            await unit.waiting.hold(message.session_id, Hold("refused", error.message), message.id)

    async def _patience(self, ended: asyncio.Event) -> None:
        """Waits until a reply ends, or for a while."""
        try:
            async with asyncio.timeout(self._pause):
                await ended.wait()
        except TimeoutError:
            pass


async def _written(unit: UnitOfWork, session: Session, waiting: Sequence[WaitingMessage]) -> list[Written]:
    people = await authors(unit, session, {message.author_id for message in waiting})
    return [Written(message, people.get(message.author_id)) for message in waiting]


def _require_own(session: Session, message: WaitingMessage, user_id: int) -> None:
    """Raises NotAllowed for somebody else's message, unless the user is the session's owner."""
    if session.role != "owner" and message.author_id != user_id:
        raise NotAllowed("Somebody else wrote this message.")


_GONE: Final = "This message does not wait any more."


async def _find(unit: UnitOfWork, session_id: int, waiting_id: int) -> WaitingMessage:
    message = await unit.waiting.find(session_id, waiting_id)
    if message is None:
        raise NotFound(_GONE)
    return message


def _send(message: WaitingMessage, *, by_itself: bool = False) -> Send:
    return Send(
        by_itself=by_itself,
        session_id=message.session_id,
        content=text_of(message.parts),
        documents=tuple(documents_of(message.parts)),
        images=tuple(image.id for image in images_of(message.parts)),
        waiting_id=message.id,
        client_request_id=message.request_id,
        on_disconnect="continue",
    )


def _ids(parts: Parts) -> set[str]:
    return {image.id for image in images_of(parts)}


def _require_sendable(parts: Parts) -> None:
    if not documents_of(parts) and not images_of(parts) and not text_of(parts).strip():
        raise Invalid("content: must not be blank")
    length = len(written_form(parts))
    if length > LONGEST_TEXT:
        raise Invalid(f"documents: the message with its documents has {length} characters; {LONGEST_TEXT} can be sent")
