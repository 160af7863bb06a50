"""The text of OpenDocument files: texts (.odt), sheets (.ods) and slides (.odp), as LibreOffice writes them.

Unknown elements are searched, as in a Word document: this module lists what to skip.
"""

from collections.abc import Iterator
from typing import Any, Final

from lam.documents.archive import DAMAGE, Archive
from lam.documents.limits import BROKEN, EMPTY, ENCRYPTED, MOST_CHARACTERS, TOO_LARGE, UNSUPPORTED, Notices, Refused
from lam.documents.table import Table
from lam.documents.xml_names import attribute, child, name_of
from lam.protocol.places import mark

MIMETYPE: Final = b"application/vnd.oasis.opendocument."
_SKIP: Final = frozenset(
    {
        *("text:tracked-changes", "text:sequence-decls", "text:variable-decls", "text:user-field-decls", "text:hidden-paragraph"),
        *("office:forms", "table:shapes", "table:named-expressions", "table:calculation-settings", "text:ruby-text"),
        *("office:scripts", "office:font-face-decls", "office:automatic-styles", "office:styles", "office:settings", "svg:title"),
        *(
            "presentation:settings",
            "presentation:header-decl",
            "presentation:footer-decl",
            "presentation:date-time-decl",
            "svg:desc",
        ),
        *(
            "text:table-of-content-source",
            "text:alphabetical-index-source",
            "text:bibliography-source",
            "text:illustration-index-source",
        ),
    }
)
_MOST_REPEATED: Final = 1000  # copies of a cell with text, or of a row with text
_INDENT: Final = "  "


def odf_text(data: bytes, notices: Notices) -> str:
    """Returns the text of an .odt, .ods or .odp file. Raises Refused."""
    try:
        return "\n".join(_Document(Archive(data), notices).lines())
    except DAMAGE as error:
        raise Refused(BROKEN) from error


class _Document:
    def __init__(self, archive: Archive, notices: Notices) -> None:
        self._notices = notices
        manifest = archive.xml("META-INF/manifest.xml", doctype=True)  # older programs name its document type
        if any(name_of(each) == "manifest:encryption-data" for each in manifest.iter()):
            raise Refused(ENCRYPTED)
        self._root = archive.xml("content.xml")
        self._styles = archive.xml("styles.xml")
        self._notes: list[str] = []
        self._boxes: list[str] = []  # lines of the frames in the present paragraph, which follow it
        self._pictures = 0
        self._objects = 0
        self._size = 0

    def lines(self) -> Iterator[str]:
        body = child(self._root, "office:body")
        content = None if body is None else next((each for each in body if name_of(each).startswith("office:")), None)
        if content is None:
            raise Refused(UNSUPPORTED, "The file is an archive, but no OpenDocument file.")
        kind = name_of(content).removeprefix("office:")
        if kind == "spreadsheet":
            yield from self._sheets(content)
        elif kind == "presentation":
            yield from self._slides(content)
        else:
            yield from self._margins("style:header")
            yield from self._blocks(content)
            yield from self._notes
            yield from self._margins("style:footer")
        for many, count in (("picture", self._pictures), ("embedded object", self._objects)):
            if count:
                are = f"One {many} is" if count == 1 else f"{count} {many}s are"
                self._notices.add(f"{are} left out: only text is read.")

    def _blocks(self, container: Any, depth: int = 0) -> Iterator[str]:
        for element in container:
            name = name_of(element)
            if name in _SKIP or _is_hidden(element):
                continue
            if name in ("text:p", "text:h"):
                level = attribute(element, "outline-level") or ""
                heading = "#" * min(6, int(level) if level.isdecimal() else 1) + " " if name == "text:h" else ""
                yield from self._paragraph(element, heading)
            elif name == "text:list":
                yield from self._list(element, depth)
            elif name == "table:table":
                yield from self._rows(element)
            elif name == "office:annotation":
                yield self._comment(element)
            elif name == "draw:frame":
                yield from self._frame(element)
            else:
                yield from self._blocks(element, depth)

    def _list(self, element: Any, depth: int) -> Iterator[str]:
        for item in element:
            if name_of(item) not in ("text:list-item", "text:list-header"):
                continue
            sign = f"{_INDENT * depth}- " if name_of(item) == "text:list-item" else ""
            for line in self._blocks(item, depth + 1):
                nested = line.startswith(_INDENT * (depth + 1))
                yield line if nested else sign + line
                if not nested:
                    sign = _INDENT * (depth + 1)

    def _paragraph(self, element: Any, before: str = "") -> Iterator[str]:
        text = self._inline(element)
        boxes, self._boxes = self._boxes, []
        if text.strip() or not boxes:
            self._count(text)
            yield before + text if text.strip() else ""
        yield from boxes

    def _inline(self, element: Any) -> str:
        pieces = [element.text or ""]
        for each in element:
            name = name_of(each)
            if name == "text:s":
                count = attribute(each, "c") or "1"
                pieces.append(" " * min(1000, int(count) if count.isdecimal() else 1))
            elif name == "text:tab":
                pieces.append("\t")
            elif name == "text:line-break":
                pieces.append("\n")
            elif name == "text:note":
                pieces.append(self._note(each))
            elif name == "office:annotation":
                pieces.append(f" {self._comment(each)} ")
            elif name in ("draw:frame", "draw:g", "draw:custom-shape", "draw:rect", "draw:text-box", "draw:a"):
                self._boxes += self._frame(each)
            elif name == "text:ruby":
                base, above = child(each, "text:ruby-base"), child(each, "text:ruby-text")
                below = "" if base is None else self._inline(base)
                pieces.append(below if above is None else f"{below}({self._inline(above)})")
            elif name not in _SKIP and name != "office:annotation-end" and not _is_hidden(each):
                pieces.append(self._inline(each))
            pieces.append(each.tail or "")
        return "".join(" ".join(piece.split("\n")) if piece != "\n" else piece for piece in pieces)

    def _note(self, element: Any) -> str:
        body = child(element, "text:note-body")
        number = len(self._notes) + 1
        self._notes.append("")
        lines = [] if body is None else list(self._blocks(body))
        self._notes[number - 1] = f"[^{number}]: {' '.join(line.strip() for line in lines)}"
        return f"[^{number}]"

    def _comment(self, element: Any) -> str:
        author = child(element, "dc:creator")
        lines = [line for each in element if name_of(each) in ("text:p", "text:list") for line in self._comment_lines(each)]
        by = f" by {author.text}" if author is not None and author.text else ""
        return f"[Comment{by}: {' '.join(lines).strip()}]"

    def _comment_lines(self, element: Any) -> Iterator[str]:
        yield from self._paragraph(element) if name_of(element) == "text:p" else self._list(element, 0)

    def _frame(self, element: Any) -> list[str]:
        lines = list[str]()
        for each in element.iter():
            name = name_of(each)
            self._pictures += name == "draw:image" and name_of(each.getparent()[0]) == "draw:image"
            self._objects += name in ("draw:object", "draw:object-ole")
        lines += self._blocks(element)
        return lines

    def _rows(self, table: Any) -> Iterator[str]:
        for row in table:
            name = name_of(row)
            if name in ("table:table-header-rows", "table:table-rows", "table:table-row-group"):
                yield from self._rows(row)
            elif name == "table:table-row":
                line = self._row(row)
                for _ in range(_repeated(row, "number-rows-repeated") if line else 0):
                    self._count(line)
                    yield line

    def _row(self, row: Any) -> str:
        table, column = Table(), 0
        for cell in row:
            if name_of(cell) not in ("table:table-cell", "table:covered-table-cell"):
                continue
            wide = attribute(cell, "number-columns-repeated") or "1"
            count = int(wide) if wide.isdigit() else 1
            text = " ".join(self._blocks(cell))
            if text.strip():
                for at in range(column, column + min(count, _MOST_REPEATED)):
                    table.put(at, text)
            column += count
        return table.row()

    def _sheets(self, content: Any) -> Iterator[str]:
        hidden = 0
        tables = [each for each in content if name_of(each) == "table:table"]
        for number, table in enumerate(tables, 1):
            if self._style_hides(attribute(table, "style-name")):
                hidden += 1
                continue
            yield mark("sheet", number, attribute(table, "name") or "")
            yield from self._rows(table)
            shapes = child(table, "table:shapes")
            if shapes is not None:
                yield from self._frame(shapes)
        if hidden:
            self._notices.add("One hidden sheet is left out." if hidden == 1 else f"{hidden} hidden sheets are left out.")

    def _slides(self, content: Any) -> Iterator[str]:
        slides = [each for each in content if name_of(each) == "draw:page"]
        for number, slide in enumerate(slides, 1):
            yield mark("slide", number)
            notes = child(slide, "presentation:notes")
            for each in slide:
                if each is not notes and name_of(each) not in _SKIP:
                    yield from filter(None, self._frame(each))
            lines = [] if notes is None else list(filter(str.strip, self._blocks(notes)))
            if lines:
                yield "Notes: " + "\n".join(lines)
        if not slides:
            raise Refused(EMPTY, "The presentation has no slides.")

    def _margins(self, name: str) -> Iterator[str]:
        """Yields headers or footers, each once."""
        texts = ["\n".join(filter(str.strip, self._blocks(each))) for each in self._styles.iter() if name_of(each) == name]
        yield from dict.fromkeys(filter(None, texts))

    def _style_hides(self, style: str | None) -> bool:
        styles = child(self._root, "office:automatic-styles")
        for each in () if styles is None or style is None else styles:
            if attribute(each, "name") == style:
                properties = child(each, "style:table-properties")
                return properties is not None and attribute(properties, "display") == "false"
        return False

    def _count(self, line: str) -> None:
        self._size += len(line) + 1
        if self._size > MOST_CHARACTERS:
            raise Refused(TOO_LARGE, f"The text has more than {MOST_CHARACTERS} characters.")


def _is_hidden(element: Any) -> bool:
    """Returns whether a section, or text with a condition, is switched off."""
    return attribute(element, "display") == "none" or (
        name_of(element) == "text:hidden-text" and attribute(element, "is-hidden") == "true"
    )


def _repeated(element: Any, name: str) -> int:
    count = attribute(element, name) or "1"
    return min(_MOST_REPEATED, int(count)) if count.isdecimal() else 1
