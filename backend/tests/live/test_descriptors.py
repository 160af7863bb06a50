"""A gateway whose descriptors do not suffice for everybody who connects."""

import asyncio
import contextlib
import resource
from pathlib import Path

import pytest

from lam.protocol.events import Done, Metadata
from lam.testing.server import Reply, ScriptedServer

from ..running import gateway_process, raw_stream

pytestmark = [pytest.mark.live, pytest.mark.sqlite]

DESCRIPTORS = 128
SILENT = 500


async def test_silent_connections_take_nobody_elses_place_and_no_descriptor_is_missing(
    scripted: ScriptedServer, tmp_path: Path
) -> None:
    scripted.reply = Reply(("one ", "two"), hold=True)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTORS, hard))  # the child's too; ours again once it has started
    async with contextlib.AsyncExitStack() as stack:
        try:
            process, gateway = await stack.enter_async_context(
                gateway_process(tmp_path / "data", llm_server_url=scripted.url, lam_metrics="on")
            )
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        port = int(gateway.url.rsplit(":", 1)[1])
        async with gateway.client() as client:
            session = (await client.create_session())["id"]
            async with raw_stream(client, session) as stream:
                await stream.until(Metadata)
                silent = [await asyncio.open_connection("127.0.0.1", port) for _ in range(SILENT)]
                for _ in range(20):
                    async with gateway.client() as newcomer:
                        assert (await newcomer.call("GET", "/api/auth/me"))["email"] == "local"
                ended = [reader.at_eof() for reader, _ in silent]
                assert sum(ended) > SILENT - (DESCRIPTORS - 64)
                assert ended == sorted(ended, reverse=True)  # the longest silent ones
                assert process.stderr
                async with asyncio.timeout(60):
                    log = (await process.stderr.readuntil(b"There is room for 64 connections")).decode()
                scripted.step(2)
                done = (await stream.rest())[-1]
        for _, writer in silent:
            writer.transport.abort()
        process.terminate()
        log += (await process.stderr.read()).decode()
    assert isinstance(done, Done)
    assert done.full_content == "one two"
    assert log.count("There is room for 64 connections") == 1
    assert "Too many open files" not in log
    assert "Traceback" not in log
