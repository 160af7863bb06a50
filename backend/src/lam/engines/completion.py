"""The stream of an OpenAI-compatible `/chat/completions`, decoded: bytes in, our events out. Pure: no I/O, no clock.

Source of the format: OpenAI's API reference, "Chat completion chunk object", and what llama.cpp's server adds to it
(`prompt_progress`, `timings`, `reasoning_content`). Every field is optional: servers differ.
"""

import json
import math
from typing import Any, Final

import msgspec
from msgspec import UNSET, Struct

from lam.engines.thinking import ThinkSplitter
from lam.errors import ContextExceeded, GenerationError, LlmError
from lam.protocol.events import Chunk, EngineEvent, Finished, FinishReason, Progress, Thinking, ToolCall, Usage
from lam.protocol.sse import Decoder, TooLong
from lam.protocol.text import valid

MOST_TOKENS: Final = 2**31 - 1
_FINISH_REASONS: Final[dict[str, FinishReason]] = {
    "length": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
}


class _Function(Struct, gc=False):
    name: str | None = None
    arguments: str | None = None


class _ToolCall(Struct, gc=False):
    index: int = 0
    id: str | None = None
    function: _Function | None = None


class _Delta(Struct, gc=False):
    content: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    tool_calls: list[_ToolCall] | None = None


class _Choice(Struct, gc=False):
    delta: _Delta | None = None
    message: _Delta | None = None
    finish_reason: str | None = None


class _TokenDetails(Struct, gc=False):
    cached_tokens: int | None = None


class _Usage(Struct, gc=False):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    total_tokens: int | None = None
    prompt_tokens_details: _TokenDetails | None = None


class _Timings(Struct, gc=False):
    predicted_per_second: float | None = None


class _PromptProgress(Struct, gc=False):
    total: int = 0
    cache: int = 0
    processed: int = 0


class _Completion(Struct):
    choices: list[_Choice] | None = None
    model: str | None = None
    usage: _Usage | None = None
    timings: _Timings | None = None
    prompt_progress: _PromptProgress | None = None
    error: Any = None


_completion: Final = msgspec.json.Decoder(_Completion)


class CompletionDecoder:
    """Feed it what a read brought; it gives the events in it. `ended` after `[DONE]`; `finish_reason` once one was seen.

    What is not such a stream, or an error that the server reports in mid-stream, becomes `failure`: the events before it still
    count, so they are given first, and nothing is taken afterwards. `answering`: the answer has begun earlier, and tags are text.
    """

    def __init__(self, *, answering: bool = False) -> None:
        self._sse = Decoder()
        self._splitter = ThinkSplitter(answering=answering)
        self._usage: _Usage | None = None
        self._timings: _Timings | None = None
        self._model: str | None = None
        self._named: str | None = None  # the model as it was last read
        self.finish_reason: str | None = None
        self.ended = False
        self.failure: GenerationError | None = None

    def feed(self, piece: bytes) -> list[EngineEvent]:
        events: list[EngineEvent] = []
        try:
            for event in self._sse.feed(piece):
                data = event.data
                if event.event == b"error":
                    raise reported_error(_json(data))
                if data == b"[DONE]":
                    self._end()
                elif not self.ended:
                    try:
                        part = _completion.decode(data)
                    except ValueError:
                        part = _leniently(data)
                    self._take(part, events)
        except TooLong:
            self.failure = LlmError("The model server sent an endless line instead of a stream.")
        except GenerationError as error:
            self.failure = error
        if self.failure is not None:
            events.extend(self.flush())
        return events

    def flush(self) -> list[EngineEvent]:
        """What was held back because it could have become a tag; to be asked for when nothing more will come."""
        return list(self._splitter.finish())

    def whole(self, body: bytes) -> list[EngineEvent]:
        """The same for a server that answers with one JSON document although it was asked for a stream. Raises LlmError."""
        events: list[EngineEvent] = []
        self._take(_leniently(body), events)
        if self.finish_reason is None:
            raise LlmError("The model server's answer holds no finish reason.")
        self._end()
        return events

    def finished(self) -> Finished:
        """The ending; only after a finish reason was seen."""
        reason = _FINISH_REASONS.get(self.finish_reason or "", "stop")
        speed = self._timings.predicted_per_second if self._timings else None
        if speed is not None and not 0 <= speed < math.inf:
            speed = None
        return Finished(reason, _counted(self._usage) if self._usage else None, speed, self._model)

    def _end(self) -> None:
        if self.finish_reason is None:
            raise LlmError("The model server ended its stream without a finish reason.")
        self.ended = True

    def _take(self, part: _Completion, events: list[EngineEvent]) -> None:
        if part.error is not None:
            raise reported_error(part.error)
        if part.model != self._named and part.model is not None:
            self._named, self._model = part.model, valid(part.model)
        if part.prompt_progress is not None:
            progress = part.prompt_progress
            model = UNSET if part.model is None else valid(part.model)
            events.append(Progress("prompt", UNSET, progress.processed, progress.total, progress.cache, model))
        for choice in part.choices or ():
            delta = choice.delta or choice.message
            if delta is not None:
                self._take_delta(delta, events)
            if choice.finish_reason is not None:
                self.finish_reason = choice.finish_reason
                events.extend(self.flush())
        if part.usage is not None:
            self._usage = part.usage
        if part.timings is not None:
            self._timings = part.timings

    def _take_delta(self, delta: _Delta, events: list[EngineEvent]) -> None:
        thinking = delta.reasoning_content or delta.reasoning
        if thinking:
            events.append(Thinking(valid(thinking)))
        if delta.content:
            text = valid(delta.content)
            if self._splitter.answering:
                events.append(Chunk(text))
            else:
                events.extend(self._splitter.feed(text))
        for call in delta.tool_calls or ():
            function = call.function or _Function()
            name = None if function.name is None else valid(function.name)
            call_id = None if call.id is None else valid(call.id)
            events.append(ToolCall(call.index, call_id, name, valid(function.arguments or "")))


def _counted(usage: _Usage) -> Usage | None:
    """None for figures that cannot be: a count is neither negative nor larger than every database takes."""
    prompt, completion = usage.prompt_tokens or 0, usage.completion_tokens or 0
    cached = usage.prompt_tokens_details.cached_tokens if usage.prompt_tokens_details else None
    total = usage.total_tokens or prompt + completion
    possible = all(0 <= count <= MOST_TOKENS for count in (prompt, completion, total, cached or 0))
    return Usage(prompt, completion, total, cached) if possible else None


def _leniently(data: bytes) -> _Completion:
    """With lone surrogates too, which msgspec refuses and json.loads keeps for `valid` to replace."""
    try:
        return msgspec.convert(_json(data), _Completion)
    except msgspec.ValidationError as error:
        raise LlmError(f"The model server sent something that is not a chat completion ({error}).") from error


def _json(data: bytes) -> Any:
    try:
        return json.loads(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise LlmError("The model server sent text that is not UTF-8.") from error
    except (ValueError, RecursionError) as error:
        raise LlmError("The model server sent something that is not JSON.") from error


def reported_error(error: Any, status: int | None = None) -> GenerationError:
    """The error object of an OpenAI-compatible server as one of ours. A 4xx is not worth repeating as it is.

    `status`: of the HTTP answer it came in; without one the object's own code tells.
    """
    if isinstance(error, dict) and isinstance(error.get("error"), dict):
        error = error["error"]
    if not isinstance(error, dict):
        return LlmError(f"The model server reports: {valid(str(error))[:500]}")
    if error.get("type") == "exceed_context_size_error" or error.get("code") == "context_length_exceeded":
        return context_exceeded(error.get("n_prompt_tokens"), error.get("n_ctx"), str(error.get("message") or ""))
    code = status or error.get("code")
    message = valid(str(error.get("message") or error))[:500]
    return LlmError(f"The model server reports: {message}", retryable=not (isinstance(code, int) and 400 <= code < 500))


def context_exceeded(prompt: Any, n_ctx: Any, message: str = "") -> ContextExceeded:
    if isinstance(prompt, int) and isinstance(n_ctx, int):
        return ContextExceeded(
            f"The message needs {prompt} tokens, and the model's context has room for {n_ctx}; shorten it and send it again."
        )
    return ContextExceeded(f"The message is longer than the model's context: {valid(message)[:300]}" if message else None)
