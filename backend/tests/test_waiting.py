"""No test decides by luck: a sleep of a fixed length is a guess about the machine, and needs a reason that stands beside it."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
REASON = "# Time itself:"


def guesses(source: str) -> list[int]:
    """The lines that sleep, neither between two looks of a `while` loop nor with a reason; `sleep(0)` lets others run."""
    lines = source.splitlines()
    return [
        line
        for line in _sleeps(ast.parse(source), looks=False)
        if REASON not in lines[line - 1] and not (line > 1 and lines[line - 2].strip().startswith(REASON))
    ]


def _sleeps(node: ast.AST, *, looks: bool) -> Iterator[int]:
    """`looks`: the nearest loop around is a `while`, whose condition ends it."""
    if isinstance(node, ast.Call) and not looks and _is_sleep(node):
        yield node.lineno
    for child in ast.iter_child_nodes(node):
        inside = looks
        if isinstance(node, ast.While):
            inside = not (isinstance(node.test, ast.Constant) and node.test.value)
        elif isinstance(node, ast.For | ast.AsyncFor | ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            inside = False
        yield from _sleeps(child, looks=inside)


def _is_sleep(call: ast.Call) -> bool:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    return name == "sleep" and [getattr(one, "value", None) for one in call.args] != [0]


def test_a_fixed_sleep_has_a_reason() -> None:
    found = {str(path.relative_to(TESTS)): guesses(path.read_text()) for path in TESTS.rglob("*.py")}
    found = {path: lines for path, lines in found.items() if lines}
    assert not found, f"wait for what can be observed (tests/waiting.py), or write `{REASON} …` beside it"


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("await asyncio.sleep(0.3)", [1]),
        ("time.sleep(1)\nsleep(seconds)", [1, 2]),
        ("await asyncio.sleep(0)", []),
        ("while not done:\n    await asyncio.sleep(0.01)", []),
        ("while True:\n    await asyncio.sleep(0.01)", [2]),
        ("for _ in range(3):\n    await asyncio.sleep(0.01)", [2]),
        ("while not done:\n    for _ in range(3):\n        await asyncio.sleep(1)", [3]),
        ("await asyncio.sleep(3)  # Time itself: the lock is held so long", []),
        ("# Time itself: the lock is held so long\nawait asyncio.sleep(3)", []),
    ],
)
def test_the_rule_finds_guesses_and_nothing_else(source: str, found: list[int]) -> None:
    assert guesses(source) == found
