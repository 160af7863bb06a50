"""Search over titles and messages, the same on every database."""

from typing import Any

import pytest
from sqlalchemy import text

from lam.client.client import Client
from lam.errors import Invalid
from lam.testing.server import Reply, ScriptedServer

from ..chat.test_search import TABLE
from ..running import Gateway, collect


async def search(client: Client, q: str, **query: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await client.call("GET", "/api/chatbot/search", q=q, **query))["results"]
    return found


def with_marks(pieces: list[dict[str, Any]]) -> str:
    return "".join(f"[{piece['text']}]" if piece["match"] else piece["text"] for piece in pieces)


async def test_titles_and_messages_are_found_with_their_words_marked(gateway: Gateway, scripted: ScriptedServer) -> None:
    scripted.reply = Reply(("The dragon slept.",))
    async with gateway.client() as client:
        one = (await client.create_session(title="Dragons and maps"))["id"]
        two = (await client.create_session(title="Cooking"))["id"]
        await collect(client, one, "Tell me about a <b>Dragon</b>")
        await collect(client, two, "How long does rice take?")
        found = await search(client, "dragon")
        assert [(one_["session_id"], one_["message_id"]) for one_ in found] == [(one, None), (two, 4), (one, 2), (one, 1)]
        assert with_marks(found[0]["title"]) == "[Dragon]s and maps"
        assert with_marks(found[2]["snippet"]) == "The [dragon] slept."
        assert with_marks(found[3]["snippet"]) == "Tell me about a <b>[Dragon]</b>"
        assert [one_["message_id"] for one_ in await search(client, "rice tak")] == [3]
        assert await search(client, "rice dragon") == []
        assert await search(client, "agon") == []
        assert len(await search(client, "dragon", limit=1)) == 2


async def test_a_search_in_a_folder_finds_what_is_in_it_and_every_result_names_its_folder(gateway: Gateway) -> None:
    async with gateway.client() as client:
        folder = (await client.call("POST", "/api/chatbot/folders", {"name": "Zoo"}))["id"]
        inside = (await client.create_session(title="Herons", folder_id=folder))["id"]
        outside = (await client.create_session(title="Herons too"))["id"]
        for session in (inside, outside):
            await collect(client, session, "A heron stands still")
        places = [(one["session_id"], one["folder_id"]) for one in await search(client, "heron")]
        assert places == [(outside, None), (inside, folder), (outside, None), (inside, folder)]
        assert {one["session_id"] for one in await search(client, "heron", folder=folder)} == {inside}
        assert {one["session_id"] for one in await search(client, "heron", folder="none")} == {outside}


async def test_nobody_finds_what_others_said(gateway: Gateway) -> None:
    async with gateway.client() as owner, await gateway.user("other@example.org") as other:
        await collect(owner, (await owner.create_session(title="Secret"))["id"], "secret")
        assert len(await search(owner, "secret")) == 2
        assert await search(other, "secret") == []


async def test_what_is_gone_or_changed_is_not_found_any_more(gateway: Gateway, scripted: ScriptedServer) -> None:
    async with gateway.client() as client:
        one, two = [(await client.create_session())["id"] for _ in range(2)]
        for session in (one, two):
            scripted.reply = Reply(("needle ", "in the hay"), fault="cut", after=1)
            await collect(client, session, "seek")
            scripted.reply = Reply(("found",))
            await collect(client, session, None, **{"continue": True})
        assert len(await search(client, "needle")) == 4, "the cut replies and those that go on with them"
        await client.call("DELETE", f"/api/chatbot/sessions/{one}")
        assert len(await search(client, "needle")) == 2
        await client.call("POST", f"/api/chatbot/sessions/{two}/reset")
        assert await search(client, "needle") == []


@pytest.mark.parametrize(
    ("text", "question"),
    [
        ("今日は世界と話す", "世界"),
        ("ภาษาไทยไม่มีช่องว่าง", "ไม่มี"),
        ("Ich heiße Jörg", "jörg"),
        ("so 🙂 it is", "🙂"),
        ("100% sure_thing", "100%"),
        ("foo_bar baz", "foo_bar"),
        ("it's O'Brien", "o'brien"),
        ('say "NEAR" AND NOT OR', "near and not or"),
        ("a * b : c & d | !e", "a b c d e"),
        ("see main.py on example.org/page?q=1", "main.py"),
        ("see main.py on example.org/page?q=1", "py page org"),
        ("on 2024-05-12 it was 3.14", "05 14"),
        ("<b>résumé</b> in /usr/local", "resume local"),
        ("İstanbul güzel", "İstanbul"),
        ("the ABC東京 tower", "abc東京"),
    ],
)
async def test_every_script_and_sign_can_be_looked_for(text: str, question: str, gateway: Gateway) -> None:
    async with gateway.client() as client:
        await collect(client, (await client.create_session(title="-"))["id"], text)
        assert [found["message_id"] for found in await search(client, question)] == [1]


async def test_every_case_of_the_table_is_found_among_all_the_others(gateway: Gateway) -> None:
    """The same table as in `chat/test_search.py`, asked of the database."""
    cases = TABLE["matches"] + TABLE["misses"]
    messages = [{"id": number, "role": "user", "content": case["text"]} for number, case in enumerate(cases)]
    file = {"format": "lam-session", "version": 1, "session": {"title": "-"}, "messages": messages}
    async with gateway.client() as client:
        session = (await client.call("POST", "/api/chatbot/sessions/import", file))["id"]
        ids = await ids_by_text(gateway, session)
        for case in TABLE["matches"]:
            results = {each["message_id"]: each for each in await search(client, case["question"], limit=100)}
            assert ids[case["text"]] & results.keys(), case["about"]
            assert {with_marks(results[found]["snippet"]) for found in ids[case["text"]] & results.keys()} == {case["marked"]}
        for case in TABLE["misses"]:
            assert not ids[case["text"]] & {each["message_id"] for each in await search(client, case["question"], limit=100)}


async def ids_by_text(gateway: Gateway, session: int) -> dict[str, set[int]]:
    async with gateway.parts.database.read() as unit:
        ids: dict[str, set[int]] = {}
        for message in await unit.messages.all(session):
            ids.setdefault(message.content, set()).add(message.id)
        return ids


async def test_titles_are_compared_as_texts_are(gateway: Gateway) -> None:
    async with gateway.client() as client:
        for case in TABLE["matches"]:
            session = (await client.create_session(title=case["text"]))["id"]
            assert session in [each["session_id"] for each in await search(client, case["question"], limit=100)], case["about"]


async def test_a_match_far_on_in_a_long_message_is_found_and_shown(gateway: Gateway) -> None:
    async with gateway.client() as client:
        await collect(client, (await client.create_session(title="-"))["id"], "hay " * 20_000 + "使用GPU训练 needle")
        for question in ("gpu", "训练", "needle"):
            [result] = await search(client, question)
            assert [piece["text"].lower() for piece in result["snippet"] if piece["match"]] == [question]


async def test_a_message_that_only_looks_right_to_the_index_hides_none_behind_it(gateway: Gateway) -> None:
    texts = ["the real c++ code", *(f"c, and i++ {number}" for number in range(60))]
    messages = [{"id": number, "role": "user", "content": text} for number, text in enumerate(texts)]
    file = {"format": "lam-session", "version": 1, "session": {"title": "-"}, "messages": messages}
    async with gateway.client() as client:
        await client.call("POST", "/api/chatbot/sessions/import", file)
        assert [with_marks(each["snippet"]) for each in await search(client, "C++", limit=3)] == ["the real [c++] code"]


@pytest.mark.parametrize("filler", ["", "hay " * 20_000])
async def test_documents_in_a_message_are_searched_without_the_marks_around_them(filler: str, gateway: Gateway) -> None:
    text_ = f"{filler}the 🙂 needle"
    content = f'<document name="report.pdf" characters="{len(text_) + 1}">\n{text_}\n</document>\n\nWhat does it say?'
    async with gateway.client() as client:
        await collect(client, (await client.create_session(title="-"))["id"], content)
        for question in ("document", "characters", "name"):
            assert await search(client, question) == []
        for question, marks in {"report": ["report"], "needle": ["needle"], "does it": ["does", "it"]}.items():
            [result] = await search(client, question)
            assert [piece["text"] for piece in result["snippet"] if piece["match"]][: len(marks)] == marks
            assert "<document" not in with_marks(result["snippet"])


async def test_messages_written_without_us_are_found(gateway: Gateway) -> None:
    """By another tool, or an earlier release that was put back for a day."""
    async with gateway.client() as client:
        session = (await client.create_session(title="-"))["id"]
        await collect(client, session, "first")
        assert await search(client, "needle") == []
        async with gateway.parts.database._connect_to_write() as connection, connection.begin():
            await connection.execute(text("UPDATE messages SET content = 'a needle' WHERE role = 'user'"))
        assert len(await search(client, "needle")) == 1
        assert await search(client, "first") == []


@pytest.mark.parametrize("question", [" ", "'", '"', "\u0000"])
async def test_a_question_without_words_is_an_error_or_finds_nothing(question: str, gateway: Gateway) -> None:
    async with gateway.client() as client:
        if question == "\u0000":  # becomes U+FFFD, a sign like any other
            assert await search(client, question) == []
            return
        with pytest.raises(Invalid, match="no word"):
            await search(client, question)
