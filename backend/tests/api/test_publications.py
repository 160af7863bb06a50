"""Published pages: exactly what the preview has, static, behind a secret, and gone when they are withdrawn."""

import re
from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import Any

import aiohttp
import pytest

from lam.protocol.parts import Image, Text
from lam.testing.server import Reply, ScriptedServer

from ..pictures import plain, uploaded
from ..running import Gateway
from ..together import Someone, browser, enter, link, person

SESSIONS = "/api/chatbot/sessions"
HOSTILE = (
    "<script>alert(1)</script> <img src=x onerror=alert(1)> [a](javascript:alert(1)) [b](https://example.org/?a=1&b=2) "
    "![p](https://example.org/p.png) [c](data:text/html,x) [d](/api/auth/me) <javascript:alert(1)> [e](<jAvAsCrIpT:x>)\n\n"
    "```html\n<b>code</b>\n```\n\n| a | b |\n|---|---|\n| `c` | **d** |\n\n[f]: javascript:x\n[f] <svg/onload=x> "
    '[g](https://x.org "\'><script>")'
)


class Seen(HTMLParser):
    """The elements and attributes of a document, as a parser sees them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def assert_static(html: str) -> Seen:
    seen = Seen(html)
    tags = {tag for tag, _ in seen.elements}
    assert not tags & {"script", "iframe", "object", "embed", "form", "svg", "base", "input", "video", "audio"}
    for tag, attributes in seen.elements:
        assert not [name for name in attributes if name.startswith("on")]
        for name in ("href", "src"):
            value = attributes.get(name)
            if value is None:
                continue
            if tag == "link":
                assert value == "/published.css"
            elif tag == "img":
                assert value.startswith("data:image/")
            else:
                assert value.startswith(("https://", "http://", "mailto:")), value
    return seen


async def conversation(ana: Someone, scripted: ScriptedServer, text: str = HOSTILE) -> int:
    session: int = (await ana.call("POST", SESSIONS, {"title": "<b>Mine</b>", "system_prompt": "Be secret"}))["id"]
    scripted.reply = Reply((text,), thinking=("I think of secrets",))
    body = {"session_id": session, "content": f"Hi {text}", "documents": [{"name": "d.txt", "text": "the document"}]}
    await ana.call("POST", "/api/chatbot/messages", body)
    return session


async def test_a_page_is_what_the_preview_had_and_runs_nothing(gateway: Gateway, scripted: ScriptedServer) -> None:
    async with person(gateway, "ana") as ana, browser(gateway, "Nobody") as nobody:
        session = await conversation(ana, scripted)
        preview = await ana.call("GET", f"{SESSIONS}/{session}/publications/preview")
        made = await ana.call("POST", f"{SESSIONS}/{session}/publications", {})
        assert len(made["secret"]) == 22
        async with nobody.http.get(f"/s/{made['secret']}") as response:
            html = await response.text()
            assert response.status == 200
            headers = response.headers
        assert html == preview["html"]
        assert headers["Content-Security-Policy"] == "sandbox; default-src 'none'; img-src data:; style-src 'self'"
        assert (headers["Cache-Control"], headers["Referrer-Policy"], headers["X-Robots-Tag"]) == (
            "no-store",
            "no-referrer",
            "noindex",
        )
        assert headers["X-Content-Type-Options"] == "nosniff"
        seen = assert_static(html)
        for secret in ("Be secret", "secrets", "the document", "d.txt", "ana"):
            assert secret not in html, secret
        assert "<script>alert(1)</script>" in seen.text
        assert "<b>Mine</b>" in seen.text
        links = [attributes for tag, attributes in seen.elements if tag == "a"]
        assert {one["href"] for one in links} >= {"https://example.org/?a=1&b=2"}
        assert all(one["rel"] == "noopener noreferrer nofollow" for one in links)
        async with nobody.http.get("/published.css") as response:
            assert (response.status, response.content_type) == (200, "text/css")
            assert response.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
        async with nobody.http.head(f"/s/{made['secret']}") as response:
            assert response.status == 200


async def test_more_is_in_a_page_when_it_is_chosen(gateway: Gateway, scripted: ScriptedServer) -> None:
    async with person(gateway, "ana") as ana, browser(gateway, "Bo <i>") as bo:
        session = await conversation(ana, scripted)
        await enter(bo, await link(ana, session, "steer"))
        await bo.call("POST", "/api/chatbot/messages", {"session_id": session, "content": "Me too"})
        path = f"{SESSIONS}/{session}/publications/preview"
        for choice, words in {
            "prompt": "Be secret",
            "thoughts": "I think of secrets",
            "documents": "the document",
            "names": "Bo &lt;i&gt;",
        }.items():
            html = (await ana.call("GET", f"{path}?{choice}=true"))["html"]
            assert words in html
            assert_static(html)
            assert words not in (await ana.call("GET", path))["html"]
        letters = re.findall(r'"turn">\n<h2>(.*?)</h2>', (await ana.call("GET", path))["html"])
        assert letters == ["A", "B"]
        assert (await ana.ask("GET", f"{path}?unknown=true"))[0] == 422
        assert (await bo.ask("GET", path))[0] == 401, "not a route of guests"


async def test_our_page_shows_the_preview_in_a_frame_and_no_other_site_does(gateway: Gateway, scripted: ScriptedServer) -> None:
    async with person(gateway, "ana") as ana, person(gateway, "eve") as eve:
        session = await conversation(ana, scripted)
        path = f"{SESSIONS}/{session}/publications/preview"
        async with ana.http.get(f"{path}/page?thoughts=true") as response:
            html, headers = await response.text(), response.headers
        assert html == (await ana.call("GET", f"{path}?thoughts=true"))["html"]
        policy = headers["Content-Security-Policy"].split("; ")
        assert policy[:2] == ["sandbox", "default-src 'none'"]
        assert policy[-1] == "frame-ancestors 'self'"
        assert headers["Cache-Control"] == "no-store"
        assert (await eve.ask("GET", f"{path}/page"))[0] == 404


async def test_the_file_is_the_same_and_brings_its_own_policy(gateway: Gateway, scripted: ScriptedServer) -> None:
    async with person(gateway, "ana") as ana:
        session = await conversation(ana, scripted)
        preview = (await ana.call("GET", f"{SESSIONS}/{session}/publications/preview"))["html"]
        async with ana.http.get(f"{SESSIONS}/{session}/publications/file") as response:
            html = await response.text()
            assert response.headers["Content-Disposition"] == f'attachment; filename="session-{session}.html"'
        assert_static(html)
        assert "default-src 'none'; img-src data:; style-src 'sha256-" in html
        assert re.findall("<main>.*</main>", html, re.DOTALL) == re.findall("<main>.*</main>", preview, re.DOTALL) != []


async def test_a_withdrawn_page_is_gone_and_its_secret_is_nowhere(gateway: Gateway, scripted: ScriptedServer) -> None:
    async with person(gateway, "ana") as ana, browser(gateway, "Nobody") as nobody:
        session = await conversation(ana, scripted)
        path = f"{SESSIONS}/{session}/publications"
        made = await ana.call("POST", path, {"thoughts": True})
        (listed,) = await ana.call("GET", path)
        assert "secret" not in listed
        assert (listed["choices"]["thoughts"], listed["choices"]["prompt"]) == (True, False)
        await ana.call("DELETE", f"{path}/{made['id']}")
        for secret in (made["secret"], "x", "x" * 500, "%00"):
            status, html = await nobody.ask("GET", f"/s/{secret}")
            assert (status, "Not published" in html) == (404, True)
        assert (await ana.ask("DELETE", f"{path}/{made['id']}"))[0] == 404
        assert await ana.call("GET", path) == []
        actions = [one["action"] for one in await ana.call("GET", f"{SESSIONS}/{session}/audit")]
        assert actions == ["unpublished", "published"]


async def test_pictures_are_in_the_page_unless_they_are_left_out(gateway: Gateway) -> None:
    async with person(gateway) as ana, gateway.client() as client:
        session = (await ana.call("POST", SESSIONS, {}))["id"]
        picture = (await uploaded(client, plain()))["id"]
        async with gateway.parts.database.write() as unit:
            added = await unit.messages.add(
                parts=(Image(picture), Text("Look")),
                session_id=session,
                role="user",
                status="complete",
                created_at=datetime.now(UTC),
            )
            await unit.sessions.change(session, leaf_id=added)
        path = f"{SESSIONS}/{session}/publications/preview"
        html = (await ana.call("GET", path))["html"]
        assert '<img src="data:image/' in html
        assert_static(html)
        assert "<img" not in (await ana.call("GET", f"{path}?pictures=false"))["html"]


@pytest.mark.parametrize(
    "text", ["[" * 20_000, "> " * 5_000 + "x", "*a " * 20_000, "|" * 20_000, "`" * 20_001, "- " * 10_000, "\u202e<\u2066>"]
)
async def test_text_made_to_be_slow_or_deep_is_a_page(gateway: Gateway, scripted: ScriptedServer, text: str) -> None:
    async with person(gateway, "ana") as ana:
        session = (await ana.call("POST", SESSIONS, {}))["id"]
        scripted.reply = Reply((text,))
        await ana.call("POST", "/api/chatbot/messages", {"session_id": session, "content": "Hi"})
        assert_static((await ana.call("GET", f"{SESSIONS}/{session}/publications/preview"))["html"])


async def test_what_is_said_later_is_not_in_the_page(gateway: Gateway, scripted: ScriptedServer) -> None:
    async with person(gateway, "ana") as ana:
        session = await conversation(ana, scripted, "First")
        made = await ana.call("POST", f"{SESSIONS}/{session}/publications", {})
        scripted.reply = Reply(("Second",))
        await ana.call("POST", "/api/chatbot/messages", {"session_id": session, "content": "More"})
        async with aiohttp.ClientSession(gateway.url) as nobody, nobody.get(f"/s/{made['secret']}") as response:
            html = await response.text()
        assert "First" in html
        assert "Second" not in html
        again: Any = await ana.call("GET", f"{SESSIONS}/{session}/publications/preview")
        assert "Second" in again["html"]
