"""The lab over HTTP: sets, runs, cells, results, and what happens to them when something happens meanwhile."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from lam.client.client import Client
from lam.gateway import Bounds
from lam.lab.borrowing import Patience
from lam.testing.server import Reply, ScriptedServer

from ..lab.players import play
from ..running import Gateway, running_gateway
from ..waiting import until

QUICK = Patience(grace=0.1, look=0.05)
CASES = [
    {"name": "France", "input": "Capital of France?", "judge": {"type": "contains", "value": "Paris"}},
    {"name": "Italy", "input": "Capital of Italy?", "judge": {"type": "contains", "value": "Rome"}},
]


def answers(body: dict[str, Any]) -> Reply:
    """Knows one capital."""
    return Reply(("The capital is ", "Paris."))


def new_run(**fields: Any) -> dict[str, Any]:
    return {"set": {"title": "Capitals", "cases": CASES}, "templates": [{"title": "Plain", "content": "Answer."}]} | fields


async def finished(client: Client, run_id: int) -> dict[str, Any]:
    run: dict[str, Any] = {}

    async def is_done() -> bool:
        nonlocal run
        run = await client.call("GET", f"/api/lab/runs/{run_id}")
        return run["status"] != "running"

    await until(is_done)
    return run


@pytest.fixture
async def gateway(scripted: ScriptedServer, tmp_path: Path) -> AsyncIterator[Gateway]:
    scripted.reply = answers
    async with running_gateway(tmp_path / "data", bounds=Bounds(lab=QUICK), llm_server_url=scripted.url) as running:
        yield running


@pytest.fixture
async def client(gateway: Gateway) -> AsyncIterator[Client]:
    async with gateway.client() as mine:
        yield mine


async def test_a_run_asks_each_case_and_judges_it(client: Client, scripted: ScriptedServer) -> None:
    run = await client.call("POST", "/api/lab/runs", new_run())
    done = await finished(client, run["id"])
    assert done["status"] == "done"
    assert done["counts"] == {"waiting": 0, "running": 0, "complete": 2, "failed": 0, "stopped": 0}
    assert [cell["passed"] for cell in done["cells"]] == [True, False]
    assert done["cells"][1]["result"]["reason"] == 'The answer does not contain "Rome".'
    assert done["cells"][0]["result"]["completion_tokens"] == 2
    assert len(scripted.requests) == 2
    cell = await client.call("GET", f"/api/lab/runs/{run['id']}/cells/0")
    (exchange,) = cell["transcript"]
    assert exchange["answer"] == "The capital is Paris."
    assert [turn["content"] for turn in exchange["sent"]] == ["Answer.", "Capital of France?"]


async def test_a_maze_is_played_and_measured_beside_baselines(client: Client, scripted: ScriptedServer) -> None:
    scripted.reply = play
    templates = [{"title": name, "content": f"You {name}."} for name in ("walk", "stumble")]
    run = await client.call("POST", "/api/lab/runs", {"set_id": "practice", "templates": templates, "steps": 30})
    done = await finished(client, run["id"])
    assert done["counts"]["complete"] == 6
    by_template = {
        name: [cell for cell in done["cells"] if cell["template"] == number] for number, name in enumerate(("walk", "stumble"))
    }
    assert all(cell["passed"] and cell["result"]["steps"] == cell["result"]["shortest"] for cell in by_template["walk"])
    assert not any(cell["passed"] for cell in by_template["stumble"])
    assert all(cell["result"]["illegal"] > 10 for cell in by_template["stumble"])
    table = await client.call("GET", f"/api/lab/runs/{run['id']}/results")
    assert [row["passed_share"] for row in table["rows"]] == [1, 0]
    assert table["rows"][0]["steps_ratio"] == 1
    assert {one["name"]: one["passed_share"] for one in table["baselines"]}["shortest path"] == 1
    (comparison,) = table["comparisons"]
    assert (comparison["difference"], comparison["low"], comparison["winner"]) == (1, 1, "a")
    cell = await client.call("GET", f"/api/lab/runs/{run['id']}/cells/0")
    assert len(cell["transcript"]) == cell["result"]["hints"]
    assert cell["transcript"][0]["say"] == "Here I go."
    assert [hint["action"] for hint in cell["transcript"]] == cell["actions"]
    asked = {request.body["messages"][-1]["content"] for request in scripted.requests}
    assert all(hint["sent"][-1]["content"] in asked for hint in cell["transcript"])
