"""Messages, and the client_request_ids that started them.

It must not decide which messages a model gets.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Executable,
    RowMapping,
    Select,
    bindparam,
    delete,
    exists,
    insert,
    literal,
    or_,
    select,
    text,
    update,
)

from lam.protocol.facts import NOTHING, Facts, from_row
from lam.protocol.parts import Parts, from_stored, older_parts, to_stored, written_form
from lam.storage.access import Action, own, sessions_open
from lam.storage.models import Ending, Message, ReplyEnding, SentRequest
from lam.storage.repositories.base import QUICK, Repository, Values
from lam.storage.repositories.media import show
from lam.storage.schema import message_media, messages, requests, sessions

WHOLE_PATH = 1_000_000
PAGE = 500
REQUESTS_OF_USER: Final = 10_000
TIDY_EVERY: Final = 64
_ADD = insert(messages).returning(messages.c.id).execution_options(**QUICK)
_REWRITE = update(messages).where(messages.c.id == bindparam("finished"))
_FINISH = _REWRITE.where(messages.c.status == "streaming")
_FINISH_SMALL = _FINISH.execution_options(**QUICK)
_SMALL: Final = 20_000  # characters of a reply with its thoughts
_OWNER = select(messages.c.session_id).where(messages.c.id == bindparam("finished")).scalar_subquery()
_USED = update(sessions).where(sessions.c.id == _OWNER).execution_options(**QUICK)


def _path() -> Select[Any]:
    """Returns a query for the newest `most` messages on the path from the first one to `leaf`, oldest first."""
    start = select(messages.c.id, messages.c.parent_id, literal(1).label("depth")).where(messages.c.id == bindparam("leaf"))
    path = start.cte("path", recursive=True)
    above = select(messages.c.id, messages.c.parent_id, path.c.depth + 1).where(
        messages.c.id == path.c.parent_id, path.c.depth < bindparam("most")
    )
    path = path.union_all(above)
    return select(messages).join(path, path.c.id == messages.c.id).order_by(messages.c.id)


_PATH = _path()


class Messages(Repository):
    async def add(self, parts: Parts = (), facts: Facts = NOTHING, **values: Any) -> int:
        """Adds a message and returns its id. `values`: the other columns."""
        added = await self._inserted(_ADD, values | _columns(parts, facts))
        await show(self._connection, message_media, [(added, parts)])
        return added

    async def path(self, leaf_id: int | None, limit: int = WHOLE_PATH) -> list[Message]:
        """Returns the newest `limit` messages on the path from the first message to `leaf_id`, oldest first."""
        if leaf_id is None:
            return []
        return await self._messages(_PATH, {"leaf": leaf_id, "most": limit})

    async def by_stream(self, stream_id: str, user_id: int, action: Action) -> Message | None:
        """Returns the reply of a stream, None unless the user may do `action` in its session."""
        query = (
            select(messages)
            .join(sessions, sessions.c.id == messages.c.session_id)
            .where(messages.c.stream_id == stream_id, sessions_open(action, user_id))
        )
        return await self._message(query)

    async def of_stream(self, stream_id: str) -> Message | None:
        """Returns the reply of a stream, whoever asks: for the gateway itself."""
        return await self._message(select(messages).where(messages.c.stream_id == stream_id))

    async def find(self, message_id: int, user_id: int, action: Action) -> Message | None:
        """Returns a message, None unless the user may do `action` in its session."""
        query = select(messages).join(sessions, sessions.c.id == messages.c.session_id)
        return await self._message(query.where(messages.c.id == message_id, sessions_open(action, user_id)))

    async def rate(self, message_id: int, rating: str | None) -> None:
        await self._changed(update(messages).where(messages.c.id == message_id).values(rating=rating))

    async def by_id(self, message_id: int) -> Message | None:
        return await self._message(select(messages).where(messages.c.id == message_id))

    async def in_session(self, message_id: int, session_id: int) -> Message | None:
        return await self._message(select(messages).where(messages.c.id == message_id, messages.c.session_id == session_id))

    async def siblings(self, session_id: int, parent_ids: Sequence[int | None]) -> dict[int | None, list[int]]:
        """Returns the ids of the children of each parent (None: the first messages) in order of creation, without those that a
        later one continues and replaces."""
        known = [parent for parent in parent_ids if parent is not None]
        parent: ColumnElement[bool] = messages.c.parent_id.in_(known)
        if None in parent_ids:
            parent = or_(parent, messages.c.parent_id.is_(None))
        later = messages.alias("later")
        query = (
            select(messages.c.parent_id, messages.c.id)
            .where(messages.c.session_id == session_id, parent, ~exists().where(later.c.continues_id == messages.c.id))
            .order_by(messages.c.id)
        )
        children: dict[int | None, list[int]] = {}
        for parent_id, message_id in await self._connection.execute(query):
            children.setdefault(parent_id, []).append(message_id)
        return children

    async def replies_under(self, session_id: int, parent_ids: Sequence[int]) -> list[ReplyEnding]:
        """Returns all replies to these messages, on any branch."""
        query = select(
            messages.c.parent_id, (messages.c.content != "").label("has_text"), messages.c.metadata, messages.c.error
        ).where(messages.c.session_id == session_id, messages.c.role == "assistant", messages.c.parent_id.in_(parent_ids))
        rows = await self._connection.execute(query)
        endings = [(row[0], bool(row[1]), from_row(row[2], None, None, row[3])) for row in rows]
        return [ReplyEnding(parent_id, has_text, facts.finish_reason, facts.failure) for parent_id, has_text, facts in endings]

    async def newest_leaf(self, session_id: int, message_id: int) -> int:
        """Returns the end of the branch through this message, following the newest child each time."""
        query = select(messages.c.id, messages.c.parent_id).where(
            messages.c.session_id == session_id, messages.c.id >= message_id, messages.c.parent_id.is_not(None)
        )
        newest = {parent: child for child, parent in await self._connection.execute(query.order_by(messages.c.id))}
        while message_id in newest:
            message_id = newest[message_id]
        return message_id

    async def all(self, session_id: int) -> list[Message]:
        """Returns every message of the session, on any branch, in order of creation."""
        result: list[Message] = []
        while True:
            last = result[-1].id if result else 0
            query = select(messages).where(messages.c.session_id == session_id, messages.c.id > last).order_by(messages.c.id)
            page = await self._messages(query.limit(PAGE))  # in pages: converting rows blocks the event loop
            result.extend(page)
            if len(page) < PAGE:
                return result

    async def add_tree(
        self,
        rows: Sequence[dict[str, Any]],
        parents: Sequence[int | None],
        continued: Sequence[int | None],
        *,
        under: int | None = None,
    ) -> list[int]:
        """Adds many messages and returns their ids. `rows`: arguments of `add`. `parents`, `continued`: positions in `rows`,
        each before its own. `under`: the message above those without a parent."""
        ids = await self._reserved(len(rows))
        linked = [
            _values(**row) | {"id": own, "parent_id": under if parent is None else ids[parent], "continues_id": _at(ids, before)}
            for own, row, parent, before in zip(ids, rows, parents, continued, strict=True)
        ]
        for start in range(0, len(linked), PAGE):
            await self._connection.execute(insert(messages), linked[start : start + PAGE])
        await show(self._connection, message_media, [(own, row["parts"]) for own, row in zip(ids, rows, strict=True)])
        return ids

    async def _reserved(self, count: int) -> list[int]:
        """Returns ids that nobody else will get. In SQLite this unit of work is the only writer."""
        if self._connection.dialect.name == "postgresql":
            sequence = "SELECT nextval(pg_get_serial_sequence('messages', 'id')) FROM generate_series(1, :count)"
            return sorted((await self._connection.execute(text(sequence), {"count": count})).scalars())
        newest = (await self._connection.execute(text("SELECT seq FROM sqlite_sequence WHERE name = 'messages'"))).scalar()
        return list(range((newest or 0) + 1, (newest or 0) + 1 + count))

    async def finish(self, message_id: int, ending: Ending, now: datetime) -> bool:
        """Stores the ending of a message, once. Returns False, and changes nothing, when it had ended already or is gone."""
        finished = {"finished": message_id}
        if not await self._end(_FINISH_SMALL if _is_small(ending) else _FINISH, message_id, ending):
            return False
        changes: dict[str, Any] = {"updated_at": now, "last_used_at": now}
        if ending.unread:
            changes["unread"] = True
        await self._changed(_USED, finished | changes)
        return True

    async def sign(self, session_id: int, author: int) -> None:
        """Writes the author on the turns that have none, because they were the owner's."""
        mine = (messages.c.session_id == session_id, messages.c.role == "user", messages.c.author_id.is_(None))
        await self._changed(update(messages).where(*mine).values(author_id=author))

    async def rewrite(self, message_id: int, ending: Ending) -> None:
        """Gives a reply that has ended another content."""
        await self._end(_REWRITE, message_id, ending)

    async def _end(self, query: Executable, message_id: int, ending: Ending) -> bool:
        values = {"status": ending.status, "thinking": ending.thinking, **_columns(ending.parts, ending.facts)}
        if not await self._changed(query, {"finished": message_id} | values):
            return False
        await show(self._connection, message_media, [(message_id, ending.parts)])
        return True

    async def delete_all(self, session_id: int) -> None:
        await self._changed(delete(messages).where(messages.c.session_id == session_id))

    async def _message(self, query: Executable) -> Message | None:
        row = (await self._connection.execute(query)).first()
        return None if row is None else _value(row._mapping)

    async def _messages(self, query: Executable, values: Values | None = None) -> list[Message]:
        return [_value(row._mapping) for row in await self._connection.execute(query, values)]


def _is_small(ending: Ending) -> bool:
    is_text = to_stored(ending.parts) is None
    return is_text and len(written_form(ending.parts)) + len(ending.thinking or "") <= _SMALL


def _columns(parts: Parts, facts: Facts) -> dict[str, Any]:
    return {"content": written_form(parts), "parts": to_stored(parts), **facts.to_row()}


def _values(parts: Parts, facts: Facts, **others: Any) -> dict[str, Any]:
    return others | _columns(parts, facts)


def _value(row: RowMapping) -> Message:
    fields = dict(row)
    about, usage, timings, error = (fields.pop(name) for name in ("metadata", "usage", "timings", "error"))
    calls = about.pop("tool_calls", None) if about else None  # the first release stored them there
    stored, content = fields["parts"], fields["content"]
    fields["parts"] = older_parts(fields["role"], content, calls) if stored is None else from_stored(stored)
    return Message(**fields, facts=from_row(about, usage, timings, error))


def _at(ids: Sequence[int], position: int | None) -> int | None:
    return None if position is None else ids[position]


class Requests(Repository):
    async def find(self, user_id: int, client_request_id: str, since: datetime) -> SentRequest | None:
        query = select(requests.c.session_id, requests.c.content_hash, requests.c.stream_id).where(
            own(requests, user_id),
            requests.c.client_request_id == client_request_id,
            requests.c.created_at >= since,
        )
        return await self._one(SentRequest, query)

    async def add(
        self, user_id: int, client_request_id: str, sent: SentRequest, now: datetime, *, most: int = REQUESTS_OF_USER
    ) -> None:
        """Remembers a request. Now and then it deletes the user's oldest, so that about `most` remain."""
        added = await self._connection.execute(
            insert(requests).values(
                user_id=user_id,
                client_request_id=client_request_id,
                session_id=sent.session_id,
                content_hash=sent.content_hash,
                stream_id=sent.stream_id,
                created_at=now,
            )
        )

        key: Any = added.inserted_primary_key
        if key[0] % TIDY_EVERY == 0:
            mine = select(requests.c.id).where(own(requests, user_id)).order_by(requests.c.id.desc())
            await self._changed(delete(requests).where(own(requests, user_id), requests.c.id.not_in(mine.limit(most))))

    async def forget_session(self, session_id: int) -> None:
        await self._changed(delete(requests).where(requests.c.session_id == session_id))

    async def forget(self, before: datetime) -> None:
        await self._changed(delete(requests).where(requests.c.created_at < before))
