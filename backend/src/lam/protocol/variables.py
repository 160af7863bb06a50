"""Variables of a template: `{{name}}`, `{{name=default}}`, `{{name|description}}`, `{{name=default|description}}`. Pure.

White space around the parts is ignored. A name begins with a letter or an underscore and has up to 64 letters, digits and
underscores. Default and description are text without braces, bars and line ends. Any other text in braces stays text, because other
template languages use braces too. Inserted values are never expanded.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Final

from msgspec import Struct

_BRACES: Final = re.compile(r"(?<!\{)\{\{([^{}\n]*)\}\}(?!\})")  # a single quantifier: no text makes the search slow
_NAME: Final = re.compile(r"[^\W\d]\w{0,63}")


class Variable(Struct, frozen=True):
    """A variable of a template. `default`: None means that a value is required."""

    name: str
    default: str | None = None
    description: str | None = None


def variables(text: str) -> list[Variable]:
    """Returns each variable once, in order of appearance. A default or description applies to all its occurrences; the first one
    wins."""
    result: dict[str, Variable] = {}
    for _, variable in _written(text):
        known = result.get(variable.name, variable)
        default = variable.default if known.default is None else known.default
        result[variable.name] = Variable(variable.name, default, known.description or variable.description)
    return list(result.values())


def filled(text: str, values: Mapping[str, str]) -> str:
    """Returns the text with values or defaults inserted; a variable with neither stays as written."""
    return "".join(_parts(text, values))


def filled_length(text: str, values: Mapping[str, str]) -> int:
    """Returns the length of the filled text in characters without building it."""
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
    """Yields each occurrence of a variable with its own default and description."""
    for match in _BRACES.finditer(text):
        head, *description = match[1].split("|")
        name, equals, default = head.partition("=")
        name = name.strip()
        if _NAME.fullmatch(name) and len(description) < 2 and not default.startswith("="):
            yield match, Variable(name, default.strip() if equals else None, "".join(description).strip() or None)
