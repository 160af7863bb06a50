"""The numbers and bullets of lists in Word, which no text contains: `1.`, `2.b)`, `•`.

It counts, and must not know the text of a paragraph.
"""

from typing import Any, Final

from msgspec import Struct

from lam.documents.word_package import Package
from lam.documents.xml_names import attribute, child, name_of

_ROMAN: Final = tuple(
    zip(
        (1000, 900, 500, 400, 100, 90, 50, 40, 10, 9, 5, 4, 1),
        ("m", "cm", "d", "cd", "c", "xc", "l", "xl", "x", "ix", "v", "iv", "i"),
        strict=True,
    )
)
_DEEPEST: Final = 9


class _Level(Struct, frozen=True):
    format: str
    text: str
    start: int


class Numbering:
    def __init__(self, package: Package, numbering: str, styles: str) -> None:
        self._styles = {attribute(style, "styleId"): style for style in package.xml(styles) if name_of(style) == "w:style"}
        self._lists: dict[str | None, dict[int, _Level]] = {}
        self._numbers: dict[str | None, tuple[str | None, dict[int, int]]] = {}
        for element in package.xml(numbering):
            if name_of(element) == "w:abstractNum":
                self._lists[attribute(element, "abstractNumId")] = _levels(element)
            elif name_of(element) == "w:num":
                of = child(element, "w:abstractNumId")
                starts = {_number(each, "ilvl"): _value(each, "w:startOverride") for each in element if _has_start(each)}
                self._numbers[attribute(element, "numId")] = (None if of is None else attribute(of, "val"), starts)
        self._counts: dict[str | None, dict[int, int]] = {}
        self._begun: set[str | None] = set()

    def label(self, properties: Any | None) -> str:
        """Returns the label of the next paragraph with these properties and a space; empty for most paragraphs."""
        number, depth = self._place(properties)
        of, starts = self._numbers.get(number, (None, {}))
        levels = self._lists.get(of, {})
        if depth not in levels:
            return ""
        counts = self._counts.setdefault(of, {})
        if number not in self._begun:
            self._begun.add(number)
            for level, start in starts.items():
                counts[level] = start - 1
        counts[depth] = counts.get(depth, levels[depth].start - 1) + 1
        for deeper in [each for each in counts if each > depth]:
            del counts[deeper]
        text = levels[depth].text
        if levels[depth].format == "bullet":
            return "• " if text else ""
        for level in range(depth + 1):
            if level in levels:
                text = text.replace(f"%{level + 1}", _written(counts.get(level, levels[level].start), levels[level].format))
        return f"{text} " if text.strip() else ""

    def _place(self, properties: Any | None) -> tuple[str | None, int]:
        """Returns the list of a paragraph, its own or its style's, and the level in it."""
        own = None if properties is None else child(properties, "w:numPr")
        style = None if properties is None else child(properties, "w:pStyle")
        name = None if style is None else attribute(style, "val")
        number, depth = _listed(own)
        for _ in range(_DEEPEST):
            if number is not None or name not in self._styles:
                break
            number, inherited = _listed(child(self._styles[name], "w:pPr", "w:numPr"))
            depth = inherited if depth is None else depth
            based = child(self._styles[name], "w:basedOn")
            name = None if based is None else attribute(based, "val")
        return number, depth or 0


def _listed(properties: Any | None) -> tuple[str | None, int | None]:
    if properties is None:
        return None, None
    number, depth = child(properties, "w:numId"), child(properties, "w:ilvl")
    return None if number is None else attribute(number, "val"), None if depth is None else _number(depth, "val")


def _levels(element: Any) -> dict[int, _Level]:
    levels = {}
    for level in element:
        if name_of(level) == "w:lvl":
            format_, text = child(level, "w:numFmt"), child(level, "w:lvlText")
            levels[_number(level, "ilvl")] = _Level(
                "decimal" if format_ is None else attribute(format_, "val") or "decimal",
                "" if text is None else attribute(text, "val") or "",
                _value(level, "w:start", 1),
            )
    return levels


def _has_start(element: Any) -> bool:
    return name_of(element) == "w:lvlOverride" and child(element, "w:startOverride") is not None


def _value(element: Any, name: str, default: int = 0) -> int:
    part = child(element, name)
    return default if part is None else _number(part, "val", default)


def _number(element: Any, name: str, default: int = 0) -> int:
    value = attribute(element, name) or ""
    return int(value) if value.isascii() and value.isdigit() and len(value) < 6 else default


def _written(number: int, format_: str) -> str:
    if format_ == "none":
        return ""
    if format_ == "decimalZero":
        return f"{number:02}"
    if format_.endswith("Letter") and number > 0:
        letters = chr(ord("a") + (number - 1) % 26) * min((number - 1) // 26 + 1, 100)  # aa follows z, and bb follows aa
        return letters.upper() if format_.startswith("upper") else letters
    if format_.endswith("Roman") and 0 < number < 4000:
        roman = ""
        for value, sign in _ROMAN:
            roman += sign * (number // value)
            number %= value
        return roman.upper() if format_.startswith("upper") else roman
    return str(number)
