"""Anthropic's own SDK against a real gateway, in front of the scripted server."""

import asyncio
import base64
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import anthropic
import pytest
from anthropic import AsyncAnthropic

from lam.testing.server import Reply, ScriptedServer

from ..pictures import GREEN, plain
from ..running import Gateway

ASKED: Any = {"model": "scripted", "max_tokens": 50, "messages": [{"role": "user", "content": "Tell me a story"}]}


@pytest.fixture
async def sdk(gateway: Gateway) -> AsyncIterator[AsyncAnthropic]:
    async with AsyncAnthropic(base_url=gateway.url, api_key=gateway.token, max_retries=0) as client:
        yield client


async def test_a_key_may_stand_in_either_header(gateway: Gateway) -> None:
    async with AsyncAnthropic(base_url=gateway.url, auth_token=gateway.token) as client:
        assert (await client.messages.create(**ASKED)).content[0].text == "Once upon a time"


async def test_thoughts_come_to_who_asks_for_them(sdk: AsyncAnthropic, scripted: ScriptedServer) -> None:
    scripted.reply = Reply(("Yes",), thinking=("Hm", "."))
    plain = await sdk.messages.create(**ASKED)
    assert [block.type for block in plain.content] == ["text"]
    async with sdk.messages.stream(**ASKED, thinking={"type": "enabled", "budget_tokens": 1024}) as stream:
        thoughtful = await stream.get_final_message()
    assert [block.type for block in thoughtful.content] == ["thinking", "text"]
    assert thoughtful.content[0].thinking == "Hm."
    assert scripted.requests[-1].body["thinking_budget_tokens"] == 1024


async def test_a_reply_goes_on_where_the_assistant_began(sdk: AsyncAnthropic, scripted: ScriptedServer) -> None:
    turns = [*ASKED["messages"], {"role": "assistant", "content": "Once"}]
    await sdk.messages.create(**ASKED | {"messages": turns})
    assert scripted.requests[-1].body["messages"][-1] == {"role": "assistant", "content": "Once"}


async def test_a_reply_is_found_by_its_id_whatever_its_format(gateway: Gateway, sdk: AsyncAnthropic) -> None:
    reply = await sdk.messages.create(**ASKED)
    [block] = reply.content
    assert block.type == "text"
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {gateway.token}"}) as http:
        async with http.get(f"{gateway.url}/v1/chat/completions/{reply.id}") as answer:
            assert answer.status == 200, await answer.text()
            assert (await answer.json())["choices"][0]["message"]["content"] == block.text


async def test_the_models_are_listed_in_anthropics_form(sdk: AsyncAnthropic) -> None:
    assert [model.display_name async for model in sdk.models.list()] == ["scripted"]
    assert (await sdk.models.retrieve("scripted")).type == "model"
    with pytest.raises(anthropic.NotFoundError):
        await sdk.models.retrieve("claude-sonnet-4")


async def test_counting_starts_no_run(sdk: AsyncAnthropic, scripted: ScriptedServer) -> None:
    tools: Any = [{"name": "f", "input_schema": {"type": "object"}}]
    short = await sdk.messages.count_tokens(model="scripted", messages=ASKED["messages"])
    longer = await sdk.messages.count_tokens(model="scripted", messages=ASKED["messages"], tools=tools)
    assert 0 < short.input_tokens < longer.input_tokens
    source = {"type": "base64", "media_type": "image/png", "data": base64.b64encode(plain(GREEN, (600, 600))).decode()}
    seen: Any = [{"role": "user", "content": [{"type": "image", "source": source}, {"type": "text", "text": "hi"}]}]
    unseen: Any = [{"role": "user", "content": "hi"}]
    counts = [(await sdk.messages.count_tokens(model="scripted", messages=each)).input_tokens for each in (unseen, seen)]
    assert counts[1] - counts[0] > 100, "a picture takes room"
    assert scripted.requests == []


@pytest.mark.sse
async def test_the_models_server_counts_where_it_has_a_tokenizer(sdk: AsyncAnthropic, scripted: ScriptedServer) -> None:
    words: Any = [{"role": "user", "content": "one two three four"}]
    counted = await sdk.messages.count_tokens(model="scripted", messages=words)
    assert counted.input_tokens == len(["<user>", "one", "two", "three", "four", "</s>"])
    assert scripted.requests == []


async def test_refusals_raise_what_the_sdk_has_for_them(gateway: Gateway, sdk: AsyncAnthropic) -> None:
    with pytest.raises(anthropic.NotFoundError) as unknown:
        await sdk.messages.create(**ASKED | {"model": "claude-sonnet-4"})
    assert unknown.value.type == "not_found_error"
    assert unknown.value.request_id
    with pytest.raises(anthropic.BadRequestError, match=r"tools\.0"):
        await sdk.messages.create(**ASKED, tools=[{"type": "web_search_20250305", "name": "web_search"}])
    async with AsyncAnthropic(base_url=gateway.url, api_key="sk-nothing", max_retries=0) as stranger:
        with pytest.raises(anthropic.AuthenticationError):
            await stranger.messages.create(**ASKED)


@pytest.mark.parametrize("stream", [False, True])
async def test_the_sdk_does_not_ask_again_after_a_run_began(gateway: Gateway, scripted: ScriptedServer, stream: bool) -> None:
    scripted.reply = Reply(fault="bad_request")
    async with AsyncAnthropic(base_url=gateway.url, api_key=gateway.token) as client:
        with pytest.raises(anthropic.APIStatusError) as failed:
            await client.messages.create(**ASKED, stream=stream)
    assert failed.value.response.headers["x-should-retry"] == "false"
    assert len({request.id for request in scripted.requests}) == len(scripted.requests) <= 2


async def test_a_cut_stream_of_the_model_raises(sdk: AsyncAnthropic, scripted: ScriptedServer) -> None:
    scripted.reply = Reply(fault="cut", after=2)
    with pytest.raises(anthropic.APIStatusError):
        async with sdk.messages.stream(**ASKED) as stream:
            await stream.get_final_message()


async def test_a_reply_that_somebody_stops_raises(gateway: Gateway, sdk: AsyncAnthropic, scripted: ScriptedServer) -> None:
    scripted.reply = Reply(tuple(f"word{number} " for number in range(1000)), rate=20)
    async with sdk.messages.stream(**ASKED) as stream:
        stream_id = stream.response.headers["x-lam-stream"]
        texts = aiter(stream.text_stream)
        await anext(texts)
        async with gateway.client() as client:
            await client.call("POST", f"/api/chatbot/streams/{stream_id}/stop", {})
        with pytest.raises(anthropic.APIStatusError, match="stopped"):
            async for _ in texts:
                pass


async def test_failures_outside_of_the_routes_have_anthropics_form(gateway: Gateway) -> None:
    async with aiohttp.ClientSession(headers={"x-api-key": gateway.token}) as http:
        for method, path, body, status in (
            ("POST", "/v1/messages", b"{", 400),
            ("GET", "/v1/messages", b"", 404),
            ("POST", "/v1/messages/batches", b"{}", 404),
        ):
            async with http.request(method, gateway.url + path, data=body) as response:
                answer = await response.json()
            assert (response.status, answer["type"]) == (status, "error"), answer
            assert answer["error"]["message"]
            assert answer["request_id"] == response.headers["request-id"]


async def test_twenty_at_once_get_their_own_replies(sdk: AsyncAnthropic, scripted: ScriptedServer) -> None:
    scripted.reply = lambda body: Reply(tuple(body["messages"][0]["content"]))
    replies = await asyncio.gather(
        *(sdk.messages.create(**ASKED | {"messages": [{"role": "user", "content": f"number {n}"}]}) for n in range(20))
    )
    assert [reply.content[0].text for reply in replies] == [f"number {n}" for n in range(20)]
    assert len({reply.id for reply in replies}) == 20
