"""Hostile pictures over HTTP: refused or tamed, each as it should, beside a stream that does not notice."""

import asyncio
import gc
import itertools
from typing import Any

import psutil

from lam.client.client import Client
from lam.media.media import WAITING
from lam.protocol.events import Chunk, Done
from lam.testing.server import Reply, ScriptedServer

from ..media.hostile import SCRIPT, refused, tamed
from ..pictures import fetched, opened, photo, upload, uploaded, written
from ..running import Gateway, collect

STATUS = {"picture_unreadable": 422, "picture_too_large": 413}
METADATA = {"icc_profile", "exif", "xmp", "comment", "Title", "XML:com.adobe.xmp"}


async def require_pixels(client: Client, what: str, media: str) -> None:
    """Everything that was stored is the pixels of one small picture."""
    _, _, data = await fetched(client, media)
    _, _, thumb = await fetched(client, media, thumb="1")
    image = opened(data)
    assert image.mode in ("RGB", "RGBA"), what
    assert max(image.size) <= 1568, what
    assert max(opened(thumb).size) <= 384, what
    assert getattr(image, "n_frames", 1) == 1, what
    assert not image.getexif(), what
    assert not METADATA & image.info.keys(), what
    for stored in (data, thumb):
        assert SCRIPT not in stored, what
        assert b"PK\x03\x04" not in stored, what
    assert written(image), "every pixel can be read"


async def test_hostile_pictures_are_refused_or_tamed_and_do_not_disturb_a_stream(
    gateway: Gateway, scripted: ScriptedServer
) -> None:
    """More than 40 pictures. What the gateway's memory has grown by is printed."""
    pieces = tuple(f"{number} " for number in range(3000))
    scripted.reply = Reply(pieces, hold=True)
    bad, odd = refused(), tamed()
    at_once = asyncio.Semaphore(WAITING // 2)

    async def send(client: Client, data: bytes) -> Any:
        async with at_once:
            return await upload(client, data)

    async def speak() -> None:
        for _ in pieces[1:]:  # the last word comes after the uploads, however long they take
            scripted.step()
            await asyncio.sleep(0.005)  # Time itself: 200 words a second

    async with gateway.client() as client, await gateway.user("eve@example.org") as eve:
        people = itertools.cycle((client, eve))  # a person's files are read one after the other
        await uploaded(client, photo((3000, 2000)))
        gc.collect()
        before = psutil.Process().memory_info().rss
        session = (await client.create_session())["id"]
        stream = asyncio.create_task(collect(client, session))
        speaking = asyncio.create_task(speak())
        files = [*((next(people), data) for data, _ in bad.values()), *((next(people), data) for data in odd.values())]
        answers = await asyncio.gather(*(send(person, data) for person, data in files))
        still_running = not stream.done()
        grown = psutil.Process().memory_info().rss - before
        speaking.cancel()
        scripted.step(len(pieces))
        events = await stream
        print(f"{len(answers)} pictures, memory grown by {grown / (1 << 20):.1f} MiB")
        for (what, (_, codes)), (status, answer) in zip(bad.items(), answers, strict=False):
            assert answer.get("code") in codes, what
            assert status == STATUS[answer["code"]], what
            assert answer["detail"].endswith("."), what
        for what, (person, _), (status, answer) in zip(odd, files[len(bad) :], answers[len(bad) :], strict=True):
            assert status == 201, (what, answer)
            await require_pixels(person, what, answer["id"])
    assert still_running
    assert isinstance(events[-1], Done)
    assert events[-1].full_content == "".join(pieces) == "".join(event.content for event in events if isinstance(event, Chunk))
    assert grown < 32 << 20
