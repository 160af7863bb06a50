"""JSON of `/api/auth`."""

from pydantic import Field

from lam.api.schemas.base import Schema, Text, Time


class Credentials(Schema):
    email: Text = Field(max_length=254, examples=["ada@example.org"])
    password: Text = Field(min_length=1, max_length=1024, examples=["correct horse battery"])


class NewAccount(Credentials):
    password: Text = Field(min_length=8, max_length=1024, examples=["correct horse battery"])


class NewPassword(Schema):
    current_password: Text = Field(max_length=1024)
    new_password: Text = Field(min_length=8, max_length=1024)


class Deletion(Schema):
    password: Text = Field(max_length=1024, description="The account's, once more.")


class Account(Schema):
    id: int
    email: str
    is_admin: bool
    created_at: Time


class ListedToken(Schema):
    """One place where the account is logged in. Secrets are not kept, so none is told."""

    id: int
    device: str | None = Field(description="What the program said it is (User-Agent).")
    created_at: Time
    last_used_at: Time = Field(description="To ten minutes.")
    expires_at: Time | None = Field(description="Null: it does not.")
    current: bool = Field(description="The one that asks.")


class TokenAnswer(Schema):
    access_token: str
    token_type: str = "bearer"  # noqa: S105  # the name of a scheme, not a secret
    expires_at: Time
