"""How a run ended: one value that its sink stores, its ending tells and its metrics count."""

from typing import Any, Literal

from msgspec import Struct

from lam.protocol.facts import Facts

Status = Literal["complete", "cancelled", "interrupted", "failed"]


class Outcome(Struct, frozen=True, kw_only=True):
    """`text`, `thinking` and `calls` are all that the run produced, together with what its sink opened with.

    `facts`: the route that answered, the finish reason or the failure, the usage (maybe estimated), the timings. `unread`: nobody
    was reading when it ended.
    """

    status: Status
    text: str = ""
    thinking: str = ""
    calls: list[dict[str, Any]] = []
    facts: Facts = Facts()
    unread: bool = False
