"""JSON of rooms."""

from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import Field

from lam.api.schemas.base import FilledText, Id, Schema, Strict, Text, Time, Variables
from lam.api.schemas.keys import BudgetSettings
from lam.rooms.codes import format_code
from lam.rooms.rooms import LONGEST_MESSAGE, MOST_PEOPLE, NewRoom
from lam.rooms.views import ParticipantView, RoomView, gone_at


class RoomTask(Strict):
    """What everybody is to solve, for the leaderboard. `set`: the name of a maze set, or the id of a set of the lab."""

    kind: Literal["maze", "lab"]
    set: Text = Field(min_length=1, max_length=64, examples=["practice"])
    title: Text | None = Field(None, max_length=200, description="Of the set; ignored in a request.")


class NewRoomBody(Strict):
    title: FilledText = Field(max_length=200, examples=["Physics, class 9b"])
    expires_at: datetime = Field(description="When the room is over. It is deleted after that, and its owner is told before.")
    template_id: Id | None = Field(None, description="Its text is the system prompt of each session in the room.")
    variables: Variables | None = Field(None, description="For the template.")
    models: list[Text] = Field([], max_length=50, description="The models that may be used, the usual one first; empty: all.")
    budget: BudgetSettings | None = Field(None, description="Of each participant.")
    seconds: int | None = Field(None, ge=1, le=10**8, description="How long each participant may write, from joining on.")
    task: RoomTask | None = None
    shows_others: bool = Field(False, description="Whether participants may read each other's sessions.")
    most: int = Field(200, ge=1, le=MOST_PEOPLE, description="How many participants it takes.")
    media_mb: int = Field(100, ge=0, le=100_000, description="Room for the pictures of all its guests together; 0: no pictures.")

    def room(self) -> NewRoom:
        return NewRoom(
            title=self.title,
            expires_at=aware(self.expires_at),
            template_id=self.template_id,
            variables=self.variables,
            models=list(dict.fromkeys(self.models)),
            budget=None if self.budget is None else self.budget.budget(),
            seconds=self.seconds,
            task_kind=None if self.task is None else self.task.kind,
            task_set="" if self.task is None else self.task.set,
            shows_others=self.shows_others,
            most=self.most,
            media_mb=self.media_mb,
        )


class RoomChanges(Strict):
    """Absent and null fields stay as they are."""

    title: FilledText | None = Field(None, max_length=200)
    shows_others: bool | None = None
    expires_at: datetime | None = None


class RoomText(Strict):
    text: Text = Field(max_length=LONGEST_MESSAGE, description="Empty: nothing more is shown.")


class Projection(Strict):
    session_id: Id | None = Field(description="A participant's; null: nothing more is shown.")


class RoomAnswer(Schema):
    """A room as one person has it. `session_id`, `ends_at`: a participant's own."""

    id: int
    code: str | None = Field(description="For its owner alone.", examples=["K7QF-2M9X"])
    title: str
    role: Literal["owner", "participant"]
    owner_name: str
    template_id: int | None
    models: list[str] = Field(description="Those that may be used; empty: all.")
    budget: BudgetSettings | None = Field(description="Of each participant.")
    seconds: int | None = Field(description="How long each participant may write, from joining on.")
    ends_at: Time | None = Field(description="When you can send no more.")
    task: RoomTask | None
    state: Literal["open", "paused", "over"]
    locked: bool
    shows_others: bool
    message: str | None = Field(description="What the owner said to everybody last.")
    projected: int | None = Field(description="The session that everybody is shown.")
    expires_at: Time
    gone_at: Time | None = Field(description="When it is deleted with everything in it; null: not soon.")
    created_at: Time
    participants: int
    most: int
    media_mb: int
    session_id: int | None


class ParticipantAnswer(Schema):
    """Somebody in a room. `state`: `waiting` while a reply waits for its place; `over` when they can send no more;
    `removed`: a guest who may not come in again."""

    user_id: int
    name: str
    session_id: int
    stream_id: str | None = Field(description="Of the reply that runs or waits.")
    state: Literal["idle", "waiting", "running", "left", "over", "removed"]
    messages: int
    tokens: int = Field(description="Of all replies so far, those of prompts included.")
    last: str = Field(description="The end of the newest message, up to 300 characters.")


class Code(Strict):
    code: Text = Field(max_length=100, examples=["K7QF-2M9X"], description="Case and dashes do not count.")


class JoinRoom(Code):
    nickname: Text | None = Field(None, max_length=200, description="For whoever is not signed in.")


class RoomLookAnswer(Schema):
    title: str
    needs_nickname: bool


class JoinedRoom(Schema):
    room_id: int
    session_id: int


class RankedParticipant(Schema):
    """A participant with a score. Equal scores share a rank. `tries`: games, or runs of the lab."""

    rank: int
    user_id: int
    name: str
    score: int = Field(description="Mazes: the sum of the best game of each maze. Lab: the best share of tasks solved, in percent.")
    tries: int
    is_me: bool


def room_answer(view: RoomView) -> RoomAnswer:
    room, is_owner = view.room, view.role == "owner"
    task = view.task
    return RoomAnswer(
        id=room.id,
        code=format_code(room.code) if is_owner else None,
        title=room.title,
        role=view.role,
        owner_name=view.owner_name,
        template_id=room.template_id,
        models=room.models,
        budget=None if room.budget is None else BudgetSettings(**room.budget),
        seconds=room.seconds,
        ends_at=view.ends_at,
        task=None if task is None else RoomTask(kind=task.kind, set=task.set, title=task.title),
        state=view.state,
        locked=room.locked,
        shows_others=room.shows_others,
        message=room.message,
        projected=room.projected_id,
        expires_at=room.expires_at,
        gone_at=gone_at(room),
        created_at=room.created_at,
        participants=view.participants,
        most=room.most,
        media_mb=room.media_mb,
        session_id=view.session_id,
    )


def participant_answer(view: ParticipantView) -> ParticipantAnswer:
    person = view.person
    return ParticipantAnswer(
        user_id=person.user_id,
        name=person.name,
        session_id=person.session_id,
        stream_id=view.stream_id,
        state=view.state,
        messages=person.messages,
        tokens=person.tokens,
        last=person.last,
    )


def room_event(view: RoomView) -> dict[str, Any]:
    return room_answer(view).model_dump(mode="json")


def participant_event(view: ParticipantView) -> dict[str, Any]:
    return participant_answer(view).model_dump(mode="json")


def aware(moment: datetime) -> datetime:
    """Returns the moment with its zone, UTC where it has none."""
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
