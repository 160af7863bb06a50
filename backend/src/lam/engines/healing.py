"""Whether a reply that was broken off goes on, and with which request. Pure: no I/O, no clock, no server.

A reply goes on when the other side died: a server, a worker, the broker, or a gateway. Nothing at all shown: it starts anew.
Otherwise its answer must have begun, without a tool call or a picture, and its text must end with a whole piece of the model's own:
continued there, the model writes what it would have written. What an engine yields ends so, unless it paces a finished text.
"""

from collections.abc import Iterable
from typing import Final, TypeGuard

import msgspec
from msgspec import UNSET, Struct

from lam.engines.base import Needs
from lam.errors import GenerationError
from lam.protocol.chat import ChatRequest, Turn
from lam.protocol.events import Chunk, ContentEvent, EngineEvent, Finished, ImagePiece, Progress, Usage
from lam.protocol.parts import Text
from lam.protocol.snapshot import Snapshot

MOST_HEALS: Final = 3  # of one reply
UNREADABLE: Final = "\ufffd"
FORMS: Final = frozenset(  # fields of programs that force a form
    ("grammar", "json_schema", "guided_json", "guided_regex", "guided_choice", "guided_grammar", "structured_outputs")
)


class PartialReply:
    """What the reader got of a reply, over all attempts.

    `events`: what was not folded yet; appending to it is all that a token costs. `pieces`: how many pieces of text came.
    `prompt_tokens`: of the first attempt, None when its server did not say. `paced`: the text came whole and was cut by us.
    """

    def __init__(self, request: ChatRequest, events: Iterable[EngineEvent] = (), *, pieces: int = 0) -> None:
        """`events`, `pieces`: from attempts of another gateway."""
        self.events: list[EngineEvent] = []
        self.prompt_tokens: int | None = None
        self.paced = False
        self._snapshot = Snapshot()
        self._has_pictures = False
        self._pieces = 0
        if request.continues:
            self._snapshot.add(Chunk(request.turns[-1].content))
        self.add(events)
        self._pieces = max(pieces, self.pieces)

    def add(self, events: Iterable[EngineEvent]) -> None:
        """Adds events of any kind. Pieces of pictures are not kept."""
        for event in events:
            if isinstance(event, ImagePiece):
                self._has_pictures = True
            else:
                self.events.append(event)

    @property
    def snapshot(self) -> Snapshot:
        self._fold()
        return self._snapshot

    def _fold(self) -> None:
        for event in self.events:
            if isinstance(event, ContentEvent):
                self._pieces += 1
            elif isinstance(event, Progress) and event.total is not UNSET and not self._pieces:
                self.prompt_tokens = event.total
            self._has_pictures = self._has_pictures or isinstance(event, ImagePiece)
            self._snapshot.add(event)
        self.events.clear()

    @property
    def pieces(self) -> int:
        self._fold()
        return self._pieces

    @property
    def is_empty(self) -> bool:
        return not self.pieces and not self._has_pictures

    @property
    def ends_whole(self) -> bool:
        """Whether it is nothing but thoughts and an answer that has begun, and ends with a whole piece of the model's own."""
        snapshot = self.snapshot
        is_text = bool(snapshot.text) and all(isinstance(part, Text) for part in snapshot.parts)
        is_known = UNREADABLE not in snapshot.text  # otherwise it is not what the model wrote
        return is_text and is_known and not self._has_pictures and not self.paced


class Loss(Struct, frozen=True):
    """A reply that was broken off before this gateway produced it. `failure`: what its run ends with if it does not go on.
    `reason`: for its readers."""

    failure: GenerationError
    reply: PartialReply
    reason: str


def is_death(error: BaseException) -> TypeGuard[GenerationError]:
    """Returns whether an attempt failed because the other side died with it, and not by its own answer."""
    return isinstance(error, GenerationError) and error.outcome == "interrupted" and error.retryable


def too_often(breaks: int) -> str:
    """Returns the sentence that tells people why a reply ends that was broken off once more than it may go on."""
    return f"It was broken off {breaks} times; a reply goes on at most {MOST_HEALS} times."


def continuation(request: ChatRequest, reply: PartialReply) -> ChatRequest | None:
    """Returns the request that goes on where the text ends, the request itself while nothing was shown, and None where the rules
    forbid both. Its `max_tokens` are what is left; with none left the reply is complete."""
    if reply.is_empty:
        return request
    if not reply.ends_whole or request.must_call:
        return None
    text, last = reply.snapshot.text, request.turns[-1]
    if request.raw:
        turns = (*request.turns[:-1], msgspec.structs.replace(last, content=last.content + text))
    elif request.continues:
        turns = (*request.turns[:-1], msgspec.structs.replace(last, content=text))
    else:
        turns = (*request.turns, Turn("assistant", text))
    left = max(0, request.sampling.max_tokens - reply.pieces)
    return msgspec.structs.replace(
        request,
        turns=turns,
        sampling=msgspec.structs.replace(request.sampling, max_tokens=left),
        thoughts_over=request.thoughts_over or bool(reply.snapshot.thinking),
    )


def forces_form(request: ChatRequest) -> bool:
    """Returns whether the answer must have a form, which a server may begin anew in the middle."""
    return Needs.of(request).json or not FORMS.isdisjoint(request.extra)


def joined(finished: Finished, earlier: int, prompt_tokens: int | None) -> Finished:
    """Returns the ending of the last attempt as that of the whole reply.

    `earlier`: pieces of text from the attempts before it, whose servers never said what they used. `prompt_tokens`: of the first.
    """
    usage = finished.usage
    if usage is None:
        return finished
    prompt = max(0, usage.prompt_tokens - earlier) if prompt_tokens is None else prompt_tokens
    completion = earlier + usage.completion_tokens
    return msgspec.structs.replace(finished, usage=Usage(prompt, completion, prompt + completion, estimated=True))
