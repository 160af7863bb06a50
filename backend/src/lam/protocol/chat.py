"""What is asked of an engine: turns, and the request that holds them."""

from collections.abc import Sequence
from typing import Final, Literal

from msgspec import Struct

from lam.protocol.sampling import Sampling

LONGEST_TEXT: Final = 100_000  # characters of a turn, and of a prompt

Role = Literal["system", "user", "assistant"]


class Turn(Struct, frozen=True):
    """One turn of a conversation, as the model is told it."""

    role: Role
    content: str


class ChatRequest(Struct, frozen=True, kw_only=True):
    """A reply to produce.

    `turns`: oldest first, the last one the user's, or the beginning of the reply, which then goes on where it ends.
    `keep`: how many leading turns are never dropped (the system prompt).
    `session_key`: whose conversation this is, for who keeps it by that.
    `max_prompt_tokens`: 0 leaves it to the model's context. `model`: None takes the server's own. `relabels`: whoever reads the
    reply understands `relabel`. `thoughts_over`: the reply that goes on has had its thoughts.
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


def joined(turns: Sequence[Turn]) -> tuple[Turn, ...]:
    """The turns as models accept them: none empty, and user turns that follow one another joined by a blank line."""
    result: list[Turn] = []
    for turn in turns:
        if not turn.content:
            continue
        if turn.role == "user" and result and result[-1].role == "user":
            result[-1] = Turn("user", f"{result[-1].content}\n\n{turn.content}")
        else:
            result.append(turn)
    return tuple(result)
