"""A conversation never becomes unusable: whatever happened to earlier messages, the newest one gets its chance."""

import asyncio
import json
import random
from collections.abc import Callable
from typing import Any

import pytest

from lam.client.client import Client
from lam.protocol.events import Chunk, Done, Error, Event
from lam.testing.server import Reply, ScriptedServer

from ..running import collect, raw_stream, running_gateway

Body = dict[str, Any]
FILTERED = '{"error": {"code": "content_filter", "message": "The prompt triggered the content management policy."}}'
AZURE = Reply(status=400, body=FILTERED)
TOO_LONG = {
    "vllm": "This model's maximum context length is {limit} tokens. However, you requested {total} tokens ({prompt} in the "
    "messages, {reply} in the completion). Please reduce the length of the messages or completion.",
    "new vllm": "'max_tokens' is too large: {reply}. This model's maximum context length is {limit} tokens and your request has "
    "{prompt} input tokens ({reply} > {limit} - {prompt}).",
    "sglang": "The input ({prompt} tokens) is longer than the model's context length ({limit} tokens).",
    "mistral": "Prompt contains {prompt} tokens and 0 draft tokens, too large for model with {limit} maximum context length",
    "lm studio": "Trying to keep the first {prompt} tokens when context the overflows. However, the model is loaded with context "
    "length of only {limit} tokens, which is not enough.",
    "mute": "Your input exceeds the context window of this model.",
}


def tokens(body: Body) -> int:
    """A word is a token here, and so is a Chinese character."""
    return sum(4 + len(message["content"].split()) + sum(c > "\u2e80" for c in message["content"]) for message in body["messages"])


def limited(limit: int, words: str, *, counts_reply: bool = True) -> Callable[[Body], Reply]:
    """A server with a context of `limit` tokens that refuses in these words."""

    def plan(body: Body) -> Reply:
        said = " ".join(message["content"] for message in body["messages"])
        newest = body["messages"][-1]["content"].split("\n\n")[-1]  # turns that got no answer stand before it
        prompt, reply = tokens(body), body["max_tokens"]
        if prompt > limit or (counts_reply and prompt + reply > limit):
            message = words.format(limit=limit, prompt=prompt, reply=reply, total=prompt + reply)
            return Reply(status=400, body=json.dumps({"error": {"message": message, "code": 400}}))
        if "FORBIDDEN" in said:
            return AZURE
        if "BROKEN" in newest:
            return Reply(fault="server_error")
        if "HALF" in newest:
            return Reply(("Half a", " reply"), fault="cut", after=1)
        if "CENSORED" in newest:
            return Reply(("Some words",), finish_reason="content_filter")
        if "SECRET" in newest:
            return Reply((), finish_reason="content_filter")
        if "ENDLESS" in newest:
            return Reply(tuple(f"word{n} " for n in range(1000)), rate=200)
        return Reply(("An", " answer"))

    return plan


def last(events: list[Event]) -> Done | Error:
    end = events[-1]
    assert isinstance(end, Done | Error)
    return end


async def assert_answered(client: Client, session: int, content: str = "And a short one?") -> None:
    end = last(await asyncio.wait_for(collect(client, session, content), 60))
    assert isinstance(end, Done), end
    assert end.full_content == "An answer"


@pytest.mark.parametrize("words", TOO_LONG.values(), ids=TOO_LONG)
async def test_after_a_message_that_was_too_long_a_short_one_is_answered(words: str, tmp_path) -> None:
    async with ScriptedServer(limited(1000, words), llama=False) as scripted:
        async with running_gateway(tmp_path / "data", llm_server_url=scripted.url) as gateway, gateway.client() as client:
            session = (await client.create_session())["id"]
            for _ in range(2):
                end = last(await collect(client, session, "word " * 3000))
                assert isinstance(end, Error)
                assert end.code == "context_exceeded"
                await assert_answered(client, session)
            messages = await client.call("GET", f"/api/chatbot/sessions/{session}/messages")
            told = scripted.requests[-1].body["messages"]
    assert [message["in_context"] for message in messages] == [False, False, True, True] * 2
    assert all(len(message["content"]) < 100 for message in told)


@pytest.mark.parametrize("words", TOO_LONG.values(), ids=TOO_LONG)
@pytest.mark.parametrize(
    "sentence", ["many words of a plain sentence ", "使用显卡训练一个很大的语言模型需要很多时间和电力。", "🙂🎉 "]
)
async def test_a_long_chat_goes_on_where_nobody_lists_the_context(words: str, sentence: str, tmp_path) -> None:
    async with ScriptedServer(limited(700, words), llama=False) as scripted:
        async with (
            running_gateway(tmp_path / "data", llm_server_url=scripted.url, llm_max_tokens=200) as gateway,
            gateway.client() as client,
        ):
            session = (await client.create_session(system_prompt="Be brief."))["id"]
            for _ in range(15):
                await assert_answered(client, session, sentence * 4)
    assert scripted.requests[-1].body["messages"][0] == {"role": "system", "content": "Be brief."}


@pytest.mark.parametrize(
    ("content", "code"), [("FORBIDDEN", "content_filtered"), ("SECRET", "content_filtered"), ("BROKEN", "llm_error")]
)
async def test_what_was_refused_is_not_said_again(content: str, code: str, tmp_path) -> None:
    async with ScriptedServer(limited(1000, TOO_LONG["vllm"])) as scripted:
        async with running_gateway(tmp_path / "data", llm_server_url=scripted.url) as gateway, gateway.client() as client:
            session = (await client.create_session())["id"]
            for _ in range(3):
                assert last(await collect(client, session, f"{content} please")).code == code  # type: ignore[union-attr]
            await assert_answered(client, session)
            told = scripted.requests[-1].body["messages"]
            assert ("FORBIDDEN" in json.dumps(told)) is False
            again = last(await collect(client, session, None, regenerate=True))
            assert isinstance(again, Done)


async def test_a_filtered_reply_with_text_stays_out_together_with_its_turn(tmp_path) -> None:
    async with ScriptedServer(limited(1000, TOO_LONG["vllm"])) as scripted:
        async with running_gateway(tmp_path / "data", llm_server_url=scripted.url) as gateway, gateway.client() as client:
            session = (await client.create_session())["id"]
            end = last(await collect(client, session, "CENSORED"))
            assert isinstance(end, Done)
            assert (end.finish_reason, end.full_content) == ("content_filter", "Some words")
            await assert_answered(client, session, "Next")
            assert scripted.requests[-1].body["messages"] == [{"role": "user", "content": "Next"}]
            (turn, reply, *_) = await client.call("GET", f"/api/chatbot/sessions/{session}/messages")
            assert (turn["in_context"], reply["in_context"], reply["status"]) == (False, False, "complete")


async def test_a_turn_is_told_again_once_a_reply_to_it_holds_text(tmp_path) -> None:
    async with ScriptedServer(Reply(status=400, body=FILTERED)) as scripted:
        async with running_gateway(tmp_path / "data", llm_server_url=scripted.url) as gateway, gateway.client() as client:
            session = (await client.create_session())["id"]
            await collect(client, session, "Doubtful")
            scripted.reply = Reply(("Fine",))
            assert isinstance(last(await collect(client, session, None, regenerate=True)), Done)
            await collect(client, session, "Next")
            assert [message["content"] for message in scripted.requests[-1].body["messages"]] == ["Doubtful", "Fine", "Next"]


async def test_a_larger_context_hears_again_what_was_too_long_for_a_smaller_one(scripted: ScriptedServer, tmp_path) -> None:
    scripted.n_ctx = 200
    async with running_gateway(tmp_path / "data", llm_server_url=scripted.url) as gateway, gateway.client() as client:
        session = (await client.create_session())["id"]
        assert isinstance(last(await collect(client, session, "word " * 300)), Error)
        await collect(client, session, "Short")
        assert len(scripted.requests[-1].body["messages"]) == 1
        scripted.n_ctx = 4000
        await gateway.parts.catalog.health()
        while gateway.parts.catalog.context(None) != 4000:
            await asyncio.sleep(0.05)
            await gateway.parts.catalog.health()
        await collect(client, session, "Now")
        assert scripted.requests[-1].body["messages"][0]["content"].startswith("word word")


@pytest.mark.parametrize("seed", range(6))
async def test_whatever_happened_before_a_short_message_is_answered(seed: int, tmp_path) -> None:
    rng = random.Random(seed)
    limit = rng.choice([150, 400, 1500])
    kind = rng.choice([*TOO_LONG])
    plan = limited(limit, TOO_LONG[kind], counts_reply=kind in ("vllm", "new vllm"))
    async with ScriptedServer(plan, llama=rng.random() < 0.4, n_ctx=limit) as scripted:
        async with (
            running_gateway(tmp_path / "data", llm_server_url=scripted.url, llm_max_tokens=rng.choice([40, 2048])) as gateway,
            gateway.client() as client,
        ):
            session = (await client.create_session(system_prompt="Be kind. " * rng.choice([1, 4])))["id"]
            for _ in range(12):
                await one_event(rng, client, session, limit)
                await assert_answered(client, session)


async def one_event(rng: random.Random, client: Client, session: int, limit: int) -> None:
    word = rng.choice(["good", "long", "FORBIDDEN", "SECRET", "CENSORED", "BROKEN", "HALF", "stop", "edit", "again", "chinese"])
    options: dict[str, Any] = {}
    content: str | None = f"{word} it is"
    if word == "long":
        content = "word " * rng.choice([limit // 2, limit, 3 * limit])
    elif word == "chinese":
        content = "请注意安全" * (limit // 20)
    elif word == "stop":
        async with raw_stream(client, session, "ENDLESS please") as stream:
            await stream.until(Chunk)
            await client.stop(stream.events[0][1].stream_id)  # type: ignore[union-attr]
            await stream.rest()
        return
    elif word in ("edit", "again"):
        messages = await client.call("GET", f"/api/chatbot/sessions/{session}/messages")
        turns = [message for message in messages if message["role"] == "user"]
        if not turns:
            return
        if word == "again":
            content, options = None, {"regenerate": rng.choice([m["id"] for m in messages if m["role"] == "assistant"])}
        else:
            options = {"parent_id": rng.choice(turns)["parent_id"] or 0}
    await asyncio.wait_for(collect(client, session, content, **options), 60)


async def test_a_tool_call_with_half_a_character_does_not_end_its_session(scripted: ScriptedServer, tmp_path) -> None:
    call = {"index": 0, "id": "c", "function": {"name": "f", "arguments": '{"a": "\\ud800"}'}}
    line = json.dumps({"choices": [{"index": 0, "delta": {"tool_calls": [call]}}]})
    async with running_gateway(tmp_path / "data", llm_server_url=scripted.url) as gateway, gateway.client() as client:
        session = (await client.create_session())["id"]
        scripted.reply = Reply((), raw=(line,), finish_reason="tool_calls")
        assert isinstance(last(await collect(client, session, "Look")), Done)
        scripted.reply = Reply(("An", " answer"))
        await assert_answered(client, session)
    told = scripted.requests[-1].body["messages"]
    assert [message["role"] for message in told] == ["user", "assistant", "user"]
    assert '"name": "f"' in told[1]["content"]


async def test_a_server_that_grew_is_not_held_to_a_limit_that_it_once_stated(tmp_path) -> None:
    async with ScriptedServer(limited(300, TOO_LONG["sglang"]), llama=False) as scripted:
        async with running_gateway(tmp_path / "data", llm_server_url=scripted.url) as gateway, gateway.client() as client:
            session = (await client.create_session())["id"]
            assert isinstance(last(await collect(client, session, "word " * 500)), Error)
            scripted.reply = limited(5000, TOO_LONG["sglang"])
            await assert_answered(client, session, "more " * 500)
            await assert_answered(client, session, "more " * 500)
            assert len(scripted.requests[-1].body["messages"]) == 3
