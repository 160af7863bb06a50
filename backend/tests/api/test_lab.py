"""The lab over HTTP: sets, runs, cells, results, and what happens to them when something happens meanwhile."""

import asyncio
import csv
import io
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from lam.client.client import Client
from lam.engines.retries import Pauses
from lam.errors import Conflict, Invalid, NotFound, TooManyStreams
from lam.gateway import Bounds
from lam.lab.borrowing import Patience
from lam.protocol.events import Chunk, Done, Event
from lam.protocol.sse import Decoder
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


class Frames:
    """The frames of an event connection so far."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self.frames: list[dict[str, Any]] = []
        self._response = response
        self._decoder = Decoder(limit=1 << 28)

    async def until(self, condition: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Reads on until a frame is like this."""
        while True:
            for frame in self.frames:
                if condition(frame):
                    return frame
            piece = await self._response.content.readany()
            assert piece, "the connection ended"
            self.frames += [json.loads(arrived.data) for arrived in self._decoder.feed(piece)]


@asynccontextmanager
async def frames(client: Client) -> AsyncIterator[Frames]:
    async with aiohttp.ClientSession(headers=client._headers) as http, http.get(f"{client.url}/api/events") as response:
        yield Frames(response)


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


async def test_a_cell_that_no_budget_ever_allows_fails_with_the_reason(client: Client, scripted: ScriptedServer) -> None:
    await client.call("PUT", "/api/admin/users/1/budget", {"tokens_per_day": 2})
    run = await client.call("POST", "/api/lab/runs", new_run())
    done = await finished(client, run["id"])
    assert [cell["status"] for cell in done["cells"]] == ["failed", "failed"]
    assert done["cells"][0]["result"]["code"] == "budget_exceeded"
    assert scripted.requests == []


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
    assert (comparison["difference"], comparison["low"], comparison["winner"]) == (1, 1, None)  # three mazes are too few
    assert [(one["row"], one["cases"], one["better"]) for one in table["chance"]] == [(0, 3, False), (1, 3, False)]
    cell = await client.call("GET", f"/api/lab/runs/{run['id']}/cells/0")
    assert len(cell["transcript"]) == cell["result"]["hints"]
    assert cell["transcript"][0]["say"] == "Here I go."
    assert [hint["action"] for hint in cell["transcript"]] == cell["actions"]
    asked = {request.body["messages"][-1]["content"] for request in scripted.requests}
    assert all(hint["sent"][-1]["content"] in asked for hint in cell["transcript"])


# Cells and people


def capital(body: dict[str, Any]) -> bool:
    return "apital" in body["messages"][-1]["content"]


async def cell_of(client: Client, run_id: int, number: int) -> dict[str, Any]:
    run = await client.call("GET", f"/api/lab/runs/{run_id}")
    (cell,) = [one for one in run["cells"] if one["number"] == number]
    return cell


class Held:
    """A model whose answers to the lab wait until they are let go; people are answered at once."""

    def __init__(self) -> None:
        self.holds = True

    def __call__(self, body: dict[str, Any]) -> Reply:
        return Reply(("It is ", "Paris."), hold=self.holds and capital(body))


async def chat(client: Client) -> list[Event]:
    session = (await client.create_session())["id"]
    return [event async for event in client.send(session, "Hello")]


@pytest.fixture
async def narrow(tmp_path: Path) -> AsyncIterator[tuple[Gateway, ScriptedServer]]:
    """A gateway whose model has one place."""
    async with ScriptedServer(Held(), slots=1) as model:
        async with running_gateway(tmp_path / "data", bounds=Bounds(lab=QUICK), llm_server_url=model.url) as running:
            yield running, model


@pytest.mark.parametrize("who", ["the owner", "another person"])
async def test_a_person_gets_the_only_place_and_the_cell_is_done_again(narrow: tuple[Gateway, ScriptedServer], who: str) -> None:
    gateway, model = narrow
    async with gateway.client() as owner, await gateway.user("ada@example.org") as other:
        run = await owner.call("POST", "/api/lab/runs", new_run())
        await model.arrival()
        events = await chat(owner if who == "the owner" else other)
        assert isinstance(events[-1], Done)
        held, person = model.requests[:2]
        assert (held.left_early, capital(person.body)) == (True, False)
        assert isinstance(model.reply, Held)
        model.reply.holds = False
        model.step(20)
        done = await finished(owner, run["id"])
        assert done["counts"]["complete"] == 2
        given_up = sum(cell["given_up"] for cell in done["cells"])
        assert given_up >= 1
        assert len(model.requests) == 2 + 1 + given_up
        assert sum(cell["attempts"] for cell in done["cells"]) == 2 + given_up


async def test_a_game_that_makes_way_goes_on_where_it_was(narrow: tuple[Gateway, ScriptedServer]) -> None:
    gateway, model = narrow
    holds = asyncio.Event()

    def held_at_the_third(body: dict[str, Any]) -> Reply:
        if "maze" not in body["messages"][-1]["content"]:
            return Reply()
        replied = play(body)
        if sum("maze" in request.body["messages"][-1]["content"] for request in model.requests) == 2 and not holds.is_set():
            holds.set()
            return Reply(replied.pieces, hold=True)
        return replied

    model.reply = held_at_the_third
    template = {"title": "Stumble", "content": "You stumble."}
    async with gateway.client() as owner:
        body = {"set": {"title": "One", "maze": {"size": 7, "seeds": [1]}}, "templates": [template], "steps": 5}
        run = await owner.call("POST", "/api/lab/runs", body)
        await holds.wait()
        assert isinstance((await chat(owner))[-1], Done)
        done = await finished(owner, run["id"])
        (cell,) = done["cells"]
        assert (cell["given_up"], cell["attempts"], cell["result"]["hints"]) == (1, 2, 5)
        assert len(model.requests) == 5 + 1 + 1, "each hint once, the person, and the hint that made way"


async def test_a_stopped_run_goes_on_without_what_is_complete(client: Client, scripted: ScriptedServer) -> None:
    model = Held()
    model.holds = False
    scripted.reply = model
    cases = [{"name": str(n), "input": f"Capital {n}?"} for n in range(12)]
    run = await client.call("POST", "/api/lab/runs", new_run(set={"title": "Many", "cases": cases[:4]}))
    await finished(client, run["id"])
    model.holds = True
    run = await client.call("POST", "/api/lab/runs", new_run(set={"title": "Many", "cases": cases}))
    path = f"/api/lab/runs/{run['id']}"
    await scripted.arrival(4 + 3)
    scripted.step(4)  # three cells take turns, with two pieces each

    async def one_is_complete() -> bool:
        return bool((await client.call("GET", path))["counts"]["complete"] >= 1)

    await until(one_is_complete)
    stopped = await client.call("POST", f"{path}/stop")
    assert stopped["status"] == "stopped"
    assert stopped["counts"]["running"] == stopped["counts"]["waiting"] == 0
    complete = {cell["number"]: cell for cell in stopped["cells"] if cell["status"] == "complete"}
    assert complete
    assert scripted.active == 0, "the model is free"
    asked = len(scripted.requests)
    model.holds = False
    await client.call("POST", f"{path}/resume")
    done = await finished(client, run["id"])
    assert (done["status"], done["counts"]["complete"]) == ("done", 12)
    assert len(scripted.requests) - asked == 12 - len(complete)
    assert all(done["cells"][number] == cell for number, cell in complete.items())


async def test_one_cell_is_stopped_waiting_or_running_and_the_others_go_on(
    narrow: tuple[Gateway, ScriptedServer],
) -> None:
    gateway, model = narrow
    cases = [{"name": str(n), "input": f"Capital {n}?"} for n in range(3)]
    async with gateway.client() as client:
        run = await client.call("POST", "/api/lab/runs", new_run(set={"title": "Three", "cases": cases}))
        path = f"/api/lab/runs/{run['id']}"
        await model.arrival()
        assert (await client.call("POST", f"{path}/cells/2/stop"))["status"] == "stopped"
        assert (await client.call("POST", f"{path}/cells/0/stop"))["status"] == "stopped"
        await model.arrival(2)
        model.step(2)
        done = await finished(client, run["id"])
        assert [cell["status"] for cell in done["cells"]] == ["stopped", "complete", "stopped"]
        assert (await client.call("POST", f"{path}/cells/1/stop"))["status"] == "complete"
        with pytest.raises(NotFound):
            await client.call("POST", f"{path}/cells/3/stop")


async def test_the_stream_of_a_cell_is_stopped_like_any_other(narrow: tuple[Gateway, ScriptedServer]) -> None:
    gateway, model = narrow
    async with gateway.client() as client, await gateway.user("eve@example.org") as eve:
        run = await client.call("POST", "/api/lab/runs", new_run(set={"title": "One", "cases": CASES[:1]}))
        await model.arrival()
        (cell,) = (await client.call("GET", f"/api/lab/runs/{run['id']}"))["cells"]
        with pytest.raises(NotFound):
            await eve.stop(cell["stream_id"])
        assert (await client.stop(cell["stream_id"]))["status"] == "cancelled"
        done = await finished(client, run["id"])
        assert (done["status"], done["cells"][0]["status"]) == ("done", "stopped")


async def test_a_run_is_deleted_while_its_cells_run(client: Client, gateway: Gateway, scripted: ScriptedServer) -> None:
    scripted.reply = Held()
    run = await client.call("POST", "/api/lab/runs", new_run())
    await scripted.arrival(2)
    await client.call("DELETE", f"/api/lab/runs/{run['id']}")
    with pytest.raises(NotFound):
        await client.call("GET", f"/api/lab/runs/{run['id']}")
    assert gateway.parts.supervisor.running() == []
    await until(lambda: scripted.active == 0)
    assert len(scripted.requests) == 2


async def test_an_account_is_deleted_while_its_cells_run(gateway: Gateway, scripted: ScriptedServer) -> None:
    scripted.reply = Held()
    cases = [{"name": str(n), "input": f"Capital {n}?"} for n in range(50)]
    async with await gateway.user("ada@example.org") as ada:
        await ada.call("POST", "/api/lab/runs", new_run(set={"title": "Many", "cases": cases}))
        await scripted.arrival(3)
        await ada.call("DELETE", "/api/auth/account", {"password": "correct horse"})
    assert gateway.parts.supervisor.running() == []
    await until(lambda: scripted.active == 0)
    asked = len(scripted.requests)
    async with gateway.client() as client:  # the lab goes on for others
        scripted.reply = answers
        run = await client.call("POST", "/api/lab/runs", new_run())
        assert (await finished(client, run["id"]))["counts"]["complete"] == 2
    assert len(scripted.requests) == asked + 2


async def test_runs_of_two_people_take_turns(narrow: tuple[Gateway, ScriptedServer]) -> None:
    gateway, model = narrow
    model.reply = Held()

    def cases(name: str) -> dict[str, Any]:
        return {"title": name, "cases": [{"name": str(n), "input": f"Capital for {name} {n}?"} for n in range(6)]}

    async with await gateway.user("ada@example.org") as ada, await gateway.user("bob@example.org") as bob:
        first = await ada.call("POST", "/api/lab/runs", new_run(set=cases("Ada")))
        await model.arrival()
        second = await bob.call("POST", "/api/lab/runs", new_run(set=cases("Bob")))
        model.step(100)
        await finished(ada, first["id"])
        await finished(bob, second["id"])
    names = ["Ada" if "Ada" in request.body["messages"][-1]["content"] else "Bob" for request in model.requests]
    assert names == ["Ada", "Bob"] * 6
    numbers = [int(request.body["messages"][-1]["content"].split()[-1][0]) for request in model.requests]
    assert numbers == [n for n in range(6) for _ in range(2)]


# Runs that somebody waits for


async def test_an_attended_run_starts_at_once_like_replies(narrow: tuple[Gateway, ScriptedServer]) -> None:
    gateway, model = narrow
    async with gateway.client() as client:
        run = await client.call("POST", "/api/lab/runs", new_run(attended=True))
        assert [cell["status"] for cell in run["cells"]] == ["running", "running"]
        assert all(cell["stream_id"] for cell in run["cells"])
        assert gateway.parts.catalog.queue.waiting == 1, "it waits in the queue like everybody"
        model.step(20)
        done = await finished(client, run["id"])
        assert [cell["passed"] for cell in done["cells"]] == [True, False]
        assert [cell["given_up"] for cell in done["cells"]] == [0, 0]


async def test_an_attended_run_counts_like_replies_and_is_stored_whole_or_not(scripted: ScriptedServer, tmp_path: Path) -> None:
    scripted.reply = Held()
    async with running_gateway(tmp_path / "data", llm_server_url=scripted.url, lam_max_streams_per_user=3) as gateway:
        async with gateway.client() as client:
            await client.call("POST", "/api/lab/runs", new_run(attended=True))
            with pytest.raises(TooManyStreams):
                await client.call("POST", "/api/lab/runs", new_run(attended=True))
            assert len(await client.call("GET", "/api/lab/runs")) == 1
            with pytest.raises(Invalid, match="at most 4 cells"):
                await client.call("POST", "/api/lab/runs", new_run(attended=True, repeats=3))
            assert len(gateway.parts.supervisor.running()) == 2
            await client.call("POST", "/api/lab/runs", new_run())  # cells of the lab do not count


# Streams, events


async def test_a_cell_streams_like_a_reply_and_is_rebuilt(client: Client, gateway: Gateway, scripted: ScriptedServer) -> None:
    scripted.reply = Held()
    run = await client.call("POST", "/api/lab/runs", new_run(set={"title": "One", "cases": CASES[:1]}))
    await scripted.arrival()
    (cell,) = (await client.call("GET", f"/api/lab/runs/{run['id']}"))["cells"]
    scripted.step(2)
    events = [event async for _, event in client.follow(cell["stream_id"])]
    assert "".join(event.content for event in events if isinstance(event, Chunk)) == "It is Paris."
    assert isinstance(events[-1], Done)
    assert events[-1].full_content == "It is Paris."
    await finished(client, run["id"])
    gateway.parts.streams._shelf._ended.clear()
    again = [event async for _, event in client.follow(cell["stream_id"])]
    assert isinstance(again[-1], Done)
    assert (again[-1].full_content, again[-1].usage) == ("It is Paris.", events[-1].usage)
    async with await gateway.user("eve@example.org") as eve:
        with pytest.raises(NotFound):
            _ = [event async for event in eve.follow(cell["stream_id"])]


async def test_a_game_streams_one_line_per_answer(client: Client, gateway: Gateway, scripted: ScriptedServer) -> None:
    scripted.reply = lambda _: Reply(('{"say":\n', ' "x",\n"do": {"action": "wait"}}'))
    body = {"set": {"title": "One", "maze": {"size": 7, "seeds": [1]}}, "templates": [{"title": "T", "content": "x"}], "steps": 3}
    run = await client.call("POST", "/api/lab/runs", body)
    (cell,) = (await finished(client, run["id"]))["cells"]
    line = '{"say":  "x", "do": {"action": "wait"}}\n'
    for _ in range(2):  # live, then rebuilt
        events = [event async for _, event in client.follow(cell["stream_id"])]
        assert isinstance(events[-1], Done)
        assert events[-1].full_content == line * 3
        gateway.parts.streams._shelf._ended.clear()
    opened = await client.call("GET", f"/api/lab/runs/{run['id']}/cells/0")
    assert opened["transcript"][0]["answer"] == '{"say":\n "x",\n"do": {"action": "wait"}}', "the transcript has it unchanged"
    assert cell["result"]["end"] == "given_up"


async def test_changes_reach_the_owners_event_connection_and_nobody_elses(gateway: Gateway, client: Client) -> None:
    async with await gateway.user("eve@example.org") as eve:
        async with frames(client) as mine, frames(eve) as theirs:
            await mine.until(lambda frame: frame["event"]["type"] == "open")
            await theirs.until(lambda frame: frame["event"]["type"] == "open")
            run = await client.call("POST", "/api/lab/runs", new_run())
            last = await mine.until(lambda frame: frame["stream"] == "lab" and frame["event"]["status"] == "done")
            seen = {cell["number"]: cell["status"] for frame in mine.frames for cell in frame["event"].get("cells", ())}
            assert last["event"]["run"] == run["id"]
            assert last["event"]["counts"]["complete"] == 2
            assert seen == {0: "complete", 1: "complete"}
            await client.call("DELETE", f"/api/lab/runs/{run['id']}")
            await mine.until(lambda frame: frame["event"]["type"] == "lab_deleted")
            session = (await eve.create_session())["id"]
            await theirs.until(lambda frame: frame["event"].get("session", {}).get("id") == session)
            assert not any(frame["stream"] == "lab" for frame in theirs.frames)


# What fails


@pytest.mark.parametrize(
    ("fault", "requests", "code"), [("bad_request", 1, "llm_error"), ("server_error", 3, "llm_error"), ("cut", 3, "interrupted")]
)
async def test_a_cell_that_fails_says_why_and_is_tried_again_where_that_may_help(
    client: Client, scripted: ScriptedServer, fault: Any, requests: int, code: str
) -> None:
    scripted.reply = Reply(fault=fault)
    run = await client.call("POST", "/api/lab/runs", new_run(set={"title": "One", "cases": CASES[:1]}))
    done = await finished(client, run["id"])
    (cell,) = done["cells"]
    assert (done["status"], cell["status"], cell["result"]["code"]) == ("done", "failed", code)
    assert (len(scripted.requests), cell["attempts"]) == (requests, requests)
    row = (await client.call("GET", f"/api/lab/runs/{run['id']}/results"))["rows"][0]
    assert (row["n"], row["failed"], row["passed_share"]) == (0, 1, None)
    scripted.reply = answers
    await client.call("POST", f"/api/lab/runs/{run['id']}/resume")
    assert (await finished(client, run["id"]))["cells"][0]["passed"] is True


async def test_a_model_that_judges_is_asked_after_the_answer_and_marked_as_an_opinion(
    client: Client, scripted: ScriptedServer
) -> None:
    def judge(body: dict[str, Any]) -> Reply:
        question = body["messages"][-1]["content"]
        if "<rubric>" not in question:
            return Reply(("Paris.",))
        passed = "Is it short?" in question
        return Reply((json.dumps({"reason": "I say so.", "passed": passed}) if "odd" not in question else "hm",))

    scripted.reply = judge
    cases = [
        {"input": "Capital?", "judge": {"type": "model", "rubric": rubric}} for rubric in ("Is it short?", "Is it long?", "odd")
    ]
    run = await client.call("POST", "/api/lab/runs", new_run(set={"title": "Opinions", "cases": cases}))
    done = await finished(client, run["id"])
    assert [(cell["passed"], cell["result"]["opinion"]) for cell in done["cells"]] == [(True, True), (False, True), (None, True)]
    assert done["cells"][0]["result"]["reason"] == "I say so."
    assert len(scripted.requests) == 6
    opened = await client.call("GET", f"/api/lab/runs/{run['id']}/cells/0")
    assert [one["purpose"] for one in opened["transcript"]] == ["answer", "judge"]
    assert "<rubric>" in opened["transcript"][1]["sent"][-1]["content"]
    assert opened["result"]["completion_tokens"] == 1, "the judge's tokens are not the template's"


# Sets, specs, files


async def test_sets_are_made_changed_and_deleted_by_their_owner_alone(client: Client, gateway: Gateway) -> None:
    made = await client.call("POST", "/api/lab/sets", {"title": "Mine", "cases": CASES})
    path = f"/api/lab/sets/{made['id']}"
    assert (made["kind"], made["builtin"], made["cases"][0]["judge"]["type"]) == ("cases", False, "contains")
    assert await client.call("GET", path) == made
    assert {one["id"] for one in await client.call("GET", "/api/lab/sets")} >= {"practice", "facts", made["id"]}
    assert [task["name"] for task in await client.call("GET", "/api/lab/tasks", set=made["id"])] == ["France", "Italy"]
    assert len(await client.call("GET", "/api/lab/tasks")) > 40
    changed = await client.call("PUT", path, {"title": "Other", "maze": {"size": 9, "seeds": [4]}})
    assert (changed["id"], changed["kind"], changed["cases"]) == (made["id"], "maze", None)
    async with await gateway.user("eve@example.org") as eve:
        for method, body in (("GET", None), ("PUT", {"title": "x", "cases": CASES}), ("DELETE", None)):
            with pytest.raises(NotFound):
                await eve.call(method, path, body)
        with pytest.raises(NotFound):
            await eve.call("POST", "/api/lab/runs", {"set_id": made["id"], "templates": [{"title": "T", "content": "x"}]})
    with pytest.raises(Conflict):
        await client.call("DELETE", "/api/lab/sets/practice")
    await client.call("DELETE", path)
    with pytest.raises(NotFound):
        await client.call("GET", path)


async def test_nobody_else_sees_a_run(client: Client, gateway: Gateway) -> None:
    run = await client.call("POST", "/api/lab/runs", new_run())
    await finished(client, run["id"])
    path = f"/api/lab/runs/{run['id']}"
    async with await gateway.user("eve@example.org") as eve:
        assert await eve.call("GET", "/api/lab/runs") == []
        for method, tail in (
            ("GET", ""),
            ("GET", "/results"),
            ("GET", "/export"),
            ("GET", "/cells/0"),
            ("POST", "/stop"),
            ("POST", "/resume"),
            ("POST", "/cells/0/stop"),
            ("DELETE", ""),
        ):
            with pytest.raises(NotFound):
                await eve.call(method, path + tail)
        with pytest.raises(NotFound):
            await eve.call("POST", f"{path}/cells/0/case", {})


async def test_a_file_becomes_a_set(client: Client) -> None:
    made = await client.call("POST", "/api/lab/sets/import", {"filename": "caps.csv", "text": "input,contains\nCapital?,Paris\n"})
    assert (made["title"], made["cases"][0]["judge"]["value"]) == ("caps", "Paris")


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"set": {"title": "x", "cases": [{"judge": {"type": "matches", "pattern": "("}}]}}, "Case 1: the pattern cannot be used"),
        (
            {"set": {"title": "x", "cases": [{"judge": {"type": "json_schema", "schema": {"$ref": "http://x/"}}}]}},
            "schema cannot be used",
        ),
        ({"set": {"title": "x"}}, "either `maze` or `cases`"),
        ({"set": {"title": "x", "maze": {"size": 8, "seeds": [1]}}}, "even"),
        ({"set": None}, "say which set"),
        ({"templates": []}, "templates"),
        ({"templates": [{"title": "x"}]}, "each is a `template_id`"),
        ({"templates": [{"title": "T", "content": "{{who}}"}]}, "France has no value for who"),
        ({"templates": [{"title": "T", "content": "x"}] * 9}, "templates"),
        ({"models": ["scripted", "scripted"]}, "twice"),
        ({"models": ["nobody"]}, "no model 'nobody'"),
        ({"repeats": 21}, "repeats"),
        ({"settings": [{"temperature": 3}]}, "temperature"),
        ({"set": {"title": "x", "cases": [{"judge": {"type": "model", "rubric": "x", "model": "nobody"}}]}}, "no model 'nobody'"),
    ],
)
async def test_a_run_that_cannot_work_is_refused_with_the_reason(client: Client, fields: dict[str, Any], reason: str) -> None:
    with pytest.raises(Invalid, match=reason):
        await client.call("POST", "/api/lab/runs", new_run(**fields))
    assert await client.call("GET", "/api/lab/runs") == []


@pytest.mark.parametrize(
    ("path", "body", "reason"),
    [
        ("/api/maze/games", {"mode": "lam", "set": "small", "prompt": "x" * 100_001}, "at most 100000 characters, not 100001"),
        ("/api/lab/sets", {"title": "x" * 201, "cases": []}, "at most 200 characters"),
        (
            "/api/lab/runs",
            {"set_id": "small", "templates": [{"title": "T", "content": "x"}], "models": []},
            "at least 1 item, not 0",
        ),
    ],
)
async def test_what_is_too_long_or_too_short_is_counted_in_what_it_is_made_of(
    path: str, body: dict[str, Any], reason: str, client: Client
) -> None:
    with pytest.raises(Invalid, match=reason):
        await client.call("POST", path, body)


async def test_a_run_keeps_the_texts_that_its_templates_had(client: Client, scripted: ScriptedServer, gateway: Gateway) -> None:
    template = await client.call("POST", "/api/templates", {"title": "T", "content": "First {{tone=kind}}."})
    path = f"/api/templates/{template['id']}"
    await client.call("PATCH", path, {"content": "Second."})
    chosen = [{"template_id": template["id"]}, {"template_id": template["id"], "version": 1}]
    run = await client.call(
        "POST", "/api/lab/runs", new_run(templates=chosen, settings=[{"temperature": 0.5}, {"title": "Seeded", "seed": 7}])
    )
    await client.call("DELETE", path)
    done = await finished(client, run["id"])
    spec = done["spec"]
    assert [(one["content"], one["version"]) for one in spec["templates"]] == [("Second.", 2), ("First {{tone=kind}}.", 1)]
    assert [one["title"] for one in spec["settings"]] == ["Temperature 0.5", "Seeded"]
    assert (spec["settings"][0]["sampling"]["temperature"], spec["settings"][1]["chosen"]["seed"]) == (0.5, 7)
    assert spec["models"] == ["scripted"], "the default model by its name"
    systems = {request.body["messages"][0]["content"] for request in scripted.requests}
    assert systems == {"Second.", "First kind."}
    with pytest.raises(NotFound):
        await client.call("POST", "/api/lab/runs", new_run(templates=chosen))


async def test_a_run_is_exported_as_csv_and_json(client: Client, gateway: Gateway) -> None:
    cases = [{"name": "=1+1", "input": "Capital?", "judge": {"type": "contains", "value": "Paris"}}]
    run = await client.call("POST", "/api/lab/runs", new_run(set={"title": "One", "cases": cases}))
    await finished(client, run["id"])
    whole = await client.call("GET", f"/api/lab/runs/{run['id']}/export", format="json")
    assert (whole["format"], whole["run"]["id"], whole["results"]["rows"][0]["n"]) == ("lam-lab-run", run["id"], 1)
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {gateway.token}"}) as http:
        async with http.get(f"{gateway.url}/api/lab/runs/{run['id']}/export?format=csv") as answer:
            assert "attachment" in answer.headers["Content-Disposition"]
            (line,) = list(csv.DictReader(io.StringIO(await answer.text())))
    assert (line["task"], line["status"], line["passed"], line["model"]) == ("'=1+1", "complete", "True", "scripted")


async def test_a_cell_becomes_a_regression_case(client: Client, scripted: ScriptedServer) -> None:
    run = await client.call("POST", "/api/lab/runs", new_run())
    await finished(client, run["id"])
    path = f"/api/lab/runs/{run['id']}/cells"
    made = await client.call("POST", f"{path}/1/case", {})
    assert ([case["name"] for case in made["cases"]], made["cases"][0]["judge"]["value"]) == (["Italy"], "Rome")
    judge = {"type": "equals", "value": "Rome"}
    again = await client.call("POST", f"{path}/0/case", {"name": "Again", "judge": judge})
    assert (again["id"], [case["name"] for case in again["cases"]]) == (made["id"], ["Italy", "Again"])
    with pytest.raises(Conflict):
        await client.call("POST", f"{path}/0/case", {"set_id": "practice"})
    scripted.reply = play
    body = {"set_id": "practice", "templates": [{"title": "T", "content": "You walk."}]}
    run = await client.call("POST", "/api/lab/runs", body)
    await finished(client, run["id"])
    for number in (2, 0, 2):
        mazes = await client.call("POST", f"/api/lab/runs/{run['id']}/cells/{number}/case", {})
    seeds = (await client.call("GET", "/api/lab/sets/practice"))["maze"]["seeds"]
    assert (mazes["maze"]["size"], mazes["maze"]["seeds"]) == (7, [seeds[2], seeds[0]])
    with pytest.raises(Invalid, match="other tasks"):
        await client.call("POST", f"/api/lab/runs/{run['id']}/cells/0/case", {"set_id": made["id"]})


async def test_what_a_cell_costs_is_counted(client: Client) -> None:
    run = await client.call("POST", "/api/lab/runs", new_run())
    await finished(client, run["id"])
    total = (await client.call("GET", "/api/usage"))["total"]
    assert (total["generations"], total["completion_tokens"]) == (2, 4)


async def test_two_thousand_cells_are_stored_and_listed(client: Client, scripted: ScriptedServer) -> None:
    scripted.reply = Held()
    cases = [{"name": str(n), "input": f"Capital {n}?"} for n in range(1000)]
    templates = [{"title": name, "content": name} for name in "ab"]
    run = await client.call("POST", "/api/lab/runs", new_run(set={"title": "Many", "cases": cases}, templates=templates))
    assert len(run["cells"]) == 2000
    stopped = await client.call("POST", f"/api/lab/runs/{run['id']}/stop")
    assert stopped["counts"]["stopped"] == 2000
    with pytest.raises(Invalid, match="at most 2000 cells"):
        await client.call("POST", "/api/lab/runs", new_run(set={"title": "Many", "cases": cases}, templates=templates * 2))


async def test_a_person_gets_the_place_that_is_never_lent_and_no_cell_makes_way(client: Client, scripted: ScriptedServer) -> None:
    model = Held()
    scripted.reply = model
    cases = [{"name": str(n), "input": f"Capital {n}?"} for n in range(6)]
    run = await client.call("POST", "/api/lab/runs", new_run(set={"title": "Many", "cases": cases}))
    await scripted.arrival(3)
    assert isinstance((await chat(client))[-1], Done)
    assert len(scripted.requests) == 4, "three of four places"
    model.holds = False
    scripted.step(100)
    done = await finished(client, run["id"])
    assert [cell["attempts"] for cell in done["cells"]] == [1] * 6


async def test_with_the_times_of_a_gateway_two_people_start_after_two_seconds_by_one_cell_that_makes_way(tmp_path: Path) -> None:
    def held(body: dict[str, Any]) -> Reply:
        return Reply(("It is ", "Paris."), hold=True)

    cases = [{"name": str(n), "input": f"Capital {n}?"} for n in range(6)]
    async with (
        ScriptedServer(held, slots=2) as model,
        running_gateway(tmp_path / "data", llm_server_url=model.url) as gateway,
        gateway.client() as owner,
        await gateway.user("ada@example.org") as other,
    ):
        run = await owner.call("POST", "/api/lab/runs", new_run(set={"title": "Many", "cases": cases}))
        await model.arrival()  # one of two places: the other one is spared for people
        sent = time.monotonic()
        people = [asyncio.create_task(chat(one)) for one in (owner, other)]
        second = await model.arrival(3)
        cell, *chats = model.requests
        assert (capital(cell.body), [capital(one.body) for one in chats]) == (True, [False, False])
        assert cell.left_early, "no cell has ended: only one that makes way can have let the second person in"
        assert cell.closed_at is not None
        assert second.began_at >= cell.closed_at >= sent + Patience().grace, "two seconds are left to a cell for its end"
        model.reply = answers
        while not all(person.done() for person in people):
            model.step()
            await asyncio.sleep(0.005)
        assert all(isinstance(events[-1], Done) for events in await asyncio.gather(*people))
        done = await finished(owner, run["id"])
        assert (done["counts"]["complete"], sum(one["given_up"] for one in done["cells"])) == (6, 1)
        assert sum(one["attempts"] for one in done["cells"]) == len(model.requests) - 2 == 6 + 1


async def test_a_person_waits_for_the_end_of_a_cell_that_is_near_it(tmp_path: Path) -> None:
    pieces = ("It ", "is ", "the ", "town ", "of ", "Paris, ", "do ", "I ", "think.")
    cases = [{"name": str(n), "input": f"Capital {n}?"} for n in range(5)]
    async with (
        ScriptedServer(Reply(pieces), slots=1) as model,
        running_gateway(tmp_path / "data", bounds=Bounds(lab=QUICK), llm_server_url=model.url) as gateway,
        gateway.client() as owner,
    ):
        model.reply = lambda body: Reply(pieces, hold="Capital 3?" in body["messages"][-1]["content"])
        run = await owner.call("POST", "/api/lab/runs", new_run(set={"title": "Many", "cases": cases}))
        cell = await model.arrival(4)  # those before it say how long an answer is
        model.step(len(pieces) - 1)
        running = await cell_of(owner, run["id"], 3)
        assert running["status"] == "running", "its request has arrived"
        async for _, event in owner.follow(running["stream_id"]):
            if isinstance(event, Chunk) and event.content.endswith("I "):
                break
        person = asyncio.create_task(chat(owner))
        await until(lambda: gateway.parts.catalog.queue.waiting > 0)
        # Time itself: several times the patience of this gateway passes, and the cell keeps its place.
        await asyncio.sleep(5 * QUICK.grace)
        assert not cell.left_early
        model.step(100)
        assert isinstance((await person)[-1], Done)
        model.reply = Reply(pieces)
        done = await finished(owner, run["id"])
        assert (done["counts"]["complete"], sum(one["given_up"] for one in done["cells"])) == (5, 0)


async def test_cells_wait_while_their_models_server_is_away_and_the_run_says_so(scripted: ScriptedServer, tmp_path: Path) -> None:
    scripted.reply = Held()
    patience = Patience(grace=0.1, look=0.05, rest=0.2)
    bounds = Bounds(lab=patience, pauses=Pauses(refused=0.02, first=0.01))
    async with running_gateway(tmp_path / "data", bounds=bounds, llm_server_url=scripted.url, llm_timeout=0.3) as gateway:
        async with gateway.client() as client:
            run = await client.call("POST", "/api/lab/runs", new_run())
            path = f"/api/lab/runs/{run['id']}"
            await scripted.arrival(2)
            await scripted.vanish()

            async def says_so() -> bool:
                return (await client.call("GET", path))["unserved"] == ["scripted"]

            await until(says_so)
            attempts = [cell["attempts"] for cell in (await client.call("GET", path))["cells"]]

            async def tried_often() -> bool:
                return all(
                    cell["attempts"] > before + 3
                    for cell, before in zip((await client.call("GET", path))["cells"], attempts, strict=True)
                )

            await until(tried_often)
            scripted.reply = answers
            await scripted.listen()
            done = await finished(client, run["id"])
            assert (done["counts"]["complete"], done["unserved"]) == (2, [])


async def test_a_cell_that_a_dead_gateway_left_without_a_run_is_done(scripted: ScriptedServer, tmp_path: Path) -> None:
    scripted.reply = answers
    async with running_gateway(tmp_path / "data", llm_server_url=scripted.url) as gateway, gateway.client() as client:
        run = await client.call("POST", "/api/lab/runs", new_run())
        done = await finished(client, run["id"])
        async with gateway.parts.database.write() as unit:
            await unit.lab.move_cells(run["id"], ("complete",), "running", 0)
            await unit.lab.change_run(run["id"], status="running", ended_at=None)
    async with running_gateway(tmp_path / "data", llm_server_url=scripted.url) as gateway, gateway.client() as client:
        again = await finished(client, run["id"])
    assert [cell["attempts"] for cell in again["cells"]] == [2, 1]
    assert again["counts"] == done["counts"]
    assert len(scripted.requests) == 3


async def test_a_run_under_other_rules_of_the_maze_fails_with_the_reason(
    client: Client, gateway: Gateway, scripted: ScriptedServer
) -> None:
    scripted.reply = play
    body = {"set_id": "practice", "templates": [{"title": "T", "content": "You walk."}]}
    run = await client.call("POST", "/api/lab/runs", body)
    await client.call("POST", f"/api/lab/runs/{run['id']}/stop")
    async with gateway.parts.database.write() as unit:
        stored = await unit.lab.run(run["id"])
        assert stored is not None
        await unit.lab.change_run(run["id"], spec=stored.spec.replace('"rules":1', '"rules":0'))
    gateway.parts.lab._feeder.forget(run["id"])
    await client.call("POST", f"/api/lab/runs/{run['id']}/resume")
    done = await finished(client, run["id"])
    assert {cell["result"]["code"] for cell in done["cells"] if cell["status"] == "failed"} == {"rules_changed"}
    opened = await client.call("GET", f"/api/lab/runs/{run['id']}/cells/0")
    assert all(hint["sent"] == [] for hint in opened["transcript"])


async def test_a_game_whose_answers_are_too_long_fails(scripted: ScriptedServer, tmp_path: Path) -> None:
    scripted.reply = Reply(("x" * 600,))
    async with running_gateway(tmp_path / "data", llm_server_url=scripted.url, lam_max_reply_chars=1000) as gateway:
        async with gateway.client() as client:
            body = {"set": {"title": "One", "maze": {"size": 7, "seeds": [1]}}, "templates": [{"title": "T", "content": "x"}]}
            run = await client.call("POST", "/api/lab/runs", body)
            (cell,) = (await finished(client, run["id"]))["cells"]
    assert (cell["status"], cell["result"]["code"]) == ("failed", "too_large")


async def test_a_template_for_a_maze_needs_defaults(client: Client) -> None:
    with pytest.raises(Invalid, match="needs a value for who"):
        await client.call("POST", "/api/lab/runs", {"set_id": "practice", "templates": [{"title": "T", "content": "{{who}}"}]})


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/lab/sets", {"title": "x", "cases": [{"inptu": "Capital of France?"}]}),
        ("/api/lab/sets", {"title": "x", "cases": [{"judge": {"type": "contains", "value": "x", "case_sensitive": True}}]}),
        ("/api/lab/sets", {"title": "x", "maze": {"size": 7, "seeds": [1], "germ": 3}}),
        ("/api/lab/runs", {"set_id": "small", "templates": [{"title": "a", "content": "b"}], "model": ["x"]}),
        ("/api/lab/runs", {"set_id": "small", "templates": [{"title": "a", "content": "b", "text": "c"}]}),
        ("/api/maze/games", {"mode": "manual", "seed": 1, "settings": {"size": 33}}),
    ],
)
async def test_a_field_that_nobody_would_read_is_refused_by_name(client: Client, path: str, body: dict[str, Any]) -> None:
    with pytest.raises(Invalid, match=r"(inptu|case_sensitive|germ|model|text|settings): Extra inputs are not permitted"):
        await client.call("POST", path, body)


async def test_a_run_uses_what_the_configuration_says_of_each_model(scripted: ScriptedServer, tmp_path: Path) -> None:
    scripted.reply = Reply(("Paris.",))
    models = '[[model]]\nname = "plain"\nroutes = ["default/scripted"]\n[[model]]\nname = "brief"\nroutes = ["default/scripted"]\n'
    file = tmp_path / "lam.toml"
    file.write_text(models + 'defaults = { top_k = 7, temperature = 0.3, system_prompt = "Be brief." }\n')
    cases = [{"name": "Asked", "input": "Capital?"}, {"name": "Bare"}]
    run = {
        "set": {"title": "Capitals", "cases": cases},
        "templates": [{"title": "Plain", "content": "Answer."}],
        "models": ["plain", "brief"],
        "settings": [{"title": "Usual"}, {"title": "Hot", "temperature": 1.5}],
    }
    settings: dict[str, Any] = {"lam_config": file, "llm_server_url": scripted.url}
    async with running_gateway(tmp_path / "data", bounds=Bounds(lab=QUICK), **settings) as gateway, gateway.client() as client:
        made = await client.call("POST", "/api/lab/runs", run)
        await finished(client, made["id"])
        sent = [(one.body["messages"], one.body["temperature"], one.body.get("top_k")) for one in scripted.requests]
        usual = sent[0][1]

        def says(role: str, content: str) -> dict[str, str]:
            return {"role": role, "content": content}

        for question, bare in (
            ([says("system", "Answer."), says("user", "Capital?")], False),
            ([says("user", "Answer.")], True),
        ):
            brief = [says("system", "Be brief."), *question] if bare else question
            for expected in ((question, usual, None), (question, 1.5, None), (brief, 0.3, 7), (brief, 1.5, 7)):
                assert expected in sent
        assert len(sent) == 8
        opened = [await client.call("GET", f"/api/lab/runs/{made['id']}/cells/{number}") for number in range(8)]
        assert sorted(str(one["transcript"][0]["sent"]) for one in opened) == sorted(
            str([says(turn["role"], turn["content"]) for turn in messages]) for messages, _, _ in sent
        )
