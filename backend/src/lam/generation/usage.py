"""Tokens of a reply whose server gave no figures, because it was stopped or gives none."""

from lam.protocol.events import Usage
from lam.protocol.snapshot import Snapshot
from lam.protocol.tokens import estimate_text


def estimated_usage(reply: Snapshot, prompt_tokens: int, *, pieces: int = 0) -> Usage | None:
    """None where the model said nothing. `pieces`: how many the text came in, one a token with most servers; 0: not known."""
    written = estimate_text(reply.text) + estimate_text(reply.thinking)
    written += sum(estimate_text(f"{call.name or ''}{call.arguments}") for call in reply.calls)
    if not written:
        return None
    completion = pieces or written
    return Usage(prompt_tokens, completion, prompt_tokens + completion, estimated=True)
