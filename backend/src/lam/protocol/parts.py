"""The parts of a message: texts, documents, pictures, tool calls and tool results.

Pure values, stored as tagged JSON. `written` returns the form for clients that know only text (`content` of a message). Thoughts
are not a part, because they are never sent back. `chat/history.py` decides how a model sees tools.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from lam.protocol import documents
from lam.protocol.documents import Document


class Text(Struct, frozen=True, tag_field="type", tag="text"):
    """A text of a person or a model."""

    text: str


class Image(Struct, frozen=True, omit_defaults=True, tag_field="type", tag="image"):
    """A stored picture. `id`: its name in the owner's store. `width`, `height`: pixels, if known."""

    id: str
    width: int | None = None
    height: int | None = None


class ToolCall(Struct, frozen=True, tag_field="type", tag="tool_call"):
    """A call that a model requests. `arguments`: JSON text from the model, possibly invalid or cut off."""

    id: str | None = None
    name: str | None = None
    arguments: str = ""


class ToolResult(Struct, frozen=True, tag_field="type", tag="tool_result"):
    """A tool's answer. `id`: the id of the call."""

    id: str | None
    content: str


Part = Text | Document | Image | ToolCall | ToolResult
Parts = tuple[Part, ...]


def message_parts(text: str, documents: Iterable[Document] = (), images: Iterable[Image] = ()) -> Parts:
    """Returns the parts of a person's message: the documents, the pictures, then the text; no part for an empty text."""
    return (*documents, *images, *((Text(text),) if text else ()))


def parts_of(content: str) -> Parts:
    """Returns the parts of a message from a client that knows only text: the first release wrote documents into it.

    The text is taken apart only when writing the parts again gives the same bytes.
    """
    attachments, text = documents.apart(content)
    parts = message_parts(text, attachments)
    return parts if attachments and written_form(parts) == content else message_parts(content)


def written_form(parts: Iterable[Part]) -> str:
    """Returns the written form: documents with their marks and texts, in order. Pictures and tools have none."""
    return "".join(
        part.text if isinstance(part, Text) else documents.written_form(part) for part in parts if isinstance(part, Text | Document)
    )


def text_of(parts: Iterable[Part]) -> str:
    """Returns the texts alone."""
    return "".join(part.text for part in parts if isinstance(part, Text))


def documents_of(parts: Iterable[Part]) -> list[Document]:
    return [part for part in parts if isinstance(part, Document)]


def images_of(parts: Iterable[Part]) -> list[Image]:
    return [part for part in parts if isinstance(part, Image)]


def calls_of(parts: Iterable[Part]) -> list[ToolCall]:
    return [part for part in parts if isinstance(part, ToolCall)]


def results_of(parts: Iterable[Part]) -> list[ToolResult]:
    return [part for part in parts if isinstance(part, ToolResult)]


def subject(parts: Sequence[Part]) -> str:
    """Returns the subject of a message for its title: the text, or else the name of its first document."""
    text = text_of(parts)
    return text if text.strip() else next((document.name for document in documents_of(parts)), text)


def with_text(parts: Iterable[Part], text: str) -> Parts:
    """Returns the parts with this text in place of their texts, after the documents: a stop may have cut a reply. Pictures keep
    their places in the text; those behind its end go."""
    others: list[Part] = []
    images: list[tuple[int, Image]] = []
    at = 0
    for part in parts:
        if isinstance(part, Text):
            at += len(part.text)
        elif isinstance(part, Image):
            images.append((at, part))
        else:
            others.append(part)
    front = sum(isinstance(part, Document) for part in others)
    return (*others[:front], *illustrated(text, [placed for placed in images if placed[0] <= len(text)]), *others[front:])


def illustrated(text: str, images: Iterable[tuple[int, Image]]) -> Parts:
    """Returns a text with pictures in it. `images`: with the number of characters before each, in order."""
    parts: list[Part] = []
    start = 0
    for at, image in images:
        if text[start:at]:
            parts.append(Text(text[start:at]))
        parts.append(image)
        start = max(start, at)
    return (*parts, *message_parts(text[start:]))


def divided(parts: Iterable[Part], characters: int) -> tuple[Parts, Parts]:
    """Returns the texts and pictures up to so many characters of text, and everything else."""
    before: list[Part] = []
    after: list[Part] = []
    for part in parts:
        if isinstance(part, Text) and characters > 0:
            before += message_parts(part.text[:characters])
            after += message_parts(part.text[characters:])
            characters -= len(part.text)
        elif isinstance(part, Image) and characters > 0 and not after:
            before.append(part)
        else:
            after.append(part)
    return tuple(before), tuple(after)


def older_parts(role: str, content: str, tool_calls: Iterable[Mapping[str, Any]] | None = None) -> Parts:
    """Returns the parts of a message of the first release, which stored none. `tool_calls`: from its metadata."""
    if role == "user":
        return parts_of(content)
    calls = (ToolCall(call.get("id"), call.get("name"), call.get("arguments") or "") for call in tool_calls or ())
    return (*message_parts(content), *calls)


def to_stored(parts: Sequence[Part]) -> list[dict[str, Any]] | None:
    """Returns the stored form beside `content`; None when `content` says it all, as a single text that looks like one."""
    content = written_form(parts)
    if not content.startswith(documents.OPENING) and all(isinstance(part, Text) for part in parts):
        return None
    return [msgspec.to_builtins(part) for part in parts]


def from_stored(stored: Sequence[Mapping[str, Any]]) -> Parts:
    """Returns the parts from their stored form. The inverse of `to_stored`. Raises msgspec.ValidationError for an unknown kind
    of part."""
    return msgspec.convert(stored, Parts)
