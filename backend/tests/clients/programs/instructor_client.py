"""instructor over openai-python, in its usual mode: the answer is the arguments of a tool that the model must call."""

from typing import Any

import instructor
from openai import OpenAI
from program import Ask, data_uri, run
from pydantic import BaseModel


class Town(BaseModel):
    city: str
    people: int


def client(ask: Ask) -> Any:
    plain = OpenAI(base_url=f"{ask['url']}/v1", api_key=ask["key"], max_retries=0)
    return instructor.from_openai(plain, mode=instructor.Mode.TOOLS)


def asked(ask: Ask) -> dict[str, Any]:
    messages = [{"role": "user", "content": ask["prompt"]}]
    return {"model": ask["model"], "messages": messages, "max_retries": 0}


def schema(ask: Ask, said: list[str]) -> dict[str, Any]:
    return {"value": client(ask).chat.completions.create(response_model=Town, **asked(ask)).model_dump()}


def stream(ask: Ask, said: list[str]) -> dict[str, Any]:
    found: Any = None
    for partial in client(ask).chat.completions.create_partial(response_model=Town, **asked(ask)):
        found = partial
    return {"value": found.model_dump()}


def picture(ask: Ask, said: list[str]) -> dict[str, Any]:
    parts = asked(ask)
    image = {"type": "image_url", "image_url": {"url": data_uri(ask)}}
    parts["messages"][0]["content"] = [{"type": "text", "text": ask["prompt"]}, image]
    return {"value": client(ask).chat.completions.create(response_model=Town, **parts).model_dump()}


if __name__ == "__main__":
    run(stream=stream, schema=schema, picture=picture, limited=schema, broken=stream)
