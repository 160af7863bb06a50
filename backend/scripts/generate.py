"""Writes what is generated: contracts/openapi.json, docs/reference/ and the page's table of settings from the code,
contracts/mazes/ from the rules of the maze, docs/performance.md from the results of the benches. A test fails where they differ."""

import json
import sys
from pathlib import Path

import click
import msgspec
from pydantic_core import PydanticUndefined

from lam.api.errors import status_of
from lam.api.guests import GUEST_ROUTES
from lam.api.roles import ROUTES
from lam.cli import main
from lam.errors import GenerationError, all_errors
from lam.gateway import create_app
from lam.protocol import abbreviations
from lam.protocol.sampling import SETTINGS, ResponseFormat, Setting
from lam.settings import Settings
from lam.storage.access import ALLOWED, MEANING

ROOT = Path(__file__).resolve().parents[2]
GENERATED = "<!-- Written by `make contracts`; edit the code instead. -->\n"


def generated() -> dict[Path, str]:
    """Each generated file with what it should hold."""
    openapi = create_app(Settings(lam_data_dir=Path("data"))).openapi()
    reference = ROOT / "docs" / "reference"
    return {
        ROOT / "contracts" / "openapi.json": json.dumps(openapi, indent=2, ensure_ascii=False) + "\n",
        reference / "settings.md": settings_page(),
        reference / "errors.md": errors_page(),
        reference / "commands.md": commands_page(),
        reference / "roles.md": roles_page(),
        ROOT / "docs" / "performance.md": performance_page(),
        ROOT / "frontend" / "src" / "api" / "sampling.gen.ts": controls(),
        ROOT / "frontend" / "src" / "words" / "sampling.gen.ts": control_words(),
        ROOT / "frontend" / "src" / "protocol" / "abbreviations.gen.ts": abbreviation_lists(),
        **maze_contracts(),
    }


def settings_page() -> str:
    """Every setting with its default and what it does."""
    lines = [
        "# Settings\n",
        GENERATED,
        "Read once at the start, from the environment, else from `.env` in the current folder. An empty value counts as not set;",
        "an unknown `LAM_…` name stops the start.\n",
        "| name | default | what it does |",
        "|---|---|---|",
    ]
    for name, field in Settings.model_fields.items():
        default = "" if field.default in (None, PydanticUndefined, ()) else _plain(field.default)
        lines.append(f"| {name.upper()} | {default} | {field.description} |")
    return "\n".join(lines) + "\n"


def errors_page() -> str:
    """Every code, as an HTTP answer and as the `error` event of a run."""
    lines = [
        "# Error codes\n",
        GENERATED,
        'Before the first event a failure is an HTTP answer, `{"detail": …, "code": …}`; afterwards it is an `error` event',
        "with the same code. `detail` and `message` are sentences for people and may change; codes do not.\n",
        "| code | HTTP | as a run's end | retryable | meaning |",
        "|---|---|---|---|---|",
    ]
    for kind in sorted((kind for kind in all_errors() if "code" in vars(kind)), key=lambda kind: kind.code):  # the first of each
        run = issubclass(kind, GenerationError)
        outcome = f"`{kind.outcome}`" if run and issubclass(kind, GenerationError) else ""
        retryable = ("yes" if kind.retryable else "no") if issubclass(kind, GenerationError) else ""
        lines.append(f"| `{kind.code}` | {status_of(kind)} | {outcome} | {retryable} | {kind.summary} |")
    lines.append("\n`llm_error` is not retryable when the model server answered with a 4xx.")
    lines.append(
        "`method_not_allowed` (405), `bad_request` (400), `request_timeout` (408), `url_too_long` (414), `header_too_large` (431) "
        "and `too_many_connections` (503) are the web server's own; after all but the first the connection is closed."
    )
    return "\n".join(lines) + "\n"


def roles_page() -> str:
    """What each role in a session may do, and which routes ask for what."""
    roles = ("owner", "steer", "watch", "participant", "host", "fellow")
    lines = [
        "# Roles in a session\n",
        GENERATED,
        "A session has an owner, and members who steer or watch; a member may be a guest. To everybody else, admins too, it does",
        "not exist: 404 `not_found`. A member without the right gets 403 `not_allowed`.",
        "[The guide](../guides/together.md) says the rest.\n",
        "In a [room](../guides/rooms.md) a session has no owner. *Participant*: whose session it is, whom the API calls `steer`;",
        "*host*: whoever opened the room, and *fellow*: another participant, where the room lets them see each other or shows",
        "this session to all; the API calls both `watch`.\n",
        "| what | owner | steer | watch | participant | host | fellow |",
        "|---|---|---|---|---|---|---|",
    ]
    for action, meaning in MEANING.items():
        marks = " | ".join("yes" if role in ALLOWED[action] else "" for role in roles)
        lines.append(f"| {meaning} | {marks} |")
    lines += [
        "\n## Routes\n",
        "*Guest*: whether a guest may ask for it at all. A waiting message is its author's; the owner may take it back or send it.",
        "A PATCH of a session asks for what its fields need. Whoever may read and is no guest may export as Markdown,",
        "and everybody may leave.\n",
        "| route | who | guest |",
        "|---|---|---|",
    ]
    for (method, path), action in ROUTES.items():
        who = ", ".join(role for role in roles if role in ALLOWED[action])
        lines.append(f"| `{method} {path}` | {who} | {'yes' if (method, path) in GUEST_ROUTES else ''} |")
    lines += [
        "\n## Guests elsewhere\n",
        "A guest of a room may also ask for these, and every guest for the last one; on all other routes a guest's cookie counts",
        "for nothing (401).\n",
        *(f"- `{method} {path}`" for method, path in GUEST_ROUTES if (method, path) not in ROUTES),
    ]
    return "\n".join(lines) + "\n"


def commands_page() -> str:
    """Every command's own help."""
    about = "Exit codes: 0 done, 1 failed, 2 wrong usage. Answers go to stdout, everything else to stderr.\n"
    root = click.Context(main, info_name="lam", max_content_width=100, terminal_width=100, **main.context_settings)
    helps = (f"## {context.command_path}\n\n```text\n{context.get_help()}\n```\n" for context in _contexts(root))
    return "\n".join(["# Commands\n", GENERATED, about, *helps])


def performance_page() -> str:
    """The benches' results beside their goals; `bench/` is no package, its files stand beside each other."""
    sys.path.insert(0, str(ROOT / "bench"))
    import report

    return str(report.page())


def maze_contracts() -> dict[Path, str]:
    """Games of the maze, for the tests of both languages; the files of this folder are no package."""
    sys.path.insert(0, str(ROOT / "backend" / "scripts"))
    import mazes

    return {ROOT / "contracts" / "mazes" / name: text for name, text in mazes.contracts().items()}


FROM_THE_TABLE = "/** Written by `make contracts` from lam/protocol/sampling.py; edit that instead. */"


def controls() -> str:
    """The settings of sampling as the page shows them: one control each."""
    table = json.dumps([_control(setting) for setting in SETTINGS], indent=2)
    return f"{FROM_THE_TABLE}\nexport const SETTINGS = {table} as const;\n"


def control_words() -> str:
    """What the page calls the settings, in English."""
    table = {setting.name: {"label": setting.label, "hint": setting.hint} for setting in SETTINGS}
    return f"{FROM_THE_TABLE}\nexport const SETTINGS = {json.dumps(table, indent=2, ensure_ascii=False)};\n"


def abbreviation_lists() -> str:
    """The words of abbreviations.py, for the page's copy of `sentences`."""
    lists = {name: sorted(words) for name, words in vars(abbreviations).items() if isinstance(words, frozenset)}
    written = (f"export const {name} = {json.dumps(words, ensure_ascii=False)} as const;\n" for name, words in lists.items())
    return "/** Written by `make contracts` from lam/protocol/abbreviations.py; edit that instead. */\n" + "".join(written)


def _control(setting: Setting) -> dict[str, object]:
    """`isCommon`: the gateway has a value for it, and it stands first."""
    kind, *extras = (setting.type.__origin__, *setting.type.__metadata__)
    common = {"name": setting.name, "isCommon": setting.default is not None}
    if kind not in (int, float):
        shapes = {ResponseFormat: "schema", tuple: "lines"}
        return common | {"control": shapes.get(getattr(kind, "__origin__", kind), setting.name)}
    (limits,) = [extra for extra in extras if isinstance(extra, msgspec.Meta)]
    least = limits.ge if limits.ge is not None else setting.step
    shape = "slider" if kind is float and setting.default else "number"
    return common | {
        "control": shape,
        "min": least,
        "max": limits.le,
        "step": setting.step if shape == "slider" or kind is int else "any",
    }


def _contexts(context: click.Context) -> list[click.Context]:
    found = [context]
    if isinstance(context.command, click.Group):
        for name in context.command.list_commands(context):
            command = context.command.get_command(context, name)
            if command is not None:
                child = click.Context(command, context, name, max_content_width=100, terminal_width=100)
                found.extend(_contexts(child))
    return found


def _plain(value: object) -> str:
    return f"`{','.join(map(str, value))}`" if isinstance(value, tuple) else f"`{value}`"


if __name__ == "__main__":
    for path, text in generated().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
