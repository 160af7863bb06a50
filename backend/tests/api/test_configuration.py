"""Several servers in one gateway: who answers by which name."""

import asyncio
from pathlib import Path

import pytest

from lam.engines.breaker import Tolerance
from lam.engines.openai_http import OpenAIHttpEngine
from lam.errors import Forbidden, LamError, UnknownModel
from lam.gateway import Bounds
from lam.protocol.events import Chunk, Done, Error, Event, Metadata
from lam.protocol.snapshot import Snapshot
from lam.testing.server import Reply, ScriptedServer

from ..ports import free_port
from ..running import collect, running_gateway

TWO = """
[[server]]
name = "first"
url = "{first}"

[[server]]
name = "second"
url = "{second}"

[[model]]
name = "quick"
routes = ["first/one", "second/two"]

[[model]]
name = "clever"
routes = ["second/two"]
defaults = {{ temperature = 0.25, system_prompt = "Be brief." }}
price_in = 0.5
note = "Slow, but sure."
"""


def configured(folder: Path, text: str) -> Path:
    path = folder / "lam.toml"
    path.write_text(text)
    return path


def text_of(events: list[Event]) -> str:
    return "".join(event.content for event in events if isinstance(event, Chunk))


def fold(events: list[Event]) -> Snapshot:
    snapshot = Snapshot()
    for event in events:
        snapshot.add(event)
    return snapshot


async def test_two_servers_answer_in_one_gateway_each_by_the_names_in_the_file(tmp_path: Path) -> None:
    async with ScriptedServer(Reply(("One",)), model="one") as first, ScriptedServer(Reply(("Two",)), model="two") as second:
        path = configured(tmp_path, TWO.format(first=first.url, second=second.url))
        async with running_gateway(tmp_path / "data", lam_config=path) as gateway, gateway.client() as client:
            session = await client.create_session()
            quick = await collect(client, session["id"], model="quick")
            clever = await collect(client, session["id"], model="clever")
            stored = await client.call("GET", f"/api/chatbot/sessions/{session['id']}/messages")
            models = await client.call("GET", "/api/models")
    assert (text_of(quick), text_of(clever)) == ("One", "Two")
    assert [(event.server, event.model) for event in (quick[0], clever[0]) if isinstance(event, Metadata)] == [
        ("first", "quick"),
        ("second", "clever"),
    ]
    assert [event.model for event in (quick[-1], clever[-1]) if isinstance(event, Done)] == ["quick", "clever"]
    replies = [message["metadata"] for message in stored if message["role"] == "assistant"]
    assert [(reply["server"], reply["model"]) for reply in replies] == [("first", "quick"), ("second", "clever")]
    assert [request.body["model"] for request in (*first.requests, *second.requests)] == ["one", "two"]
    assert second.requests[0].body["messages"][0] == {"role": "system", "content": "Be brief."}
    assert second.requests[0].body["temperature"] == 0.25
    assert [model["name"] for model in models["models"]] == ["quick", "clever"]
    assert models["models"][1]["servers"] == ["second"]
    assert models["models"][1]["price"] == {"input": 0.5, "output": None}
    assert (models["default"], models["models"][1]["note"]) == ("quick", "Slow, but sure.")


ONE = '[[server]]\nname = "{name}"\nurl = "{url}"\n'


def servers(**urls: str) -> str:
    return "".join(ONE.format(name=name, url=url) for name, url in urls.items())


async def test_without_models_in_the_file_all_models_of_all_servers_are_offered_the_first_servers_first(tmp_path: Path) -> None:
    async with ScriptedServer(Reply(("One",)), model="one") as first, ScriptedServer(Reply(("Two",)), model="two") as second:
        path = configured(tmp_path, servers(first=first.url, second=second.url))
        async with running_gateway(tmp_path / "data", lam_config=path) as gateway, gateway.client() as client:
            while len((models := await client.call("GET", "/api/models"))["models"]) < 2:
                await asyncio.sleep(0.01)
            session = await client.create_session()
            named = await collect(client, session["id"], model="two")
            unnamed = await collect(client, session["id"])
    assert ([model["name"] for model in models["models"]], models["default"]) == (["one", "two"], "one")
    assert (text_of(named), text_of(unnamed)) == ("Two", "One")


@pytest.mark.parametrize("listed", [True, False])
async def test_a_first_server_that_is_dead_from_the_start_keeps_nobody_from_the_second(tmp_path: Path, listed: bool) -> None:
    async with ScriptedServer(Reply(("Two",)), model="two") as second:
        dead = f"http://127.0.0.1:{free_port()}"
        text = servers(first=dead, second=second.url)
        if listed:
            text += '[[model]]\nname = "m"\nroutes = ["first", "second"]\n'
        path = configured(tmp_path, text)
        async with running_gateway(tmp_path / "data", lam_config=path) as gateway, gateway.client() as client:
            session = await client.create_session()
            events = [await collect(client, session["id"]) for _ in range(3)]
            models = await client.call("GET", "/api/models")
            answer = await client.call("GET", "/api/admin/configuration")
    assert [text_of(each) for each in events] == ["Two"] * 3
    assert [fold(each).metadata.server for each in events] == ["second"] * 3
    assert models["default"] == ("m" if listed else "two")
    assert [(server["name"], server["is_avoided"]) for server in answer["servers"]] == [("first", True), ("second", False)]


async def test_a_server_that_was_avoided_answers_again_once_it_is_well(tmp_path: Path) -> None:
    port = free_port()
    async with ScriptedServer(Reply(("Two",)), model="two") as second:
        text = (
            servers(first=f"http://127.0.0.1:{port}", second=second.url) + '[[model]]\nname = "m"\nroutes = ["first", "second"]\n'
        )
        bounds = Bounds(tolerance=Tolerance(first=0.05, longest=0.1))
        async with running_gateway(tmp_path / "data", lam_config=configured(tmp_path, text), bounds=bounds) as gateway:
            async with gateway.client() as client:
                session = await client.create_session()
                assert text_of(await collect(client, session["id"])) == "Two"
                async with ScriptedServer(Reply(("One",)), model="one", port=port):
                    while (await client.call("GET", "/api/admin/configuration"))["servers"][0]["is_avoided"]:
                        await asyncio.sleep(0.01)
                    assert text_of(await collect(client, session["id"])) == "One"


@pytest.mark.parametrize(
    "fault",
    [
        Reply(fault="server_error"),
        Reply(fault="html_error"),
        Reply(fault="cut", after=0),
        Reply(status=402, body='{"error": {"message": "credit balance too low"}}'),
        Reply(status=429, body='{"error": {"message": "slow down"}}', headers={"Retry-After": "60"}),
        Reply(status=429, body='{"error": {"message": "quota", "code": "insufficient_quota"}}'),
        Reply(status=401, body='{"error": {"message": "no key"}}'),
        Reply(status=404, body='{"error": {"message": "model not found", "code": "model_not_found"}}'),
        Reply(status=400, body='{"error": {"message": "too long", "code": "context_length_exceeded"}}'),
        Reply(fault="error_data", after=0),
    ],
)
async def test_while_nothing_was_shown_the_next_route_answers(tmp_path: Path, fault: Reply) -> None:
    async with ScriptedServer(fault, model="one") as first, ScriptedServer(Reply(("Two",)), model="two") as second:
        path = configured(tmp_path, TWO.format(first=first.url, second=second.url))
        async with running_gateway(tmp_path / "data", lam_config=path) as gateway, gateway.client() as client:
            session = await client.create_session()
            events = await collect(client, session["id"], model="quick")
    assert isinstance(events[-1], Done)
    assert (text_of(events), fold(events).metadata.server) == ("Two", "second")
    assert len(second.requests) == 1


async def test_after_the_first_token_no_other_server_goes_on(tmp_path: Path) -> None:
    fault = Reply(("One", "more"), fault="cut", after=1)
    async with ScriptedServer(fault, model="one") as first, ScriptedServer(Reply(("Two",)), model="two") as second:
        path = configured(tmp_path, TWO.format(first=first.url, second=second.url))
        async with running_gateway(tmp_path / "data", lam_config=path) as gateway, gateway.client() as client:
            session = await client.create_session()
            events = await collect(client, session["id"], model="quick")
            stored = (await client.call("GET", f"/api/chatbot/sessions/{session['id']}/messages"))[-1]
    assert isinstance(events[-1], Error)
    assert (text_of(events), second.requests) == ("One", [])
    assert (stored["status"], stored["metadata"]["server"], stored["metadata"]["model"]) == ("interrupted", "first", "quick")


async def test_a_full_first_server_gives_way_to_the_next_and_a_failed_one_is_waited_for_nowhere(tmp_path: Path) -> None:
    """The second server has one place: who is sent on from the first waits for it."""
    async with (
        ScriptedServer(Reply(fault="server_error"), model="one") as first,
        ScriptedServer(Reply(("Two",), hold=True), model="two", slots=1) as second,
    ):
        path = configured(tmp_path, TWO.format(first=first.url, second=second.url))
        async with running_gateway(tmp_path / "data", lam_config=path) as gateway, gateway.client() as client:
            while second.questions["/props"] == 0 or gateway.parts.catalog.context("clever") is None:
                await asyncio.sleep(0.01)
            sessions = [await client.create_session() for _ in range(3)]
            running = [asyncio.create_task(collect(client, session["id"], model="quick")) for session in sessions]
            while not all(task.done() for task in running):
                second.step()
                await asyncio.sleep(0.01)
    assert [text_of(task.result()) for task in running] == ["Two"] * 3
    assert len(second.requests) == 3


async def test_a_model_for_some_people_is_neither_shown_nor_given_to_others(tmp_path: Path) -> None:
    text = '[[group]]\nname = "team"\nusers = ["ann@example.org"]\n'
    async with ScriptedServer(Reply(("One",)), model="one") as first:
        text += servers(first=first.url) + '[[model]]\nname = "team-model"\nroutes = ["first"]\ngroups = ["team"]\n'
        text += '[[model]]\nname = "open"\nroutes = ["first/one"]\n'
        async with running_gateway(tmp_path / "data", lam_config=configured(tmp_path, text)) as gateway:
            ann, eve = await gateway.user("ann@example.org"), await gateway.user("eve@example.org")
            async with ann, eve:
                offered = [[model["name"] for model in (await one.call("GET", "/api/models"))["models"]] for one in (ann, eve)]
                session = await ann.create_session(model="team-model")
                assert text_of(await collect(ann, session["id"])) == "One"
                other = await eve.create_session()
                events = await collect(eve, other["id"])
                assert fold(events).metadata.model == "open"
                with pytest.raises(UnknownModel, match=r"You have no model 'team-model'; choose open\."):
                    await collect(eve, other["id"], model="team-model")
                for path, body in (
                    ("/api/chatbot/sessions", {"model": "team-model"}),
                    ("/api/maze/games", {"set": "small", "mode": "lam", "model": "team-model"}),
                ):
                    with pytest.raises(LamError) as refusal:
                        await eve.call("POST", path, body)
                    assert "team-model" in refusal.value.message
    assert offered == [["team-model", "open"], ["open"]]


async def test_a_reload_takes_servers_and_models_without_ending_a_run(tmp_path: Path) -> None:
    async with (
        ScriptedServer(Reply(("One", "more"), hold=True), model="one") as first,
        ScriptedServer(Reply(("Two",)), model="two") as second,
    ):
        path = configured(tmp_path, servers(first=first.url) + '[[model]]\nname = "m"\nroutes = ["first"]\n')
        bounds = Bounds(linger=0.01)
        async with running_gateway(tmp_path / "data", lam_config=path, bounds=bounds) as gateway, gateway.client() as client:
            old = gateway.parts.catalog.engines["first"]
            session, other = await client.create_session(), await client.create_session()
            running = asyncio.create_task(collect(client, session["id"]))
            while not first.requests:
                await asyncio.sleep(0.01)
            configured(tmp_path, servers(second=second.url) + '[[model]]\nname = "m"\nroutes = ["second"]\n')
            answer = await client.call("POST", "/api/admin/configuration/reload")
            assert [server["name"] for server in answer["servers"]] == ["second"]
            assert text_of(await collect(client, other["id"])) == "Two"
            while not running.done():
                first.step()
                await asyncio.sleep(0.01)
            assert text_of(running.result()) == "Onemore"
            assert isinstance(running.result()[-1], Done)
            assert isinstance(old, OpenAIHttpEngine)
            async with asyncio.timeout(60):
                while not old._client.closed:
                    await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    "mistake", ["[[server]", "unknown = 1\n", servers(first="http://127.0.0.1:1") + 'cert_file = "lam.toml"\n']
)
async def test_a_file_with_a_mistake_changes_nothing_when_it_is_read_again(tmp_path: Path, mistake: str) -> None:
    async with ScriptedServer(Reply(("One",)), model="one") as first:
        path = configured(tmp_path, servers(first=first.url))
        async with running_gateway(tmp_path / "data", lam_config=path) as gateway, gateway.client() as client:
            before = gateway.parts.catalog.engines["first"]
            configured(tmp_path, mistake)
            with pytest.raises(LamError, match=r"lam\.toml"):
                await client.call("POST", "/api/admin/configuration/reload")
            assert gateway.parts.catalog.engines["first"] is before
            session = await client.create_session()
            assert text_of(await collect(client, session["id"])) == "One"
            eve = await gateway.user("eve@example.org")
            async with eve:
                with pytest.raises(Forbidden):
                    await eve.call("POST", "/api/admin/configuration/reload")


async def test_a_continuation_goes_only_to_a_server_that_can_continue(tmp_path: Path) -> None:
    """The first server is asked and can; it dies before it answers, and the second one cannot."""
    async with (
        ScriptedServer(Reply(("Once", " upon"), fault="cut", after=1), model="one") as first,
        ScriptedServer(Reply(("Two",)), model="two", llama=False) as second,
    ):
        path = configured(tmp_path, TWO.format(first=first.url, second=second.url))
        async with running_gateway(tmp_path / "data", lam_config=path) as gateway, gateway.client() as client:
            session = await client.create_session()
            cut = await collect(client, session["id"], model="quick")
            first.reply = Reply(fault="server_error")
            reply = cut[0]
            assert isinstance(reply, Metadata)
            events = await collect(client, session["id"], None, model="quick", **{"continue": reply.assistant_message_id})
    assert isinstance(events[-1], Error)
    assert second.requests == []
