"""`lam config`: whether lam.toml is right, and whether its servers have the models that it names.

The rules for the file belong to `lam.configuration`.
"""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import click

from lam.cli.checks import settled_health
from lam.configuration import Configuration, Server, load_configuration
from lam.engines.base import Health
from lam.settings import Settings, load_settings


@click.group()
def config() -> None:
    """The servers and models of lam.toml."""


@config.command()
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("--offline", is_flag=True, help="Ask no server.")
def check(file: Path | None, offline: bool) -> None:
    """Check FILE (default: LAM_CONFIG, or lam.toml in the data folder), and ask its servers for their models.

    Exit code 1: the file has a mistake, so that a gateway would not start. A server that does not answer is only named.
    """
    settings = load_settings(**({} if file is None else {"lam_config": file}))
    configuration = load_configuration(settings)
    click.echo(f"{configuration.source or 'No lam.toml'}: {_count(configuration)}.")
    answers = {} if offline else asyncio.run(_answers(settings, configuration.servers))
    for server in configuration.servers:
        click.echo(f"  {server.name} ({server.kind}, {server.where}){_state(answers.get(server.name))}")
    for model in configuration.models:
        allowed = [*(f"group {name}" for name in model.groups), *model.users]
        click.echo(f"  {model.name} -> {', '.join(map(str, model.routes))}" + (f" (for {', '.join(allowed)})" if allowed else ""))
        for route in model.routes:
            answer = answers.get(route.server)
            if route.model is not None and answer is not None and answer[1] and route.model not in answer[1]:
                click.echo(f"    {route.server} lists no {route.model}; it has {', '.join(answer[1][:5])}.", err=True)
    used = {route.server for model in configuration.models for route in model.routes}
    for server in configuration.servers if configuration.models else ():
        if server.name not in used:
            click.echo(f"    No model has a route to {server.name}.", err=True)


def _count(configuration: Configuration) -> str:
    servers, models = len(configuration.servers), len(configuration.models)
    offered = f"{models} {'model' if models == 1 else 'models'}" if models else "all models of all servers"
    return f"{servers} {'server' if servers == 1 else 'servers'}, {offered}"


def _state(answer: tuple[Health, Sequence[str]] | None) -> str:
    if answer is None:
        return ""
    health, models = answer
    return f": {health.state}" + (f", {', '.join(models[:5])}" if models else "") + (f". {health.detail}" if health.detail else "")


async def _answers(settings: Settings, servers: Sequence[Server]) -> dict[str, tuple[Health, Sequence[str]]]:
    """Returns the health and the models of each server. Raises ConfigError when one cannot even be tried."""
    from lam.gateway import engine_to  # takes half of the command's start

    async def ask(server: Server) -> tuple[Health, Sequence[str]]:
        async with engine_to(server, settings) as engine:
            health = await settled_health(engine)
            return health, [route.name for route in engine.routes() if route.name]

    answers = await asyncio.gather(*map(ask, servers))
    return {server.name: answer for server, answer in zip(servers, answers, strict=True)}
