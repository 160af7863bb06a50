"""What answers say to browsers, and by which cookie the page is known."""

import io
import json
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from multidict import CIMultiDictProxy

from lam.protocol.events import Done
from lam.testing.server import ScriptedServer

from ..running import Gateway, raw_stream, running_gateway

ADA = {"email": "ada@example.org", "password": "correct horse"}
TLS = {"X-Forwarded-Proto": "https"}
ROOT = Path(__file__).resolve().parents[3]


async def answer(gateway: Gateway, method: str, path: str, **options: object) -> tuple[int, CIMultiDictProxy[str], str]:
    async with aiohttp.ClientSession() as http:
        async with http.request(method, gateway.url + path, allow_redirects=False, **options) as response:  # type: ignore[arg-type]
            return response.status, response.headers, await response.text()


async def test_no_answer_of_the_api_is_kept_or_guessed_at_whatever_its_status(gateway: Gateway) -> None:
    for method, path in (
        ("GET", "/api/health"),
        ("GET", "/api/chatbot/presets"),
        ("GET", "/api/auth/me"),
        ("GET", "/api/nothing"),
        ("GET", "/v1/models"),
        ("DELETE", "/api/health"),
        ("POST", "/api/auth/login"),
        ("GET", "/openapi.json"),
        ("GET", "/metrics"),
    ):
        _, headers, _ = await answer(gateway, method, path)
        assert headers["Cache-Control"] == "no-store", path
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert "Strict-Transport-Security" not in headers
        assert len(headers) == len(set(headers)), path


async def test_an_unforeseen_error_says_the_same(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(type(gateway.parts.sessions), "newest", broken)
    bearer = {"Authorization": f"Bearer {gateway.token}"}
    status, headers, _ = await answer(gateway, "GET", "/api/chatbot/sessions", headers=bearer | TLS)
    assert (status, headers["Cache-Control"], headers["X-Content-Type-Options"]) == (500, "no-store", "nosniff")
    assert headers["Strict-Transport-Security"] == "max-age=31536000"


async def test_only_pages_of_listed_origins_may_read_an_answer(scripted: ScriptedServer, tmp_path: Path) -> None:
    for listed in ((), ("https://other.example",)):
        data = tmp_path / str(len(listed))
        async with running_gateway(data, llm_server_url=scripted.url, lam_cors_origins=listed) as gateway:
            for origin in ("https://other.example", "https://evil.example", "https://other.example.evil.example", "null"):
                _, headers, _ = await answer(gateway, "GET", "/api/health", headers={"Origin": origin})
                assert headers.get("Access-Control-Allow-Origin") == (origin if origin in listed else None), origin


async def test_an_event_stream_keeps_the_headers_of_the_contract(gateway: Gateway) -> None:
    async with gateway.client() as client:
        session = (await client.create_session())["id"]
        async with raw_stream(client, session) as stream:
            await stream.until(Done)
            headers = stream.response.headers
    assert headers.getall("Cache-Control") == ["no-cache, no-transform"]
    assert headers["Content-Type"] == "text/event-stream"
    assert headers["X-Accel-Buffering"] == "no"
    assert headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    ("settings", "headers", "safe"),
    [
        ({}, {}, False),
        ({}, TLS, True),
        ({}, {"X-Forwarded-Proto": "http"}, False),
        ({"lam_trusted_proxies": ("192.0.2.1",)}, TLS, False),
        ({"lam_public_url": "https://chat.example.org"}, {}, True),
        ({"lam_public_url": "http://chat.example.org"}, {}, False),
    ],
)
async def test_tls_is_what_a_trusted_proxy_or_the_public_address_says(
    scripted: ScriptedServer, tmp_path: Path, settings: dict[str, object], headers: dict[str, str], safe: bool
) -> None:
    async with running_gateway(tmp_path / "data", llm_server_url=scripted.url, **settings) as gateway:
        for path in ("/api/health", "/", "/docs", "/nothing.js"):
            _, said, _ = await answer(gateway, "GET", path, headers=headers)
            assert ("Strict-Transport-Security" in said) is safe, path
        await answer(gateway, "POST", "/api/auth/register", json=ADA)
        _, said, _ = await answer(gateway, "POST", "/api/auth/login", json=ADA, headers=headers)
    cookie = said["Set-Cookie"]
    assert cookie.startswith("__Host-lam_token=" if safe else "lam_token=")
    assert ("Secure" in cookie) is safe
    assert "HttpOnly" in cookie
    assert "Path=/" in cookie
    assert "Domain" not in cookie


async def test_over_tls_only_the_cookie_that_nobody_else_can_set_is_believed(gateway: Gateway) -> None:
    for name, headers, status in (
        ("lam_token", {}, 200),
        ("__Host-lam_token", {}, 200),
        ("__Host-lam_token", TLS, 200),
        ("lam_token", TLS, 401),  # another host of the domain, or a page without TLS, could have planted it
        ("__host-lam_token", TLS, 401),
    ):
        found, _, _ = await answer(gateway, "GET", "/api/auth/me", headers=headers | {"Cookie": f"{name}={gateway.token}"})
        assert found == status, (name, headers)


@pytest.mark.parametrize("headers", [{}, TLS], ids=["plain", "tls"])
async def test_logging_out_clears_both_names(gateway: Gateway, headers: dict[str, str]) -> None:
    async with await gateway.user("ada@example.org") as ada:
        bearer = {"Authorization": ada._headers["Authorization"]}
    status, said, _ = await answer(gateway, "POST", "/api/auth/logout", headers=headers | bearer)
    assert status == 204
    cleared = said.getall("Set-Cookie")
    assert [cookie.partition("=")[0] for cookie in cleared] == ["lam_token", "__Host-lam_token"]
    assert all("Max-Age=0" in cookie and "Path=/" in cookie for cookie in cleared)
    assert "Secure" in cleared[1]


async def test_the_api_description_runs_only_our_own_files(gateway: Gateway) -> None:
    status, headers, text = await answer(gateway, "GET", "/docs")
    policy = headers["Content-Security-Policy"]
    assert status == 200
    assert "default-src 'none'" in policy
    assert "'unsafe-inline'" not in policy.partition("script-src")[2].partition(";")[0]
    assert "unsafe-eval" not in policy
    assert "//" not in policy
    assert text.count("<script>") == policy.count("'sha256-")
    assert (await answer(gateway, "GET", "/docs/oauth2-redirect"))[0] == 200  # the page's own document, no script of Swagger's
    assert "script-src 'self';" in (await answer(gateway, "GET", "/docs/oauth2-redirect"))[1]["Content-Security-Policy"]


# Sizes


def test_413_is_documented_wherever_a_body_can_be_too_large() -> None:
    description = json.loads((ROOT / "contracts" / "openapi.json").read_text())
    for path, methods in description["paths"].items():
        for method, operation in methods.items():
            assert ("413" in operation["responses"]) is (method != "get"), f"{method} {path}"


@pytest.mark.parametrize("chunked", [False, True])
async def test_of_strangers_little_is_read(gateway: Gateway, chunked: bool) -> None:
    """Who does not say how much comes is asked who it is after 16 KiB, before it is too much."""

    async def body(size: int) -> AsyncIterator[bytes]:
        for start in range(0, size, 1 << 16):
            yield b" " * min(1 << 16, size - start)

    for path, size, status in (
        ("/api/auth/login", 16 << 10, 422),
        ("/api/auth/login", (16 << 10) + 1, 413),
        ("/api/auth/register/", 100_000, 413),
        ("/api/chatbot/sessions", 100_000, 401),
        ("/api/chatbot/upload-document", 1 << 20, 401),
        ("/api/chatbot/sessions", (4 << 20) + 1, 401 if chunked else 413),
    ):
        data = body(size) if chunked else io.BytesIO(b" " * size)
        found, _, text = await answer(gateway, "POST", path, data=data, headers={"Content-Type": "application/json"})
        assert (found, set(json.loads(text))) == (status, {"detail", "code"}), (path, size)


@pytest.mark.parametrize("chunked", [False, True])
async def test_of_somebody_known_all_is_read(gateway: Gateway, chunked: bool) -> None:
    async def body() -> AsyncIterator[bytes]:
        yield b" " * 100_000
        yield b"{}"

    data = body() if chunked else b" " * 100_000 + b"{}"
    bearer = {"Authorization": f"Bearer {gateway.token}", "Content-Type": "application/json"}
    assert (await answer(gateway, "POST", "/api/chatbot/sessions", data=data, headers=bearer))[0] == 201
