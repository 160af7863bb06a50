"""What a message is made of: texts, documents, pictures, calls of tools and their results.

Pure values, stored as tagged JSON. `written` gives the form that a client reads which knows only text (`content` of a message).
Thoughts are not a part: nobody sends them on. How a model is told of tools is the business of `chat/history.py`.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from lam.protocol import documents
from lam.protocol.documents import Document


class Text(Struct, frozen=True, tag_field="type", tag="text"):
    """What a person or a model says."""

    text: str


class Image(Struct, frozen=True, omit_defaults=True, tag_field="type", tag="image"):
    """A stored picture. `id`: its owner's name for it. `width`, `height`: pixels, where they are known."""

    id: str
    width: int | None = None
    height: int | None = None


class ToolCall(Struct, frozen=True, tag_field="type", tag="tool_call"):
    """What a model wants to have called. `arguments`: JSON text, as the model wrote it: maybe invalid, maybe cut."""

    id: str | None = None
    name: str | None = None
    arguments: str = ""


class ToolResult(Struct, frozen=True, tag_field="type", tag="tool_result"):
    """What a tool answered. `id`: of the call."""

    id: str | None
    content: str


Part = Text | Document | Image | ToolCall | ToolResult
Parts = tuple[Part, ...]


def message_parts(text: str, documents: Iterable[Document] = ()) -> Parts:
    """The parts of a message that a person sends: the documents in front of the text; no part for an empty text."""
    return (*documents, *((Text(text),) if text else ()))


def parts_of(content: str) -> Parts:
    """The parts of a message from a client that knows only text: the first release wrote documents into the text.

    It is taken apart only where writing it again gives the same bytes.
    """
    found, text = documents.apart(content)
    parts = message_parts(text, found)
    return parts if found and written(parts) == content else message_parts(content)


def written(parts: Iterable[Part]) -> str:
    """The written form: documents with their marks and texts, in their order. Pictures and tools have none."""
    return "".join(
        part.text if isinstance(part, Text) else documents.written(part) for part in parts if isinstance(part, Text | Document)
    )


def text_of(parts: Iterable[Part]) -> str:
    """The texts alone."""
    return "".join(part.text for part in parts if isinstance(part, Text))


def documents_of(parts: Iterable[Part]) -> list[Document]:
    return [part for part in parts if isinstance(part, Document)]


def calls_of(parts: Iterable[Part]) -> list[ToolCall]:
    return [part for part in parts if isinstance(part, ToolCall)]


def results_of(parts: Iterable[Part]) -> list[ToolResult]:
    return [part for part in parts if isinstance(part, ToolResult)]


def subject(parts: Sequence[Part]) -> str:
    """What a message is about, for its title: the text, or the name of the first document where there is no text."""
    text = text_of(parts)
    return text if text.strip() else next((document.name for document in documents_of(parts)), text)


def with_text(parts: Iterable[Part], text: str) -> Parts:
    """The parts with this text in place of their texts, after the documents: a stop may have cut a reply."""
    others = [part for part in parts if not isinstance(part, Text)]
    front = sum(isinstance(part, Document) for part in others)
    return (*others[:front], *message_parts(text), *others[front:])


def older_parts(role: str, content: str, tool_calls: Iterable[Mapping[str, Any]] | None = None) -> Parts:
    """The parts of a message of the first release, whose rows and files have none. `tool_calls`: of its metadata."""
    if role == "user":
        return parts_of(content)
    calls = (ToolCall(call.get("id"), call.get("name"), call.get("arguments") or "") for call in tool_calls or ())
    return (*message_parts(content), *calls)


def to_stored(parts: Sequence[Part]) -> list[dict[str, Any]] | None:
    """As a row keeps them beside `content`; None where that says it all: the message is one text, and looks like one."""
    content = written(parts)
    if not content.startswith(documents.OPENING) and all(isinstance(part, Text) for part in parts):
        return None
    return [msgspec.to_builtins(part) for part in parts]


def from_stored(stored: Sequence[Mapping[str, Any]]) -> Parts:
    """The inverse of `to_stored`. Raises msgspec.ValidationError for a part of an unknown kind."""
    return msgspec.convert(stored, Parts)
