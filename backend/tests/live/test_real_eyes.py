"""The demo model looks at pictures, through the whole gateway: the answers are right or wrong."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from lam.client.client import Client
from lam.protocol.events import Done

from ..brokers import Mosquitto
from ..pictures import plain, uploaded
from ..running import Gateway, collect, running_gateway
from ..tunnel import mqtt_gateway, until_ready, worker_process
from ..waiting import until

pytestmark = pytest.mark.live

RGB = {
    "black": (0, 0, 0),
    "white": (255, 255, 255),
    "red": (255, 0, 0),
    "green": (0, 255, 0),
    "blue": (0, 0, 255),
    "yellow": (255, 255, 0),
    "purple": (255, 0, 255),
    "cyan": (0, 255, 255),
}
ORDER = ("blue", "purple", "red")


@asynccontextmanager
async def seeing(way: str, url: str, data: Path, broker: Mosquitto) -> AsyncIterator[Gateway]:
    """A gateway whose model is known to see."""
    if way == "sse":
        async with running_gateway(data, llm_server_url=url) as gateway:
            await until(lambda: gateway.parts.catalog.sees(None))
            yield gateway
    else:
        async with mqtt_gateway(data, broker) as gateway, worker_process(url, broker, "one", "--slots", "1"):
            await until_ready(gateway)
            await until(lambda: gateway.parts.catalog.sees(None))
            yield gateway


async def answer(client: Client, session: int, question: str | None, *colours: str, **options: Any) -> str:
    """The reply to a question about these pictures."""
    if colours:
        options["images"] = [(await uploaded(client, plain(RGB[colour], (64, 48))))["id"] for colour in colours]
    done = (await collect(client, session, question, **options))[-1]
    assert isinstance(done, Done), done
    return done.full_content.lower()


def named(text: str) -> list[str]:
    """The colours in a text, in the order of their first places."""
    return sorted((colour for colour in RGB if colour in text), key=text.index)


@pytest.mark.sqlite
@pytest.mark.timeout(300)
@pytest.mark.parametrize("way", ["sse", "mqtt"])
async def test_three_pictures_are_named_in_their_order(way: str, llama_url: str, broker: Mosquitto, tmp_path: Path) -> None:
    async with seeing(way, llama_url, tmp_path / "data", broker) as gateway, gateway.client() as client:
        session = (await client.create_session(temperature=0, max_tokens=12))["id"]
        first = await answer(client, session, "Name the colours.", *ORDER)
        again = await answer(client, session, None, regenerate=True)
        assert named(first) == list(ORDER)
        assert again == first
        (model,) = (await client.call("GET", "/api/models"))["models"]
        assert model["can"]["images"] is True
        assert "eight colours" in model["note"]


@pytest.mark.timeout(300)
async def test_pictures_are_named_the_same_after_an_edit_and_after_export_and_import(
    llama_url: str, broker: Mosquitto, tmp_path: Path
) -> None:
    async with seeing("sse", llama_url, tmp_path / "data", broker) as gateway, gateway.client() as client:
        session = (await client.create_session(temperature=0, max_tokens=12))["id"]
        assert named(await answer(client, session, "Name the colours.", *ORDER[:2], "blue"))[:2] == list(ORDER[:2])
        assert named(await answer(client, session, "Name the colours.", *ORDER, parent_id=0)) == list(ORDER)
        file = await client.call("GET", f"/api/chatbot/sessions/{session}/export")
        await client.call("DELETE", f"/api/chatbot/sessions/{session}")
        imported = (await client.call("POST", "/api/chatbot/sessions/import", file))["id"]
        assert named(await answer(client, imported, None, regenerate=True)) == list(ORDER)


@pytest.mark.timeout(300)
async def test_each_of_eight_colours_is_told_apart(llama_url: str, broker: Mosquitto, tmp_path: Path) -> None:
    async with seeing("sse", llama_url, tmp_path / "data", broker) as gateway, gateway.client() as client:
        for colour in RGB:
            session = (await client.create_session(temperature=0, max_tokens=9))["id"]
            assert named(await answer(client, session, "Name the colour of the picture.", colour)) == [colour]
