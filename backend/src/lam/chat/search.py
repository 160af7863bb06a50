"""Searches a user's titles and messages and marks the matches.

It owns matching and snippets. The index belongs to `search_index`.
"""

import asyncio
import re
from datetime import datetime
from typing import Final

from msgspec import Struct

from lam.chat.folders import require_folder
from lam.chat.search_index import SearchIndex
from lam.errors import Invalid
from lam.protocol.documents import OPENING, readable
from lam.protocol.folding import fold, origin, origins
from lam.storage.database import Database
from lam.storage.models import FoundMessage
from lam.storage.repositories.search import BEGINNING
from lam.storage.repositories.sessions import Outside
from lam.storage.words import pattern, terms_of

AROUND: Final = 60  # characters before the first match in a snippet
SNIPPET: Final = 240
MOST_CANDIDATES: Final = 5000  # messages from the index that one search examines
MOST_PER_PAGE: Final = 500


class Piece(Struct, frozen=True):
    """A piece of a text. `match`: whether it matches the query."""

    text: str
    match: bool


class Found(Struct, frozen=True, kw_only=True):
    """A session with a matching title, or a matching message."""

    session_id: int
    folder_id: int | None
    title: list[Piece]
    message_id: int | None = None
    role: str | None = None
    snippet: list[Piece] | None = None
    created_at: datetime | None = None


class Search:
    def __init__(self, database: Database, index: SearchIndex) -> None:
        self._database = database
        self._index = index

    async def find(self, user_id: int, question: str, limit: int, folder: int | Outside | None = None) -> list[Found]:
        """Returns sessions by title, last used first, then messages, newest first, up to `limit` of each. `folder`: only what is in
        it, or outside of all. Raises Invalid, NotFound."""
        terms = terms_of(question)
        if not terms:
            raise Invalid("q: there is no word to look for.")
        await self._index.refresh()
        async with self._database.read() as unit:
            if isinstance(folder, int):
                await require_folder(unit, folder, user_id, "read")
            titles = await unit.sessions.titles(user_id, folder)
        by_title = await asyncio.to_thread(_by_title, titles, terms, limit)
        return by_title + await self._by_text(user_id, terms, limit, folder)

    async def _by_text(self, user_id: int, terms: list[str], limit: int, folder: int | Outside | None) -> list[Found]:
        """Returns up to `limit` matching messages, newest first, out of those that the index offers."""
        matches: list[Found] = []
        before: int | None = None
        looked, page = 0, limit
        while len(matches) < limit and looked < MOST_CANDIDATES:
            async with self._database.read() as unit:
                candidates = await unit.search.messages(user_id, terms, page, before, folder)
            matches += await self._matching(candidates, terms)
            if len(candidates) < page:
                break
            before = candidates[-1].id
            looked, page = looked + page, min(2 * page, MOST_PER_PAGE)
        return matches[:limit]

    async def _matching(self, candidates: list[FoundMessage], terms: list[str]) -> list[Found]:
        matches = await asyncio.to_thread(lambda: [_by_content(each, each.content, terms) for each in candidates])
        for at, candidate in enumerate(candidates):
            is_cut = len(candidate.content) == BEGINNING
            if is_cut and (matches[at] is None or candidate.content.startswith(OPENING)):  # the match may be beyond the cut
                async with self._database.read() as unit:
                    message = await unit.messages.by_id(candidate.id)
                if message is not None:
                    matches[at] = await asyncio.to_thread(_by_content, candidate, message.content, terms)
        return [match for match in matches if match is not None]


def _by_title(titles: list[tuple[int, str, int | None]], terms: list[str], limit: int) -> list[Found]:
    matches: list[Found] = []
    patterns = [pattern([term]) for term in terms]
    for session_id, title, folder_id in titles:
        folded = fold(title)
        if all(each.search(folded) for each in patterns):
            matches.append(Found(session_id=session_id, folder_id=folder_id, title=marked(title, terms)))
            if len(matches) == limit:
                break
    return matches


def _by_content(message: FoundMessage, content: str, terms: list[str]) -> Found | None:
    """Returns the match in a message, None when its text has the words but not in the form of the query."""
    content = readable(content)
    folded = fold(content)
    if not all(pattern([term]).search(folded) for term in terms):
        return None
    return Found(
        session_id=message.session_id,
        folder_id=message.folder_id,
        title=marked(message.title, terms),
        message_id=message.id,
        role=message.role,
        snippet=snippet(content, terms),
        created_at=message.created_at,
    )


def marked(text: str, terms: list[str]) -> list[Piece]:
    """Returns the whole text in pieces. A match includes trailing accents and other characters that folding removes."""
    places = origins(text)
    pieces: list[Piece] = []
    end = 0
    for match in pattern(terms).finditer(fold(text)):
        start, last = max(places[match.start()], end), places[match.end() - 1]
        after = next((place for place in places[match.end() :] if place > last), len(text))
        if after <= start:
            continue  # a second match within one character of the original
        if start > end:
            pieces.append(Piece(text[end:start], match=False))
        pieces.append(Piece(text[start:after], match=True))
        end = after
    if end < len(text) or not pieces:
        pieces.append(Piece(text[end:], match=False))
    return pieces


def snippet(text: str, terms: list[str]) -> list[Piece]:
    """Returns the text around the first match on one line, with an ellipsis at each cut."""
    first = pattern(terms).search(fold(text))
    start = max(0, (origin(text, first.start()) if first else 0) - AROUND)
    if start:
        space = text.find(" ", start, start + AROUND // 2)
        start = space + 1 if space >= 0 else start
    cut = text[start : start + SNIPPET]
    if start + SNIPPET < len(text):
        space = cut.rfind(" ", SNIPPET - AROUND // 2)
        cut = (cut[:space] if space > 0 else cut) + "…"
    return marked(re.sub(r"\s", " ", ("…" if start else "") + cut), terms)
