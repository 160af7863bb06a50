"""Who calls for a program: an account, by a key of its own or by a login. It must not know HTTP or where keys are stored."""

from collections.abc import Hashable
from typing import Final, Literal, get_args

from msgspec import Struct

from lam.errors import NotAllowed
from lam.protocol.budget import NO_LIMITS, Budget

Scope = Literal["chat", "embeddings", "models"]
SCOPES: Final[tuple[Scope, ...]] = get_args(Scope)


class Spender(Struct, frozen=True):
    """Whose budgets a run uses: the account's and its groups', and the key's if there is one. `room_id`, `room_budget`: of the
    room where it runs, and what each participant may use there."""

    user_id: int
    key_id: int | None = None
    room_id: int | None = None
    room_budget: Budget = NO_LIMITS


class Program(Struct, frozen=True, kw_only=True):
    """The caller of `/v1`. `key_id`: None for a login. `name`: of the key, or the account's address. `models`: those that it may
    use; None: all. `email`: of the account. `token_id`: of a login; None for a key. The end of either closes open streams."""

    user_id: int
    key_id: int | None
    name: str
    email: str
    scopes: frozenset[Scope] = frozenset(SCOPES)
    models: frozenset[str] | None = None
    token_id: int | None = None

    @property
    def spender(self) -> Spender:
        return Spender(self.user_id, self.key_id)

    @property
    def group(self) -> Hashable:
        """The member of the fair ring: a key is one of its own, beside its owner."""
        return self.user_id if self.key_id is None else ("key", self.key_id)

    def may_use(self, model: str) -> bool:
        return self.models is None or model in self.models

    def require(self, scope: Scope) -> None:
        """Raises NotAllowed without this scope."""
        if scope not in self.scopes:
            raise NotAllowed(f"This key is not for {scope}; it is for {', '.join(sorted(self.scopes)) or 'nothing'}.")
