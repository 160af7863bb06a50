"""Who is here: who looks at a session, who is away, and who left. Known from event connections, and kept in memory alone.

Each of several gateways keeps the connections of all, and comes to the same result. It must not know who may see a session, nor how
a change reaches anybody.
"""

import asyncio
import time
from collections.abc import Callable, Collection
from types import TracebackType
from typing import Final, Literal, Self

from msgspec import Struct
from msgspec.structs import replace

from lam.background import Background

State = Literal["here", "away", "left"]

LEFT_SECONDS: Final = 15.0
"""How long somebody without a connection has not left yet: a page that reconnects or loads anew is missed by nobody."""
TICK_SECONDS: Final = 0.5


class Connected(Struct, kw_only=True):
    """An open event connection. `sessions`: those that its page shows. `hidden`: whether the page is in the background. `gateway`:
    its gateway, empty for this one."""

    id: str
    user_id: int
    sessions: frozenset[int] = frozenset()
    hidden: bool = False
    gateway: str = ""


class Presence:
    """An async context manager: it owns the task that notices who left. `tell(session_id, user_id, state)` is called at each
    change in a session that the person has looked at."""

    def __init__(
        self,
        tell: Callable[[int, int, State], None],
        *,
        left_seconds: float = LEFT_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._tell = tell
        self._left_seconds = left_seconds
        self._clock = clock
        self._open: dict[str, Connected] = {}
        self._of_person: dict[int, dict[str, Connected]] = {}  # the same: each change looks at one person alone
        self._gone: dict[int, float] = {}  # people without a connection, since when
        self._known: dict[int, dict[int, State]] = {}  # by person and session, as it was told
        self.after_change: list[Callable[[Connected], None]] = []  # called with a connection of this gateway
        self.after_end: list[Callable[[str], None]] = []  # called with the id of one

    async def __aenter__(self) -> Self:
        self._tasks = Background()
        self._tasks.keep("presence", self._keep_expiring)
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._tasks.close()

    def of(self, session_id: int, user_id: int) -> State:
        """Returns `here` for who has the session in sight, `away` for who is connected without that, else `left`."""
        mine = self._of(user_id)
        if not mine:
            return self._known.get(user_id, {}).get(session_id, "left")
        return "here" if any(session_id in one.sessions and not one.hidden for one in mine) else "away"

    def whose(self, connection_id: str) -> int | None:
        """Returns whose connection this is, on any gateway."""
        connection = self._open.get(connection_id)
        return connection.user_id if connection is not None else None

    def connected(self, connection_id: str, user_id: int, sessions: Collection[int]) -> None:
        self._put(Connected(id=connection_id, user_id=user_id))
        self.shows(connection_id, sessions)

    def shows(self, connection_id: str, sessions: Collection[int], *, hidden: bool | None = None) -> None:
        """The connection's page shows these sessions. `hidden`: nobody sees the page; None: as before."""
        connection = self._open.get(connection_id)
        if connection is None:
            return
        connection.sessions = frozenset(sessions)
        connection.hidden = connection.hidden if hidden is None else hidden
        self._compare(connection.user_id)
        for callback in self.after_change:
            callback(connection)

    def disconnected(self, connection_id: str) -> None:
        self._drop(connection_id)
        for callback in self.after_end:
            callback(connection_id)

    # Other gateways

    def own(self) -> list[Connected]:
        """Returns the connections to this gateway."""
        return [one for one in self._open.values() if not one.gateway]

    def gateways(self) -> set[str]:
        """Returns the other gateways that have connections."""
        return {one.gateway for one in self._open.values()} - {""}

    def changed_elsewhere(self, gateway: str, connection: Connected) -> None:
        """Takes over a connection to another gateway, new or changed."""
        self._put(replace(connection, gateway=gateway))
        self._compare(connection.user_id)

    def ended_elsewhere(self, gateway: str, connection_id: str) -> None:
        """Removes a connection to another gateway."""
        if (connection := self._open.get(connection_id)) is not None and connection.gateway == gateway:
            self._drop(connection_id)

    def all_elsewhere(self, gateway: str, connections: Collection[Connected]) -> None:
        """Takes over all connections to another gateway, and removes its other ones. Without any, the gateway is gone."""
        for connection in connections:
            self.changed_elsewhere(gateway, connection)
        ids = {connection.id for connection in connections}
        for gone in [one.id for one in self._open.values() if one.gateway == gateway and one.id not in ids]:
            self._drop(gone)

    def _of(self, user_id: int) -> Collection[Connected]:
        """Returns a person's connections."""
        return self._of_person.get(user_id, {}).values()

    def _put(self, connection: Connected) -> None:
        self._open[connection.id] = connection
        self._of_person.setdefault(connection.user_id, {})[connection.id] = connection
        self._gone.pop(connection.user_id, None)

    def _drop(self, connection_id: str) -> None:
        connection = self._open.pop(connection_id, None)
        if connection is None:
            return
        mine = self._of_person[connection.user_id]
        del mine[connection_id]
        if mine:
            self._compare(connection.user_id)
        else:
            del self._of_person[connection.user_id]
            self._gone[connection.user_id] = self._clock()

    def forget(self, session_id: int, user_id: int) -> None:
        """The person is no longer one of the session's people."""
        self._known.get(user_id, {}).pop(session_id, None)

    def expire(self) -> None:
        """Lets those leave who have had no connection for too long."""
        now = self._clock()
        for user_id in [one for one, since in self._gone.items() if now - since >= self._left_seconds]:
            del self._gone[user_id]
            for session_id, state in self._known.pop(user_id, {}).items():
                if state != "left":
                    self._tell(session_id, user_id, "left")

    def _compare(self, user_id: int) -> None:
        """Tells what is new about a person, in the sessions in sight and in those that were."""
        mine = self._of(user_id)
        known = self._known.setdefault(user_id, {})
        for session_id in {*known, *(session_id for one in mine for session_id in one.sessions)}:
            state = self.of(session_id, user_id)
            if known.get(session_id) != state:
                known[session_id] = state
                self._tell(session_id, user_id, state)

    async def _keep_expiring(self) -> None:
        while True:
            await asyncio.sleep(TICK_SECONDS)
            self.expire()
