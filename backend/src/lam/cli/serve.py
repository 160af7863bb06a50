"""`lam serve`: the gateway alone."""

from typing import Any

import click

from lam.cli.server import run
from lam.cli.server import serve as serve_gateway
from lam.settings import load_settings


@click.command()
@click.option("--host", help="Address to listen on (LAM_HOST).")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on (LAM_PORT).")
def serve(host: str | None, port: int | None) -> None:
    """Run the gateway alone, with the settings of the environment."""
    overrides: dict[str, Any] = {"lam_host": host, "lam_port": port}
    settings = load_settings(**{name: value for name, value in overrides.items() if value is not None})
    run(serve_gateway(settings, ready=lambda url: click.echo(f"LAM Studio serves {url}; Ctrl-C stops it.", err=True)))
