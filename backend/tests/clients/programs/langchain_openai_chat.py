"""langchain-openai's ChatOpenAI."""

from typing import Any

from langchain_core.messages import HumanMessage, ToolMessage
from langchain_openai import ChatOpenAI
from program import SUNNY, TOWN, Ask, data_uri, run


def model(ask: Ask, **options: Any) -> ChatOpenAI:
    about: dict[str, Any] = {"base_url": f"{ask['url']}/v1", "api_key": ask["key"], "max_retries": 0}
    return ChatOpenAI(model=ask["model"], **about, **options)


def about(message: Any) -> dict[str, Any]:
    usage = message.usage_metadata
    return {
        "usage": [usage["input_tokens"], usage["output_tokens"]] if usage else None,
        "finish": message.response_metadata.get("finish_reason"),
    }


def whole(ask: Ask, said: list[str]) -> dict[str, Any]:
    found = model(ask).invoke(ask["prompt"])
    said.append(str(found.content))
    return about(found)


def stream(ask: Ask, said: list[str]) -> dict[str, Any]:
    full: Any = None
    for chunk in model(ask, stream_usage=True).stream(ask["prompt"]):
        said.append(str(chunk.content))
        full = chunk if full is None else full + chunk
    return about(full)


def get_weather(city: str) -> str:
    """The weather of a city."""
    return SUNNY


def tools(ask: Ask, said: list[str]) -> dict[str, Any]:
    bound = model(ask).bind_tools([get_weather])
    messages: list[Any] = [HumanMessage(ask["prompt"])]
    first: Any = None
    for chunk in bound.stream(messages):
        first = chunk if first is None else first + chunk
    [call] = first.tool_calls
    messages += [first, ToolMessage(get_weather(**call["args"]), tool_call_id=call["id"])]
    said.append(str(bound.invoke(messages).content))
    return {"name": call["name"], "arguments": call["args"], "finish": first.response_metadata.get("finish_reason")}


def schema(ask: Ask, said: list[str]) -> dict[str, Any]:
    wanted = TOWN | {"title": "town"}
    return {"value": model(ask).with_structured_output(wanted, method="json_schema").invoke(ask["prompt"])}


def picture(ask: Ask, said: list[str]) -> dict[str, Any]:
    parts: list[Any] = [{"type": "text", "text": ask["prompt"]}, {"type": "image_url", "image_url": {"url": data_uri(ask)}}]
    said.append(str(model(ask).invoke([HumanMessage(parts)]).content))
    return {}


def abort(ask: Ask, said: list[str]) -> dict[str, Any]:
    chunks: Any = model(ask).stream(ask["prompt"])
    for chunk in chunks:
        if chunk.content:
            said.append(chunk.content)
            break
    chunks.close()
    return {}


if __name__ == "__main__":
    run(whole=whole, stream=stream, tools=tools, schema=schema, picture=picture, abort=abort, limited=whole, broken=stream)
