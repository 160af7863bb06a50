"""Keys of programs: made, found by their secret, listed and revoked. A secret is shown once; its hash is stored.

It must not know HTTP, or what a program does with its key.
"""

import logging
import secrets
from collections.abc import Collection, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Final, cast
from unicodedata import category

from msgspec import Struct

from lam.accounts.programs import SCOPES, Program, Scope, Spender
from lam.accounts.spending import Spending, Standing, key_owner, user_owner
from lam.accounts.tokens import token_hash
from lam.errors import Invalid, NotFound, StorageUnavailable, TooManyKeys, Unauthorized
from lam.protocol.budget import NO_LIMITS, Budget
from lam.protocol.text import valid
from lam.storage.database import Database
from lam.storage.models import Key

START: Final = "sk-lam-"
PREFIX_CHARACTERS: Final = len(START) + 4  # of the secret that its owner may see again
KEYS_OF_USER: Final = 100
MODELS_OF_KEY: Final = 100
NAME_CHARACTERS: Final = 80
TOUCH_AFTER: Final = timedelta(minutes=1)

log = logging.getLogger(__name__)


class NewKey(Struct, frozen=True, kw_only=True):
    """A key to be made. `models`: None means all. `budget`: of the key alone; its owner's holds as well."""

    name: str
    scopes: tuple[Scope, ...] = SCOPES
    models: tuple[str, ...] | None = None
    expires_at: datetime | None = None
    budget: Budget = NO_LIMITS


class KeyStanding(Struct, frozen=True):
    """A key and its own budgets, with what is left of them."""

    key: Key
    budgets: list[Standing]


class Keys:
    def __init__(self, database: Database, spending: Spending, *, secret_key: str, most: int = KEYS_OF_USER) -> None:
        self._database = database
        self._spending = spending
        self._secret_key = secret_key
        self._most = most

    async def create(self, user_id: int, new: NewKey) -> tuple[str, Key]:
        """Makes a key. Returns its secret, which cannot be had again, and the key. Raises Invalid, TooManyKeys, NotFound."""
        now = datetime.now(UTC)
        name, models = _checked(new, now)
        secret = START + secrets.token_urlsafe(32)
        async with self._database.write() as unit:
            if await unit.users.by_id(user_id) is None:
                raise NotFound("There is no such account.")
            if await unit.keys.count(user_id) >= self._most:
                raise TooManyKeys
            key = await unit.keys.add(
                user_id=user_id,
                key_hash=token_hash(self._secret_key, secret),
                name=name,
                prefix=secret[:PREFIX_CHARACTERS],
                scopes=[scope for scope in SCOPES if scope in new.scopes],
                models=models,
                created_at=now,
                expires_at=new.expires_at,
            )
            if new.budget:
                await unit.spending.set_limits(key_owner(key.id), user_id, new.budget)
        log.info("Account %d made the key %d", user_id, key.id)
        return secret, key

    async def find(self, secret: str) -> Program:
        """Returns the program that has this key. Raises Unauthorized. Leaves no unit of work open."""
        now = datetime.now(UTC)
        async with self._database.read() as unit:
            match = await unit.keys.find(token_hash(self._secret_key, secret), now)
        if match is None:
            await self._database.require_file()  # a file that was cut off may have lost this very key
            raise Unauthorized("This key is unknown, expired or revoked.")
        key, user = match
        if key.last_used_at is None or now - key.last_used_at > TOUCH_AFTER:
            with suppress(StorageUnavailable):  # the time of use is not worth a refusal
                async with self._database.write() as unit:
                    await unit.keys.touch(key.id, now)
        return Program(
            user_id=user.id,
            key_id=key.id,
            name=key.name,
            email=user.email,
            scopes=frozenset(cast(list[Scope], key.scopes)),
            models=None if key.models is None else frozenset(key.models),
        )

    async def still_good(self, key_ids: Collection[int]) -> set[int]:
        """Returns those of these keys that are neither revoked nor expired."""
        async with self._database.read() as unit:
            return await unit.keys.good(key_ids, datetime.now(UTC))

    async def list(self, user_id: int) -> Sequence[KeyStanding]:
        """Returns the account's keys that are not revoked, newest first."""
        now = datetime.now(UTC)
        async with self._database.read() as unit:
            keys = await unit.keys.of_user(user_id)
            standings = await self._spending.of_keys(unit, keys, now)
        return [KeyStanding(key, standings[key.id]) for key in keys]

    async def all(self) -> Sequence[Key]:
        """Returns everybody's keys that are not revoked, newest first."""
        async with self._database.read() as unit:
            return await unit.keys.all()

    async def revoke(self, key_id: int, user_id: int | None) -> None:
        """Revokes a key of the account, or with None anybody's. Raises NotFound."""
        async with self._database.write() as unit:
            if not await unit.keys.revoke(key_id, user_id, datetime.now(UTC)):
                raise NotFound("There is no such key.")
        log.info("The key %d was revoked", key_id)

    async def set_budget(self, key_id: int, user_id: int | None, budget: Budget) -> None:
        """Gives a key of the account, or with None anybody's, another budget. Raises NotFound."""
        async with self._database.write() as unit:
            key = await unit.keys.by_id(key_id)
            if key is None or user_id not in (None, key.user_id):
                raise NotFound("There is no such key.")
            await unit.spending.set_limits(key_owner(key_id), key.user_id, budget or None)

    async def user_budget(self, user_id: int) -> tuple[Budget | None, Sequence[Standing]]:
        """Returns the account's own budget, if it has one, and all that apply to it. Raises NotFound."""
        async with self._database.read() as unit:
            if await unit.users.by_id(user_id) is None:
                raise NotFound("There is no such account.")
            own = await self._spending.own_budget(unit, user_id)
            return own, await self._spending.standing(unit, Spender(user_id), datetime.now(UTC))

    async def set_user_budget(self, user_id: int, budget: Budget | None) -> None:
        """Gives an account its own budget in place of the configuration's, which an empty one lifts. None: the configuration's
        again. Raises NotFound."""
        async with self._database.write() as unit:
            if await unit.users.by_id(user_id) is None:
                raise NotFound("There is no such account.")
            await unit.spending.set_limits(user_owner(user_id), user_id, budget)


def _checked(new: NewKey, now: datetime) -> tuple[str, list[str] | None]:
    """Returns the name and the models as they are stored. Raises Invalid."""
    name = "".join(c for c in " ".join(valid(new.name).split()) if category(c) != "Cc")  # a list in a terminal prints it
    if not name:
        raise Invalid("name: must not be blank")
    if len(name) > NAME_CHARACTERS:
        raise Invalid(f"name: at most {NAME_CHARACTERS} characters")
    if not new.scopes:
        raise Invalid(f"scopes: name at least one of {', '.join(SCOPES)}.")
    if new.expires_at is not None and new.expires_at <= now:
        raise Invalid("expires_at: this time is over.")
    if new.models is None:
        return name, None
    models = list(dict.fromkeys(valid(model) for model in new.models))
    if not models:
        raise Invalid("models: name at least one, or leave them out for all.")
    if len(models) > MODELS_OF_KEY or any(not model or len(model) > 255 for model in models):
        raise Invalid(f"models: up to {MODELS_OF_KEY} names of up to 255 characters.")
    return name, models
