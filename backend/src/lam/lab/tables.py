"""The child process that computes results, which take seconds for a large run. The parent's side is `Tables`."""

from collections.abc import Sequence
from types import TracebackType
from typing import Final, Self

import msgspec
from msgspec import Struct

from lam.errors import Invalid
from lam.lab.child import Child, TooSlow, WorkFailed, answer_questions
from lam.lab.results import Cell, Results, results
from lam.lab.specs import Spec
from lam.storage.models import LabCell

SECONDS: Final = 60
MOST_KEPT: Final = 16


class _Question(Struct):
    spec: Spec
    cells: tuple[Cell, ...]


class Tables:
    """Computes results in a child process, once for the same cells. An async context manager."""

    def __init__(self) -> None:
        self._child = Child(__name__, seconds=SECONDS)
        self._kept: dict[bytes, Results] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._child.__aexit__(kind, error, trace)

    async def results(self, run_id: int, spec: Spec, cells: Sequence[LabCell]) -> Results:
        """Raises Invalid when the run is too large for a table."""
        ended = tuple(
            Cell(
                template=cell.template,
                model=cell.model,
                setting=cell.setting,
                task=cell.task,
                status=cell.status,
                passed=cell.passed,
                result=cell.result,
            )
            for cell in cells
            if cell.status in ("complete", "failed")
        )
        key = msgspec.json.encode(
            (run_id, [(cell.number, cell.attempts) for cell in cells if cell.status in ("complete", "failed")])
        )
        if key not in self._kept:
            try:
                made: Results = await self._child.ask("results", _Question(spec, ended), Results)
            except TooSlow as error:
                raise Invalid("The table takes too long to compute; export the cells instead.") from error
            except WorkFailed as error:
                raise Invalid(f"The table cannot be computed: {error}") from error
            while len(self._kept) >= MOST_KEPT:
                del self._kept[next(iter(self._kept))]
            self._kept[key] = made
        return self._kept[key]


def _results(argument: bytes) -> Results:
    question = msgspec.json.decode(argument, type=_Question)
    return results(question.spec, question.cells)


if __name__ == "__main__":
    answer_questions({"results": _results})
