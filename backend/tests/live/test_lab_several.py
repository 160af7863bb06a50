"""The lab on several gateways: its cells make way for people anywhere, and go on when their gateway is killed."""

from pathlib import Path
from typing import Any

import pytest

from lam.client.client import Client
from lam.gateway import Bounds
from lam.lab.borrowing import Patience
from lam.protocol.events import Done, Event
from lam.testing.server import Reply, ScriptedServer

from ..redis_server import RedisServer
from ..several import clients_of_account, gateway_of_several, running_gateways
from ..waiting import until

pytestmark = [pytest.mark.live, pytest.mark.postgresql, pytest.mark.sse, pytest.mark.timeout(300)]

QUICK = Patience(grace=0.1, look=0.05)


def is_cell(body: dict[str, Any]) -> bool:
    return "Capital" in body["messages"][-1]["content"]


def new_run(count: int) -> dict[str, Any]:
    cases = [{"name": str(n), "input": f"Capital {n}?", "judge": {"type": "contains", "value": "Paris"}} for n in range(count)]
    return {"set": {"title": "Capitals", "cases": cases}, "templates": [{"title": "Plain", "content": "Answer."}]}


async def chat(client: Client) -> list[Event]:
    session = (await client.create_session())["id"]
    return [event async for event in client.send(session, "Hello")]


async def finished(client: Client, run_id: int) -> dict[str, Any]:
    run: dict[str, Any] = {}

    async def is_done() -> bool:
        nonlocal run
        run = await client.call("GET", f"/api/lab/runs/{run_id}")
        return bool(run["status"] != "running")

    await until(is_done)
    return run


@pytest.mark.parametrize("at", [0, 1])  # the first one starts the cells
async def test_a_cell_makes_way_for_a_person_at_any_gateway_and_is_done_again(redis: RedisServer, tmp_path: Path, at: int) -> None:
    def held(body: dict[str, Any]) -> Reply:
        return Reply(("It is ", "Paris."), hold=is_cell(body))

    async with (
        ScriptedServer(held, slots=1) as model,
        running_gateways(2, tmp_path, redis, bounds=Bounds(lab=QUICK), llm_server_url=model.url) as gateways,
        (await clients_of_account(gateways, "ada@example.org"))[at] as client,
    ):
        run = await client.call("POST", "/api/lab/runs", new_run(2))
        await model.arrival()
        assert isinstance((await chat(client))[-1], Done)
        cell, person = model.requests[:2]
        assert (is_cell(cell.body), cell.left_early, is_cell(person.body)) == (True, True, False)
        model.reply = Reply(("It is ", "Paris."))
        model.step(20)
        done = await finished(client, run["id"])
        given_up = sum(one["given_up"] for one in done["cells"])
        assert (done["counts"]["complete"], given_up >= 1) == (2, True)
        assert len(model.requests) == 2 + 1 + given_up
        await until(lambda: not any(gateway.parts.catalog.queue.in_use for gateway in gateways))


async def test_cells_of_a_gateway_that_is_killed_are_done_at_another_one(redis: RedisServer, tmp_path: Path) -> None:
    def held(body: dict[str, Any]) -> Reply:
        return Reply(("It is ", "Paris."), hold="Capital 5" in body["messages"][-1]["content"])

    async with (
        ScriptedServer(held, slots=3) as model,
        gateway_of_several(tmp_path, redis, "killed", llm_server_url=model.url) as (process, first),
        running_gateways(1, tmp_path, redis, llm_server_url=model.url) as (other,),
    ):
        there, here = await clients_of_account([first, other], "ada@example.org")
        async with there, here:
            run = await there.call("POST", "/api/lab/runs", new_run(12))

            async def waits_for_one() -> bool:
                cells = (await here.call("GET", f"/api/lab/runs/{run['id']}"))["cells"]
                is_asked = any("Capital 5" in one.body["messages"][-1]["content"] for one in model.requests)
                return is_asked and bool(cells[5]["status"] == "running" and all(one["status"] == "complete" for one in cells[:5]))

            await until(waits_for_one)
            process.kill()
            await process.wait()
            model.reply = Reply(("It is ", "Paris."))
            done = await finished(here, run["id"])
            assert done["counts"] == {"waiting": 0, "running": 0, "complete": 12, "failed": 0, "stopped": 0}
            again = {one["number"] for one in done["cells"] if one["attempts"] > 1}
            assert 5 in again
            assert 13 <= len(model.requests) <= sum(one["attempts"] for one in done["cells"]), "one may not have been asked yet"
        await until(lambda: not other.parts.catalog.queue.in_use)
