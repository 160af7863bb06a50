"""Sessions as files."""

import copy
import io
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from lam.chat.transfer import FILE_BYTES
from lam.client.client import Client
from lam.errors import Invalid
from lam.protocol.events import Done, Metadata
from lam.testing.server import Reply, ScriptedServer

from ..running import Gateway, collect, raw_stream
from ..waiting import until


async def branched(client: Client, scripted: ScriptedServer) -> int:
    """A session with an edited turn, two replies to one turn, a cut reply that goes on, a failed one, and a tool call."""
    session: int = (await client.create_session(title="Branches", system_prompt="Be\nbrief", temperature=0))["id"]
    await collect(client, session, "One")
    scripted.reply = Reply(("Two ",), thinking=("hm",), fault="cut", after=2)
    await collect(client, session, "Two")
    scripted.reply = Reply(("and on",))
    await collect(client, session, None, **{"continue": True})
    scripted.reply = Reply(fault="server_error")
    await collect(client, session, "Three")
    call = {"index": 0, "id": "c1", "function": {"name": "look", "arguments": "{}"}}
    scripted.reply = Reply((), raw=(json.dumps({"choices": [{"delta": {"tool_calls": [call]}}]}),), finish_reason="tool_calls")
    await collect(client, session, None, regenerate=True)
    scripted.reply = Reply(("Else",))
    await collect(client, session, "Two, else", parent_id=2)
    return session


async def export(client: Client, session: int) -> dict[str, Any]:
    found: dict[str, Any] = await client.call("GET", f"/api/chatbot/sessions/{session}/export")
    return found


def alike(file: dict[str, Any]) -> dict[str, Any]:
    """The file with positions in place of ids."""
    file = copy.deepcopy(file)
    at = {message["id"]: number for number, message in enumerate(file["messages"])} | {None: None}
    for message in file["messages"]:
        for key in ("id", "parent_id", "continues_id"):
            message[key] = at[message[key]]
    file["session"]["active_message_id"] = at[file["session"]["active_message_id"]]
    return file


async def test_an_exported_session_comes_back_with_all_its_branches(gateway: Gateway, scripted: ScriptedServer) -> None:
    async with gateway.client() as giver, await gateway.user("taker@example.org") as taker:
        session = await branched(giver, scripted)
        file = await export(giver, session)
        assert file["format"] == "lam-session"
        assert len(file["messages"]) == 10
        await collect(taker, (await taker.create_session())["id"])
        made = await taker.call("POST", "/api/chatbot/sessions/import", file)
        assert (made["title"], made["system_prompt"], made["temperature"]) == ("Branches", "Be\nbrief", 0)
        assert alike(await export(taker, made["id"])) == alike(file)
        shown = await taker.call("GET", f"/api/chatbot/sessions/{made['id']}/messages")
        assert [message["content"] for message in shown] == ["One", "Once upon a time", "Two, else", "Else"]
        assert len(shown[2]["siblings"]) == 2
        replay = [event async for _, event in taker.follow(shown[-1]["stream_id"])]
        assert isinstance(replay[0], Metadata)
        assert isinstance(replay[-1], Done)
        assert replay[-1].full_content == "Else"
        scripted.reply = Reply(("on",))
        assert isinstance((await collect(taker, made["id"], "Go on"))[-1], Done)
        for message in (await export(taker, made["id"]))["messages"]:
            assert message["status"] in ("complete", "interrupted", "failed")


async def test_markdown_is_for_reading(gateway: Gateway, scripted: ScriptedServer) -> None:
    async with gateway.client() as client:
        session = await branched(client, scripted)
        await client.call("PATCH", f"/api/chatbot/sessions/{session}", {"active_message_id": 5})
        url = f"{client.url}/api/chatbot/sessions/{session}/export?format=markdown"
        async with client._http.get(url) as response:
            assert response.content_type == "text/markdown"
            assert response.headers["Content-Disposition"] == f'attachment; filename="session-{session}.md"'
            text = await response.text()
    assert text.startswith(
        "# Branches\n\n> System prompt: Be\n> brief\n\n## You\n\nOne\n\n## Assistant\n\nOnce upon a time\n\n## You\n\nTwo"
    )
    assert "> hm\n\nTwo and on" in text


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda file: file.update(format="other"), "not an exported session"),
        (lambda file: file.update(version=2), "not an exported session"),
        (lambda file: file["messages"][0].pop("role"), "role"),
        (lambda file: file["messages"][0].update(id=2), "called 2"),
        (lambda file: file["messages"][0].update(parent_id=2), "does not come before"),
        (lambda file: file["messages"][0].update(role="assistant"), "answers no"),
        (lambda file: file["messages"][1].update(usage={"prompt_tokens": "many"}), "usage"),
        (lambda file: file["messages"][1].update(created_at="yesterday"), "created_at"),
        (lambda file: file["messages"][1].update(created_at="0001-01-01T00:00:00+14:00"), "beyond the calendar"),
        (lambda file: file["session"].update(active_message_id=99), "not in the file"),
        (lambda file: file["session"].update(temperature=9), "temperature"),
    ],
)
async def test_a_broken_file_is_refused_and_nothing_is_stored(change: Any, words: str, gateway: Gateway) -> None:
    async with gateway.client() as client:
        await collect(client, (await client.create_session())["id"])
        file = await export(client, 1)
        change(file)
        with pytest.raises(Invalid, match=words):
            await client.call("POST", "/api/chatbot/sessions/import", file)
        assert len(await client.call("GET", "/api/chatbot/sessions")) == 1


async def test_text_that_databases_refuse_is_made_valid(gateway: Gateway) -> None:
    async with gateway.client() as client:
        message = {"id": 1, "role": "user", "content": "a\0b", "parent_id": None}
        reply = {"id": 2, "role": "assistant", "content": "\0", "parent_id": 1, "metadata": {"model": "m\0"}}
        file = {"format": "lam-session", "version": 1, "session": {"title": "t\0"}, "messages": [message, reply]}
        made = await client.call("POST", "/api/chatbot/sessions/import", file)
        shown = await client.call("GET", f"/api/chatbot/sessions/{made['id']}/messages")
        assert (made["title"], shown[0]["content"], shown[1]["metadata"]["model"]) == ("t\ufffd", "a\ufffdb", "m\ufffd")


async def test_a_session_that_ends_with_a_turn_of_the_user_goes_on_and_travels(gateway: Gateway, scripted: ScriptedServer) -> None:
    turn = {"id": 1, "role": "user", "content": "One", "parent_id": None}
    file = {"format": "lam-session", "version": 1, "session": {"title": "Open"}, "messages": [turn]}
    async with gateway.client() as client:
        made = await client.call("POST", "/api/chatbot/sessions/import", file)
        await collect(client, made["id"], "Two")
        assert scripted.requests[-1].body["messages"] == [{"role": "user", "content": "One\n\nTwo"}]
        again = await client.call("POST", "/api/chatbot/sessions/import", await export(client, made["id"]))
        assert again["message_count"] == 3


async def test_a_long_session_travels_whole_and_a_larger_file_is_refused(gateway: Gateway) -> None:
    messages = [
        {"id": number, "role": "assistant" if number % 2 else "user", "content": f"turn {number} " * 100, "parent_id": number - 1}
        for number in range(2, 3002)
    ]
    messages[0]["parent_id"] = None
    file = {"format": "lam-session", "version": 1, "session": {"title": "Long"}, "messages": messages}
    url = gateway.url + "/api/chatbot/sessions/import"
    async with gateway.client() as client:
        async with client._http.post(url, data=io.BytesIO(json.dumps(file).encode())) as response:
            made = await response.json()
        assert made["message_count"] == 3000
        assert len(await client.call("GET", f"/api/chatbot/sessions/{made['id']}/messages", limit=500)) == 500
        async with client._http.post(url, data=io.BytesIO(b" " * (FILE_BYTES + 1))) as response:
            refused = await response.json()
        assert (response.status, refused["code"]) == (413, "too_large")

        async def pieces() -> AsyncIterator[bytes]:
            for _ in range((FILE_BYTES >> 20) + 2):
                yield b" " * (1 << 20)

        for path in ("/api/chatbot/sessions/import", "/api/templates/import"):
            async with client._http.post(gateway.url + path, data=pieces()) as response:
                assert (response.status, (await response.json())["code"]) == (413, "too_large")
    assert "up to 64 MiB" in refused["detail"]


PLAIN = '{"format":"lam-session","version":1,"session":{"title":"T"},"messages":[{"id":1,"role":"user","content":"%s"}]}'
ODD = {
    "decomposed letters": (PLAIN % "cafe\u0301 \u1112\u1161", "cafe\u0301 \u1112\u1161"),
    "line ends of Windows": (PLAIN % r"a\r\nb", "a\r\nb"),
    "half a surrogate pair": (PLAIN % r"a\ud800b \uDC00", "a\ufffdb \ufffd"),
    "a surrogate pair": (PLAIN % r"\ud83d\uDE42", "🙂"),
    "what only looks like an escape": (PLAIN % r"\\ud800 \\\\ud800", r"\ud800 \\ud800"),
    "half a pair before a pair": (PLAIN % r"\ud83d\ud83d\ude42", "\ufffd🙂"),
    "NUL": (PLAIN % r"a\u0000b", "a\ufffdb"),
    "characters without a width": (PLAIN % "a\u200b\u00ad\ufeffb", "a\u200b\u00ad\ufeffb"),
}


@pytest.mark.parametrize("what", ODD)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
async def test_an_odd_file_keeps_its_text(what: str, encoding: str, gateway: Gateway) -> None:
    file, text = ODD[what]
    data = file.replace(",", ",\r\n").encode(encoding) + b"\n" * (encoding != "utf-16")
    headers = {"Content-Type": "application/json"}
    async with gateway.client() as client:
        async with client._http.post(gateway.url + "/api/chatbot/sessions/import", data=data, headers=headers) as response:
            assert response.status in (200, 201), await response.text()
            session = (await response.json())["id"]
        assert [message["content"] for message in (await export(client, session))["messages"]] == [text]


async def test_a_reply_that_runs_is_exported_as_far_as_it_is_stored(gateway: Gateway, scripted: ScriptedServer) -> None:
    scripted.reply = Reply(("Once upon", " a time"), hold=True)
    async with gateway.client() as client:
        session = (await client.create_session())["id"]
        async with raw_stream(client, session) as stream:
            await stream.until(Metadata)
            scripted.step()

            async def holds_the_text() -> bool:
                texts = []
                for form in ("markdown", "json"):
                    async with client._http.get(f"{client.url}/api/chatbot/sessions/{session}/export?format={form}") as response:
                        texts.append(await response.text())
                return all("Once upon" in text for text in texts)

            await until(holds_the_text)
            scripted.step()
            await stream.rest()
