"""The real openai SDK against a real gateway, in front of the scripted server: what programs get, in both modes."""

import asyncio
import base64
import io
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import openai
import pytest
from openai import AsyncOpenAI
from pydantic import BaseModel

from lam.protocol.events import Done
from lam.testing.server import Reply, ScriptedServer, pictures_in

from ..pictures import RED, plain
from ..running import Gateway, running_gateway
from ..waiting import until, within

HELLO: Any = [{"role": "user", "content": "Tell me a story"}]
WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather in a town.",
        "parameters": {"type": "object", "properties": {"town": {"type": "string"}}, "required": ["town"]},
    },
}
LONG = Reply(tuple(f"word{n} " for n in range(1000)), rate=20)


def calling(*calls: tuple[str, str], finish_reason: str = "tool_calls") -> Reply:
    """A reply of the model that calls tools: names and arguments, which come in two pieces."""
    pieces: list[dict[str, Any]] = []
    for index, (name, arguments) in enumerate(calls):
        half = len(arguments) // 2
        pieces.append({"index": index, "id": f"call-{index}", "type": "function", "function": {"name": name, "arguments": ""}})
        pieces += [{"index": index, "function": {"arguments": part}} for part in (arguments[:half], arguments[half:])]
    deltas = ({"index": 0, "delta": {"tool_calls": [piece]}, "finish_reason": None} for piece in pieces)
    lines = [json.dumps({"choices": [delta]}) for delta in deltas]
    return Reply((), raw=tuple(lines), finish_reason=finish_reason)


def sdk_of(gateway: Gateway, **options: Any) -> AsyncOpenAI:
    return AsyncOpenAI(base_url=f"{gateway.url}/v1", api_key=gateway.token, **({"max_retries": 0} | options))


@pytest.fixture
async def sdk(gateway: Gateway) -> AsyncIterator[AsyncOpenAI]:
    async with sdk_of(gateway) as client:
        yield client


async def text_of(stream: Any) -> str:
    return "".join([chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices])


# Replies


async def test_a_stream_comes_piece_by_piece(sdk: AsyncOpenAI) -> None:
    stream = await sdk.chat.completions.create(
        model="scripted", messages=HELLO, stream=True, stream_options={"include_usage": True}
    )
    chunks = [chunk async for chunk in stream]
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == "Once upon a time"
    assert chunks[0].choices[0].delta.role == "assistant"
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == "stop"
    assert chunks[-1].choices == []
    assert chunks[-1].usage.total_tokens == 14
    assert {chunk.model for chunk in chunks} == {"scripted"}
    assert len({chunk.id for chunk in chunks}) == 1


async def test_a_whole_reply_comes_at_once(sdk: AsyncOpenAI) -> None:
    reply = await sdk.chat.completions.create(model="scripted", messages=HELLO)
    assert reply.choices[0].message.content == "Once upon a time"
    assert reply.choices[0].finish_reason == "stop"
    assert reply.usage.prompt_tokens == 10
    assert reply.usage.prompt_tokens_details.cached_tokens == 3


async def test_what_a_program_chooses_reaches_the_model(sdk: AsyncOpenAI, scripted: ScriptedServer) -> None:
    await sdk.chat.completions.create(
        model="scripted",
        messages=[{"role": "developer", "content": "Be brief"}, *HELLO],
        max_completion_tokens=7,
        temperature=0,
        top_p=0.5,
        seed=-1,
        stop="END",
        frequency_penalty=0.5,
        reasoning_effort="low",
        logit_bias={"1": 5},
        user="someone",
        extra_body={"min_p": 0.1, "dry_multiplier": 0.8, "chat_template_kwargs": {"a": 1}},
    )
    body = scripted.requests[0].body
    expected = {"temperature": 0, "top_p": 0.5, "max_tokens": 7, "stop": ["END"], "frequency_penalty": 0.5, "min_p": 0.1}
    assert {name: body[name] for name in expected} == expected
    assert body["reasoning_effort"] == "low"
    assert body["logit_bias"] == {"1": 5}
    assert body["dry_multiplier"] == 0.8
    assert body["chat_template_kwargs"] == {"a": 1}
    assert body["seed"] == 2**32 - 2
    assert "user" not in body
    assert [turn["role"] for turn in body["messages"]] == ["system", "user"]


@pytest.mark.sse
async def test_what_a_program_says_to_the_template_holds_beside_our_own_settings(tmp_path: Path) -> None:
    async with (
        ScriptedServer(llama=True) as scripted,
        running_gateway(tmp_path / "data", llm_server_url=scripted.url, llm_skip_thinking=True) as gateway,
        AsyncOpenAI(base_url=f"{gateway.url}/v1", api_key=gateway.token) as sdk,
    ):
        for theirs, expected in (
            ({"x": 1}, {"enable_thinking": False, "x": 1}),
            ({"x": 1, "enable_thinking": True}, {"x": 1, "enable_thinking": True}),
        ):
            await sdk.chat.completions.create(
                model="scripted", messages=HELLO, extra_body={"chat_template_kwargs": theirs}, reasoning_effort="none"
            )
            assert scripted.requests[-1].body["chat_template_kwargs"] == expected


async def test_no_turn_of_a_long_conversation_is_dropped(sdk: AsyncOpenAI, scripted: ScriptedServer) -> None:
    turns: Any = [{"role": ("user", "assistant")[n % 2], "content": "word " * 300} for n in range(21)]
    with pytest.raises(openai.BadRequestError) as refused:
        await sdk.chat.completions.create(model="scripted", messages=turns, stream=True)
    assert refused.value.code == "context_length_exceeded"
    assert scripted.requests == []


async def test_thoughts_stand_beside_the_answer(sdk: AsyncOpenAI, scripted: ScriptedServer) -> None:
    scripted.reply = Reply(("Hi",), thinking=("let me", " think"))
    reply = await sdk.chat.completions.create(model="scripted", messages=HELLO)
    assert reply.choices[0].message.content == "Hi"
    assert reply.choices[0].message.reasoning_content == "let me think"  # type: ignore[attr-defined]  # the SDK keeps what it has no field for
    stream = await sdk.chat.completions.create(model="scripted", messages=HELLO, stream=True)
    thoughts = [getattr(chunk.choices[0].delta, "reasoning_content", None) async for chunk in stream]
    assert "".join(filter(None, thoughts)) == "let me think"


async def test_the_beginning_of_a_reply_is_continued(sdk: AsyncOpenAI, scripted: ScriptedServer) -> None:
    reply = await sdk.chat.completions.create(model="scripted", messages=[*HELLO, {"role": "assistant", "content": "Well,"}])
    assert reply.choices[0].message.content == "Once upon a time"
    assert scripted.requests[0].body["messages"][-1] == {"role": "assistant", "content": "Well,"}


async def test_a_schema_comes_back_as_an_object(sdk: AsyncOpenAI, scripted: ScriptedServer) -> None:
    class Town(BaseModel):
        name: str

    scripted.reply = Reply(('{"name": ', '"Ulm"}'))
    reply = await sdk.chat.completions.parse(model="scripted", messages=HELLO, response_format=Town)
    assert reply.choices[0].message.parsed == Town(name="Ulm")
    assert scripted.requests[0].body["response_format"]["json_schema"]["schema"]["required"] == ["name"]


async def test_a_picture_reaches_the_model_as_its_pixels(scripted: ScriptedServer, tmp_path: Path) -> None:
    scripted.sees = True
    data = plain(RED)
    url = f"data:image/png;base64,{base64.b64encode(data).decode()}"
    content = [{"type": "text", "text": "What is this?"}, {"type": "image_url", "image_url": {"url": url, "detail": "low"}}]
    turns: Any = [{"role": "user", "content": content}]
    async with running_gateway(tmp_path / "data", llm_server_url=scripted.url) as gateway, sdk_of(gateway) as sdk:
        await until(lambda: gateway.parts.catalog.can("scripted").images is not False)
        await sdk.chat.completions.create(model="scripted", messages=turns)
        assert len(pictures_in(scripted.requests[0].body)) == 1
        async with gateway.parts.database.read() as unit:
            assert await unit.media.used(1) == 0, "a picture of a program was stored"


# Tools


async def test_a_call_comes_in_pieces_and_its_answer_goes_back(sdk: AsyncOpenAI, scripted: ScriptedServer) -> None:
    scripted.reply = calling(("weather", '{"town": "Ulm"}'), ("weather", '{"town": "Köln"}'))
    stream = await sdk.chat.completions.create(
        model="scripted", messages=HELLO, tools=[WEATHER], tool_choice="auto", parallel_tool_calls=True, stream=True
    )
    calls: dict[int, dict[str, str]] = {}
    reasons = []
    async for chunk in stream:
        for piece in chunk.choices[0].delta.tool_calls or ():
            call = calls.setdefault(piece.index, {"id": "", "name": "", "arguments": ""})
            call["id"] += piece.id or ""
            call["name"] += piece.function.name or ""
            call["arguments"] += piece.function.arguments or ""
        reasons.append(chunk.choices[0].finish_reason)
    assert [call["name"] for call in calls.values()] == ["weather", "weather"]
    assert [json.loads(call["arguments"]) for call in calls.values()] == [{"town": "Ulm"}, {"town": "Köln"}]
    assert reasons[-1] == "tool_calls"
    assert scripted.requests[0].body["tools"] == [WEATHER]
    assert scripted.requests[0].body["parallel_tool_calls"] is True

    reply = await sdk.chat.completions.create(model="scripted", messages=HELLO, tools=[WEATHER])
    assert [call.id for call in reply.choices[0].message.tool_calls or ()] == ["call-0", "call-1"]
    scripted.reply = Reply(("Rain",))
    answers = [{"role": "tool", "tool_call_id": f"call-{n}", "content": "rain" if n else ""} for n in range(2)]
    turns: Any = [*HELLO, reply.choices[0].message.model_dump(), *answers]
    again = await sdk.chat.completions.create(model="scripted", messages=turns, tools=[WEATHER])
    assert again.choices[0].message.content == "Rain"
    sent = scripted.requests[2].body["messages"]
    assert [turn["role"] for turn in sent] == ["user", "assistant", "tool", "tool"]
    assert json.loads(sent[1]["tool_calls"][0]["function"]["arguments"]) == {"town": "Ulm"}
    assert [turn["tool_call_id"] for turn in sent[2:]] == ["call-0", "call-1"]


@pytest.mark.parametrize("stream", [False, True])
async def test_prose_instead_of_a_call_that_had_to_come_is_a_failure(
    sdk: AsyncOpenAI, scripted: ScriptedServer, stream: bool
) -> None:
    async def ask() -> None:
        reply: Any = await sdk.chat.completions.create(
            model="scripted", messages=HELLO, tools=[WEATHER], tool_choice="required", stream=stream
        )
        await text_of(reply)

    with pytest.raises(openai.APIError) as failed:
        await ask()
    assert failed.value.code == "no_tool_call"
    assert len(scripted.requests) == 1


async def test_a_call_that_had_to_come_is_an_answer(sdk: AsyncOpenAI, scripted: ScriptedServer) -> None:
    scripted.reply = calling(("weather", "{}"))
    choice: Any = {"type": "function", "function": {"name": "weather"}}
    reply = await sdk.chat.completions.create(model="scripted", messages=HELLO, tools=[WEATHER], tool_choice=choice)
    assert reply.choices[0].message.content is None
    assert reply.choices[0].finish_reason == "tool_calls"
    assert scripted.requests[0].body["tool_choice"] == "required"  # llama.cpp knows no other way to name one


async def test_a_model_that_knows_no_tools_cannot_be_held_to_one(scripted: ScriptedServer, tmp_path: Path) -> None:
    scripted.capabilities = {"supports_tools": False, "supports_tool_calls": False}
    async with running_gateway(tmp_path / "data", llm_server_url=scripted.url) as gateway, sdk_of(gateway) as sdk:
        await until(lambda: gateway.parts.catalog.can("scripted").tools is False)
        with pytest.raises(openai.BadRequestError) as refused:
            await sdk.chat.completions.create(model="scripted", messages=HELLO, tools=[WEATHER], tool_choice="required")
        assert refused.value.code == "cannot_use_tools"
        assert (await sdk.chat.completions.create(model="scripted", messages=HELLO, tools=[WEATHER])).choices


# Endings


async def test_a_closed_stream_frees_the_slot_within_a_second(sdk: AsyncOpenAI, scripted: ScriptedServer) -> None:
    scripted.reply = LONG
    stream = await sdk.chat.completions.create(model="scripted", messages=HELLO, stream=True)
    async for _ in stream:
        break
    await stream.close()
    async with within(1):
        await until(lambda: not scripted.active)
    assert scripted.requests[-1].left_early


async def test_a_caller_that_gives_up_waiting_frees_the_slot(sdk: AsyncOpenAI, scripted: ScriptedServer) -> None:
    scripted.reply = LONG
    asking = asyncio.create_task(sdk.chat.completions.create(model="scripted", messages=HELLO))
    await scripted.arrival()
    asking.cancel()
    async with within(1):
        await until(lambda: not scripted.active)
    assert scripted.requests[-1].left_early


async def test_a_run_that_may_go_on_does_and_can_be_followed(gateway: Gateway, sdk: AsyncOpenAI, scripted: ScriptedServer) -> None:
    scripted.reply = Reply(("Once", " upon"), hold=True)
    scripted.step(1)
    create = sdk.chat.completions.with_streaming_response.create
    async with create(model="scripted", messages=HELLO, stream=True, extra_headers={"x-lam-on-disconnect": "continue"}) as response:
        run = response.headers["x-lam-stream"]
        assert response.headers["x-request-id"].startswith("req_")
    scripted.step(9)
    async with gateway.client() as client:
        events = [event async for _, event in client.follow(run)]
    assert isinstance(events[-1], Done)
    assert events[-1].full_content == "Once upon"


async def test_a_program_reads_its_reply_again_and_stops_it(gateway: Gateway, sdk: AsyncOpenAI, scripted: ScriptedServer) -> None:
    first = await sdk.chat.completions.create(model="scripted", messages=HELLO)
    again = await sdk.chat.completions.retrieve(first.id)
    assert again.choices == first.choices
    scripted.reply = LONG
    headers = {"x-lam-on-disconnect": "continue"}
    stream = await sdk.chat.completions.create(model="scripted", messages=HELLO, stream=True, extra_headers=headers)
    name = (await anext(stream)).id
    await stream.close()
    async with await gateway.user("another@example.org") as other:
        secret = (await other.call("POST", "/api/keys", {"name": "theirs"}))["secret"]
    async with AsyncOpenAI(base_url=f"{gateway.url}/v1", api_key=secret, max_retries=0) as stranger:
        for asking in (
            stranger.chat.completions.retrieve(name),
            stranger.post(f"/chat/completions/{name}/cancel", cast_to=object),
        ):
            with pytest.raises(openai.NotFoundError):
                await asking
    assert scripted.active == 1
    stopped: Any = await sdk.post(f"/chat/completions/{name}/cancel", cast_to=object)
    assert stopped["status"] == "cancelled"
    with pytest.raises(openai.ConflictError) as ended:
        await sdk.chat.completions.retrieve(name)
    assert ended.value.code == "stopped"


async def test_a_stop_ends_the_stream_with_an_error(gateway: Gateway, sdk: AsyncOpenAI, scripted: ScriptedServer) -> None:
    scripted.reply = LONG
    response = await sdk.chat.completions.with_raw_response.create(model="scripted", messages=HELLO, stream=True)
    stream: Any = response.parse()
    await anext(stream)
    async with gateway.client() as client:
        await client.call("POST", f"/api/chatbot/streams/{response.headers['x-lam-stream']}/stop")
    with pytest.raises(openai.APIError) as failed:
        await text_of(stream)
    assert failed.value.code == "stopped"


@pytest.mark.parametrize("fault", ["cut", "error_data", "garbage", "no_finish"])
async def test_a_failure_in_mid_stream_raises(sdk: AsyncOpenAI, scripted: ScriptedServer, fault: Any) -> None:
    scripted.reply = Reply(fault=fault, after=2, rate=50)
    stream = await sdk.chat.completions.create(model="scripted", messages=HELLO, stream=True)
    with pytest.raises(openai.APIError) as failed:
        await text_of(stream)
    assert failed.value.code in ("interrupted", "llm_error")


@pytest.mark.parametrize("stream", [False, True])
async def test_a_run_that_failed_is_not_asked_for_again(gateway: Gateway, scripted: ScriptedServer, stream: bool) -> None:
    scripted.reply = Reply(fault="server_error")
    async with sdk_of(gateway, max_retries=3) as sdk:
        with pytest.raises(openai.InternalServerError) as failed:
            await sdk.chat.completions.create(model="scripted", messages=HELLO, stream=stream)
    assert failed.value.response.headers["x-should-retry"] == "false"
    assert failed.value.code == "llm_error"
    assert len(scripted.requests) == 1


async def test_progress_comes_in_chunks_without_choices(sdk: AsyncOpenAI, scripted: ScriptedServer) -> None:
    scripted.reply = Reply(progress=3)
    headers = {"x-lam-events": "progress"}
    stream = await sdk.chat.completions.create(model="scripted", messages=HELLO, stream=True, extra_headers=headers)
    chunks = [chunk async for chunk in stream]
    reports = [chunk.lam for chunk in chunks if not chunk.choices]  # type: ignore[attr-defined]  # a field of ours
    assert reports[0]["type"] == "metadata"
    assert [report["processed"] for report in reports if "processed" in report] == [100, 200, 300]


# Asking again


@pytest.mark.parametrize("stream", [False, True])
async def test_the_same_key_gets_the_same_run(sdk: AsyncOpenAI, scripted: ScriptedServer, stream: bool) -> None:
    async def ask() -> Any:
        return await sdk.chat.completions.create(
            model="scripted", messages=HELLO, stream=stream, extra_headers={"idempotency-key": "one"}
        )

    first, second = await asyncio.gather(ask(), ask())
    if stream:
        assert [await text_of(first), await text_of(second)] == ["Once upon a time"] * 2
    else:
        assert first.id == second.id
    assert len(scripted.requests) == 1


async def test_a_key_whose_run_is_gone_is_expired_and_not_asked_for_again(
    gateway: Gateway, sdk: AsyncOpenAI, scripted: ScriptedServer
) -> None:
    headers = {"idempotency-key": "one"}
    await sdk.chat.completions.create(model="scripted", messages=HELLO, extra_headers=headers)
    gateway.parts.programs.idempotency.logs.shelf.clear()
    with pytest.raises(openai.ConflictError) as refused:
        await sdk.chat.completions.create(model="scripted", messages=HELLO, extra_headers=headers)
    assert refused.value.code == "idempotency_key_expired"
    assert refused.value.response.headers["x-should-retry"] == "false"
    with pytest.raises(openai.BadRequestError) as other:
        await sdk.chat.completions.create(model="scripted", messages=HELLO, seed=1, extra_headers=headers)
    assert other.value.code == "idempotency_key_reused"
    assert len(scripted.requests) == 1


async def test_a_full_queue_says_when_to_come_back(scripted: ScriptedServer, tmp_path: Path) -> None:
    scripted.reply = LONG
    async with running_gateway(tmp_path / "data", llm_server_url=scripted.url, llm_slots=1, lam_max_queue=0) as gateway:
        async with sdk_of(gateway) as sdk:
            stream = await sdk.chat.completions.create(model="scripted", messages=HELLO, stream=True)
            with pytest.raises(openai.RateLimitError) as refused:
                await sdk.chat.completions.create(model="scripted", messages=HELLO)
            await stream.close()
    assert refused.value.code == "rate_limit_exceeded"
    assert refused.value.response.headers["retry-after"] == "10"
    assert refused.value.response.headers["retry-after-ms"] == "10000"


# Refusals


async def test_a_wrong_key_is_401(gateway: Gateway) -> None:
    async with AsyncOpenAI(base_url=f"{gateway.url}/v1", api_key="sk-nothing", max_retries=0) as client:
        with pytest.raises(openai.AuthenticationError) as refused:
            await client.models.list()
    assert refused.value.code == "invalid_api_key"
    assert refused.value.type == "invalid_request_error"


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"n": 2}, "n"),
        ({"logprobs": True}, "logprobs"),
        ({"top_logprobs": 2, "logprobs": True}, "logprobs"),
        ({"temperature": 3}, "temperature"),
        ({"temperature": "hot"}, "temperature"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"stop": ["a", "b", "c", "d", "e"]}, "stop"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "user", "content": 5}]}, "messages[0].content"),
        ({"messages": [{"role": "wizard", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].tool_call_id"),
        ({"messages": [{"role": "user", "content": [{"type": "input_audio", "input_audio": {}}]}]}, "messages[0].content[0]"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "http://x/y.png"}}]}]},
            "messages[0].content[0].image_url.url",
        ),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"functions": []}, "functions"),
        ({"nonsense": 1}, "nonsense"),
        ({"modalities": ["audio"]}, "modalities"),
        ({"response_format": {"type": "json_schema"}}, "response_format"),
        ({"tools": [{"type": "custom", "custom": {"name": "x"}}]}, "tools[0].type"),
    ],
)
async def test_a_refusal_names_the_field(sdk: AsyncOpenAI, scripted: ScriptedServer, fields: dict[str, Any], param: str) -> None:
    body = {"model": "scripted", "messages": HELLO} | fields
    with pytest.raises(openai.BadRequestError) as refused:
        await sdk.post("/chat/completions", body=body, cast_to=object)
    assert refused.value.param == param
    assert refused.value.type == "invalid_request_error"
    assert refused.value.response.headers["x-request-id"].startswith("req_")
    assert scripted.requests == []


async def test_what_is_not_offered_says_so(gateway: Gateway, sdk: AsyncOpenAI) -> None:
    with pytest.raises(openai.NotFoundError, match="/v1/chat/completions"):
        await sdk.responses.create(model="scripted", input="hi")
    with pytest.raises(openai.NotFoundError):
        await sdk.files.list()
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {gateway.token}"}) as http:
        async with http.post(f"{gateway.url}/v1/chat/completions", data=b"{nonsense") as answer:
            assert (answer.status, (await answer.json())["error"]["code"]) == (400, "invalid_json")
        async with http.post(f"{gateway.url}/v1/chat/completions", data=b"\xff\xfe") as answer:
            assert answer.status == 400
        async with http.post(f"{gateway.url}/v1/chat/completions", data=io.BytesIO(b"x" * (33 << 20))) as answer:
            assert (answer.status, (await answer.json())["error"]["type"]) == (413, "invalid_request_error")


async def test_the_models_are_listed(sdk: AsyncOpenAI) -> None:
    assert [model.id async for model in sdk.models.list()] == ["scripted"]
    assert (await sdk.models.retrieve("scripted")).id == "scripted"
    with pytest.raises(openai.NotFoundError):
        await sdk.models.retrieve("no/such:model")
    with pytest.raises(openai.NotFoundError) as refused:
        await sdk.chat.completions.create(model="gpt-4o", messages=HELLO)
    assert refused.value.code == "model_not_found"
    assert refused.value.param == "model"


# The older interface, and vectors


async def test_a_bare_prompt_is_continued(sdk: AsyncOpenAI, scripted: ScriptedServer) -> None:
    reply = await sdk.completions.create(model="scripted", prompt="It was", max_tokens=9)
    assert reply.choices[0].text == "Once upon a time"
    assert scripted.requests[0].body["prompt"] == "It was"
    assert "messages" not in scripted.requests[0].body
    stream = await sdk.completions.create(model="scripted", prompt=["It was"], stream=True)
    assert "".join([chunk.choices[0].text async for chunk in stream]) == "Once upon a time"
    for fields in ({"echo": True}, {"suffix": "end"}, {"best_of": 2}, {"prompt": ["a", "b"]}):
        with pytest.raises(openai.BadRequestError):
            await sdk.post("/completions", body={"model": "scripted", "prompt": "x"} | fields, cast_to=object)


async def test_vectors_come_from_a_server_that_makes_them(sdk: AsyncOpenAI, scripted: ScriptedServer) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        await sdk.embeddings.create(model="scripted", input="one two", encoding_format="float")
    assert refused.value.code == "not_supported"
    scripted.embeds = True
    answer = await sdk.embeddings.create(model="scripted", input=["one two", "three"], encoding_format="float")
    assert [one.embedding for one in answer.data] == [[7.0, 2.0], [5.0, 1.0]]
