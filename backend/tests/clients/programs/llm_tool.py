"""Simon Willison's `llm`, with the model in its file for OpenAI-compatible servers."""

import base64
import json
import os
import tempfile
from pathlib import Path
from typing import Any

FOLDER = Path(tempfile.mkdtemp(prefix="lam-llm-"))
os.environ["LLM_USER_PATH"] = str(FOLDER)

import llm
from program import SUNNY, TOWN, Ask, run


def model(ask: Ask) -> Any:
    about = {"api_base": f"{ask['url']}/v1", "supports_schema": True, "supports_tools": True, "vision": True, "api_key_name": "lam"}
    entry = {"model_id": "lam", "model_name": ask["model"]} | about
    (FOLDER / "extra-openai-models.yaml").write_text(json.dumps([entry]))  # JSON is YAML
    found: Any = llm.get_model("lam")
    found.key = ask["key"]
    return found


def whole(ask: Ask, said: list[str]) -> dict[str, Any]:
    found = model(ask).prompt(ask["prompt"], stream=False)
    said.append(found.text())
    usage = found.usage()
    return {"usage": [usage.input, usage.output]}


def stream(ask: Ask, said: list[str]) -> dict[str, Any]:
    found = model(ask).prompt(ask["prompt"])
    said.extend(found)
    usage = found.usage()
    return {"usage": [usage.input, usage.output]}


def broken(ask: Ask, said: list[str]) -> dict[str, Any]:
    for piece in model(ask).prompt(ask["prompt"]):
        said.append(piece)  # noqa: PERF402 - what came before the failure is the point
    return {}


def tools(ask: Ask, said: list[str]) -> dict[str, Any]:
    calls = []

    def get_weather(city: str) -> str:
        """The weather of a city."""
        calls.append({"city": city})
        return SUNNY

    said.append(model(ask).chain(ask["prompt"], tools=[get_weather]).text())
    return {"name": "get_weather", "arguments": calls[0]}


def schema(ask: Ask, said: list[str]) -> dict[str, Any]:
    return {"value": json.loads(model(ask).prompt(ask["prompt"], schema=TOWN).text())}


def picture(ask: Ask, said: list[str]) -> dict[str, Any]:
    attachment = llm.Attachment(type="image/png", content=base64.b64decode(ask["picture"]))
    said.append(model(ask).prompt(ask["prompt"], attachments=[attachment]).text())
    return {}


def abort(ask: Ask, said: list[str]) -> dict[str, Any]:
    pieces: Any = iter(model(ask).prompt(ask["prompt"]))
    said.append(next(pieces))
    return {"ends": True}


if __name__ == "__main__":
    run(whole=whole, stream=stream, tools=tools, schema=schema, picture=picture, abort=abort, limited=whole, broken=broken)
