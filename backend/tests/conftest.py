"""Fixtures: a real gateway on a real port in front of the scripted server, and real programs where a test needs them."""

import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from lam.llama.model import NAME, demo_model
from lam.testing.server import ScriptedServer

from .running import Gateway, running_gateway

INSTALL = {"nginx": "apt-get install nginx-light"}


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        if name.startswith(("LAM_", "LLM_", "MQTT_")) or name in ("DATABASE_URL", "SECRET_KEY"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("LAM_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
async def scripted() -> AsyncIterator[ScriptedServer]:
    async with ScriptedServer() as server:
        yield server


@pytest.fixture
async def gateway(scripted: ScriptedServer, tmp_path: Path) -> AsyncIterator[Gateway]:
    async with running_gateway(tmp_path / "data", llm_server_url=scripted.url) as running:
        yield running


@pytest.fixture
def program() -> Callable[[str], str]:
    """The path of an installed program. A missing one skips the test with the install line; with CI set it fails."""

    def find(name: str) -> str:
        path = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
        if path is None:
            sentence = f"{name} is not installed: {INSTALL[name]}"
            if os.environ.get("CI"):
                pytest.fail(sentence)
            pytest.skip(sentence)
        return path

    return find


@pytest.fixture(scope="session")
def llama_url() -> Iterator[str]:
    """A real llama.cpp server with the demo model, one for the whole run."""
    command = [sys.executable, "-m", "lam.llama.server", "--model", str(demo_model()), "--name", NAME]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdin
    assert process.stdout
    try:
        while not (line := process.stdout.readline()).startswith("http://"):
            assert line, "the model server did not come up"
        yield line.strip()
    finally:
        process.stdin.close()
        process.wait(10)
        process.stdout.close()
