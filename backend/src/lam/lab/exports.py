"""A run as CSV: one line per cell, for spreadsheets and notebooks. Pure."""

from collections.abc import Sequence
from typing import Any, Final

from lam.lab.specs import Spec
from lam.protocol import spreadsheet
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


def as_csv(spec: Spec, cells: Sequence[LabCell]) -> str:
    names = spec.tasks.names()
    return spreadsheet.as_csv(COLUMNS, (_row(spec, cell, names[cell.task]) for cell in cells))


def _row(spec: Spec, cell: LabCell, task: str) -> list[Any]:
    template = spec.templates[cell.template]
    return [
        *(cell.number, template.title, template.template_id, template.version),
        *(spec.models[cell.model] or "", spec.settings[cell.setting].title, task),
        *(cell.repeat, cell.status, cell.attempts, cell.given_up, cell.passed),
        *((cell.result or {}).get(name) for name in _RESULT),
    ]
