"""Decides which turns fit: the pure rule that trims a conversation to the model's context.

The places where a conversation may be cut depend only on the text before them, in steps of a fraction of the budget. While a
conversation grows, its beginning therefore stays the same for many turns and then jumps, which keeps the server's prompt cache
warm: the cache needs an equal prefix.

**Pictures.** The pictures of the user's newest turn always stay. Those of older turns get the room that the texts leave: the newest
ones that fit, so that the oldest are dropped first. Texts come first because one picture takes as much room as many turns. A server
counts the tokens of a picture in its own way; until its usage or a refusal tells, a picture counts as a token per square of 28
pixels, which lies between the servers that take a fixed number (256 to 800) and those that cut it into tiles (up to 3 300).

The bytes of older pictures are bounded as well, whatever the context is: many servers do not tell theirs, and all refuse a body
that is too large. Together with the newest ones they have up to `MOST_PICTURE_BYTES`.
"""

from collections.abc import Sequence

import msgspec

from lam.protocol.chat import ChatRequest, Picture, Turn, newest_of_user, pictures_of
from lam.protocol.tokens import estimate_text
from lam.protocol.tools import Tool

CHARACTERS_PER_TOKEN = 3
TOKENS_PER_TURN = 8
TEMPLATE_TOKENS = 96
TOOLS_RATIO = 3  # templates write the schemas of tools with more white space than we
PICTURE_TILE = 28  # pixels
MOST_PICTURE_BYTES = 14 << 20  # of one request; as base64 just below 20 MB, the least that is known of a server's limit
MOST_PICTURE_TOKENS = 4096  # no server takes more for a picture of the size that is stored


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
    texts = sum(TOKENS_PER_TURN + len((turn.content + turn.thinking).encode("utf-8", "surrogatepass")) for turn in turns)
    calls = sum(TOOLS_RATIO * len(msgspec.json.encode(turn.calls)) for turn in turns if turn.calls)
    return TEMPLATE_TOKENS + texts + calls + MOST_PICTURE_TOKENS * len(pictures_of(turns))


def most_of_tools(tools: Sequence[Tool]) -> int:
    """Returns an upper limit for the tokens of these tools."""
    return TEMPLATE_TOKENS + TOOLS_RATIO * len(msgspec.json.encode(tools)) if tools else 0


def estimate_tools(tools: Sequence[Tool]) -> int:
    """Returns an estimate of the tokens of these tools."""
    return TEMPLATE_TOKENS + estimate_text(msgspec.json.encode(tools).decode()) if tools else 0


def estimate(turns: Sequence[Turn]) -> int:
    """Returns an estimate of the tokens, in place of a tokenizer's count."""
    return estimate_texts(turns) + estimate_pictures(pictures_of(turns))


def estimate_texts(turns: Sequence[Turn]) -> int:
    """Returns an estimate of the tokens without those of pictures."""
    calls = sum(estimate_text(call.name + call.arguments) for turn in turns for call in turn.calls)
    return calls + sum(TOKENS_PER_TURN + estimate_text(turn.content) + estimate_text(turn.thinking) for turn in turns)


def estimate_pictures(pictures: Sequence[Picture]) -> int:
    """Returns an estimate of the pictures' tokens."""
    return sum(-(-picture.width // PICTURE_TILE) * -(-picture.height // PICTURE_TILE) for picture in pictures)


def newest_pictures(turns: Sequence[Turn]) -> range:
    """Returns the numbers, in `pictures_of`, of the pictures that are never dropped: those of the user's newest turn and later."""
    newest = newest_of_user(turns)
    count = len(pictures_of(turns))
    return range(len(pictures_of(turns[:newest])) if newest is not None else count, count)


def affordable_pictures(turns: Sequence[Turn]) -> range:
    """Returns the numbers, in `pictures_of`, of the pictures whose bytes one request may have: the newest ones, without a gap."""
    pictures = pictures_of(turns)
    first, size = len(pictures), 0
    while first and (size := size + pictures[first - 1].size) <= MOST_PICTURE_BYTES:
        first -= 1
    return range(min(first, newest_pictures(turns).start), len(pictures))


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
