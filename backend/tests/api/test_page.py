import gzip
from pathlib import Path

import aiohttp
import pytest

from ..running import Gateway

DOCUMENT = "<!doctype html><title>The page</title>"


@pytest.fixture
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A page with one file, and a secret beside it."""
    page = tmp_path / "page"
    (page / "assets").mkdir(parents=True)
    (page / "index.html").write_text(DOCUMENT)
    (page / "assets" / "index-1234.js").write_text("1")
    (tmp_path / "secret.txt").write_text("secret")
    monkeypatch.setattr("lam.api.page.BUILT", page)
    return page


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


@pytest.mark.parametrize("path", ["/api", "/api/nothing", "/api/chatbot/nothing"])
async def test_an_address_of_the_api_is_never_the_page(gateway: Gateway, built: Path, path: str) -> None:
    status, text, _ = await get(gateway, path)
    assert status == 404
    assert '"code"' in text


async def test_without_a_page_the_api_is_described(gateway: Gateway, built: Path) -> None:
    (built / "index.html").unlink()
    status, _, response = await get(gateway, "/")
    assert (status, response.headers["Location"]) == (307, "/docs")
    assert (await get(gateway, "/c/1"))[0] == 404
