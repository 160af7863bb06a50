"""A program's request, whatever its format: the one value that the formats of OpenAI and Anthropic are read into. Pure."""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from lam.protocol.chat import Turn
from lam.protocol.sampling import Choices
from lam.protocol.tools import Tool, ToolChoice


class ProgramRequest(Struct, frozen=True, kw_only=True):
    """A request for one reply.

    `turns`: oldest first; a last one of the assistant is continued. A turn's picture is named by its `id` alone, which is a key of
    `files`: the bytes as they came; whoever starts the run decodes them. `choices`: what the program chose; the rest is the
    gateway's. `model`: None means the default. `parallel_tools`: several calls may come at once; None is the server's own way.
    `extra`: fields for the model's server that this gateway only passes on. `raw`: the only turn is a prompt as the model reads it.
    """

    turns: tuple[Turn, ...]
    choices: Choices = Choices()
    model: str | None = None
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice | None = None
    parallel_tools: bool | None = None
    extra: Mapping[str, Any] = {}
    files: Mapping[str, bytes] = {}
    raw: bool = False
