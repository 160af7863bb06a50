"""JSON of the messages that wait for the reply before them."""

from typing import Annotated, Literal

from pydantic import Field

from lam.api.schemas.base import AuthorAnswer, FilledText, Schema, Text, Time
from lam.api.schemas.messages import MediaName, Part, SentDocument
from lam.protocol.chat import LONGEST_TEXT

Documents = Annotated[list[SentDocument], Field(description="Documents in front of the text.")]
Images = Annotated[list[MediaName], Field(description="Ids of pictures, up to 8, between the documents and the text.")]


class WaitingTurn(Schema):
    """The text, the documents and the pictures of a turn to come; all else is the session's, at the moment when it is sent."""

    content: Text = Field(
        "", max_length=LONGEST_TEXT, examples=["And a longer one?"], description="Not blank, except with documents or pictures."
    )
    documents: Documents = Field([], examples=[[]])
    images: Images = Field([], examples=[[]])
    client_request_id: FilledText | None = Field(
        None, max_length=200, description="As of a send. Adding it again adds nothing, whether it still waits or was sent."
    )


class WaitingChanges(Schema):
    """Absent fields, and null, leave a value as it is."""

    content: Text | None = Field(None, max_length=LONGEST_TEXT, examples=["And a much longer one?"])
    documents: Documents | None = Field(None, examples=[None])
    images: Images | None = Field(None, examples=[None])
    editing: bool | None = Field(
        None, description="Somebody changes the text: the message is not sent until this is false again.", examples=[False]
    )


class Held(Schema):
    reason: Literal["cancelled", "interrupted", "failed", "refused"] = Field(
        description="How the reply before it ended; `refused`: the message could not be sent."
    )
    message: str | None = Field(None, description="One sentence about the refusal.")


class WaitingAnswer(Schema):
    id: int = Field(examples=[3])
    session_id: int = Field(examples=[1])
    content: str = Field(description="The written form, as of a message.", examples=["And a longer one?"])
    parts: list[Part] = Field(examples=[[{"type": "text", "text": "And a longer one?"}]])
    request_id: str | None = Field(description="The client_request_id; the message has it, too, once it is sent.", examples=[None])
    held: Held | None = Field(description="Why it is not sent by itself; null: it is sent in its turn.", examples=[None])
    editing: bool
    created_at: Time
    author: AuthorAnswer | None = Field(None, description="Who wrote it; null where the account is gone.", examples=[None])


class AddedAnswer(Schema):
    waiting: WaitingAnswer | None = Field(description="Null: it was sent already.")
    stream_id: str | None = Field(None, description="The stream of the reply, where it was sent already.", examples=[None])


class StartedStream(Schema):
    stream_id: str = Field(examples=["c2FtcGxlLXN0cmVhbS1pZC0x"])
