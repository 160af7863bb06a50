"""`lam lab run FILE`: tries prompts on a set of tasks and says how many it passes, for people and for CI.

The table goes to stdout, everything else to stderr. It talks to the gateway only through the client, and leaves the run there.
"""

import asyncio
import json
import sys
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any, Final

import click

from lam.cli.connection import client_of
from lam.client.client import Client
from lam.errors import LamError

INTERRUPTED: Final = 130
BELOW: Final = 1
UNMEASURED: Final = 2
KEYS: Final = ("title", "templates", "set", "set_id", "models", "settings", "repeats", "forcing", "steps")
ENDED: Final = ("complete", "failed", "stopped")
MAZE_HEADS: Final = ("Prompt", "Trials", "Solved", "Steps/shortest", "Illegal/game", "Tokens", "First token", "Whole time")
CASE_HEADS: Final = ("Prompt", "Trials", "Passed", "Tokens", "First token", "Whole time")


class Unmeasured(click.ClickException):
    """There is no result to go by."""

    exit_code = UNMEASURED


@click.group()
def lab() -> None:
    """Measure what a prompt is worth."""


@lab.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--url", help="The gateway; unless given, the one on this machine.")
@click.option("--token", help="A token; unless given, this machine's own.")
@click.option(
    "--fail-under",
    type=click.FloatRange(0, 100),
    metavar="PERCENT",
    help="Exit with 1 unless each prompt solves or passes at least that much.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the results as JSON instead of a table.")
def run(file: Path, url: str | None, token: str | None, fail_under: float | None, as_json: bool) -> None:
    """Run the lab as FILE says, wait for it and print the results.

    FILE is JSON: {"templates": [{"title", "content" or "file"}], "set": {...} or "set_id": "...", and optionally "title", "models",
    "settings", "repeats", "forcing", "steps"}. A "file" is looked for beside FILE.

    Exit codes: 0 done; 1 below --fail-under; 2 wrong usage, or trials failed or were stopped; 130 Ctrl-C.
    """
    request = _request(file)
    client = client_of(url, token)
    try:
        described, results = asyncio.run(_measure(client, request))
    except LamError as error:
        raise Unmeasured(error.message) from error
    except KeyboardInterrupt:
        raise click.exceptions.Exit(INTERRUPTED) from None
    if as_json:
        facts = {name: described[name] for name in ("id", "title", "status", "counts", "spec")}
        click.echo(json.dumps({"run": facts, "results": results}, ensure_ascii=False, indent=2))
    else:
        _print_table(described["spec"], results)
    _judge(described, results, fail_under)


def _request(file: Path) -> dict[str, Any]:
    """Returns the run that the file describes, with the texts of the templates in it. Raises UsageError."""
    try:
        request = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise click.UsageError(f"{file} is not JSON: {error}") from error
    if not isinstance(request, dict) or not isinstance(request.get("templates"), list):
        raise click.UsageError(f'{file} has to hold an object with "templates".')
    unknown = sorted(request.keys() - set(KEYS))
    if unknown:
        raise click.UsageError(f"{file} says {', '.join(unknown)}, which means nothing here; it may say {', '.join(KEYS)}.")
    return request | {"templates": [_template(template, file) for template in request["templates"]]}


def _template(template: Any, file: Path) -> Any:
    if not isinstance(template, dict) or "file" not in template:
        return template
    name = str(template["file"])
    if "content" in template:
        raise click.UsageError(f'The template {name} has "content" and "file"; it needs one of them.')
    try:
        content = (file.parent / name).read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise click.UsageError(f"Can't read the template {name}: {error}") from error
    return {"title": Path(name).stem} | {key: value for key, value in template.items() if key != "file"} | {"content": content}


async def _measure(client: Client, request: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Makes the run, waits for its end and returns it with its results. Stops it when it is interrupted."""
    async with client:
        begun = await client.call("POST", "/api/lab/runs", request)
        path = f"/api/lab/runs/{begun['id']}"
        click.echo(f"Run {begun['id']}: {client.url}/lab/{begun['id']}", err=True)
        try:
            ended = await _wait(client, begun, path)
        except asyncio.CancelledError:
            await client.call("POST", f"{path}/stop")
            click.echo("Stopped; what is complete stays.", err=True)
            raise
        return ended, await client.call("GET", f"{path}/results")


async def _wait(client: Client, begun: Mapping[str, Any], path: str) -> dict[str, Any]:
    """Shows how far the run is, as the gateway tells it, and returns the run when it has ended."""
    unserved: list[str] = []
    with click.progressbar(length=max(1, sum(begun["counts"].values())), file=sys.stderr, show_pos=True) as bar:
        async with aclosing(client.frames()) as frames:
            async for frame in frames:
                if frame["stream"] == "connection":
                    state = await client.call("GET", path)
                elif frame["stream"] == "lab" and frame["event"].get("run") == begun["id"]:
                    state = frame["event"]
                else:
                    continue
                if state.get("type") == "lab_deleted":
                    raise Unmeasured("Somebody deleted the run.")
                bar.update(sum(state["counts"][status] for status in ENDED) - bar.pos)
                if state["unserved"] and state["unserved"] != unserved:
                    unserved = state["unserved"]
                    click.echo(f"\nNo server has {', '.join(unserved)} at the moment; its trials wait.", err=True)
                if state["status"] != "running":
                    break
    ended: dict[str, Any] = await client.call("GET", path)
    return ended


def _print_table(spec: Mapping[str, Any], results: Mapping[str, Any]) -> None:
    is_maze = spec["set"]["kind"] == "maze"
    rows = [_cells(_name(spec, row), row, is_maze) for row in results["rows"]]
    rows += [_cells(f"({baseline['name']})", baseline, is_maze) for baseline in results["baselines"]]
    heads = MAZE_HEADS if is_maze else CASE_HEADS
    widths = [max(len(line[column]) for line in [heads, *rows]) for column in range(len(heads))]
    for line in [heads, *rows]:
        first, *others = (
            text.ljust(width) if at == 0 else text.rjust(width) for at, (text, width) in enumerate(zip(line, widths, strict=True))
        )
        click.echo("  ".join([first, *others]).rstrip())
    for comparison in results["comparisons"]:
        click.echo(_compared(spec, results["rows"], comparison))
    for chance in results["chance"]:
        click.echo(_chance_line(_name(spec, results["rows"][chance["row"]]), chance))


def _cells(name: str, row: Mapping[str, Any], is_maze: bool) -> Sequence[str]:
    maze = (_number(row.get("steps_ratio"), 2), _number(row.get("illegal_per_game"), 1)) if is_maze else ()
    times = (_seconds(row.get("first_token_ms"), 2), _seconds(row.get("total_ms"), 1))
    return (name, str(row["n"]), _percent(row["passed_share"]), *maze, _number(row.get("tokens"), 0), *times)


def _name(spec: Mapping[str, Any], row: Mapping[str, Any]) -> str:
    """Returns the row's prompt, and of model and setting what differs between rows."""
    template = spec["templates"][row["template"]]
    parts = [template["title"] if template["version"] is None else f"{template['title']} v{template['version']}"]
    if len(spec["models"]) > 1:
        parts.append(spec["models"][row["model"]] or "default model")
    if len(spec["settings"]) > 1:
        parts.append(spec["settings"][row["setting"]]["title"])
    return ", ".join(parts)


def _compared(spec: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], comparison: Mapping[str, Any]) -> str:
    a, b = _name(spec, rows[comparison["a"]]), _name(spec, rows[comparison["b"]])
    bounds = f"{100 * comparison['low']:+.0f} to {100 * comparison['high']:+.0f} points on {_counted(comparison['cases'], 'task')}"
    if comparison["winner"] is None:
        is_outside = comparison["low"] > 0 or comparison["high"] < 0
        return f"{a} and {b}: {'too few tasks to name a better one' if is_outside else 'no difference shown'} ({bounds})"
    better, worse = (a, b) if comparison["winner"] == "a" else (b, a)
    return f"{better} is better than {worse} ({bounds})"


def _chance_line(name: str, chance: Mapping[str, Any]) -> str:
    bounds = f"{100 * chance['low']:+.0f} to {100 * chance['high']:+.0f} points on {_counted(chance['cases'], 'maze')}"
    return f"{name} is {'better' if chance['better'] else 'not clearly better'} than random legal moves ({bounds})"


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'s' * (count != 1)}"


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.0f} %"


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _seconds(milliseconds: float | None, digits: int) -> str:
    return "-" if milliseconds is None else f"{milliseconds / 1000:.{digits}f} s"


def _judge(described: Mapping[str, Any], results: Mapping[str, Any], fail_under: float | None) -> None:
    """Raises what ends the command with another code than 0."""
    counts = described["counts"]
    missing = sum(number for status, number in counts.items() if status != "complete")
    if missing:
        reason = next(
            (cell["result"]["message"] for cell in described["cells"] if cell["status"] == "failed"), "The run was stopped."
        )
        raise Unmeasured(f"{missing} of {sum(counts.values())} trials are not complete. {reason}")
    if fail_under is None:
        return
    spec = described["spec"]
    unjudged = [_name(spec, row) for row in results["rows"] if row["passed_share"] is None]
    if unjudged:
        raise Unmeasured(f"Nothing was judged for {', '.join(unjudged)}; --fail-under needs judges.")
    below = [_name(spec, row) for row in results["rows"] if round(100 * row["passed_share"], 6) < fail_under]
    if below:
        click.echo(f"Below {fail_under:g} %: {', '.join(below)}", err=True)
        raise click.exceptions.Exit(BELOW)
