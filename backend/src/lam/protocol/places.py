"""Pages, slides, sheets and chapters within the text of a document. Each begins with a line of its own, such as `[Page 3]` or
`[Sheet 2: Prices]`, so that a model can name them and a text can be cut between them. Pure.
"""

import re
from collections.abc import Sequence
from typing import Final, Literal

from msgspec import Struct

from lam.protocol.documents import Document
from lam.protocol.text import utf16_length

Unit = Literal["page", "slide", "sheet", "chapter"]
_MARK: Final = re.compile(r"^\[(Page|Slide|Sheet|Chapter) (\d{1,6})(?:: [^\n]*)?\]$", re.MULTILINE)
_UNITS: Final[dict[str, Unit]] = {"Page": "page", "Slide": "slide", "Sheet": "sheet", "Chapter": "chapter"}
_LEAST: Final = 0.5  # of the room: a cut between pages that wastes more is made within a page


class Excerpt(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How much of a document a model read: the beginning. `characters`, `of_characters`: UTF-16 code units of its text.

    `unit`: its pages, slides, sheets or chapters, of which the model read the first `whole`, out of `of`, and the beginning of the
    next one where `partly`. None: the document has none.
    """

    name: str
    characters: int
    of_characters: int
    unit: Unit | None = None
    whole: int = 0
    partly: bool = False
    of: int = 0


def mark(unit: Unit, number: int, name: str = "") -> str:
    """Returns the line in front of a page, slide, sheet or chapter. `number`: from 1."""
    name = " ".join(name.split())
    return f"[{unit.title()} {number}: {name}]" if name else f"[{unit.title()} {number}]"


def is_blank(text: str) -> bool:
    """Returns whether a text has nothing but marks."""
    return not text.strip() or not _MARK.sub("", text).strip()


def beginning(document: Document, characters: int) -> tuple[Document, Excerpt]:
    """Returns the beginning of a document, of about `characters` and with a last line that says so, and how much that is.

    It ends between two pages if that leaves no more than half of the room unused, else after a line or a word.
    """
    text = document.text
    if characters >= len(text):
        return document, _excerpt(document, text, len(text))
    room = max(0, characters)
    between = max((found.start() for found in _marks(text) if found.start() <= room), default=0)
    cut = between if between and between >= _LEAST * room else _end_of_line(text, room)
    excerpt = _excerpt(document, text[:cut].rstrip(), cut)
    return Document(document.name, f"{text[:cut].rstrip()}\n\n[{_rest(excerpt)}]".lstrip()), excerpt


def _excerpt(document: Document, kept: str, cut: int) -> Excerpt:
    marks = _marks(document.text)
    begun = sum(found.start() < len(kept) for found in marks)
    at_a_mark = cut >= len(document.text) or any(found.start() == cut for found in marks)
    whole = begun if at_a_mark else max(0, begun - 1)
    return Excerpt(
        name=document.name,
        characters=utf16_length(kept),
        of_characters=utf16_length(document.text),
        unit=_unit(marks[0][1]) if marks else None,
        whole=whole,
        partly=begun > whole,
        of=len(marks),
    )


def _marks(text: str) -> list[re.Match[str]]:
    """Returns the marks of the first unit in a text."""
    first = _MARK.search(text)
    return [] if first is None else [found for found in _MARK.finditer(text) if found[1] == first[1]]


def shares(sizes: Sequence[int], room: int) -> list[int]:
    """Divides a room among texts: small ones stay whole, the others get equal shares."""
    given = [0] * len(sizes)
    left = max(0, room)
    for count, at in enumerate(sorted(range(len(sizes)), key=lambda place: sizes[place])):
        given[at] = min(sizes[at], left // (len(sizes) - count))
        left -= given[at]
    return given


def _unit(word: str) -> Unit:
    return _UNITS[word]


def _end_of_line(text: str, room: int) -> int:
    """Returns where to cut within a page: after a line, else after a word, else anywhere, but within one character of none."""
    if room >= len(text):
        return room
    for end in ("\n", " "):
        place = text.rfind(end, int(_LEAST * room), room)
        if place > 0:
            return place
    return room


def _rest(excerpt: Excerpt) -> str:
    if excerpt.unit is None:
        return "The rest of this document does not fit and is left out"
    after = excerpt.whole + excerpt.partly
    if after >= excerpt.of:
        return f"The rest of {excerpt.unit} {excerpt.of} does not fit and is left out"
    return f"The document goes on to {excerpt.unit} {excerpt.of}; the rest does not fit and is left out"
