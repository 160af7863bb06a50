"""What the documentation names exists: links, files, commands, settings, addresses of the API, targets of make, names in the code.

Decisions tell what was true when they were taken: only their links are followed.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from lam.cli import main
from lam.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
DECISIONS = ROOT / "docs" / "decisions"
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
LIVING = [path for path in PAGES if DECISIONS not in path.parents and path.name != "CHANGELOG.md"]
# Where a path in the documentation may begin.
HOMES = [ROOT, ROOT / "backend", ROOT / "backend" / "src" / "lam", ROOT / "frontend", ROOT / "frontend" / "src", ROOT / "docs"]
FILES = [
    str(path)
    for part in ("backend/src/lam", "backend/tests", "frontend/src", "frontend/e2e")
    for path in (ROOT / part).rglob("*.*")
]
BUILT = {"backend/src/lam/page/", "e2e/pictures/"}  # made by commands, ignored by git
# No settings of the gateway: of the package's build, of the page's development server.
OTHER_VARIABLES = {"LAM_WITHOUT_PAGE", "LAM_URL"}


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def links(text: str) -> list[str]:
    return [link for link in re.findall(r"\]\(([^)\s]+)\)", text) if not re.match(r"[a-z]+:", link)]


def anchors(text: str) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def code(text: str) -> list[str]:
    """What stands between backticks, and the lines of blocks."""
    blocks = re.findall(r"^ *```\w*\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL)
    rest = re.sub(r"^ *```.*?^ *```", "", text, flags=re.MULTILINE | re.DOTALL)
    return re.findall(r"`([^`\n]+)`", rest) + [line for block in blocks for line in block.splitlines()]


def paths(text: str) -> set[str]:
    """Files and folders named between backticks: with a slash, or with the ending of a source file."""
    spans = re.findall(r"`([\w.{},/-]+)`", text)
    return {span for span in spans if re.fullmatch(r"(?!/)[\w.-]+(/[\w.-]+)*(/|\.(py|ts|tsx|md|json|toml|yaml|css|js))", span)}


def exists(path: str, page: Path) -> bool:
    """From one of the roots, or as the end of one file's path: `test_stop.py`."""
    return (
        path in BUILT
        or any((home / path).exists() for home in [*HOMES, page.parent])
        or any(one.endswith("/" + path) for one in FILES)
    )


def commands() -> Iterator[tuple[tuple[str, ...], set[str]]]:
    """Each command with its options."""

    def walk(command: click.Command, words: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], set[str]]]:
        yield words, {name for option in command.params for name in option.opts} | {"--help"}
        if isinstance(command, click.Group):
            context = click.Context(command)
            for name in command.list_commands(context):
                child = command.get_command(context, name)
                assert child
                yield from walk(child, (*words, name))

    return walk(main, ())


KNOWN = dict(commands())


def unknown_command(line: str) -> str | None:
    """What is wrong with the first `lam …` of this line; None: nothing."""
    found = re.search(r"(?:^|\$ |=\S+ |/)lam ((?:[a-z][\w-]*|-{1,2}\w[\w-]*|[^\s`]+)(?: [^`|;&#]*)?)", line)
    if found is None:
        return None
    words = found.group(1).split()
    command: tuple[str, ...] = ()
    while words and (*command, words[0]) in KNOWN:
        command = (*command, words.pop(0))
    if not command:
        return f"there is no `lam {found.group(1).split()[0]}`" if re.fullmatch(r"[a-z-]+", found.group(1).split()[0]) else None
    options = {word.split("=")[0] for word in words if re.match(r"--[a-z]", word)}
    unknown = options - KNOWN[command]
    return f"`lam {' '.join(command)}` has no {', '.join(sorted(unknown))}" if unknown else None


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_links_lead_somewhere(page: Path) -> None:
    text = page.read_text()
    for link in links(text):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        if anchor and target.suffix == ".md":
            assert anchor in anchors(target.read_text()), link


@pytest.mark.parametrize("page", LIVING, ids=named)
def test_files_that_are_named_exist(page: Path) -> None:
    missing = [path for path in sorted(paths(page.read_text())) if not exists(path, page)]
    assert not missing


@pytest.mark.parametrize("page", LIVING, ids=named)
def test_commands_that_are_named_exist(page: Path) -> None:
    wrong = [found for line in code(page.read_text()) if (found := unknown_command(line))]
    assert not wrong


@pytest.mark.parametrize("page", LIVING, ids=named)
def test_settings_that_are_named_exist(page: Path) -> None:
    known = {name.upper() for name in Settings.model_fields} | OTHER_VARIABLES
    unknown = {name for name in re.findall(r"\b(?:LAM|LLM|MQTT)_[A-Z_]+[A-Z]\b", page.read_text()) if name not in known}
    assert not unknown


@pytest.mark.parametrize("page", LIVING, ids=named)
def test_addresses_of_the_api_that_are_named_exist(page: Path) -> None:
    described = json.loads((ROOT / "contracts" / "openapi.json").read_text())["paths"]
    known = {re.sub(r"\{\w+\}", "{}", path) for path in described}
    unknown = []
    for path in re.findall(r"(?<![\w.])/api/[\w/{}$<>-]+", "\n".join(code(page.read_text()))):
        plain = re.sub(r"\{[\w-]+\}|\$\w+|<\w+>|(?<=/)\d+|(?<=/)[A-Z]+(?=/|$)", "{}", path).rstrip("/")
        if plain not in known and not any(one.startswith(plain + "/") for one in known):
            unknown.append(path)
    assert not unknown


@pytest.mark.parametrize("page", LIVING, ids=named)
def test_targets_of_make_that_are_named_exist(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"(?:`|^\$ )make ([a-z-]+)", page.read_text(), re.MULTILINE)) <= targets


def test_names_of_the_code_that_the_architecture_says_exist() -> None:
    sources = "\n".join(path.read_text() for path in (ROOT / "backend" / "src" / "lam").rglob("*.py"))
    for owner, name in re.findall(r"`([A-Z]\w+)(?:\.(\w+))?(?:\(.*?\))?`", (ROOT / "docs" / "architecture.md").read_text()):
        assert re.search(rf"^class {owner}\b|^{owner}\b", sources, re.MULTILINE), owner
        assert not name or re.search(rf"^    (?:async )?def {name}\b|^ +(?:self\.)?{name}\b", sources, re.MULTILINE), (
            f"{owner}.{name}"
        )


def test_the_index_lists_every_page() -> None:
    index = ROOT / "docs" / "README.md"
    listed = {(index.parent / link.partition("#")[0]).resolve() for link in links(index.read_text())}
    pages = {path for path in (ROOT / "docs").rglob("*.md") if path.parent != DECISIONS and path != index}
    assert pages <= listed


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("$ lam nonsense", True),
        ("$ .venv/bin/lam up --nonsense", True),
        ("lam users", False),
        ("$ lam worker --name gpu-1 --llm http://127.0.0.1:8080", False),
        ("Session 1", False),
    ],
)
def test_a_command_that_is_not_there_is_found(line: str, wrong: bool) -> None:
    assert bool(unknown_command(line)) is wrong


def test_a_file_that_is_not_there_is_found() -> None:
    named_here = paths("`engines/nothing.py`, `engines/base.py`, `https://x/y.py`, `a/b`")
    assert named_here == {"engines/nothing.py", "engines/base.py"}
    assert [path for path in sorted(named_here) if not exists(path, ROOT / "README.md")] == ["engines/nothing.py"]
