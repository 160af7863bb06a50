"""The request to an engine, and its turns. It must not know sessions or a server's format."""

from collections.abc import Sequence
from typing import Final, Literal

from msgspec import Struct

from lam.protocol.sampling import Sampling

LONGEST_TEXT: Final = 100_000  # characters of a turn or a prompt

Role = Literal["system", "user", "assistant"]


class Turn(Struct, frozen=True):
    """One turn of the conversation that a model gets."""

    role: Role
    content: str


class ChatRequest(Struct, frozen=True, kw_only=True):
    """A request for a reply.

    `turns`: oldest first; the last one is the user's, or the beginning of a reply to continue. `keep`: how many leading turns are
    never dropped (the system prompt). `session_key`: the conversation's name, for workers that store it. `max_prompt_tokens`: 0
    means the model's context. `model`: None means the server's default. `relabels`: the reader understands `relabel` events.
    `thoughts_over`: the reply to continue has its reasoning already.
    """

    turns: tuple[Turn, ...]
    keep: int
    sampling: Sampling
    model: str | None = None
    max_prompt_tokens: int = 0
    session_key: str = ""
    relabels: bool = True
    thoughts_over: bool = False

    @property
    def skip_thinking(self) -> bool:
        return self.sampling.reasoning == "off"

    @property
    def continues(self) -> bool:
        return bool(self.turns) and self.turns[-1].role == "assistant"


def merge_turns(turns: Sequence[Turn]) -> tuple[Turn, ...]:
    """Returns the turns in the form models accept: none empty, and consecutive user turns joined by a blank line."""
    result: list[Turn] = []
    for turn in turns:
        if not turn.content:
            continue
        if turn.role == "user" and result and result[-1].role == "user":
            result[-1] = Turn("user", f"{result[-1].content}\n\n{turn.content}")
        else:
            result.append(turn)
    return tuple(result)
