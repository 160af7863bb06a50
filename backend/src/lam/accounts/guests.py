"""Guests: people without an account, who may be in one session or room. A guest is a row of `users` with a nickname and a scope.

It owns the rules for nicknames, and the tokens of guests. It must not know what a scope allows, nor cookies and headers.
"""

import secrets
from collections.abc import Collection
from datetime import UTC, datetime
from typing import Final
from unicodedata import category, normalize

import regex

from lam.accounts.accounts import Identity
from lam.accounts.tokens import new_token, token_hash
from lam.errors import Invalid, Unauthorized
from lam.protocol.text import valid
from lam.storage.database import Database, UnitOfWork
from lam.storage.models import User

LONGEST: Final = 32
"""Characters of a nickname."""
HOST: Final = "guest.invalid"
# What nobody sees, or everybody sees as something else: controls, bidi and zero-width characters, fillers, the blank pattern of
# braille, private and unassigned ones.
_UNSEEN: Final = regex.compile(r"[\p{Default_Ignorable_Code_Point}\p{C}\p{Zl}\p{Zp}\u2800\ufffd]")
# Alphabets with letters that look alike: mixed in a word, they imitate another name.
_ALIKE: Final = [regex.compile(rf"\p{{{script}}}") for script in ("Latin", "Cyrillic", "Greek", "Armenian", "Cherokee")]
_STACKED: Final = 4  # characters of what is seen as one


def nickname_of(text: str) -> str:
    """Returns a nickname as it is stored: NFC, without spaces around it, one at most between words. Raises Invalid."""
    name = normalize("NFC", valid(text))
    if _UNSEEN.search(name):
        raise Invalid("nickname: it has characters that nobody sees; write it with letters and digits.", field="nickname")
    name = " ".join(name.split())
    if not name:
        raise Invalid("nickname: write a name.", field="nickname")
    if len(name) > LONGEST:
        raise Invalid(f"nickname: up to {LONGEST} characters.", field="nickname")
    if any(category(one[0])[0] == "M" or len(one) > _STACKED for one in regex.findall(r"\X", name)):
        raise Invalid("nickname: write it with letters and digits.", field="nickname")
    if any(sum(bool(script.search(word)) for script in _ALIKE) > 1 for word in name.split()):
        raise Invalid("nickname: write each word in one alphabet.", field="nickname")
    return name


def folded(name: str) -> str:
    """Returns a name without differences of case and of compatible forms: two names that are the same in it look the same."""
    return normalize("NFKC", normalize("NFKC", name).casefold())


class Guests:
    """The guests of all scopes."""

    def __init__(self, database: Database, *, secret_key: str) -> None:
        self._database = database
        self._secret_key = secret_key

    async def enter(
        self, unit: UnitOfWork, scope: str, nickname: str, expires_at: datetime, *, taken: Collection[str] = ()
    ) -> tuple[User, str]:
        """Adds a guest in this unit of work. Returns it with its token. `taken`: names of people there.

        Raises Invalid with the field `nickname`; Conflict when somebody takes the name in the same moment.
        """
        name, now = nickname_of(nickname), datetime.now(UTC)
        same = folded(name)
        if same in {folded(one) for one in taken} or await unit.users.has_nickname(scope, same):
            raise Invalid("nickname: somebody here has this name; take another one.", field="nickname")
        email = f"{secrets.token_hex(16)}@{HOST}"
        guest = await unit.users.add_guest(email, nickname=name, folded=same, scope=scope, now=now)
        token = new_token()
        await unit.tokens.add(guest.id, token_hash(self._secret_key, token), now=now, expires_at=expires_at)
        return guest, token

    async def identify(self, token: str, scope: str) -> Identity:
        """Returns the guest of this scope with this token. Raises Unauthorized."""
        async with self._database.read() as unit:
            match = await unit.tokens.find(token_hash(self._secret_key, token), datetime.now(UTC))
        if match is None or match[1].scope != scope:
            raise Unauthorized
        return Identity(match[1], match[0].id)
