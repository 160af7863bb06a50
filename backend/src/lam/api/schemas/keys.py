"""JSON of keys and budgets."""

from datetime import UTC, datetime
from typing import Literal

import msgspec
from pydantic import Field

from lam.accounts.keys import MODELS_OF_KEY, NAME_CHARACTERS
from lam.accounts.programs import SCOPES, Scope
from lam.accounts.spending import Standing
from lam.api.schemas.base import FilledText, Schema, Strict, Text, Time
from lam.protocol.budget import LARGEST, Bar, Budget
from lam.storage.models import Key


class BudgetSettings(Strict):
    """What may be used. Null: no limit; 0: nothing."""

    requests_per_minute: int | None = Field(None, ge=0, le=LARGEST)
    tokens_per_minute: int | None = Field(None, ge=0, le=LARGEST)
    tokens_per_day: int | None = Field(None, ge=0, le=LARGEST, examples=[100000])
    runs: int | None = Field(None, ge=0, le=LARGEST, description="Runs at once.")

    def budget(self) -> Budget:
        return Budget(**self.model_dump())


class LimitAnswer(Schema):
    limit: Literal["requests_per_minute", "tokens_per_minute", "tokens_per_day", "runs"]
    allowed: int
    used: int = Field(description="With what running runs have reserved.")
    left: int
    renews_at: Time | None = Field(description="When all of it is there again; null for runs, which end.")


class BudgetAnswer(Schema):
    """A budget, and what is left of it."""

    of: Literal["key", "user", "group", "room"]
    name: str | None = Field(description="Of the key or the group.")
    limits: list[LimitAnswer]


class UserBudget(Schema):
    """An account's budget. `own`: the one in place of the configuration's, where it has one."""

    own: BudgetSettings | None
    budgets: list[BudgetAnswer] = Field(description="All that apply, with what is left.")


class NewKeyBody(Strict):
    name: FilledText = Field(max_length=NAME_CHARACTERS, examples=["Notebook"])
    scopes: list[Scope] = Field(list(SCOPES), min_length=1, max_length=len(SCOPES), description="What the key is for.")
    models: list[Text] | None = Field(None, max_length=MODELS_OF_KEY, description="The models it may use; null: all.")
    expires_at: datetime | None = Field(None, description="When it ends; null: never.")
    budget: BudgetSettings | None = Field(None, description="The key's own; its account's holds as well.")


class KeyAnswer(Schema):
    id: int = Field(examples=[1])
    name: str
    prefix: str = Field(description="The first characters of the key.", examples=["sk-lam-Ab3d"])
    scopes: list[Scope]
    models: list[str] | None
    created_at: Time
    expires_at: Time | None
    last_used_at: Time | None = Field(description="Accurate to a minute.")
    budgets: list[BudgetAnswer] = Field(description="Empty, or the key's own budget, and what `lam.toml` gives to each key.")


class MadeKey(Schema):
    key: KeyAnswer
    secret: str = Field(description="The key itself. It is shown here and never again.", examples=["sk-lam-…"])


def key_answer(key: Key, standings: list[Standing]) -> KeyAnswer:
    return KeyAnswer(
        **{name: value for name, value in msgspec.structs.asdict(key).items() if name in KeyAnswer.model_fields},
        budgets=[budget_answer(standing) for standing in standings],
    )


def budget_answer(standing: Standing) -> BudgetAnswer:
    return BudgetAnswer(of=standing.of, name=standing.name, limits=[_limit(bar) for bar in standing.bars])


def _limit(bar: Bar) -> LimitAnswer:
    renews = None if bar.renews_at is None else datetime.fromtimestamp(bar.renews_at, UTC)
    return LimitAnswer(limit=bar.limit, allowed=bar.allowed, used=bar.used, left=bar.left, renews_at=renews)
