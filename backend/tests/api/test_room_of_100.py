"""A class in a room asks more than there are places for: nothing is lost, no position grows. `bench/room.py` is longer."""

import asyncio
import re
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from lam.testing.classroom import Classroom, reply_to
from lam.testing.server import Reply, ScriptedServer

from ..rooms_of import gateway_with_rooms, open_room


async def test_a_room_of_100_guests_gets_every_reply_whole(tmp_path: Path) -> None:
    most = 0

    def answer(body: dict[str, Any]) -> Reply:
        nonlocal most
        most = max(most, model.active)
        question = str(body["messages"][-1]["content"])
        assert re.fullmatch(r"<\d+\.\d+>", question)
        return replace(reply_to(question, 100), hold=True)

    async def go_on() -> None:
        """Lets the model write once many replies wait for a place."""
        while len(gateway.parts.supervisor.running()) < 60:
            await asyncio.sleep(0.01)
        model.step(1_000_000)

    async with (
        ScriptedServer(answer, slots=20, n_ctx=1 << 20) as model,
        gateway_with_rooms(tmp_path / "data", model.url) as gateway,
    ):
        async with gateway.client() as owner:
            room = await open_room(owner, most=100)
            classroom = Classroom(gateway.url, room["code"], pupils=100, think=0.01)
            await asyncio.gather(classroom.run(0.1), go_on())
            people = await owner.call("GET", f"/api/rooms/{room['id']}/participants")
    report = classroom.report
    assert (report.lost, report.refused, report.moved_back) == ([], {}, 0)
    assert report.answered == report.asked >= 100
    assert sum(person["messages"] for person in people) == 2 * report.answered
    assert most <= 20
    assert any(wait.position > 0 for wait in report.waits), "there were more questions than places"
