"""The command line. A command's module is imported only when it runs.

Answers go to stdout, everything else to stderr. Exit codes: 0 done, 1 failed, 2 wrong usage.

This module must not import a command's dependencies itself.
"""

import gc
import os
from importlib import import_module
from typing import Final

import click

from lam.errors import LamError

COMMANDS: Final = {
    "up": "Everything on this machine: demo model, gateway, one URL.",
    "serve": "The gateway alone, from the settings.",
    "worker": "A worker beside a model, for gateways at an MQTT broker.",
    "voice": "A server that speaks and listens, for gateways.",
    "chat": "Talk to a model in the terminal.",
    "lab": "Measure what a prompt is worth, for CI.",
    "config": "The servers and models of lam.toml.",
    "doctor": "What is wrong here, or at a URL, and how to mend it.",
    "users": "Accounts of this gateway.",
    "keys": "Keys with which programs use this gateway.",
    "db": "The gateway's database.",
    "version": "Print the version.",
}


class _Rooms(click.Group):
    """Lists the commands by name and imports each one when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        gc.disable()  # modules stay: searching them for garbage takes a seventh of a command's start
        try:
            command: click.Command = getattr(import_module(f"lam.cli.{name}"), name)
        finally:
            gc.enable()
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except LamError as error:
            raise click.ClickException(error.message) from error


@click.group(cls=_Rooms, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """LAM Studio: chat with models you run yourself."""
    os.umask(0o077)  # the commands write files for this user alone
