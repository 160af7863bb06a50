"""Form fields and notes of a PDF. Pages do not draw them: they lie above the pages.

It reads fields and must not run their scripts.
"""

import re
from collections.abc import Iterator
from typing import Any, Final
from xml.parsers import expat

from lam.documents.limits import BROKEN, XML_BYTES, Refused

_RADIO: Final = 1 << 15
_PUSH: Final = 1 << 16
_PASSWORD: Final = 1 << 13
_DEEPEST: Final = 50  # fields within fields
_NOT_NOTES: Final = frozenset({"/Widget", "/Link", "/Popup", "/Movie", "/Screen", "/PrinterMark", "/TrapNet", "/Watermark"})
_MARKUP: Final = re.compile("<[^>]*>")


class Form:
    """The fields of a document, each yielded once: with its page, or at the end."""

    def __init__(self, reader: Any) -> None:
        form = _object(reader.root_object.get("/AcroForm")) or {}
        self._fields = _object(form.get("/Fields")) or []
        self._xfa = _object(form.get("/XFA"))
        self._done: set[int] = set()

    def lines(self, page: Any) -> list[str]:
        """Returns `name: value` of each filled field on the page."""
        lines = [self._line(each) for each in _annotations(page) if each.get("/Subtype") == "/Widget"]
        return [line for line in lines if line]

    def rest(self) -> list[str]:
        """Returns the same for fields without a page, and for an XFA form, which stores its values in XML."""
        lines = [self._line(field) for field in _leaves(self._fields, set())]
        return [line for line in lines if line] or ([] if self._done else _xfa_lines(self._xfa))

    def _line(self, widget: Any) -> str:
        field = widget if "/T" in widget or "/Parent" not in widget else _object(widget["/Parent"])
        kind, flags = _inherited(field, "/FT"), _inherited(widget, "/Ff")
        flags = flags if isinstance(flags, int) else 0
        single = kind != "/Btn" or not flags & _RADIO  # each button of a radio field has a line of its own
        key = id(field) if single else id(widget)
        if key in self._done or (kind == "/Btn" and flags & _PUSH):
            return ""
        self._done.add(key)
        name = str(_inherited(field, "/TU") or _full_name(field))
        if kind == "/Btn":
            return _button(widget, field, name)
        value = "" if kind == "/Tx" and flags & _PASSWORD else _value(_inherited(field, "/V"), _options(field))
        return f"{name}: {value}" if value.strip() else ""


def page_notes(page: Any) -> list[str]:
    """Returns the text typed onto a page, and the notes beside it."""
    lines = []
    for each in _annotations(page):
        kind = each.get("/Subtype")
        if kind in _NOT_NOTES:
            continue
        text = _text(each.get("/Contents")) or _MARKUP.sub("", _text(each.get("/RC")))
        if text.strip():
            lines.append(text if kind == "/FreeText" else f"[Note: {text}]")
    return lines


def _annotations(page: Any) -> list[Any]:
    each = [_object(annotation) for annotation in _object(page.get("/Annots")) or []]
    return [annotation for annotation in each if hasattr(annotation, "get")]


def _leaves(fields: Any, passed: set[int]) -> Iterator[Any]:
    """Yields fields without subfields. `passed`: the fields on the way, because a field may contain itself."""
    for field in map(_object, fields):
        if id(field) in passed:
            continue
        passed.add(id(field))
        kids = [_object(kid) for kid in _object(field.get("/Kids")) or []]
        named = [kid for kid in kids if "/T" in kid]
        if named:
            yield from _leaves(named, passed)
        elif kids and _inherited(field, "/FT") == "/Btn":
            yield from kids
        else:
            yield field


def _button(widget: Any, field: Any, name: str) -> str:
    state = widget.get("/AS") or _inherited(field, "/V")
    shapes = _object((_object(widget.get("/AP")) or {}).get("/N")) or {}
    export = next((each.removeprefix("/") for each in shapes if each != "/Off"), "") if hasattr(shapes, "keys") else ""
    ticked = state not in (None, "/Off", "", "Off")
    label = name if export in ("", "Yes", "On", "1", "yes", "on") else f"{name}: {export}"
    return f"[{'x' if ticked else ' '}] {label}"


def _options(field: Any) -> dict[str, str]:
    """Returns the displayed text of each value of a list."""
    pairs = [_object(option) for option in _object(_inherited(field, "/Opt")) or []]
    return {_text(pair[0]): _text(pair[1]) for pair in pairs if isinstance(pair, list) and len(pair) == 2}


def _value(value: Any, options: dict[str, str]) -> str:
    value = _object(value)
    if isinstance(value, list):
        return ", ".join(_value(each, options) for each in value)
    text = _text(value)
    return options.get(text, text)


def _full_name(field: Any) -> str:
    names: list[str] = []
    for _ in range(_DEEPEST):
        if "/T" in field:
            names.append(_text(field["/T"]))
        if "/Parent" not in field:
            break
        field = _object(field["/Parent"])
    return ".".join(reversed(names)) or "field"


def _inherited(field: Any, key: str) -> Any:
    for _ in range(_DEEPEST):
        if key in field:
            return _object(field[key])
        if "/Parent" not in field:
            return None
        field = _object(field["/Parent"])
    return None


def _text(value: Any) -> str:
    value = _object(value)
    if value is None:
        return ""
    if hasattr(value, "get_data"):  # a long text is a stream
        value = value.get_data()
    if isinstance(value, bytes):
        value = value.decode("utf-16") if value.startswith((b"\xfe\xff", b"\xff\xfe")) else value.decode("utf-8", "replace")
    return str(value).removeprefix("/") if str(value).startswith("/") else str(value)


def _object(value: Any) -> Any:
    return value.get_object() if hasattr(value, "get_object") else value


def _xfa_lines(xfa: Any) -> list[str]:
    """Returns `name: value` for the data of an XFA form."""
    if not isinstance(xfa, list):
        return []
    parts = dict(zip(map(str, xfa[::2]), xfa[1::2], strict=False))
    data = parts.get("datasets")
    return [] if data is None else _values_of_xml(_object(data).get_data())


def _values_of_xml(data: bytes) -> list[str]:
    if len(data) > XML_BYTES:
        return []
    lines: list[str] = []
    path: list[str] = []
    texts: list[str] = []

    def start(name: str, _: Any) -> None:
        path.append(name)
        texts.append("")

    def end(name: str) -> None:
        path.pop()
        if text := texts.pop().strip():
            lines.append(f"{name.rpartition(':')[2]}: {text}")

    def characters(text: str) -> None:
        if texts:
            texts[-1] += text

    def refuse(*_: object) -> None:
        raise Refused(BROKEN, "The form of the document declares entities.")

    parser = expat.ParserCreate()
    parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler = start, end, characters
    parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = refuse
    try:
        parser.Parse(data, True)
    except expat.ExpatError:
        return lines
    return lines
