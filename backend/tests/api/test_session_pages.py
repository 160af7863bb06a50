"""The list of sessions by pages: complete, in order, and without repetition, whatever happens between two of them."""

from typing import Any

import pytest

from lam.client.client import Client
from lam.errors import Invalid, LamError

from ..running import Gateway, collect

SESSIONS = "/api/chatbot/sessions"


async def page(client: Client, **query: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = await client.call("GET", SESSIONS, **query)
    return found


async def pages(client: Client, **query: Any) -> list[list[dict[str, Any]]]:
    found = [await page(client, **query)]
    while len(found[-1]) >= query["limit"]:
        found.append(await page(client, **query, before=found[-1][-1]["cursor"]))
    return found


def titles(sessions: list[dict[str, Any]]) -> list[str]:
    return [session["title"] for session in sessions]


async def sessions(client: Client, count: int) -> list[int]:
    return [(await client.create_session(title=f"{number}"))["id"] for number in range(count)]


async def test_without_a_limit_all_sessions_are_listed_as_they_were_used(gateway: Gateway) -> None:
    async with gateway.client() as client:
        ids = await sessions(client, 3)
        await client.call("PATCH", f"{SESSIONS}/{ids[0]}", {"pinned": True})
        assert titles(await page(client)) == ["2", "1", "0"]


async def test_pages_follow_each_other_without_gap_or_repetition(gateway: Gateway) -> None:
    async with gateway.client() as client:
        await sessions(client, 7)
        found = await pages(client, limit=3)
        assert [titles(each) for each in found] == [["6", "5", "4"], ["3", "2", "1"], ["0"]]
        listed = [session["cursor"] for each in found for session in each]
        assert listed == sorted(listed, reverse=True), "cursors sort as the list does"
        assert await page(client, limit=3, before=listed[-1]) == []


async def test_pinned_sessions_come_first_and_count_in_no_page(gateway: Gateway) -> None:
    async with gateway.client() as client:
        ids = await sessions(client, 6)
        for number in (0, 4):
            await client.call("PATCH", f"{SESSIONS}/{ids[number]}", {"pinned": True})
        first = await page(client, limit=2)
        assert titles(first) == ["4", "0", "5", "3"]
        assert titles(await page(client, limit=2, before=first[-1]["cursor"])) == ["2", "1"]
        assert titles(await page(client, pinned="true")) == ["4", "0"]
        assert titles(await page(client, pinned="true", limit=1)) == ["4", "0"], "a limit counts the others"
        assert titles(await page(client, pinned="false", limit=3)) == ["5", "3", "2"]


async def test_a_page_of_a_folder_has_what_is_in_it_and_none_has_what_is_in_no_folder(gateway: Gateway) -> None:
    async with gateway.client() as client:
        folder = (await client.call("POST", "/api/chatbot/folders", {"name": "Work"}))["id"]
        ids = await sessions(client, 6)
        for number in (1, 3, 5):
            await client.call("PATCH", f"{SESSIONS}/{ids[number]}", {"folder_id": folder})
        await client.call("PATCH", f"{SESSIONS}/{ids[1]}", {"pinned": True})
        assert titles(await page(client, folder=folder)) == ["5", "3", "1"]
        assert [titles(each) for each in await pages(client, folder=folder, limit=1, pinned="false")] == [["5"], ["3"], []]
        assert titles(await page(client, folder=folder, limit=9)) == ["1", "5", "3"]
        assert titles(await page(client, folder="none", limit=9)) == ["4", "2", "0"]
        assert len(await page(client, limit=9)) == 6


async def test_a_place_stays_one_when_its_session_is_deleted_used_or_moved(gateway: Gateway) -> None:
    async with gateway.client() as client:
        ids = await sessions(client, 6)
        first = await page(client, limit=3)
        await client.call("DELETE", f"{SESSIONS}/{ids[3]}")
        assert titles(await page(client, limit=2, before=first[-1]["cursor"])) == ["2", "1"]
        await collect(client, ids[1])
        assert titles(await page(client, limit=9, before=first[-1]["cursor"])) == ["2", "0"]
        assert titles(await page(client, limit=2)) == ["1", "5"], "what was used meanwhile stands first"


async def test_sessions_of_one_moment_are_listed_once_each(gateway: Gateway) -> None:
    async with gateway.client() as client:
        ids = await sessions(client, 5)
        async with gateway.parts.database.write() as unit:
            moment = (await unit.sessions.newest(1))[0][0].last_used_at
            for number in ids:
                await unit.sessions.change(number, last_used_at=moment)
        found = await pages(client, limit=2)
        assert [session["id"] for each in found for session in each] == ids[::-1]


@pytest.mark.parametrize(
    "query",
    [
        *({"limit": limit} for limit in (0, -1, 501, "x")),
        *({"before": before} for before in ("", "1", "zz", "f" * 23, "0" * 22, "٠" * 23, "0" * 65)),
        *({"folder": folder} for folder in (0, -1, "all", "", 2**31)),
        {"pinned": "maybe"},
    ],
)
async def test_a_query_that_makes_no_sense_is_refused(query: dict[str, Any], gateway: Gateway) -> None:
    async with gateway.client() as client:
        with pytest.raises(LamError) as caught:
            await page(client, **query)
        assert caught.value.code == Invalid.code


async def test_a_place_at_the_beginning_of_time_is_a_place(gateway: Gateway) -> None:
    async with gateway.client() as client:
        await client.create_session()
        assert await page(client, before="0" * 23) == []
