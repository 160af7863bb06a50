"""JSON of `/api/admin`."""

from typing import Literal

from pydantic import Field

from lam.api.schemas.accounts import Account
from lam.api.schemas.base import Schema, Text, Time


class ListedAccount(Account):
    last_used_at: Time | None = Field(description="When a login of the account was last used, accurate to ten minutes.")
    sessions: int
    running: int = Field(description="Number of replies that run or wait.")


class AccountChanges(Schema):
    """Absent fields stay as they are."""

    is_admin: bool | None = None
    password: Text | None = Field(
        None, min_length=8, max_length=1024, description="A new password; ends all logins of the account."
    )


class RunAnswer(Schema):
    """A reply that runs or waits, without its text."""

    user_id: int
    email: str
    model: str | None
    stage: Literal["queued", "unreachable", "loading", "prompt", "thinking", "text"] | None = Field(
        description="Null: it has just started."
    )
    position: int | None = Field(description="While queued: how many replies start before it.")
    characters: int = Field(description="Length of the answer so far.")
    readers: int
    began_at: Time
