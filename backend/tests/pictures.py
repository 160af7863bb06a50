"""Pictures for tests, made by code: good ones, and uploads of them."""

import io
import random
from typing import Any

from PIL import Image

from lam.client.client import Client

RED, GREEN, BLUE = (220, 20, 30), (10, 160, 60), (20, 40, 200)


def written(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    """The bytes of a picture in a format of Pillow's."""
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def plain(colour: tuple[int, ...] = RED, size: tuple[int, int] = (40, 30), kind: str = "PNG", **options: Any) -> bytes:
    """A picture of one colour."""
    return written(Image.new("RGBA" if len(colour) == 4 else "RGB", size, colour), kind, **options)


def photo(size: tuple[int, int] = (400, 300), kind: str = "JPEG", **options: Any) -> bytes:
    """A picture with as much detail as a photograph, always the same."""
    small = (max(1, size[0] // 4), max(1, size[1] // 4))
    spots = random.Random(0).randbytes(small[0] * small[1] * 3)
    return written(Image.frombytes("RGB", small, spots).resize(size), kind, **options)


def opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


async def upload(client: Client, data: bytes) -> tuple[int, dict[str, Any]]:
    """Sends a picture and returns the status and the answer."""
    async with client._http.post(f"{client.url}/api/media", data=io.BytesIO(data)) as response:
        return response.status, await response.json()


async def uploaded(client: Client, data: bytes) -> dict[str, Any]:
    status, answer = await upload(client, data)
    assert status == 201, answer
    return answer


async def fetched(client: Client, media_id: str, **query: str) -> tuple[int, dict[str, str], bytes]:
    """Returns status, headers and bytes of a picture."""
    async with client._http.get(f"{client.url}/api/media/{media_id}", params=query) as response:
        return response.status, dict(response.headers), await response.read()
