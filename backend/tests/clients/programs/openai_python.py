"""openai-python, as its readme shows it."""

import json
from typing import Any

from openai import OpenAI
from program import DESCRIPTION, SUNNY, TOWN, WEATHER, Ask, data_uri, run


def client(ask: Ask) -> OpenAI:
    return OpenAI(base_url=f"{ask['url']}/v1", api_key=ask["key"], max_retries=0)


def question(ask: Ask) -> dict[str, Any]:
    return {"model": ask["model"], "messages": [{"role": "user", "content": ask["prompt"]}]}


def whole(ask: Ask, said: list[str]) -> dict[str, Any]:
    found = client(ask).chat.completions.create(**question(ask))
    said.append(found.choices[0].message.content or "")
    assert found.usage
    return {"usage": [found.usage.prompt_tokens, found.usage.completion_tokens], "finish": found.choices[0].finish_reason}


def stream(ask: Ask, said: list[str]) -> dict[str, Any]:
    usage = finish = None
    for chunk in client(ask).chat.completions.create(**question(ask), stream=True, stream_options={"include_usage": True}):
        for choice in chunk.choices:
            said.append(choice.delta.content or "")
            finish = choice.finish_reason or finish
        if chunk.usage:
            usage = [chunk.usage.prompt_tokens, chunk.usage.completion_tokens]
    return {"usage": usage, "finish": finish}


def tools(ask: Ask, said: list[str]) -> dict[str, Any]:
    asked = question(ask)
    function = {"name": "get_weather", "description": DESCRIPTION, "parameters": WEATHER}
    asked["tools"] = [{"type": "function", "function": function}]
    with client(ask).chat.completions.stream(**asked) as events:
        for _ in events:
            pass
        first = events.get_final_completion().choices[0]
    message = first.message
    assert message.tool_calls
    [call] = message.tool_calls
    asked["messages"] += [
        {"role": "assistant", "content": message.content, "tool_calls": [call.to_dict()]},
        {"role": "tool", "tool_call_id": call.id, "content": SUNNY},
    ]
    found = client(ask).chat.completions.create(**asked)
    said.append(found.choices[0].message.content or "")
    arguments = json.loads(call.function.arguments)
    return {"name": call.function.name, "arguments": arguments, "finish": first.finish_reason}


def schema(ask: Ask, said: list[str]) -> dict[str, Any]:
    wanted = {"type": "json_schema", "json_schema": {"name": "town", "schema": TOWN, "strict": True}}
    found = client(ask).chat.completions.create(**question(ask), response_format=wanted)
    return {"value": json.loads(found.choices[0].message.content or "")}


def picture(ask: Ask, said: list[str]) -> dict[str, Any]:
    asked = question(ask)
    image = {"type": "image_url", "image_url": {"url": data_uri(ask)}}
    asked["messages"][0]["content"] = [{"type": "text", "text": ask["prompt"]}, image]
    said.append(client(ask).chat.completions.create(**asked).choices[0].message.content or "")
    return {}


def abort(ask: Ask, said: list[str]) -> dict[str, Any]:
    with client(ask).chat.completions.create(**question(ask), stream=True) as chunks:
        for chunk in chunks:
            if chunk.choices and chunk.choices[0].delta.content:
                said.append(chunk.choices[0].delta.content)
                break
    return {}


if __name__ == "__main__":
    run(whole=whole, stream=stream, tools=tools, schema=schema, picture=picture, abort=abort, limited=whole, broken=stream)
