"""Decides which turns fit: the pure rule that trims a conversation to the model's context.

The places where a conversation may be cut depend only on the text before them, in steps of a fraction of the budget. While a
conversation grows, its beginning therefore stays the same for many turns and then jumps, which keeps the server's prompt cache
warm: the cache needs an equal prefix.
"""

from collections.abc import Sequence

from lam.protocol.chat import ChatRequest, Turn
from lam.protocol.tokens import estimate_text

CHARACTERS_PER_TOKEN = 3
TOKENS_PER_TURN = 8
TEMPLATE_TOKENS = 96


def budget(n_ctx: int, request: ChatRequest) -> int:
    """Returns the prompt tokens that the request may use; 0 means unknown, and nothing is trimmed.

    `max_prompt_tokens` if set; otherwise the context minus a reserve for the reply of min(max_tokens, n_ctx / 4).
    """
    if n_ctx <= 0:
        return request.max_prompt_tokens
    room = n_ctx - min(request.sampling.max_tokens, n_ctx // 4)
    return min(request.max_prompt_tokens, n_ctx - 1) if request.max_prompt_tokens else room


def longest(n_ctx: int, max_prompt_tokens: int) -> int:
    """Returns the most tokens of a prompt that cannot be shortened, 0 when unknown. One token is left for the reply."""
    room = max(0, n_ctx - 1)
    return min(max_prompt_tokens, room or max_prompt_tokens) if max_prompt_tokens else room


def at_most(turns: Sequence[Turn]) -> int:
    """Returns an upper limit for the tokens of these turns without a tokenizer: a token takes at least one byte of text."""
    return TEMPLATE_TOKENS + sum(TOKENS_PER_TURN + len(turn.content.encode("utf-8", "surrogatepass")) for turn in turns)


def estimate(turns: Sequence[Turn]) -> int:
    """Returns an estimate of the tokens, in place of a tokenizer's count."""
    return sum(TOKENS_PER_TURN + estimate_text(turn.content) for turn in turns)


def cuts(turns: Sequence[Turn], keep: int, step_tokens: int) -> list[int]:
    """Returns the turns at which the conversation may begin (after the kept ones), longest conversation first, the newest user turn
    last.

    Each one is a user turn; with a step of one token all user turns count. Otherwise the first one after each step of text is
    preferred; the single turns of the newest step follow, for a conversation whose last turns are long.
    """
    starts = [i for i in range(keep, len(turns)) if turns[i].role == "user"]
    if not starts:
        return [keep]
    if step_tokens <= 1:
        return starts
    step = max(1, step_tokens * CHARACTERS_PER_TOKEN)
    preferred: list[int] = []
    position = reached = 0
    for i in range(keep, len(turns)):
        if turns[i].role == "user" and (not preferred or position // step > reached):
            preferred.append(i)
            reached = position // step
        position += len(turns[i].content)
    return preferred + [i for i in starts if i > preferred[-1]]


def trimmed(turns: Sequence[Turn], keep: int, start: int) -> tuple[Turn, ...]:
    return (*turns[:keep], *turns[start:])


def shorter(turns: Sequence[Turn], keep: int, start: int) -> int | None:
    """Returns the start after a refusal without numbers: about half the conversation. None when only the newest turn is left."""
    later = [cut for cut in cuts(turns, keep, 1) if cut > start]
    half = estimate(trimmed(turns, keep, start)) // 2
    fitting = (cut for cut in later if estimate(trimmed(turns, keep, cut)) <= half)
    return next(fitting, later[-1] if later else None)
