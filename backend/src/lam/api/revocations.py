"""Ends what somebody reads of a session that they may no longer see. It must not know why they may not."""

from collections.abc import Awaitable, Callable, Collection

from lam.api.event_connection import EventConnections
from lam.api.event_stream import OpenStreams
from lam.storage.repositories.base import Touched

Pairs = Collection[tuple[int, int]]
"""Sessions, each with a person."""


class Revocations:
    """`may_read(pairs)`: returns the pairs whose person may read the session."""

    def __init__(
        self, events: EventConnections, open_streams: OpenStreams, may_read: Callable[[Pairs], Awaitable[set[tuple[int, int]]]]
    ) -> None:
        self._events = events
        self._open_streams = open_streams
        self._may_read = may_read

    def after(self, touched: Touched) -> None:
        """Revokes what a unit of work took away, here or on another gateway."""
        removed = ((session_id, person) for session_id, people in touched.removed.items() for person in people)
        for session_id, person in (*touched.removed_people, *removed):
            self._revoke(session_id, person)

    async def check(self) -> None:
        """Asks the database about everybody who reads here, in case a signal of another gateway was lost. Raises
        StorageUnavailable."""
        readers = self._events.readers() | self._open_streams.readers()
        if readers:
            for session_id, person in readers - await self._may_read(readers):
                self._revoke(session_id, person)

    def _revoke(self, session_id: int, person: int) -> None:
        self._events.revoke(session_id, person)
        self._open_streams.revoke(session_id, person)
