"""Behind a real nginx: nothing may be held back, neither on the POST nor on the resume, and the page's cookie must work."""

import asyncio
import contextlib
import json
import re
import ssl
import subprocess
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import trustme

from lam.client.client import Client
from lam.testing.server import Reply, ScriptedServer

from ..ports import free_port
from ..running import Gateway, running_gateway
from ..waiting import until

pytestmark = pytest.mark.live

EARLIER = """
upstream backend { server 127.0.0.1:3000; }
server {
    listen 80;
    location /api/chatbot/messages/stream {
        proxy_pass http://backend;
        proxy_buffering off;
        proxy_cache off;
    }
    location / { proxy_pass http://backend; }
}
"""
GUIDE = (Path(__file__).resolve().parents[3] / "docs" / "guides" / "nginx.md").read_text()
DOCUMENTED, OVER_TLS, BELOW = re.findall(r"```nginx\n(.*?)```", GUIDE, re.DOTALL)
BLOCKS = {"earlier": EARLIER, "documented": DOCUMENTED}


@contextlib.asynccontextmanager
async def nginx(program: str, block: str, gateway: Gateway, folder: Path) -> AsyncIterator[str]:
    """nginx with this block in front of the gateway; its address."""
    block = block.replace("127.0.0.1:3000", gateway.url.removeprefix("http://"))
    async with nginx_with(program, block, folder) as url:
        yield url


@contextlib.asynccontextmanager
async def nginx_with(program: str, block: str, folder: Path) -> AsyncIterator[str]:
    """nginx with this block, whose `listen 80` gets a port of its own; its address."""
    port = free_port()
    block = block.replace("listen 80", f"listen 127.0.0.1:{port}")
    temporary = "".join(f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    config = folder / "nginx.conf"
    config.write_text(
        f"daemon off; pid {folder}/pid; error_log {folder}/error.log;\nevents {{}}\nhttp {{ access_log off; {temporary}\n{block}}}"
    )
    process = await asyncio.create_subprocess_exec(program, "-c", str(config), "-p", str(folder), stderr=subprocess.DEVNULL)
    try:

        async def listens() -> bool:
            assert process.returncode is None, (folder / "error.log").read_text()
            with contextlib.suppress(ConnectionError):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
                return True
            return False

        await until(listens)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        await process.wait()


async def next_event(response: aiohttp.ClientResponse, kind: str) -> dict[str, Any]:
    """The next event of that type; fails when nothing comes although the model has already said it."""
    async with asyncio.timeout(20):
        async for line in response.content:
            if line.startswith(b"data: "):
                event: dict[str, Any] = json.loads(line[6:])
                if event["type"] == kind:
                    return event
    raise AssertionError(f"the stream ended without {kind}")


@pytest.mark.parametrize("block", BLOCKS)
async def test_each_chunk_arrives_before_the_next_one_is_sent(
    block: str, program: Callable[[str], str], gateway: Gateway, scripted: ScriptedServer, tmp_path: Path
) -> None:
    scripted.reply = Reply(tuple("abcdefgh"), hold=True)
    async with nginx(program("nginx"), BLOCKS[block], gateway, tmp_path) as url, Client(url, gateway.token) as client:
        session = (await client.create_session())["id"]
        body = {"session_id": session, "content": "hi", "on_disconnect": "continue"}
        async with client._http.post(url + "/api/chatbot/messages/stream", json=body) as response:
            stream_id = (await next_event(response, "metadata"))["stream_id"]
            for letter in "abcd":
                scripted.step()
                assert (await next_event(response, "chunk"))["content"] == letter
        async with client._http.get(f"{url}/api/chatbot/streams/{stream_id}?after=1") as response:
            for letter in "abcd":
                assert (await next_event(response, "chunk"))["content"] == letter
            for letter in "efgh":
                scripted.step()
                assert (await next_event(response, "chunk"))["content"] == letter
            assert (await next_event(response, "done"))["full_content"] == "abcdefgh"


@pytest.mark.parametrize("block", BLOCKS)
async def test_a_page_logs_in_sends_and_stops_with_its_cookie(
    block: str, program: Callable[[str], str], gateway: Gateway, scripted: ScriptedServer, tmp_path: Path
) -> None:
    """What a browser sends: the cookie, Origin, and on a trustworthy address Sec-Fetch-Site."""
    scripted.reply = Reply(tuple("abcdefgh"), hold=True)
    account = {"email": "ada@example.org", "password": "correct horse"}
    async with nginx(program("nginx"), BLOCKS[block], gateway, tmp_path) as url:
        headers = {"Origin": url, "Sec-Fetch-Site": "same-origin"}
        async with aiohttp.ClientSession(headers=headers, cookie_jar=aiohttp.CookieJar(unsafe=True)) as page:
            for path, status in (("register", 201), ("login", 200)):
                async with page.post(f"{url}/api/auth/{path}", json=account) as response:
                    assert response.status == status
            async with page.post(url + "/api/chatbot/sessions/") as response:
                session = (await response.json())["id"]
            body = {"session_id": session, "content": "hi", "on_disconnect": "continue"}
            async with page.post(url + "/api/chatbot/messages/stream", json=body) as stream:
                stream_id = (await next_event(stream, "metadata"))["stream_id"]
                scripted.step()
                await next_event(stream, "chunk")
                async with page.post(f"{url}/api/chatbot/streams/{stream_id}/stop") as response:
                    assert response.status == 202
                done = await next_event(stream, "done")
    assert (done["finish_reason"], done["full_content"]) == ("cancelled", "a")
    await until(lambda: scripted.requests[0].left_early)


SERVER = DOCUMENTED[: DOCUMENTED.index("    location /")]
BELOW_A_PATH = {
    "the path is passed on": f"{SERVER}{BELOW}}}",
    "the path is taken off": f"{SERVER}{BELOW.replace('proxy_pass http://lam;', 'proxy_pass http://lam/;')}}}",
}


@pytest.mark.parametrize("block", BELOW_A_PATH)
async def test_below_a_path_everything_works_and_nothing_is_beside_it(
    block: str, program: Callable[[str], str], scripted: ScriptedServer, tmp_path: Path
) -> None:
    """What a browser loads and does, and what programs do."""
    scripted.reply = Reply(tuple("abcdefgh"), hold=True)
    account = {"email": "ada@example.org", "password": "correct horse"}
    public = "http://studio.example.org/studio"
    async with (
        running_gateway(tmp_path / "data", llm_server_url=scripted.url, lam_public_url=public, lam_registration="open") as gateway,
        nginx(program("nginx"), BELOW_A_PATH[block], gateway, tmp_path) as origin,
        aiohttp.ClientSession(headers={"Origin": "http://studio.example.org"}, cookie_jar=aiohttp.CookieJar(unsafe=True)) as page,
    ):
        url = f"{origin}/studio"
        async with page.get(url, allow_redirects=False) as response:
            assert response.headers["Location"].endswith("/studio/")
        for address in ("/", "/c/17", "/sign-in", "/lab/"):
            async with page.get(url + address) as response:
                document = await response.text()
                assert response.status == 200
            assert '<meta name="base" content="/studio/"' in document
        links = re.findall(r'(?:src|href)="([^"]+)"', document)
        assert len(links) > 2
        for link in links:
            assert link.startswith("/studio/")
            async with page.get(origin + link) as response:
                assert (response.status, "html" in response.content_type) == (200, False)
        for path, status in (("register", 201), ("login", 200)):
            async with page.post(f"{url}/api/auth/{path}", json=account) as response:
                assert response.status == status
                cookies = response.headers.getall("Set-Cookie", [])
        assert cookies
        assert all("Path=/studio;" in cookie for cookie in cookies)
        async with page.post(f"{url}/api/chatbot/sessions/") as response:
            session = (await response.json())["id"]
        body = {"session_id": session, "content": "hi", "on_disconnect": "continue"}
        async with page.post(f"{url}/api/chatbot/messages/stream", json=body) as stream, page.get(f"{url}/api/events") as events:
            await next_event(stream, "metadata")
            scripted.step()
            assert (await next_event(stream, "chunk"))["content"] == "a"
            assert (events.status, await events.content.readline() != b"") == (200, True)
        async with page.get(f"{url}/openapi.json") as response:
            assert (await response.json())["servers"] == [{"url": "/studio"}]
        async with page.get(f"{url}/docs") as response:
            description = await response.text()
        for link in re.findall(r'(?:src|href)="([^"]+)"|url: \'([^\']+)\'', description):
            assert "".join(link).startswith("/studio/")
            async with page.get(origin + "".join(link)) as response:
                assert response.status == 200
        async with page.get(f"{origin}/api/health") as response:
            assert response.status in (403, 404), "nginx may have other programs there"
        async with page.post(f"{url}/api/auth/logout") as response:
            assert response.status == 204
        async with page.get(f"{url}/api/auth/me") as response:
            assert response.status == 401
        async with Client(url, gateway.token) as client:
            assert (await client.call("GET", "/api/auth/me"))["is_admin"]
        async with gateway.client() as client:
            assert (await client.call("GET", "/api/auth/me"))["is_admin"], "commands on this machine need no path"


async def test_a_reader_that_leaves_nginx_leaves_the_gateway_too(
    program: Callable[[str], str], gateway: Gateway, scripted: ScriptedServer, tmp_path: Path
) -> None:
    scripted.reply = Reply(("word ",) * 10_000, rate=50)
    async with nginx(program("nginx"), BLOCKS["documented"], gateway, tmp_path) as url, Client(url, gateway.token) as client:
        session = (await client.create_session())["id"]
        async with client._http.post(
            url + "/api/chatbot/messages/stream", json={"session_id": session, "content": "hi"}
        ) as response:
            await next_event(response, "chunk")
            (run,) = gateway.parts.supervisor.running()
            assert run.has_readers
        assert await run.until(20, lambda run: not run.has_readers)
        await client.call("DELETE", f"/api/chatbot/sessions/{session}")


async def test_over_tls_browsers_are_told_to_stay_there_and_the_cookie_is_safe(
    program: Callable[[str], str], gateway: Gateway, tmp_path: Path
) -> None:
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    certificate.private_key_and_cert_chain_pem.write_to_path(tmp_path / "pair.pem")
    port = free_port()
    upstream, location = DOCUMENTED[: DOCUMENTED.index("server {\n    listen")], DOCUMENTED[DOCUMENTED.index("    location /") : -2]
    block = upstream + OVER_TLS.replace("    # location / as above", location).replace("listen 443", f"listen 127.0.0.1:{port}")
    block = re.sub(r"/etc/letsencrypt/\S+\.pem", str(tmp_path / "pair.pem"), block)
    account = {"email": "ada@example.org", "password": "correct horse"}
    tls = ssl.create_default_context()
    authority.configure_trust(tls)
    async with nginx(program("nginx"), block, gateway, tmp_path) as plain, await gateway.user(account["email"]):
        jar = aiohttp.CookieJar(unsafe=True)
        async with aiohttp.ClientSession(cookie_jar=jar, connector=aiohttp.TCPConnector(ssl=tls)) as page:
            async with page.get(plain + "/c/1", allow_redirects=False) as response:
                assert (response.status, response.headers["Location"]) == (301, "https://chat.example.org/c/1")
            async with page.post(f"https://127.0.0.1:{port}/api/auth/login", json=account) as response:
                assert response.status == 200
                assert response.headers["Strict-Transport-Security"] == "max-age=31536000"
                cookies = response.headers.getall("Set-Cookie")
            assert all(cookie.startswith("__Host-") and "Secure" in cookie for cookie in cookies)
            async with page.get(f"https://127.0.0.1:{port}/api/auth/me") as response:
                assert (await response.json())["email"] == account["email"]
