"""JSON of imports."""

from typing import Any, Literal

from pydantic import Field

from lam.api.schemas.base import Schema


class ImportProblem(Schema):
    title: str = Field(description="Of the conversation; empty when it has none.")
    reason: str


class ImportPreview(Schema):
    """What an import of this file would take over, and what not."""

    source: Literal["chatgpt", "open_webui", "librechat", "lam"] | None
    sessions: int = Field(description="Conversations that can be imported.", examples=[12])
    messages: int
    branches: int = Field(description="Further versions of messages.")
    documents: int
    earlier: int = Field(description="Those of `sessions` that an earlier import brought. They are skipped.")
    room: int = Field(description="Sessions that you may still create.")
    titles: list[str] = Field(description="Titles of the first sessions.")
    left: dict[str, int] = Field(
        description="What is left out, counted: `image`, `audio`, `video`, `file` (attached, and not in the export), "
        "`instructions` (about the person), `hidden` (messages that nobody sees), `citation`. `loop`: messages that no beginning "
        "leads to, which begin a branch.",
        examples=[{"image": 3}],
    )
    refused: int = Field(description="Conversations that cannot be imported.")
    problems: list[ImportProblem] = Field(description="The first of them.")


class ImportProgress(Schema):
    """How far an import is; the last line has `complete` or `error`."""

    done: int = Field(description="Sessions imported.")
    skipped: int = Field(description="Conversations that an earlier import brought.")
    refused: int = Field(description="Conversations that cannot be imported.")
    first: int | None = Field(description="Id of the first session that was imported.")
    problems: list[ImportProblem] = Field(description="The first of the refused ones, in the last line.")
    complete: bool
    error: str | None = Field(description="Why the import stopped early; what was imported until then stays.")
    code: str | None


def lines_of_progress() -> dict[str, Any]:
    """Returns the schema of one line, without titles of its own."""
    schema = ImportProgress.model_json_schema()
    schema["properties"]["problems"]["items"] = schema["$defs"]["ImportProblem"]
    return {
        "type": "object",
        "description": schema["description"],
        "required": schema["required"],
        "properties": schema["properties"],
    }
