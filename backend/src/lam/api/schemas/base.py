"""Types that several schemas share."""

from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer

from lam.protocol.chat import LONGEST_TEXT
from lam.protocol.text import valid

MAX_ID = 2**31 - 1


class Schema(BaseModel):
    model_config = ConfigDict(from_attributes=True)


def _valid(value: Any) -> Any:
    return valid(value) if isinstance(value, str) else value


def _not_blank(value: str) -> str:
    if not value.strip():
        raise ValueError("must not be blank")
    return value


def _utc(value: datetime) -> str:
    return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


Text = Annotated[str, BeforeValidator(_valid)]
FilledText = Annotated[str, BeforeValidator(_valid), AfterValidator(_not_blank)]
Time = Annotated[datetime, PlainSerializer(_utc, return_type=str, when_used="json")]
Variables = Annotated[
    dict[Annotated[Text, Field(max_length=64)], Annotated[Text, Field(max_length=LONGEST_TEXT)]], Field(max_length=100)
]
Id = Annotated[int, Field(ge=1, le=MAX_ID)]
