"""The whole API against its own description: whatever is sent, no 500, and no answer that the description does not foresee.

Event streams and the end of the account that asks are tested by hand, elsewhere.
"""

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis import checks

from lam.gateway import Bounds
from lam.testing.server import ScriptedServer

from ..running import collect, running_gateway

CASES = 2000
GENERATED = 8  # for each operation, beside those that schemathesis takes from the description: about 36
STREAMS = ["/api/chatbot/messages/stream", "/api/chatbot/streams/{stream_id}"]
CONTRACT = Path(__file__).resolve().parents[3] / "contracts" / "openapi.json"
SCHEMA = schemathesis.openapi.from_path(CONTRACT).exclude(path=STREAMS).exclude(path="/api/auth/logout")
for path in SCHEMA.raw_schema["paths"].values():  # files of kinds that it has no words for are bytes
    for kind in path.get("post", {}).get("requestBody", {}).get("content", {}):
        if kind.startswith(("audio/", "video/", "application/ogg")):
            schemathesis.serializer.alias(kind, "application/octet-stream")
CHECKS = [
    checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
]

sent: list[str] = []


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """A gateway on a loop of its own, with things that have low numbers in it: its URL and a token."""
    data = tmp_path_factory.mktemp("properties")
    ready: list[tuple[str, str]] = []
    started, stop = threading.Event(), asyncio.Event()

    async def serve() -> None:
        loop.append(asyncio.get_running_loop())
        async with (
            ScriptedServer() as scripted,
            running_gateway(data, bounds=Bounds(login_delay=0), llm_server_url=scripted.url) as gateway,
        ):
            async with gateway.client() as client:
                for number in range(3):
                    await client.call("POST", "/api/templates", {"title": f"T{number}", "content": "{{a}} {{b=1}}"})
                    await collect(client, (await client.create_session(template_id=number + 1))["id"])
            ready.append((gateway.url, gateway.token))
            started.set()
            await stop.wait()

    loop: list[asyncio.AbstractEventLoop] = []
    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    assert started.wait(30)
    yield ready[0]
    loop[0].call_soon_threadsafe(stop.set)
    thread.join(30)


@SCHEMA.parametrize()
@settings(max_examples=GENERATED, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
def test_whatever_is_sent_the_answer_is_one_that_was_foreseen(case: schemathesis.Case, served: tuple[str, str]) -> None:
    url, token = served
    sent.append(case.method)
    headers: dict[str, Any] = {"Authorization": f"Bearer {token}"}
    response = case.call(base_url=url, headers=headers)
    case.validate_response(response, checks=CHECKS)


def test_that_were_enough_cases() -> None:
    assert len(sent) >= CASES
