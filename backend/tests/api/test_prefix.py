"""LAM_PUBLIC_URL with a path: what is below it, and what could be mistaken for it."""

import aiohttp
import pytest
import yarl

from lam.errors import ConfigError
from lam.settings import load_settings, prefix_of
from lam.testing.server import ScriptedServer

from ..running import running_gateway

pytestmark = [pytest.mark.sse, pytest.mark.sqlite]


@pytest.mark.parametrize(
    ("url", "prefix"),
    [
        ("https://h", ""),
        ("https://h/", ""),
        ("https://h/studio", "/studio"),
        ("https://h:8443/a/b-c_d.e~f/", "/a/b-c_d.e~f"),
        ("https://h/lab", "/lab"),
        ("https://h/.hidden", "/.hidden"),
    ],
)
def test_the_path_is_the_prefix(url: str, prefix: str) -> None:
    assert prefix_of(load_settings(lam_public_url=url)) == prefix


@pytest.mark.parametrize(
    "path",
    [
        "/api",
        "/API/x",
        "/assets",
        "/docs",
        "/v1",
        "/metrics",
        "//x",
        "/a//b",
        "/..",
        "/a/./b",
        '/"x',
        "/a b",
        "/ä",
        "/%41",
        "/x?y=1",
    ],
)
def test_a_path_that_cannot_be_one_stops_the_start_with_one_sentence(path: str) -> None:
    with pytest.raises(ConfigError, match="LAM_PUBLIC_URL: "):
        load_settings(lam_public_url=f"https://h{path}")


async def test_a_path_that_only_begins_alike_is_another(scripted: ScriptedServer, tmp_path) -> None:
    async with (
        running_gateway(tmp_path / "data", llm_server_url=scripted.url, lam_public_url="https://h/studio") as gateway,
        aiohttp.ClientSession() as http,
    ):
        for path, status in (
            ("/studio/api/health", 200),
            ("/studio/api/health/", 200),
            ("/api/health", 200),
            ("/studios/api/health", 404),
            ("/studio/studio/api/health", 404),
            ("/studio/../api/health", 404),
            ("/studio//api/health", 404),
            ("/STUDIO/api/health", 404),
            ("/studio%2Fapi/health", 200),  # the same path, as every program that decodes it sees it
        ):
            async with http.get(yarl.URL(gateway.url + path, encoded=True), headers={"Accept": "application/json"}) as response:
                assert response.status == status, path


async def test_limits_hold_below_the_path(scripted: ScriptedServer, tmp_path) -> None:
    async with (
        running_gateway(tmp_path / "data", llm_server_url=scripted.url, lam_public_url="https://h/studio") as gateway,
        aiohttp.ClientSession() as http,
    ):
        async with http.post(f"{gateway.url}/studio/api/auth/login", data=b"x" * (64 << 10)) as response:
            assert response.status == 413


async def test_over_tls_the_cookies_are_secure_and_of_the_path(scripted: ScriptedServer, tmp_path) -> None:
    public = {"lam_public_url": "https://h/studio", "lam_registration": "open"}
    account = {"email": "ada@example.org", "password": "correct horse"}
    async with (
        running_gateway(tmp_path / "data", llm_server_url=scripted.url, **public) as gateway,
        aiohttp.ClientSession() as http,
    ):
        for path in ("register", "login"):
            async with http.post(f"{gateway.url}/studio/api/auth/{path}", json=account) as response:
                cookies = response.headers.getall("Set-Cookie", [])
        assert {cookie.partition("=")[0] for cookie in cookies} == {"__Secure-lam_token", "__Secure-lam_device"}
        assert all("Path=/studio;" in cookie and "Secure" in cookie and "HttpOnly" in cookie for cookie in cookies)
        jar = {"Cookie": "; ".join(cookie.partition(";")[0] for cookie in cookies)}
        for path in ("/studio/api/auth/me", "/api/auth/me"):
            async with http.get(gateway.url + path, headers=jar | {"X-Forwarded-Proto": "https"}) as response:
                assert (await response.json())["email"] == account["email"]
        headers = jar | {"X-Forwarded-Proto": "https", "Origin": "https://h"}
        async with http.post(f"{gateway.url}/studio/api/auth/logout", headers=headers) as response:
            assert response.status == 204
            assert all("Path=/studio;" in cookie for cookie in response.headers.getall("Set-Cookie"))
