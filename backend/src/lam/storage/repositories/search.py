"""Full-text search over messages: FTS5 in SQLite, a text-search index in PostgreSQL, the same rule of matching in both.

Every word must be in the message, whole or as the beginning of a longer one. Scripts without spaces between words know no such
beginnings: what is asked for in them is looked for anywhere in the text.
"""

import re
from collections.abc import Sequence
from typing import Any, Final, TypeVar

from sqlalchemy import Select, TextClause, bindparam, func, select, text

from lam.storage.models import FoundMessage
from lam.storage.repositories.base import Repository
from lam.storage.schema import messages, sessions

# Thai, Lao, Myanmar, Khmer; kana, Han, and their extensions
_UNSPACED: Final = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
)
_SQLITE: Final = text("messages.id IN (SELECT rowid FROM message_search WHERE message_search MATCH :words)")
_POSTGRESQL: Final = text("lam_words(messages.content) @@ to_tsquery('simple', :words)")
_BEGINNING: Final = func.substr(messages.c.content, 1, 50_000).label("content")

Query = TypeVar("Query", bound=Select[Any])


class Search(Repository):
    async def messages(self, user_id: int, words: Sequence[str], limit: int) -> list[FoundMessage]:
        """The newest messages of the user that hold all the words, with as much of their text as is looked at for a snippet.

        `words`: in lower case, without accents and quotes.
        """
        plain = [word for word in words if not _UNSPACED.search(word) and any(map(str.isalnum, word))]
        query = (
            select(messages.c.id, messages.c.session_id, messages.c.role, _BEGINNING, messages.c.created_at, sessions.c.title)
            .join(sessions, sessions.c.id == messages.c.session_id)
            .where(sessions.c.user_id == user_id)
            .order_by(messages.c.id.desc())
            .limit(limit)
        )
        for word in words:
            if word not in plain:
                query = query.where(messages.c.content.icontains(word, autoescape=True))
        if plain:
            query = self._with_words(query, plain)
        return await self._all(FoundMessage, query)

    def _with_words(self, query: Query, words: Sequence[str]) -> Query:
        if self._connection.dialect.name == "postgresql":
            clause: TextClause = _POSTGRESQL
            asked = " & ".join(f"'{word}':*" for word in words)
        else:
            clause = _SQLITE
            asked = " ".join(f'"{word}"*' for word in words)
        return query.where(clause.bindparams(bindparam("words", asked)))
