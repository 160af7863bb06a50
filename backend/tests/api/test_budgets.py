"""Budgets of accounts at a gateway: each kind of run reserves and settles, and everybody sees what is left."""

import asyncio
import signal
from pathlib import Path
from typing import Any

import pytest

from lam.client.client import Client
from lam.errors import BudgetExceeded, ConfigError, Forbidden, Invalid, NotFound
from lam.protocol.events import Chunk, Done, Metadata
from lam.storage.database import Database
from lam.testing.server import Reply, ScriptedServer

from .. import databases
from ..running import Gateway, collect, gateway_process, raw_stream, running_gateway
from ..waiting import until

LOCAL = "/api/admin/users/1/budget"


def obedient(body: dict[str, Any]) -> Reply:
    """A reply that is as long as it may be."""
    return Reply(("word ",) * body["max_tokens"], finish_reason="length", prompt_tokens=3)


async def day(client: Client) -> tuple[int, int]:
    """Returns what is used of the account's day, and what is left."""
    (budget,) = await client.call("GET", "/api/budgets")
    (bar,) = [bar for bar in budget["limits"] if bar["limit"] == "tokens_per_day"]
    return bar["used"], bar["left"]


async def test_fifty_replies_at_once_stay_within_the_day_to_the_token(gateway: Gateway, scripted: ScriptedServer) -> None:
    scripted.reply = obedient
    async with gateway.client() as client:
        await client.call("PUT", LOCAL, {"tokens_per_day": 2000})
        sessions = [(await client.create_session(max_tokens=150))["id"] for _ in range(50)]

        async def ask(session: int) -> int:
            try:
                done = (await collect(client, session))[-1]
            except BudgetExceeded:
                return 0
            assert isinstance(done, Done)
            assert done.usage is not None
            return done.usage.total_tokens

        used = await asyncio.gather(*map(ask, sessions))
        assert used.count(0) > 0
        assert sum(used) <= 2000
        assert await day(client) == (sum(used), 2000 - sum(used))
        (row,) = (await client.call("GET", "/api/usage"))["days"]
        assert row["prompt_tokens"] + row["completion_tokens"] == sum(used)


async def test_a_reply_is_shortened_to_what_is_left_and_refused_below_64_tokens(gateway: Gateway, scripted: ScriptedServer) -> None:
    scripted.reply = obedient
    async with gateway.client() as client:
        session = (await client.create_session())["id"]
        await client.call("PUT", LOCAL, {"tokens_per_day": 200})
        await collect(client, session, "Hi")
        length = scripted.requests[-1].body["max_tokens"]
        assert 150 < length < 200
        assert await day(client) == (length + 3, 200 - length - 3)
        with pytest.raises(BudgetExceeded) as refused:
            await collect(client, session, "Hi again")
        assert len(scripted.requests) == 1
        assert refused.value.retry_after > 0
        assert [message["content"][:3] for message in await messages(client, session)] == ["Hi", "wor"], "nothing of it is stored"
        async with client._http.post(
            f"{gateway.url}/api/chatbot/messages", json={"session_id": session, "content": "Hi again"}
        ) as response:
            assert response.status == 429
            answer = await response.json()
            assert int(response.headers["Retry-After"]) > 0
        assert (answer["code"], answer["budget"]["of"], answer["budget"]["limit"]) == ("budget_exceeded", "user", "tokens_per_day")
        assert answer["budget"]["left"] == 200 - length - 3 < answer["budget"]["needed"]
        assert answer["budget"]["renews_at"].endswith("T00:00:00Z")


async def test_a_stopped_reply_costs_an_estimate_of_what_came_and_one_that_never_began_nothing(
    gateway: Gateway, scripted: ScriptedServer
) -> None:
    async with gateway.client() as client:
        session = (await client.create_session())["id"]
        await client.call("PUT", LOCAL, {"tokens_per_day": 5000, "runs": 1})
        scripted.reply = Reply(("word ",) * 9, after=5, fault="silent")
        async with raw_stream(client, session) as stream:
            await stream.until(Chunk)
            await until(lambda: scripted.requests and scripted.requests[0].sent >= 5)
            assert (await day(client))[0] > 2048, "all that it may use is reserved"
            other = (await client.create_session())["id"]
            with pytest.raises(BudgetExceeded):
                await collect(client, other)
            await client.stop((await client.call("GET", f"/api/chatbot/sessions/{session}/stream"))["stream_id"])
            await stream.rest()
        used, _ = await day(client)
        assert 5 <= used < 100
        scripted.reply = Reply(fault="bad_request")
        await collect(client, other)
        assert (await day(client))[0] == used


async def test_whoever_stops_a_run_before_its_first_token_pays_for_the_prompt_once_it_had_a_place(
    scripted: ScriptedServer, tmp_path: Path
) -> None:
    async with running_gateway(tmp_path / "data", llm_server_url=scripted.url, llm_slots=1) as gateway, gateway.client() as client:
        await client.call("PUT", LOCAL, {"tokens_per_day": 50_000})
        sessions = [(await client.create_session())["id"] for _ in range(2)]
        scripted.reply = Reply(("late",), hold=True)
        async with (
            raw_stream(client, sessions[0], "word " * 1000) as reading,
            raw_stream(client, sessions[1], "word " * 1000) as queued,
        ):
            await until(lambda: scripted.requests)
            await queued.until(Metadata)
            for session, stream in ((sessions[1], queued), (sessions[0], reading)):
                await client.stop((await client.call("GET", f"/api/chatbot/sessions/{session}/stream"))["stream_id"])
                await stream.rest()
        assert 1000 < (await day(client))[0] < 2500, "the prompt of the one that had the place"


async def test_a_killed_gateway_gives_nothing_away_and_keeps_no_place(scripted: ScriptedServer, tmp_path: Path) -> None:
    data = tmp_path / "data"
    database = Database(databases.url_for(data))
    async with gateway_process(data, llm_server_url=scripted.url) as (process, gateway), gateway.client() as client:
        await client.call("PUT", LOCAL, {"tokens_per_day": 5000, "runs": 1, "requests_per_minute": 100})
        scripted.reply = Reply(("some ", "words ") * 20, rate=0)
        await collect(client, (await client.create_session())["id"])
        used, _ = await day(client)
        assert used == 50
        scripted.reply = Reply(("some ", "words ") * 20 + ("end",), after=40, fault="silent")
        async with raw_stream(client, (await client.create_session())["id"]) as stream:
            first = await stream.until(Metadata)
            assert isinstance(first, Metadata)
            await until(lambda: len(scripted.requests) > 1 and scripted.requests[1].sent >= 40)
            await until(lambda: stored(database, first.stream_id or ""))
            process.send_signal(signal.SIGKILL)
            await process.wait()
    async with gateway_process(data, llm_server_url=scripted.url) as (_, gateway), gateway.client() as client:
        after, _ = await day(client)
        assert used + 40 <= after < 2000, "what was shown counts, and no more than an estimate of it"
        scripted.reply = Reply()
        assert isinstance((await collect(client, (await client.create_session())["id"]))[-1], Done)
    await database.close()


async def stored(database: Database, run_id: str) -> bool:
    """Whether the 40 words that came are in the database."""
    async with database.read() as unit:
        events = await unit.runs.progress(run_id)
    return "".join(event.content for event in events if isinstance(event, Chunk)).count(" ") == 40


async def messages(client: Client, session: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = await client.call("GET", f"/api/chatbot/sessions/{session}/messages")
    return found


async def test_hints_cells_and_titles_use_the_budget_as_well(scripted: ScriptedServer, tmp_path: Path) -> None:
    async with (
        running_gateway(tmp_path / "data", llm_server_url=scripted.url, lam_titles=True) as gateway,
        gateway.client() as client,
    ):
        await client.call("PUT", LOCAL, {"tokens_per_day": 100_000})
        game = (await client.call("POST", "/api/maze/games", {"mode": "manual", "seed": 1}))["id"]
        await client.call("POST", f"/api/maze/games/{game}/hint", {})
        await until(lambda: settled(client, 14))
        await collect(client, (await client.create_session())["id"])
        await until(lambda: settled(client, 14 * 3))  # the reply and its title
        tasks = await client.call("POST", "/api/lab/sets", {"title": "T", "cases": [{"input": "a"}, {"input": "b"}]})
        await client.call("POST", "/api/lab/runs", {"set_id": tasks["id"], "templates": [{"title": "T", "content": "x"}]})
        await until(lambda: settled(client, 14 * 5))


async def settled(client: Client, tokens: int) -> bool:
    return (await day(client))[0] == tokens


async def test_a_waiting_message_is_held_while_the_days_budget_is_used_up(gateway: Gateway, scripted: ScriptedServer) -> None:
    scripted.reply = Reply(hold=True)
    async with gateway.client() as client:
        session = (await client.create_session())["id"]
        async with raw_stream(client, session) as stream:
            await client.call("POST", f"/api/chatbot/sessions/{session}/waiting", {"content": "Next"})
            await client.call("PUT", LOCAL, {"tokens_per_day": 1})
            for _ in range(4):
                scripted.step()
            await stream.rest()

        async def held() -> Any:
            (message,) = await client.call("GET", f"/api/chatbot/sessions/{session}/waiting")
            return message["held"]

        await until(held)
        assert "tokens a day" in (await held())["message"]


async def test_only_an_admin_gives_accounts_budgets(gateway: Gateway) -> None:
    async with gateway.client() as admin, await gateway.user("someone@example.org") as someone:
        for method, body in (("GET", None), ("PUT", {"runs": 9}), ("DELETE", None)):
            with pytest.raises(Forbidden):
                await someone.call(method, "/api/admin/users/2/budget", body)
            with pytest.raises(NotFound):
                await admin.call(method, "/api/admin/users/99/budget", body)
        with pytest.raises(Invalid):
            await admin.call("PUT", "/api/admin/users/2/budget", {"runs": "many"})
        await admin.call("PUT", "/api/admin/users/2/budget", {"runs": 3})
        (budget,) = await someone.call("GET", "/api/budgets")
        assert budget["limits"] == [{"limit": "runs", "allowed": 3, "used": 0, "left": 3, "renews_at": None}]
        answer = await admin.call("GET", "/api/admin/users/2/budget")
        assert (answer["own"]["runs"], answer["budgets"]) == (3, [budget])
        await admin.call("DELETE", "/api/admin/users/2/budget")
        assert await someone.call("GET", "/api/budgets") == []
        assert (await admin.call("GET", "/api/admin/users/2/budget"))["own"] is None


async def test_the_configuration_limits_accounts_and_groups_and_a_reload_changes_it(
    scripted: ScriptedServer, tmp_path: Path
) -> None:
    path = tmp_path / "lam.toml"
    group = '[[group]]\nname = "team"\nusers = ["Someone@example.org"]\nbudget = { tokens_per_day = 500 }\n'
    path.write_text(f"[budget.user]\nruns = 2\n{group}")
    async with (
        running_gateway(tmp_path / "data", llm_server_url=scripted.url, lam_config=path) as gateway,
        gateway.client() as admin,
        await gateway.user("someone@example.org") as someone,
    ):
        found = await someone.call("GET", "/api/budgets")
        assert [(one["of"], one["name"], one["limits"][0]["left"]) for one in found] == [("group", "team", 500), ("user", None, 2)]
        assert [one["of"] for one in await admin.call("GET", "/api/budgets")] == ["user"]
        path.write_text(f"[budget.key]\nruns = 1\n{group.replace('500', '0')}")
        await gateway.parts.configured.reload()
        assert await admin.call("GET", "/api/budgets") == []
        with pytest.raises(BudgetExceeded, match="team"):
            await collect(someone, (await someone.create_session())["id"])
        await collect(admin, (await admin.create_session())["id"])
        path.write_text("[budget.user]\ntokens_per_week = 2\n")
        with pytest.raises(ConfigError, match="tokens_per_week"):
            await gateway.parts.configured.reload()


async def test_a_key_shows_its_own_budget(gateway: Gateway) -> None:
    async with gateway.client() as client:
        body = {"name": "Notebook", "budget": {"tokens_per_day": 100}}
        made = await client.call("POST", "/api/keys", body)
        assert made["key"]["budgets"][0]["limits"][0]["left"] == 100
        path = f"/api/keys/{made['key']['id']}/budget"
        await client.call("PUT", path, {"tokens_per_day": 50, "runs": 2})
        (key,) = await client.call("GET", "/api/keys")
        assert [bar["left"] for bar in key["budgets"][0]["limits"]] == [50, 2]
        await client.call("PUT", path, {})
        (key,) = await client.call("GET", "/api/keys")
        assert key["budgets"] == []
