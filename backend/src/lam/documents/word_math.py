"""Equations of Word (OMML, ECMA-376 part 1, chapter 22) written in one line, as people type them: `(a+b)/2`, `x^2`, `∑_(i=1)^n`.

It knows no paragraph around an equation.
"""

from collections.abc import Callable
from typing import Any, Final

from lam.documents.xml_names import attribute, child, name_of

_SKIP: Final = frozenset({"w:del", "w:moveFrom", "w:delText"})


def linear(element: Any) -> str:
    """Returns the text of an equation or a part of one."""
    name = name_of(element)
    if name in _SKIP or (name.endswith("Pr") and name[:2] in ("m:", "w:")):
        return ""
    if name in ("m:t", "w:t"):
        return element.text or ""
    write = _WRITERS.get(name)
    return write(element) if write else "".join(map(linear, element))


def _part(element: Any, name: str) -> str:
    part = child(element, name)
    return "" if part is None else linear(part)


def _group(text: str) -> str:
    """Returns the text in parentheses, unless it is one number, one letter, or has some already."""
    text = text.strip()
    if len(text) < 2 or (text.isalnum() and (text.isdigit() or len(text) == 1)):
        return text
    return text if text[0] == "(" and text.find(")") == len(text) - 1 else f"({text})"


def _property(element: Any, name: str, default: str) -> str:
    property_ = child(element, f"{name_of(element)}Pr", name)
    return default if property_ is None else attribute(property_, "val") or ""


def _scripts(element: Any) -> str:
    below, above = _part(element, "m:sub").strip(), _part(element, "m:sup").strip()
    return (f"_{_group(below)}" if below else "") + (f"^{_group(above)}" if above else "")


def _fraction(element: Any) -> str:
    return f"{_group(_part(element, 'm:num'))}/{_group(_part(element, 'm:den'))}"


def _root(element: Any) -> str:
    degree = _part(element, "m:deg").strip()
    sign = {"": "√", "2": "√", "3": "∛", "4": "∜"}.get(degree, f"√[{degree}]")
    return f"{sign}({_part(element, 'm:e')})"


def _delimited(element: Any) -> str:
    separator = _property(element, "m:sepChr", "|")
    inner = separator.join(linear(each) for each in element if name_of(each) == "m:e")
    return _property(element, "m:begChr", "(") + inner + _property(element, "m:endChr", ")")


def _sum(element: Any) -> str:
    return f"{_property(element, 'm:chr', '∫')}{_scripts(element)} {_part(element, 'm:e')}"


def _function(element: Any) -> str:
    return f"{_part(element, 'm:fName')} {_part(element, 'm:e')}"


def _matrix(element: Any) -> str:
    rows = [[linear(cell) for cell in row if name_of(cell) == "m:e"] for row in element if name_of(row) == "m:mr"]
    return "[" + "; ".join(", ".join(row) for row in rows) + "]"


def _lines(element: Any) -> str:
    return "; ".join(linear(each) for each in element if name_of(each) == "m:e")


def _accent(element: Any) -> str:
    return _part(element, "m:e") + _property(element, "m:chr", "\u0302")


def _bar(element: Any) -> str:
    return _part(element, "m:e") + ("\u0305" if _property(element, "m:pos", "bot") == "top" else "\u0332")


_WRITERS: Final[dict[str, Callable[[Any], str]]] = {
    "m:f": _fraction,
    "m:rad": _root,
    "m:d": _delimited,
    "m:nary": _sum,
    "m:func": _function,
    "m:m": _matrix,
    "m:eqArr": _lines,
    "m:acc": _accent,
    "m:bar": _bar,
    "m:sSup": lambda element: _part(element, "m:e") + _scripts(element),
    "m:sSub": lambda element: _part(element, "m:e") + _scripts(element),
    "m:sSubSup": lambda element: _part(element, "m:e") + _scripts(element),
    "m:sPre": lambda element: _scripts(element) + _part(element, "m:e"),
    "m:limLow": lambda element: f"{_part(element, 'm:e')}_{_group(_part(element, 'm:lim'))}",
    "m:limUpp": lambda element: f"{_part(element, 'm:e')}^{_group(_part(element, 'm:lim'))}",
}
