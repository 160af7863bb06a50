"""The text of a PowerPoint presentation: its visible slides in order, each with its notes.

It reads words and numbers; pictures have none.
"""

from collections.abc import Iterator
from typing import Any, Final

from lam.documents.archive import DAMAGE, Archive
from lam.documents.limits import BROKEN, MOST_PAGES, TOO_LARGE, Notices, Refused
from lam.documents.xml_names import attribute, child, name_of
from lam.protocol.places import mark

_NOT_TEXT: Final = frozenset({"p:extLst", "p:timing", "p:transition", "a:extLst"})
_NO_CONTENT: Final = frozenset({"sldNum", "sldImg", "dt", "hdr", "ftr"})  # placeholders that every page repeats


def slides_text(data: bytes, notices: Notices) -> str:
    """Returns the text of a .pptx file. Raises Refused."""
    try:
        return "\n".join(_Presentation(Archive(data), notices).lines())
    except DAMAGE as error:
        raise Refused(BROKEN) from error


class _Presentation:
    def __init__(self, archive: Archive, notices: Notices) -> None:
        archive.require_plain_xml()
        self._archive = archive
        self._notices = notices
        self._pictures = 0

    def lines(self) -> Iterator[str]:
        roots = [relation.target for relation in self._archive.relations("").values() if relation.kind == "officeDocument"]
        main = next((name for name in (*roots, "ppt/presentation.xml") if name in self._archive), "")
        relations = self._archive.relations(main)
        slides = [each for each in self._archive.xml(main).iter() if name_of(each) == "p:sldId"]
        if len(slides) > MOST_PAGES:
            raise Refused(TOO_LARGE, f"The presentation has {len(slides)} slides, and {MOST_PAGES} are the most.")
        hidden = 0
        for number, slide in enumerate(slides, 1):
            identity = next((value for key, value in slide.attrib.items() if key.endswith("}id")), "")
            part = relations[identity].target if identity in relations else ""
            root = self._archive.xml(part)
            if attribute(root, "show") in ("0", "false"):
                hidden += 1
                continue
            yield mark("slide", number)
            yield from self._text(root, part)
            yield from self._notes(part)
        if hidden:
            self._notices.add("One hidden slide is left out." if hidden == 1 else f"{hidden} hidden slides are left out.")
        if self._pictures:
            many = "One picture is" if self._pictures == 1 else f"{self._pictures} pictures are"
            self._notices.add(f"{many} left out: only text is read.")

    def _text(self, element: Any, part: str) -> Iterator[str]:
        for each in element:
            name = name_of(each)
            if name in _NOT_TEXT or _placeholder(each) in _NO_CONTENT:
                continue
            if name == "a:p":
                if line := _paragraph(each):
                    yield line
            elif name == "a:tr":
                cells = (" ".join(self._text(cell, part)) for cell in each if name_of(cell) == "a:tc")
                if (row := " | ".join(cells)).strip(" |"):
                    yield row
            elif name in ("c:chart", "dgm:relIds"):
                yield from self._graphic(part, attribute(each, "id") or attribute(each, "dm"))
            elif name == "mc:AlternateContent":
                branches = (list(self._text(branch, part)) for branch in each)
                yield from next((lines for lines in branches if lines), [])
            else:
                self._pictures += name == "p:pic"
                yield from self._text(each, part)

    def _notes(self, part: str) -> Iterator[str]:
        for relation in self._archive.relations(part).values():
            if relation.kind == "notesSlide":
                lines = list(self._text(self._archive.xml(relation.target), relation.target))
                if lines:
                    yield "Notes: " + "\n".join(lines)
            elif relation.kind == "comments":
                for each in self._archive.xml(relation.target).iter():
                    if name_of(each).rpartition(":")[2] == "text" and (each.text or "").strip():
                        yield f"[Comment: {' '.join(each.text.split())}]"
                    elif name_of(each) == "a:p" and (text := _paragraph(each)):
                        yield f"[Comment: {text}]"

    def _graphic(self, part: str, identity: str | None) -> Iterator[str]:
        """Yields the words and numbers of a chart or a diagram."""
        relation = self._archive.relations(part).get(identity or "")
        if relation is None:
            return
        for each in self._archive.xml(relation.target).iter():
            if name_of(each) == "a:p" and (text := _paragraph(each)):
                yield text
            elif name_of(each) in ("c:cat", "c:val", "c:xVal", "c:yVal", "c:tx"):
                values = [value.text or "" for value in each.iter() if name_of(value) == "c:v"]
                if values:
                    yield ", ".join(values)


def _paragraph(element: Any) -> str:
    pieces = []
    for each in element.iter():
        name = name_of(each)
        if name in ("a:t", "m:t"):
            pieces.append(each.text or "")
        elif name == "a:br":
            pieces.append("\n")
    return "".join(pieces).strip()


def _placeholder(shape: Any) -> str:
    for properties in ("p:nvSpPr", "p:nvPicPr"):
        found = child(shape, properties, "p:nvPr", "p:ph")
        if found is not None:
            return attribute(found, "type") or ""
    return ""
