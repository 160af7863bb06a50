"""Variables of a template: `{{name}}`, `{{name=default}}`, `{{name|description}}`, `{{name=default|description}}`.

White space around the parts counts for nothing. A name begins with a letter or an underscore and has letters, digits and
underscores, 64 at most; default and description are text without braces, bars and line ends. Whatever else stands between braces
(other templating languages use them too) is text. What is inserted is never looked at again.
"""

import re
from collections.abc import Mapping
from typing import Final

from msgspec import Struct

_VARIABLE: Final = re.compile(
    r"(?<!\{)\{\{[^\S\n]*(?P<name>[^\W\d]\w{0,63})[^\S\n]*"
    r"(?:=(?!=)[^\S\n]*(?P<default>[^{}|\n]*?)[^\S\n]*)?"
    r"(?:\|[^\S\n]*(?P<description>[^{}|\n]*?)[^\S\n]*)?\}\}(?!\})"
)


class Variable(Struct, frozen=True):
    """`default` None: a value must be given."""

    name: str
    default: str | None = None
    description: str | None = None


def variables(text: str) -> list[Variable]:
    """Each variable once, in the order of appearance; what it says of itself anywhere holds everywhere, the first time wins."""
    found: dict[str, Variable] = {}
    for match in _VARIABLE.finditer(text):
        name, default, description = match["name"], match["default"], match["description"] or None
        known = found.get(name, Variable(name))
        found[name] = Variable(name, default if known.default is None else known.default, known.description or description)
    return list(found.values())


def filled(text: str, values: Mapping[str, str]) -> str:
    """The text with the values in it, defaults where there is none; a variable with neither stays as it is written."""
    known = {variable.name: variable.default for variable in variables(text)} | dict(values)

    def value(match: re.Match[str]) -> str:
        found = known.get(match["name"])
        return match[0] if found is None else found

    return _VARIABLE.sub(value, text)
