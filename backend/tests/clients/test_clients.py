"""Programs that people use, as they are published, each asked for everything that it can do: in both modes, to the bytes that the
model's server gets.

The usual test command runs the two SDKs that the tests have; `make test-clients` runs all, and writes docs/reference/clients.md.
"""

import asyncio
import contextlib
import traceback
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiohttp
import pytest

from lam.testing.server import ScriptedServer

from ..brokers import Mosquitto, running_mosquitto
from ..conftest import find_program
from ..running import Gateway
from ..tunnel import reached
from . import cases, matrix
from .running import Client, Program, litellm_proxy, running_program

PLACES, WAITING = 2, 1


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "client" in metafunc.fixturenames:
        clients = [client for client in matrix.CLIENTS if client.usual or metafunc.config.getoption("--clients")]
        metafunc.parametrize("client", clients, ids=[client.name for client in clients])


@pytest.fixture(scope="module")
def mosquitto() -> Iterator[Mosquitto]:
    with running_mosquitto(find_program("mosquitto")) as running:
        yield running


@pytest.fixture(scope="module")
def seen(pytestconfig: pytest.Config) -> Iterator[dict[tuple[str, str, str], str]]:
    """What the tests saw; with `--clients` it becomes the page."""
    found: dict[tuple[str, str, str], str] = {}
    yield found
    if pytestconfig.getoption("--clients"):
        matrix.PAGE.write_text(matrix.page(found, matrix.PAGE.read_text() if matrix.PAGE.exists() else ""))


@contextlib.asynccontextmanager
async def occupied(gateway: Gateway, server: ScriptedServer) -> AsyncIterator[None]:
    """While every place of the model is taken, and as many wait as may."""
    body = {"model": "scripted", "messages": [{"role": "user", "content": "Go on."}], "stream": True}
    headers = {"Authorization": f"Bearer {gateway.token}"}
    server.reply = cases.LONG

    async def read() -> None:
        async with http.post(f"{gateway.url}/v1/chat/completions", json=body) as response:
            await response.read()

    async with aiohttp.ClientSession(headers=headers) as http:
        reading = [asyncio.create_task(read()) for _ in range(PLACES + WAITING)]
        try:
            while server.active < PLACES or gateway.parts.catalog.queue.waiting < WAITING:
                await asyncio.sleep(0.01)
            yield
        finally:
            for task in reading:
                task.cancel()
            await asyncio.gather(*reading, return_exceptions=True)
            while gateway.parts.catalog.queue.waiting:
                await asyncio.sleep(0.01)


async def ask(program: Program, case: str, gateway: Gateway, server: ScriptedServer, url: str) -> None:
    """Asks for one case. Raises what is wrong with the answer."""
    async with contextlib.AsyncExitStack() as stack:
        if case == "limited":
            async with asyncio.timeout(10):
                await stack.enter_async_context(occupied(gateway, server))
        server.reply = lambda body: cases.model(body, case)
        count = len(server.requests)
        async with asyncio.timeout(60):
            found = await program.ask(case, gateway, f"The case: {case}", url)
        assert case == "limited" or len(server.requests) > count, found
        checked = cases.CHECKS[case](found, server)
        if checked is not None:
            await checked


@pytest.mark.timeout(240)
@pytest.mark.sse
@pytest.mark.parametrize("mode", matrix.MODES)
async def test_a_client_gets_all_that_it_asks_for(
    client: Client,
    mode: str,
    mosquitto: Mosquitto,
    seen: dict[tuple[str, str, str], str],
    tmp_path: Path,
    pytestconfig: pytest.Config,
) -> None:
    own = pytestconfig.getoption("--clients")
    async with ScriptedServer(slots=PLACES) as server, contextlib.AsyncExitStack() as stack:
        server.sees = True
        model = server.url
        if client.proxy == "behind":
            model = await stack.enter_async_context(litellm_proxy(server.url, "none", tmp_path))
        settings = {"lam_max_queue": WAITING, "llm_slots": PLACES}
        gateway = await stack.enter_async_context(reached(mode, model, tmp_path / "data", mosquitto, **settings))
        url = gateway.url
        if client.proxy == "before":
            url = await stack.enter_async_context(litellm_proxy(gateway.url, gateway.token, tmp_path))
        program = await stack.enter_async_context(running_program(client, own=own))
        failures = []
        for case in [case for case in matrix.CASES if case in program.cases]:
            try:
                await ask(program, case, gateway, server, url)
                seen[client.name, mode, case] = "yes"
            except (AssertionError, TimeoutError, IndexError, KeyError, StopIteration):
                seen[client.name, mode, case] = "no"
                failures.append(f"{case}: {traceback.format_exc(limit=-2)}")
        assert not failures, "\n".join(failures)


def test_the_page_has_a_row_for_each_client_and_a_column_for_each_case() -> None:
    head, _, *rows = [line.split(" | ") for line in matrix.PAGE.read_text().splitlines() if line.startswith("| ")]
    assert [row[0].removeprefix("| ") for row in rows] == [client.name for client in matrix.CLIENTS]
    assert [name.removesuffix(" |") for name in head[3:]] == [matrix.HEADS.get(case, case) for case in matrix.CASES]
