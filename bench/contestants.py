"""What is measured side by side: each is started by itself, and turns a script into the HTTP request that it understands."""

import asyncio
import json
import shutil
import socket
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import peers
from load import Load, Script
from processes import Process, started

from lam.client.client import Client

HERE = Path(__file__).parent
LAM = ("-c", "from lam.cli import main; main()")


class Contestant:
    """`processes`: what is measured, by name. `at_once`: the most streams that it is asked for at a time."""

    def __init__(self, port: int, processes: dict[str, Process], path: str = "/v1/chat/completions", key: str = "") -> None:
        self.port = port
        self.processes = processes
        self._path = path
        self._key = key

    async def requests(self, scripts: Sequence[Script]) -> list[tuple[int, bytes]]:
        return [(script.stream, self.post(self._path, self.body(script))) for script in scripts]

    def body(self, script: Script) -> dict[str, Any]:
        return {"model": "bench", "messages": [{"role": "user", "content": str(script)}], "stream": True}

    def post(self, path: str, body: dict[str, Any]) -> bytes:
        data = json.dumps(body).encode()
        return self.head("POST", path, f"Content-Type: application/json\r\nContent-Length: {len(data)}\r\n") + data

    def head(self, method: str, path: str, more: str = "") -> bytes:
        authorization = f"Authorization: Bearer {self._key}\r\n" if self._key else ""
        return f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\n{authorization}{more}\r\n".encode()


class Minimal(Contestant):
    def body(self, script: Script) -> dict[str, Any]:
        return {"content": str(script)}


class Lam(Contestant):
    """This gateway. Each stream gets a session of its own, made before the measuring begins."""

    def __init__(self, url: str, token: str, processes: dict[str, Process]) -> None:
        super().__init__(int(url.rsplit(":", 1)[1]), processes, "/api/chatbot/messages/stream", token)
        self.url = url
        self.token = token

    async def requests(self, scripts: Sequence[Script]) -> list[tuple[int, bytes]]:
        async with Client(self.url, self.token) as client:
            sessions = [int((await client.create_session())["id"]) for _ in scripts]
        bodies = ({"session_id": session, "content": str(script)} for session, script in zip(sessions, scripts, strict=True))
        return [(script.stream, self.post(self._path, body)) for script, body in zip(scripts, bodies, strict=True)]

    async def begin(self, scripts: Sequence[Script]) -> list[str]:
        """Starts streams that run on although nobody reads them; their ids."""
        found = []
        async with Client(self.url, self.token) as client, aiohttp.ClientSession() as http:
            for script in scripts:
                session = int((await client.create_session())["id"])
                body = {"session_id": session, "content": str(script), "on_disconnect": "continue"}
                headers = {"Authorization": f"Bearer {self.token}"}
                async with http.post(self.url + self._path, json=body, headers=headers) as response:
                    while b"metadata" not in (line := await response.content.readline()):
                        pass
                    found.append(str(json.loads(line[6:])["stream_id"]))
        return found

    def follow(self, stream_id: str) -> bytes:
        """Reading along from the last event that the reader has."""
        return self.head("GET", f"/api/chatbot/streams/{stream_id}", "Last-Event-ID: @@LAST@@\r\n")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def answering(port: int, path: str = "/", seconds: float = 120) -> None:
    """Waits until something speaks HTTP there."""
    async with aiohttp.ClientSession() as http, asyncio.timeout(seconds):
        while True:
            try:
                async with http.get(f"http://127.0.0.1:{port}{path}") as response:
                    await response.read()
                    return
            except aiohttp.ClientError:
                await asyncio.sleep(0.1)


@asynccontextmanager
async def direct(load: Load) -> AsyncIterator[Contestant]:
    yield Contestant(load.port, {})


@asynccontextmanager
async def nginx(load: Load) -> AsyncIterator[Contestant]:
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if program is None:
        raise SystemExit("nginx is missing: apt-get install nginx-light")
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "nginx.conf"
        text = (HERE / "nginx.conf").read_text()
        config.write_text(text.replace("FOLDER", folder).replace("PORT", str(port)).replace("UPSTREAM", f"127.0.0.1:{load.port}"))
        async with started("-c", str(config), "-p", folder, program=program) as (process, _):
            await answering(port, "/health")
            yield Contestant(port, {"nginx": process})


@asynccontextmanager
async def minimal(load: Load) -> AsyncIterator[Contestant]:
    port = free_port()
    async with started(str(HERE / "minimal.py"), str(port), load.url) as (process, _):
        await answering(port)
        yield Minimal(port, {"gateway": process}, "/reply")


@asynccontextmanager
async def lam(load: Load) -> AsyncIterator[Lam]:
    with tempfile.TemporaryDirectory() as folder:
        async with gateway(folder, {"LLM_SERVER_URL": load.url}) as found:
            yield found


@asynccontextmanager
async def lam_openai(load: Load) -> AsyncIterator[Contestant]:
    """This gateway as programs see it: OpenAI's interface on the same runs."""
    with tempfile.TemporaryDirectory() as folder:
        async with gateway(folder, {"LLM_SERVER_URL": load.url}) as found:
            yield Contestant(found.port, found.processes, key=found.token)


@asynccontextmanager
async def lam_mqtt(load: Load) -> AsyncIterator[Lam]:
    """The gateway in mqtt mode, a LAM worker, and Mosquitto between them."""
    program = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")
    if program is None:
        raise SystemExit("mosquitto is missing: apt-get install mosquitto")
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "mosquitto.conf"
        config.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\n")
        async with AsyncExitStack() as stack:
            broker, _ = await stack.enter_async_context(started("-c", str(config), program=program))
            worker = (*LAM, "worker", "--llm", load.url, "--broker", f"127.0.0.1:{port}", "--name", "bench")
            process, _ = await stack.enter_async_context(started(*worker, says="Ctrl-C stops it"))
            env = {"LLM_COMM_MODE": "mqtt", "MQTT_BROKER_PORT": str(port)}
            found = await stack.enter_async_context(gateway(folder, env))
            found.processes |= {"worker": process, "broker": broker}
            yield found


@asynccontextmanager
async def gateway(folder: str, env: dict[str, str], *, ready: bool = True) -> AsyncIterator[Lam]:
    """This gateway with its data in the folder; with `ready` once it has a model. It asks for no titles: the others make none."""
    ours = {"LAM_DATA_DIR": folder, "LAM_PORT": "0", "LAM_TITLES": "false", "LAM_MAX_STREAMS_PER_USER": "100000"}
    async with started(*LAM, "serve", says="serves", env=ours | env) as (process, _):
        url, token = ((Path(folder) / name).read_text().strip() for name in ("url", "token"))
        async with Client(url, token) as client:
            while ready and not (await client.call("GET", "/api/health"))["ready"]:
                await asyncio.sleep(0.1)
        yield Lam(url, token, {"gateway": process})


@asynccontextmanager
async def litellm(load: Load) -> AsyncIterator[Contestant]:
    port = free_port()
    async with peers.litellm(port, load.url) as process:
        await answering(port, "/health/liveliness")
        yield Contestant(port, {"gateway": process}, key=peers.LITELLM_KEY)


@asynccontextmanager
async def open_webui(load: Load) -> AsyncIterator[Contestant]:
    port = free_port()
    async with peers.open_webui(port, load.url) as process:
        await answering(port, "/health")
        key = await peers.open_webui_key(port)
        yield Contestant(port, {"gateway": process}, "/openai/chat/completions", key)


Opened = Callable[[Load], AbstractAsyncContextManager[Contestant]]
CONTESTANTS: dict[str, Opened] = {
    "direct": direct,
    "nginx": nginx,
    "minimal": minimal,
    "LAM": lam,
    "LAM /v1": lam_openai,
    "LAM mqtt": lam_mqtt,
    "LiteLLM": litellm,
    "Open WebUI": open_webui,
}
