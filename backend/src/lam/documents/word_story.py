"""The text of one story of a Word document: its body, a header, a note. It reads what is visible on paper and nothing else.

Unknown elements are searched: a new wrapper must not hide its text. So this module lists what to *skip*: deleted or moved text, the
codes of fields, and properties.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any, Final, Protocol

from lam.documents.word_fields import Fields, form_field
from lam.documents.word_math import linear
from lam.documents.word_numbering import Numbering
from lam.documents.word_symbols import symbol
from lam.documents.xml_names import attribute, child, name_of

_DELETED: Final = frozenset({"w:del", "w:moveFrom"})
_SKIP: Final = frozenset(
    {"w:delText", "w:delInstrText", "w:footnoteRef", "w:endnoteRef", "w:annotationRef", "w:pgNum", "mc:Fallback"}
)
_SIGNS: Final = {"w:tab": "\t", "w:ptab": "\t", "w:br": "\n", "w:cr": "\n", "w:noBreakHyphen": "-", "w:softHyphen": ""}
_MATHS: Final = frozenset({"m:oMath", "m:oMathPara"})
_GRAPHICS: Final = frozenset({"w:drawing", "w:pict", "w:object"})
_PICTURES: Final = {"pic:pic": "picture", "v:imagedata": "picture", "o:OLEObject": "embedded object", "w:control": "control"}
_LOOSE: Final = frozenset({"w:r", "w:hyperlink", "w:fldSimple", *_MATHS})  # inline elements, even where only blocks belong


class Surroundings(Protocol):
    """What a story needs from its document."""

    numbering: Numbering

    def note(self, kind: str, identity: str | None) -> str:
        """Returns the mark of a footnote or endnote, which is read later."""

    def inserted(self, part_of: str, identity: str | None) -> list[str]:
        """Returns the lines of a document inserted in this one."""

    def graphic(self, part_of: str, identity: str | None) -> list[str]:
        """Returns the lines of a chart or diagram."""

    def picture(self, kind: str) -> None:
        """Counts a picture, which has no readable text."""


class Story:
    """One story. `part`: the name of its part, to which its references are relative."""

    def __init__(self, part: str, root: Any, surroundings: Surroundings) -> None:
        self._part = part
        self._root = root
        self._surroundings = surroundings
        self._fields = Fields(root)
        self._boxes: list[str] = []  # text boxes of the present paragraph, which follow it

    def lines(self) -> Iterator[str]:
        """Yields paragraphs, and table rows with their cells separated by ` | `."""
        return self._blocks(self._root)

    def _blocks(self, container: Any) -> Iterator[str]:
        beginning = ""  # text of a paragraph whose end was deleted: it continues in the next one
        for element in container:
            name = name_of(element)
            if name == "w:p" or name in _LOOSE:
                beginning += self._paragraph(element) if name == "w:p" else self._inline([element])
                if name == "w:p" and any(child(element, "w:pPr", "w:rPr", each) is not None for each in _DELETED):
                    continue
                yield beginning
                beginning = ""
                boxes, self._boxes = self._boxes, []
                yield from boxes
            elif name == "w:tbl":
                yield from self._rows(element)
            elif name == "w:altChunk":
                yield from self._surroundings.inserted(self._part, attribute(element, "id"))
            elif name == "mc:AlternateContent":
                yield from self._first_with_text(element, lambda branch: list(self._blocks(branch)))
            elif name in _DELETED:
                self._fields.cross(element)
            elif not _is_skipped(name):
                yield from self._blocks(element)
        if beginning:
            yield beginning

    def _rows(self, table: Any) -> Iterator[str]:
        for row in _inside(table, "w:tr"):
            if child(row, "w:trPr", "w:del") is None:
                cells = (cell for cell in _inside(row, "w:tc") if child(cell, "w:tcPr", "w:cellDel") is None)
                yield " | ".join(" ".join(" ".join(self._blocks(cell)).split("\n")).strip() for cell in cells)

    def _paragraph(self, paragraph: Any) -> str:
        properties = child(paragraph, "w:pPr")
        label = self._surroundings.numbering.label(properties)
        text = self._inline(paragraph)
        return label + text if text else ""

    def _inline(self, elements: Any) -> str:
        return "".join(map(self._piece, elements))

    def _piece(self, element: Any) -> str:
        """Returns the text of one element within a paragraph."""
        name = name_of(element)
        if name in _DELETED:
            self._fields.cross(element)
            return ""
        if name == "w:fldChar":
            return self._fields.turn(element) + form_field(element)
        if name == "w:instrText":
            self._fields.code(element.text or "")
            return ""
        if _is_skipped(name):
            return ""
        if name in _GRAPHICS:
            if not self._fields.in_code:
                self._graphics(element)
            return ""
        if name == "mc:AlternateContent":
            return "".join(self._first_with_text(element, lambda branch: [self._inline(branch)]))
        if name in ("w:footnoteReference", "w:endnoteReference"):
            text = self._surroundings.note(name.removesuffix("Reference"), attribute(element, "id"))
        elif name == "w:t":
            text = _characters(element)
        elif name == "w:sym":
            text = _symbol(element)
        elif name in _MATHS:
            follows = element.getnext()
            apart = name == "m:oMathPara" and follows is not None and name_of(follows) in ("m:oMathPara", "w:r")
            text = linear(element).strip() + "\n" * apart
        elif name == "w:ruby":
            text = self._ruby(element)
        elif name in _SIGNS:
            text = _SIGNS[name]
        else:
            return self._inline(element)
        return "" if self._fields.in_code else text

    def _ruby(self, element: Any) -> str:
        base, above = (child(element, name) for name in ("w:rubyBase", "w:rt"))
        below = "" if base is None else self._inline(base)
        return below if above is None else f"{below}({self._inline(above)})"

    def _first_with_text(self, element: Any, read: Callable[[Any], list[str]]) -> list[str]:
        """Returns the text of one branch of an alternative: all say the same, in current terms and for older programs."""
        boxes = len(self._boxes)
        for branch in element:
            lines = read(branch)
            if any(map(str.strip, lines)) or len(self._boxes) > boxes:
                return lines
        return []

    def _graphics(self, element: Any) -> bool:
        """Takes text boxes and word art as lines of their own and counts pictures. Returns False when there are none."""
        name = name_of(element)
        if name == "w:txbxContent":
            self._boxes += list(Story(self._part, element, self._surroundings).lines())
        elif name == "mc:AlternateContent":
            return any(map(self._graphics, element))  # the first branch with content
        elif name == "a:p":
            self._boxes.append("".join(each.text or "" for each in element.iter() if name_of(each) in ("a:t", "m:t")))
        elif name in ("c:chart", "dgm:relIds"):
            self._boxes += self._surroundings.graphic(self._part, attribute(element, "id") or attribute(element, "dm"))
        elif name in _PICTURES:
            self._surroundings.picture(_PICTURES[name])
        elif name == "v:textpath" and attribute(element, "string"):
            self._boxes.append(attribute(element, "string") or "")
        else:
            shows = [self._graphics(each) for each in element]  # all of them, unlike the branches above
            return any(shows)
        return True


def _symbol(element: Any) -> str:
    code = attribute(element, "char") or ""
    return symbol(attribute(element, "font") or "", int(code, 16) if re.fullmatch("[0-9A-Fa-f]{1,5}", code) else 0)


def _characters(element: Any) -> str:
    text: str = element.text or ""
    if text.isascii() or not any("\uf000" <= character <= "\uf0ff" for character in text):
        return text
    fonts = child(element.getparent(), "w:rPr", "w:rFonts")
    font = "symbol" if fonts is None else attribute(fonts, "ascii") or attribute(fonts, "hAnsi") or "symbol"
    return "".join(symbol(font, ord(each)) if "\uf000" <= each <= "\uf0ff" else each for each in text)


def _is_skipped(name: str) -> bool:
    return name in _SKIP or name in _DELETED or (name.startswith("w:") and name.endswith("Pr"))


def _inside(element: Any, name: str) -> Iterator[Any]:
    """Yields the elements of this name, also inside content controls and other wrappers."""
    for each in element:
        if name_of(each) == name:
            yield each
        elif name_of(each) not in ("w:tbl", "w:tc", "w:tr") and not _is_skipped(name_of(each)):
            yield from _inside(each, name)
