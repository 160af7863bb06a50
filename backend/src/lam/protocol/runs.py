"""A run in its stored form while it is open: enough to start it again, or to say how far it came. Pure; it knows no database."""

from typing import Literal

from msgspec import Struct

from lam.protocol.events import ContentEvent

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


class Checkpoint(Struct, frozen=True):
    """Events of an open run after event `since`, up to event `number`, with neighbours of a kind joined."""

    lease: Lease
    since: int
    number: int
    events: list[ContentEvent]
