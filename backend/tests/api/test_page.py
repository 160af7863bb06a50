import gzip
import json
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from yarl import URL

from lam.api import page
from lam.testing.server import ScriptedServer

from ..running import Gateway, running_gateway

DOCUMENT = "<!doctype html><title>The page</title>"


@pytest.fixture
def built(tmp_path: Path) -> Path:
    """A page with one file, and a secret beside it."""
    folder = tmp_path / "page"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text(DOCUMENT)
    (folder / "assets" / "index-1234.js").write_text("1")
    (tmp_path / "secret.txt").write_text("secret")
    return folder


@pytest.fixture
async def gateway(scripted: ScriptedServer, tmp_path: Path, built: Path) -> AsyncIterator[Gateway]:
    async with running_gateway(tmp_path / "data", built=built, llm_server_url=scripted.url) as running:
        yield running


async def get(gateway: Gateway, path: str) -> tuple[int, str, aiohttp.ClientResponse]:
    async with aiohttp.ClientSession() as http, http.get(gateway.url + path, allow_redirects=False) as response:
        return response.status, await response.text(), response


@pytest.mark.parametrize("path", ["/", "/c/12", "/sign-in", "/a/page/that/is/not/there"])
async def test_every_address_of_the_page_is_its_document_under_a_strict_policy(gateway: Gateway, built: Path, path: str) -> None:
    status, text, response = await get(gateway, path)
    assert (status, text) == (200, DOCUMENT)
    policy = response.headers["Content-Security-Policy"]
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    assert "require-trusted-types-for 'script'" in policy
    assert response.headers["Cache-Control"] == "no-cache"


async def test_the_document_for_diagrams_has_no_origin_and_loads_only_the_scripts_of_the_build(
    gateway: Gateway, built: Path
) -> None:
    for name in ("diagram.html", "diagram.js", "assets/mermaid.tiny-1234.js"):
        (built / name).write_text("1")
    _, _, document = await get(gateway, "/diagram.html")
    policy = document.headers["Content-Security-Policy"].split("; ")
    assert {"default-src 'none'", "script-src 'self'", "sandbox allow-scripts", "frame-ancestors 'self'"} <= set(policy)
    for path, reach in (
        ("/diagram.js", "cross-origin"),
        ("/assets/mermaid.tiny-1234.js", "cross-origin"),
        ("/assets/index-1234.js", "same-origin"),
    ):
        _, _, script = await get(gateway, path)
        assert script.headers["Cross-Origin-Resource-Policy"] == reach


async def test_what_is_built_is_kept_for_ever_by_browsers(gateway: Gateway, built: Path) -> None:
    status, text, response = await get(gateway, "/assets/index-1234.js")
    assert (status, text) == (200, "1")
    assert "immutable" in response.headers["Cache-Control"]


async def test_what_was_compressed_by_the_build_goes_out_like_that_to_whoever_takes_it(gateway: Gateway, built: Path) -> None:
    (built / "assets" / "index-1234.js.gz").write_bytes(gzip.compress(b"1"))
    for accepted, encoding in (("gzip, br", "gzip"), ("identity", None)):
        async with aiohttp.ClientSession(headers={"Accept-Encoding": accepted}) as http:
            async with http.get(gateway.url + "/assets/index-1234.js") as response:
                assert (response.status, await response.text()) == (200, "1")
                assert response.headers.get("Content-Encoding") == encoding
                assert "javascript" in response.headers["Content-Type"]
                assert response.headers["Vary"] == "Accept-Encoding"


@pytest.mark.parametrize("path", ["/assets/index-9999.js", "/..%2fsecret.txt", "/assets/..%2f..%2fsecret.txt", "/favicon.ico"])
async def test_no_other_file_is_given_away(gateway: Gateway, built: Path, path: str) -> None:
    status, text, _ = await get(gateway, path)
    assert status == 404
    assert "secret" not in text


API = ["/api", "/api/", "/api/nothing", "/api/chatbot/nothing", "/v1", "/v1/"]
API += ["/V1/models", "/v1beta/models", "/v2/x", "/API/health", "//v1/models", "/health", "/livez", "/assets"]


async def test_an_address_of_an_api_is_never_the_page(gateway: Gateway, built: Path) -> None:
    for path in API:
        status, text, response = await get(gateway, path)
        assert (status, response.content_type) == (404, "application/json"), path
        assert set(json.loads(text)) == {"detail", "code"}


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "PROPFIND"])
async def test_an_address_for_programs_is_never_the_page(gateway: Gateway, built: Path, method: str) -> None:
    async with aiohttp.ClientSession() as http:
        for path in ("/v1/models", "/%761/models", "/v1/chat/completions", "/v1/models/x", "/v1/nothing", "/v1/messages"):
            async with http.request(method, gateway.url + path) as response:
                assert response.status in (401, 404, 405), path
                assert response.content_type == "application/json", path
                assert "error" in await response.json(), path


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"])
async def test_another_method_there_is_405_in_json(gateway: Gateway, built: Path, method: str) -> None:
    async with aiohttp.ClientSession() as http:
        for path in API:
            async with http.request(method, gateway.url + path) as response:
                assert (response.status, (await response.json())["code"]) == (405, "method_not_allowed"), path
                assert "GET" in response.headers["Allow"]


@pytest.mark.parametrize("accepted", ["application/json", "text/event-stream", "image/png, image/webp"])
async def test_who_takes_no_document_gets_none(gateway: Gateway, built: Path, accepted: str) -> None:
    """A program with a wrong base address: `/models` and `/chat/completions` without `/v1`."""
    async with aiohttp.ClientSession(headers={"Accept": accepted}) as http, http.get(gateway.url + "/models") as response:
        assert (response.status, response.content_type) == (404, "application/json")


ODD = ["/assets/%00.js", "/%00", "/assets/%00", "/a%00b/c", "/" + "a" * 256, "/assets/" + "a" * 300 + ".js", "/" + "a/" * 3000]
ODD += ["/..%2f", "/..%2fsecret.txt", "/%2e%2e/secret", "/c/..%2f..%2fsecret", "/assets/..%5c..%5csecret", "/.env", "/.git/config"]
ODD += ["/%ed%a0%80", "/assets/%ed%a0%80.js", "/%ff%fe", "/%u0041", "/%zz", "/%25zz", "/%252e%252e%252fsecret", "/%", "/%e2%80%ae"]
ODD += [
    "/con%0d%0aSet-Cookie:x",
    "/%7f",
    "/assets/index-1234.js%00",
    "/assets//index-1234.js",
    "/assets/.",
    "/" + "%c3%bc" * 130,
    "/static-offline-docs",
]
ODD += ["/static-offline-docs/%00.js", "/static-offline-docs/" + "a" * 300, "/static-offline-docs/..%2f..%2fcore.py"]


async def test_an_odd_name_is_404_and_nothing_is_logged(gateway: Gateway, built: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with aiohttp.ClientSession() as http:
        for path in ODD:
            async with http.get(URL(gateway.url + path, encoded=True), allow_redirects=False) as response:
                assert (response.status, response.content_type) == (404, "application/json"), path
                assert set(await response.json()) == {"detail", "code"}
    assert not caplog.records


def test_every_file_of_the_page_that_was_built_can_be_asked_for() -> None:
    names = [file.relative_to(page.BUILT).as_posix() for file in page.BUILT.rglob("*") if file.is_file()]
    assert [name for name in names if not page.FILE.fullmatch(name) or len(name) > page.LONGEST] == []


async def test_the_page_answers_head(gateway: Gateway, built: Path) -> None:
    async with aiohttp.ClientSession() as http:
        for path, status in (("/", 200), ("/assets/index-1234.js", 200), ("/assets/nothing.js", 404), ("/v2/models", 404)):
            async with http.head(gateway.url + path) as response:
                assert (response.status, await response.read()) == (status, b"")


async def test_without_a_page_the_api_is_described(gateway: Gateway, built: Path) -> None:
    (built / "index.html").unlink()
    status, _, response = await get(gateway, "/")
    assert (status, response.headers["Location"]) == (307, "/docs")
    assert (await get(gateway, "/c/1"))[0] == 404
