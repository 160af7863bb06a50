"""SIGHUP: a gateway reads lam.toml again, and its runs go on. In a terminal that closes it still ends."""

import asyncio
import os
import pty
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from lam.client.client import Client
from lam.protocol.events import Done
from lam.testing.server import Reply, ScriptedServer

from ..running import collect, gateway_process
from ..waiting import until

pytestmark = [pytest.mark.live, pytest.mark.sqlite]


async def names(client: Client) -> list[str]:
    return [model["name"] for model in (await client.call("GET", "/api/models"))["models"]]


async def test_a_hangup_reads_the_file_again_and_ends_no_run(tmp_path: Path) -> None:
    path = tmp_path / "lam.toml"
    async with ScriptedServer(Reply(("One", "more"), hold=True), model="one") as server:

        def write(*models: str) -> None:
            text = f'[[server]]\nname = "s"\nurl = "{server.url}"\n'
            path.write_text(text + "".join(f'[[model]]\nname = "{model}"\nroutes = ["s"]\n' for model in models))

        write("before")
        async with gateway_process(tmp_path / "data", lam_config=path) as (process, gateway), gateway.client() as client:
            session = await client.create_session()
            running = asyncio.create_task(collect(client, session["id"]))
            await until(lambda: bool(server.requests))
            write("after", "more")
            process.send_signal(signal.SIGHUP)

            async def offers(*wanted: str) -> None:
                async with asyncio.timeout(20):
                    while await names(client) != list(wanted):
                        await asyncio.sleep(0.02)

            await offers("after", "more")
            path.write_text("[[server]")
            process.send_signal(signal.SIGHUP)
            assert process.stderr
            async with asyncio.timeout(20):
                while b"The configuration stays as it was" not in (line := await process.stderr.readline()):
                    assert line
            assert b"is not TOML" in line
            await offers("after", "more")
            while not running.done():
                server.step()
                await asyncio.sleep(0.01)
            assert isinstance(running.result()[-1], Done)


async def test_in_a_terminal_that_closes_the_gateway_ends(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    environment: dict[str, Any] = os.environ | {"LAM_DATA_DIR": str(tmp_path / "data"), "LAM_PORT": "0", "LAM_DRAIN_SECONDS": "1"}
    process = await asyncio.create_subprocess_exec(
        *(
            sys.executable,
            "-c",
            "import fcntl, signal, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); "
            "signal.signal(signal.SIGHUP, signal.SIG_DFL); "  # these tests may run under nohup
            "from lam.cli import main; main()",
            "serve",
        ),
        env=environment,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    try:
        said = b""
        async with asyncio.timeout(60):
            while b"serves http" not in said:
                said += await asyncio.to_thread(os.read, ours, 4096)
        os.close(ours)
        await asyncio.wait_for(process.wait(), 20)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
