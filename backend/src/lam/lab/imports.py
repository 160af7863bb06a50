"""Sets of tasks from files: JSON, as the API writes them, or CSV, one case per line. Pure.

CSV: the first line names the columns. `name`, `input`, and one judge: `contains`, `equals`, `matches`, `json_schema` or `rubric`;
empty fields do not count. `ignore_case` is for `contains` and `equals`. Every other column is a variable.
"""

import csv
import io
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any, Final

import msgspec

from lam.errors import Invalid
from lam.lab.specs import MOST_CASES, TaskSet, converted
from lam.protocol.text import valid, valid_json

_JUDGES: Final = {"contains": "value", "equals": "value", "matches": "pattern", "json_schema": "schema", "rubric": "rubric"}
_YES: Final = frozenset({"1", "true", "yes", "y", "x"})
_LONGEST_FIELD: Final = 1 << 20


def imported(filename: str, text: str) -> TaskSet:
    """Returns the set in a file. Raises Invalid, which names the line or the field."""
    name = PurePath(filename.replace("\\", "/"))
    title = name.stem.strip()[:200] or "Imported set"
    text = valid(text.removeprefix("\ufeff"))
    if name.suffix.lower() == ".csv":
        return converted({"title": title, "cases": _from_csv(text)})
    if name.suffix.lower() == ".json" or text.lstrip()[:1] in ("{", "["):
        return converted(_from_json(text, title))
    raise Invalid("filename: sets are read from .json and .csv files.")


def _from_json(text: str, title: str) -> dict[str, Any]:
    try:
        value = msgspec.json.decode(valid_json(text.encode()))
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        raise Invalid(f"The file is not JSON: {error}.") from error
    if isinstance(value, list):
        value = {"cases": value}
    if not isinstance(value, dict):
        raise Invalid("The file has to hold a set, or a list of cases.")
    chosen = value.get("title")
    return {"title": chosen if isinstance(chosen, str) and chosen.strip() else title} | {
        name: value[name] for name in ("maze", "cases") if value.get(name) is not None
    }


def _from_csv(text: str) -> list[dict[str, Any]]:
    csv.field_size_limit(_LONGEST_FIELD)
    head = text.partition("\n")[0]
    delimiter = max(",;\t", key=head.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        columns = [column.strip() for column in next(reader, [])]
        _require_columns(columns)
        cases = list[dict[str, Any]]()
        for row in reader:
            if not any(field.strip() for field in row):
                continue
            if len(row) > len(columns):
                raise Invalid(f"Line {reader.line_num} has {len(row)} fields; there are {len(columns)} columns.")
            if len(cases) >= MOST_CASES:
                raise Invalid(f"The file has more than {MOST_CASES} cases.")
            cases.append(_case(dict(zip(columns, row, strict=False)), reader.line_num))
    except csv.Error as error:
        raise Invalid(f"Line {reader.line_num} is not CSV: {error}.") from error
    return cases


def _require_columns(columns: list[str]) -> None:
    if not any(columns):
        raise Invalid("The file is empty; its first line has to name the columns.")
    twice = next((column for column in columns if columns.count(column) > 1), None)
    if "" in columns or twice is not None:
        raise Invalid(f"The column {twice or ''!r} is there twice." if twice else "A column has no name.")
    if "input" not in columns and not set(columns) - _JUDGES.keys() - {"name", "ignore_case"}:
        raise Invalid("There is no column `input`, and no variable.")


def _case(fields: Mapping[str, str], line: int) -> dict[str, Any]:
    given = [name for name in _JUDGES if fields.get(name, "").strip()]
    if len(given) > 1:
        raise Invalid(f"Line {line} has the judges {' and '.join(given)}; a case has one.")
    variables = {name: value for name, value in fields.items() if name not in {"name", "input", "ignore_case", *_JUDGES}}
    case: dict[str, Any] = {"name": fields.get("name", "").strip(), "input": fields.get("input", ""), "variables": variables}
    if given:
        case["judge"] = _judge(given[0], fields, line)
    return case


def _judge(name: str, fields: Mapping[str, str], line: int) -> dict[str, Any]:
    value: Any = fields[name]
    if name == "json_schema":
        try:
            value = msgspec.json.decode(value.encode())
        except (msgspec.DecodeError, RecursionError) as error:
            raise Invalid(f"Line {line}: the schema is not JSON: {error}.") from error
    judge = {"type": "model" if name == "rubric" else name, _JUDGES[name]: value}
    if name in ("contains", "equals"):
        judge["ignore_case"] = fields.get("ignore_case", "").strip().lower() in _YES
    return judge
