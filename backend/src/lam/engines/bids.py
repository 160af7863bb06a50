"""The messages between gateways about places: bids go to the gateway that decides, decisions come back.

A bid waits, may get a place, and is over; a ticket that waits again makes another one. So each message may be lost or come twice.
Times are of the sender's clock, and the message holds its present time. Pure: no I/O, no queue.
"""

from collections.abc import Hashable
from typing import Any, Final, Literal, TypeVar

import msgspec
from msgspec import Struct

from lam.engines.base import ANY, Needs
from lam.engines.breaker import PoolKey
from lam.engines.ring import Inside

BIDS: Final = "queue.bids"
DECISIONS: Final = "queue.decisions"
STANDING: Final = "queue.standing"
DUTY: Final = "queue"

How = Literal["wait", "lend", "move"]
Way = tuple[str, str | None]


class Bid(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A ticket as its gateway sees it. `how`: it waits for its turn, or wants a place at once or never: a lent one, or one for a
    run that moves. `pools`: those that its gateway knows for it. `since`: when it began to wait. `place`: its pool, None while it
    waits. `grace`, `spared`: the terms of a lent place. `asked`: whether that was asked back. `came_back`: as of `Ticket`."""

    id: int
    group: Any = None
    model: str | None = None
    needs: Needs = ANY
    upstream: str | None = None
    excluded: tuple[Way, ...] = ()
    avoided: tuple[PoolKey, ...] = ()
    pools: tuple[PoolKey, ...] = ()
    since: float = 0.0
    how: How = "wait"
    place: PoolKey | None = None
    lent: bool = False
    asked: bool = False
    grace: float = 0.0
    spared: int = 0
    came_back: bool = False


class Bids(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`term`: of the gateway that decides, as the sender knows it. `number`: of this message. `now`: the sender's time. `whole`:
    these are all bids of the sender, not only those that changed. `gone`: bids that are over, and whether the model is free.
    `blocked`: the pools that the sender's requests avoid."""

    term: int
    number: int
    now: float
    whole: bool
    bids: list[Bid] = []
    gone: list[tuple[int, bool]] = []
    blocked: list[PoolKey] = []


class Decisions(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`grants`: the pools of places, by bid. `positions`: by bid. `refused`: bids that wanted a place at once and get none.
    `asked`: bids whose lent place is asked back. `whole`: asks for all bids anew."""

    term: int
    grants: dict[int, PoolKey] = {}
    positions: dict[int, int] = {}
    refused: list[int] = []
    asked: list[int] = []
    whole: bool = False

    def __bool__(self) -> bool:
        return bool(self.grants or self.positions or self.refused or self.asked or self.whole)


class Fill(Struct, frozen=True, array_like=True):
    """The use of a pool by all gateways. `lent`: how many of its places are lent. `loans`: how many of these are not asked back."""

    places: int = 0
    in_use: int = 0
    lent: int = 0
    loans: int = 0


class Lane(Struct, frozen=True, array_like=True):
    """How many tickets wait for the same pools or, without any, for the same model. `inside`: how many of them in rooms."""

    pools: frozenset[PoolKey]
    model: str | None
    waiting: int
    inside: int


class Standing(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The state of the queue, sent at each change and as a sign of life. A new term asks every gateway for all its bids."""

    term: int
    pools: list[tuple[PoolKey, Fill]] = []
    lanes: list[Lane] = []


T = TypeVar("T")


def pack(message: Bids | Decisions | Standing) -> bytes:
    """Returns a message as bytes."""
    return msgspec.msgpack.encode(message)


def unpack(body: bytes, kind: type[T]) -> T | None:
    """Returns the message in these bytes, None for one that cannot be read: a later message says the same."""
    try:
        return msgspec.msgpack.decode(body, type=kind)
    except msgspec.MsgspecError:
        return None


def group_to_wire(group: Hashable) -> Any:
    """Returns a group of the fair ring in a form that is the same at every gateway."""
    if isinstance(group, Inside):
        return {"outer": group_to_wire(group.outer), "inner": group_to_wire(group.inner)}
    if isinstance(group, tuple):
        return [group_to_wire(part) for part in group]
    return group if group is None or isinstance(group, int | str) else repr(group)


def group_of_wire(data: Any) -> Hashable:
    """The inverse of `group_to_wire`."""
    if isinstance(data, dict):
        return Inside(group_of_wire(data.get("outer")), group_of_wire(data.get("inner")))
    if isinstance(data, list | tuple):
        return tuple(group_of_wire(part) for part in data)
    return data if isinstance(data, int | str) else None
