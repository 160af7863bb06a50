"""`lam up`: everything on this machine. It starts and stops the processes and passes settings between them.

It must not know how a process works inside.
"""

import asyncio
import logging
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import click

from lam.broker.process import find_mosquitto, local_broker
from lam.cli.server import run, serve
from lam.data_folder import DataFolder
from lam.engines.openai_http import OpenAIHttpEngine
from lam.errors import ConfigError
from lam.llama.eye import eye_of
from lam.llama.model import NAME, demo_model
from lam.llama.process import llama_server
from lam.mqtt.connection import Broker
from lam.settings import Settings, is_set, load_settings
from lam.worker.pictures import WorkerPictures
from lam.worker.worker import Worker

WORKER = "local"

log = logging.getLogger(__name__)


@click.command()
@click.option(
    "--mode", type=click.Choice(["sse", "mqtt"], case_sensitive=False), default="sse", help="How the gateway reaches the model."
)
@click.option("--port", type=click.IntRange(0, 65535), help="Port of the gateway (LAM_PORT); default: 3000.")
def up(mode: str, port: int | None) -> None:
    """Demo model, llama.cpp server and gateway, with --mode mqtt a broker and a worker between them; prints one URL.

    Ctrl-C stops everything.
    """
    overrides: dict[str, Any] = {"llm_comm_mode": mode}
    if port is not None:
        overrides["lam_port"] = port
    if not is_set("LAM_REGISTRATION"):
        overrides["lam_registration"] = "open"
    settings = load_settings(**overrides)
    run(_up(settings, overrides))


async def _up(settings: Settings, overrides: dict[str, Any]) -> None:
    model = demo_model()
    folder = DataFolder(settings.lam_data_dir)
    for note in folder.prepare():
        log.warning("%s", note)
    click.echo(f"Loading {NAME} …", err=True)
    eye = await asyncio.to_thread(eye_of, model, folder.path)
    async with llama_server(model, name=NAME, log=folder.path / "llama.log", eye=eye) as server:
        overrides["llm_server_url"] = server.url
        if settings.llm_comm_mode == "mqtt":
            async with _tunnel(folder, overrides) as broker_ended:
                await _serve(overrides, server.ended, broker_ended)
        else:
            await _serve(overrides, server.ended)
        if server.ended.done():
            raise ConfigError(f"The model server stopped by itself; {folder.path / 'llama.log'} says more.")
    click.echo("Stopped.", err=True)


async def _serve(overrides: dict[str, Any], *children: asyncio.Future[int]) -> None:
    """Serves until a signal, or until a child process ends."""
    ended = asyncio.ensure_future(asyncio.wait(children, return_when=asyncio.FIRST_COMPLETED))
    try:
        await serve(load_settings(**overrides), ready=_tell, ended=ended)
    finally:
        ended.cancel()


@asynccontextmanager
async def _tunnel(folder: DataFolder, overrides: dict[str, Any]) -> AsyncIterator[asyncio.Future[int]]:
    """Starts a broker and a worker that answers through it. Adds the gateway's settings to `overrides`; yields the end of the
    broker."""
    async with local_broker(folder.path / "broker", find_mosquitto()) as local:
        click.echo(f"Broker: {local.kind}, {local.broker.address}", err=True)
        overrides |= {
            "mqtt_broker_host": local.broker.host,
            "mqtt_broker_port": local.broker.port,
            "mqtt_username": local.broker.username,
            "mqtt_password": local.broker.password,
            "mqtt_tls": False,
            "mqtt_version": local.broker.version,
            "mqtt_dialect": "lam",
            "llm_model": NAME,
        }
        settings, pictures = load_settings(**overrides), WorkerPictures()
        async with (
            OpenAIHttpEngine(settings.llm_server_url, pictures=pictures) as engine,
            Worker(
                engine,
                Broker.of(settings),
                name=WORKER,
                prefix=settings.mqtt_topic_prefix,
                slots=settings.llm_slots,
                timeout=settings.llm_timeout,
                max_packet=settings.mqtt_max_packet,
                pictures=pictures,
            ),
        ):
            yield local.ended
        if local.ended.done():
            raise ConfigError(f"The broker stopped by itself; {folder.path / 'broker' / 'broker.log'} says more.")


def _tell(url: str) -> None:
    lam = Path(sys.argv[0])
    command = lam if not lam.is_absolute() else Path(*lam.parts[-3:]) if lam.parts[-3:-1] == (".venv", "bin") else lam
    click.echo(url)
    click.echo(f'\n  Talk to it:  {command} chat "Tell me a short story"', err=True)
    click.echo(f"  The API:     {url}/docs", err=True)
    click.echo("  Stop:        Ctrl-C\n", err=True)
