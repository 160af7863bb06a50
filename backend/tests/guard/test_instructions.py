"""The price of a token in instructions, which no neighbour on the machine can change: a guard that needs no clock.

Counted by valgrind's callgrind, as the difference of two processes, divided by the same for a loop of plain Python. `ratios.json`
holds what was counted, by Python version; `python -m tests.guard.test_instructions` (in backend/) counts anew and writes it.
"""

import json
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NoReturn

import pytest

HERE: Final = Path(__file__).parent
RATIOS: Final = HERE / "ratios.json"
SLACK: Final = 1.15
TIMES: Final = 2000
STEPS: Final = ("decode", "append", "encode", "follow")
VERSION: Final = ".".join(platform.python_version_tuple()[:2])
pytestmark = [pytest.mark.sse, pytest.mark.sqlite]  # once is enough
INSTALL: Final = "valgrind is missing: apt-get install valgrind"


def instructions(valgrind: str, steps: Sequence[tuple[str, int]]) -> list[int]:
    """Returns, for each step and number of times, the instructions of its process, with those of its parent before the fork."""
    command = [valgrind, "--tool=callgrind", "--callgrind-out-file=/dev/null", sys.executable, str(HERE / "hot_path.py")]
    env = os.environ | {"PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"}
    words = [f"{step}:{times}" for step, times in steps]
    run = subprocess.run([*command, *words], env=env, capture_output=True, text=True, check=False)
    counts = dict(re.findall(r"^==(\d+)== Collected : (\d+)", run.stderr, re.MULTILINE))
    pids = run.stdout.split()
    assert len(pids) == len(steps), run.stderr
    return [int(counts[pid]) for pid in pids]


def ratios(valgrind: str) -> dict[str, float]:
    """Instructions of each step for one token, in turns of the plain loop."""
    nothing, loop, *steps = instructions(valgrind, [("loop", 0), *((step, TIMES) for step in ("loop", *STEPS))])
    return {step: round((count - nothing) / (loop - nothing), 2) for step, count in zip(STEPS, steps, strict=True)}


@pytest.mark.timeout(600)  # valgrind takes its time on a busy machine
def test_a_token_takes_no_more_instructions_than_it_did() -> None:
    valgrind = shutil.which("valgrind")
    if valgrind is None:
        _leave_out(INSTALL)
    stored = json.loads(RATIOS.read_text()).get(VERSION)
    if stored is None:
        _leave_out(f"nothing is stored for Python {VERSION}: python -m tests.guard.test_instructions")
    counted = ratios(valgrind)
    dearer = {step: f"{counted[step]}, stored {stored[step]}" for step in STEPS if counted[step] > SLACK * stored[step]}
    assert not dearer, f"more than 15 % dearer than stored: {dearer}; if that is meant, count anew (see the docstring)"


def _leave_out(why: str) -> NoReturn:
    """Where CI is set nothing is left out: it fails."""
    (pytest.fail if os.environ.get("CI") else pytest.skip)(why)


if __name__ == "__main__":
    found = shutil.which("valgrind") or sys.exit(INSTALL)
    known = json.loads(RATIOS.read_text()) if RATIOS.exists() else {}
    RATIOS.write_text(json.dumps(known | {VERSION: ratios(found)}, indent=2) + "\n")
