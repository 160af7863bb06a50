"""docs/performance.md from results/: `make contracts` writes it, and a test fails where it differs."""

from collections.abc import Iterator, Sequence

import tables
from goals import GOALS, Goal
from results import Figures, kept

_HEAD = """\
# Performance

<!-- Written from bench/results by `make contracts`; edit bench/report.py or bench/goals.py, or measure again. -->

`make bench` measures the gateway in five minutes beside the model server directly, nginx as a plain proxy and a minimal
gateway (`bench/minimal.py`: Starlette, aiohttp and orjson, no log, no numbers, no resume, no database, no accounts), the
floor of this technology. `make bench-full` adds LiteLLM's proxy and Open WebUI's pass-through endpoint, as shipped and with
one worker each, and the long scenarios; its results are kept in `bench/results/`, and everything below comes from there. One
scenario is repeated by the command under its table, after `.venv/bin/python bench/peers.py`, which installs the two
products.

How it is measured: one C program (`bench/load/`) is the model server and all readers at once, on one clock; it checks that
every token arrives exactly once and in order, and a run of ours with an error counts for nothing. CPU time is that of the
measured processes alone, to the nanosecond, from `/proc`. Contestants take turns (A B C A B C …); figures are medians of the
rounds. A virtual machine's speed drifts by a factor of two within minutes: compare within a table, not between tables or
days. `steal` is what the machine's owner took meanwhile. The soak ran beside the other scenarios, at a tenth of one core.
Whether a token grew dearer is also guarded without a clock, by counting instructions (`backend/tests/guard/`).
"""
_MEANING = """\
Lock-step: the next token only goes out when the last has arrived, so each is a read and a write of its own. Saturated: the
gateway hands on in one write what one read brought; the minimal one does not. Small: the request is authenticated, its
message and the reply are stored, and it is counted; the others store nothing. Many: all thousand streams begin, then flow at
once.
"""


def page() -> str:
    results = kept()
    rows = [goal.row(results) for goal in GOALS]
    parts = [_HEAD, "## Goals\n", tables.table(["measure", "goal", "measured", ""], rows)]
    missed = [goal for goal in GOALS if not goal.met(results)]
    if missed:
        parts += ["Why those are missed that are:\n", "\n".join(_reasons(missed)) + "\n"]
    parts += ["## Results\n", _MEANING, *(_shown(result) for result in results.values())]
    return "\n".join(parts)


def _reasons(missed: Sequence[Goal]) -> Iterator[str]:
    """One line for all that are missed for the same reason."""
    for why in dict.fromkeys(goal.why for goal in missed):
        yield f"- **{'; '.join(goal.what for goal in missed if goal.why == why)}**: {why}."


def _shown(result: Figures) -> str:
    return f"{tables.scenario(result)}\nRepeat: `{result['repeat'].replace('python', '.venv/bin/python', 1)}`\n"
