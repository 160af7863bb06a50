"""The text of an Excel workbook: its visible sheets, row by row, with the values as a reader sees them.

Formulas are not computed: the workbook holds their last results.
"""

import io
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final

from lxml import etree

from lam.documents.archive import DAMAGE, Archive, Relation, check_xml
from lam.documents.limits import BROKEN, MOST_CHARACTERS, TOO_LARGE, Notices, Refused
from lam.documents.table import Table
from lam.documents.xml_names import attribute, child, name_of
from lam.protocol.places import mark

_BUILT_IN_DATES: Final = {*range(14, 18), 22, *range(27, 32), *range(34, 37), *range(50, 59)}
_BUILT_IN_TIMES: Final = {18, 19, 20, 21, 32, 33, 45, 46, 47}
_BUILT_IN_PERCENT: Final = {9: 0, 10: 2}
_QUOTED: Final = re.compile(r'"[^"]*"|\\.|\[(?!h|m|s)[^\]]*\]|_.|\*.', re.IGNORECASE)
_REFERENCE: Final = re.compile(r"([A-Z]{1,3})(\d{1,7})")
_LEFT_OUT: Final = {"image": "pictures", "chart": "charts", "oleObject": "embedded objects"}


def sheets_text(data: bytes, notices: Notices) -> str:
    """Returns the text of an .xlsx file. Raises Refused."""
    try:
        return "\n".join(_Workbook(Archive(data), notices).lines())
    except DAMAGE as error:
        raise Refused(BROKEN) from error


class _Workbook:
    def __init__(self, archive: Archive, notices: Notices) -> None:
        archive.require_plain_xml()
        self._archive = archive
        self._notices = notices
        roots = [relation.target for relation in archive.relations("").values() if relation.kind == "officeDocument"]
        self._main = next((name for name in (*roots, "xl/workbook.xml") if name in archive), "")
        self._root = archive.xml(self._main)
        self._relations = archive.relations(self._main)
        self._unknown = 0  # formulas without a result
        self._strings = [_rich(each) for each in self._items("sharedStrings", "x:si")]
        self._formats = self._number_formats()
        properties = child(self._root, "x:workbookPr")
        self._from_1904 = properties is not None and attribute(properties, "date1904") in ("1", "true")

    def lines(self) -> Iterator[str]:
        hidden, number, size = list[str](), 0, 0
        for sheet in self._root.iter():
            if name_of(sheet) != "x:sheet":
                continue
            number += 1
            name = attribute(sheet, "name") or ""
            if attribute(sheet, "state") in ("hidden", "veryHidden"):
                hidden.append(name)
                continue
            relation = self._relations.get(_relation_id(sheet))
            yield mark("sheet", number, name)
            if relation is None or relation.kind != "worksheet":  # a chart as a sheet of its own
                self._notices.add(f"The sheet “{name}” is only a chart and is left out.")
                continue
            for line in self._sheet(relation.target):
                size += len(line) + 1
                if size > MOST_CHARACTERS:
                    raise Refused(TOO_LARGE, f"The sheets have more than {MOST_CHARACTERS} characters.")
                yield line
        if self._unknown:
            self._notices.add(
                f"{self._unknown} {'cell has' if self._unknown == 1 else 'cells have'} a formula without a stored result; "
                "open the file in Excel or LibreOffice, save it, and send it again."
            )
        if hidden:
            names = ", ".join(f"“{name}”" for name in hidden[:5])
            many = f"The hidden sheet {names} is" if len(hidden) == 1 else f"{len(hidden)} hidden sheets ({names}) are"
            self._notices.add(f"{many} left out.")

    def _sheet(self, part: str) -> Iterator[str]:
        data = self._archive.data(part)
        if not data:
            return
        check_xml(data)
        table = Table()
        for _, row in etree.iterparse(
            io.BytesIO(data), tag=("{*}row",), resolve_entities=False, no_network=True, huge_tree=False, remove_comments=True
        ):
            column = 0
            for cell in row:
                if name_of(cell) == "x:c":
                    column = _column(attribute(cell, "r"), column)
                    table.put(column, self._value(cell))
                    column += 1
            row.clear(keep_tail=False)
            while row.getprevious() is not None:  # else the tree keeps every row
                del row.getparent()[0]
            if line := table.row():
                yield line
        yield from self._comments_and_drawings(part)

    def _comments_and_drawings(self, part: str) -> Iterator[str]:
        """Yields the comments of a sheet and the words in its text boxes, and notes what is not read."""
        for relation in self._archive.relations(part).values():
            if relation.kind == "comments":
                for each in self._archive.xml(relation.target).iter():
                    if name_of(each) == "x:comment" and (text := " ".join(_rich(each).split())):
                        yield f"[Comment at {attribute(each, 'ref')}: {text}]"
            elif relation.kind == "drawing":
                for each in self._archive.xml(relation.target).iter():
                    if name_of(each) == "a:p" and (text := "".join(run.text or "" for run in each.iter() if name_of(run) == "a:t")):
                        yield text
                kinds = {each.kind for each in self._archive.relations(relation.target).values()}
                for kind in sorted(kinds & _LEFT_OUT.keys()):
                    self._notices.add(f"The {_LEFT_OUT[kind]} on the sheets are left out.")

    def _value(self, cell: Any) -> str:
        kind = attribute(cell, "t") or "n"
        if kind == "inlineStr":
            inline = child(cell, "x:is")
            return "" if inline is None else _rich(inline)
        content = child(cell, "x:v")
        text = "" if content is None else content.text or ""
        self._unknown += not text and child(cell, "x:f") is not None
        if kind == "s":
            at = int(text or -1)
            return self._strings[at] if 0 <= at < len(self._strings) else ""
        if kind == "b":
            return {"1": "TRUE", "0": "FALSE"}.get(text, text)
        if kind != "n" or not text:
            return text
        style = attribute(cell, "s") or "0"
        return _number(text, self._formats.get(int(style) if style.isdigit() else 0, ""), from_1904=self._from_1904)

    def _number_formats(self) -> dict[int, str]:
        """Returns what a style makes of a number, by the style's position: date, time, or percent with the count of places."""
        root = self._part("styles")
        codes = {
            attribute(each, "numFmtId") or "": attribute(each, "formatCode") or ""
            for each in root.iter()
            if name_of(each) == "x:numFmt"
        }
        styles = child(root, "x:cellXfs")
        numbers = [] if styles is None else [attribute(each, "numFmtId") or "0" for each in styles if name_of(each) == "x:xf"]
        return {at: kind for at, number in enumerate(numbers) if (kind := _kind_of_format(number, codes.get(number)))}

    def _items(self, kind: str, name: str) -> Iterator[Any]:
        return (each for each in self._part(kind) if name_of(each) == name)

    def _part(self, kind: str) -> Any:
        found: Relation | None = next((each for each in self._relations.values() if each.kind == kind), None)
        return self._archive.xml(found.target if found else "")


def _relation_id(element: Any) -> str:
    return next((value for key, value in element.attrib.items() if key.endswith("}id")), "")


def _rich(element: Any) -> str:
    """Returns the text of a string in one or several runs, without what shows how to pronounce it."""
    pieces = []
    for each in element.iter():
        parent = each.getparent()
        if name_of(each) == "x:t" and (parent is None or name_of(parent) != "x:rPh"):
            pieces.append(each.text or "")
    return "".join(pieces).replace("_x000D_", "")


def _column(reference: str | None, follows: int) -> int:
    found = _REFERENCE.fullmatch(reference or "")
    if found is None:
        return follows
    number = 0
    for letter in found[1]:
        number = number * 26 + ord(letter) - 64
    return number - 1


def _kind_of_format(number: str, code: str | None) -> str:
    identity = int(number) if number.isdigit() else 0
    if code is None:
        if identity in _BUILT_IN_PERCENT:
            return f"percent{_BUILT_IN_PERCENT[identity]}"
        return "date" if identity in _BUILT_IN_DATES else "time" if identity in _BUILT_IN_TIMES else ""
    plain = _QUOTED.sub("", code.split(";")[0]).lower()
    if "%" in plain:
        places = re.search(r"\.(0+)", plain)
        return f"percent{len(places[1]) if places else 0}"
    plain = plain.replace("general", "").replace("am/pm", "h").replace("e+", "").replace("e-", "")
    if any(letter in plain for letter in "yd") or ("m" in plain and not any(letter in plain for letter in "hs0#?")):
        return "date"
    return "time" if any(letter in plain for letter in "hs") else ""


def _number(text: str, kind: str, *, from_1904: bool) -> str:
    try:
        value = float(text)
    except ValueError:
        return text
    if kind.startswith("percent") and abs(value) < 1e9:
        return f"{100 * value:.{kind.removeprefix('percent')}f}%"
    if kind == "date" and 0 <= value < 2_958_466:
        return _date(value, from_1904=from_1904)
    if kind == "time" and 0 <= value < 2_958_466:
        seconds = round(value * 86400)
        return f"{seconds // 3600:02}:{seconds // 60 % 60:02}" + (f":{seconds % 60:02}" if seconds % 60 else "")
    return f"{value:.15g}" if "." in text or "E" in text.upper() else text


def _date(days: float, *, from_1904: bool) -> str:
    """Returns a date counted from 1904, or from 1900, which Excel takes for a leap year (ECMA-376, part 1, 18.17.4)."""
    start = datetime(1904, 1, 1) if from_1904 else datetime(1899, 12, 30) if days >= 60 else datetime(1899, 12, 31)
    moment = start + timedelta(seconds=round(days * 86400))
    if days < 1 and not from_1904:
        return moment.strftime("%H:%M:%S")
    return moment.strftime("%Y-%m-%d" if moment.time() == datetime.min.time() else "%Y-%m-%d %H:%M:%S")
