"""The text of a Word document: headers, body, footers, notes and comments, each once.

It puts the stories in order and must not know what is inside one.
"""

import itertools
from collections.abc import Iterator
from typing import Any, Final

from lam.documents.archive import DAMAGE
from lam.documents.html import html_lines
from lam.documents.limits import BROKEN, Notices, Refused
from lam.documents.plain import plain_text
from lam.documents.word_numbering import Numbering
from lam.documents.word_package import Package
from lam.documents.word_story import Story
from lam.documents.xml_names import attribute, name_of

_DEEPEST: Final = 3  # documents within documents
_MOST_INSERTED: Final = 100
_NOTES: Final = {"w:footnote": "footnotes", "w:endnote": "endnotes"}


def word_text(data: bytes, notices: Notices) -> str:
    """Returns the text of a .docx file. Raises Refused."""
    try:
        return "\n".join(_Document(Package(data), notices).lines())
    except DAMAGE as error:
        raise Refused(BROKEN) from error


class _Document:
    """A document or one inserted in it. `around`: number of documents around it. `count`: increases with each document."""

    def __init__(self, package: Package, notices: Notices, around: int = 0, count: Iterator[int] | None = None) -> None:
        self._package = package
        self._notices = notices
        self._around = around
        self._count = count or itertools.count()
        self._relations = package.relations(package.main)
        self.numbering = Numbering(package, self._part("numbering"), self._part("styles"))
        self._marks: dict[tuple[str, str], int] = {}  # numbers of notes by kind and id
        self._pictures: dict[str, int] = {}

    def lines(self) -> list[str]:
        body = self._package.xml(self._package.main)
        text = list(Story(self._package.main, body, self).lines())
        text = [*self._margins(body, "w:headerReference"), *text, *self._margins(body, "w:footerReference")]
        text += [*self._notes(), *self._comments()]
        for kind, count in self._pictures.items():
            many = f"One {kind} is" if count == 1 else f"{count} {kind}s are"
            self._notices.add(f"{many} left out: only text is read.")
        return text

    def _part(self, kind: str) -> str:
        """Returns the name of the document's only part of a kind; empty when there is none."""
        return next((relation.target for relation in self._relations.values() if relation.kind == kind), "")

    def _margins(self, body: Any, name: str) -> list[str]:
        """Returns headers or footers, each once: sections, and their first and even pages, refer to the same ones or to copies."""
        references = [attribute(each, "id") or "" for each in body.iter() if name_of(each) == name]
        parts = dict.fromkeys(self._relations[each].target for each in references if each in self._relations)
        texts = ["\n".join(Story(part, self._package.xml(part), self).lines()) for part in parts]
        return list(dict.fromkeys(text for text in texts if text.strip()))

    def _notes(self) -> Iterator[str]:
        if not self._marks:
            return
        parts = {kind: self._part(name) for kind, name in _NOTES.items()}
        roots = {kind: self._package.xml(part) for kind, part in parts.items()}
        notes = {(name_of(note), attribute(note, "id") or ""): note for root in roots.values() for note in root}
        done = 0
        while done < len(self._marks):  # notes may contain notes
            for mark, number in list(self._marks.items())[done:]:
                if mark in notes:
                    text = " ".join(line.strip() for line in Story(parts[mark[0]], notes[mark], self).lines())
                    yield f"[^{number}]: {text.strip()}"
                done += 1

    def _comments(self) -> Iterator[str]:
        part = self._part("comments")
        for comment in self._package.xml(part):
            if name_of(comment) == "w:comment":
                text = " ".join(Story(part, comment, self).lines()).strip()
                author = attribute(comment, "author")
                if text:
                    yield f"[Comment by {author}: {text}]" if author else f"[Comment: {text}]"

    # Called by stories

    def note(self, kind: str, identity: str | None) -> str:
        mark = (kind, identity or "")
        return f"[^{self._marks.setdefault(mark, len(self._marks) + 1)}]"

    def graphic(self, part_of: str, identity: str | None) -> list[str]:
        relation = self._package.relations(part_of).get(identity or "")
        if relation is None:
            return []
        lines = []
        for each in self._package.xml(relation.target).iter():
            if name_of(each) == "a:p":
                lines.append("".join(run.text or "" for run in each.iter() if name_of(run) == "a:t"))
            elif name_of(each) in ("c:cat", "c:val", "c:xVal", "c:yVal", "c:tx"):
                lines.append(", ".join(value.text or "" for value in each.iter() if name_of(value) == "c:v"))
        return [line for line in lines if line.strip()]

    def picture(self, kind: str) -> None:
        self._pictures[kind] = self._pictures.get(kind, 0) + 1

    def inserted(self, part_of: str, identity: str | None) -> list[str]:
        relation = self._package.relations(part_of).get(identity or "")
        data = b"" if relation is None else self._package.data(relation.target)
        if data.startswith(b"PK") and self._around + 1 < _DEEPEST and next(self._count) < _MOST_INSERTED:
            return _Document(Package(data), self._notices, self._around + 1, self._count).lines()
        if not data or data.startswith((b"PK", b"{\\rtf", b"MIME-Version")):
            self._notices.add("A document that was inserted into this one is left out.")
            return []
        text = plain_text(data, self._notices)
        return (
            list(filter(None, html_lines(text)))
            if "<html" in text[:1000].lower() or "<p" in text[:1000].lower()
            else text.splitlines()
        )
