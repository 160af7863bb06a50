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
    password: Text = Field(max_length=1024, description="The password of the account.")


class Account(Schema):
    id: int
    email: str
    is_admin: bool
    created_at: Time


class MyAccount(Account):
    may_open_rooms: bool = False


class ListedToken(Schema):
    """A login of the account, without its secret, which is not stored."""

    id: int
    device: str | None = Field(description="The User-Agent of the program.")
    created_at: Time
    last_used_at: Time = Field(description="Accurate to ten minutes.")
    expires_at: Time | None = Field(description="Null: never.")
    current: bool = Field(description="Whether this request uses it.")


class TokenAnswer(Schema):
    access_token: str
    token_type: str = "bearer"  # noqa: S105  # the name of a scheme, not a secret
    expires_at: Time
