"""The terms of a player in the maze: a guest of a room plays only the room's task, on the room's terms.

It must not know what a game is.
"""

from datetime import datetime

import msgspec

from lam.accounts.programs import Spender
from lam.chat.terms import REMOVED, lasting_terms, require_open
from lam.errors import NotAllowed, RoomOver
from lam.maze.games import MOST_OF_GUEST, PlayerTerms
from lam.rooms.views import Task
from lam.storage.database import UnitOfWork


async def terms_of_player(unit: UnitOfWork, user_id: int, now: datetime) -> PlayerTerms:
    """Returns the present terms of a person or a guest. Raises NotAllowed for a guest without a maze, RoomPaused, RoomOver."""
    user = await unit.users.by_id(user_id)
    if user is None or user.scope is None:
        return PlayerTerms(group=user_id, spender=Spender(user_id))
    room = await unit.rooms.of_guest(user_id)
    if room is None:
        raise NotAllowed("There is no maze here.")
    entry = await unit.rooms.session_of(room.id, user_id)
    session = await unit.sessions.find(entry[0], user_id, "read") if entry is not None else None
    if session is None:
        raise RoomOver
    terms, _ = await lasting_terms(unit, session, user_id)
    task = None if room.task is None else msgspec.convert(room.task, Task)
    if task is None or task.kind != "maze":
        raise NotAllowed("This room has no maze.")
    require_open(room, session.created_at, now)
    if await unit.rooms.is_removed(user_id):
        raise NotAllowed(REMOVED)
    return PlayerTerms(group=terms.group, spender=terms.spender, models=room.models, maze_set=task.set, most=MOST_OF_GUEST)
