"""JSON of usage."""

from datetime import date
from typing import Any

from pydantic import Field

from lam.api.schemas.base import Schema
from lam.storage.models import UsageRow


class Sums(Schema):
    generations: int = Field(description="Runs: replies, titles, hints in the maze, trials of the lab, and what programs ask for.")
    complete: int
    cancelled: int
    interrupted: int
    failed: int
    metered: int = Field(description="Number of runs with token counts, from the model's server or estimated.")
    estimated: int = Field(description="Number of those whose counts are estimates, because the server reported none.")
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int = Field(description="Prompt tokens that the model had in its cache.")
    first_token_ms: float | None = Field(description="The mean time to the first token, in milliseconds.")
    tokens_per_second: float | None = Field(description="The mean speed.")


class DaySums(Sums):
    day: date


class SessionSums(Sums):
    session_id: int
    title: str


class ModelSums(Sums):
    model: str | None


class KeySums(Sums):
    key_id: int
    name: str
    prefix: str
    user_id: int


class UserSums(Sums):
    user_id: int
    email: str


class UsageAnswer(Schema):
    """Days are in UTC. `sessions`: those in which the caller asked, and which they may still read; `users` is set for an admin who
    asks for everybody."""

    first: date
    last: date
    total: Sums
    days: list[DaySums]
    sessions: list[SessionSums] = Field(description="The 100 sessions with the highest usage.")
    models: list[ModelSums]
    keys: list[KeySums] = Field(description="By keys of programs, also revoked ones.")
    users: list[UserSums] | None = None


def sums(row: UsageRow) -> dict[str, Any]:
    return {name: getattr(row, name) for name in Sums.model_fields}
