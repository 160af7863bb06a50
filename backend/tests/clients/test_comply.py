"""llm-comply, which compares an interface with its official description: without an error, and without a warning."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from lam.testing.server import Reply, ScriptedServer

from ..running import Gateway, running_gateway
from . import cases

# It tries thoughts only with models whose names are known for them.
NAMES = {"anthropic": "claude-sonnet-4-scripted", "openai-chat": "gpt-5-scripted"}
# It warns of a count that no server of models gives: how many of the tokens were thoughts.
UNKNOWN = "reasoning_tokens is 0"


@pytest.fixture(params=NAMES)
async def compared(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[tuple[str, Gateway]]:
    """A format, and a gateway whose model answers what llm-comply asks."""
    name = NAMES[request.param]
    async with ScriptedServer(model=name) as server:
        server.sees = True
        server.reply = answer
        async with running_gateway(tmp_path / "data", llm_server_url=server.url) as gateway:
            yield request.param, gateway


def answer(body: dict[str, Any]) -> Reply:
    if body.get("tools"):
        return cases.called("get_weather", {"location": "San Francisco"})
    thinking = ("15 times 37", " is 555.") if "15 * 37" in json.dumps(body["messages"]) else ()
    return Reply(("Hello", " there"), thinking=thinking)


async def test_what_is_answered_fits_the_official_description(compared: tuple[str, Gateway]) -> None:
    kind, gateway = compared
    words = ["--format", kind, "-u", f"{gateway.url}/v1", "-k", gateway.token, "-m", NAMES[kind], "--json", "-v", "-i", UNKNOWN]
    if kind == "anthropic":
        words += ["--auth-header", "x-api-key", "--no-bearer", "-H", "anthropic-version:2023-06-01"]
    command = (sys.executable, "-W", "ignore", "-m", "llm_comply.cli", *words)
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, stdout=pipe, stderr=pipe)
    output, said = await process.communicate()
    assert output, said.decode()
    results = json.loads(output)["results"]
    wrong = [result for result in results if result["status"] != "passed" or result.get("warnings")]
    assert not wrong, json.dumps(wrong, indent=1)[:8000]
    assert len(results) >= 9
