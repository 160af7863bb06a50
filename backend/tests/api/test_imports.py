"""Imports over HTTP: a preview that stores nothing, sessions one by one, and no session twice."""

import asyncio
import io
import json
from typing import Any

import pytest

from lam.client.client import Client

from ..chat.exports import gpt, gpt_message, packed, webui, written
from ..running import Gateway, running_gateway


async def send(gateway: Gateway, client: Client, data: bytes, *, dry: bool = False) -> tuple[int, list[dict[str, Any]]]:
    url = f"{gateway.url}/api/chatbot/imports" + ("?dry_run=true" if dry else "")
    async with client._http.post(url, data=io.BytesIO(data)) as response:
        return response.status, [json.loads(line) for line in (await response.read()).splitlines()]


def talk(number: int, **fields: Any) -> dict[str, Any]:
    turn, reply = gpt_message("user", f"Question {number}"), gpt_message("assistant", f"Answer {number}")
    return gpt(("u", None, turn), ("a", "u", reply), title=f"Talk {number}", conversation_id=f"c-{number}", **fields)


PICTURE = gpt_message("user", {"content_type": "image_asset_pointer"}, "See?")


async def test_a_preview_says_what_would_come_and_stores_nothing(gateway: Gateway) -> None:
    data = packed(
        ("conversations.json", [talk(1), gpt(("u", None, PICTURE), conversation_id="c-9", title="Cat"), gpt(title="Empty")])
    )
    async with gateway.client() as client:
        status, [preview] = await send(gateway, client, data, dry=True)
        assert status == 200
        assert preview.pop("room") == 20_000
        assert preview == {
            "source": "chatgpt",
            "sessions": 2,
            "messages": 3,
            "branches": 0,
            "documents": 0,
            "earlier": 0,
            "titles": ["Talk 1", "Cat"],
            "left": {"image": 1},
            "refused": 1,
            "problems": [{"title": "Empty", "reason": "It holds no messages."}],
        }
        assert await client.call("GET", "/api/chatbot/sessions") == []


async def test_an_import_creates_the_sessions_and_a_second_one_skips_them(gateway: Gateway) -> None:
    data = written([talk(1), talk(2, create_time=1600000000), gpt(title="Empty")])
    async with gateway.client() as client, await gateway.user("other@example.org") as other:
        status, lines = await send(gateway, client, data)
        assert status == 200
        assert [(line["done"], line["skipped"], line["refused"], line["complete"]) for line in lines] == [
            (1, 0, 0, False),
            (2, 0, 0, False),
            (2, 0, 1, False),
            (2, 0, 1, True),
        ]
        assert [line["problems"] for line in lines] == [[]] * 3 + [[{"title": "Empty", "reason": "It holds no messages."}]]
        listed = await client.call("GET", "/api/chatbot/sessions")
        assert [session["title"] for session in listed] == ["Talk 1", "Talk 2"]
        assert [session["last_used_at"][:4] for session in listed] == ["2023", "2020"]
        shown = await client.call("GET", f"/api/chatbot/sessions/{lines[-1]['first']}/messages")
        assert [message["content"] for message in shown] == ["Question 1", "Answer 1"]
        assert (await send(gateway, client, data, dry=True))[1][0]["earlier"] == 2
        again = (await send(gateway, client, written([talk(2), talk(3)])))[1][-1]
        assert (again["done"], again["skipped"]) == (1, 1)
        await client.call("DELETE", f"/api/chatbot/sessions/{lines[-1]['first']}")
        assert (await send(gateway, client, data))[1][-1]["done"] == 1
        assert (await send(gateway, other, data))[1][-1]["done"] == 2


async def test_two_imports_of_one_file_at_once_bring_each_session_once(gateway: Gateway) -> None:
    data = written([talk(number) for number in range(10)])
    async with gateway.client() as client:
        both = await asyncio.gather(send(gateway, client, data), send(gateway, client, data))
        assert sum(lines[-1]["done"] for _, lines in both) == 10
        assert sum(lines[-1]["skipped"] for _, lines in both) == 10
        assert len(await client.call("GET", "/api/chatbot/sessions")) == 10


@pytest.mark.parametrize("dry", [True, False])
async def test_a_file_that_is_no_export_is_refused(dry: bool, gateway: Gateway) -> None:
    async with gateway.client() as client:
        for data in (b"", b"text", b"{}", b"PK\x03\x04", b"[{"):
            status, [answer] = await send(gateway, client, data, dry=dry)
            assert (status, answer["code"]) == (422, "invalid")
            assert answer["detail"].endswith(".")
        assert await client.call("GET", "/api/chatbot/sessions") == []


async def test_an_import_that_finds_no_more_room_keeps_what_it_has(tmp_path: Any) -> None:
    async with running_gateway(tmp_path, lam_max_sessions_per_user=2) as gateway, gateway.client() as client:
        data = written([talk(number) for number in range(4)])
        assert (await send(gateway, client, data, dry=True))[1][0]["room"] == 2
        last = (await send(gateway, client, data))[1][-1]
        assert (last["done"], last["complete"], last["code"]) == (2, False, "too_many_sessions")
        status, [answer] = await send(gateway, client, written([talk(7)]))
        assert (status, answer["code"]) == (409, "too_many_sessions")


async def test_nobody_imports_without_a_login(gateway: Gateway) -> None:
    async with Client(gateway.url) as nobody:
        assert (await send(gateway, nobody, written([talk(1)])))[0] == 401


async def test_other_requests_are_answered_while_a_large_file_is_imported(gateway: Gateway) -> None:
    """Chat goes on: requests in between are answered while the import still runs."""
    messages = []
    for number in range(4000):
        above = f"m{number - 1}" if number else None
        messages.append(
            {"id": f"m{number}", "parentId": above, "role": "assistant" if number % 2 else "user", "content": "word " * 200}
        )
    data = written([webui(*messages) | {"id": f"w{copy}"} for copy in range(3)])
    async with gateway.client() as client:
        importing = asyncio.create_task(send(gateway, client, data))
        answered = 0
        while not importing.done():
            await client.call("GET", "/api/chatbot/sessions")
            answered += not importing.done()
        status, lines = await importing
        assert (status, lines[-1]["done"], lines[-1]["error"]) == (200, 3, None)
        assert answered > 3


async def test_the_kinds_of_documents_are_listed(gateway: Gateway) -> None:
    async with gateway.client() as client:
        kinds = await client.call("GET", "/api/chatbot/document-kinds")
    endings = [ending for kind in kinds["kinds"] for ending in kind["endings"]]
    assert {"pdf", "docx", "xlsx", "csv", "py", "srt"} <= set(endings)
    assert kinds["most_bytes"] == 20 << 20
