"""Estimates the tokens of a reply when the model server reported no usage. It is pure."""

from lam.protocol.events import Usage
from lam.protocol.snapshot import Snapshot
from lam.protocol.tokens import estimate_text


def estimated_usage(reply: Snapshot, prompt_tokens: int, *, pieces: int = 0) -> Usage | None:
    """Returns the estimated usage, or None for an empty reply.

    `pieces`: the number of pieces the text came in, usually one per token; 0 means unknown.
    """
    written = estimate_text(reply.text) + estimate_text(reply.thinking)
    written += sum(estimate_text(f"{call.name or ''}{call.arguments}") for call in reply.calls)
    if not written:
        return None
    completion = pieces or written
    return Usage(prompt_tokens, completion, prompt_tokens + completion, estimated=True)
