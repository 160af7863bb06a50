"""Tables as CSV, for spreadsheets and notebooks. No text in it is a formula. Pure."""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any, Final

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")  # a spreadsheet would run it


def as_csv(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Returns a table with a line of heads. None is an empty cell."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(columns)
    writer.writerows(map(_safe, row) for row in rows)
    return out.getvalue()


def _safe(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
