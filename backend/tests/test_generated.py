"""Drift: what is generated, documented or promised elsewhere says what the code does."""

import asyncio
import importlib.util
import json
import threading
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from starlette.responses import JSONResponse

from lam.cli import COMMANDS
from lam.errors import all_errors
from lam.settings import Settings

from .running import Gateway

ROOT = Path(__file__).resolve().parents[2]


def generated() -> dict[Path, str]:
    spec = importlib.util.spec_from_file_location("generate", ROOT / "backend" / "scripts" / "generate.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found: dict[Path, str] = module.generated()
    return found


def test_generated_files_are_what_the_code_says() -> None:
    for path, text in generated().items():
        assert path.read_text(encoding="utf-8") == text, f"{path.name} is out of date: run `make contracts`"


async def test_the_gateway_serves_the_openapi_file(gateway: Gateway) -> None:
    async with aiohttp.ClientSession() as http:
        async with http.get(gateway.url + "/openapi.json") as response:
            assert await response.json() == json.loads((ROOT / "contracts" / "openapi.json").read_text())
        async with http.get(gateway.url + "/docs") as response:
            page = await response.text()
    assert "https://" not in page, "the documentation page must not ask a stranger's server for its parts"


async def test_the_openapi_file_is_made_once_and_beside_the_loop(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes nearly a second, and anybody may ask for it."""
    threads = list[threading.Thread]()

    def make(content: Any) -> JSONResponse:
        threads.append(threading.current_thread())
        return JSONResponse(content)

    monkeypatch.setattr("lam.api.description.JSONResponse", make)

    async def ask() -> bytes:
        async with aiohttp.ClientSession() as http, http.get(gateway.url + "/openapi.json") as response:
            return await response.read()

    first, *others = await asyncio.gather(*(ask() for _ in range(5)))
    assert set(others) == {first}
    assert len(threads) == 1
    assert threads[0] is not threading.main_thread()


def test_every_setting_command_and_code_is_documented() -> None:
    reference = ROOT / "docs" / "reference"
    settings = (reference / "settings.md").read_text()
    for name, field in Settings.model_fields.items():
        assert field.description, f"{name} has no description"
        assert f"| {name.upper()} |" in settings
    errors = (reference / "errors.md").read_text()
    assert all(f"| `{kind.code}` |" in errors for kind in all_errors())
    commands = (reference / "commands.md").read_text()
    assert all(f"## lam {name}" in commands for name in COMMANDS)


def test_every_code_has_one_class() -> None:
    codes = [kind.code for kind in all_errors() if "code" in vars(kind)]
    assert len(codes) == len(set(codes))


@pytest.mark.parametrize("word", ["streaming", "cancelled", "interrupted", "failed", "rebuilt", "shown_chars", "Last-Event-ID"])
def test_the_protocol_page_speaks_of_everything_a_client_meets(word: str) -> None:
    assert word in (ROOT / "docs" / "protocols" / "http-stream.md").read_text()
