"""The real llama.cpp server does what the settings of sampling ask for, over both ways to it."""

import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from lam.protocol.events import Done

from ..brokers import Mosquitto
from ..running import collect
from ..tunnel import reached

pytestmark = pytest.mark.live

SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string", "maxLength": 12}, "large": {"type": "boolean"}},
    "required": ["city", "large"],
    "additionalProperties": False,
}


@pytest.mark.parametrize("way", ["sse", "mqtt"])
async def test_the_model_server_does_what_the_settings_ask_for(way: str, llama_url: str, tmp_path: Path, broker: Mosquitto) -> None:
    async with reached(way, llama_url, tmp_path / "data", broker) as gateway, gateway.client() as client:

        async def reply(prompt: str, **chosen: Any) -> Done:
            session = (await client.create_session(**chosen))["id"]
            done = (await collect(client, session, prompt))[-1]
            assert isinstance(done, Done)
            return done

        story = {"max_tokens": 12, "temperature": 1.5, "top_p": 1}
        await reply("Tell me a story", **story)  # so that the prompt is in the server's memory for all that follow
        first = await reply("Tell me a story", **story, seed=7)
        assert (await reply("Tell me a story", **story, seed=7)).full_content == first.full_content
        assert (await reply("Tell me a story", **story, seed=8)).full_content != first.full_content
        greedy = await reply("Tell me a story", max_tokens=12, temperature=0)
        assert (await reply("Tell me a story", **story, top_k=1)).full_content == greedy.full_content

        word = greedy.full_content.split()[4]
        ended = await reply("Tell me a story", max_tokens=12, temperature=0, stop=[word])
        assert ended.finish_reason == "stop"
        assert ended.full_content == greedy.full_content[: greedy.full_content.index(word)]

        form = {"type": "json_schema", "json_schema": {"name": "city", "schema": SCHEMA}}
        answer = await reply("Which city is the capital of France?", max_tokens=48, temperature=0, response_format=form)
        assert answer.finish_reason == "stop"
        jsonschema_rs.validate(SCHEMA, json.loads(answer.full_content))
