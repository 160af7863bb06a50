"""`lam keys`: keys of programs, directly in the database, whether or not the gateway runs.

The rules for keys belong to `accounts`.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import click

from lam.accounts.accounts import LOCAL_EMAIL, find_user
from lam.accounts.keys import START, Keys, NewKey
from lam.accounts.programs import SCOPES, Scope
from lam.accounts.spending import Spending
from lam.cli.opened import opened_database
from lam.data_folder import DataFolder
from lam.errors import NotFound
from lam.protocol.budget import LARGEST, Budget
from lam.settings import load_settings
from lam.storage.database import Database

LONGEST_DAYS = 36_500


@click.group()
def keys() -> None:
    """Manage the keys with which programs use this gateway."""


_limit = click.IntRange(0, LARGEST)


@keys.command()
@click.argument("name")
@click.option("--user", "email", default=LOCAL_EMAIL, show_default=True, help="The account that it belongs to.")
@click.option("--scope", "scopes", multiple=True, type=click.Choice(SCOPES), help="What it is for; default: everything.")
@click.option("--model", "models", multiple=True, help="A model that it may use; default: all.")
@click.option("--days", type=click.IntRange(1, LONGEST_DAYS), help="Days until it expires; default: never.")
@click.option("--requests-per-minute", type=_limit)
@click.option("--tokens-per-minute", type=_limit)
@click.option("--tokens-per-day", type=_limit)
@click.option("--runs", type=_limit, help="Runs at once.")
def create(
    name: str,
    email: str,
    scopes: tuple[Scope, ...],
    models: tuple[str, ...],
    days: int | None,
    requests_per_minute: int | None,
    tokens_per_minute: int | None,
    tokens_per_day: int | None,
    runs: int | None,
) -> None:
    """Make a key and print it. It cannot be printed again."""
    budget = Budget(
        requests_per_minute=requests_per_minute, tokens_per_minute=tokens_per_minute, tokens_per_day=tokens_per_day, runs=runs
    )

    async def work(database: Database, keys: Keys) -> None:
        user = await find_user(database, email)
        expires = None if days is None else datetime.now(UTC) + timedelta(days=days)
        new = NewKey(name=name, scopes=scopes or SCOPES, models=models or None, expires_at=expires, budget=budget)
        secret, _ = await keys.create(user.id, new)
        click.echo(secret)

    _run(work)


@keys.command("list")
@click.option("--user", "email", help="Only this account's.")
def list_keys(email: str | None) -> None:
    """List the keys that are not revoked, one per line: id, first characters, account, name, scopes, last use, expiry."""

    async def work(database: Database, keys: Keys) -> None:
        owner = None if email is None else await find_user(database, email)
        async with database.read() as unit:
            emails = {user.id: user.email for user in await unit.users.all()}
        for key in await keys.all():
            if owner is None or key.user_id == owner.id:
                used = f"{key.last_used_at:%Y-%m-%d}" if key.last_used_at else "never used"
                expires = f"until {key.expires_at:%Y-%m-%d}" if key.expires_at else "no end"
                about = (str(key.id), f"{key.prefix}…", emails.get(key.user_id, ""), key.name, ",".join(key.scopes), used, expires)
                click.echo("\t".join(about))

    _run(work)


@keys.command()
@click.argument("key")
def revoke(key: str) -> None:
    """Revoke a key, by its id or its first characters."""

    async def work(_database: Database, keys: Keys) -> None:
        await keys.revoke(await _id_of(keys, key), None)

    _run(work)


@keys.command()
@click.argument("key")
@click.option("--requests-per-minute", type=_limit)
@click.option("--tokens-per-minute", type=_limit)
@click.option("--tokens-per-day", type=_limit)
@click.option("--runs", type=_limit, help="Runs at once.")
def budget(key: str, **limits: int | None) -> None:
    """Give a key, by its id or its first characters, another budget; without options none."""

    async def work(_database: Database, keys: Keys) -> None:
        await keys.set_budget(await _id_of(keys, key), None, Budget(**limits))

    _run(work)


async def _id_of(keys: Keys, word: str) -> int:
    """Returns the id of the key that an id, or the first characters, name. Raises NotFound."""
    start = word.rstrip("…")
    matches = [
        key.id for key in await keys.all() if str(key.id) == word or (start.startswith(START) and start.startswith(key.prefix))
    ]
    if not matches:
        raise NotFound(f"There is no key {start[: len(START) + 4]}.")
    if len(matches) > 1:
        raise NotFound(f"Several keys begin like this: {', '.join(map(str, matches))}; give the id.")
    return matches[0]


def _run(work: Callable[[Database, Keys], Awaitable[None]]) -> None:
    async def opened() -> None:
        settings = load_settings()
        async with opened_database() as database:
            secret_key = settings.secret_key or DataFolder(settings.lam_data_dir).secret_key()
            await work(database, Keys(database, Spending(), secret_key=secret_key))

    asyncio.run(opened())
