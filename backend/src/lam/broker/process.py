"""Starts a broker on loopback as a child process, waits until it listens, and stops it. It must not import the broker itself."""

import asyncio
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, Literal

from lam.errors import ConfigError
from lam.mqtt.connection import Broker

HOST: Final = "127.0.0.1"
SBIN: Final = ("/usr/sbin", "/usr/local/sbin", "/opt/homebrew/sbin")
START_SECONDS: Final = 30
STOP_SECONDS: Final = 5
POLL_SECONDS: Final = 0.05


class LocalBroker:
    """A running broker. `kind`: the program's name, for people. `ended`: completes when the process ends."""

    def __init__(self, broker: Broker, kind: str, process: asyncio.subprocess.Process) -> None:
        self.broker = broker
        self.kind = kind
        self.pid = process.pid
        self.ended = asyncio.ensure_future(process.wait())


@asynccontextmanager
async def local_broker(folder: Path, mosquitto: str | None) -> AsyncIterator[LocalBroker]:
    """Runs a broker on loopback with a generated password; its files and its log are in `folder`.

    `mosquitto`: the program's path; None starts the embedded broker. Raises ConfigError, which names the log.
    """
    folder.mkdir(mode=0o700, exist_ok=True)  # noqa: ASYNC240  # once, at startup
    version: Literal["5", "3.1.1"] = "5" if mosquitto else "3.1.1"
    broker = Broker(host=HOST, port=_free_port(), username="lam", password=secrets.token_urlsafe(24), version=version)
    log = folder / "broker.log"
    with log.open("wb") as sink:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "lam.broker.server", "--folder", str(folder), "--port", str(broker.port)),
            *(("--mosquitto", mosquitto) if mosquitto else ()),
            stdin=subprocess.PIPE,
            stdout=sink,
            stderr=sink,
            start_new_session=True,
        )
    assert process.stdin is not None
    try:
        process.stdin.write(f"{broker.username}:{broker.password}\n".encode())
        local = LocalBroker(broker, "Mosquitto" if mosquitto else "the embedded broker (Mosquitto is not installed)", process)
        await _listening(local, log)
        yield local
    finally:
        process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), STOP_SECONDS)
        except TimeoutError:
            _kill(process)
            await process.wait()


def _kill(process: asyncio.subprocess.Process) -> None:
    """Ends the child process and its Mosquitto."""
    if sys.platform == "win32":
        process.kill()
    else:
        os.killpg(process.pid, signal.SIGKILL)


def find_mosquitto() -> str | None:
    """Returns the path of an installed Mosquitto, also when it is outside the user's PATH."""
    return shutil.which("mosquitto") or shutil.which("mosquitto", path=":".join(SBIN))


async def _listening(local: LocalBroker, log: Path) -> None:
    deadline = asyncio.get_running_loop().time() + START_SECONDS
    while asyncio.get_running_loop().time() < deadline and not local.ended.done():
        try:
            _, writer = await asyncio.open_connection(HOST, local.broker.port)
        except OSError:
            await asyncio.sleep(POLL_SECONDS)
            continue
        writer.close()
        return
    raise ConfigError(f"The broker did not come up ({local.kind}); {log} says more.")


def _free_port() -> int:
    """Returns a free port: no broker reports the port it chose itself."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port
