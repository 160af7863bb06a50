"""The child process that judges: checks judges and gives verdicts, under a time limit.

The parent's side is `Judging`; run as a program, this module is the child.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from types import TracebackType
from typing import Final, Self

import msgspec
from msgspec import Struct

from lam.errors import Invalid
from lam.lab import judges
from lam.lab.child import Child, TooSlow, WorkFailed, answer_questions
from lam.lab.judges import Verdict
from lam.lab.specs import Case, FitsSchema, Judge, Matches

SECONDS: Final = 3
CHARS: Final = 200_000  # of an answer that a pattern or a schema judges


class _Pair(Struct):
    judge: Judge
    answer: str


class Judging:
    """Judges answers in a child process. An async context manager."""

    def __init__(self, *, seconds: float = SECONDS) -> None:
        self._child = Child(__name__, seconds=seconds)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._child.__aexit__(kind, error, trace)

    async def require_usable(self, cases: Sequence[Case]) -> None:
        """Raises Invalid, which names the case, for a pattern or a schema that cannot be used."""
        if any(isinstance(case.judge, Matches | FitsSchema) for case in cases):
            with suppress(TooSlow, WorkFailed):  # the first question says it
                await self._child.ready()
        deadline = asyncio.get_running_loop().time() + 4 * SECONDS
        for number, case in enumerate(cases, 1):
            if isinstance(case.judge, Matches | FitsSchema):
                name = case.name or f"Case {number}"
                try:
                    async with asyncio.timeout_at(deadline):
                        await self._child.ask("check", case.judge, None)
                except WorkFailed as error:
                    raise Invalid(f"{name}: {error}") from error
                except (TooSlow, TimeoutError) as error:
                    raise Invalid(f"{name}: its judge takes too long to prepare.") from error

    async def verdict(self, judge: Judge, answer: str) -> Verdict:
        """Returns the verdict of any judge but a model. A judge that takes too long gives none."""
        if not isinstance(judge, Matches | FitsSchema):
            return judges.verdict(judge, answer)
        if len(answer) > CHARS:
            return Verdict(None, f"The answer has {len(answer)} characters; up to {CHARS} are judged.")
        try:
            verdict: Verdict = await self._child.ask("verdict", _Pair(judge, answer), Verdict)
            return verdict
        except TooSlow:
            return Verdict(None, f"The judge takes longer than {SECONDS} seconds.")
        except WorkFailed as error:
            return Verdict(None, f"The judge failed: {error}")


def _verdict(argument: bytes) -> Verdict:
    pair = msgspec.json.decode(argument, type=_Pair)
    return judges.verdict(pair.judge, pair.answer)


def _check(argument: bytes) -> None:
    judges.check(msgspec.json.decode(argument, type=Judge))


if __name__ == "__main__":
    answer_questions({"check": _check, "verdict": _verdict})
