"""A room and its participants as somebody sees them at a moment. It must not know who is told, nor how it is written."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final, Literal

import msgspec
from msgspec import Struct

from lam.chat.presence import State as Presence
from lam.chat.sink import session_key
from lam.chat.terms import ends_at
from lam.generation.remote import AnyRun
from lam.generation.run import Life
from lam.storage.models import Participant, Room

RoomRole = Literal["owner", "participant"]
State = Literal["open", "paused", "over"]
Doing = Literal["idle", "waiting", "running", "left", "over", "removed"]
LONGEST_WARNING: Final = timedelta(days=1)


class Task(Struct, frozen=True, kw_only=True):
    """What everybody in a room is to solve. `set`: the name of a maze set, or the id of a set of the lab. `digest`: of the set of
    the lab as it was when the room was opened; rooms of earlier releases have none."""

    kind: Literal["maze", "lab"]
    set: str
    title: str
    digest: str | None = None


class RoomView(Struct, frozen=True, kw_only=True):
    """A room for one person. `session_id`, `ends_at`: a participant's own session, and when they can send no more."""

    room: Room
    role: RoomRole
    owner_name: str
    state: State
    participants: int
    session_id: int | None = None
    ends_at: datetime | None = None

    @property
    def task(self) -> Task | None:
        return None if self.room.task is None else msgspec.convert(self.room.task, Task)


class ParticipantView(Struct, frozen=True, kw_only=True):
    """A participant. `stream_id`: of the reply that runs or waits."""

    person: Participant
    stream_id: str | None
    state: Doing


def state_of(room: Room, now: datetime) -> State:
    return "over" if room.state == "ending" or now >= room.expires_at else room.state


def warning_of(room: Room) -> timedelta:
    """Returns how long before its end the owner of a room is told."""
    return min(LONGEST_WARNING, (room.expires_at - room.created_at) / 4)


def gone_at(room: Room) -> datetime | None:
    """Returns when a room is deleted: never before its date, nor before its owner has known for a while. None: not known yet."""
    return None if room.warned_at is None else max(room.expires_at, room.warned_at + warning_of(room))


class Sight(Struct, frozen=True):
    """What is known beside the database. `run(key)`: of a session. `presence(session_id, user_id)`: whether they look."""

    run: Callable[[str], AnyRun | None]
    presence: Callable[[int, int], Presence]

    def of(self, person: Participant, room: Room, now: datetime) -> ParticipantView:
        run = self.run(session_key(person.session_id))
        if run is not None:
            return ParticipantView(person=person, stream_id=run.id, state="waiting" if run.life is Life.WAITING else "running")
        if person.is_removed:
            return ParticipantView(person=person, stream_id=None, state="removed")
        if room.state == "ending" or now >= ends_at(room, person.joined_at):
            return ParticipantView(person=person, stream_id=None, state="over")
        has_left = self.presence(person.session_id, person.user_id) == "left"
        return ParticipantView(person=person, stream_id=None, state="left" if has_left else "idle")
