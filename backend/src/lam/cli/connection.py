"""Which gateway a command talks to, and with which token. It must not know what the command wants."""

import click

from lam.client.client import Client
from lam.data_folder import DataFolder
from lam.settings import load_settings


def client_of(url: str | None, token: str | None) -> Client:
    """Returns a client of the gateway at `url`, by default the one on this machine, whose token it then uses.

    Raises UsageError where another gateway would get this machine's token.
    """
    settings = load_settings()
    folder = DataFolder(settings.lam_data_dir)
    own = folder.read(folder.url) or f"http://127.0.0.1:{settings.lam_port}"
    if token is None:
        if url is not None and not folder.is_own(url):
            raise click.UsageError(f"Give --token for {url}: this machine's own token is for its own gateway.")
        token = folder.read(folder.token)
    return Client(url or own, token)
