"""A guest of a room: comes in by a code, and talks with the gateway as a browser does that has only the room's cookie."""

from typing import Self

import aiohttp

from lam.client.client import Client, raise_for


class Guest(Client):
    """`room`, `session`: where the guest is."""

    def __init__(self, url: str, room: int, session: int, token: str) -> None:
        super().__init__(url)
        self.room, self.session = room, session
        self._headers = {"Cookie": f"lam_guest_r{room}={token}", "Origin": self.url}

    @classmethod
    async def enter(cls, url: str, code: str, nickname: str) -> Self:
        """Returns a new guest, whose context is to be entered. Raises the LamError in the gateway's answer."""
        async with aiohttp.ClientSession() as http:
            async with http.post(f"{url}/api/rooms/join", json={"code": code, "nickname": nickname}) as answer:
                await raise_for(answer)
                joined = await answer.json()
                token = answer.cookies[f"lam_guest_r{joined['room_id']}"].value
        return cls(url, joined["room_id"], joined["session_id"], token)
