"""JSON of `/api/admin`."""

from typing import Literal

from pydantic import Field

from lam.api.schemas.accounts import Account
from lam.api.schemas.base import Schema, Text, Time


class ListedAccount(Account):
    last_used_at: Time | None = Field(description="When one of its log-ins was last used, to ten minutes.")
    sessions: int
    running: int = Field(description="Replies that run or wait.")


class AccountChanges(Schema):
    """An absent field is untouched."""

    is_admin: bool | None = None
    password: Text | None = Field(None, min_length=8, max_length=1024, description="Ends all log-ins of the account.")


class RunAnswer(Schema):
    """A reply that runs or waits, without a word of what is said in it."""

    user_id: int
    email: str
    model: str | None
    stage: Literal["queued", "unreachable", "loading", "prompt", "thinking", "text"] | None = Field(
        description="Null: it has only begun."
    )
    position: int | None = Field(description="Of one that is queued: how many start before it.")
    characters: int = Field(description="Of the answer so far.")
    readers: int
    began_at: Time
