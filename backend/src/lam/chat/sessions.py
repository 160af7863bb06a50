"""Creates, lists, changes, moves, resets and deletes sessions. It must not know how a reply is made."""

import secrets
from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from lam.chat.folders import require_folder
from lam.chat.sink import session_key
from lam.chat.templates import prompt_changes
from lam.chat.terms import lasting_terms
from lam.chat.titles import DEFAULT_TITLE
from lam.engines.catalog import Catalog
from lam.errors import Invalid, NotAllowed, NotFound, TooManyPinned, TooManySessions
from lam.generation.remote import AnyRun
from lam.generation.supervisor import Supervisor
from lam.protocol.sampling import NAMES
from lam.storage.access import MEANING, Action, Role
from lam.storage.contention import repeat_contended
from lam.storage.database import Database, UnitOfWork
from lam.storage.models import Session
from lam.storage.repositories.sessions import Outside
from lam.storage.repositories.users import session_scope

PINNED_OF_USER: Final = 100
# The gateway sets `_OWN`, and `_RULED` have rules of their own. All others keep the caller's value, or else have this default.
_RULED: Final = {"title", "title_pending", "template_version", "leaf_id", "folder_id"}
_OWN: Final = {"id", "user_id", "session_key", "message_count", "unread", "created_at", "updated_at", "last_used_at", "role"} | {
    "room_id",
    "is_shared",
}
_TUNING: Final = {"model", *NAMES}
_PLAIN: Final = {
    field.name: None if field.required else field.default
    for field in msgspec.structs.fields(Session)
    if field.name not in _RULED | _OWN
}


class Sessions:
    """The sessions of all users. A session in which the user has no role counts as missing."""

    def __init__(
        self, database: Database, catalog: Catalog, supervisor: Supervisor, *, most: int, most_pinned: int = PINNED_OF_USER
    ) -> None:
        """`most`: how many sessions a user may have. `most_pinned`: how many of them may stay at the top of the list."""
        self._most = most
        self._most_pinned = most_pinned
        self._database = database
        self._catalog = catalog
        self._supervisor = supervisor

    async def create(self, user_id: int, **fields: Any) -> Session:
        """Creates a session. `fields`: title, folder_id, template_id, variables, system_prompt, model, pinned, and sampling
        settings by name. Where system_prompt or model is absent, the folder's is copied.

        Raises NotFound, Invalid, UnknownModel, TooManySessions, TooManyPinned.
        """
        if fields.get("model") is not None:
            await self._catalog.require_model(fields["model"], user_id)
        now = datetime.now(UTC)
        title = fields.get("title")
        values: dict[str, Any] = _PLAIN | _plain(fields)
        values |= {"model": values["model"] or None, "template_id": None, "template_version": None, "system_prompt": None}
        values |= {"folder_id": fields.get("folder_id")}
        async with self._database.write() as unit:
            await require_room(unit, user_id, self._most)
            if values["pinned"]:
                await self._require_pin(unit, user_id)
            if values["folder_id"] is not None:
                folder = await require_folder(unit, values["folder_id"], user_id, "change", lock=True)
                values |= {"system_prompt": None if "system_prompt" in fields else folder.system_prompt}
                values |= {} if "model" in fields else {"model": folder.model}
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

    async def newest(
        self,
        user_id: int,
        *,
        limit: int | None = None,
        before: tuple[datetime, int] | None = None,
        folder: int | Outside | None = None,
        pinned: bool | None = None,
    ) -> list[tuple[Session, str | None]]:
        """Returns sessions with the beginning of their newest message, last used first. Raises NotFound for a folder.

        With `limit` it is a page: the first page (no `before`) begins with all pinned sessions, and then each page has up to
        `limit` others, those behind the place `before`. The other parameters are those of the repository.
        """
        async with self._database.read() as unit:
            if isinstance(folder, int):
                await require_folder(unit, folder, user_id, "read")
            if limit is None or pinned is True:
                return await unit.sessions.newest(user_id, before=before, folder=folder, pinned=pinned)
            first: list[tuple[Session, str | None]] = []
            if before is None and pinned is None:
                first = await unit.sessions.newest(user_id, folder=folder, pinned=True)
            return first + await unit.sessions.newest(user_id, limit=limit, before=before, folder=folder, pinned=False)

    async def listed(self, session_ids: Collection[int]) -> list[tuple[Session, str | None]]:
        """Returns those of the sessions that exist, of any owner. The caller must show each only to its people."""
        async with self._database.read() as unit:
            return await unit.sessions.listed(session_ids)

    async def people(self, session_ids: Collection[int]) -> dict[int, dict[int, Role]]:
        """Returns everybody who may read these sessions, each with a role."""
        async with self._database.read() as unit:
            return await unit.members.people(session_ids)

    async def may_read(self, pairs: Collection[tuple[int, int]]) -> set[tuple[int, int]]:
        """Returns those of these sessions, each with a person, that the person may read."""
        async with self._database.read() as unit:
            return await unit.members.readers(pairs)

    async def get(self, user_id: int, session_id: int) -> Session:
        return await self._find(user_id, session_id, "read")

    async def _find(self, user_id: int, session_id: int, action: Action) -> Session:
        async with self._database.read() as unit:
            return await require_session(unit, session_id, user_id, action)

    async def change(self, user_id: int, session_id: int, changes: dict[str, Any]) -> Session:
        """Changes columns; None clears one. The next message uses the new values. Another folder changes nothing else. Raises
        NotFound, NotAllowed, Invalid, UnknownModel, TooManyPinned."""
        actions = actions_of(changes)
        for action in actions:
            await self._find(user_id, session_id, action)
        if changes.get("model") is not None:
            await self._catalog.require_model(changes["model"], user_id)
        values = _plain(changes)
        if "title" in changes:
            values |= {"title": changes["title"] or DEFAULT_TITLE, "title_pending": not changes["title"]}
        if changes.get("template_id", 0) is None:
            values["template_version"] = None
        async with self._database.write() as unit:
            if "folder_id" in changes:
                values["folder_id"] = changes["folder_id"]
            if values.get("folder_id") is not None:
                await require_folder(unit, values["folder_id"], user_id, "change", lock=True)
            for action in actions:
                session = await require_session(unit, session_id, user_id, action, lock=True)
            terms, _ = await lasting_terms(unit, session, user_id)
            if "model" in changes:
                terms.require_model(changes["model"])
            if values.get("pinned") and not session.pinned:
                await self._require_pin(unit, user_id)
            prompt = (changes.get("template_id"), changes.get("variables"), changes.get("system_prompt"))
            from_template = await prompt_changes(unit, user_id, session, *prompt)
            values = from_template | values  # the request takes precedence over the template
            if changes.get("active_message_id") is not None:
                values["leaf_id"] = await _leaf(unit, session_id, changes["active_message_id"])
            await unit.sessions.change(session_id, **values, updated_at=datetime.now(UTC))
        return await self.get(user_id, session_id)

    async def reset(self, user_id: int, session_id: int) -> Session:
        """Removes all messages, also those that wait, and gives the session a new key. Stops a running reply first."""
        await self._find(user_id, session_id, "empty")
        await self._supervisor.end_key(session_key(session_id))

        async def empty() -> None:
            async with self._database.write() as unit:
                session = await require_session(unit, session_id, user_id, "empty", lock=True)
                shown = await unit.media.of_session(session_id)
                await unit.messages.delete_all(session_id)
                await unit.waiting.delete_all(session_id)
                await unit.media.let_go(shown)
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

        await repeat_contended(empty)
        await self._supervisor.end_key(session_key(session_id))
        return await self.get(user_id, session_id)

    async def delete(self, user_id: int, session_id: int) -> None:
        """Removes the session and its messages. Stops a running reply first. Raises NotFound, NotAllowed in a room."""
        await self._find(user_id, session_id, "delete")
        await self._supervisor.end_key(session_key(session_id))

        async def remove() -> None:
            async with self._database.write() as unit:
                await require_session(unit, session_id, user_id, "delete", lock=True)  # it may be somebody else's now
                shown = await unit.media.of_session(session_id)
                await unit.sessions.delete(session_id)
                await unit.users.delete_guests([session_scope(session_id)])
                await unit.media.let_go(shown)

        await repeat_contended(remove)
        await self._supervisor.end_key(session_key(session_id))

    async def end_runs_of_account(self, user_id: int, gone: Collection[int]) -> None:
        """Stops the runs of an account that is deleted, and those of others in its sessions. `gone`: sessions that are deleted.
        Raises SessionBusy."""
        await self._supervisor.end_user(user_id)
        async with self._database.read() as unit:
            shared = await unit.members.by_own_session(user_id)
        for session_id in {*shared, *gone}:
            await self._supervisor.end_key(session_key(session_id))

    async def _require_pin(self, unit: UnitOfWork, user_id: int) -> None:
        """Raises TooManyPinned when no other session may stay at the top: the first page comes with all of them."""
        if await unit.sessions.count_pinned(user_id) >= self._most_pinned:
            raise TooManyPinned

    def running(self, session_id: int) -> AnyRun | None:
        return self._supervisor.of_key(session_key(session_id))


def actions_of(changes: Collection[str]) -> list[Action]:
    """Returns what somebody must be allowed to do who changes these fields of a session."""
    kinds: dict[Action, bool] = {
        "branch": "active_message_id" in changes,
        "tune": not _TUNING.isdisjoint(changes),
        "change": not changes or not _TUNING.issuperset(set(changes) - {"active_message_id"}),
    }
    return [action for action, is_needed in kinds.items() if is_needed]


def in_role(session: Session, role: Role) -> Session:
    """Returns a session as somebody with this role sees it: the folder, the pin and the mark of an unread reply are its owner's,
    and nobody else reads the system prompt."""
    if role == "owner":
        return session
    theirs: dict[str, Any] = {"folder_id": None, "pinned": False, "unread": False}
    prompt: dict[str, Any] = {"system_prompt": None, "template_id": None, "template_version": None}
    return msgspec.structs.replace(session, role=role, **theirs, **prompt)


def _plain(fields: dict[str, Any]) -> dict[str, Any]:
    """Returns the fields without rules; None becomes the field's default."""
    return {name: _PLAIN[name] if value is None else value for name, value in fields.items() if name in _PLAIN}


async def require_session(unit: UnitOfWork, session_id: int, user_id: int, action: Action, *, lock: bool = False) -> Session:
    """Returns the session. Raises NotFound when it does not exist or the user may not read it, NotAllowed when the user may read it
    and may not do `action` with it."""
    session = await unit.sessions.find(session_id, user_id, action, lock=lock)
    if session is None:
        if action != "read" and await unit.sessions.find(session_id, user_id, "read") is not None:
            raise NotAllowed(f"In this session you may not do this: {MEANING[action]}.")
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
