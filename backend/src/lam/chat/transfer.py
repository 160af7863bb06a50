"""Sessions as files: complete as JSON, which can be imported, and the active path as Markdown for reading.

The pictures are in the JSON; they are read and written one by one. This module owns both formats. It must not know HTTP.
"""

import asyncio
import base64
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import nullcontext
from datetime import UTC, datetime
from typing import IO, Any, Final, TypeVar

import msgspec

from lam.chat import session_file
from lam.chat.folders import folder_for
from lam.chat.pictures import pictures_in
from lam.chat.session_file import ErrorPart, MessagePart, MetadataPart, SessionFile, SessionPart, moment
from lam.chat.sessions import in_role, new_key, require_room, require_session
from lam.chat.sink import as_stored
from lam.chat.titles import DEFAULT_TITLE
from lam.errors import Invalid, PictureError
from lam.media.media import Media
from lam.protocol.chat import Picture
from lam.protocol.parts import Image, Parts, Text, ToolCall, documents_of, images_of, results_of, to_stored
from lam.protocol.sampling import NAMES
from lam.protocol.text import valid
from lam.storage.database import Database
from lam.storage.models import Message, Session

FILE_BYTES: Final = 64 << 20
LARGE_BYTES: Final = 16 << 20  # of such files, two are read at a time
MOST_PICTURES: Final = 500  # of a file
_NO_PICTURES: Final = b',"pictures":{}}'

T = TypeVar("T")
Row = dict[str, Any]


class Transfer:
    def __init__(self, database: Database, media: Media, *, most_sessions: int, most_folders: int) -> None:
        """`most_sessions`, `most_folders`: per user."""
        self._database = database
        self._media = media
        self._large = asyncio.Semaphore(2)
        self._most_folders = most_folders
        self._most_sessions = most_sessions

    async def as_json(self, user_id: int, session_id: int) -> AsyncIterator[bytes]:
        """Returns the whole session with all branches, in pieces. A running reply counts as interrupted, with its stored text.
        Raises NotFound and NotAllowed at once."""
        async with self._database.read() as unit:
            session = await require_session(unit, session_id, user_id, "export")
            folder = None if session.folder_id is None else await unit.folders.find(session.folder_id, user_id, "read")
            messages = [await as_stored(unit, message) for message in await unit.messages.all(session_id)]
            pictures = await pictures_in(unit, [message.parts for message in messages])
        part = SessionPart(
            title=session.title,
            folder=None if folder is None else folder.name,
            system_prompt=session.system_prompt,
            model=session.model,
            active_message_id=session.leaf_id,
            created_at=session.created_at,
            **{name: getattr(session, name) for name in NAMES},
        )
        return self._pieces(await asyncio.to_thread(_encoded, part, messages), pictures)

    async def _pieces(self, file: bytes, pictures: Mapping[str, Picture]) -> AsyncIterator[bytes]:
        """Yields a file that has no pictures yet, with them. Those that were deleted meanwhile are left out."""
        if not pictures:
            yield file[: -len(_NO_PICTURES)] + b"}"
            return
        yield file[: -len(b"}}")]
        comma = b""
        for name, picture in pictures.items():
            async with self._database.read() as unit:
                data = await unit.media.data(picture.sha256)
            if data is not None:
                yield b'%s"%s":"data:%s;base64,%s"' % (comma, name.encode(), picture.type.encode(), base64.b64encode(data))
                comma = b","
        yield b"}}"

    async def as_markdown(self, user_id: int, session_id: int) -> str:
        """Returns the active path for reading, with a running reply up to its last checkpoint."""
        async with self._database.read() as unit:
            session = await require_session(unit, session_id, user_id, "read")
            messages = [await as_stored(unit, message) for message in await unit.messages.path(session.leaf_id)]
        return await asyncio.to_thread(markdown, in_role(session, session.role), messages)

    async def import_file(self, user_id: int, file: IO[bytes], size: int) -> Session:
        """Creates a session from an exported file, which is at its beginning, in the folder that the file names.

        Raises Invalid, TooManySessions, TooManyFolders, MediaQuota; then nothing is stored.
        """
        async with self._large if size > LARGE_BYTES else nullcontext():
            return await self.store(user_id, await asyncio.to_thread(file.read))

    async def store(self, user_id: int, data: bytes, *, key: str | None = None, used_at: datetime | None = None) -> Session:
        """Does the same. `key`: the session's key, for one that must be found again. `used_at`: when it was used last, now
        otherwise."""
        now = datetime.now(UTC)
        file, rows = await asyncio.to_thread(session_file.read, data, now)
        async with self._database.read() as unit:
            await require_room(unit, user_id, self._most_sessions)
        images: dict[str, Image] = {}
        try:
            await self._store_pictures(user_id, file, rows, images)
            return await self._add(user_id, file, rows, images, now=now, key=key, used_at=used_at)
        except BaseException:
            await self._media.discard([image.id for image in images.values()])
            raise

    async def _store_pictures(self, user_id: int, file: SessionFile, rows: Sequence[Row], images: dict[str, Image]) -> None:
        """Stores the pictures that messages show, under new ids, and adds them to `images` by the ids in the file. Raises
        Invalid."""
        names = dict.fromkeys(image.id for row in rows for image in images_of(row["parts"]) if image.id in file.pictures)
        if len(names) > MOST_PICTURES:
            raise Invalid(f"pictures: the session has {len(names)}, and {MOST_PICTURES} can be imported with one.")
        for name in names:
            try:
                stored = await self._media.store(user_id, session_file.picture_in(file.pictures[name]))
            except (PictureError, ValueError) as error:
                raise Invalid(f"pictures: {name[:40]} cannot be imported ({str(error).rstrip('.')}).") from error
            images[name] = Image(stored.id, stored.width, stored.height)

    async def _add(
        self,
        user_id: int,
        file: SessionFile,
        rows: Sequence[Row],
        images: Mapping[str, Image],
        *,
        now: datetime,
        key: str | None,
        used_at: datetime | None,
    ) -> Session:
        at = {message.id: position for position, message in enumerate(file.messages)}
        parents = [_position(at, message.parent_id) for message in file.messages]
        continued = [_position(at, message.continues_id) for message in file.messages]
        part = file.session
        async with self._database.write() as unit:
            await require_room(unit, user_id, self._most_sessions)
            folder = await folder_for(unit, user_id, valid(part.folder), self._most_folders) if part.folder else None
            session = await unit.sessions.add(
                user_id=user_id,
                folder_id=None if folder is None else folder.id,
                session_key=key or new_key(user_id),
                title=valid(part.title) or DEFAULT_TITLE,
                title_pending=False,
                template_id=None,
                template_version=None,
                system_prompt=None if part.system_prompt is None else valid(part.system_prompt),
                model=None if part.model is None else valid(part.model),
                **{name: getattr(part, name) for name in NAMES},
                message_count=len(rows),
                leaf_id=None,
                unread=False,
                created_at=moment(part.created_at, now),
                updated_at=now,
                last_used_at=used_at or now,
            )
            if not rows:
                return session
            shown = [row | {"session_id": session.id, "parts": _renamed(row["parts"], images)} for row in rows]
            ids = await unit.messages.add_tree(shown, parents, continued)
            leaf = _position(at, part.active_message_id)
            leaf_id = ids[-1 if leaf is None else leaf]
            await unit.sessions.change(session.id, leaf_id=leaf_id)
        return msgspec.structs.replace(session, leaf_id=leaf_id)


def _encoded(part: SessionPart, messages: list[Message]) -> bytes:
    return msgspec.json.encode(SessionFile(session=part, messages=list(map(_part, messages))))


def markdown(session: Session, messages: Iterable[Message]) -> str:
    """Returns a conversation with a heading per speaker, quoted thoughts and documents, and errors."""
    parts = [f"# {session.title}"]
    if session.system_prompt:
        parts.append(_quoted(f"System prompt: {session.system_prompt}"))
    for message in messages:
        parts.append("## You" if message.role == "user" else "## Assistant")
        if message.thinking:
            parts.append(_quoted(message.thinking))
        parts.extend(f"**{document.name}**\n\n{_quoted(document.text)}" for document in documents_of(message.parts))
        parts.extend(_written(part) for part in _joined(message.parts))
        parts.extend(_tool_call(call) for call in message.tool_calls)
        parts.extend(f"Tool result:\n\n{_quoted(result.content)}" for result in results_of(message.parts))
        if message.status in ("cancelled", "interrupted", "failed"):
            failure = message.facts.failure
            parts.append(f"*{message.status}{': ' + failure.message if failure else ''}*")
    return "\n\n".join(parts) + "\n"


def _stored(kind: type[T], value: dict[str, Any] | None) -> T | None:
    return None if value is None else msgspec.convert(value, kind)


def _renamed(parts: Parts, images: Mapping[str, Image]) -> Parts:
    """Returns the parts with these pictures in place of those in a file; without those that the file does not have."""
    return tuple(
        images[part.id] if isinstance(part, Image) else part for part in parts if not isinstance(part, Image) or part.id in images
    )


def _joined(parts: Parts) -> list[Text | Image]:
    """Returns the texts and the pictures in their order, with no text beside another."""
    result: list[Text | Image] = []
    for part in parts:
        if isinstance(part, Text) and result and isinstance(result[-1], Text):
            result[-1] = Text(result[-1].text + part.text)
        elif isinstance(part, Image) or (isinstance(part, Text) and part.text):
            result.append(part)
    return result


def _written(part: Text | Image) -> str:
    return part.text if isinstance(part, Text) else f"[picture: {part.width or '?'}x{part.height or '?'}]"


def _tool_call(call: ToolCall) -> str:
    return f"Tool call: `{call.name or 'unnamed'}`\n\n```json\n{call.arguments}\n```"


def _quoted(text: str) -> str:
    return "\n".join(f"> {line}".rstrip() for line in text.splitlines())


def _part(message: Message) -> MessagePart:
    stored, error = to_stored(message.parts), message.facts.to_row()["error"]
    return MessagePart(
        id=message.id,
        role="user" if message.role == "user" else "assistant",
        content=message.content,
        parts=None if stored is None else list(message.parts),
        parent_id=message.parent_id,
        continues_id=message.continues_id,
        thinking=message.thinking,
        status="interrupted" if message.status == "streaming" else message.status,
        metadata=_stored(MetadataPart, message.metadata),
        usage=message.facts.usage,
        timings=message.facts.timings,
        error=_stored(ErrorPart, error),
        rating=message.rating,
        created_at=message.created_at,
    )


def _position(at: dict[int, int], name: int | None) -> int | None:
    return None if name is None else at[name]
