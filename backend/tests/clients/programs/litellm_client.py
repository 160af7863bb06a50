"""LiteLLM as a client, with its provider for OpenAI's format."""

import json
import os
from typing import Any

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # it fetches a list of prices otherwise

import litellm
from program import DESCRIPTION, SUNNY, TOWN, WEATHER, Ask, data_uri, run

litellm.telemetry = False
litellm.suppress_debug_info = True


def question(ask: Ask) -> dict[str, Any]:
    messages = [{"role": "user", "content": ask["prompt"]}]
    about = {"api_base": f"{ask['url']}/v1", "api_key": ask["key"], "num_retries": 0, "max_retries": 0}
    return {"model": f"openai/{ask['model']}", "messages": messages} | about


def whole(ask: Ask, said: list[str]) -> dict[str, Any]:
    found: Any = litellm.completion(**question(ask))
    said.append(found.choices[0].message.content)
    return {"usage": [found.usage.prompt_tokens, found.usage.completion_tokens], "finish": found.choices[0].finish_reason}


def stream(ask: Ask, said: list[str]) -> dict[str, Any]:
    usage = finish = None
    chunks: Any = litellm.completion(**question(ask), stream=True, stream_options={"include_usage": True})
    for chunk in chunks:
        for choice in chunk.choices:
            said.append(choice.delta.content or "")
            finish = choice.finish_reason or finish
        if getattr(chunk, "usage", None):
            usage = [chunk.usage.prompt_tokens, chunk.usage.completion_tokens]
    return {"usage": usage, "finish": finish}


def tools(ask: Ask, said: list[str]) -> dict[str, Any]:
    asked = question(ask)
    function = {"name": "get_weather", "description": DESCRIPTION, "parameters": WEATHER}
    asked["tools"] = [{"type": "function", "function": function}]
    chunks: Any = litellm.completion(**asked, stream=True)
    first: Any = litellm.stream_chunk_builder(list(chunks))
    [call] = first.choices[0].message.tool_calls
    asked["messages"] += [
        first.choices[0].message.model_dump(),
        {"role": "tool", "tool_call_id": call.id, "content": SUNNY},
    ]
    found: Any = litellm.completion(**asked)
    said.append(found.choices[0].message.content)
    arguments = json.loads(call.function.arguments)
    return {"name": call.function.name, "arguments": arguments, "finish": first.choices[0].finish_reason}


def schema(ask: Ask, said: list[str]) -> dict[str, Any]:
    wanted = {"type": "json_schema", "json_schema": {"name": "town", "schema": TOWN, "strict": True}}
    found: Any = litellm.completion(**question(ask), response_format=wanted)
    return {"value": json.loads(found.choices[0].message.content)}


def picture(ask: Ask, said: list[str]) -> dict[str, Any]:
    asked = question(ask)
    image = {"type": "image_url", "image_url": {"url": data_uri(ask)}}
    asked["messages"][0]["content"] = [{"type": "text", "text": ask["prompt"]}, image]
    found: Any = litellm.completion(**asked)
    said.append(found.choices[0].message.content)
    return {}


def abort(ask: Ask, said: list[str]) -> dict[str, Any]:
    chunks: Any = litellm.completion(**question(ask), stream=True)
    for chunk in chunks:
        if chunk.choices[0].delta.content:
            said.append(chunk.choices[0].delta.content)
            break
    chunks.completion_stream.close()  # LiteLLM has no way of its own
    return {}


if __name__ == "__main__":
    run(whole=whole, stream=stream, tools=tools, schema=schema, picture=picture, abort=abort, limited=whole, broken=stream)
