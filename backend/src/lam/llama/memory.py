"""Who may hold how much memory: the line of those that want some, and which idle holder gives its own up.

A request is served first come, first served. When memory is missing, idle holders leave, the largest first; where that is not
enough, busy ones take no new work (`full`) until one of them is idle. It must not know what a holder is.
"""

import asyncio
from collections.abc import Callable, Iterable
from typing import Protocol


class Holder(Protocol):
    """What holds memory, or wants to."""

    @property
    def size(self) -> int:
        """Its memory in MB, now or when it has it."""
        ...

    @property
    def idle(self) -> bool:
        """Whether nobody uses it, so that it may be asked to leave."""
        ...

    def leave(self) -> None:
        """Is asked to give its memory up. It calls `Memory.free` when that is done."""
        ...


class Memory:
    """`limit`: MB for all holders together; 0 is no limit."""

    def __init__(self, limit: int = 0) -> None:
        self.limit = limit
        self.watchers: list[Callable[[], None]] = []  # called when holders or the line change
        self._holders: list[Holder] = []
        self._leaving: list[Holder] = []
        self._line: list[tuple[Holder, asyncio.Future[None]]] = []
        self.full = False  # the first of the line waits for busy holders

    @property
    def held(self) -> int:
        return sum(holder.size for holder in self._holders)

    def fits(self, size: int) -> bool:
        """Returns whether so much could be had at all."""
        return not self.limit or size <= self.limit

    def ahead(self, holder: Holder) -> int | None:
        """Returns how many wait before it, None when it does not wait."""
        return next((place for place, (other, _) in enumerate(self._line) if other is holder), None)

    async def take(self, holder: Holder) -> None:
        """Waits until the memory is there. The holder gives it back with `free`, unless this is cancelled."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._line.append((holder, turn))
        self.look()
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.free(holder)
            else:
                self._line = [place for place in self._line if place[1] is not turn]
                self.look()
            raise

    def free(self, holder: Holder) -> None:
        """Takes the memory of a holder back. Does nothing for one that holds none."""
        self._holders = [other for other in self._holders if other is not holder]
        self._leaving = [other for other in self._leaving if other is not holder]
        self.look()

    def look(self) -> None:
        """Serves the line as far as there is memory, and asks idle holders to leave. To be called when one becomes idle."""
        self.full = False
        while self._line:
            holder, turn = self._line[0]
            if turn.done():  # it was cancelled, and has not left the line yet
                self._line.pop(0)
                continue
            missing = self.held + holder.size - self.limit if self.limit and self._holders else 0
            if missing <= 0:
                self._line.pop(0)
                self._holders.append(holder)
                turn.set_result(None)
                continue
            missing -= _sum(self._leaving)
            idle = sorted((other for other in self._holders if other.idle and other not in self._leaving), key=_size)
            self.full = missing > _sum(idle)
            if not self.full:
                while missing > 0:
                    leaver = idle.pop()
                    missing -= leaver.size
                    self._leaving.append(leaver)
                    leaver.leave()
            break
        for watcher in self.watchers:
            watcher()


def _size(holder: Holder) -> int:
    return holder.size


def _sum(holders: Iterable[Holder]) -> int:
    return sum(map(_size, holders))
