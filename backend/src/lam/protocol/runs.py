"""A run as it is kept while it is open: enough to start it again, or to say how far it came."""

from typing import Literal

from msgspec import Struct

from lam.protocol.events import ContentEvent

OnDisconnect = Literal["cancel", "continue"]


class Lease(Struct, frozen=True):
    """Who may write a run's progress and its result: the gateway `owner`, as long as the row's `epoch` is this one.

    Taking a run over raises the epoch, so that an owner which slept and woke writes nothing.
    """

    run_id: str
    owner: str
    epoch: int = 1


class OpenRun(Struct, frozen=True, kw_only=True):
    """The row of a run that has not ended. `id`: of its stream. `kind` names who can make a sink for it again.

    `key`: what may have only one open run, None: nothing. `request`: JSON that its kind wrote. `attempts`: how often it was begun.
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
    """Events of an open run after event `since`, up to event `number`, neighbours of a kind joined."""

    lease: Lease
    since: int
    number: int
    events: list[ContentEvent]
