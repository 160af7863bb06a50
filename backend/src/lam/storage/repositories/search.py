"""The search index: FTS5 in SQLite, a column of lexemes in PostgreSQL, with the same words in both (`storage/words.py`).

Triggers record each new or changed message in `message_search_pending`; `add` indexes the recorded ones. So writers of messages
need not know about search, and folding long texts delays no writer.
"""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import func, select, text

from lam.storage.access import folder_seen, sessions_listed
from lam.storage.models import FoundMessage, PendingMessage
from lam.storage.repositories.base import Repository
from lam.storage.repositories.sessions import Outside, in_folder
from lam.storage.schema import messages, sessions
from lam.storage.words import Lookup, Word, lookup

BEGINNING: Final = 50_000  # characters of a message that a search reads
_CONTENT: Final = func.substr(messages.c.content, 1, BEGINNING).label("content")
_FOUND: Final = (
    *(messages.c.id, messages.c.session_id, messages.c.role, _CONTENT, messages.c.created_at),
    sessions.c.title,
)
_PENDING: Final = text(
    "SELECT pending.message_id AS id, pending.revision, messages.content FROM message_search_pending AS pending"
    " JOIN messages ON messages.id = pending.message_id ORDER BY pending.message_id DESC LIMIT :most"
)
_NO_SCAN: Final = text("SELECT set_config('enable_seqscan', 'off', true), set_config('jit', 'off', true)")
_INDEXED: Final = text("DELETE FROM message_search_pending WHERE message_id = :id AND revision = :revision")
_ADD: Final = {
    "sqlite": (
        "DELETE FROM message_search WHERE rowid = :id",
        "INSERT INTO message_search (rowid, words) SELECT :id, :words WHERE EXISTS (SELECT 1 FROM messages WHERE id = :id)",
    ),
    "postgresql": (
        "INSERT INTO message_search (message_id, words) SELECT id, array_to_tsvector(string_to_array(:words, ' '))"
        " FROM messages WHERE id = :id ON CONFLICT (message_id) DO UPDATE SET words = excluded.words",
    ),
}
_MATCH: Final = {
    "sqlite": text("messages.id IN (SELECT rowid FROM message_search WHERE message_search MATCH :expression)"),
    "postgresql": text(
        "messages.id IN (SELECT message_id FROM message_search WHERE message_search.words @@ CAST(:expression AS tsquery))"
    ),
}


class Search(Repository):
    async def messages(
        self,
        user_id: int,
        terms: Sequence[str],
        limit: int,
        before: int | None = None,
        folder: int | Outside | None = None,
    ) -> list[FoundMessage]:
        """Returns the newest readable messages that may contain all the terms, each with the beginning of its text. `before`: an
        id. `folder`: only of sessions in it, or outside of all.

        The index knows which words a text contains but not their order: the caller matches each one against `pattern(terms)`.
        """
        dialect = self._connection.dialect.name
        if dialect == "postgresql":  # otherwise its planner scans the whole index table, ignoring the cost of unpacking rows
            await self._connection.execute(_NO_SCAN)
        seen = folder_seen(user_id)
        query = (
            select(*_FOUND, seen.label("folder_id"))
            .join(sessions, sessions.c.id == messages.c.session_id)
            .where(sessions_listed(user_id), *in_folder(folder, seen))
            .where(_MATCH[dialect].bindparams(expression=_expression(dialect, [lookup(term) for term in terms])))
            .order_by(messages.c.id.desc())
            .limit(limit)
        )
        if before is not None:
            query = query.where(messages.c.id < before)
        return await self._all(FoundMessage, query)

    async def pending(self, most: int) -> list[PendingMessage]:
        """Returns messages whose present text is not indexed, newest first."""
        return await self._all(PendingMessage, _PENDING.bindparams(most=most))

    async def add(self, entries: Sequence[tuple[PendingMessage, str]]) -> None:
        """Indexes messages under their words. A message that changed meanwhile stays pending; one that is gone is skipped."""
        rows: list[dict[str, Any]] = [{"id": message.id, "words": words} for message, words in entries]
        for statement in _ADD[self._connection.dialect.name]:
            await self._connection.execute(text(statement), rows)
        await self._connection.execute(_INDEXED, [{"id": message.id, "revision": message.revision} for message, _ in entries])


def _expression(dialect: str, lookups: Sequence[Lookup]) -> str:
    """Returns the query in the language of FTS5 or tsquery. Indexed words contain neither quotes nor backslashes."""
    both, either, word = (" & ", " | ", _tsquery) if dialect == "postgresql" else (" AND ", " OR ", _fts5)
    clauses = []
    for each in lookups:
        words = both.join(map(word, each.words))
        clauses.append(words if each.as_one is None else f"({word(each.as_one)}{either}({words}))")
    return both.join(clauses)


def _fts5(word: Word) -> str:
    return f'"{word.text}"*' if word.beginning else f'"{word.text}"'


def _tsquery(word: Word) -> str:
    return f"'{word.text}':*" if word.beginning else f"'{word.text}'"
