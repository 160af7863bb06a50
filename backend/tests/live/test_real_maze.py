"""The real model plays the maze, over both ways to it."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from lam.client.client import Client
from lam.maze.answers import read
from lam.protocol.events import Chunk, Done, Event, Metadata

from ..brokers import Mosquitto
from ..tunnel import reached

pytestmark = [pytest.mark.live, pytest.mark.timeout(400)]

HINTS = 2  # each reads the whole map anew


async def hint(client: Client, game: int, **body: Any) -> list[Event]:
    return [event async for _, event in client.events("POST", f"/api/maze/games/{game}/hint", body)]


@pytest.mark.parametrize(("way", "forcing"), [("sse", "legal"), ("mqtt", "shape")])
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
    async with (
        reached("sse", llama_url, tmp_path / "data", broker) as gateway,
        gateway.client() as client,
        aiohttp.ClientSession() as http,
    ):

        async def busy() -> int:
            async with http.get(f"{llama_url}/slots") as slots:
                return sum(slot["is_processing"] for slot in await slots.json())

        talkative = {"forcing": "none", "prompt": "Never answer in JSON. Tell a very long story.", "max_tokens": 2000}
        game = await client.call("POST", "/api/maze/games", {"mode": "manual", "seed": 5, "size": 5, **talkative})
        streams: list[str] = []
        for number in range(3):
            body = {"after": number, "actions": [{"action": "wait"}], "on_disconnect": "continue"}
            async with aclosing(client.events("POST", f"/api/maze/games/{game['id']}/hint", body)) as events:
                async for _, event in events:
                    if isinstance(event, Metadata):
                        streams.append(event.stream_id or "")
                        assert await soon(busy, 1) <= 1
                    if isinstance(event, Chunk):
                        break
        assert len(set(streams)) == 3
        await client.stop(streams[-1])
        assert await soon(busy, 0) == 0
        replay = await client.call("GET", f"/api/maze/games/{game['id']}/replay")
        assert [(one["status"], one["after"]) for one in replay["hints"]] == [("cancelled", number) for number in (1, 2, 3)]


async def soon(number: Callable[[], Awaitable[int]], most: int) -> int:
    """Returns the number once it is at most `most`, or what it is after a fraction of the time that 2,000 tokens take."""
    deadline = time.monotonic() + 10
    while (now := await number()) > most and time.monotonic() < deadline:
        await asyncio.sleep(0.05)  # Time itself: how often the server is asked
    return now
