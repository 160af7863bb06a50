"""anthropic (Python), as its readme shows it."""

import json
from typing import Any

from anthropic import Anthropic
from program import DESCRIPTION, SUNNY, TOWN, WEATHER, Ask, run


def client(ask: Ask) -> Anthropic:
    return Anthropic(base_url=ask["url"], api_key=ask["key"], max_retries=0)


def question(ask: Ask) -> dict[str, Any]:
    return {"model": ask["model"], "max_tokens": 100, "messages": [{"role": "user", "content": ask["prompt"]}]}


def whole(ask: Ask, said: list[str]) -> dict[str, Any]:
    found = client(ask).messages.create(**question(ask))
    said += [block.text for block in found.content if block.type == "text"]
    usage = found.usage
    return {"usage": [usage.input_tokens + (usage.cache_read_input_tokens or 0), usage.output_tokens], "finish": found.stop_reason}


def stream(ask: Ask, said: list[str]) -> dict[str, Any]:
    with client(ask).messages.stream(**question(ask)) as events:
        said.extend(events.text_stream)
        found = events.get_final_message()
    usage = found.usage
    return {"usage": [usage.input_tokens + (usage.cache_read_input_tokens or 0), usage.output_tokens], "finish": found.stop_reason}


def broken(ask: Ask, said: list[str]) -> dict[str, Any]:
    with client(ask).messages.stream(**question(ask)) as events:
        for text in events.text_stream:
            said.append(text)  # noqa: PERF402 - what came before the failure is the point
    return {}


def tools(ask: Ask, said: list[str]) -> dict[str, Any]:
    asked = question(ask)
    asked["tools"] = [{"name": "get_weather", "description": DESCRIPTION, "input_schema": WEATHER}]
    with client(ask).messages.stream(**asked) as events:
        first = events.get_final_message()
    [call] = [block for block in first.content if block.type == "tool_use"]
    asked["messages"] += [
        {"role": "assistant", "content": first.content},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": call.id, "content": SUNNY}]},
    ]
    found = client(ask).messages.create(**asked)
    said += [block.text for block in found.content if block.type == "text"]
    return {"name": call.name, "arguments": call.input, "finish": first.stop_reason}


def schema(ask: Ask, said: list[str]) -> dict[str, Any]:
    wanted: Any = {"format": {"type": "json_schema", "schema": TOWN}}
    found = client(ask).messages.create(**question(ask), output_config=wanted)
    return {"value": json.loads("".join(block.text for block in found.content if block.type == "text"))}


def picture(ask: Ask, said: list[str]) -> dict[str, Any]:
    asked = question(ask)
    source = {"type": "base64", "media_type": "image/png", "data": ask["picture"]}
    asked["messages"][0]["content"] = [{"type": "text", "text": ask["prompt"]}, {"type": "image", "source": source}]
    said += [block.text for block in client(ask).messages.create(**asked).content if block.type == "text"]
    return {}


def abort(ask: Ask, said: list[str]) -> dict[str, Any]:
    with client(ask).messages.stream(**question(ask)) as events:
        for text in events.text_stream:
            said.append(text)
            break
    return {}


def count(ask: Ask, said: list[str]) -> dict[str, Any]:
    asked = question(ask)
    del asked["max_tokens"]
    return {"tokens": client(ask).messages.count_tokens(**asked).input_tokens}


if __name__ == "__main__":
    run(
        whole=whole,
        stream=stream,
        tools=tools,
        schema=schema,
        picture=picture,
        abort=abort,
        limited=whole,
        broken=broken,
        count=count,
    )
