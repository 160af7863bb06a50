"""Variables of a template: `{{name}}`, `{{name=default}}`, `{{name|description}}`, `{{name=default|description}}`.

White space around the parts counts for nothing. A name begins with a letter or an underscore and has letters, digits and
underscores, 64 at most; default and description are text without braces, bars and line ends. Whatever else stands between braces
(other templating languages use them too) is text. What is inserted is never looked at again.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Final

from msgspec import Struct

_BRACES: Final = re.compile(r"(?<!\{)\{\{([^{}\n]*)\}\}(?!\})")  # one quantifier: no text makes it slow
_NAME: Final = re.compile(r"[^\W\d]\w{0,63}")


class Variable(Struct, frozen=True):
    """`default` None: a value must be given."""

    name: str
    default: str | None = None
    description: str | None = None


def variables(text: str) -> list[Variable]:
    """Each variable once, in the order of appearance; what it says of itself anywhere holds everywhere, the first time wins."""
    found: dict[str, Variable] = {}
    for _, said in _written(text):
        known = found.get(said.name, said)
        default = said.default if known.default is None else known.default
        found[said.name] = Variable(said.name, default, known.description or said.description)
    return list(found.values())


def filled(text: str, values: Mapping[str, str]) -> str:
    """The text with the values in it, defaults where there is none; a variable with neither stays as it is written."""
    return "".join(_parts(text, values))


def filled_length(text: str, values: Mapping[str, str]) -> int:
    """Characters of the filled text, known without making it."""
    return sum(map(len, _parts(text, values)))


def _parts(text: str, values: Mapping[str, str]) -> Iterator[str]:
    known = {variable.name: variable.default for variable in variables(text)} | dict(values)
    end = 0
    for match, variable in _written(text):
        value = known.get(variable.name)
        if value is not None:
            yield text[end : match.start()]
            yield value
            end = match.end()
    yield text[end:]


def _written(text: str) -> Iterator[tuple[re.Match[str], Variable]]:
    """Where variables are written, and what each says there."""
    for match in _BRACES.finditer(text):
        head, *description = match[1].split("|")
        name, given, default = head.partition("=")
        name = name.strip()
        if _NAME.fullmatch(name) and len(description) < 2 and not default.startswith("="):
            yield match, Variable(name, default.strip() if given else None, "".join(description).strip() or None)
