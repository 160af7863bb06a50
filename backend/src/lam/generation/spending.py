"""What a run cost, from its ending; estimated where the model's server did not say."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from lam.protocol.chat import Turn
from lam.protocol.events import Usage
from lam.protocol.snapshot import Snapshot
from lam.protocol.tokens import estimate_text
from lam.protocol.window import estimate
from lam.storage.models import Ending, Generation


def spent(user_id: int, session_id: int | None, kind: Literal["reply", "title"], ending: Ending, now: datetime) -> Generation:
    usage, timings, about = ending.usage or {}, ending.timings or {}, ending.metadata or {}
    model = about.get("model")
    return Generation(
        user_id,
        session_id,
        kind,
        model[:255] if model else None,
        ending.status,
        ending.error["code"] if ending.error else None,
        usage.get("prompt_tokens"),
        usage.get("completion_tokens"),
        usage.get("cached_tokens"),
        timings.get("queued_ms"),
        timings.get("first_token_ms"),
        timings.get("total_ms"),
        timings.get("tokens_per_second"),
        now,
    )


def estimated_usage(reply: Snapshot, turns: Sequence[Turn], *, pieces: int = 0, prompt_tokens: int | None = None) -> Usage | None:
    """Usage of a reply whose server gave no figures, because it was stopped or gives none. None where the model said nothing.

    `pieces`: how many the text came in, one a token with most servers; 0: not known. `prompt_tokens`: what the server said of the
    prompt while it read it, None: nothing.
    """
    written = estimate_text(reply.text) + estimate_text(reply.thinking)
    written += sum(estimate_text(f"{call['name'] or ''}{call['arguments']}") for call in reply.calls)
    if not written:
        return None
    prompt = estimate(turns) if prompt_tokens is None else prompt_tokens
    completion = pieces or written
    return Usage(prompt, completion, prompt + completion, estimated=True)
