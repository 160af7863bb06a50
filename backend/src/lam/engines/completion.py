"""Decodes the stream of an OpenAI-compatible `/chat/completions`: bytes in, our events out. Pure: no I/O, no clock.

The format comes from OpenAI's API reference, "Chat completion chunk object", and from llama.cpp's additions (`prompt_progress`,
`timings`, `reasoning_content`). Every field is optional, because servers differ. A document is decoded strictly first and, when
that fails, field by field, so that an odd field costs no text (`chunk_shapes.py`).
"""

import json
import math
from typing import Any, Final

import msgspec
from msgspec import UNSET, Struct

from lam.engines.chunk_shapes import Choice, Completion, Delta, TokenCounts, ToolCallPiece, leniently, pictures
from lam.engines.endings import ending_of
from lam.engines.pictures import pieces_of
from lam.engines.refusals import decoded, failure_of, is_failure, read_refusal
from lam.engines.thinking import ThinkSplitter
from lam.engines.tool_calls import ToolCallNumbers
from lam.engines.upstream_body import UpstreamBody
from lam.errors import ContentFiltered, GenerationError, Interrupted, LlmError
from lam.protocol.events import Chunk, EngineEvent, Finished, Progress, Thinking, ToolCall, Usage
from lam.protocol.sse import SseEvent, TooLong
from lam.protocol.text import valid
from lam.protocol.tokens import plausible

LONGEST_QUOTE: Final = 500
HEAD: Final = 4096  # characters of the reply that are kept to recognize a repetition
MOST_PASSED: Final = 256  # pieces a splitter collects before it looks at them
_completion: Final = msgspec.json.Decoder(Completion)
_NO_REASON: Final = frozenset({"", "null", "none", "undefined", "nan"})


class _Named(Struct):
    id: str | None = None


_named: Final = msgspec.json.Decoder(_Named)


class CompletionDecoder:
    """A decoder for one answer. `feed` takes the bytes of a read and returns their events; `close` returns the ending.

    A malformed stream, or an error that the server reports in mid-stream, becomes `failure`; the events before it are returned
    first. Once `over` is true, further bytes are ignored. `reason`: the last finish reason; text may follow it. `news`: the number
    of documents, without pings. `id`: the server's name of the completion.
    """

    def __init__(
        self,
        splitter: ThinkSplitter | None = None,
        about: dict[str, Any] | None = None,
        pictures_left_out: tuple[str, ...] = (),
    ) -> None:
        """`about`, `pictures_left_out`: what the ending brings, see `Finished`."""
        self._about = about
        self._pictures_left_out = pictures_left_out
        self._body = UpstreamBody()
        self.splitter = splitter or ThinkSplitter()
        self._usage: TokenCounts | None = None
        self._speed: float | None = None
        self._model: str | None = None
        self._raw_model: str | None = None  # the last model name in the stream
        self._choice: int | None = None  # the index of the first answer; others are ignored
        self._content = _Transcript()  # as the server wrote it, tags included
        self._thoughts = _Transcript()
        self._calls = ToolCallNumbers()
        self._pictures = 0  # number of pictures
        self._texts = 0  # number of chunks with text
        self._plain = False  # one of them had no finish reason, or a different one
        self._words = ""  # plain words instead of a document
        self._is_document = False  # the whole answer was one document
        self.reason: str | None = None
        self.done = False  # [DONE] came
        self.failure: GenerationError | None = None
        self.news = 0
        self.id: str | None = None

    @property
    def over(self) -> bool:
        return self.done or self.failure is not None

    @property
    def prompt_tokens(self) -> int:
        """The tokens of the prompt as the server counted them, 0 when it has not said."""
        usage = _counted(self._usage) if self._usage else None
        return usage.prompt_tokens if usage else 0

    @property
    def reason_on_every_text(self) -> bool:
        """Whether every chunk with text carries a finish reason, which then means nothing."""
        return self._texts > 0 and not self._plain

    def feed(self, piece: bytes) -> list[EngineEvent]:
        events: list[EngineEvent] = []
        try:
            self._take_all(self._body.feed(piece), events)
        except TooLong:
            self.failure = _garbage("The model server sent an endless line instead of a stream.")
        except GenerationError as error:
            self.failure = error
        return events

    def end(self, *, broken: bool = False) -> list[EngineEvent]:
        """Returns the remaining events after the end of the body. `broken`: the connection broke before the end."""
        events: list[EngineEvent] = []
        try:
            documents = self._body.end(broken=broken)
            self._is_document = self._body.is_document and bool(documents)
            self._take_all(documents, events)
        except GenerationError as error:
            self.failure = error
        return events

    def close(self, *, broken: bool = False) -> tuple[list[EngineEvent], GenerationError | None]:
        """Returns the last events, ending with `Finished`, and the failure if there was one. `broken`: the connection broke before
        the end of the body."""
        failure = self._hindrance(broken=broken and not self._is_document)
        events: list[EngineEvent] = list(self.splitter.finish(complete=failure is None))
        if failure is None:
            usage = _counted(self._usage) if self._usage else None
            reason = ending_of(self.reason or "")
            events.append(
                Finished(
                    "stop" if reason == "interrupted" else reason,
                    usage,
                    self._speed,
                    self._model,
                    about=self._about,
                    pictures_left_out=self._pictures_left_out,
                )
            )
        return events, failure

    def _hindrance(self, *, broken: bool) -> GenerationError | None:
        if self.failure is not None and (self.reason is None or self.reason_on_every_text):
            return self.failure
        if self.reason is None:
            if self.done:
                return LlmError("The model server ended its stream without a finish reason.")
            if words := self._words or (self._body.words if not self.news else ""):
                return failure_of(read_refusal(words))
            return Interrupted("The connection to the model server was lost; what had arrived is kept.")
        if broken and self.reason_on_every_text:
            return Interrupted("The connection to the model server was lost; what had arrived is kept.")
        ending = ending_of(self.reason)
        if ending == "interrupted":
            return Interrupted(f"The model server ended the reply early ({valid(self.reason)[:80]}); what had arrived is kept.")
        if ending == "content_filter" and not self._content.length and not self._calls.any:
            return ContentFiltered()
        return None

    def _take_all(self, documents: list[SseEvent], events: list[EngineEvent]) -> None:
        for document in documents:
            data = document.data
            if document.event == b"error":
                raise failure_of(read_refusal(decoded(data)))
            try:
                part = _completion.decode(data)
            except (ValueError, RecursionError):
                self._take_odd(data, events)
                if self.done:
                    return
                continue
            if not self._take_plain(part, events):
                self._take(part, data, events)

    def _take_plain(self, part: Completion, events: list[EngineEvent]) -> bool:
        """Takes a usual chunk, which holds one piece of text and nothing else. Returns False for any other chunk.

        The full path below must treat such a chunk in the same way.
        """
        choices = part.choices
        if (
            choices is None
            or len(choices) != 1
            or part.usage is not None
            or part.timings is not None
            or part.prompt_progress is not None
            or part.error is not None
            or part.model != self._raw_model
        ):
            return False
        choice = choices[0]
        delta = choice.delta
        if (
            delta is None
            or choice.index != self._choice
            or choice.finish_reason is not None
            or choice.text is not None
            or choice.message is not None
            or delta.reasoning_content is not None
            or delta.reasoning is not None
            or delta.tool_calls is not None
            or delta.refusal is not None
            or delta.function_call is not None
            or delta.images
        ):
            return False
        text = delta.content
        if not text:
            return False
        if self.reason is not None:
            self.news += 1
        self._texts += 1
        self._plain = True
        content = self._content
        content.length += len(text)
        content.last = text
        if content.length < HEAD:
            content.head += text
        if not text.isascii() or "\x00" in text:
            text = valid(text)
        splitter = self.splitter
        if splitter.passing and "\n" not in text and len(splitter.passed) < MOST_PASSED:
            splitter.passed.append(text)
            events.append(Chunk(text))
        else:
            events.extend(splitter.feed(text))
        return True

    def _take_odd(self, data: bytes, events: list[EngineEvent]) -> None:
        """Takes what does not decode strictly: the end marker, a ping, or a document with an odd field."""
        word = data.strip().strip(b'"')
        if word.upper() == b"[DONE]":
            self.done = True
        elif not word or word == b"null":
            pass
        elif not (data.lstrip().startswith(b"{") or (data.lstrip().startswith(b"[") and b"{" in data)):
            if b" " in word:  # longer than a ping: keep it as the reason if nothing better comes
                self._words = word[:LONGEST_QUOTE].decode("utf-8", "replace")
        else:
            value = _json(data)
            for document in value if isinstance(value, list) else [value]:
                if not isinstance(document, dict):
                    raise _garbage("The model server sent something that is not a chat completion.")
                self._take(leniently(document), data, events)

    def _take(self, part: Completion, data: bytes, events: list[EngineEvent]) -> None:
        self.news += 1
        if self.news == 1:
            self.id = _id_of(data)
        error = part.error if is_failure(part.error) else None
        if part.model != self._raw_model and part.model is not None:
            self._raw_model, self._model = part.model, valid(part.model)
        if part.prompt_progress is not None:
            progress = part.prompt_progress
            model = UNSET if part.model is None else valid(part.model)
            events.append(Progress("prompt", UNSET, progress.processed, progress.total, progress.cache, model))
        for position, choice in enumerate(part.choices or ()):
            index = position if choice.index is None else choice.index
            if self._choice is None:
                self._choice = index
            if index == self._choice:
                if error is not None:
                    choice.finish_reason = None  # the error decides the ending
                self._take_choice(choice, events)
        if error is not None:
            raise failure_of(read_refusal({"error": error}))
        if part.usage is not None:
            self._usage = part.usage
        if part.timings is not None:
            self._speed = _possible(part.timings.predicted_per_second)
        if part.choices is None and part.is_empty:
            _raise_reported(data)

    def _take_choice(self, choice: Choice, events: list[EngineEvent]) -> None:
        before = len(events)
        repeats = choice.delta is not None and choice.message is not None and choice.delta.content == choice.message.content
        if choice.delta is not None and not repeats:
            self._take_delta(choice.delta, events)
        if choice.text:
            self._take_content(choice.text, events)
        if choice.message is not None:
            self._take_message(choice.message, events)
        reason = choice.finish_reason
        if reason is not None and reason.strip().lower() in _NO_REASON:
            reason = None
        if len(events) > before:
            self._texts += 1
            if reason is None or (self._texts > 1 and reason != self.reason):
                self._plain = True
        if reason is not None:
            self.reason = reason

    def _take_delta(self, delta: Delta, events: list[EngineEvent]) -> None:
        thoughts = delta.reasoning_content or delta.reasoning
        if thoughts:
            self._take_thoughts(thoughts, events)
        if delta.content:
            self._take_content(delta.content, events)
        for kind, text in delta.parts or ():
            if kind == "thoughts":
                self._take_thoughts(text, events)
            elif kind == "picture":
                self._take_picture(text, events)
            else:
                self._take_content(text, events)
        for address in pictures(delta.images) if delta.images else ():
            self._take_picture(address, events)
        if delta.refusal:
            self._take_content(delta.refusal, events)
        if delta.tool_calls:
            for call in delta.tool_calls:
                self._take_call(call, events)
        if delta.function_call is not None:
            self._take_call(ToolCallPiece(function=delta.function_call), events)

    def _take_message(self, message: Delta, events: list[EngineEvent]) -> None:
        """Takes a whole message, either the answer itself or a repetition of the chunks. Only new text counts."""
        pieces = [("thoughts", message.reasoning_content or message.reasoning or ""), ("text", message.content or "")]
        pieces += message.parts or ()
        thoughts = "".join(text for kind, text in pieces if kind == "thoughts")
        text = "".join(text for kind, text in pieces if kind == "text") + (message.refusal or "")
        if rest := self._thoughts.rest_of(thoughts):
            self._take_thoughts(rest, events)
        if rest := self._content.rest_of(text):
            self._take_content(rest, events)
        if not self._pictures:
            for address in [*(text for kind, text in pieces if kind == "picture"), *pictures(message.images)]:
                self._take_picture(address, events)
        calls = [*(message.tool_calls or ()), *([ToolCallPiece(function=message.function_call)] if message.function_call else ())]
        if not self._calls.any:
            for position, call in enumerate(calls):
                self._take_call(call if call.index is not None else msgspec.structs.replace(call, index=position), events)

    def _take_thoughts(self, text: str, events: list[EngineEvent]) -> None:
        if not self._thoughts.length:
            events.extend(self.splitter.settle())
        self._thoughts.add(text)
        events.append(Thinking(valid(text)))

    def _take_content(self, text: str, events: list[EngineEvent]) -> None:
        self._content.add(text)
        events.extend(self.splitter.feed(valid(text)))

    def _take_picture(self, address: str, events: list[EngineEvent]) -> None:
        """Takes a picture. The text before it is settled first, so that it keeps its place."""
        events.extend(self.splitter.settle())
        events.extend(pieces_of(self._pictures, address))
        self._pictures += 1

    def _take_call(self, call: ToolCallPiece, events: list[EngineEvent]) -> None:
        name = valid(call.function.name) if call.function and call.function.name else None
        arguments = valid(call.function.arguments or "") if call.function else ""
        call_id = valid(call.id) if call.id else None
        number = self._calls.number(call.index, call_id, name, arguments)
        events.append(ToolCall(number, call_id, name, arguments))


class _Transcript:
    """The length, the beginning and the last piece of the text so far: enough to recognize a repetition without keeping it all."""

    __slots__ = ("head", "last", "length")

    def __init__(self) -> None:
        self.length = 0
        self.head = ""
        self.last = ""

    def add(self, text: str) -> None:
        self.length += len(text)
        self.last = text
        if self.length < HEAD:
            self.head += text

    def rest_of(self, whole: str) -> str:
        """Returns the part of a whole text that is new; nothing when it differs from the text so far, which then stays."""
        skipped = len(self.head) - len(self.head.lstrip())  # servers trim the text they repeat
        for ahead in (0, skipped):
            end = self.length - ahead
            if whole.startswith(self.head[ahead:]) and whole.endswith(self.last[-end:] if end else "", 0, end):
                return whole[end:]
        return ""


def _raise_reported(data: bytes) -> None:
    """Raises an error for a document without completion fields that looks like one."""
    value = _json(data)
    if not isinstance(value, dict):
        return
    base = value.get("base_resp")  # MiniMax
    if isinstance(base, dict) and base.get("status_code"):
        raise failure_of(read_refusal({"message": base.get("status_msg"), "code": base["status_code"]}))
    named = "error" in (value.get("object"), value.get("type"), value.get("status")) or value.get("detail") or value.get("msg")
    if named or (isinstance(value.get("message"), str) and ("code" in value or "status" in value)):
        raise failure_of(read_refusal(value))


def _id_of(data: bytes) -> str | None:
    try:
        return _named.decode(data).id
    except (ValueError, RecursionError):
        return None


def _possible(speed: float | None) -> float | None:
    return speed if speed is not None and 0 <= speed < math.inf else None


def _counted(usage: TokenCounts) -> Usage | None:
    """Returns the usage, None for impossible figures."""
    prompt, completion = usage.prompt_tokens or 0, usage.completion_tokens or 0
    cached = usage.prompt_tokens_details.cached_tokens if usage.prompt_tokens_details else None
    return plausible(Usage(prompt, completion, usage.total_tokens or prompt + completion, cached))


def _json(data: bytes) -> Any:
    """Decodes JSON with lone surrogates, which msgspec rejects (`valid` replaces them later), and with U+FFFD for invalid UTF-8."""
    try:
        return json.loads(data.decode("utf-8", "replace"))
    except (ValueError, RecursionError) as error:
        raise _garbage("The model server sent something that is not JSON.") from error


def _garbage(message: str) -> LlmError:
    """Returns the error for a stream that cannot be read further."""
    error = LlmError(message)
    error.model_is_free = False
    return error
