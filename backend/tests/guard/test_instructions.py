"""The price of a token in instructions, which no neighbour on the machine can change: a guard that needs no clock.

Counted by valgrind's callgrind, as the difference of two runs, and divided by the same for a loop of plain Python. `ratios.json`
holds what was counted, by Python version; `python -m tests.guard.test_instructions` (in backend/) counts anew and writes it.
"""

import json
import os
import platform
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
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


def instructions(valgrind: str, step: str, times: int) -> int:
    command = [
        valgrind,
        "--tool=callgrind",
        "--callgrind-out-file=/dev/null",
        sys.executable,
        HERE / "hot_path.py",
        step,
        str(times),
    ]
    env = os.environ | {"PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"}
    run = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    found = re.search(r"Collected : (\d+)", run.stderr)
    assert found, run.stderr
    return int(found[1])


def ratios(valgrind: str) -> dict[str, float]:
    """Instructions of each step for one token, in turns of the plain loop."""
    subprocess.run([sys.executable, HERE / "hot_path.py", "loop", "0"], check=True)  # compiles what is imported
    with ThreadPoolExecutor(2) as pool:
        runs = [
            pool.submit(instructions, valgrind, step, times)
            for step, times in (("loop", 0), *((s, TIMES) for s in ("loop", *STEPS)))
        ]
        nothing, loop, *steps = (run.result() for run in runs)
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
