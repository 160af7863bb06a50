"""Pictures by their hash, the ids under which people have them, and which messages show them.

It must not read a picture, nor decide how long one is kept.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import Table, delete, exists, func, insert, literal, or_, select, update

from lam.protocol.chat import Picture
from lam.protocol.parts import Parts, images_of
from lam.storage.access import media_in_sight, own
from lam.storage.connection import Connection
from lam.storage.models import Media as MediaRow
from lam.storage.repositories.base import Repository
from lam.storage.schema import media, message_media, messages, pictures, waiting_media, waiting_messages

ROW_BYTES: Final = 1024  # what each picture counts beside its bytes, so that empty ones are not free
_AT_ONCE: Final = 500
_ABOUT: Final = (*(column for column in media.c), pictures.c.type, pictures.c.width, pictures.c.height, pictures.c.size)
_SHOWN: Final = or_(exists().where(message_media.c.media_id == media.c.id), exists().where(waiting_media.c.media_id == media.c.id))


class Media(Repository):
    async def add(self, user_id: int, picture: Picture, data: bytes, thumb: bytes, now: datetime) -> None:
        """Stores a picture for the user, under its id; its bytes only if nobody has it yet."""
        known = self._insert(pictures).values(
            sha256=picture.sha256,
            type=picture.type,
            width=picture.width,
            height=picture.height,
            size=picture.size,
            thumb=thumb,
            data=data,
        )
        # An update that changes nothing locks the row: nobody removes the picture before it has its new owner.
        known = known.on_conflict_do_update(index_elements=["sha256"], set_={"size": known.excluded.size})
        await self._connection.execute(known)
        await self._connection.execute(insert(media).values(id=picture.id, user_id=user_id, sha256=picture.sha256, created_at=now))

    async def find(self, media_id: str, user_id: int) -> MediaRow | None:
        """Returns a picture that the user may see."""
        query = select(*_ABOUT).join(pictures, pictures.c.sha256 == media.c.sha256)
        return await self._one(MediaRow, query.where(media.c.id == media_id, media_in_sight(user_id)))

    async def data(self, sha256: str, *, thumb: bool = False) -> bytes | None:
        """Returns the bytes of a picture or of its thumbnail."""
        query = select(pictures.c.thumb if thumb else pictures.c.data).where(pictures.c.sha256 == sha256)
        data = (await self._connection.execute(query)).scalar()
        return None if data is None else bytes(data)

    async def pictures(self, ids: Iterable[str], *, owner: int | None = None, hold: bool = False) -> dict[str, Picture]:
        """Returns those of these pictures that exist, by id. `owner`: only theirs. `hold`: nobody removes them before this unit of
        work, which shows them, has ended."""
        found: dict[str, Picture] = {}
        for some in _groups(ids):
            query = select(*_ABOUT).join(pictures, pictures.c.sha256 == media.c.sha256).where(media.c.id.in_(some))
            if owner is not None:
                query = query.where(own(media, owner))
            if hold:
                query = query.with_for_update(read=True, key_share=True, of=media)
            for row in await self._all(MediaRow, query):
                found[row.id] = Picture(
                    sha256=row.sha256, id=row.id, type=row.type, width=row.width, height=row.height, size=row.size
                )
        return found

    async def used(self, user_id: int) -> int:
        """Returns the room that the user's pictures take, in bytes."""
        size = func.coalesce(func.sum(pictures.c.size + literal(ROW_BYTES)), 0)
        query = select(size).select_from(media).join(pictures, pictures.c.sha256 == media.c.sha256).where(own(media, user_id))
        return int((await self._connection.execute(query)).scalar_one())

    async def is_shown(self, media_id: str) -> bool:
        """Returns whether a message, sent or waiting, shows this picture."""
        return (await self._connection.execute(select(media.c.id).where(media.c.id == media_id, _SHOWN))).first() is not None

    async def of_session(self, session_id: int) -> list[str]:
        """Returns the ids of the pictures in the session's messages, sent and waiting."""
        sent = (
            select(message_media.c.media_id)
            .join(messages, messages.c.id == message_media.c.message_id)
            .where(messages.c.session_id == session_id)
        )
        waiting = (
            select(waiting_media.c.media_id)
            .join(waiting_messages, waiting_messages.c.id == waiting_media.c.waiting_id)
            .where(waiting_messages.c.session_id == session_id)
        )
        return list((await self._connection.execute(sent.union(waiting))).scalars())

    async def unshown(self, before: datetime, limit: int) -> list[str]:
        """Returns pictures that no message shows, and that are older."""
        query = select(media.c.id).where(media.c.created_at < before, ~_SHOWN).order_by(media.c.created_at).limit(limit)
        return list((await self._connection.execute(query)).scalars())

    async def touch(self, ids: Collection[str], now: datetime) -> None:
        """Lets pictures that no message shows any more stay as long as uploads."""
        if ids:
            await self._changed(update(media).where(media.c.id.in_(ids)).values(created_at=now))

    async def let_go(self, ids: Iterable[str]) -> None:
        """Removes those of these pictures that no message shows."""
        for some in _groups(ids):
            these = media.c.id.in_(some)
            # waits for whoever shows one of them now; the next statement then sees the message
            await self._connection.execute(select(media.c.id).where(these).order_by(media.c.id).with_for_update())
            gone = delete(media).where(these, ~_SHOWN).returning(media.c.sha256)
            await self.forget((await self._connection.execute(gone)).scalars().all())

    async def hashes_of(self, user_id: int) -> list[str]:
        return list((await self._connection.execute(select(media.c.sha256).where(own(media, user_id)).distinct())).scalars())

    async def forget(self, hashes: Iterable[str]) -> None:
        """Removes the bytes of those of these pictures that nobody has any more."""
        for some in _groups(hashes):
            these = pictures.c.sha256.in_(some)
            # waits for whoever stores the same picture now; the next statement then sees its owner
            await self._connection.execute(select(pictures.c.sha256).where(these).order_by(pictures.c.sha256).with_for_update())
            await self._changed(delete(pictures).where(these, ~exists().where(media.c.sha256 == pictures.c.sha256)))


def _groups(names: Iterable[str]) -> Iterator[list[str]]:
    """Yields the names, each once, as many at a time as a statement takes."""
    ordered = sorted(set(names))
    for start in range(0, len(ordered), _AT_ONCE):
        yield ordered[start : start + _AT_ONCE]


async def show(connection: Connection, links: Table, shown: Sequence[tuple[int, Parts]]) -> None:
    """Remembers that messages show the pictures in their parts. `links`: the table for this kind of message, whose first column
    names it. Pictures that are not stored, or shown already as those of a continued reply, are passed over."""
    owner = next(iter(links.c))
    for message_id, parts in shown:
        if ids := {image.id for image in images_of(parts)}:
            known = exists().where(owner == message_id, links.c.media_id == media.c.id)
            source = select(literal(message_id), media.c.id).where(media.c.id.in_(ids), ~known)
            await connection.execute(insert(links).from_select([owner.name, "media_id"], source))
