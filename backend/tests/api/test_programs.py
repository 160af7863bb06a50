"""Programs by their keys: what a key may do, budgets, and what a run of a program leaves behind."""

import asyncio
import base64
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import openai
import pytest
from openai import AsyncOpenAI
from sqlalchemy import update

from lam.errors import StorageUnavailable
from lam.storage.schema import keys
from lam.testing.server import Reply, ScriptedServer

from ..pictures import GREEN, plain
from ..ports import free_port
from ..running import Gateway, running_gateway
from ..waiting import until
from .test_returned_pictures import uri

HELLO: Any = [{"role": "user", "content": "Tell me a story"}]
SECRET_WORDS: Any = [{"role": "user", "content": "the password is swordfish"}]


async def keyed(gateway: Gateway, **fields: Any) -> AsyncOpenAI:
    """An SDK with a new key of the local account."""
    async with gateway.client() as client:
        made = await client.call("POST", "/api/keys", {"name": "program"} | fields)
    return AsyncOpenAI(base_url=f"{gateway.url}/v1", api_key=made["secret"], max_retries=0)


async def test_a_key_does_what_its_scopes_and_models_allow(gateway: Gateway) -> None:
    async with await keyed(gateway, scopes=["models"]) as lists, await keyed(gateway, models=["another"]) as other:
        assert [model.id async for model in lists.models.list()] == ["scripted"]
        with pytest.raises(openai.PermissionDeniedError) as refused:
            await lists.chat.completions.create(model="scripted", messages=HELLO)
        assert refused.value.code == "not_allowed"
        assert [model.id async for model in other.models.list()] == []
        for model in ("scripted", ""):
            with pytest.raises(openai.PermissionDeniedError):
                await other.chat.completions.create(model=model, messages=HELLO)


@pytest.mark.parametrize(
    ("header", "value"), [("x-lam-on-disconnect", "sometimes"), ("x-lam-on-disconnect", ""), ("idempotency-key", "k" * 256)]
)
@pytest.mark.parametrize(
    ("path", "asked"),
    [("chat/completions", {"messages": HELLO}), ("completions", {"prompt": "Once"}), ("messages", {"messages": HELLO})],
)
async def test_a_header_that_says_nothing_known_is_refused_by_name(
    path: str, asked: dict[str, Any], header: str, value: str, gateway: Gateway, scripted: ScriptedServer
) -> None:
    body = {"model": "scripted", "max_tokens": 8} | asked
    async with aiohttp.ClientSession() as http:
        for token, status in ((gateway.token, 400), ("lam_unknown", 401)):
            headers = {"Authorization": f"Bearer {token}", header: value}
            async with http.post(f"{gateway.url}/v1/{path}", json=body, headers=headers) as answer:
                said = await answer.json()
                assert answer.status == status, said
                assert status == 401 or header in said["error"]["message"]
        headers = {"Authorization": f"Bearer {gateway.token}", "x-lam-on-disconnect": "continue", "idempotency-key": "k" * 255}
        async with http.post(f"{gateway.url}/v1/{path}", json=body, headers=headers) as answer:
            assert answer.status == 200, await answer.text()
    assert len(scripted.requests) == 1


@pytest.mark.sse
async def test_a_key_for_certain_models_gets_no_model_that_has_no_name(tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    async with running_gateway(tmp_path / "data", llm_server_url=url) as gateway, await keyed(gateway, models=["small"]) as sdk:
        for asking in (
            sdk.chat.completions.create(model="", messages=HELLO),
            sdk.completions.create(model="", prompt="Once"),
            sdk.embeddings.create(model="", input="Once"),
        ):
            with pytest.raises(openai.PermissionDeniedError):
                await asking


async def test_an_answer_that_is_there_is_given_though_its_limits_cannot_be_read(
    gateway: Gateway, scripted: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def unavailable(*_: object) -> None:
        raise StorageUnavailable

    async with await keyed(gateway, budget={"runs": 3}) as sdk:
        monkeypatch.setattr(gateway.parts.programs, "standing", unavailable)
        assert (await sdk.chat.completions.create(model="scripted", messages=HELLO)).choices[0].message.content
        stream = await sdk.chat.completions.create(model="scripted", messages=HELLO, stream=True)
        assert [chunk async for chunk in stream]


async def test_runs_at_once_of_a_key_are_held_to_its_budget(gateway: Gateway, scripted: ScriptedServer) -> None:
    scripted.reply = Reply(("a", "b"), hold=True)
    async with await keyed(gateway, budget={"runs": 3}) as sdk:
        asking = [
            asyncio.create_task(sdk.chat.completions.create(model="scripted", messages=HELLO, max_tokens=8)) for _ in range(50)
        ]
        await until(lambda: sum(task.done() for task in asking) == 47)
        refused = [task.exception() for task in asking if task.done()]
        assert {type(error) for error in refused} == {openai.RateLimitError}
        assert {error.code for error in refused if isinstance(error, openai.RateLimitError)} == {"budget_exceeded"}
        scripted.step(6)
        answers = await asyncio.gather(*(task for task in asking if not task.done()))
        assert [answer.choices[0].message.content for answer in answers] == ["ab"] * 3
        scripted.reply = Reply()
        assert (await sdk.chat.completions.create(model="scripted", messages=HELLO)).choices


async def test_headers_and_refusals_say_what_is_left_of_a_budget(gateway: Gateway, scripted: ScriptedServer) -> None:
    async with await keyed(gateway, budget={"requests_per_minute": 2, "tokens_per_day": 10_000}) as sdk:
        answer = await sdk.chat.completions.with_raw_response.create(model="scripted", messages=HELLO, max_tokens=100)
        names = {name for name in answer.headers if name.startswith("x-ratelimit")}
        assert names == {
            f"x-ratelimit-{what}-{kind}" for what in ("limit", "remaining", "reset") for kind in ("requests", "tokens")
        }
        assert (answer.headers["x-ratelimit-limit-requests"], answer.headers["x-ratelimit-limit-tokens"]) == ("2", "10000")
        with pytest.raises(openai.RateLimitError) as refused:
            await sdk.chat.completions.create(model="scripted", messages=HELLO, max_tokens=20_000)
        headers = refused.value.response.headers
        assert headers["x-ratelimit-limit-tokens"] == "10000"
        assert (headers.get("x-should-retry") == "false") is (int(headers["retry-after"]) > 60)
        assert isinstance(refused.value.body, dict)
        assert (refused.value.body["budget"]["limit"], refused.value.body["budget"]["of"]) == ("tokens_per_day", "key")
    async with await keyed(gateway) as free:
        answer = await free.chat.completions.with_raw_response.create(model="scripted", messages=HELLO)
        assert not [name for name in answer.headers if name.startswith("x-ratelimit")]


async def test_vectors_take_from_budgets_too(gateway: Gateway, scripted: ScriptedServer) -> None:
    scripted.embeds = True
    async with await keyed(gateway, budget={"tokens_per_day": 20}) as sdk:
        for text in ("one", "two"):
            await sdk.embeddings.create(model="scripted", input=[text], encoding_format="float")
        with pytest.raises(openai.RateLimitError) as refused:
            await sdk.embeddings.create(model="scripted", input="a text of many words " * 20, encoding_format="float")
        assert refused.value.code == "budget_exceeded"
    async with gateway.parts.database.read() as unit:
        costs = await unit._connection.exec_driver_sql("SELECT prompt_tokens, completion_tokens FROM generations")
        assert [tuple(row) for row in costs] == [(1, 0), (1, 0)], "as the server counted them"
        kept = await unit._connection.exec_driver_sql("SELECT count(*) FROM reservations")
        assert kept.scalar_one() == 0


async def test_vectors_that_fail_take_nothing(gateway: Gateway, scripted: ScriptedServer) -> None:
    async with await keyed(gateway, budget={"runs": 1, "tokens_per_day": 20}) as sdk:
        for _ in range(30):
            with pytest.raises(openai.BadRequestError):
                await sdk.embeddings.create(model="scripted", input="one", encoding_format="float")


async def test_a_run_that_its_program_left_gives_its_place_back(gateway: Gateway, scripted: ScriptedServer) -> None:
    scripted.reply = Reply(("word ",) * 1000, rate=50)
    async with await keyed(gateway, budget={"runs": 1}) as sdk:
        for _ in range(3):
            stream = await sdk.chat.completions.create(model="scripted", messages=HELLO, stream=True)
            await anext(stream)
            await stream.close()
            await until(lambda: not gateway.parts.supervisor.running())


async def test_no_word_of_a_program_is_stored(gateway: Gateway, scripted: ScriptedServer, tmp_path: Path) -> None:
    scripted.reply = Reply(("the ", "secret"), hold=True)
    async with await keyed(gateway) as sdk:
        headers = {"idempotency-key": "pike-and-perch"}
        asking = asyncio.create_task(sdk.chat.completions.create(model="scripted", messages=SECRET_WORDS, extra_headers=headers))
        await scripted.arrival()
        stored = b"".join(path.read_bytes() for path in (tmp_path / "data").rglob("*") if path.is_file())
        assert b"swordfish" not in stored
        assert b"pike-and-perch" not in stored
        scripted.step(2)
        await asking
    async with gateway.parts.database.read() as unit:
        for table in ("runs", "checkpoints", "messages", "sessions", "reservations"):
            rows = await unit._connection.exec_driver_sql(f"SELECT count(*) FROM {table}")
            assert rows.scalar_one() == 0, table
        costs = await unit._connection.exec_driver_sql("SELECT kind, status, total_ms, key_id FROM generations")
        assert [(row.kind, row.status, row.key_id) for row in costs] == [("api", "complete", 1)]


async def test_a_program_that_died_in_the_middle_of_its_request_starts_nothing(gateway: Gateway, scripted: ScriptedServer) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", int(gateway.url.rsplit(":", 1)[1]))
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {gateway.token}\r\nContent-Length: 9999\r\n\r\n"
    writer.write(head.encode() + b'{"messages": [')
    await writer.drain()
    writer.close()
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {gateway.token}"}) as http:
        async with http.get(f"{gateway.url}/v1/models") as answer:
            assert answer.status == 200
    assert scripted.requests == []
    assert gateway.parts.supervisor.running() == []
    assert reader is not None


@pytest.mark.parametrize("way", ["revoked", "expired"])
@pytest.mark.parametrize("begun", [True, False])
@pytest.mark.parametrize("stream", [True, False])
async def test_the_end_of_a_key_ends_its_replies_with_an_error(
    gateway: Gateway, scripted: ScriptedServer, way: str, begun: bool, stream: bool
) -> None:
    scripted.reply = Reply(("a", "b"), hold=True)
    async with gateway.client() as client:
        ends = (datetime.now(UTC) + timedelta(hours=1)).isoformat() if way == "expired" else None
        made = await client.call("POST", "/api/keys", {"name": "short", "expires_at": ends})
        async with AsyncOpenAI(base_url=f"{gateway.url}/v1", api_key=made["secret"], max_retries=0) as sdk:
            asking = asyncio.create_task(_asked(sdk, stream=stream))
            await scripted.arrival()
            if begun:
                scripted.step(1)
                await until(lambda: any(run.snapshot.text for run in gateway.parts.supervisor.running()))
            if way == "revoked":
                await client.call("DELETE", f"/api/keys/{made['key']['id']}")
            else:
                async with gateway.parts.database.write() as unit:
                    ended = update(keys).where(keys.c.id == made["key"]["id"]).values(expires_at=datetime.now(UTC))
                    await unit._connection.execute(ended)
            async with asyncio.timeout(60):
                text, error = await asking
        assert text == ("a" if begun and stream else "")
        assert error.code == "invalid_api_key"
        await until(lambda: not gateway.parts.supervisor.running())


async def _asked(sdk: AsyncOpenAI, *, stream: bool) -> tuple[str, openai.APIError]:
    """The text that came, and the error behind it."""
    text = ""
    try:
        if not stream:
            await sdk.chat.completions.create(model="scripted", messages=HELLO)
        async for chunk in await sdk.chat.completions.create(model="scripted", messages=HELLO, stream=True):
            text += chunk.choices[0].delta.content or ""
    except openai.APIError as error:
        return text, error
    raise AssertionError(f"{text!r} came without an error")


@pytest.mark.parametrize("stream", [True, False])
async def test_a_program_gets_the_pictures_that_a_model_returns(
    gateway: Gateway, scripted: ScriptedServer, tmp_path: Path, stream: bool
) -> None:
    scripted.reply = Reply(("Here: ", uri(plain()), "!", uri(b"no picture"), uri(plain(colour=GREEN))))
    async with await keyed(gateway) as sdk:
        asked: Any = {"model": "scripted", "messages": HELLO, "modalities": ["text", "image"]}
        if stream:
            deltas = [chunk.choices[0].delta async for chunk in await sdk.chat.completions.create(**asked, stream=True)]
            text = "".join(delta.content or "" for delta in deltas)
            images: Any = [image for delta in deltas for image in (delta.model_extra or {}).get("images", ())]
        else:
            message = (await sdk.chat.completions.create(**asked)).choices[0].message
            text, images = message.content or "", (message.model_extra or {})["images"]
        assert text == "Here: !"
        assert [(image["index"], image["type"]) for image in images] == [(0, "image_url"), (1, "image_url")]
        for image in images:
            kind, _, data = image["image_url"]["url"].partition(";base64,")
            assert kind.startswith("data:image/")
            assert base64.b64decode(data)
    assert scripted.requests[0].body["modalities"] == ["text", "image"]
    async with gateway.parts.database.read() as unit:
        assert (await unit._connection.exec_driver_sql("SELECT count(*) FROM media")).scalar_one() == 0


async def test_metrics_show_each_budget_and_what_is_used_of_it(gateway: Gateway, scripted: ScriptedServer) -> None:
    scripted.reply = Reply(("a",) * 4)

    async def shown() -> dict[str, float]:
        async with aiohttp.ClientSession() as http, http.get(f"{gateway.url}/metrics") as answer:
            lines = [line for line in (await answer.text()).splitlines() if line.startswith("lam_budget_") and "owner=" in line]
        return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines}

    async with await keyed(gateway, budget={"tokens_per_day": 1000, "runs": 2}) as sdk, await keyed(gateway) as free:
        assert await shown() == {}
        scripted.reply = Reply(("a", "b"), hold=True)
        asking = asyncio.create_task(sdk.chat.completions.create(model="scripted", messages=HELLO, max_tokens=100))
        await scripted.arrival()
        during = await shown()
        assert during['lam_budget_allowed{limit="tokens_per_day",owner="key:1"}'] == 1000
        assert during['lam_budget_used{limit="tokens_per_day",owner="key:1"}'] > 100
        assert during['lam_budget_used{limit="runs",owner="key:1"}'] == 1
        scripted.step(2)
        usage = (await asking).usage
        assert usage
        scripted.reply = Reply()
        await free.chat.completions.create(model="scripted", messages=HELLO)
        after = await shown()
        assert after['lam_budget_used{limit="tokens_per_day",owner="key:1"}'] == usage.total_tokens
        assert after['lam_budget_used{limit="runs",owner="key:1"}'] == 0
        assert not [name for name in after if "key:2" in name]


@pytest.mark.parametrize("limit", ["requests_per_minute", "tokens_per_minute", "tokens_per_day", "runs"])
async def test_a_budget_into_which_nothing_fits_is_not_asked_again(gateway: Gateway, limit: str) -> None:
    async with await keyed(gateway, budget={limit: 0}) as sdk:
        with pytest.raises(openai.RateLimitError, match="ask for a larger budget") as refused:
            await sdk.chat.completions.create(model="scripted", messages=HELLO)
        assert refused.value.response.headers["x-should-retry"] == "false"
        assert ("shorter" in str(refused.value)) is limit.startswith("tokens")


@pytest.mark.parametrize("form", ["openai", "anthropic"])
async def test_a_model_gets_its_thoughts_back_while_its_calls_are_answered(
    gateway: Gateway, scripted: ScriptedServer, form: str
) -> None:
    turns: Any
    if form == "openai":
        call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
        called = {"role": "assistant", "content": "", "tool_calls": [call], "reasoning_content": "Hm."}
        turns = [*HELLO, called, {"role": "tool", "tool_call_id": "c", "content": "4"}]
        path = "/v1/chat/completions"
    else:
        thought = {"type": "thinking", "thinking": "Hm.", "signature": ""}
        called = {"role": "assistant", "content": [thought, {"type": "tool_use", "id": "c", "name": "f", "input": {}}]}
        result = {"type": "tool_result", "tool_use_id": "c", "content": "4"}
        path, turns = "/v1/messages", [*HELLO, called, {"role": "user", "content": [result]}]
    async with gateway.client() as client:
        await client.call("POST", path, {"model": "scripted", "max_tokens": 50, "messages": turns})
    sent = scripted.requests[0].body["messages"]
    assert [message.get("reasoning_content") for message in sent] == [None, "Hm.", None]
