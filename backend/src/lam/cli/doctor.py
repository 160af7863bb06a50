"""`lam doctor`: what prevents a reply, and how to fix it. Every check runs, whatever the results of the others.

A running gateway reports what it sees, because its settings may differ from ours (`lam up` changes them). When none runs on this
machine, the command tries database, model, broker, workers and voices as a gateway would. It changes nothing.
"""

import asyncio
import logging
import re
from collections.abc import AsyncIterator
from typing import Final
from urllib.parse import urlsplit

import click

from lam.cli import checks
from lam.cli.checks import Result, State
from lam.client.client import Client
from lam.data_folder import DataFolder
from lam.errors import ConfigError, GatewayUnreachable, LamError
from lam.settings import load_settings

COLOURS: Final[dict[State, str]] = {"ok": "green", "FAILED": "red", "not checked": "yellow"}


@click.command()
@click.argument("url", required=False)
@click.option("--token", help="A token; default: the one of this machine.")
def doctor(url: str | None, token: str | None) -> None:
    """Check the installation on this machine, or the gateway at URL from here, and say how to fix what is wrong."""
    if url is not None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
            raise click.BadParameter("URL must be like http://HOST:PORT or https://HOST.")
        url = url.rstrip("/")
    logging.basicConfig(handlers=[logging.NullHandler()])  # the report contains every problem
    if asyncio.run(_report(url, token)):
        raise click.exceptions.Exit(1)


async def _report(url: str | None, token: str | None) -> int:
    """Prints each result at once and returns the number of failures."""
    failed = 0
    results = _here(token) if url is None else _at(url, token or _own_token(url))
    async for result in results:
        failed += result.state == "FAILED"
        state = click.style(f"{result.state:<11}", fg=COLOURS[result.state])
        click.echo(f"{result.name:<11}  {state}  {_without_secrets(result.sentence)}")
        if result.mend:
            click.echo(f"{'':<26}{_without_secrets(result.mend)}")
    click.echo(f"\n{failed or 'No'} check{'' if failed == 1 else 's'} failed.")
    return failed


def _without_secrets(text: str) -> str:
    return re.sub(r"//[^/@\s]*@", "//", text)


def _own_token(url: str) -> str | None:
    """Returns this machine's token if it belongs to that gateway."""
    try:
        folder = DataFolder(load_settings().lam_data_dir)
        return folder.read(folder.token) if folder.is_own(url) else None
    except ConfigError:
        return None


async def _here(token: str | None) -> AsyncIterator[Result]:
    try:
        settings = load_settings()
    except ConfigError as error:
        yield Result("settings", "FAILED", error.message, checks.SETTINGS)
        for name in ("data folder", "database", "model", "gateway", "stream"):
            yield Result(name, "not checked", "It depends on the settings.")
        return
    yield Result("settings", "ok", f"LLM_COMM_MODE is {settings.llm_comm_mode}; LAM_DATA_DIR is {settings.lam_data_dir}.")
    folder = DataFolder(settings.lam_data_dir)
    yield await checks.safely("data folder", checks.data_folder(folder))
    url, own = _running_here(folder)
    if url is not None and await _answers(url):
        async for result in _at(url, token or own):
            yield result
        return
    yield await checks.safely("database", checks.database(settings, folder))
    if settings.lam_redis_url is not None:
        yield await checks.safely("redis", checks.redis(settings.lam_redis_url))
    async for result in checks.as_a_gateway_would(settings):
        yield result
    async for result in checks.voices_as_a_gateway_would(settings):
        yield result
    yield Result(
        "gateway",
        "not checked",
        "No gateway runs on this machine.",
        "Start it with `lam serve`, or all that is needed with `lam up`.",
    )
    yield Result("stream", "not checked", "There is no gateway to stream.")


async def _at(url: str, token: str | None) -> AsyncIterator[Result]:
    async with Client(url, token) as client:
        gateway, health = await checks.gateway(client)
        yield gateway
        if health is None or health.engine is None:
            if health is not None:
                yield await checks.safely("log-in", checks.log_in(client, token))
            for name in ("database", "model", "stream"):
                yield Result(name, "not checked", "This check needs a login." if health else "There is no gateway to ask.")
            return
        for result in checks.report(health):
            yield result
        if health.ready:
            yield await checks.safely("stream", checks.stream(client))
        else:
            yield Result("stream", "not checked", "The gateway has no model to stream from.")
        speak, hear = client.speak if health.voice.speech else None, client.transcribe if health.voice.transcription else None
        async for result in checks.voices(speak, hear):
            yield result


def _running_here(folder: DataFolder) -> tuple[str | None, str | None]:
    """Returns the URL and token written by this machine's gateway."""
    try:
        return folder.read(folder.url), folder.read(folder.token)
    except ConfigError:
        return None, None


async def _answers(url: str) -> bool:
    try:
        async with asyncio.timeout(checks.CHECK_SECONDS), Client(url) as client:
            await client.call("GET", "/api/health")
    except (GatewayUnreachable, TimeoutError):
        return False
    except LamError:
        pass
    return True
