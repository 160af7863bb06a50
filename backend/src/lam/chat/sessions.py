"""Sessions: create, list, change, reset, delete."""

import secrets
from datetime import UTC, datetime
from typing import Any, Final

from lam.chat.models import require_model
from lam.chat.templates import require_template
from lam.engines.base import Engine
from lam.errors import NotFound
from lam.generation.run import Run
from lam.generation.supervisor import Supervisor
from lam.storage.database import Database
from lam.storage.models import Session

DEFAULT_TITLE: Final = "New Chat"


class Sessions:
    """Another user's session is not found, whatever is asked of it."""

    def __init__(self, database: Database, engine: Engine, supervisor: Supervisor) -> None:
        self._database = database
        self._engine = engine
        self._supervisor = supervisor

    async def create(self, user_id: int, **given: Any) -> Session:
        """`given`: title, template_id, system_prompt, temperature, top_p, max_tokens, model. Raises NotFound, UnknownModel."""
        if given.get("model") is not None:
            await require_model(self._engine, given["model"])
        now = datetime.now(UTC)
        values: dict[str, Any] = dict.fromkeys(("template_id", "system_prompt", "temperature", "top_p", "max_tokens", "model")) | {
            key: value for key, value in given.items() if value not in (None, "") or key == "system_prompt"
        }
        async with self._database.write() as unit:
            if values["template_id"] is not None:
                template = await require_template(unit, values["template_id"], user_id)
                values = {"title": template.title} | values
                if values["system_prompt"] is None:
                    values["system_prompt"] = template.content
            return await unit.sessions.add(
                **({"title": DEFAULT_TITLE} | values),
                user_id=user_id,
                session_key=_new_key(user_id),
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

    async def get(self, user_id: int, session_id: int) -> Session:
        async with self._database.read() as unit:
            session = await unit.sessions.owned(session_id, user_id)
        if session is None:
            raise NotFound("There is no such session.")
        return session

    async def change(self, user_id: int, session_id: int, changes: dict[str, Any]) -> Session:
        """Sets what is given, null clears. In force from the next message."""
        await self.get(user_id, session_id)
        if changes.get("model") is not None:
            await require_model(self._engine, changes["model"])
        changes = changes | {"updated_at": datetime.now(UTC)}
        if "title" in changes:
            changes["title"] = changes["title"] or DEFAULT_TITLE
        async with self._database.write() as unit:
            if changes.get("template_id") is not None:
                template = await require_template(unit, changes["template_id"], user_id)
                changes = {"system_prompt": template.content} | changes
            await unit.sessions.change(session_id, **changes)
        return await self.get(user_id, session_id)

    async def reset(self, user_id: int, session_id: int) -> Session:
        """A new key and no messages; a running reply is stopped first."""
        await self.get(user_id, session_id)
        await self._supervisor.end_session(session_id)
        async with self._database.write() as unit:
            await unit.messages.delete_all(session_id)
            await unit.requests.forget_session(session_id)
            await unit.sessions.change(
                session_id,
                session_key=_new_key(user_id),
                message_count=0,
                leaf_id=None,
                unread=False,
                updated_at=datetime.now(UTC),
            )
        await self._supervisor.end_session(session_id)
        return await self.get(user_id, session_id)

    async def delete(self, user_id: int, session_id: int) -> None:
        """Removes the session with its messages; a running reply is stopped first."""
        await self.get(user_id, session_id)
        await self._supervisor.end_session(session_id)
        async with self._database.write() as unit:
            await unit.sessions.delete(session_id)
        await self._supervisor.end_session(session_id)

    def running(self, session_id: int) -> Run | None:
        return self._supervisor.in_session(session_id)


def _new_key(user_id: int) -> str:
    return f"user{user_id}-{secrets.token_hex(5)}"
