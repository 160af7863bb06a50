"""JSON of the settings of sampling, made from their table: the same types and ranges, as pydantic checks and describes them."""

import types
from typing import TYPE_CHECKING, Annotated, Any, Final, Union, get_args, get_origin

import msgspec
from pydantic import Field, create_model

from lam.api.schemas.base import Schema, StructOf, Text
from lam.protocol.sampling import SETTINGS, Setting

_LIMITS: Final = ("gt", "ge", "lt", "le", "min_length", "max_length", "pattern")


def _checked(hint: Any) -> Any:
    """A type of the table as pydantic understands it."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Annotated:
        limits = {name: value for meta in inner[1:] if isinstance(meta, msgspec.Meta) for name, value in _limits(meta)}
        return Annotated[_checked(inner[0]), Field(**limits)] if limits else _checked(inner[0])
    if origin in (Union, types.UnionType):
        return Union[tuple(map(_checked, inner))]  # noqa: UP007  # made of a list
    if origin is tuple:
        return tuple[_checked(inner[0]), ...]  # type: ignore[misc]  # a type made at run time
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return Annotated[hint, StructOf(hint)]
    return Text if hint is str else hint


def _limits(meta: msgspec.Meta) -> list[tuple[str, Any]]:
    return [(name, value) for name in _LIMITS if (value := getattr(meta, name)) is not None]


def _description(setting: Setting) -> str | None:
    source = f" Else the session's, else {setting.default.upper()}." if setting.default else ""
    return (setting.description + source).strip() or None


if TYPE_CHECKING:

    class SamplingFields(Schema):
        """The settings of sampling in a request; absent or null: not chosen."""

    class SamplingValues(Schema):
        """The settings of sampling in an answer; null: not chosen."""

    class SamplingAnswer(Schema):
        """What holds where neither request nor session say."""

else:
    SamplingFields = create_model(
        "SamplingFields",
        __base__=Schema,
        **{setting.name: (_checked(setting.type) | None, Field(None, description=_description(setting))) for setting in SETTINGS},
    )
    SamplingValues = create_model(
        "SamplingValues", __base__=Schema, **{setting.name: (_checked(setting.type) | None, ...) for setting in SETTINGS}
    )
    SamplingAnswer = create_model(
        "SamplingAnswer",
        __base__=Schema,
        __doc__="What holds where neither request nor session say.",
        **{
            setting.name: (_checked(setting.type) | None if setting.read else _checked(setting.type), ...)
            for setting in SETTINGS
            if setting.default
        },
    )
