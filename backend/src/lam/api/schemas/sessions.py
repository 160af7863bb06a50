"""JSON of sessions."""

from typing import Literal

from pydantic import Field

from lam.api.schemas.base import Id, Text, Time, Variables
from lam.api.schemas.sampling import SamplingFields, SamplingValues
from lam.protocol.chat import LONGEST_TEXT


class SessionSettings(SamplingFields):
    """The settings of a session for its next messages. Null: the gateway's default."""

    title: Text | None = Field(None, max_length=200)
    template_id: Id | None = None
    variables: Variables | None = Field(
        None, description="Values of the template's variables. Each variable without a default needs one."
    )
    system_prompt: Text | None = Field(None, max_length=LONGEST_TEXT)
    model: Text | None = Field(None, max_length=255)
    folder_id: Id | None = Field(
        None,
        description="The folder that the session is in. A new session takes the folder's system prompt and model where it has none "
        "of its own; a session that moves keeps its own.",
    )
    pinned: bool | None = Field(None, description="Whether the session stays at the top of the list; default: false.")


class SessionChanges(SessionSettings):
    active_message_id: Id | None = Field(None, description="Switches to the branch with this message.")


class SessionAnswer(SamplingValues):
    id: int = Field(examples=[1])
    session_key: str = Field(description="Changes with each reset.", examples=["user1-0f1e2d3c4b"])
    title: str = Field(examples=["A short story"])
    template_id: int | None
    template_version: int | None = Field(description="The version of the template that the system prompt comes from.")
    system_prompt: str | None
    model: str | None
    message_count: int = Field(description="Counts all branches.")
    active_message_id: int | None = Field(description="The newest message of the active path.")
    created_at: Time
    updated_at: Time
    last_used_at: Time
    running: bool = Field(description="Whether a reply is being produced.")
    pinned: bool = Field(description="Whether the session stays at the top of the page's list.")
    folder_id: int | None = Field(description="The folder that the session is in.")
    room_id: int | None = Field(None, description="The room that the session belongs to.")
    unread: bool = Field(description="Whether a reply ended while nobody was reading; of its owner's sessions alone.")
    role: Literal["owner", "steer", "watch"] = Field(
        description="What you are in this session; docs/reference/roles.md says what each may do. Only its owner sees the system "
        "prompt, the template, the folder and the pin."
    )


class ListedSession(SessionAnswer):
    last_message_preview: str | None = Field(description="The first 180 characters of the newest message.")
    cursor: str = Field(
        description="The session's place in the list, for `before`. Compared as text, cursors have the order of the list.",
        examples=["0e3a1d2b3c4d5e600000001"],
    )
    is_shared: bool = Field(description="Whether others are in it.")
