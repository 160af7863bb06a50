"""`lam up`: everything on this machine."""

import sys
from pathlib import Path
from typing import Any

import click

from lam.cli.server import run, serve
from lam.data_folder import DataFolder
from lam.errors import ConfigError
from lam.llama.model import NAME, demo_model
from lam.llama.process import llama_server
from lam.settings import Settings, is_set, load_settings


@click.command()
@click.option("--mode", type=click.Choice(["sse"], case_sensitive=False), default="sse", help="How the model is reached.")
@click.option("--port", type=click.IntRange(0, 65535), help="Port of the gateway; 3000 unless LAM_PORT says otherwise.")
def up(mode: str, port: int | None) -> None:
    """Demo model, llama.cpp server and gateway; prints one URL. Ctrl-C stops everything."""
    given: dict[str, Any] = {"llm_comm_mode": mode}
    if port is not None:
        given["lam_port"] = port
    if not is_set("LAM_REGISTRATION"):
        given["lam_registration"] = "open"
    settings = load_settings(**given)
    run(_up(settings, given))


async def _up(settings: Settings, given: dict[str, Any]) -> None:
    model = demo_model()
    folder = DataFolder(settings.lam_data_dir)
    folder.prepare()
    click.echo(f"Loading {NAME} …", err=True)
    async with llama_server(model, name=NAME, log=folder.path / "llama.log") as server:
        settings = load_settings(**given, llm_server_url=server.url)
        await serve(settings, ready=_tell, ended=server.ended)
        if server.ended.done():
            raise ConfigError(f"The model server stopped by itself; {folder.path / 'llama.log'} says more.")
    click.echo("Stopped.", err=True)


def _tell(url: str) -> None:
    lam = Path(sys.argv[0])
    command = lam if not lam.is_absolute() else Path(*lam.parts[-3:]) if lam.parts[-3:-1] == (".venv", "bin") else lam
    click.echo(url)
    click.echo(f'\n  Talk to it:  {command} chat "Tell me a short story"', err=True)
    click.echo(f"  The API:     {url}/docs", err=True)
    click.echo("  Stop:        Ctrl-C\n", err=True)
