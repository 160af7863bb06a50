"""`lam users`: accounts, directly in the database, whether or not the gateway runs.

The rules for accounts belong to `accounts`.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import closing

import click

from lam.accounts.accounts import LOCAL_EMAIL, add_user, find_user
from lam.accounts.passwords import Passwords
from lam.accounts.spending import user_owner
from lam.cli.opened import opened_database
from lam.errors import Forbidden
from lam.protocol.budget import LARGEST, Budget
from lam.storage.contention import repeat_contended
from lam.storage.database import Database

_password = click.password_option(help="Prompts for it if absent.")


@click.group()
def users() -> None:
    """Manage the accounts of this gateway."""


@users.command("list")
def list_users() -> None:
    """List all accounts, one per line."""

    async def work(database: Database) -> None:
        async with database.read() as unit:
            for user in await unit.users.all():
                click.echo(f"{user.id}\t{user.email}\t{'admin' if user.is_admin else 'user'}\t{user.created_at:%Y-%m-%d}")

    _run(work)


@users.command()
@click.argument("email")
@_password
def add(email: str, password: str) -> None:
    """Create an account, even if registration is closed."""

    async def work(database: Database) -> None:
        with closing(Passwords()) as passwords:
            await add_user(database, passwords, email, password)

    _run(work)


@users.command("password")
@click.argument("email")
@_password
def set_password(email: str, password: str) -> None:
    """Set the password of an account and end all its logins."""

    async def work(database: Database) -> None:
        user = await find_user(database, email)
        with closing(Passwords()) as passwords:
            hashed = await passwords.hash_new(password, user.email)
        async with database.write() as unit:
            await unit.users.set_password(user.id, hashed)
            await unit.tokens.revoke_all(user.id)

    _run(work)


@users.command()
@click.argument("email")
@click.option("--remove", is_flag=True, help="Remove the right.")
def admin(email: str, remove: bool) -> None:
    """Make an account an admin, who manages accounts and sees everybody's usage."""

    async def work(database: Database) -> None:
        if email == LOCAL_EMAIL:
            raise Forbidden("The local account is this machine's admin and stays so.")
        user = await find_user(database, email)
        async with database.write() as unit:
            await unit.users.set_admin(user.id, is_admin=not remove)

    _run(work)


@users.command()
@click.argument("email")
@click.option("--requests-per-minute", type=click.IntRange(0, LARGEST))
@click.option("--tokens-per-minute", type=click.IntRange(0, LARGEST))
@click.option("--tokens-per-day", type=click.IntRange(0, LARGEST))
@click.option("--runs", type=click.IntRange(0, LARGEST), help="Runs at once.")
@click.option("--default", is_flag=True, help="That of the configuration again.")
def budget(email: str, default: bool, **limits: int | None) -> None:
    """Give an account a budget in place of the configuration's; without options one without limits."""
    if default and any(limit is not None for limit in limits.values()):
        raise click.UsageError("--default stands alone: it removes the account's own limits.")

    async def work(database: Database) -> None:
        user = await find_user(database, email)
        async with database.write() as unit:
            await unit.spending.set_limits(user_owner(user.id), user.id, None if default else Budget(**limits))

    _run(work)


@users.command()
@click.argument("email")
@click.confirmation_option(prompt="The account and all its conversations will be gone. Go on?")
def remove(email: str) -> None:
    """Delete an account and everything in it."""

    async def work(database: Database) -> None:
        if email == LOCAL_EMAIL:
            raise Forbidden("The local account belongs to this machine and cannot be deleted.")
        user = await find_user(database, email)

        async def delete() -> None:
            async with database.write() as unit:
                await unit.users.delete(user.id)

        await repeat_contended(delete)

    _run(work)


def _run(work: Callable[[Database], Awaitable[None]]) -> None:
    async def opened() -> None:
        async with opened_database() as database:
            await work(database)

    asyncio.run(opened())
