"""The costs of runs: one row each, made from their outcomes. It knows tokens and no prices."""

from datetime import datetime

from lam.protocol.outcome import Outcome
from lam.storage.models import Cost, CostKind


def cost_of(
    outcome: Outcome, user_id: int, session_id: int | None, kind: CostKind, now: datetime, *, key_id: int | None = None
) -> Cost:
    facts = outcome.facts
    usage, timings = facts.usage, facts.timings
    return Cost(
        user_id=user_id,
        session_id=session_id,
        kind=kind,
        model=facts.model[:255] if facts.model else None,
        status=outcome.status,
        code=facts.failure.code if facts.failure else None,
        prompt_tokens=usage.prompt_tokens if usage else None,
        completion_tokens=usage.completion_tokens if usage else None,
        cached_tokens=usage.cached_tokens if usage else None,
        queued_ms=timings.queued_ms if timings else None,
        first_token_ms=timings.first_token_ms if timings else None,
        total_ms=timings.total_ms if timings else None,
        tokens_per_second=timings.tokens_per_second if timings else None,
        created_at=now,
        key_id=key_id,
        estimated=bool(usage and usage.estimated),
    )
