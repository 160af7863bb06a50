"""The import rules hold for rooms that nobody has listed."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

BACKEND = Path(__file__).resolve().parents[1]


def broken_rules(folder: Path, rooms: dict[str, str]) -> tuple[set[str], str]:
    """The names of the rules that break once files of these names, in rooms, hold these sources, and all that is said of that."""
    package = folder / "src" / "lam"
    shutil.copytree(BACKEND / "src" / "lam", package, ignore=shutil.ignore_patterns("page", "__pycache__"))
    shutil.copy(BACKEND / "pyproject.toml", folder)
    for room, source in rooms.items():
        path = package / room
        path.parent.mkdir(parents=True, exist_ok=True)
        if room.count("/") and not (path.parent / "__init__.py").exists():
            (path.parent / "__init__.py").touch()
        path.write_text(source)
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(folder / "src"), "NO_COLOR": "1"},
        capture_output=True,
        text=True,
    )
    broken = {name for name, verdict, _ in (line.partition(" BROKEN") for line in done.stdout.splitlines()) if verdict}
    assert bool(broken) == bool(done.returncode), done.stdout
    return broken, done.stdout


LIVES = {
    "sqlalchemy": "SQLAlchemy lives in storage",
    "alembic": "SQLAlchemy lives in storage",
    "fastapi": "FastAPI lives in api and gateway",
    "aiohttp": "The HTTP client lives in the engine and in client",
    "gmqtt": "The MQTT client lives in mqtt",
    "pypdf": "Every other library has one door",
    "piper": "What is under the GPL, and the ears, stay in the process of lam voice",
    "faster_whisper": "What is under the GPL, and the ears, stay in the process of lam voice",
}


def test_a_new_room_may_not_use_a_library_that_lives_elsewhere(tmp_path: Path) -> None:
    broken, said = broken_rules(tmp_path, {f"attic/loft_of_{library}.py": f"import {library}\n" for library in LIVES})
    assert set(LIVES.values()) <= broken
    rules = dict(re.findall(r"^(\S.*)\n-+\n((?:.*\n)*?)(?=\S.*\n-+\n|\Z)", said, re.MULTILINE))
    for library, rule in LIVES.items():
        assert f"lam.attic.loft_of_{library} -> {library}" in rules[rule]


@pytest.mark.parametrize("room", ["attic/loft.py", "attic.py"])
def test_a_new_room_needs_a_place_among_the_layers(tmp_path: Path, room: str) -> None:
    assert broken_rules(tmp_path, {room: ""})[0] == {"Imports go one way"}


def test_a_new_file_in_a_known_room_breaks_no_rule(tmp_path: Path) -> None:
    assert broken_rules(tmp_path, {"chat/loft.py": "import lam.protocol.events\n"})[0] == set()


@pytest.mark.parametrize("command", ["chat", "db", "doctor", "users", "version", "voice", "worker"])
def test_a_command_that_serves_nothing_starts_without_the_gateway(command: str) -> None:
    program = f"import sys, lam.cli.{command}; print(sorted({{'fastapi', 'lam.gateway', 'uvicorn'}} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
