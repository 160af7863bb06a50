"""pydantic-ai's agents, with its model for OpenAI's format."""

import asyncio
import base64
from typing import Any

import openai
from program import SUNNY, Ask, run
from pydantic import BaseModel
from pydantic_ai import Agent, BinaryContent
from pydantic_ai.messages import ModelResponse, ToolCallPart
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider


class Town(BaseModel):
    city: str
    people: int


def model(ask: Ask) -> Any:
    client = openai.AsyncOpenAI(base_url=f"{ask['url']}/v1", api_key=ask["key"], max_retries=0)
    return OpenAIChatModel(ask["model"], provider=OpenAIProvider(openai_client=client))


def about(usage: Any) -> dict[str, Any]:
    return {"usage": [usage.input_tokens, usage.output_tokens]}


def whole(ask: Ask, said: list[str]) -> dict[str, Any]:
    found = Agent(model(ask)).run_sync(ask["prompt"])
    said.append(found.output)
    return about(found.usage() if callable(found.usage) else found.usage)


def stream(ask: Ask, said: list[str]) -> dict[str, Any]:
    async def read() -> Any:
        async with Agent(model(ask)).run_stream(ask["prompt"]) as found:
            async for piece in found.stream_text(delta=True, debounce_by=None):
                said.append(piece)  # noqa: PERF401 - what came before a failure counts
            return found.usage() if callable(found.usage) else found.usage

    return about(asyncio.run(read()))


def tools(ask: Ask, said: list[str]) -> dict[str, Any]:
    agent: Any = Agent(model(ask))

    @agent.tool_plain
    def get_weather(city: str) -> str:
        """The weather of a city."""
        return SUNNY

    found = agent.run_sync(ask["prompt"])
    said.append(found.output)
    parts = [part for message in found.all_messages() if isinstance(message, ModelResponse) for part in message.parts]
    [call] = [part for part in parts if isinstance(part, ToolCallPart)]
    return {"name": call.tool_name, "arguments": call.args_as_dict()}


def schema(ask: Ask, said: list[str]) -> dict[str, Any]:
    found: Any = Agent(model(ask), output_type=Town).run_sync(ask["prompt"])
    return {"value": found.output.model_dump()}


def picture(ask: Ask, said: list[str]) -> dict[str, Any]:
    content = BinaryContent(base64.b64decode(ask["picture"]), media_type="image/png")
    said.append(Agent(model(ask)).run_sync([ask["prompt"], content]).output)
    return {}


def abort(ask: Ask, said: list[str]) -> dict[str, Any]:
    async def read() -> None:
        async with Agent(model(ask)).run_stream(ask["prompt"]) as found:
            async for piece in found.stream_text(delta=True, debounce_by=None):
                said.append(piece)
                await found.cancel()
                return

    asyncio.run(read())
    return {}


if __name__ == "__main__":
    run(whole=whole, stream=stream, tools=tools, schema=schema, picture=picture, abort=abort, limited=whole, broken=stream)
