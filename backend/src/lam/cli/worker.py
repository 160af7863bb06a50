"""`lam worker`: a worker beside a model, for gateways at a broker.

It turns options into settings and signals into a drain. The work belongs to `lam.worker`.
"""

import asyncio
import gc
import os
import platform
import re
import signal
from typing import Any, Final

import click

from lam import logs
from lam.engines.openai_http import OpenAIHttpEngine
from lam.errors import ConfigError
from lam.mqtt.connection import Broker
from lam.settings import Settings, load_settings
from lam.worker.worker import Worker

POLL_SECONDS: Final = 0.1


@click.command()
@click.option("--llm", help="Base URL of the model server (LLM_SERVER_URL).")
@click.option("--broker", help="HOST or HOST:PORT of the MQTT broker (MQTT_BROKER_HOST, MQTT_BROKER_PORT).")
@click.option("--name", help="The worker's name at the broker; default: the name of this machine.")
@click.option(
    "--slots",
    type=click.IntRange(0),
    help="Maximum number of jobs at a time (LLM_SLOTS); 0: the number of slots of the model server.",
)
@click.option("--no-stream", is_flag=True, help="Answer in one piece; the gateway simulates streaming.")
def worker(llm: str | None, broker: str | None, name: str | None, slots: int | None, no_stream: bool) -> None:
    """Run a worker beside a model: it takes jobs from gateways at a broker. It only makes outgoing connections."""
    overrides: dict[str, object] = {"llm_server_url": llm, "llm_slots": slots}
    if broker is not None:
        host, port = _address(broker)
        overrides |= {"mqtt_broker_host": host, "mqtt_broker_port": port}
    settings = load_settings(**{key: value for key, value in overrides.items() if value is not None})
    logs.start()
    asyncio.run(_work(settings, name or _machine_name(), streaming=not no_stream))


async def _work(settings: Settings, name: str, *, streaming: bool) -> None:
    stop = asyncio.Event()
    before = _listen(stop)
    broker = Broker.of(settings)
    try:
        async with (
            OpenAIHttpEngine(
                settings.llm_server_url,
                api_key=settings.llm_api_key,
                model=settings.llm_model,
                slots=settings.llm_slots,
            ) as engine,
            Worker(
                engine,
                broker,
                name=name,
                prefix=settings.mqtt_topic_prefix,
                slots=settings.llm_slots,
                timeout=settings.llm_timeout,
                streaming=streaming,
                max_packet=settings.mqtt_max_packet,
            ) as work,
        ):
            click.echo(f"Worker {name}: {settings.llm_server_url}, broker {broker.address}; Ctrl-C stops it.", err=True)
            gc.collect()
            gc.freeze()  # as the gateway does
            while not stop.is_set():  # noqa: ASYNC110  # polled: on Windows a signal wakes no event loop
                await asyncio.sleep(POLL_SECONDS)
            await work.drain(settings.lam_drain_seconds)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    click.echo("Stopped.", err=True)


def _listen(stop: asyncio.Event) -> dict[signal.Signals, Any]:
    """Makes the first signal request a stop and the second one exit at once. Returns the earlier handlers.

    Works on every platform's event loop.
    """

    def received(*_: object) -> None:
        if stop.is_set():
            os._exit(1)
        stop.set()

    return {number: signal.signal(number, received) for number in (signal.SIGTERM, signal.SIGINT)}


def _address(broker: str) -> tuple[str, int | None]:
    """Returns host and port from HOST or HOST:PORT; an IPv6 address with a port is in brackets."""
    match = re.fullmatch(r"\[(?P<six>[^\]]+)\](?::(?P<port6>\d+))?|(?P<host>[^:]+)(?::(?P<port>\d+))?", broker)
    if match is None:
        raise ConfigError(f"--broker: {broker!r} is not HOST or HOST:PORT.")
    port = match["port"] or match["port6"]
    return match["host"] or match["six"], int(port) if port else None


def _machine_name() -> str:
    return re.sub(r"[^A-Za-z0-9_-]", "-", platform.node())[:64] or "worker"
