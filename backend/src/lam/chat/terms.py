"""On what terms a message is sent: those of its author alone, or those of the room that its session is in.

It decides the author's place in the fair ring, whose budgets are used, and what a room allows. It must not know how rooms
are opened.
"""

from collections.abc import Collection, Hashable
from datetime import datetime, timedelta
from typing import Final

import msgspec
from msgspec import Struct

from lam.accounts.programs import Spender
from lam.engines.ring import Inside
from lam.errors import NotAllowed, RoomOver, RoomPaused
from lam.protocol.budget import NO_LIMITS, Budget
from lam.storage.database import UnitOfWork
from lam.storage.models import Room, Session

REMOVED: Final = "You were removed from this room."


class Terms(Struct, frozen=True, kw_only=True):
    """`group`: of the fair ring. `models`: those that may be used; empty: all."""

    group: Hashable
    spender: Spender
    models: Collection[str] = ()

    def require_model(self, model: str | None) -> None:
        """Raises NotAllowed for a model that the room does not offer. None: the gateway's usual one."""
        if self.models and model not in self.models:
            raise NotAllowed(f"In this room these models may be used: {', '.join(sorted(self.models))}.")


async def terms_of(unit: UnitOfWork, session: Session, author_id: int, now: datetime) -> Terms:
    """Returns the terms on which somebody sends in a session now. Raises RoomPaused, RoomOver, and NotAllowed for a guest who was
    removed."""
    terms, room = await lasting_terms(unit, session, author_id)
    if room is None and session.room_id is not None:
        raise RoomOver  # it went with the account of whoever opened it
    if room is not None:
        require_open(room, session.created_at, now)
        if await unit.rooms.is_removed(author_id):
            raise NotAllowed(REMOVED)
    return terms


def require_open(room: Room, joined_at: datetime, now: datetime) -> None:
    """Raises RoomPaused, or RoomOver for somebody who joined at that time."""
    if room.state == "ending" or now >= ends_at(room, joined_at):
        raise RoomOver
    if room.state == "paused":
        raise RoomPaused


async def lasting_terms(unit: UnitOfWork, session: Session, author_id: int) -> tuple[Terms, Room | None]:
    """Returns the terms without what changes with time, and the room."""
    room = None if session.room_id is None else await unit.rooms.of_session(session.id)
    if room is None:
        return Terms(group=author_id, spender=Spender(author_id)), None
    spender = Spender(author_id, room_id=room.id, room_budget=budget_of(room))
    return Terms(group=Inside(("room", room.id), author_id), spender=spender, models=room.models), room


def budget_of(room: Room) -> Budget:
    """Returns what each participant may use."""
    return NO_LIMITS if room.budget is None else msgspec.convert(room.budget, Budget)


def ends_at(room: Room, joined_at: datetime) -> datetime:
    """Returns when somebody who joined then can send no more: their time is over, or the room is."""
    if room.seconds is None:
        return room.expires_at
    return min(room.expires_at, joined_at + timedelta(seconds=room.seconds))
