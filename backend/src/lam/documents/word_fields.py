"""Fields of Word: their results are text, their codes are not. Fields begin in one run, end in another, and can be nested.

It follows the marks and must not compute a field.
"""

import re
from typing import Any, Final

from lam.documents.xml_names import attribute, child, is_on, name_of

_EQUATION: Final = re.compile(r"\\(?:[a-z]+ ?\d*|\*\s*(?:\"[^\"]*\"|\S+))\s?", re.IGNORECASE)
_BUTTON: Final = re.compile(r"\s*(?:MACROBUTTON|GOTOBUTTON)\s+\S+\s+(.*)", re.IGNORECASE | re.DOTALL)


class Fields:
    """The position of a story among its fields."""

    def __init__(self, root: Any) -> None:
        self._open: list[_Field] = []
        self._closed = _closed(root)  # otherwise an endless field would swallow the rest of the story

    @property
    def in_code(self) -> bool:
        return any(field.in_code for field in self._open)

    def turn(self, mark: Any) -> str:
        """Takes the beginning, middle or end of a field. Returns the text of a field that keeps it in its code."""
        kind = attribute(mark, "fldCharType")
        if kind == "begin" and mark in self._closed:
            self._open.append(_Field())
        elif kind == "separate" and self._open:
            self._open[-1].in_code = False
        elif kind == "end" and self._open:
            field = self._open.pop()
            if field.in_code and not self.in_code:
                return _text_of_code(field.code)
        return ""

    def code(self, text: str) -> None:
        if self._open:
            self._open[-1].code += text

    def cross(self, element: Any) -> None:
        """Takes the marks in skipped content."""
        for each in element.iter():
            if name_of(each) == "w:fldChar":
                self.turn(each)


class _Field:
    def __init__(self) -> None:
        self.in_code = True
        self.code = ""


def form_field(mark: Any) -> str:
    """Returns the text of an old form field without a result: a box, ticked or not, or the chosen entry."""
    box = child(mark, "w:ffData", "w:checkBox")
    if box is not None:
        now = "w:checked" if child(box, "w:checked") is not None else "w:default"
        return "☒" if is_on(box, now) else "☐"
    choice = child(mark, "w:ffData", "w:ddList")
    if choice is None:
        return ""
    entries = [attribute(each, "val") or "" for each in choice if name_of(each) == "w:listEntry"]
    result = child(choice, "w:result")
    if result is None:
        result = child(choice, "w:default")
    at = "0" if result is None else attribute(result, "val") or "0"
    return entries[int(at)] if at.isdigit() and int(at) < len(entries) else ""


def _closed(root: Any) -> set[Any]:
    """Returns the opening marks of fields that also end."""
    open_marks: list[Any] = []
    closed: set[Any] = set()
    for mark in root.iter():
        if name_of(mark) == "w:fldChar":
            kind = attribute(mark, "fldCharType")
            if kind == "begin":
                open_marks.append(mark)
            elif kind == "end" and open_marks:
                closed.add(open_marks.pop())
    return closed


def _text_of_code(code: str) -> str:
    """Returns the text in a code: old equations (`EQ`), such as readings above Japanese, and buttons keep theirs there."""
    if button := _BUTTON.match(code):
        return button[1].strip()
    equation = code.strip()
    if equation[:2].upper() != "EQ":
        return ""
    return _EQUATION.sub("", equation[2:]).strip()
