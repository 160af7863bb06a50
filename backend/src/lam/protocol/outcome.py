"""How a run ended: one value for its sink, its ending and its metrics. Pure."""

from typing import Literal

from msgspec import Struct

from lam.protocol.facts import NOTHING, Facts
from lam.protocol.parts import Parts, text_of

Status = Literal["complete", "cancelled", "interrupted", "failed"]


class Outcome(Struct, frozen=True, kw_only=True):
    """The end of a run. `parts` and `thinking`: all that the run produced, together with its opening.

    `facts`: the route that answered, the finish reason or the failure, the usage (possibly estimated), the timings. `unread`:
    nobody was reading when it ended.
    """

    status: Status
    parts: Parts = ()
    thinking: str = ""
    facts: Facts = NOTHING
    unread: bool = False

    @property
    def text(self) -> str:
        return text_of(self.parts)
