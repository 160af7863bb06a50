"""The child process: `python -I -m lam.chat.imports.read [files]` reads an export on stdin and writes one line of JSON for each
conversation, as `Line`; with `files`, the converted session is in it.

The limits are set before a byte is read. It must not trust a byte, nor import the gateway.
"""

import io
import re
import sys
import zipfile
import zlib
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, Final, Literal

import msgspec
from msgspec import Raw, Struct

from lam.chat.imports import chatgpt, librechat, open_webui
from lam.chat.imports.bounds import FILE_BYTES, MEMORY_BYTES, MOST_ENTRIES, MOST_FILES, SECONDS, UNPACKED_BYTES
from lam.chat.imports.conversation import Conversation, Converted, Refused, a_dict, a_list, converted, text_in
from lam.protocol.text import valid, valid_json

Source = Literal["chatgpt", "open_webui", "librechat", "lam"]
_Reader = tuple[Source, Callable[[dict[str, Any]], bool], Callable[[dict[str, Any]], Conversation]]
_READERS: Final[tuple[_Reader, ...]] = (
    ("chatgpt", chatgpt.is_conversation, chatgpt.conversation),
    ("open_webui", open_webui.is_conversation, open_webui.conversation),
    ("librechat", librechat.is_conversation, librechat.conversation),
)
_CONVERSATIONS: Final = re.compile(r"(?:^|/)conversations[-_ ]?\d*\.json$", re.IGNORECASE)
_UNKNOWN: Final = (
    "This is not an export that can be read here. Those of ChatGPT (the ZIP file, or conversations.json in it), Open WebUI, "
    "LibreChat and LAM Studio can."
)


class Line(Struct, kw_only=True, omit_defaults=True):
    """What the child says about one conversation, or about the whole file.

    `problem`: why the conversation is not imported. `error`: why nothing more is read. `end`: everything was read.
    """

    source: Source = "lam"
    source_id: str = ""
    title: str = ""
    messages: int = 0
    branches: int = 0
    documents: int = 0
    used_at: datetime | None = None
    left: dict[str, int] = {}
    file: Raw = Raw(b"null")
    problem: str = ""
    error: str = ""
    end: bool = False


def lines(data: bytes, *, files: bool) -> Iterator[Line]:
    """Yields a line for each conversation in an export. `files`: with the sessions. Raises Refused for the whole file."""
    known, packed = False, data.startswith(b"PK")
    for item in _items(data):
        try:
            value = msgspec.json.decode(item)
        except (msgspec.DecodeError, RecursionError) as error:
            yield Line(problem=f"It is damaged: {error}.")
            continue
        line = _line(a_dict(value), item, files=files)
        if line is None:
            if known and not packed:  # an archive holds other things too
                yield Line(problem="It is not a conversation.", title=_title(value))
            continue
        known = True
        yield line
    if not known:
        raise Refused(_UNKNOWN)


def _line(value: dict[str, Any], item: bytes, *, files: bool) -> Line | None:
    """Returns the line for a conversation; None for anything else."""
    if value.get("format") == "lam-session":
        return _own(value, item, files=files)
    found = next(((source, read) for source, fits, read in _READERS if fits(value)), None)
    if found is None:
        return None
    source, read = found
    try:
        session: Converted = converted(read(value))
        file = Raw(msgspec.json.encode(session.file)) if files else Raw(b"null")
    except Refused as refused:
        return Line(source=source, title=_title(value), problem=str(refused))
    except (RecursionError, MemoryError):
        return Line(source=source, title=_title(value), problem="It is nested too deeply or too large.")
    return Line(
        source=source,
        source_id=session.source_id,
        title=session.title,
        messages=session.messages,
        branches=session.branches,
        documents=session.documents,
        used_at=session.used_at,
        left=session.left,
        file=file,
    )


def _own(value: dict[str, Any], item: bytes, *, files: bool) -> Line:
    messages = [a_dict(message) for message in a_list(value.get("messages"))]
    parents = [message.get("parent_id") for message in messages]
    distinct = len({parent for parent in parents if isinstance(parent, int | None)})
    parts = [a_dict(part).get("type") for message in messages for part in a_list(message.get("parts"))]
    return Line(
        source="lam",
        title=_title(a_dict(value.get("session"))),
        messages=len(messages),
        branches=max(0, len(messages) - distinct),
        documents=parts.count("document"),
        file=Raw(bytes(item)) if files else Raw(b"null"),
    )


def _title(value: Any) -> str:
    return valid(" ".join(text_in(a_dict(value).get("title")).split()))[:200]


def _items(data: bytes) -> Iterator[bytes]:
    """Yields the JSON of each conversation, or of what may be one."""
    if data.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        for part in _unpacked(data):
            yield from _items_of(part)
    else:
        yield from _items_of(data)


def _items_of(data: bytes) -> Iterator[bytes]:
    try:
        data = valid_json(data).lstrip()
        if data.startswith(b"["):
            found = msgspec.json.decode(data, type=list[Raw])
        elif data.startswith(b"{"):
            found = _inside(data)
        else:
            raise Refused(_UNKNOWN)
    except UnicodeDecodeError as error:
        raise Refused("The file is not UTF-8 text; export it again.") from error
    except (msgspec.DecodeError, RecursionError) as error:
        raise Refused(f"The file is damaged: {error}.") from error
    del data
    for each in found:
        yield bytes(each)


def _inside(data: bytes) -> list[Raw]:
    """Returns the conversations in an object: those in its list of them, or the object itself."""
    fields = msgspec.json.decode(data, type=dict[str, Raw])
    inner = fields.get("conversations") or fields.get("chats")
    if inner is not None and "mapping" not in fields and bytes(inner[:1]) == b"[":
        return msgspec.json.decode(inner, type=list[Raw])
    return [Raw(data)]


def _unpacked(data: bytes) -> Iterator[bytes]:
    """Yields the files with conversations in an archive: ChatGPT's, or else every JSON file. Raises Refused."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
            if len(entries) > MOST_ENTRIES:
                raise Refused(f"The archive holds {len(entries)} files, and {MOST_ENTRIES} are the most.")
            wanted = [each for each in entries if _CONVERSATIONS.search(each.filename)]
            wanted = wanted or [each for each in entries if each.filename.lower().endswith(".json")]
            wanted = [each for each in wanted if not each.filename.startswith("__MACOSX")]
            if not wanted:
                raise Refused("There is no file with conversations in this archive.")
            if len(wanted) > MOST_FILES or sum(each.file_size for each in wanted) > UNPACKED_BYTES:
                raise Refused(f"Unpacked, the conversations hold more than {UNPACKED_BYTES >> 20} MiB; send them in parts.")
            if any(each.flag_bits & 1 for each in wanted):
                raise Refused("The archive is protected by a password; unpack it and send conversations.json.")
            for each in sorted(wanted, key=lambda each: each.filename):
                yield archive.read(each)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, OSError, EOFError, ValueError) as error:
        raise Refused("The archive is damaged; export it again.") from error


# The process


def _limit() -> None:
    if sys.platform != "win32":
        import os
        import resource

        os.nice(10)
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS + 1))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def main() -> None:
    _limit()
    out = sys.stdout.buffer

    def write(line: Line) -> None:
        out.write(msgspec.json.encode(line) + b"\n")
        out.flush()

    try:
        for line in lines(sys.stdin.buffer.read(FILE_BYTES + 1), files="files" in sys.argv[1:]):
            write(line)
        write(Line(end=True))
    except Refused as refused:
        write(Line(error=str(refused)))
    except (MemoryError, RecursionError):
        write(Line(error="The file takes too much memory to read; send it in parts."))


if __name__ == "__main__":
    main()
