"""A run of the lab whose gateway is killed goes on where it was: nothing complete is asked again, and the table is the same."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from lam.client.client import Client
from lam.storage.database import Database
from lam.storage.models import LabCell
from lam.testing.server import ScriptedServer

from .. import databases
from ..brokers import Mosquitto
from ..lab.players import play
from ..running import gateway_process
from ..tunnel import mqtt_gateway, reached, until_ready, worker_process
from ..waiting import until

pytestmark = [pytest.mark.live, pytest.mark.timeout(600)]

TEMPLATES = [{"title": name, "content": f"You {name}."} for name in ("walk", "stumble", "rest")]
MODELS = ["small", "large"]
MAZES = {"title": "Tiny", "maze": {"size": 7, "loops": 10, "germs": 0, "seeds": list(range(20))}}
RUN = {"set": MAZES, "templates": TEMPLATES, "models": MODELS, "steps": 4, "settings": [{"temperature": 0}]}
TIMES = ("first_token_ms", "total_ms")


@pytest.fixture
def models(scripted: ScriptedServer) -> ScriptedServer:
    listed = {"object": "list", "data": [{"id": name, "object": "model"} for name in MODELS]}
    scripted.answers["/v1/models"] = (200, json.dumps(listed), {})
    scripted.reply = play
    return scripted


async def finished(client: Client, run_id: int) -> dict[str, Any]:
    async def is_done() -> bool:
        (listed,) = [run for run in await client.call("GET", "/api/lab/runs") if run["id"] == run_id]
        return bool(listed["status"] != "running")

    while not await is_done():  # asked more often, the list would be most of what the gateway does
        await asyncio.sleep(0.1)
    run: dict[str, Any] = await client.call("GET", f"/api/lab/runs/{run_id}")
    return run


async def stored_cells(data: Path, run_id: int) -> list[LabCell]:
    database = Database(databases.url_for(data))
    async with database.read() as unit:
        cells = await unit.lab.cells(run_id)
    await database.close()
    return cells


def without_times(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: value for name, value in row.items() if name not in TIMES} for row in rows]


async def test_a_kill_in_the_middle_changes_neither_the_table_nor_what_was_complete(models: ScriptedServer, tmp_path: Path) -> None:
    data = tmp_path / "data"
    async with gateway_process(data, llm_server_url=models.url) as (process, gateway):
        async with gateway.client() as client:
            run_id = (await client.call("POST", "/api/lab/runs", RUN))["id"]

            async def is_in_the_middle() -> bool:
                (run,) = await client.call("GET", "/api/lab/runs")
                return bool(run["counts"]["complete"] >= 40)

            await until(is_in_the_middle)
            process.kill()
            await process.wait()
    await until(lambda: models.active == 0)  # it has heard of all that was asked
    asked = len(models.requests)
    before = await stored_cells(data, run_id)
    complete = {cell.number for cell in before if cell.status == "complete"}
    in_flight = {cell.number for cell in before if cell.status == "running"}
    assert 40 <= len(complete) < 120
    async with gateway_process(data, llm_server_url=models.url) as (_, gateway), gateway.client() as client:
        done = await finished(client, run_id)
        assert done["counts"] == {"waiting": 0, "running": 0, "complete": 120, "failed": 0, "stopped": 0}
        hints = {cell["number"]: cell["result"]["hints"] for cell in done["cells"]}
        assert len(models.requests) - asked == sum(count for number, count in hints.items() if number not in complete)
        attempts = {cell["number"]: cell["attempts"] for cell in done["cells"]}
        assert {number for number, count in attempts.items() if count > 1} == in_flight
        assert len(models.requests) <= sum(hints.values()) + sum(hints[number] for number in in_flight)
        table = await client.call("GET", f"/api/lab/runs/{run_id}/results")
        undisturbed = (await client.call("POST", "/api/lab/runs", RUN))["id"]
        await finished(client, undisturbed)
        same = await client.call("GET", f"/api/lab/runs/{undisturbed}/results")
    assert without_times(table["rows"]) == without_times(same["rows"])
    assert (table["comparisons"], table["baselines"]) == (same["comparisons"], same["baselines"])
    shares = [row["passed_share"] for row in table["rows"]]
    assert shares == [1, 1, 0, 0, 0, 0], "walking finds the exit"


async def test_a_stop_of_the_gateway_loses_no_hint_of_a_game(models: ScriptedServer, tmp_path: Path) -> None:
    data = tmp_path / "data"
    async with gateway_process(data, llm_server_url=models.url) as (process, gateway):
        async with gateway.client() as client:
            run_id = (await client.call("POST", "/api/lab/runs", RUN))["id"]
            await models.arrival(50)
            process.terminate()
            await process.wait()
    asked = len(models.requests)
    cells = await stored_cells(data, run_id)
    assert {cell.status for cell in cells} <= {"waiting", "complete"}
    async with gateway_process(data, llm_server_url=models.url) as (_, gateway), gateway.client() as client:
        done = await finished(client, run_id)
    hints = sum(cell["result"]["hints"] for cell in done["cells"])
    in_flight = models.slots - 1
    assert done["counts"]["complete"] == 120
    assert hints <= len(models.requests) <= hints + in_flight
    assert len(models.requests) > asked


async def games(way: str, url: str, data: Path, broker: Mosquitto, body: dict[str, Any]) -> list[dict[str, Any]]:
    """The cells of a run, with their transcripts, over one of the two ways to a model."""
    async with reached(way, url, data, broker) as gateway, gateway.client() as client:
        run_id = (await client.call("POST", "/api/lab/runs", body))["id"]
        done = await finished(client, run_id)
        assert done["counts"]["complete"] == len(done["cells"]), done["cells"]
        return [await client.call("GET", f"/api/lab/runs/{run_id}/cells/{cell['number']}") for cell in done["cells"]]


def played(cells: list[dict[str, Any]]) -> list[Any]:
    return [(cell["actions"], cell["passed"], [hint["answer"] for hint in cell["transcript"]]) for cell in cells]


@pytest.mark.sqlite
async def test_the_same_answers_make_the_same_games_over_both_ways(
    scripted: ScriptedServer, tmp_path: Path, broker: Mosquitto
) -> None:
    scripted.reply = play
    body = {"set_id": "practice", "templates": TEMPLATES, "steps": 10}
    direct = await games("sse", scripted.url, tmp_path / "sse", broker, body)
    through = await games("mqtt", scripted.url, tmp_path / "mqtt", broker, body)
    assert played(direct) == played(through)
    assert [cell["passed"] for cell in direct] == [True, False, False] * 3


@pytest.mark.sqlite
@pytest.mark.parametrize(("way", "forcing"), [("sse", "shape"), ("mqtt", "legal")])
async def test_the_real_model_plays_by_the_schema(
    way: str, forcing: str, llama_url: str, tmp_path: Path, broker: Mosquitto
) -> None:
    body = {
        "set": {"title": "One", "maze": {"size": 5, "seeds": [1]}},
        "templates": [{"title": "Simple", "content": "Say one word, then go to the exit."}],
        "settings": [{"temperature": 0, "max_tokens": 160}],
        "forcing": forcing,
        "steps": 2,
    }
    (cell,) = await games(way, llama_url, tmp_path / "data", broker, body)
    assert all(hint["reading"] in ("exact", "repaired") for hint in cell["transcript"]), cell["transcript"]
    assert forcing == "shape" or all(hint["legal"] for hint in cell["transcript"])


@pytest.mark.sqlite
async def test_a_worker_that_is_killed_costs_its_cells_one_more_try(
    scripted: ScriptedServer, tmp_path: Path, broker: Mosquitto
) -> None:
    scripted.reply = play
    async with mqtt_gateway(tmp_path / "data", broker) as gateway, gateway.client() as client:
        run_id = (await client.call("POST", "/api/lab/runs", {"set": MAZES, "templates": TEMPLATES, "steps": 4}))["id"]
        unserved = (await client.call("GET", f"/api/lab/runs/{run_id}"))["unserved"]
        assert unserved == ["the default model"], "nobody is there yet"
        async with worker_process(scripted.url, broker, "one") as one:
            await until_ready(gateway, 1)
            await scripted.arrival(30)
            one.kill()
            await one.wait()
        async with worker_process(scripted.url, broker, "two"):
            done = await finished(client, run_id)
    assert done["counts"] == {"waiting": 0, "running": 0, "complete": 60, "failed": 0, "stopped": 0}
    hints = sum(cell["result"]["hints"] for cell in done["cells"])
    again = sum(cell["attempts"] - 1 for cell in done["cells"])
    assert again >= 1
    assert hints <= len(scripted.requests) <= hints + again
