"""Tells the people of a room what changes in it: the room itself, and who does what. It must not know why something changed.

A participant's news goes to whoever opened the room and, where people see each other or are shown this one, to everybody in it.
What changes within a moment is told once.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Final, Self

from msgspec import Struct
from msgspec.structs import replace

from lam.background import Background
from lam.chat.changes import Changes
from lam.chat.sink import session_of
from lam.generation.remote import AnyRun
from lam.protocol.runs import OpenRun
from lam.redis.relay import Relay
from lam.rooms.views import ParticipantView, RoomView, Sight
from lam.storage.database import Database
from lam.storage.models import Participant, Room
from lam.storage.repositories.base import Touched

GATHER_SECONDS: Final = 0.1


class Formats(Struct, frozen=True):
    """How a room and a participant are written in an event."""

    room: Callable[[RoomView], dict[str, Any]]
    participant: Callable[[ParticipantView], dict[str, Any]]


class News:
    """An async context manager: it owns the task that describes participants, which rests unless `enabled`."""

    def __init__(
        self,
        database: Database,
        changes: Changes,
        sight: Sight,
        formats: Formats,
        relay: Relay | None = None,
        *,
        enabled: bool = True,
    ) -> None:
        """`relay`: to the other gateways; each of them hears of commits, runs and presence by itself."""
        self._database = database
        self._changes = changes
        self._everywhere = (relay or Relay()).everywhere("room", changes.room)
        self._sight = sight
        self._formats = formats
        self._enabled = enabled
        self._touched: set[int] = set()  # sessions
        self._wake = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._tasks = Background()
        if self._enabled:
            self._tasks.keep("rooms-news", self._keep_telling)
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._tasks.close()

    # What changed

    def touched(self, touched: Touched) -> None:
        """Reports what a unit of work changed."""
        self._touch(touched.sessions)

    def run_changed(self, run: AnyRun | OpenRun) -> None:
        """Reports that a run started or ended."""
        if (session_id := session_of(run)) is not None:
            self._touch([session_id])

    def came(self, session_id: int) -> None:
        """Reports that somebody came in, or is here, away or gone."""
        self._touch([session_id])

    async def room(self, view: RoomView) -> None:
        """Tells everybody in a room how it is now. What concerns one person alone is left out."""
        room = replace(view.room, code="")
        public = replace(view, room=room, role="participant", session_id=None, ends_at=None)
        await self._tell(room, {"type": "room", "room": self._formats.room(public)})

    async def message(self, room: Room) -> None:
        await self._tell(room, {"type": "message", "text": room.message or ""})

    async def projection(self, room: Room) -> None:
        """Tells everybody which session is shown, and whose it is: they may see nobody else."""
        session_id, shown = room.projected_id, None
        if session_id is not None:
            async with self._database.read() as unit:
                people = await unit.rooms.in_sessions([session_id])
            shown = next((self._described(person, room, datetime.now(UTC)) for person in people), None)
        await self._tell(room, {"type": "project", "session_id": session_id, "participant": shown})

    def shut(self, person: Participant) -> None:
        """Tells somebody that they were removed."""
        self._everywhere([person.user_id], person.room_id, {"type": "closed", "reason": "removed"})

    async def removed(self, person: Participant, room: Room) -> None:
        """Tells the owner, and the others if they may see, that somebody was removed."""
        async with self._database.read() as unit:
            people = await unit.rooms.people(room.id) if room.shows_others else []
        gone = self._described(replace(person, is_removed=True), room, datetime.now(UTC))
        self._everywhere([room.user_id, *people], room.id, {"type": "participant", "participant": gone})

    async def closed(self, room: Room, people: Iterable[int]) -> None:
        """Tells these people and the owner that a room is gone."""
        self._everywhere([room.user_id, *people], room.id, {"type": "closed", "reason": "gone"})

    # Inside

    def _touch(self, session_ids: Iterable[int]) -> None:
        self._touched.update(session_ids)
        if self._touched and self._enabled:
            self._wake.set()

    async def _tell(self, room: Room, event: dict[str, Any]) -> None:
        async with self._database.read() as unit:
            people = await unit.rooms.people(room.id)
        self._everywhere([room.user_id, *people], room.id, event)

    async def _keep_telling(self) -> None:
        while True:
            await self._wake.wait()
            await asyncio.sleep(GATHER_SECONDS)
            self._wake.clear()
            touched, self._touched = self._touched, set()
            try:
                await self._describe(sorted(touched))
            except Exception:
                self._touch(touched)
                raise  # `Background` restarts the task

    async def _describe(self, session_ids: Sequence[int]) -> None:
        now = datetime.now(UTC)
        if not self._changes.is_read:
            return
        async with self._database.read() as unit:
            changed = await unit.rooms.in_sessions(session_ids)
            rooms = {room_id: await unit.rooms.by_id(room_id) for room_id in {person.room_id for person in changed}}
            people = {
                room.id: await unit.rooms.people(room.id)
                for room in rooms.values()
                if room and (room.shows_others or room.projected_id in session_ids)
            }
        for person in changed:
            if (room := rooms[person.room_id]) is not None:
                self._participant(person, room, people.get(room.id, ()), now)

    def _participant(self, person: Participant, room: Room, people: Iterable[int], now: datetime) -> None:
        seen = room.shows_others or person.session_id == room.projected_id
        event = {"type": "participant", "participant": self._described(person, room, now)}
        self._changes.room([room.user_id, *(people if seen else ())], room.id, event)

    def _described(self, person: Participant, room: Room, now: datetime) -> dict[str, Any]:
        return self._formats.participant(self._sight.of(person, room, now))
