"""What the reader of an event connection wishes to follow, whichever gateway has the connection.

It must not know how an event connection writes.
"""

from collections.abc import Callable, Collection
from typing import Final

import msgspec

from lam.api.event_connection import EventConnection, EventConnections
from lam.api.schemas.events import Followed, wishes
from lam.chat.presence import Presence
from lam.chat.sessions import Sessions
from lam.errors import LamError, NotFound, Unreachable, from_code
from lam.redis.signals import Signals
from lam.rooms.rooms import Rooms
from lam.storage.models import Session

ANSWER_SECONDS: Final = 3.0
_QUESTION: Final = "follow"


class Question(msgspec.Struct, frozen=True):
    """Makes an event connection follow what `followed` says: a `Followed` in JSON."""

    user_id: int
    connection_id: str
    followed: bytes


class Answer(msgspec.Struct, frozen=True):
    """How a question ended. `code`: of the error, empty after a success."""

    code: str = ""
    message: str = ""


class Wishes:
    """`signals`: to the other gateways, None when this one is alone. `peers()`: returns their names."""

    def __init__(
        self,
        events: EventConnections,
        presence: Presence,
        sessions: Sessions,
        rooms: Rooms,
        signals: Signals | None = None,
        peers: Callable[[], Collection[str]] = frozenset,
    ) -> None:
        self._events = events
        self._presence = presence
        self._sessions = sessions
        self._rooms = rooms
        self._signals = signals
        self._peers = peers
        if signals is not None:
            signals.answer(_QUESTION, self._answer)

    async def take(self, user_id: int, connection_id: str, followed: Followed) -> None:
        """Makes an event connection of the person follow this. Raises NotFound, also when the connection's gateway does not answer:
        the reader then connects again."""
        gateway = self._events.gateway_of(connection_id, self._peers())
        if self._signals is None or gateway is None:
            await self._take(user_id, connection_id, followed)
            return
        question = Question(user_id, connection_id, followed.model_dump_json().encode())
        try:
            body = await self._signals.ask(gateway, _QUESTION, msgspec.msgpack.encode(question), ANSWER_SECONDS)
        except Unreachable as error:
            raise NotFound("The gateway of this event connection does not answer; connect again.") from error
        answer = msgspec.msgpack.decode(body, type=Answer)
        if answer.code:
            raise from_code(answer.code, answer.message)

    async def describe(self, connection: EventConnection, user_id: int, session_id: int) -> None:
        """Adds the state of a newly visible session. Raises NotFound."""
        session: Session = await self._sessions.get(user_id, session_id)
        run = self._sessions.running(session.id)
        connection.describe(session.id, session.leaf_id, run.id if run is not None else None)

    async def _take(self, user_id: int, connection_id: str, followed: Followed) -> None:
        connection = self._events.get(connection_id, user_id)
        self._presence.shows(connection_id, followed.session, hidden=followed.hidden)
        for session_id in connection.watch(followed.session):
            try:
                await self.describe(connection, user_id, session_id)
            except NotFound:
                connection.refuse(session_id)
        for room_id in connection.watch_rooms(followed.room):
            try:
                await self._rooms.get(user_id, room_id)
                connection.describe_room(room_id)
            except NotFound:
                connection.refuse_room(room_id)
        connection.follow(await self._events.find(user_id, wishes(followed.run), connection.followed))

    async def _answer(self, _gateway: str, body: bytes) -> bytes:
        question = msgspec.msgpack.decode(body, type=Question)
        try:
            followed = Followed.model_validate_json(question.followed)
            await self._take(question.user_id, question.connection_id, followed)
        except LamError as error:
            return msgspec.msgpack.encode(Answer(error.code, error.message))
        return msgspec.msgpack.encode(Answer())
