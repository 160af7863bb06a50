"""Starts the llama.cpp server as a child process, waits until its model is loaded, and stops it.

It must not know what is asked of the server.
"""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from lam.errors import ConfigError
from lam.llama.server import CACHE_MB, KEY

START_SECONDS: Final = 120
STOP_SECONDS: Final = 5


class LlamaServer:
    """A running server. `ended`: completes when its process ends."""

    def __init__(self, url: str, process: asyncio.subprocess.Process) -> None:
        self.url = url
        self.pid = process.pid
        self.ended = asyncio.ensure_future(process.wait())


@asynccontextmanager
async def llama_server(
    model: Path,
    *,
    name: str,
    log: Path,
    port: int = 0,
    slots: int = 2,
    ctx: int = 4096,
    eye: Path | None = None,
    chat_template: Path | None = None,
    key: str | None = None,
    cache: int = CACHE_MB,
    threads: int = 0,
    speculate: bool = False,
    at_once: int = 0,
) -> AsyncIterator[LlamaServer]:
    """Runs a server on loopback with its model loaded, with an `eye` if the model has one. Raises ConfigError, which names the log,
    when it does not start. `key`: what its clients must send; the environment carries it, since anybody can read a command line.
    `cache`: MB for earlier prompts. `threads`: 0 means as `default_threads` says. `speculate`:
    whether it guesses the next tokens from repetitions in the text. `at_once`: tokens of a prompt that are computed at once, 0 for
    the library's choice; one by one they are computed as the model's own are.

    The child has its own process group: Ctrl-C reaches the gateway alone, which lets running replies end.
    """
    options = {
        "model": model,
        "name": name,
        "port": port,
        "slots": slots,
        "ctx": ctx,
        "eye": eye,
        "chat-template": chat_template,
        "cache": cache,
        "threads": threads,
        "at-once": at_once,
    }
    with log.open("wb") as sink:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "lam.llama.server"),
            *(f"--{option}={value}" for option, value in options.items() if value is not None),
            *(["--speculate"] if speculate else []),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=sink,
            start_new_session=True,
            env={name: value for name, value in os.environ.items() if name != KEY} | ({KEY: key} if key else {}),
        )
    assert process.stdin is not None
    try:
        server = LlamaServer(await _address(process, log), process)
        yield server
    finally:
        process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), STOP_SECONDS)
        except TimeoutError:
            pass
        finally:  # also when nobody waits any longer
            if process.returncode is None:
                process.kill()
        await process.wait()


async def _address(process: asyncio.subprocess.Process, log: Path) -> str:
    assert process.stdout is not None
    try:
        async with asyncio.timeout(START_SECONDS):
            while line := await process.stdout.readline():
                text = line.decode("utf-8", "replace").strip()
                if text.startswith("http://"):
                    return text
    except TimeoutError as error:
        raise ConfigError(f"The model server did not come up within {START_SECONDS} seconds; {log} says more.") from error
    raise ConfigError(f"The model server stopped while it was starting; {log} says more.")
