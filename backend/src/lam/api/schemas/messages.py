"""JSON of messages and of the replies to them."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from lam.api.schemas.base import MAX_ID, AuthorAnswer, FilledText, Id, Schema, Text, Time, Variables
from lam.api.schemas.sampling import SamplingFields
from lam.api.schemas.sessions import SessionAnswer
from lam.protocol import documents
from lam.protocol.chat import LONGEST_TEXT

Status = Literal["streaming", "complete", "cancelled", "interrupted", "failed"]
Rating = Literal["good", "bad"]


class SentDocument(Schema):
    name: Text = Field(max_length=LONGEST_TEXT, examples=["report.pdf"])
    text: Text = Field(
        max_length=LONGEST_TEXT, description="The text as returned by `upload-document`.", examples=["Sales grew by 4 %."]
    )


MediaName = Annotated[Text, Field(min_length=1, max_length=32)]


class SendMessage(SamplingFields):
    """A new turn. Null means the same as an absent field."""

    session_id: Id = Field(examples=[1])
    content: Text | None = Field(
        None,
        max_length=LONGEST_TEXT,
        examples=["Tell me a short story"],
        description="Required and not blank, except with `documents`, `images`, `regenerate` and `continue`.",
    )
    documents: list[SentDocument] | None = Field(
        None,
        examples=[None],
        description="Documents in front of `content`. All together, with their marks (see `content` of a message), up to "
        f"{LONGEST_TEXT} characters. Null, as from a client of the first release: documents may be written in `content`.",
    )
    images: list[MediaName] | None = Field(
        None,
        examples=[None],
        description="Ids of pictures (POST /api/media), up to 8, which stand between the documents and `content`. The model must "
        "be one that sees: `can.images` in GET /api/models.",
    )
    system_prompt: Text | None = Field(
        None, max_length=LONGEST_TEXT, description="Stored in the session and used from this message on. Empty: none."
    )
    template_id: Id | None = Field(None, description="Its text becomes the system prompt, unless `system_prompt` is set.")
    variables: Variables | None = Field(
        None,
        description="Values of the template's variables: of the request's template, else of the session's. Each variable without a "
        "default needs one.",
    )
    model: Text | None = Field(None, max_length=255, description="The model for this message only; see GET /api/models.")
    parent_id: int | None = Field(
        None,
        ge=0,
        le=MAX_ID,
        description="The reply that this turn follows; 0: the beginning. The parent of an earlier turn makes this an edit of it.",
    )
    regenerate: Id | bool | None = Field(
        None, description="Produces another reply beside this one; true: beside the newest of the active path.", examples=[True]
    )
    continue_: Id | bool | None = Field(
        None,
        alias="continue",
        description="Continues this reply, which was cut, stopped or interrupted; true: the newest of the active path. The stream "
        "starts with the reply so far: one chunk, or several with the pictures between them; `metadata.continues` is the length of "
        "its text.",
    )
    client_request_id: FilledText | None = Field(
        None,
        max_length=200,
        description="Your own id for this request, unique for 24 hours. Sending it again returns the stream of the first run.",
    )
    on_disconnect: Literal["cancel", "continue"] | None = Field(
        None, description="What happens to the reply after nobody has read it for LAM_DETACH_SECONDS; default: `cancel`."
    )

    @model_validator(mode="after")
    def _one_aim(self) -> Self:
        aims = [name for name, value in (("regenerate", self.regenerate), ("continue", self.continue_)) if value]
        if len(aims) > 1:
            raise ValueError("regenerate and continue exclude each other")
        if aims and (self.content is not None or self.documents or self.images or self.parent_id is not None):
            raise ValueError(f"{aims[0]} takes no content, no documents, no images and no parent_id: the turn stands already")
        if not aims and not self.documents and not self.images and self.content is None:
            raise ValueError("content: is required")
        return self

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.content is not None and not self.documents and not self.images and not self.content.strip():
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
    id: str = Field(description="See GET /api/media/{id}.")
    width: int | None = None
    height: int | None = None


class ToolCallPart(Schema):
    type: Literal["tool_call"]
    id: str | None
    name: str | None
    arguments: str = Field(description="JSON text exactly as the model wrote it.")


class ToolResultPart(Schema):
    type: Literal["tool_result"]
    id: str | None = Field(description="The id of the call.")
    content: str


Part = Annotated[TextPart | DocumentPart | ImagePart | ToolCallPart | ToolResultPart, Field(discriminator="type")]


class EndingError(Schema):
    code: str
    message: str
    retryable: bool


class TokenUsage(Schema):
    """As the model's server counted them, or as the gateway estimated them."""

    prompt_tokens: int = Field(examples=[31])
    completion_tokens: int = Field(examples=[5])
    total_tokens: int = Field(examples=[36])
    cached_tokens: int | None = Field(None, description="Prompt tokens that the model had in its cache.", examples=[0])
    estimated: bool = Field(
        default=False,
        exclude_if=lambda estimated: not estimated,
        description="True if the server reported no counts, for a stopped reply for example; absent otherwise.",
    )


class ReplyTimings(Schema):
    """Milliseconds since the run began, and the speed that the model's server reports."""

    queued_ms: int | None = Field(None, examples=[0])
    first_token_ms: int | None = Field(None, examples=[420])
    total_ms: int | None = Field(None, examples=[530])
    tokens_per_second: float | None = Field(None, examples=[48.1])


class ReactionAnswer(Schema):
    emoji: str = Field(examples=["👍"])
    count: int = Field(examples=[2])
    mine: bool = Field(description="Whether you are one of those who reacted so.")


class MessageAnswer(Schema):
    id: int = Field(examples=[2])
    session_id: int = Field(examples=[1])
    parent_id: int | None = Field(description="The message that this one follows; null for the first.", examples=[1])
    role: Literal["user", "assistant", "system"] = Field(examples=["assistant"])
    content: str = Field(
        description="The text; while it is `streaming`, the text so far. Documents stand in front of it, each as "
        '`<document name="…" characters="…">`, a line end, its text, a line end, `</document>` and two line ends.',
        examples=["Once upon a time"],
    )
    parts: list[Part] = Field(
        description="The parts of the message in their order: documents, pictures, text, tool calls and tool results.",
        examples=[[{"type": "text", "text": "Once upon a time"}]],
    )
    thinking: str | None = Field(description="The model's reasoning; not part of the answer.", examples=[None])
    status: Status = Field(examples=["complete"])
    metadata: dict[str, Any] | None = Field(
        description="Of a reply: mode, model, simulated, finish_reason; tool_calls and continues where there are any. `shown`: how "
        "much the model read of each document, where one did not fit whole (`whole` pages out of `of`, of a `unit`). "
        "`pictures_left_out`: ids of pictures of the conversation that it did not get. `pictures_lost`: how many pictures of the "
        "reply could not be kept. `server`: who answered, where there are several. `healed`: where the reply went on after a "
        "break. `stopped_by`: who stopped it, of several people. `program`: of a conversation of a program.",
        examples=[{"mode": "sse", "model": "SmolLM2-135M-Instruct", "simulated": False, "finish_reason": "stop"}],
    )
    usage: TokenUsage | None = Field(description="Token counts of a reply; null if the model said nothing.")
    timings: ReplyTimings | None = Field(description="How long a reply took.")
    error: EndingError | None = Field(
        description="Why a reply failed or was interrupted; the same as in its stream.", examples=[None]
    )
    request_id: str | None = Field(description="The client_request_id of the request.", examples=[None])
    stream_id: str | None = Field(description="The stream of a reply.", examples=["c2FtcGxlLXN0cmVhbS1pZC0x"])
    rating: Rating | None = Field(description="The rating of a reply by its reader.", examples=[None])
    created_at: Time
    siblings: list[int] = Field(description="The ids of all versions of this message, including this one, oldest first.")
    in_context: bool = Field(
        True, description="False: the model no longer gets this message, because it was refused as too long or was filtered."
    )
    author: AuthorAnswer | None = Field(
        None, description="Who wrote a turn; null for a reply, and where the account is gone.", examples=[None]
    )
    reactions: list[ReactionAnswer] = Field([], description="The most frequent first.")


class MessageChanges(Schema):
    rating: Rating | None = Field(description="Null removes the rating.", examples=["good"])


class SentAnswer(Schema):
    session: SessionAnswer
    user_message: MessageAnswer
    assistant_message: MessageAnswer
    raw_response: Any = Field(None, description="The payload of the worker in the prompt_portal dialect; null otherwise.")


class StopStream(Schema):
    shown_chars: int | None = Field(
        None, ge=0, description="Length of the displayed answer in UTF-16 code units; the stored text ends there."
    )


class StoppedStream(Schema):
    stream_id: str
    status: Status


class StreamState(Schema):
    stream_id: str
    status: Status


class RunningStream(Schema):
    stream_id: str
    assistant_message_id: int
    status: Status
    last_event_id: int
