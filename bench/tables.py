"""Results as tables, in Markdown that reads well in a terminal too."""

from typing import Any, Final

from results import Figures

_BASE: Final = "minimal"


def scenario(result: Figures) -> str:
    """One scenario: its question, when and where it was measured, a line for each contestant."""
    machine = result["machine"]
    where = (
        f"{result['date'][:10]}, commit {result['commit']}, {machine['cpus']} × {machine['processor']}, Python {machine['python']}"
    )
    rounds = f", medians of {result['settings']['rounds']}" if result["settings"].get("rounds", 1) > 1 else ""
    head = f"### {result['scenario']}\n\n{result['question']} ({where}{rounds})\n\n"
    contestants: dict[str, Figures] = result["contestants"]
    if len(contestants) == 1:
        [figures] = contestants.values()
        rows = [[words(name), shown(value)] for name, value in flat(figures).items()]
        return head + table(["figure", "LAM"], rows)
    return head + _beside(contestants, result["settings"])


def _beside(contestants: dict[str, Figures], settings: Figures) -> str:
    cost, unit = (
        ("cpu_ms_per_request", "CPU ms a request") if settings.get("tokens") == 1 else ("cpu_us_per_token", "CPU µs a token")
    )
    moment = "behind_ms" if settings.get("together") else "first_token_ms"
    base = contestants.get(_BASE) or contestants["LAM"]
    against = f"× {_BASE}" if _BASE in contestants else "× LAM"
    rows = []
    for name, figures in contestants.items():
        measured = figures[cost] > 0
        first, gap = figures[moment], figures.get("gap_ms", {})
        rows.append(
            [
                name,
                shown(figures[cost]) if measured else "",
                f"{figures[cost] / base[cost]:.2f}" if measured else "",
                f"{shown(first['p50'])} / {shown(first['p99'])}",
                shown(gap["p99"]) if gap else "",
                shown(figures["tokens_per_second"]),
                shown(figures["kib_per_stream"]) if measured and figures["kib_per_stream"] > 0 else "",
                str(figures["errors"]),
                shown(figures["steal_percent"]),
            ]
        )
    heads = ["", unit, against, f"{words(moment)[:-3]} ms p50 / p99", "gap ms p99", "tokens/s", "KiB a stream", "errors", "steal %"]
    return table(heads, rows)


def table(heads: list[str], rows: list[list[str]]) -> str:
    widths = [max(len(row[column]) for row in [heads, *rows]) for column in range(len(heads))]
    lines = [heads, ["-" * width for width in widths], *rows]
    return (
        "\n".join("| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in lines)
        + "\n"
    )


def flat(figures: Figures, before: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in figures.items():
        found |= flat(value, f"{before}{name} ") if isinstance(value, dict) else {before + name: value}
    return found


def words(name: str) -> str:
    return name.replace("_", " ").replace("cpu", "CPU").replace(" us ", " µs ").replace("mib", "MiB").replace("kib", "KiB")


def shown(value: Any) -> str:
    if isinstance(value, str):
        return value
    if value == 0:
        return "0"
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
