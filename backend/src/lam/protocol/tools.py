"""The tools of a request: what a model may call, whether it must, and its earlier calls. Pure; it knows no program's format."""

from typing import Any, Literal

from msgspec import Struct


class Tool(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A function that a model may ask for. `parameters`: the JSON schema of its arguments. `strict`: they must fit it exactly."""

    name: str
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class ToolChoice(Struct, frozen=True, omit_defaults=True):
    """Whether the model calls a tool. `name`: of the one that it must call, with `required`."""

    mode: Literal["auto", "none", "required"] = "auto"
    name: str | None = None


class Call(Struct, frozen=True, omit_defaults=True):
    """A call in a turn of the model. `arguments`: JSON text as the model wrote it, possibly invalid."""

    id: str
    name: str
    arguments: str = ""
