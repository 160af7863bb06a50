"""Programs of real clients, each a process that is asked for one case after another."""

import asyncio
import base64
import contextlib
import json
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Literal

import aiohttp
from msgspec import Struct

from ..pictures import plain
from ..ports import free_port
from ..running import Gateway

HERE = Path(__file__).parent
VENV = Path(__file__).resolve().parents[3] / ".venv" / "clients"
PICTURE = base64.b64encode(plain()).decode()
Answer = dict[str, Any]


class Client(Struct, frozen=True, kw_only=True):
    """A client as people use it. `program`: a file in `programs` or `js`. `interface`: what it speaks. `package`: whose version the
    table shows. `usual`: the usual test command runs it too. `proxy`: LiteLLM's stands between it and us, or between us and the
    model."""

    name: str
    program: str
    interface: str
    package: str
    usual: bool = False
    proxy: Literal["before", "behind"] | None = None

    @property
    def is_python(self) -> bool:
        return self.program.endswith(".py")

    def command(self, *, own: bool) -> tuple[str, ...]:
        """Returns what runs it. `own`: in the clients' own environment, which has all of them."""
        if not self.is_python:
            return ("node", str(HERE / "js" / self.program))
        return (str(VENV / "bin" / "python") if own else sys.executable, str(HERE / "programs" / self.program))


class Program:
    """A client's process. `cases`: what it can do."""

    def __init__(self, process: asyncio.subprocess.Process, cases: tuple[str, ...]) -> None:
        self._process = process
        self.cases = cases

    async def ask(self, case: str, gateway: Gateway, prompt: str, url: str) -> Answer:
        assert self._process.stdin
        about = {"url": url, "key": gateway.token, "model": "scripted", "prompt": prompt, "picture": PICTURE}
        self._process.stdin.write(json.dumps({"case": case} | about).encode() + b"\n")
        await self._process.stdin.drain()
        return await self._line()

    async def _line(self) -> Answer:
        assert self._process.stdout
        line = await self._process.stdout.readline()
        assert line, "the client's program ended"
        answer: Answer = json.loads(line)
        return answer


@contextlib.asynccontextmanager
async def running_program(client: Client, *, own: bool) -> AsyncIterator[Program]:
    pipe = asyncio.subprocess.PIPE
    environment = os.environ | {"PYTHONWARNINGS": "ignore", "OPENAI_API_KEY": "none", "ANTHROPIC_API_KEY": "none"}
    process = await asyncio.create_subprocess_exec(
        *client.command(own=own), stdin=pipe, stdout=pipe, env=environment, limit=1 << 24
    )
    try:
        program = Program(process, ())
        program.cases = tuple((await program._line())["cases"])
        yield program
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


_PROXY = """\
model_list:
  - model_name: scripted
    litellm_params: {{model: openai/scripted, api_base: "{url}/v1", api_key: "{key}", max_retries: 0}}
    model_info: {{supports_vision: true}}
router_settings: {{num_retries: 0, disable_cooldowns: true}}
litellm_settings: {{telemetry: false, drop_params: false}}
"""


@contextlib.asynccontextmanager
async def litellm_proxy(upstream: str, key: str, folder: Path) -> AsyncIterator[str]:
    """LiteLLM's proxy before a server, as a process; its address."""
    config, port = folder / "litellm.yaml", free_port()
    config.write_text(_PROXY.format(url=upstream, key=key))
    command = (str(VENV / "bin" / "litellm"), "--config", str(config), "--host", "127.0.0.1", "--port", str(port))
    environment = os.environ | {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_TELEMETRY": "False", "NO_DOCS": "True"}
    environment |= {"LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY": "true"}  # on loopback, for this test
    quiet = asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(*command, "--num_workers", "1", env=environment, stdout=quiet, stderr=quiet)
    url = f"http://127.0.0.1:{port}"
    try:
        async with aiohttp.ClientSession() as http:
            while not await _answers(http, f"{url}/health/liveliness"):
                assert process.returncode is None, "LiteLLM's proxy ended"
                await asyncio.sleep(0.1)
        yield url
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def _answers(http: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with http.get(url) as response:
            return response.status == 200
    except aiohttp.ClientError:
        return False
