"""docs/performance.md from results/: `make contracts` writes it, and a test fails where it differs."""

from collections.abc import Iterator, Sequence

import tables
from goals import GOALS, Goal
from results import Figures, kept

_HEAD = """\
# Performance

<!-- Written from bench/results by `make contracts`; edit bench/report.py or bench/goals.py, or measure again. -->

`make bench` takes five minutes. It measures the gateway, the model server alone, nginx as a plain proxy, and a minimal gateway
(`bench/minimal.py`: Starlette, aiohttp and orjson; no log, no numbers, no resume, no database, no accounts), which shows the
least that this technology can cost. `make bench-full` adds the long scenarios, and LiteLLM's proxy and Open WebUI's
pass-through endpoint, both as shipped and with one worker each. Its results are in `bench/results/`; everything below comes
from there. To repeat one scenario, run `.venv/bin/python bench/peers.py` once, which installs the two products, then the
command below the scenario's table.

One C program (`bench/load/`) is the model server and all readers at once, on one clock. It checks that every token arrives
exactly once and in order; if a run of ours has an error, it does not count. CPU time is that of the measured processes only,
to the nanosecond, from `/proc`. The contestants take turns (A B C A B C …), and figures are medians of the rounds. The speed
of a virtual machine varies by a factor of two within minutes, so compare figures within a table, not between tables or days.
`steal` is the CPU time that the host took away during the run. The soak ran at the same time as the other scenarios, at a
tenth of one core. A test without a clock also guards the cost of a token: it counts instructions (`backend/tests/guard/`).
"""
_MEANING = """\
Lock-step: the next token is sent only when the last one has arrived, so each token is a read and a write of its own.
Saturated: our gateway passes on in one write what it got in one read; the minimal gateway does not. Small: our gateway
authenticates the request, stores its message and the reply, and counts the cost; the others store nothing. Many: all thousand
streams begin, then send at the same time. Voice: the clock runs from the request for a whole sentence; the run had real-time
priority, since other work filled the machine.
"""


def page() -> str:
    results = kept()
    rows = [goal.row(results) for goal in GOALS]
    parts = [_HEAD, "## Goals\n", tables.table(["measure", "goal", "measured", ""], rows)]
    missed = [goal for goal in GOALS if not goal.met(results)]
    if missed:
        parts += ["Why we miss these goals:\n", "\n".join(_reasons(missed)) + "\n"]
    parts += ["## Results\n", _MEANING, *(_shown(result) for result in results.values())]
    return "\n".join(parts)


def _reasons(missed: Sequence[Goal]) -> Iterator[str]:
    """One line for all that are missed for the same reason."""
    for why in dict.fromkeys(goal.why for goal in missed):
        yield f"- **{'; '.join(goal.what for goal in missed if goal.why == why)}**: {why}."


def _shown(result: Figures) -> str:
    return f"{tables.scenario(result)}\nRepeat: `{result['repeat'].replace('python', '.venv/bin/python', 1)}`\n"
