"""`lam lab run` as CI calls it: exit codes, the table alone on stdout, and what a file may say."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from lam.cli.lab import _judge
from lam.gateway import Bounds
from lam.lab.borrowing import Patience
from lam.testing.server import Reply, ScriptedServer

from ..running import Gateway, running_gateway
from ..waiting import until
from .test_commands import environment, run, start

pytestmark = pytest.mark.timeout(120)

CASES = [
    {"name": "France", "input": "Capital of France?", "judge": {"type": "contains", "value": "Paris"}},
    {"name": "Italy", "input": "Capital of Italy?", "judge": {"type": "contains", "value": "Rome"}},
]


def knows_france(body: dict[str, Any]) -> Reply:
    return Reply(("The capital is ", "Paris."))


@pytest.fixture
async def gateway(scripted: ScriptedServer, tmp_path: Path) -> AsyncIterator[Gateway]:
    scripted.reply = knows_france
    bounds = Bounds(lab=Patience(grace=0.1, look=0.05))
    async with running_gateway(tmp_path / "data", bounds=bounds, llm_server_url=scripted.url) as running:
        yield running


@pytest.fixture
def words(gateway: Gateway) -> list[str]:
    return ["--url", gateway.url, "--token", gateway.token]


def file_of(folder: Path, **fields: Any) -> str:
    path = folder / "run.json"
    templates = [{"title": "Plain", "content": "Answer."}]
    path.write_text(json.dumps({"set": {"title": "Capitals", "cases": CASES}, "templates": templates} | fields))
    return str(path)


async def test_the_table_goes_to_stdout_and_a_run_at_the_mark_exits_with_0(words: list[str], tmp_path: Path) -> None:
    ran = await run("lab", "run", file_of(tmp_path), "--fail-under", "50", *words, env=environment(tmp_path))
    assert ran.code == 0, ran.err
    heads, row = ran.out.splitlines()
    assert heads.split()[:3] == ["Prompt", "Trials", "Passed"]
    assert row.split()[:3] == ["Plain", "2", "50"]
    assert "/lab/" in ran.err


async def test_a_run_below_the_mark_exits_with_1_and_says_which_prompt(words: list[str], tmp_path: Path) -> None:
    ran = await run("lab", "run", file_of(tmp_path), "--fail-under", "90", *words, env=environment(tmp_path))
    assert ran.code == 1
    assert ran.out.startswith("Prompt")
    assert "Below 90 %: Plain" in ran.err


async def test_prompts_are_compared_and_read_from_files_beside_the_run(words: list[str], tmp_path: Path) -> None:
    (tmp_path / "kind.txt").write_text("Be kind.")
    templates = [{"file": "kind.txt"}, {"title": "Plain", "content": "Answer."}]
    ran = await run("lab", "run", file_of(tmp_path, templates=templates), *words, env=environment(tmp_path))
    assert ran.code == 0, ran.err
    assert ran.out.splitlines()[-1] == "kind and Plain: no difference shown (+0 to +0 points on 2 tasks)"


async def test_json_holds_the_spec_and_the_results(words: list[str], tmp_path: Path) -> None:
    ran = await run("lab", "run", file_of(tmp_path), "--json", *words, env=environment(tmp_path))
    printed = json.loads(ran.out)
    assert printed["run"]["status"] == "done"
    assert printed["run"]["spec"]["templates"][0]["content"] == "Answer."
    assert printed["results"]["rows"][0]["passed_share"] == 0.5


async def test_mazes_stand_beside_their_baselines(words: list[str], scripted: ScriptedServer, tmp_path: Path) -> None:
    scripted.reply = Reply(('{"say": "", "do": {"action": "wait"}}',))
    mazes = {"title": "Tiny", "maze": {"size": 5, "seeds": [1]}}
    ran = await run("lab", "run", file_of(tmp_path, set=mazes), *words, env=environment(tmp_path))
    assert ran.code == 0, ran.err
    *rows, chance = ran.out.splitlines()[1:]
    assert [line.split("  ")[0] for line in rows] == ["Plain", "(random legal moves)", "(shortest path)"]
    assert chance.startswith("Plain is not clearly better than random legal moves (")
    assert chance.endswith("points on 1 maze)")


async def test_trials_that_fail_are_no_result(words: list[str], scripted: ScriptedServer, tmp_path: Path) -> None:
    scripted.reply = Reply(fault="bad_request")
    ran = await run("lab", "run", file_of(tmp_path), "--fail-under", "0", *words, env=environment(tmp_path))
    assert ran.code == 2
    assert "2 of 2 trials are not complete." in ran.err


@pytest.mark.parametrize("passed", range(101))
def test_who_reaches_the_mark_exactly_has_passed(passed: int) -> None:
    described = {"counts": {"complete": 100}, "spec": {}}
    _judge(described, {"rows": [{"passed_share": passed / 100}]}, passed)


async def test_a_mark_needs_judges(words: list[str], tmp_path: Path) -> None:
    cases = [{"input": "Hello"}]
    path = file_of(tmp_path, set={"title": "Not judged", "cases": cases})
    ran = await run("lab", "run", path, "--fail-under", "10", *words, env=environment(tmp_path))
    assert ran.code == 2
    assert "--fail-under needs judges" in ran.err


@pytest.mark.parametrize(
    "text",
    [
        "no json",
        "[]",
        '{"set_id": "facts"}',
        '{"templates": "all"}',
        '{"templates": [{"file": "missing.txt"}]}',
        '{"templates": [{"file": "run.json", "content": "both"}]}',
        '{"templates": [{"content": "x"}], "set_id": "nothing"}',
        '{"templates": [], "set_id": "facts"}',
        '{"templates": [{"content": "x"}], "set_id": "facts", "nonsense": 1}',
        '{"templates": [{"content": "x"}], "set_id": "facts", "models": ["absent"]}',
        "[" * 100_000,
    ],
)
async def test_a_file_that_says_nothing_usable_exits_with_2_and_one_sentence(text: str, words: list[str], tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text(text)
    ran = await run("lab", "run", str(tmp_path / "run.json"), *words, env=environment(tmp_path))
    assert ran.code == 2
    assert ran.out == ""
    assert "Traceback" not in ran.err


async def test_wrong_usage_exits_with_2(tmp_path: Path) -> None:
    env = environment(tmp_path)
    for arguments in (
        ["lab", "run"],
        ["lab", "run", str(tmp_path / "no.json")],
        ["lab", "run", file_of(tmp_path), "--fail-under", "101"],
    ):
        assert (await run(*arguments, env=env)).code == 2
    unreachable = await run("lab", "run", file_of(tmp_path), "--url", "http://127.0.0.1:9", "--token", "x", env=env)
    assert unreachable.code == 2
    assert "No gateway answers" in unreachable.err


async def test_ctrl_c_stops_the_run_on_the_gateway(
    words: list[str], gateway: Gateway, scripted: ScriptedServer, tmp_path: Path
) -> None:
    scripted.reply = Reply(hold=True)
    process = await start("lab", "run", file_of(tmp_path), *words, env=environment(tmp_path))
    await until(lambda: len(scripted.requests) > 0)
    process.send_signal(signal.SIGINT)
    await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 130
    async with gateway.client() as client:
        (listed,) = await client.call("GET", "/api/lab/runs")
    assert listed["status"] == "stopped"
    assert listed["counts"]["running"] == 0
