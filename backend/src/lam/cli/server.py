"""Runs the gateway under a web server: binds the port, handles signals, and drains before it exits.

It must not know what the gateway serves.
"""

import asyncio
import contextlib
import gc
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable, Coroutine, Generator, Iterator
from typing import Any, Final

import uvicorn

from lam import logs
from lam.api.http_protocol import web_server
from lam.background import Background
from lam.configuration import Configured
from lam.data_folder import DataFolder
from lam.errors import ConfigError
from lam.gateway import MakeApp, create_app
from lam.settings import Settings

log = logging.getLogger(__name__)

LAST_SECONDS: Final = 1
SWITCH_SECONDS: Final = 0.0005  # how soon a busy event loop hands over to the database's thread; Python's default is ten times that
AT_MOST_SECONDS: Final = 4.5  # beyond LAM_DRAIN_SECONDS: then the process ends, whatever hangs


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers, with the state of a lifespan that is already running."""

    def __init__(self, config: uvicorn.Config, state: dict[str, Any]) -> None:
        super().__init__(config)
        self._state = state

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self.lifespan.state.update(self._state)
        await super().startup(sockets)


async def serve(
    settings: Settings,
    *,
    ready: Callable[[str], None],
    ended: asyncio.Future[Any] | None = None,
    make: MakeApp = create_app,
) -> None:
    """Serves until SIGTERM or SIGINT (or until `ended` completes), then drains. `ready` is called with the URL. Raises
    ConfigError."""
    listener = _bind(settings.lam_host, settings.lam_port)
    try:
        app = make(settings)
        async with app.router.lifespan_context(app) as state:
            config = web_server(app, lifespan="off", log_config=None, timeout_graceful_shutdown=LAST_SECONDS)
            server = _Server(config, dict(state or {}))
            stop = asyncio.Event()
            with _signals(stop, settings.lam_drain_seconds), _reload_by_signal(app.state.services.configured):
                serving = asyncio.create_task(server.serve(sockets=[listener]), name="web-server")
                url = _url(listener)
                folder = DataFolder(settings.lam_data_dir)
                folder.write(folder.url, url)
                ready(url)
                settle()
                stop_request = asyncio.create_task(stop.wait())
                lost = asyncio.create_task(app.state.services.database_lost.wait())
                reasons = {serving, stop_request, lost, *([ended] if ended else [])}
                await asyncio.wait(reasons, return_when=asyncio.FIRST_COMPLETED)
                stop_request.cancel()
                lost.cancel()
                parts = app.state.services
                if running := parts.supervisor.running():
                    logging.getLogger("lam").warning("Waiting up to %g s for %d replies", settings.lam_drain_seconds, len(running))
                await parts.drain(settings.lam_drain_seconds)
                server.should_exit = True
                await serving
                if app.state.services.database_lost.is_set():
                    raise ConfigError("Another gateway has taken the database while it was away; this one has stopped.")
    finally:
        listener.close()


def run(main: Coroutine[Any, Any, None]) -> None:
    """Runs a command's coroutine on the fastest available event loop."""
    sys.setswitchinterval(SWITCH_SECONDS)
    logs.start()
    factory: Callable[[], asyncio.AbstractEventLoop] | None = None
    if sys.platform != "win32":
        import uvloop

        factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(main)


def settle() -> None:
    """Exempts everything created at startup from garbage collection, because it stays."""
    gc.collect()
    gc.freeze()


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio sets TCP_NODELAY only with an explicit protocol
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if sys.platform != "win32":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(4096)
    except OSError as error:
        listener.close()
        raise ConfigError(
            f"The gateway cannot listen on {host}:{port} ({error.strerror}); choose another with --port or LAM_PORT."
        ) from error
    return listener


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104  # read, not bound
    return f"http://{host}:{port}"


@contextlib.contextmanager
def _reload_by_signal(configured: Configured) -> Iterator[None]:
    """Makes SIGHUP read lam.toml again, where the platform has it. A mistake in the file is logged.

    The same signal says that the terminal is gone: then the gateway stops, as every program in it does.
    """
    loop, tasks = asyncio.get_running_loop(), Background()
    hangup: signal.Signals | None = getattr(signal, "SIGHUP", None)
    is_deaf = hangup is not None and signal.getsignal(hangup) is signal.SIG_IGN  # with nohup
    terminals = [] if is_deaf else [number for number in (0, 1, 2) if os.isatty(number)]

    def received() -> None:
        if terminals and not any(map(os.isatty, terminals)):
            signal.raise_signal(signal.SIGTERM)
        else:
            tasks.run("reload", reload)

    async def reload() -> None:
        try:
            new = await configured.reload()
            log.info("The configuration is read again: %d servers, %d models", len(new.servers), len(new.models))
        except ConfigError as error:
            log.error("The configuration stays as it was: %s", error.message)

    if hangup is not None:
        loop.add_signal_handler(hangup, received)
    try:
        yield
    finally:
        if hangup is not None:
            loop.remove_signal_handler(hangup)


@contextlib.contextmanager
def _signals(stop: asyncio.Event, drain_seconds: float) -> Iterator[None]:
    """Makes the first signal request a stop, with a time limit, and the second one exit at once."""
    loop = asyncio.get_running_loop()

    def received() -> None:
        if stop.is_set():
            os._exit(1)
        stop.set()
        loop.call_later(drain_seconds + AT_MOST_SECONDS, os._exit, 1)

    wanted = (signal.SIGTERM, signal.SIGINT)
    try:
        for number in wanted:
            loop.add_signal_handler(number, received)
    except NotImplementedError:  # Windows
        before = {number: signal.signal(number, lambda *_: loop.call_soon_threadsafe(received)) for number in wanted}
        yield
        for number, handler in before.items():
            signal.signal(number, handler)
        return
    try:
        yield
    finally:
        for number in wanted:
            loop.remove_signal_handler(number)
