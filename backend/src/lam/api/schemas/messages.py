"""JSON of messages and of the replies to them."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from lam.api.schemas.base import MAX_ID, FilledText, Id, Schema, Text, Time, Variables
from lam.api.schemas.sampling import SamplingFields
from lam.api.schemas.sessions import SessionAnswer
from lam.protocol import documents
from lam.protocol.chat import LONGEST_TEXT

Status = Literal["streaming", "complete", "cancelled", "interrupted", "failed"]
Rating = Literal["good", "bad"]


class SentDocument(Schema):
    name: Text = Field(max_length=LONGEST_TEXT, examples=["report.pdf"])
    text: Text = Field(max_length=LONGEST_TEXT, description="As `upload-document` reads it.", examples=["Sales grew by 4 %."])


class SendMessage(SamplingFields):
    """A new turn. Null means not given: it clears nothing."""

    session_id: Id = Field(examples=[1])
    content: Text | None = Field(
        None,
        max_length=LONGEST_TEXT,
        examples=["Tell me a short story"],
        description="Required and not blank, except with `documents`, `regenerate` and `continue`.",
    )
    documents: list[SentDocument] | None = Field(
        None,
        examples=[None],
        description="Texts that go along, in front of `content`; with their marks (see `content` of a message) all together up to "
        f"{LONGEST_TEXT} characters. Null, as from a client of the first release: documents are looked for in `content`.",
    )
    system_prompt: Text | None = Field(
        None, max_length=LONGEST_TEXT, description="Kept by the session, in force from this message on. Empty: none."
    )
    template_id: Id | None = Field(None, description="Its text becomes the system prompt unless one is given.")
    variables: Variables | None = Field(
        None, description="Fills the template's variables: the request's template, else the session's. Every one without a default."
    )
    model: Text | None = Field(None, max_length=255, description="For this message only; one of GET /api/models.")
    parent_id: int | None = Field(
        None,
        ge=0,
        le=MAX_ID,
        description="The reply after which this turn comes, 0: the beginning. With an earlier turn's parent it is edited.",
    )
    regenerate: Id | bool | None = Field(
        None, description="Another reply beside this one; true: the newest of the active path.", examples=[True]
    )
    continue_: Id | bool | None = Field(
        None,
        alias="continue",
        description="Go on where this reply was cut, stopped or interrupted; true: the newest of the active path. The stream opens "
        "with one chunk that holds the text so far, and `metadata.continues` gives its length.",
    )
    client_request_id: FilledText | None = Field(
        None,
        max_length=200,
        description="Your own name for this request, unique for 24 h: sent again, it gets the first run's stream.",
    )
    on_disconnect: Literal["cancel", "continue"] | None = Field(
        None, description="What happens to the reply when nobody reads it for LAM_DETACH_SECONDS; `cancel` unless given."
    )

    @model_validator(mode="after")
    def _one_aim(self) -> Self:
        aims = [name for name, value in (("regenerate", self.regenerate), ("continue", self.continue_)) if value]
        if len(aims) > 1:
            raise ValueError("regenerate and continue exclude each other")
        if aims and (self.content is not None or self.documents or self.parent_id is not None):
            raise ValueError(f"{aims[0]} takes no content, no documents and no parent_id: the turn stands already")
        if not aims and not self.documents and self.content is None:
            raise ValueError("content: is required")
        return self

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.content is not None and not self.documents and not self.content.strip():
            raise ValueError("content: must not be blank")
        return self

    @model_validator(mode="after")
    def _is_short_enough(self) -> Self:
        marked = (documents.written_form(documents.Document(sent.name, sent.text)) for sent in self.documents or ())
        length = len(self.content or "") + sum(map(len, marked))
        if length > LONGEST_TEXT:
            raise ValueError(f"documents: the message with its documents has {length} characters; {LONGEST_TEXT} can be sent")
        return self


class TextPart(Schema):
    type: Literal["text"]
    text: str


class DocumentPart(Schema):
    type: Literal["document"]
    name: str
    text: str


class ImagePart(Schema):
    type: Literal["image"]
    id: str
    width: int | None = None
    height: int | None = None


class ToolCallPart(Schema):
    type: Literal["tool_call"]
    id: str | None
    name: str | None
    arguments: str = Field(description="JSON text, as the model wrote it.")


class ToolResultPart(Schema):
    type: Literal["tool_result"]
    id: str | None = Field(description="Of the call.")
    content: str


Part = Annotated[TextPart | DocumentPart | ImagePart | ToolCallPart | ToolResultPart, Field(discriminator="type")]


class EndingError(Schema):
    code: str
    message: str
    retryable: bool


class MessageAnswer(Schema):
    id: int = Field(examples=[2])
    session_id: int = Field(examples=[1])
    parent_id: int | None = Field(description="The message it comes after; null: the first.", examples=[1])
    role: Literal["user", "assistant", "system"] = Field(examples=["assistant"])
    content: str = Field(
        description="The text; while it is `streaming`, the text so far. Documents stand in front of it, each as "
        '`<document name="…" characters="…">`, a line end, its text, a line end, `</document>` and two line ends.',
        examples=["Once upon a time"],
    )
    parts: list[Part] = Field(
        description="What the message is made of: documents, text, tool calls, tool results.",
        examples=[[{"type": "text", "text": "Once upon a time"}]],
    )
    thinking: str | None = Field(description="The model's reasoning, never part of the answer.", examples=[None])
    status: Status = Field(examples=["complete"])
    metadata: dict[str, Any] | None = Field(
        description="Of a reply: mode, model, simulated, finish_reason; tool_calls and continues where there are any.",
        examples=[{"mode": "sse", "model": "SmolLM2-135M-Instruct", "simulated": False, "finish_reason": "stop"}],
    )
    usage: dict[str, Any] | None = Field(
        description="prompt_tokens, completion_tokens, total_tokens, cached_tokens; `estimated` where the server did not say, "
        "as of a stopped reply; null where the model said nothing.",
        examples=[{"prompt_tokens": 31, "completion_tokens": 5, "total_tokens": 36, "cached_tokens": 0}],
    )
    timings: dict[str, Any] | None = Field(
        description="queued_ms, first_token_ms, total_ms, tokens_per_second.",
        examples=[{"queued_ms": 0, "first_token_ms": 420, "total_ms": 530, "tokens_per_second": 48.1}],
    )
    error: EndingError | None = Field(description="Why a reply failed or was interrupted, as its stream said it.", examples=[None])
    request_id: str | None = Field(description="The client_request_id it was sent with.", examples=[None])
    stream_id: str | None = Field(description="Of a reply: the stream that brought it.", examples=["c2FtcGxlLXN0cmVhbS1pZC0x"])
    rating: Rating | None = Field(description="What its reader thinks of a reply.", examples=[None])
    created_at: Time
    siblings: list[int] = Field(description="The versions of this message, itself included, in the order of their making.")
    in_context: bool = Field(
        True, description="False: the model is not told this message any more, because it was refused as too long or filtered."
    )


class MessageChanges(Schema):
    rating: Rating | None = Field(description="Null takes it back.", examples=["good"])


class SentAnswer(Schema):
    session: SessionAnswer
    user_message: MessageAnswer
    assistant_message: MessageAnswer
    raw_response: Any = Field(None, description="The worker's own payload in the prompt_portal dialect, else null.")


class StopStream(Schema):
    shown_chars: int | None = Field(
        None, ge=0, description="UTF-16 code units of the answer that were shown; the saved text is cut there."
    )


class StoppedStream(Schema):
    stream_id: str
    status: Status


class RunningStream(Schema):
    stream_id: str
    assistant_message_id: int
    status: Status
    last_event_id: int
