"""Folders of sessions. Each query includes the person who asks."""

import unicodedata
from typing import Any, Final

from sqlalchemy import delete, func, insert, select, update

from lam.storage.access import Action, folders_open, own
from lam.storage.connection import Connection
from lam.storage.models import Folder
from lam.storage.repositories.base import Repository, Touched
from lam.storage.schema import folders, sessions

_FOLDER: Final = tuple(column for column in folders.c if column.name != "folded")


class Folders(Repository):
    """The folders table. Each method that changes a folder adds it to `touched`."""

    def __init__(self, connection: Connection, touched: Touched) -> None:
        super().__init__(connection)
        self._touched = touched

    async def add(self, **values: Any) -> Folder:
        """Raises Conflict (from the unit of work) for a name that the user has."""
        statement = insert(folders).values(**values, folded=_folded(values["name"])).returning(folders.c.id)
        folder = Folder(id=await self._inserted(statement), **values)
        self._touched.folder(folder)
        return folder

    async def find(self, folder_id: int, user_id: int, action: Action, *, lock: bool = False) -> Folder | None:
        """Returns a folder, None unless the user may do `action` with it. `lock`: nobody else can change it until this unit of
        work ends."""
        query = select(*_FOLDER).where(folders.c.id == folder_id, folders_open(action, user_id))
        return await self._one(Folder, query.with_for_update() if lock else query)

    async def named(self, user_id: int, name: str) -> Folder | None:
        """Returns the user's folder of this name, whatever its case."""
        return await self._one(Folder, select(*_FOLDER).where(own(folders, user_id), folders.c.folded == _folded(name)))

    async def of_user(self, user_id: int) -> list[Folder]:
        """Returns the user's folders, by name."""
        query = select(*_FOLDER).where(folders_open("read", user_id))
        return await self._all(Folder, query.order_by(folders.c.folded))

    async def count(self, user_id: int) -> int:
        query = select(func.count()).where(own(folders, user_id))
        return int((await self._connection.execute(query)).scalar_one())

    async def change(self, folder_id: int, **values: Any) -> Folder:
        """Raises Conflict (from the unit of work) for a name that the user has."""
        folded = {"folded": _folded(values["name"])} if "name" in values else {}
        await self._changed(update(folders).where(folders.c.id == folder_id).values(**values, **folded))
        folder = await self._one(Folder, select(*_FOLDER).where(folders.c.id == folder_id))
        assert folder is not None
        self._touched.folder(folder)
        return folder

    async def delete(self, folder_id: int, owner: int) -> None:
        """Deletes a folder, which the caller has locked. Its sessions are outside of folders from then on."""
        await self._changed(update(sessions).where(sessions.c.folder_id == folder_id).values(folder_id=None))
        await self._changed(delete(folders).where(folders.c.id == folder_id))
        self._touched.folder_gone(folder_id, owner)


def _folded(name: str) -> str:
    """Returns the name without differences of case, composed. Up to four times as long as the name."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", name).casefold())
