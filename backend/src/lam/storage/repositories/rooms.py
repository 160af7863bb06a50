"""Rooms, and who is in them. Each query that serves a person includes that person.

It must not know when a room is over, nor what its task is.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Select,
    String,
    and_,
    bindparam,
    case,
    cast,
    delete,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
    update,
)

from lam.storage.access import Action, own, rooms_open
from lam.storage.models import Participant, Room, User
from lam.storage.repositories.base import QUICK, Repository
from lam.storage.schema import (
    costs,
    games,
    lab_cells,
    lab_runs,
    media,
    messages,
    pictures,
    rooms,
    sessions,
    spending,
    tokens,
    users,
)

LAST_CHARACTERS: Final = 300
_OF_SESSION = (
    select(rooms)
    .join(sessions, sessions.c.room_id == rooms.c.id)
    .where(sessions.c.id == bindparam("session"))
    .execution_options(**QUICK)
)

# A guest's token outlives the room: a guest without a token was removed.
_IS_REMOVED = and_(users.c.scope.is_not(None), ~exists().where(tokens.c.user_id == users.c.id).correlate(users))


def room_scope(room_id: int) -> str:
    """Returns the scope of a room's guests."""
    return f"r{room_id}"


class Rooms(Repository):
    async def add(self, **values: Any) -> Room:
        """Adds a room. Raises Conflict (from the unit of work) when the code is taken."""
        return Room(id=await self._inserted(insert(rooms).values(**values).returning(rooms.c.id)), **values)

    async def find(self, room_id: int, user_id: int, action: Action, *, lock: bool = False) -> Room | None:
        """Returns a room, None unless the user may do `action` with it. `lock`: nobody else can change it, or enter it, until this
        unit of work ends."""
        query = select(rooms).where(rooms.c.id == room_id, rooms_open(action, user_id))
        return await self._one(Room, query.with_for_update() if lock else query)

    async def by_code(self, code: str) -> Room | None:
        return await self._one(Room, select(rooms).where(rooms.c.code == code))

    async def by_id(self, room_id: int, *, lock: bool = False) -> Room | None:
        query = select(rooms).where(rooms.c.id == room_id)
        return await self._one(Room, query.with_for_update() if lock else query)

    async def of_session(self, session_id: int) -> Room | None:
        """Returns the room that a session is in."""
        return await self._one(Room, _OF_SESSION, {"session": session_id})

    async def of_user(self, user_id: int) -> list[Room]:
        """Returns the rooms that the user opened, newest first."""
        return await self._all(Room, select(rooms).where(own(rooms, user_id)).order_by(rooms.c.id.desc()))

    async def count(self, user_id: int) -> int:
        return await self._number(select(func.count()).select_from(rooms).where(own(rooms, user_id)))

    async def change(self, room_id: int, **values: Any) -> None:
        await self._changed(update(rooms).where(rooms.c.id == room_id).values(**values))

    async def delete(self, room_id: int) -> None:
        """Removes a room that nobody is in any more, and what its people used of its budget."""
        await self._changed(delete(spending).where(spending.c.owner.startswith(f"room:{room_id}:", autoescape=True)))
        await self._changed(delete(rooms).where(rooms.c.id == room_id))

    async def ending(self, before: datetime) -> list[Room]:
        """Returns the rooms that expire before this time, and those whose removal has begun, first ones first."""
        over = or_(rooms.c.expires_at <= before, rooms.c.state == "ending")
        return await self._all(Room, select(rooms).where(over).order_by(rooms.c.expires_at))

    async def extend(self, room_id: int, expires_at: datetime) -> None:
        """Lets the tokens of a room's guests end at another time."""
        guests = select(users.c.id).where(users.c.scope == room_scope(room_id))
        await self._changed(update(tokens).where(tokens.c.user_id.in_(guests)).values(expires_at=expires_at))

    async def let_go(self, room_id: int) -> None:
        """Makes the sessions of a room that is gone those of their owners alone."""
        await self._changed(update(sessions).where(sessions.c.room_id == room_id).values(room_id=None))

    # Participants

    async def participants(self, room_id: int) -> list[Participant]:
        """Returns the people of a room, in the order in which they came."""
        return await self._all(Participant, _participants().where(sessions.c.room_id == room_id).order_by(sessions.c.id))

    async def in_sessions(self, session_ids: Collection[int]) -> list[Participant]:
        """Returns the people of those of the sessions that are in a room."""
        query = _participants().where(sessions.c.id.in_(session_ids), sessions.c.room_id.is_not(None))
        return await self._all(Participant, query.order_by(sessions.c.id))

    async def signed_in(self, room_id: int) -> list[User]:
        """Returns those in a room who have accounts, its owner included."""
        here = select(sessions.c.user_id).where(sessions.c.room_id == room_id)
        owner = select(rooms.c.user_id).where(rooms.c.id == room_id)
        columns = [users.c[name] for name in User.__struct_fields__]
        query = select(*columns).where(users.c.scope.is_(None), users.c.id.in_(here.union_all(owner)))
        return await self._all(User, query)

    async def people(self, room_id: int) -> list[int]:
        query = select(sessions.c.user_id).where(sessions.c.room_id == room_id)
        return list((await self._connection.execute(query)).scalars())

    async def number_of_people(self, room_ids: Collection[int]) -> dict[int, int]:
        """Returns how many people are in each of these rooms, without removed guests. A room without people is missing."""
        query = select(sessions.c.room_id, func.count()).join(users, users.c.id == sessions.c.user_id)
        query = query.where(sessions.c.room_id.in_(room_ids), ~_IS_REMOVED).group_by(sessions.c.room_id)
        return {room_id: int(number) for room_id, number in await self._connection.execute(query)}

    async def session_of(self, room_id: int, user_id: int) -> tuple[int, datetime] | None:
        """Returns the session of a participant, and when they joined."""
        query = select(sessions.c.id, sessions.c.created_at).where(sessions.c.room_id == room_id, own(sessions, user_id))
        row = (await self._connection.execute(query)).first()
        return None if row is None else (row[0], row[1])

    async def has_session(self, room_id: int, session_id: int) -> bool:
        query = select(sessions.c.id).where(sessions.c.id == session_id, sessions.c.room_id == room_id)
        return (await self._connection.execute(query)).first() is not None

    async def participant(self, room_id: int, user_id: int) -> Participant | None:
        """Returns a person in a room, None when they are not in it."""
        return await self._one(Participant, _participants().where(sessions.c.room_id == room_id, own(sessions, user_id)))

    async def is_removed(self, user_id: int) -> bool:
        """Returns whether somebody is a guest who was removed from their room."""
        return (await self._connection.execute(select(users.c.id).where(users.c.id == user_id, _IS_REMOVED))).first() is not None

    async def release(self, session_id: int) -> None:
        """Takes a session out of its room: it belongs to its participant, without the room's prompt."""
        terms: dict[str, Any] = dict.fromkeys(("room_id", "system_prompt", "template_id", "template_version"))
        await self._changed(update(sessions).where(sessions.c.id == session_id).values(**terms))

    async def left_behind(self) -> Sequence[int]:
        """Returns the ids of rooms that are gone, while sessions of them are not."""
        query = select(sessions.c.room_id).where(sessions.c.room_id.is_not(None), sessions.c.room_id.not_in(select(rooms.c.id)))
        return list((await self._connection.execute(query.distinct())).scalars())

    # What they use

    async def of_guest(self, user_id: int) -> Room | None:
        """Returns the room whose guest somebody is, None for anybody else."""
        mine = select(sessions.c.room_id).join(users, users.c.id == sessions.c.user_id)
        mine = mine.where(own(sessions, user_id), users.c.scope == literal("r").concat(cast(sessions.c.room_id, String)))
        return await self._one(Room, select(rooms).where(rooms.c.id.in_(mine)))

    async def media_used(self, room_id: int, row_bytes: int) -> int:
        """Returns the bytes of all pictures of a room's guests. `row_bytes`: what each counts beside its own."""
        size = func.coalesce(func.sum(pictures.c.size + row_bytes), 0)
        query = select(size).select_from(media).join(pictures, pictures.c.sha256 == media.c.sha256)
        query = query.join(users, users.c.id == media.c.user_id).where(users.c.scope == room_scope(room_id))
        return await self._number(query)

    # What they have solved

    async def games(self, room_id: int, maze_set: str) -> list[tuple[int, int, int | None]]:
        """Returns the games in a maze set that participants began since they joined: user, maze, and the score of those won."""
        query = select(games.c.user_id, games.c.maze, case((games.c.status == "won", games.c.score))).join(
            users, users.c.id == games.c.user_id
        )
        query = query.join(sessions, sessions.c.user_id == users.c.id)
        query = query.where(
            sessions.c.room_id == room_id, games.c.maze_set == maze_set, games.c.created_at >= sessions.c.created_at
        )
        return [(row[0], row[1], row[2]) for row in await self._connection.execute(query)]

    async def lab_runs(self, room_id: int) -> list[tuple[int, str, int, int]]:
        """Returns the runs of the lab that participants made since they joined: user, spec, cells, and cells that passed."""
        passed = func.sum(case((lab_cells.c.passed, 1), else_=0))
        query = (
            select(lab_runs.c.user_id, lab_runs.c.spec, func.count(lab_cells.c.id), passed)
            .join(lab_cells, lab_cells.c.lab_run_id == lab_runs.c.id)
            .join(users, users.c.id == lab_runs.c.user_id)
            .join(sessions, sessions.c.user_id == users.c.id)
            .where(sessions.c.room_id == room_id, lab_runs.c.created_at >= sessions.c.created_at)
            .group_by(lab_runs.c.id, lab_runs.c.user_id, lab_runs.c.spec)
        )
        return [(row[0], row[1], int(row[2]), int(row[3])) for row in await self._connection.execute(query)]

    async def _number(self, query: Select[Any]) -> int:
        return int((await self._connection.execute(query)).scalar_one())


def _participants() -> Select[Any]:
    counted: ColumnElement[Any] = func.coalesce(costs.c.prompt_tokens, 0) + func.coalesce(costs.c.completion_tokens, 0)
    used = select(func.coalesce(func.sum(counted), 0)).where(costs.c.session_id == sessions.c.id).scalar_subquery()
    length = func.length(messages.c.content)
    last = func.substr(messages.c.content, case((length > LAST_CHARACTERS, length - LAST_CHARACTERS + 1), else_=1))
    return (
        select(
            sessions.c.id.label("session_id"),
            sessions.c.room_id,
            sessions.c.user_id,
            users.c.email,
            users.c.nickname,
            sessions.c.message_count.label("messages"),
            used.label("tokens"),
            func.coalesce(last, "").label("last"),
            sessions.c.created_at.label("joined_at"),
            _IS_REMOVED.label("is_removed"),
        )
        .join(users, users.c.id == sessions.c.user_id)
        .outerjoin(messages, messages.c.id == sessions.c.leaf_id)
    )
