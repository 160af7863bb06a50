"""What generations cost, told to whom it concerns, and the metrics."""

import csv
import io
import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from lam.client.client import Client
from lam.errors import BudgetExceeded, Forbidden, Invalid
from lam.protocol.events import Metadata, Usage
from lam.protocol.facts import Facts
from lam.protocol.outcome import Outcome
from lam.storage.costs import cost_of
from lam.testing.server import Reply, ScriptedServer

from ..running import Gateway, collect, raw_stream, running_gateway
from ..together import enter, link, members_of, person
from ..waiting import early_in_a_minute


async def metrics(gateway: Gateway, **headers: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as http, http.get(gateway.url + "/metrics", headers=headers) as response:
        return response.status, await response.text()


async def test_usage_is_summed_per_day_session_and_model(gateway: Gateway, scripted: ScriptedServer) -> None:
    async with gateway.client() as client, await gateway.user("other@example.org") as other:
        one = (await client.create_session(title="One"))["id"]
        two = (await client.create_session(title="Two"))["id"]
        await collect(client, one)
        await collect(client, one)
        scripted.reply = Reply(("a",) * 10)
        await collect(client, two)
        scripted.reply = Reply(fault="server_error")
        await collect(client, two)
        scripted.reply = Reply(("a", "b"), hold=True)
        async with raw_stream(client, two) as stream:
            first = await stream.until(Metadata)
            assert isinstance(first, Metadata)
            await client.stop(first.stream_id or "")
            await stream.rest()
        scripted.reply = Reply()
        await collect(other, (await other.create_session())["id"], model="scripted")
        usage = await client.call("GET", "/api/usage")
        total = usage["total"]
        assert (total["generations"], total["complete"], total["failed"], total["cancelled"], total["metered"]) == (5, 3, 1, 1, 3)
        assert total["completion_tokens"] == 4 + 4 + 10
        assert total["first_token_ms"] >= 0
        assert total["tokens_per_second"] == 50
        today = datetime.now(UTC).date()
        assert usage["last"] == today.isoformat()
        assert sum(day["generations"] for day in usage["days"]) == 5
        assert {row["title"]: row["completion_tokens"] for row in usage["sessions"]} == {"One": 8, "Two": 10}
        assert sum(row["generations"] for row in usage["models"]) == 5
        assert usage["users"] is None
        long_ago = {"first": (today - timedelta(9)).isoformat(), "last": (today - timedelta(3)).isoformat()}
        assert (await client.call("GET", "/api/usage", **long_ago))["total"]["generations"] == 0
        await client.call("DELETE", f"/api/chatbot/sessions/{one}")
        assert (await client.call("GET", "/api/usage"))["total"] == total, "what was spent stays spent"


async def test_usage_is_told_by_key_and_as_a_table_for_spreadsheets(gateway: Gateway, scripted: ScriptedServer) -> None:
    scripted.reply = Reply(after=2, fault="cut")
    async with gateway.client() as admin, await gateway.user("user@example.org") as user:
        await collect(user, (await user.create_session())["id"])
        owner = (await user.call("GET", "/api/auth/me"))["id"]
        key = (await user.call("POST", "/api/keys", {"name": "=Notebook"}))["key"]
        outcome = Outcome(status="complete", facts=Facts(model="tiny", usage=Usage(7, 3, 10)))
        async with gateway.parts.database.write() as unit:
            await unit.costs.add(cost_of(outcome, owner, None, "api", datetime.now(UTC), key_id=key["id"]))
            await unit.keys.touch(key["id"], datetime.now(UTC))
        await user.call("DELETE", f"/api/keys/{key['id']}")
        usage = await user.call("GET", "/api/usage")
        assert [(row["key_id"], row["name"], row["prompt_tokens"]) for row in usage["keys"]] == [(key["id"], "=Notebook", 7)]
        assert (usage["total"]["metered"], usage["total"]["estimated"]) == (2, 1)
        for query, runs in (({"key_id": key["id"]}, 1), ({"key_id": 0}, 1), ({"model": "tiny"}, 1), ({"model": "no"}, 0)):
            assert (await user.call("GET", "/api/usage", **query))["total"]["generations"] == runs
            assert (await admin.call("GET", "/api/usage", everybody="true", **query))["total"]["generations"] == runs
        assert (await admin.call("GET", "/api/usage", key_id=key["id"]))["total"]["generations"] == 0, "another's key names nothing"
        assert (await admin.call("GET", "/api/usage", user_id=owner))["total"]["generations"] == 2
        table = await export(admin, everybody="true")
        assert (await export(user)) == table
        today = datetime.now(UTC).date().isoformat()
        assert [row for row in table if row["key"]] == [
            {
                "day": today,
                "user": "user@example.org",
                "key": "'=Notebook",
                "key_id": str(key["id"]),
                "model": "tiny",
                "kind": "api",
                "runs": "1",
                "complete": "1",
                "cancelled": "0",
                "interrupted": "0",
                "failed": "0",
                "metered": "1",
                "estimated": "0",
                "prompt_tokens": "7",
                "completion_tokens": "3",
                "cached_tokens": "0",
            }
        ]
        for query in ({"everybody": "true"}, {"user_id": 1}):
            with pytest.raises(Forbidden):
                await user.call("GET", "/api/usage", **query)
            with pytest.raises(Forbidden):
                await user.call("GET", "/api/usage/export", **query)


async def test_a_table_that_would_be_cut_is_refused(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    outcome = Outcome(status="complete", facts=Facts(model="tiny", usage=Usage(7, 3, 10)))
    async with gateway.client() as client:
        me = (await client.call("GET", "/api/auth/me"))["id"]
        async with gateway.parts.database.write() as unit:
            for kind in ("api", "chat"):
                await unit.costs.add(cost_of(outcome, me, None, kind, datetime.now(UTC)))
        monkeypatch.setattr("lam.chat.usage.MOST_LINES", 2)
        assert len(await export(client)) == 2
        monkeypatch.setattr("lam.chat.usage.MOST_LINES", 1)
        async with client._http.get(f"{client.url}/api/usage/export") as response:
            assert response.status == 422
            assert "fewer days" in (await response.json())["detail"]


async def export(client: Client, **query: Any) -> list[dict[str, str]]:
    async with client._http.get(f"{client.url}/api/usage/export", params=query) as response:
        assert (response.status, response.content_type) == (200, "text/csv")
        return list(csv.DictReader(io.StringIO(await response.text())))


@pytest.mark.parametrize(
    "query",
    [
        {"key_id": -1},
        {"user_id": 0},
        {"first": "2026-02-01", "last": "2026-01-01"},
        {"first": "0001-01-01"},
        {"first": "2026-01-01", "last": "0001-01-05"},
        {"last": "9999-12-31"},
        {"first": "tomorrow"},
    ],
)
async def test_a_span_that_is_none_is_an_error(query: dict[str, str], gateway: Gateway) -> None:
    async with gateway.client() as client:
        with pytest.raises(Invalid):
            await client.call("GET", "/api/usage", **query)


async def test_the_titles_of_usage_are_those_of_sessions_that_one_may_still_read(gateway: Gateway) -> None:
    async with person(gateway, "ana") as ana, person(gateway, "ben") as ben:
        session = (await ana.call("POST", "/api/chatbot/sessions", {"title": "Ours"}))["id"]
        await enter(ben, await link(ana, session, "steer"))
        await ben.call("POST", "/api/chatbot/messages", {"session_id": session, "content": "hi"})
        assert [row["title"] for row in (await ben.call("GET", "/api/usage"))["sessions"]] == ["Ours"]
        ben_id = (await members_of(ana, session))["ben"]["user_id"]
        await ana.call("DELETE", f"/api/chatbot/sessions/{session}/members/{ben_id}")
        await ana.call("PATCH", f"/api/chatbot/sessions/{session}", {"title": "About Ben"})
        usage = await ben.call("GET", "/api/usage")
        assert (usage["sessions"], usage["total"]["generations"]) == ([], 1)


async def test_everybodys_usage_is_for_an_admin(gateway: Gateway) -> None:
    async with gateway.client() as admin, await gateway.user("first@example.org") as user:
        await collect(user, (await user.create_session())["id"])
        await collect(admin, (await admin.create_session())["id"])
        assert (await user.call("GET", "/api/auth/me"))["is_admin"] is False, "nobody becomes admin by registering first"
        with pytest.raises(Forbidden):
            await user.call("GET", "/api/usage", everybody="true")
        everybody = await admin.call("GET", "/api/usage", everybody="true")
        assert {row["email"]: row["generations"] for row in everybody["users"]} == {"first@example.org": 1, "local": 1}
        assert (everybody["total"]["generations"], everybody["sessions"]) == (2, [])
        async with gateway.parts.database.write() as unit:
            found = await unit.users.by_email("first@example.org")
            assert found is not None
            await unit.users.set_admin(found.id, is_admin=True)
        assert (await user.call("GET", "/api/usage", everybody="true"))["total"]["generations"] == 2


async def test_metrics_tell_what_goes_on(gateway: Gateway, scripted: ScriptedServer) -> None:
    scripted.reply = Reply(("a", "b"), hold=True)
    async with gateway.client() as client:
        session = (await client.create_session())["id"]
        async with raw_stream(client, session) as stream:
            await stream.until(Metadata)
            status, text = await metrics(gateway)
            assert status == 200
            assert "lam_generations_running 1.0" in text
            assert "lam_open_streams 1.0" in text
            scripted.step(2)
            await stream.rest()
    _, text = await metrics(gateway)
    for line in (
        'lam_generations_total{outcome="complete"} 1.0',
        "lam_first_token_seconds_count 1.0",
        "lam_tokens_per_second_sum 50.0",
        "lam_queue_length 0.0",
        "lam_event_loop_lag_seconds_count",
    ):
        assert line in text


async def test_the_dashboard_asks_for_metrics_that_there_are(gateway: Gateway) -> None:
    _, text = await metrics(gateway)
    dashboard = json.loads((Path(__file__).resolve().parents[3] / "contracts" / "grafana.json").read_text())
    queries = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    asked = {name.removesuffix("_bucket") for query in queries for name in re.findall(r"lam_\w+", query)}
    assert len(asked) > 10
    assert {name for name in asked if f"# TYPE {name} " not in text} == set()


async def test_a_refusal_and_a_reservation_are_counted(gateway: Gateway) -> None:
    async with gateway.client() as client:
        await client.call("PUT", "/api/admin/users/1/budget", {"requests_per_minute": 1, "tokens_per_day": 5000})
        session = (await client.create_session(max_tokens=100))["id"]
        await early_in_a_minute()
        await collect(client, session, "Hi")
        with pytest.raises(BudgetExceeded):
            await collect(client, session, "Hi")
    _, text = await metrics(gateway)
    assert 'lam_budget_refusals_total{limit="requests_per_minute",of="user"} 1.0' in text
    assert 'lam_model_tokens_total{kind="completion",model="scripted"} 4.0' in text
    assert re.search(r'lam_budget_reserved_tokens_total\{of="user"\} 1\d\d.0', text)


@pytest.mark.parametrize(
    ("settings", "headers", "status"),
    [
        ({}, {}, 200),
        ({}, {"X-Forwarded-For": "203.0.113.7"}, 404),
        ({"lam_public_url": "https://chat.example.org"}, {}, 404),
        ({"lam_host": "0.0.0.0"}, {}, 404),
        ({"lam_metrics": "off"}, {}, 404),
        ({"lam_metrics": "on", "lam_host": "0.0.0.0"}, {"X-Forwarded-For": "203.0.113.7"}, 200),
    ],
)
async def test_metrics_are_for_this_machine_unless_said_otherwise(
    settings: dict[str, Any], headers: dict[str, str], status: int, scripted: ScriptedServer, tmp_path: Path
) -> None:
    async with running_gateway(tmp_path / "data", llm_server_url=scripted.url, **settings) as gateway:
        assert (await metrics(gateway, **headers))[0] == status
