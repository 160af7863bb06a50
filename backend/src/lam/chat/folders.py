"""Folders of sessions: one level, with a name, and with what a new session in them starts with.

It knows no run. Which session is in which folder is a column of the session: see `chat/sessions.py`.
"""

import unicodedata
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Final

from lam.engines.catalog import Catalog
from lam.errors import Conflict, FolderExists, Invalid, NotFound, TooManyFolders
from lam.storage.access import Action
from lam.storage.database import Database, UnitOfWork
from lam.storage.models import Folder

FOLDERS_OF_USER: Final = 100
LONGEST_NAME: Final = 80


class Folders:
    """The folders of all users. Every method treats another user's folder as missing."""

    def __init__(self, database: Database, catalog: Catalog, *, most: int = FOLDERS_OF_USER) -> None:
        """`most`: folders per user."""
        self._database = database
        self._catalog = catalog
        self._most = most

    async def all(self, user_id: int) -> list[Folder]:
        async with self._database.read() as unit:
            return await unit.folders.of_user(user_id)

    async def add(self, user_id: int, name: str, system_prompt: str | None, model: str | None) -> Folder:
        """Raises Invalid, UnknownModel, FolderExists, TooManyFolders."""
        name = cleaned(name)
        if model is not None:
            await self._catalog.require_model(model, user_id)
        async with self._changing() as unit:
            return await add_folder(unit, user_id, name, self._most, system_prompt=system_prompt, model=model)

    async def change(self, user_id: int, folder_id: int, changes: Mapping[str, Any]) -> Folder:
        """Changes name, system_prompt or model; None clears one of the last two. Sessions that exist keep what they have. Raises
        NotFound, Invalid, UnknownModel, FolderExists."""
        values = dict(changes)
        if "name" in values:
            values["name"] = cleaned(values["name"])
        if values.get("model") is not None:
            await self._catalog.require_model(values["model"], user_id)
        async with self._changing() as unit:
            folder = await require_folder(unit, folder_id, user_id, "change", lock=True)
            if "name" in values:
                same = await unit.folders.named(user_id, values["name"])
                if same is not None and same.id != folder_id:
                    raise FolderExists
            return await unit.folders.change(folder_id, **values) if values else folder

    async def delete(self, user_id: int, folder_id: int) -> None:
        """Deletes a folder. Its sessions, running ones too, go on outside of folders."""
        async with self._database.write() as unit:
            folder = await require_folder(unit, folder_id, user_id, "delete", lock=True)
            await unit.folders.delete(folder_id, folder.user_id)

    @asynccontextmanager
    async def _changing(self) -> AsyncIterator[UnitOfWork]:
        """A unit of work in which two of the same name at once are refused as one after the other."""
        try:
            async with self._database.write() as unit:
                yield unit
        except Conflict as error:
            if type(error) is Conflict:
                raise FolderExists from error
            raise


async def require_folder(unit: UnitOfWork, folder_id: int, user_id: int, action: Action, *, lock: bool = False) -> Folder:
    """Returns the folder. Raises NotFound when it does not exist or the user may not do `action` with it. Who locks a folder and a
    session locks the folder first."""
    folder = await unit.folders.find(folder_id, user_id, action, lock=lock)
    if folder is None:
        raise NotFound("There is no such folder.")
    return folder


async def add_folder(
    unit: UnitOfWork, user_id: int, name: str, most: int, *, system_prompt: str | None = None, model: str | None = None
) -> Folder:
    """Raises FolderExists, TooManyFolders. `most`: folders per user."""
    if await unit.folders.named(user_id, name) is not None:
        raise FolderExists
    if await unit.folders.count(user_id) >= most:
        raise TooManyFolders
    return await unit.folders.add(
        user_id=user_id, name=name, system_prompt=system_prompt, model=model, created_at=datetime.now(UTC)
    )


async def folder_for(unit: UnitOfWork, user_id: int, name: str, most: int) -> Folder:
    """Returns the user's folder of this name, a new one if there is none. Raises Invalid, TooManyFolders."""
    name = cleaned(name)
    return await unit.folders.named(user_id, name) or await add_folder(unit, user_id, name, most)


def cleaned(name: str) -> str:
    """Returns a name on one line, without spaces around it. Raises Invalid for one that nobody could see, or that is too long."""
    name = " ".join(name.split())
    if not any(unicodedata.category(character)[0] not in "CZ" for character in name):
        raise Invalid("name: a folder needs a name that can be seen.")
    if len(name) > LONGEST_NAME:
        raise Invalid(f"name: a folder's name has up to {LONGEST_NAME} characters.")
    return name
