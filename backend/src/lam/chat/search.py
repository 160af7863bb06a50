"""Search over a user's titles and messages, with the matches marked."""

import asyncio
import re
import unicodedata
from datetime import datetime
from typing import Final

from msgspec import Struct

from lam.errors import Invalid
from lam.storage.database import Database
from lam.storage.models import FoundMessage

MOST_WORDS: Final = 10
AROUND: Final = 60  # characters of a snippet before its first match
SNIPPET: Final = 240


class Piece(Struct, frozen=True):
    """A part of a text. `match`: this is what was looked for."""

    text: str
    match: bool


class Found(Struct, frozen=True):
    """A session whose title matches, or a message that does."""

    session_id: int
    title: list[Piece]
    message_id: int | None = None
    role: str | None = None
    snippet: list[Piece] | None = None
    created_at: datetime | None = None


class Search:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, user_id: int, question: str, limit: int) -> list[Found]:
        """Sessions by title, the last used first, then messages, the newest first; `limit` of each at most. Raises Invalid."""
        words = words_of(question)
        if not words:
            raise Invalid("q: there is no word to look for.")
        async with self._database.read() as unit:
            titles = await unit.sessions.titles(user_id)
            messages = await unit.search.messages(user_id, words, limit)
        return await asyncio.to_thread(_shown, titles, messages, words, limit)


def _shown(titles: list[tuple[int, str]], messages: list[FoundMessage], words: list[str], limit: int) -> list[Found]:
    patterns = [_pattern([word]) for word in words]
    named: list[Found] = []
    for session_id, title in titles:
        folded = fold(title)
        if len(named) < limit and all(pattern.search(folded) for pattern in patterns):
            named.append(Found(session_id, marked(title, words)))
    said = [
        Found(found.session_id, marked(found.title, words), found.id, found.role, snippet(found.content, words), found.created_at)
        for found in messages
    ]
    return named + said


def words_of(question: str) -> list[str]:
    """What is looked for: its words, folded; signs where there are no words."""
    question = fold(unicodedata.normalize("NFC", question))
    words = re.findall(r"\w+", question) or question.replace('"', " ").replace("'", " ").split()
    return list(dict.fromkeys(words))[:MOST_WORDS]


def fold(text: str) -> str:
    """In lower case and without accents, character for character."""
    return text.lower() if text.isascii() else text.translate(_PLAIN).lower()


def marked(text: str, words: list[str]) -> list[Piece]:
    """The whole text in pieces."""
    pieces: list[Piece] = []
    end = 0
    for match in _pattern(words).finditer(fold(text)):
        if match.start() > end:
            pieces.append(Piece(text[end : match.start()], match=False))
        pieces.append(Piece(text[match.start() : match.end()], match=True))
        end = match.end()
    if end < len(text) or not pieces:
        pieces.append(Piece(text[end:], match=False))
    return pieces


def snippet(text: str, words: list[str]) -> list[Piece]:
    """The surroundings of the first match, on one line, with an ellipsis where the text goes on."""
    first = _pattern(words).search(fold(text))
    start = max(0, (first.start() if first else 0) - AROUND)
    if start:
        space = text.find(" ", start, start + AROUND // 2)
        start = space + 1 if space >= 0 else start
    cut = text[start : start + SNIPPET]
    if start + SNIPPET < len(text):
        space = cut.rfind(" ", SNIPPET - AROUND // 2)
        cut = (cut[:space] if space > 0 else cut) + "…"
    return marked(re.sub(r"\s", " ", ("…" if start else "") + cut), words)


def _pattern(words: list[str]) -> re.Pattern[str]:
    """A word matches at the beginning of a word; where words are not set apart by spaces, and for signs, anywhere."""
    begins = [rf"(?<!\w){re.escape(word)}" if word.isascii() and word[0].isalnum() else re.escape(word) for word in words]
    return re.compile("|".join(sorted(begins, key=len, reverse=True)))


def _plain_letters() -> dict[int, str]:
    """Letters with accents, each with the one letter below them; and those few whose lower case is longer than they are."""
    table = {0x130: "i"}
    for code in (*range(0xC0, 0x250), *range(0x1E00, 0x2000)):
        base = unicodedata.normalize("NFD", chr(code))
        if len(base) > 1 and all(map(unicodedata.combining, base[1:])):
            table[code] = base[0]
    return table


_PLAIN: Final = _plain_letters()
