"""Figures: medians of the rounds, and the dated JSON that is kept with machine and commit."""

import datetime
import json
import os
import platform
import statistics
import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

FOLDER: Final = Path(__file__).parent / "results"
Figures = dict[str, Any]


def medians(rounds: Sequence[Figures]) -> Figures:
    """Figure by figure, also inside of what is nested; errors are summed."""
    found: Figures = {}
    for name in rounds[0]:
        values = [one[name] for one in rounds if name in one]
        if isinstance(values[0], dict):
            found[name] = medians(values)
        elif name == "errors":
            found[name] = sum(values)
        else:
            found[name] = rounded(statistics.median(values))
    return found


def rounded(value: float) -> float:
    """To what can be told: three digits, tenths at most from a hundred on."""
    return round(value, 1 if abs(value) >= 100 else 2 if abs(value) >= 10 else 3)


def about(scenario: str, question: str, repeat: str, settings: Figures) -> Figures:
    """What has to stand beside figures."""
    return {
        "scenario": scenario,
        "question": question,
        "repeat": repeat,
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "commit": commit(),
        "machine": {
            "cpus": os.cpu_count(),
            "processor": _processor(),
            "python": platform.python_version(),
            "system": platform.release(),
        },
        "settings": settings,
    }


def keep(result: Figures) -> Path:
    FOLDER.mkdir(exist_ok=True)
    path = FOLDER / f"{result['date'][:10]}-{result['scenario'].replace(' ', '-')}.json"
    path.write_text(json.dumps(result, indent=1) + "\n")
    return path


def kept() -> dict[str, Figures]:
    """The newest result of each scenario."""
    found = {}
    for path in sorted(FOLDER.glob("*.json")):
        result = json.loads(path.read_text())
        found[result["scenario"]] = result
    return found


@cache
def commit() -> str:
    """What stands in the working tree when this is first called; with + if the gateway differs from it."""

    def git(*command: str) -> str:
        return subprocess.run(["git", *command], capture_output=True, text=True, check=False, cwd=FOLDER.parent).stdout.strip()

    return git("rev-parse", "--short", "HEAD") + ("+" if git("status", "--porcelain", "--", "../backend/src") else "")


def _processor() -> str:
    names = (
        line.partition(":")[2].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")
    )
    return next(names, platform.machine())
