"""`lam worker`: a worker beside a model, for gateways at a broker.

It turns options into settings and signals into a drain. The work belongs to `lam.worker`.
"""

import asyncio
import gc
import platform
import re

import click

from lam import logs
from lam.cli.signals import stop_by_signals
from lam.engines.openai_http import OpenAIHttpEngine
from lam.mqtt.connection import Broker
from lam.settings import Settings, broker_address, load_settings
from lam.worker.pictures import WorkerPictures
from lam.worker.worker import Worker


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
        host, port = broker_address(broker, "--broker")
        overrides |= {"mqtt_broker_host": host, "mqtt_broker_port": port}
    settings = load_settings(**{key: value for key, value in overrides.items() if value is not None})
    logs.start()
    asyncio.run(_work(settings, name or _machine_name(), streaming=not no_stream))


async def _work(settings: Settings, name: str, *, streaming: bool) -> None:
    broker = Broker.of(settings)
    pictures = WorkerPictures()
    with stop_by_signals() as stop:
        async with (
            OpenAIHttpEngine.of(settings, pictures=pictures) as engine,
            Worker(
                engine,
                broker,
                name=name,
                prefix=settings.mqtt_topic_prefix,
                slots=settings.llm_slots,
                timeout=settings.llm_timeout,
                streaming=streaming,
                max_packet=settings.mqtt_max_packet,
                pictures=pictures,
            ) as work,
        ):
            click.echo(f"Worker {name}: {engine.source}, broker {broker.address}; Ctrl-C stops it.", err=True)
            gc.collect()
            gc.freeze()  # as the gateway does
            await stop.wait()
            await work.drain(settings.lam_drain_seconds)
    click.echo("Stopped.", err=True)


def _machine_name() -> str:
    return re.sub(r"[^A-Za-z0-9_-]", "-", platform.node())[:64] or "worker"
