"""The request to an engine, and its turns. It must not know sessions or a server's format."""

from collections.abc import Container, Iterable, Sequence
from typing import Any, Final, Literal

import msgspec
from msgspec import Struct

from lam.protocol.sampling import Sampling
from lam.protocol.tools import Call, Tool, ToolChoice

LONGEST_TEXT: Final = 100_000  # characters of a turn or a prompt

MOST_LEFT_OUT: Final = 100  # ids of pictures in the facts of a reply
LEFT_OUT: Final = "[picture left out]"  # what a model reads instead of a turn that was nothing but pictures

Role = Literal["system", "user", "assistant", "tool"]


class Picture(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A picture in a turn, by reference: `sha256` of its bytes in hex names it for engines and workers, `id` for its owner.

    `at`: the characters of the turn's content before it. `type`: its media type. `width`, `height`: pixels. `size`: bytes.
    """

    sha256: str
    id: str
    type: str
    width: int
    height: int
    size: int
    at: int = 0


class Turn(Struct, frozen=True, omit_defaults=True):
    """One turn of the conversation that a model gets. `pictures`: in the order of their places.

    `calls`: the tools that a turn of the model asks for. `call_id`: of the call that a turn of a tool answers. `thinking`: the
    thoughts behind calls that are being answered; some models need them back.
    """

    role: Role
    content: str
    pictures: tuple[Picture, ...] = ()
    calls: tuple[Call, ...] = ()
    call_id: str | None = None
    thinking: str = ""


class ChatRequest(Struct, frozen=True, kw_only=True):
    """A request for a reply.

    `turns`: oldest first; the last one is the user's or a tool's, or the beginning of a reply to continue. `keep`: how many leading
    turns are never dropped (the system prompt). `session_key`: the conversation's name, for workers that store it.
    `max_prompt_tokens`: 0 means the model's context. `model`: None means the server's default. `relabels`: the reader understands
    `relabel` events. `thoughts_over`: the reply to continue has its reasoning already. `parallel_tools`: several calls may come at
    once; None is the server's own way. `extra`: further fields for the server, unchanged. `raw`: its only turn is a prompt as the
    model reads it, which no template surrounds.
    """

    turns: tuple[Turn, ...]
    keep: int
    sampling: Sampling
    model: str | None = None
    max_prompt_tokens: int = 0
    session_key: str = ""
    relabels: bool = True
    thoughts_over: bool = False
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice | None = None
    parallel_tools: bool | None = None
    extra: dict[str, Any] = {}
    raw: bool = False

    @property
    def skip_thinking(self) -> bool:
        return self.sampling.reasoning == "off"

    @property
    def continues(self) -> bool:
        return bool(self.turns) and self.turns[-1].role == "assistant" and not self.turns[-1].calls

    @property
    def has_tools(self) -> bool:
        """Whether it is about tools: it offers some, or its turns have calls or their answers."""
        return bool(self.tools) or any(turn.calls or turn.role == "tool" for turn in self.turns)

    @property
    def must_call(self) -> bool:
        """Whether only a call of a tool is an answer."""
        return self.tool_choice is not None and self.tool_choice.mode == "required"

    @property
    def needs_sight(self) -> bool:
        """Whether the newest turn of the user has pictures: only a model that sees them can answer it."""
        newest = newest_of_user(self.turns)
        return newest is not None and bool(self.turns[newest].pictures)


def newest_of_user(turns: Sequence[Turn]) -> int | None:
    """Returns the place of the user's newest turn, None without one."""
    return next((place for place in reversed(range(len(turns))) if turns[place].role == "user"), None)


def thinking_on(turns: Iterable[Turn]) -> tuple[Turn, ...]:
    """Returns the turns with thoughts only where the model is still at the user's newest turn: it goes on with what tools
    answered."""
    turns = tuple(turns)
    newest = newest_of_user(turns)
    old = 0 if newest is None else newest
    return (*(msgspec.structs.replace(turn, thinking="") if turn.thinking else turn for turn in turns[:old]), *turns[old:])


def pictures_of(turns: Iterable[Turn]) -> list[Picture]:
    """Returns the pictures of these turns, oldest first."""
    return [picture for turn in turns for picture in turn.pictures]


def with_pictures(turns: Sequence[Turn], numbers: Container[int]) -> tuple[tuple[Turn, ...], tuple[str, ...]]:
    """Returns the turns with only these of their pictures, and the ids of the others. `numbers`: theirs in `pictures_of`.

    A turn that loses all that it has says so: a template may need it, and the next answer refers to it.
    """
    result: list[Turn] = []
    out: list[str] = []
    number = 0
    for turn in turns:
        kept = tuple(picture for at, picture in enumerate(turn.pictures, number) if at in numbers)
        out += [picture.id for at, picture in enumerate(turn.pictures, number) if at not in numbers]
        number += len(turn.pictures)
        if len(kept) < len(turn.pictures):
            turn = msgspec.structs.replace(turn, content=turn.content or ("" if kept else LEFT_OUT), pictures=kept)
        result.append(turn)
    return tuple(result), tuple(out)


def left_out(asked: Iterable[Turn], sent: Iterable[Turn]) -> tuple[str, ...]:
    """Returns the ids of pictures of a request that are not in the turns that a model gets, the newest ones if there are many."""
    kept = {picture.id for picture in pictures_of(sent)}
    return tuple(dict.fromkeys(picture.id for picture in pictures_of(asked) if picture.id not in kept))[-MOST_LEFT_OUT:]


def joined(first: Turn, second: Turn) -> Turn:
    """Returns two turns as one with the first one's role; a blank line stands between two texts."""
    start = f"{first.content}\n\n" if first.content and second.content else first.content
    moved = (msgspec.structs.replace(picture, at=picture.at + len(start)) for picture in second.pictures)
    pictures, calls = (*first.pictures, *moved), (*first.calls, *second.calls)
    return msgspec.structs.replace(first, content=start + second.content, pictures=pictures, calls=calls)


def merge_turns(turns: Sequence[Turn]) -> tuple[Turn, ...]:
    """Returns the turns in the form models accept: none empty, and consecutive user turns joined by a blank line. An empty answer
    of a tool is one."""
    result: list[Turn] = []
    for turn in turns:
        if not turn.content and not turn.pictures and not turn.calls and turn.role != "tool":
            continue
        if turn.role == "user" and result and result[-1].role == "user":
            result[-1] = joined(result[-1], turn)
        else:
            result.append(turn)
    return tuple(result)
