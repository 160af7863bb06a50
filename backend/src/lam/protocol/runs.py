"""A run in its stored form while it is open: enough to start it again, or to say how far it came. Pure; it knows no database."""

from typing import Literal

from msgspec import Struct

from lam.protocol.events import SavedEvent

OnDisconnect = Literal["cancel", "continue"]


class Lease(Struct, frozen=True):
    """The right to write a run's progress and result: it belongs to the gateway `owner` while the row's `epoch` is this one.

    Taking a run over raises the epoch, so that an old owner which wakes up writes nothing.
    """

    run_id: str
    owner: str
    epoch: int = 1


class OpenRun(Struct, frozen=True, kw_only=True):
    """The row of an open run. `id`: the id of its stream. `kind`: the kind that can make its sink again.

    `key`: at most one run per key is open; None means no limit. `request`: JSON that its kind wrote. `attempts`: how often the run
    was started.
    """

    id: str
    kind: str
    key: str | None
    user_id: int
    owner: str
    epoch: int = 1
    attempts: int = 1
    on_disconnect: OnDisconnect = "cancel"
    request: bytes = b"{}"

    @property
    def lease(self) -> Lease:
        return Lease(self.id, self.owner, self.epoch)


class OrphanRule(Struct, frozen=True, kw_only=True):
    """The open runs that a gateway of several may take over: those without an owner, those of gateways whose last beat is more than
    `lease` seconds ago (None: no such runs), and those of its own with the ids `lost`."""

    lease: float | None = None
    lost: frozenset[str] = frozenset()


class Checkpoint(Struct, frozen=True, kw_only=True):
    """Events of an open run after event `since`, up to event `number`, with neighbours of a kind joined. They end with a whole
    piece of the model's; `pieces`: how many there were before they were joined. Of its progress only the last event that says who
    answers, and where the reply was broken off."""

    lease: Lease
    since: int
    number: int
    events: list[SavedEvent]
    pieces: int = 0


class Reached(Struct, frozen=True, kw_only=True):
    """How far the checkpoints of an open run reach. `number`: of their last event, 0 without any. `seconds`: since the last of
    them or, without any, since the run began, by the database's clock."""

    number: int
    pieces: int
    seconds: float
    events: list[SavedEvent]
