"""What `pip install` brings is what the pinned files hold, and what the tests ran with."""

import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

BACKEND = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((BACKEND / "pyproject.toml").read_text())["project"]
# What `make install` puts into .venv beside an editable installation: it builds our package.
BUILDS = {"hatchling", "editables"}


def names(requirements: list[str]) -> set[tuple[str, frozenset[str], str]]:
    """Name, extras and marker of each; the versions are another test's matter."""
    parsed = map(Requirement, requirements)
    return {(canonicalize_name(one.name), frozenset(one.extras), str(one.marker or "")) for one in parsed}


def listed(name: str) -> list[str]:
    lines = (BACKEND / "requirements" / name).read_text().splitlines()
    return [line for line in lines if line and not line.startswith(("#", "-"))]


def pinned(name: str) -> dict[str, str]:
    lines = (BACKEND / "requirements" / name).read_text().splitlines()
    pins = [line.partition("==") for line in lines if line and not line.startswith((" ", "#"))]
    return {canonicalize_name(package.partition("[")[0]): version.split()[0] for package, _, version in pins}


@pytest.mark.parametrize(
    ("declared", "file"),
    [
        (PROJECT["dependencies"], "gateway.in"),
        (PROJECT["optional-dependencies"]["worker"], "worker.in"),
        (PROJECT["optional-dependencies"]["voice"], "voice.in"),
    ],
)
def test_the_package_declares_what_is_pinned(declared: list[str], file: str) -> None:
    assert names(declared) == names(listed(file))


def test_the_local_extra_is_what_make_install_adds_to_a_gateway() -> None:
    added = [one for one in listed("local.in") if one not in BUILDS]
    assert names(PROJECT["optional-dependencies"]["local"]) == names(added)


def test_a_worker_needs_nothing_that_a_gateway_lacks() -> None:
    assert set(PROJECT["optional-dependencies"]["worker"]) <= set(PROJECT["dependencies"])


def test_nothing_under_the_gpl_comes_with_a_gateway_or_its_tests() -> None:
    assert "piper-tts" in pinned("voice.txt")
    assert not [file for file in ("gateway.txt", "worker.txt", "local.txt", "dev.txt") if "piper-tts" in pinned(file)]


@pytest.mark.parametrize("file", ["gateway.txt", "worker.txt", "voice.txt", "local.txt"])
def test_every_pin_is_a_version_that_the_package_allows(file: str) -> None:
    pins = pinned(file)
    extras = PROJECT["optional-dependencies"]
    declared = {
        "gateway.txt": PROJECT["dependencies"],
        "worker.txt": extras["worker"],
        "voice.txt": extras["voice"],
        "local.txt": PROJECT["dependencies"] + extras["local"],
    }
    for one in map(Requirement, declared[file]):
        assert one.specifier.contains(pins[canonicalize_name(one.name)]), one


def test_every_file_of_requirements_was_locked_after_its_last_change() -> None:
    for source in (BACKEND / "requirements").glob("*.in"):
        pins = pinned(f"{source.stem}.txt")
        for one in map(Requirement, listed(source.name)):
            assert canonicalize_name(one.name) in pins, f"{one} of {source.name} is not pinned: run `make lock`"
