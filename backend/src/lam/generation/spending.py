"""What a generation cost, from its ending."""

from datetime import datetime
from typing import Literal

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
