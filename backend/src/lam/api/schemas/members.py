"""JSON of the people of a session, and of links into it."""

from typing import Annotated, Any, Literal

from pydantic import Field

from lam.api.schemas.base import AuthorAnswer, FilledText, Id, Schema, Strict, Text, Time

Role = Literal["owner", "steer", "watch"]
Granted = Literal["steer", "watch"]
Secret = Annotated[Text, Field(min_length=1, max_length=64, description="What stands behind `#` in the link.")]


class MemberAnswer(AuthorAnswer):
    role: Role
    is_guest: bool = Field(description="Somebody without an account.")
    is_me: bool
    presence: Literal["here", "away", "left"] = Field(
        description="`here`: has the session in sight; `away`: is connected; `left`: has had no connection for 15 seconds."
    )
    reading: int | None = Field(description="The last message that they have read.", examples=[None])
    wants_to_steer: bool = Field(description="Asked for it.")
    joined_at: Time


class MembersAnswer(Schema):
    members: list[MemberAnswer]


class NewRole(Strict):
    role: Granted


class NewInvitation(Strict):
    role: Granted = "watch"
    expires_in: int | None = Field(None, ge=60, le=365 * 86400, description="Seconds; default: 7 days.", examples=[86400])
    uses: int | None = Field(None, ge=1, le=1000, description="How many people may come in by it; default: 25.", examples=[10])


class InvitationAnswer(Schema):
    id: int = Field(examples=[1])
    role: Granted
    expires_at: Time
    uses_left: int = Field(examples=[25])
    created_at: Time


class MadeInvitation(InvitationAnswer):
    secret: str = Field(description="The link is `/join#` and this. It cannot be had again.", examples=["c2FtcGxlLXNlY3JldC0x"])


class LookAt(Strict):
    secret: Secret


class InvitedAnswer(Schema):
    title: str
    role: Granted
    by: str = Field(description="Who invites.", examples=["ana"])
    is_signed_in: bool = Field(description="You come in as yourself; otherwise as a guest.")
    needs_nickname: bool = Field(description="You are nobody there yet: say with `nickname` who you are.")
    expires_at: Time


class Accept(Strict):
    secret: Secret
    nickname: FilledText | None = Field(None, max_length=400, description="Of a guest: 1 to 32 characters that people see.")


class AcceptAnswer(Schema):
    session_id: int
    role: Role


class ReadingAt(Strict):
    message_id: Id


class AuditAnswer(Schema):
    action: str = Field(examples=["joined"])
    by: str | None = Field(description="Null where the account is gone.", examples=["ana"])
    detail: dict[str, Any] = Field(examples=[{"name": "ana", "role": "watch"}])
    created_at: Time
