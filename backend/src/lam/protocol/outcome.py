"""How a run ended: one value that its sink stores, its ending tells and its metrics count."""

from typing import Literal

from msgspec import Struct

from lam.protocol.facts import NOTHING, Facts
from lam.protocol.parts import Parts, text_of

Status = Literal["complete", "cancelled", "interrupted", "failed"]


class Outcome(Struct, frozen=True, kw_only=True):
    """`parts` and `thinking` are all that the run produced, together with what its sink opened with.

    `facts`: the route that answered, the finish reason or the failure, the usage (maybe estimated), the timings. `unread`: nobody
    was reading when it ended.
    """

    status: Status
    parts: Parts = ()
    thinking: str = ""
    facts: Facts = NOTHING
    unread: bool = False

    @property
    def text(self) -> str:
        return text_of(self.parts)
