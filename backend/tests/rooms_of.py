"""Rooms for tests: a gateway that has them, and people who come in by the code."""

import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from lam.client.client import Client
from lam.client.guest import Guest

from .running import Gateway, running_gateway


@contextlib.asynccontextmanager
async def gateway_with_rooms(data: Path, url: str, **settings: Any) -> AsyncIterator[Gateway]:
    async with running_gateway(data, llm_server_url=url, lam_rooms=True, **settings) as gateway:
        yield gateway


def soon(**after: float) -> str:
    """A time in so long, by default a week."""
    return (datetime.now(UTC) + timedelta(**(after or {"days": 7}))).isoformat()


async def open_room(owner: Client, **fields: Any) -> dict[str, Any]:
    room: dict[str, Any] = await owner.call("POST", "/api/rooms", {"title": "Class", "expires_at": soon()} | fields)
    return room


@contextlib.asynccontextmanager
async def entered(gateway: Gateway, code: str, nickname: str) -> AsyncIterator[Guest]:
    """A new guest of the room with this code."""
    async with await Guest.enter(gateway.url, code, nickname) as guest:
        yield guest
