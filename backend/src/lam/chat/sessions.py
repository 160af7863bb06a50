"""Creates, lists, changes, resets and deletes sessions. It must not know how a reply is made."""

import secrets
from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from lam.chat.sink import session_key
from lam.chat.templates import prompt_changes
from lam.chat.titles import DEFAULT_TITLE
from lam.engines.catalog import Catalog
from lam.errors import Invalid, NotFound, TooManySessions
from lam.generation.run import Run
from lam.generation.supervisor import Supervisor
from lam.storage.access import Action
from lam.storage.database import Database, UnitOfWork
from lam.storage.models import Session

# The gateway sets `_OWN`, and `_RULED` have rules of their own. All others keep the caller's value, or else have this default.
_RULED: Final = {"title", "title_pending", "template_version", "leaf_id"}
_OWN: Final = {"id", "user_id", "session_key", "message_count", "unread", "created_at", "updated_at", "last_used_at"}
_PLAIN: Final = {
    field.name: None if field.required else field.default
    for field in msgspec.structs.fields(Session)
    if field.name not in _RULED | _OWN
}


class Sessions:
    """The sessions of all users. Every method treats another user's session as missing."""

    def __init__(self, database: Database, catalog: Catalog, supervisor: Supervisor, *, most: int) -> None:
        """`most`: how many sessions a user may have."""
        self._most = most
        self._database = database
        self._catalog = catalog
        self._supervisor = supervisor

    async def create(self, user_id: int, **fields: Any) -> Session:
        """Creates a session. `fields`: title, template_id, variables, system_prompt, model, and sampling settings by name.

        Raises NotFound, Invalid, UnknownModel, TooManySessions.
        """
        if fields.get("model") is not None:
            await self._catalog.require_model(fields["model"])
        now = datetime.now(UTC)
        title = fields.get("title")
        values: dict[str, Any] = _PLAIN | _plain(fields)
        values |= {"model": values["model"] or None, "template_id": None, "template_version": None, "system_prompt": None}
        async with self._database.write() as unit:
            await require_room(unit, user_id, self._most)
            prompt = (fields.get("template_id"), fields.get("variables"), fields.get("system_prompt"))
            values |= {"title": DEFAULT_TITLE, "title_pending": True} | await prompt_changes(unit, user_id, None, *prompt)
            if title:
                values |= {"title": title, "title_pending": False}
            return await unit.sessions.add(
                **values,
                user_id=user_id,
                session_key=new_key(user_id),
                message_count=0,
                leaf_id=None,
                unread=False,
                created_at=now,
                updated_at=now,
                last_used_at=now,
            )

    async def newest(self, user_id: int) -> list[tuple[Session, str | None]]:
        async with self._database.read() as unit:
            return await unit.sessions.newest(user_id)

    async def listed(self, session_ids: Collection[int]) -> list[tuple[Session, str | None]]:
        """Returns those of the sessions that exist, of any owner. The caller must show each only to its owner."""
        async with self._database.read() as unit:
            return await unit.sessions.listed(session_ids)

    async def get(self, user_id: int, session_id: int) -> Session:
        return await self._find(user_id, session_id, "read")

    async def _find(self, user_id: int, session_id: int, action: Action) -> Session:
        async with self._database.read() as unit:
            return await require_session(unit, session_id, user_id, action)

    async def change(self, user_id: int, session_id: int, changes: dict[str, Any]) -> Session:
        """Changes columns; None clears one. The next message uses the new values."""
        await self._find(user_id, session_id, "change")
        if changes.get("model") is not None:
            await self._catalog.require_model(changes["model"])
        values = _plain(changes)
        if "title" in changes:
            values |= {"title": changes["title"] or DEFAULT_TITLE, "title_pending": not changes["title"]}
        if changes.get("template_id", 0) is None:
            values["template_version"] = None
        async with self._database.write() as unit:
            session = await require_session(unit, session_id, user_id, "change", lock=True)
            prompt = (changes.get("template_id"), changes.get("variables"), changes.get("system_prompt"))
            from_template = await prompt_changes(unit, user_id, session, *prompt)
            values = from_template | values  # the request takes precedence over the template
            if changes.get("active_message_id") is not None:
                values["leaf_id"] = await _leaf(unit, session_id, changes["active_message_id"])
            await unit.sessions.change(session_id, **values, updated_at=datetime.now(UTC))
        return await self.get(user_id, session_id)

    async def reset(self, user_id: int, session_id: int) -> Session:
        """Removes all messages and gives the session a new key. Stops a running reply first."""
        await self._find(user_id, session_id, "empty")
        await self._supervisor.end_key(session_key(session_id))
        async with self._database.write() as unit:
            session = await require_session(unit, session_id, user_id, "empty", lock=True)
            await unit.messages.delete_all(session_id)
            await unit.requests.forget_session(session_id)
            await unit.sessions.change(
                session_id,
                title=DEFAULT_TITLE if session.title_pending else session.title,
                session_key=new_key(user_id),
                message_count=0,
                leaf_id=None,
                unread=False,
                updated_at=datetime.now(UTC),
            )
        await self._supervisor.end_key(session_key(session_id))
        return await self.get(user_id, session_id)

    async def delete(self, user_id: int, session_id: int) -> None:
        """Removes the session and its messages. Stops a running reply first."""
        await self._find(user_id, session_id, "delete")
        await self._supervisor.end_key(session_key(session_id))
        async with self._database.write() as unit:
            await unit.sessions.delete(session_id)
        await self._supervisor.end_key(session_key(session_id))

    def running(self, session_id: int) -> Run | None:
        return self._supervisor.of_key(session_key(session_id))


def _plain(fields: dict[str, Any]) -> dict[str, Any]:
    """Returns the fields without rules; None becomes the field's default."""
    return {name: _PLAIN[name] if value is None else value for name, value in fields.items() if name in _PLAIN}


async def require_session(unit: UnitOfWork, session_id: int, user_id: int, action: Action, *, lock: bool = False) -> Session:
    """Returns the session. Raises NotFound when it does not exist or the user may not do `action` with it."""
    session = await unit.sessions.find(session_id, user_id, action, lock=lock)
    if session is None:
        raise NotFound("There is no such session.")
    return session


async def require_room(unit: UnitOfWork, user_id: int, most: int) -> None:
    """Raises TooManySessions when there is no room for another session."""
    if await unit.sessions.count(user_id) >= most:
        raise TooManySessions(
            f"You have {most} sessions, as many as this gateway keeps for one person; delete some, then try again."
        )


async def _leaf(unit: UnitOfWork, session_id: int, message_id: int) -> int:
    """Returns the last message of the branch that contains this message."""
    if await unit.messages.in_session(message_id, session_id) is None:
        raise Invalid(f"active_message_id: message {message_id} is not in this session.")
    return await unit.messages.newest_leaf(session_id, message_id)


def new_key(user_id: int) -> str:
    """Returns a new, unique session_key."""
    return f"user{user_id}-{secrets.token_hex(5)}"
