"""Killed in the middle of uploads and of messages with pictures: what was answered is stored, and nothing is half stored."""

import asyncio
import contextlib
import hashlib
import itertools
import random
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest

from lam.client.client import Client
from lam.errors import GatewayUnreachable
from lam.storage.database import Database
from lam.testing.server import Reply, ScriptedServer

from .. import databases
from ..pictures import fetched, opened, plain, upload
from ..running import Gateway, gateway_process
from .test_kill import rows

pytestmark = [pytest.mark.live, pytest.mark.timeout(300)]

ROUNDS = 3
PEOPLE = 3


async def test_a_death_in_the_middle_leaves_whole_pictures_and_whole_messages(tmp_path: Path, scripted: ScriptedServer) -> None:
    scripted.sees, scripted.reply = True, Reply(("One ", "two."), rate=20)
    data, stored, answered = tmp_path / "data", list[str](), 0
    for number in range(ROUNDS):
        async with gateway_process(data, llm_server_url=scripted.url) as (process, gateway):
            progress = asyncio.Event()
            people = [asyncio.create_task(talk(gateway, stored, number * PEOPLE + one, progress)) for one in range(PEOPLE)]
            await progress.wait()  # the first upload of this round is complete
            await asyncio.sleep(random.uniform(0, 1.5))  # Time itself: the moment is what is random here
            process.kill()
            await process.wait()
            await asyncio.gather(*people)
        answered = await require_whole(data, stored)
    assert answered, "there were messages to look at"
    async with gateway_process(data, llm_server_url=scripted.url) as (_, gateway), gateway.client() as client:
        for media in stored:
            assert (await fetched(client, media))[0] == 200
        for session in await client.call("GET", "/api/chatbot/sessions"):
            await client.call("DELETE", f"/api/chatbot/sessions/{session['id']}")
    database = Database(databases.url_for(data))
    assert await rows(database, "SELECT * FROM message_media") == []
    await database.close()


async def talk(gateway: Gateway, stored: list[str], name: int, progress: asyncio.Event) -> None:
    """Uploads pictures and sends messages with them, until the gateway dies."""
    with contextlib.suppress(aiohttp.ClientError, GatewayUnreachable):
        async with gateway.client() as client:
            session = (await client.create_session())["id"]
            for number in itertools.count():
                media = [await one(client, stored, (name, number % 256, place)) for place in range(2)]
                progress.set()
                body = {"session_id": session, "content": "What?", "images": media, "on_disconnect": "continue"}
                await client.call("POST", "/api/chatbot/messages", body)


async def one(client: Client, stored: list[str], colour: tuple[int, int, int]) -> str:
    status, answer = await upload(client, plain(colour, (300, 200)))
    assert status == 201
    stored.append(answer["id"])
    return str(answer["id"])


async def require_whole(data: Path, stored: list[str]) -> int:
    """Looks at the database that a dead gateway left. Returns how many messages show pictures."""
    database = Database(databases.url_for(data))
    try:
        pictures = await rows(database, "SELECT sha256, width, height, size, data FROM pictures")
        for sha256, width, height, size, content in pictures:
            assert hashlib.sha256(content).hexdigest() == sha256
            assert (opened(content).size, len(content)) == ((width, height), size)
        media = dict(await rows(database, "SELECT id, sha256 FROM media"))
        assert set(media.values()) == {sha256 for sha256, *_ in pictures}
        assert set(stored) <= media.keys()
        links = {tuple(row) for row in await rows(database, "SELECT message_id, media_id FROM message_media")}
        shown = set[tuple[int, str]]()
        for message, parts in await rows(database, "SELECT id, parts FROM messages WHERE parts IS NOT NULL"):
            parsed: Any = msgspec.json.decode(parts) if isinstance(parts, str) else parts
            shown |= {(message, part["id"]) for part in parsed if part["type"] == "image"}
        assert links == shown
        return len({message for message, _ in shown})
    finally:
        await database.close()
