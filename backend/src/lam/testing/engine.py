"""A scripted engine, for tests of the catalog, the queue and runs. It makes no requests."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from lam.engines.base import Batches, Can, Health, Pool, Route
from lam.protocol.chat import ChatRequest
from lam.protocol.events import Chunk, EngineEvent, Finished

Step = list[EngineEvent] | Exception
REPLY: Sequence[Step] = ([Chunk("Once")], [Chunk(" upon"), Finished("stop")])


class ScriptedEngine:
    """An `Engine` with one pool. Each request takes the next script, and the last one repeats: batches, and errors to raise.

    `requests`: the requests, by route and model. `closed`: how many attempts were left, finished or not.
    """

    def __init__(self, *scripts: Sequence[Step], models: Sequence[str] = ("m",), places: int = 1, can: Can | None = None) -> None:
        self.scripts = list(scripts) or [REPLY]
        self.models = list(models)
        self.places = places
        self.can = can or Can()
        self.health_now = Health(state="ready")
        self.requests: list[ChatRequest] = []
        self.closed = 0
        self._watchers: list[Callable[[], None]] = []

    def routes(self) -> Sequence[Route]:
        pool = Pool(name="places", places=self.places, busy=self._busy)
        return [
            Route(
                name=name,
                pool=pool,
                mode="sse",
                can=self.can,
                default=number == 0,
                require_continuing=self._require_continuing,
            )
            for number, name in enumerate(self.models)
        ]

    def watch(self, callback: Callable[[], None]) -> None:
        self._watchers.append(callback)

    def change(self, *, models: Sequence[str] | None = None, places: int | None = None) -> None:
        """Changes the routes and calls the watchers."""
        self.models = self.models if models is None else list(models)
        self.places = self.places if places is None else places
        for callback in self._watchers:
            callback()

    async def health(self) -> Health:
        return self.health_now

    @asynccontextmanager
    async def generate(self, request: ChatRequest, route: Route) -> AsyncIterator[Batches]:
        self.requests.append(request)
        script = self.scripts.pop(0) if len(self.scripts) > 1 else self.scripts[0]
        try:
            yield _played(script)
        finally:
            self.closed += 1

    async def _busy(self) -> int | None:
        return 0

    async def _require_continuing(self, request: ChatRequest) -> None:
        pass


async def _played(script: Sequence[Step]) -> AsyncGenerator[list[EngineEvent]]:
    for step in script:
        if isinstance(step, Exception):
            raise step
        yield step
