"""Traces: one span for each run, without a word of what was said, to a collector that may be away."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from lam.api.traces import traces
from lam.errors import ConfigError
from lam.testing.server import Reply, ScriptedServer

from ..ports import free_port
from ..running import collect, running_gateway


@asynccontextmanager
async def collector() -> AsyncIterator[tuple[str, list[Any]]]:
    """A collector's address, and the spans that reached it."""
    spans: list[Any] = []

    async def take(request: web.Request) -> web.Response:
        read = ExportTraceServiceRequest.FromString(await request.read())
        spans.extend(span for resource in read.resource_spans for scope in resource.scope_spans for span in scope.spans)
        return web.Response(content_type="application/x-protobuf")

    app = web.Application()
    app.router.add_post("/v1/traces", take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}", spans
    finally:
        await runner.cleanup()


def attributes(span: Any) -> dict[str, Any]:
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in span.attributes}


async def test_each_run_is_one_span_with_its_times_and_counts(scripted: ScriptedServer, tmp_path: Path) -> None:
    async with collector() as (url, spans):
        async with (
            running_gateway(tmp_path / "data", llm_server_url=scripted.url, lam_traces_url=url) as gateway,
            gateway.client() as client,
        ):
            session = (await client.create_session())["id"]
            await collect(client, session, "A secret question")
            scripted.reply = Reply(fault="bad_request")
            await collect(client, session)
        good, bad = spans  # those that waited are sent when the gateway stops
    known = attributes(good)
    assert good.name == "chat scripted"
    assert (known["gen_ai.operation.name"], known["gen_ai.request.model"]) == ("chat", "scripted")
    assert (known["gen_ai.usage.input_tokens"], known["gen_ai.usage.output_tokens"]) == (10, 4)
    assert (known["lam.run.kind"], known["lam.run.status"]) == ("reply", "complete")
    assert {"lam.queue.seconds", "lam.prompt.seconds", "lam.first_token.seconds", "lam.text.seconds"} <= known.keys()
    assert [event.name for event in good.events] == ["lam.prompt", "lam.first_token"]
    times = [good.start_time_unix_nano, *(event.time_unix_nano for event in good.events), good.end_time_unix_nano]
    assert times == sorted(times)
    assert good.status.code == 0
    assert (bad.status.code, attributes(bad)["error.type"]) == (2, "llm_error")
    assert not [text for text in ("secret question", "Once upon", "local") if text in str(spans)]


@pytest.mark.filterwarnings("ignore::ResourceWarning")
async def test_a_collector_that_is_away_holds_up_nothing(scripted: ScriptedServer, tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    async with asyncio.timeout(60):
        async with (
            running_gateway(tmp_path / "data", llm_server_url=scripted.url, lam_traces_url=url) as gateway,
            gateway.client() as client,
        ):
            events = await collect(client, (await client.create_session())["id"])
    assert type(events[-1]).__name__ == "Done"


async def test_traces_without_their_library_stop_the_start_with_a_sentence(
    scripted: ScriptedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace.export", None)
    with pytest.raises(ConfigError, match="pip install"):
        async with traces("http://127.0.0.1:4318"):
            pass
