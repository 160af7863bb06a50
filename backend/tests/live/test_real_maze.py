"""The real model plays the maze, over both ways to it."""

import asyncio
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from lam.client.client import Client
from lam.maze.answers import read
from lam.protocol.events import Chunk, Done, Event

from ..brokers import Mosquitto
from ..tunnel import reached

pytestmark = pytest.mark.live

HINTS = 4


async def hint(client: Client, game: int, **body: Any) -> list[Event]:
    return [event async for _, event in client.events("POST", f"/api/maze/games/{game}/hint", body)]


@pytest.mark.parametrize("forcing", ["legal", "shape"])
@pytest.mark.parametrize("way", ["sse", "mqtt"])
async def test_the_model_moves_as_its_answers_say(
    way: str, forcing: str, llama_url: str, tmp_path: Path, broker: Mosquitto
) -> None:
    async with reached(way, llama_url, tmp_path / "data", broker) as gateway, gateway.client() as client:
        game = await client.call("POST", "/api/maze/games", {"mode": "lam", "set": "practice", "forcing": forcing})
        for _ in range(HINTS):
            assert isinstance((await hint(client, game["id"]))[-1], Done)
        replay = await client.call("GET", f"/api/maze/games/{game['id']}/replay")
        assert len(replay["actions"]) == HINTS
        for one, action in zip(replay["hints"], replay["actions"], strict=True):
            assert one["forcing"] == forcing
            answer = read(one["answer"])
            assert one["reading"] == answer.reading
            assert one["action"] == (action["action"] if answer.action else None)
            assert one["legal"] == action["legal"]
            assert forcing == "shape" or (action["legal"] and answer.reading == "exact")


async def test_a_newer_state_frees_the_models_slot(llama_url: str, tmp_path: Path, broker: Mosquitto) -> None:
    async with reached("sse", llama_url, tmp_path / "data", broker) as gateway, gateway.client() as client:
        talkative = {"forcing": "none", "prompt": "Never answer in JSON. Tell a very long story.", "max_tokens": 2000}
        game = await client.call("POST", "/api/maze/games", {"mode": "manual", "seed": 5, **talkative})
        seen: list[int] = []
        events = client.events("POST", f"/api/maze/games/{game['id']}/hint", {"on_disconnect": "continue"})
        async for _, event in events:
            if isinstance(event, Chunk):
                break
        await events.aclose()
        newer = asyncio.create_task(hint(client, game["id"], after=0, actions=[{"action": "wait"}], on_disconnect="continue"))
        async with aiohttp.ClientSession() as http:

            async def busy() -> int:
                async with http.get(f"{llama_url}/slots") as slots:
                    seen.append(sum(slot["is_processing"] for slot in await slots.json()))
                return seen[-1]

            state = {"stream_id": None}
            while not state["stream_id"]:
                state = await client.call("GET", f"/api/maze/games/{game['id']}")
            async with asyncio.timeout(5):
                while await busy() > 1:
                    await asyncio.sleep(0.05)  # Time itself: how often the server is asked
            await client.stop(state["stream_id"])
            await newer
            async with asyncio.timeout(5):
                while await busy():
                    await asyncio.sleep(0.05)  # Time itself: how often the server is asked
