"""Types that several schemas share."""

from datetime import UTC, datetime
from typing import Annotated, Any, Final

import msgspec
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    PlainSerializer,
)
from pydantic_core import CoreSchema, core_schema

from lam.protocol.chat import LONGEST_TEXT
from lam.protocol.text import valid

MAX_ID = 2**31 - 1
_REFERENCE: Final = "{name}"


class Schema(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class Strict(Schema):
    """A body whose every field must be known: one that nobody reads would be lost without a word."""

    model_config = ConfigDict(from_attributes=True, extra="forbid")


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


class AuthorAnswer(Schema):
    """Somebody, as the others of a session see them."""

    user_id: int = Field(examples=[1])
    name: str = Field(examples=["ana"])
    colour: int = Field(description="0 to 7.", examples=[0])
    initials: str = Field(description="One or two characters.", examples=["A"])


class StructOf:
    """Marks a msgspec struct, or a union of such: pydantic makes one from JSON, and writes it as such."""

    def __init__(self, kind: Any) -> None:
        self._kind = kind

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        def read(value: Any) -> Any:
            try:
                return msgspec.convert(value, self._kind)
            except msgspec.ValidationError as error:
                raise ValueError(str(error)) from error

        written = core_schema.plain_serializer_function_ser_schema(msgspec.to_builtins, when_used="json")
        return core_schema.no_info_plain_validator_function(read, serialization=written)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return _described(self._kind)


def _described(kind: Any) -> dict[str, Any]:
    """The JSON schema of a struct, in one piece."""
    (outer,), parts = msgspec.json.schema_components([kind], ref_template=_REFERENCE)

    def whole(schema: Any) -> Any:
        if isinstance(schema, list):
            return [whole(inner) for inner in schema]
        if not isinstance(schema, dict):
            return schema
        if isinstance(schema.get("$ref"), str):
            return whole(parts[schema["$ref"]])
        anything = {"additionalProperties": True} if schema == {"type": "object"} else {}
        return {name: whole(inner) for name, inner in schema.items() if name != "discriminator"} | anything

    described: dict[str, Any] = whole(outer)
    return described
