"""A few threads shared by many sources: a source's calls wait behind its own, and the sources take turns. It knows no passwords."""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Final, TypeVar, cast

from lam.errors import TooManyAttempts

WAITING_AT_ONCE: Final = 128
T = TypeVar("T")


class _Job:
    __slots__ = ("answer", "call")

    def __init__(self, call: Callable[[], Any], answer: "asyncio.Future[Any]") -> None:
        self.call = call
        self.answer = answer


_Lane = OrderedDict[str, deque[_Job]]  # the source at the front is next; no queue is empty


class FairPool:
    """Runs calls in threads. When `waiting` calls wait, the source with the most loses its newest, or the caller is refused."""

    def __init__(self, threads: int, *, waiting: int = WAITING_AT_ONCE) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="argon2")
        self._threads = threads
        self._most_waiting = waiting
        self._busy = 0
        self._waiting = 0
        self._known: _Lane = OrderedDict()
        self._strangers: _Lane = OrderedDict()

    def close(self) -> None:
        """Waits for the running calls."""
        self._pool.shutdown()

    async def run(self, source: str, call: Callable[[], T], *, known: bool = False) -> T:
        """Returns the call's result. `known`: ahead of all unknown sources. Raises TooManyAttempts."""
        lane = self._known if known else self._strangers
        if self._waiting >= self._most_waiting:
            self._make_room(len(lane.get(source, ())))
        job = _Job(call, asyncio.get_running_loop().create_future())
        lane.setdefault(source, deque()).append(job)
        self._waiting += 1
        self._start()
        try:
            return cast(T, await job.answer)
        finally:
            self._forget(lane, source, job)

    def _start(self) -> None:
        while self._busy < self._threads and (job := self._next()) is not None:
            self._busy += 1
            running = asyncio.get_running_loop().run_in_executor(self._pool, job.call)
            running.add_done_callback(partial(self._done, job))

    def _next(self) -> _Job | None:
        for lane in (self._known, self._strangers):
            if lane:
                source, queue = lane.popitem(last=False)
                job = queue.popleft()
                if queue:
                    lane[source] = queue  # behind all others
                self._waiting -= 1
                return job
        return None

    def _done(self, job: _Job, running: "asyncio.Future[Any]") -> None:
        self._busy -= 1
        if not running.cancelled():
            error = running.exception()  # read even if nobody waits for it any more
            if not job.answer.done():
                job.answer.set_exception(error) if error else job.answer.set_result(running.result())
        self._start()

    def _forget(self, lane: _Lane, source: str, job: _Job) -> None:
        """Removes a call whose caller has left before its turn."""
        queue = lane.get(source)
        if queue and job in queue:
            queue.remove(job)
            self._waiting -= 1
            if not queue:
                del lane[source]

    def _make_room(self, waiting_of_caller: int) -> None:
        lane = self._strangers or self._known
        source = max(lane, key=lambda name: len(lane[name]))
        if len(lane[source]) <= waiting_of_caller + 1:
            raise TooManyAttempts
        job = lane[source].pop()
        self._waiting -= 1
        if not job.answer.done():
            job.answer.set_exception(TooManyAttempts())
