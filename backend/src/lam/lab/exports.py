"""A run as CSV: one line per cell, for spreadsheets and notebooks. Pure."""

import csv
import io
from collections.abc import Sequence
from typing import Any, Final

from lam.lab.specs import Spec
from lam.storage.models import LabCell

_RESULT: Final = (
    "solved",
    "end",
    "steps",
    "shortest",
    "illegal",
    "repaired",
    "hints",
    "score",
    "reason",
    "opinion",
    "prompt_tokens",
    "completion_tokens",
    "first_token_ms",
    "total_ms",
    "code",
    "message",
)
COLUMNS: Final = (
    *("number", "template", "template_id", "template_version", "model", "setting", "task", "repeat"),
    *("status", "attempts", "given_up", "passed"),
    *_RESULT,
)
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")  # a spreadsheet would run it


def as_csv(spec: Spec, cells: Sequence[LabCell]) -> str:
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    names = spec.tasks.names()
    for cell in cells:
        template = spec.templates[cell.template]
        writer.writerow(
            [
                *(cell.number, _safe(template.title), template.template_id, template.version),
                *(_safe(spec.models[cell.model] or ""), _safe(spec.settings[cell.setting].title), _safe(names[cell.task])),
                *(cell.repeat, cell.status, cell.attempts, cell.given_up, cell.passed),
                *(_safe((cell.result or {}).get(name)) for name in _RESULT),
            ]
        )
    return out.getvalue()


def _safe(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
