"""A model's answer: the JSON schema it is asked for, and how its text is read. Pure.

An answer is `{"say": text, "do": action}`. What an action does is the business of `rules.py`.
"""

import json
import re
from typing import Any, Final, Literal

from msgspec import Struct

from lam.maze.actions import DIRECTIONS, LONGEST_PATH, Action, BreakWall, Move, Path, from_json, to_json
from lam.maze.rules import actions_of
from lam.maze.state import State
from lam.protocol.sampling import JsonSchema, ResponseFormat
from lam.protocol.text import valid

LONGEST_SAY: Final = 200  # characters, where a schema forces the answer
LONGEST_ANSWER: Final = 65_536  # characters of the JSON object; a longer one is not read
DEEPEST: Final = 16
_MARKS: Final = re.compile(r'["\\{}\[\]]')

Forcing = Literal["legal", "shape", "none"]
Reading = Literal["exact", "repaired", "illegal"]


class Answer(Struct, frozen=True):
    """What was read. `say`: for the player, empty if there is none. `action`: None exactly when `reading` is `illegal`."""

    say: str
    action: Action | None
    reading: Reading


def read(text: str) -> Answer:
    """Returns the answer in a model's text, without its thoughts.

    The object that begins at the first `{` counts, whatever stands around it. It parses: `exact`. The text ends inside of it, and
    it parses once open strings and brackets are closed: `repaired`. Anything else, an action in another shape and a key that
    occurs twice are `illegal`. Other keys beside `say` and `do` are ignored, and `say` may be missing.
    """
    found = _object(text)
    if found is None:
        return Answer("", None, "illegal")
    source, missing = found
    try:
        value = json.loads(source + missing, object_pairs_hook=_unique, parse_constant=_refused)
    except (ValueError, RecursionError):
        return Answer("", None, "illegal")
    say = value.get("say", "")
    words = valid(say) if isinstance(say, str) else ""
    try:
        action = from_json(value.get("do"))
    except ValueError:
        return Answer(words, None, "illegal")
    if not isinstance(say, str):
        return Answer("", None, "illegal")
    return Answer(words, action, "repaired" if missing else "exact")


def schema(state: State, forcing: Forcing) -> dict[str, Any] | None:
    """Returns the JSON schema of an answer: any action (`shape`), the legal ones of this state (`legal`), or None (`none`).

    Raises ValueError for `legal` after the end of the game: nothing is legal then.
    """
    if forcing == "none":
        return None
    forms = _any_form() if forcing == "shape" else _legal_forms(actions_of(state))
    if not forms:
        raise ValueError("the game has ended")
    return _object_of(say={"type": "string", "maxLength": LONGEST_SAY}, do={"anyOf": forms})


def response_format(state: State, forcing: Forcing) -> ResponseFormat | None:
    """Returns the schema as the sampling setting `response_format`, None if nothing is forced."""
    form = schema(state, forcing)
    return ResponseFormat(type="json_schema", json_schema=JsonSchema(schema=form)) if form else None


def _any_form() -> list[dict[str, Any]]:
    direction = {"enum": list(DIRECTIONS)}
    directions = {"type": "array", "items": direction, "minItems": 1, "maxItems": LONGEST_PATH}
    return [
        _form("move", direction=direction),
        _form("path", directions=directions),
        _form("break_wall", direction=direction),
        *map(_form, ("slow_germs", "freeze_germs", "scan", "wait")),
    ]


def _legal_forms(actions: list[Action]) -> list[dict[str, Any]]:
    """One form per kind of action, in the order of `actions`."""
    values: dict[str, list[Any]] = {}
    fields = {Move: "direction", BreakWall: "direction", Path: "directions"}
    for action in actions:
        raw = to_json(action)
        values.setdefault(raw["action"], []).extend(raw[field] for field in [fields.get(type(action))] if field)
    return [
        _form(name, **({"directions" if name == "path" else "direction": {"enum": choices}} if choices else {}))
        for name, choices in values.items()
    ]


def _form(name: str, **fields: Any) -> dict[str, Any]:
    return _object_of(action={"const": name}, **fields)


def _object_of(**fields: Any) -> dict[str, Any]:
    return {"type": "object", "properties": fields, "required": list(fields), "additionalProperties": False}


def _object(text: str) -> tuple[str, str] | None:
    """Returns the object that begins at the first `{`, and what would close it; None if there is none that can be read."""
    start = text.find("{")
    if start < 0:
        return None
    open_brackets: list[str] = []
    in_string = False
    position = start
    end = start + LONGEST_ANSWER
    while mark := _MARKS.search(text, position, end):
        position = mark.end()
        match mark[0]:
            case "\\":
                position += in_string
            case '"':
                in_string = not in_string
            case _ if in_string:
                pass
            case "{" | "[":
                open_brackets.append("}" if mark[0] == "{" else "]")
                if len(open_brackets) > DEEPEST:
                    return None
            case closing:
                if closing != open_brackets.pop():
                    return None
                if not open_brackets:
                    return text[start:position], ""
    if len(text) > end:
        return None
    return text[start:], '"' * in_string + "".join(reversed(open_brackets))


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) < len(pairs):
        raise ValueError("a key occurs twice")
    return result


def _refused(constant: str) -> Any:
    raise ValueError(f"{constant} is no JSON")
