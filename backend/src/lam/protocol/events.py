"""The vocabulary of a stream: one class per event type of the contract, and `Finished` and `ImagePiece`, which only engines yield.

Unset additions are left out of the JSON where the contract says so (`UNSET`) and null elsewhere. A log holds many events, so the
events of each token opt out of garbage collection (`gc=False`): they can hold no cycle. No event knows who reads it.
"""

from typing import Any, Literal

from msgspec import UNSET, Struct, UnsetType

FinishReason = Literal["stop", "length", "cancelled", "tool_calls", "content_filter"]
Mode = Literal["sse", "mqtt"]
Stage = Literal["queued", "loading", "prompt", "unreachable", "recovering"]


class Usage(Struct, frozen=True):
    """Token counts from the model's server. `estimated`: the server gave none (for a stopped reply, for example), so the gateway
    estimated them."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    cached_tokens: int | None = None
    estimated: bool | UnsetType = UNSET


class Timings(Struct, frozen=True):
    """Milliseconds since the run began, and the model's own speed if its server reports one."""

    queued_ms: int | None = None
    first_token_ms: int | None = None
    total_ms: int | None = None
    tokens_per_second: float | None = None


class Metadata(Struct, frozen=True, tag_field="type", tag="metadata"):
    session_id: int | None  # None: a run that is not about a session
    user_message_id: int | None
    session_key: str
    stream_id: str | None = None
    assistant_message_id: int | None = None
    mode: Mode = "sse"
    model: str | None = None
    simulated: bool | None = None
    rebuilt: bool | UnsetType = UNSET
    continues: int | UnsetType = UNSET  # the first chunk contains this many UTF-16 code units of an earlier reply
    server: str | UnsetType = UNSET  # where several servers are configured: the one that answers


class Progress(Struct, frozen=True, tag_field="type", tag="progress"):
    """What a run waits for. `position`: runs ahead of this one. `processed`, `total`, `cached`: prompt tokens. `reason`: an
    error's code; in the stage `recovering`, which comes in the middle of a reply, of what broke it off. `can_answer_now`:
    the model begins to think, and its thinking can be ended. `server`, `mode`: where the reply comes from after all; they replace
    those in the metadata."""

    stage: Stage
    position: int | UnsetType = UNSET
    processed: int | UnsetType = UNSET
    total: int | UnsetType = UNSET
    cached: int | UnsetType = UNSET
    model: str | UnsetType = UNSET
    simulated: bool | UnsetType = UNSET
    reason: str | UnsetType = UNSET
    can_answer_now: bool | UnsetType = UNSET
    server: str | UnsetType = UNSET
    mode: Mode | UnsetType = UNSET


class Thinking(Struct, frozen=True, gc=False, tag_field="type", tag="thinking"):
    content: str


class Chunk(Struct, frozen=True, gc=False, tag_field="type", tag="chunk"):
    content: str


class ToolCall(Struct, frozen=True, gc=False, tag_field="type", tag="tool_call"):
    """A piece of a tool call: `id` and `name` come once, `arguments` is the next piece of JSON text."""

    index: int
    id: str | None = None
    name: str | None = None
    arguments: str = ""


class ToolResult(Struct, frozen=True, gc=False, tag_field="type", tag="tool_result"):
    """A tool's complete answer. `id`: the id of its call."""

    id: str | None
    content: str


class Relabel(Struct, frozen=True, gc=False, tag_field="type", tag="relabel"):
    """Corrects the kind of earlier text: everything from `start` (UTF-16 code units) moves to the end of its proper kind.

    Text moves from the answer to `thinking` when a closing tag comes whose opener was in the prompt. It moves from the thoughts to
    `answer` when the reply was expected to begin with thoughts and no closing tag came.
    """

    to: Literal["thinking", "answer"]
    start: int = 0


class Image(Struct, frozen=True, tag_field="type", tag="image"):
    """A picture that the model returned, at this place of the answer. `media`: its name in the store of the reply's owner.
    `width`, `height`: pixels."""

    media: str
    width: int | None = None
    height: int | None = None


class Done(Struct, frozen=True, tag_field="type", tag="done"):
    assistant_message_id: int | None
    full_content: str
    finish_reason: FinishReason = "stop"
    model: str | None = None
    simulated: bool | None = None
    usage: Usage | None = None
    timings: Timings | None = None
    stopped_by: str | UnsetType = UNSET  # the name of who stopped it, where several people could


class Error(Struct, frozen=True, tag_field="type", tag="error"):
    message: str
    code: str = "internal"
    retryable: bool = False
    assistant_message_id: int | None = None


class ImagePiece(Struct, frozen=True, gc=False, tag_field="type", tag="image_piece"):
    """A piece of a picture that the model returned: the next part of its base64 text. The log never holds it: whoever asked for
    the reply stores the picture and writes an `Image` instead, or drops it.

    `index`: the picture's number in the reply. `format`: its media type as the server named it. `last`: the picture is whole.
    """

    index: int
    format: str
    data: str
    last: bool = False

    def cut(self, size: int) -> "list[ImagePiece]":
        """Returns the same as pieces of up to so many characters."""
        starts = range(0, max(1, len(self.data)), size)
        return [
            ImagePiece(self.index, self.format, self.data[start : start + size], self.last and start == starts[-1])
            for start in starts
        ]


class Finished(Struct, frozen=True):
    """The last event of an engine: the model ended its reply by itself. `about`: further metadata of the message.
    `pictures_left_out`: ids of the pictures in the request that the model did not get."""

    finish_reason: FinishReason
    usage: Usage | None = None
    tokens_per_second: float | None = None
    model: str | None = None
    simulated: bool = False
    about: dict[str, Any] | None = None
    pictures_left_out: tuple[str, ...] = ()


Event = Metadata | Progress | Thinking | Chunk | ToolCall | ToolResult | Relabel | Image | Done | Error
ContentEvent = Thinking | Chunk | ToolCall | ToolResult | Relabel | Image
SavedEvent = ContentEvent | Progress
"""What checkpoints hold: the content, who answers, and where the reply was broken off."""
EngineEvent = Progress | ContentEvent | ImagePiece | Finished
TERMINAL = (Done, Error)
