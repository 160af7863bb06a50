"""The engine of a GGUF file on this machine. Its process is started for the first request and ends when nobody needs it.

The requests themselves go to that process over HTTP, as to any llama.cpp server.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from lam.engines.base import AnswersNow, Batches, Can, Health, NoPictures, Pictures, Pool, Route, RouteLost
from lam.errors import CannotAnswerNow, Interrupted, LlmLoading, LlmUnreachable, NotSupported
from lam.llama.local_model import LocalModel, Start, Use, start
from lam.llama.models import LocalModels, ModelFile
from lam.protocol.chat import ChatRequest
from lam.protocol.events import ContentEvent, EngineEvent, ImagePiece, Progress

SIGN_SECONDS: Final = 5  # between two signs of life while a model loads
MOST_DEATHS: Final = 3  # in a row without a word; then a request fails instead of loading the model again


class LocalEngine:
    """An `Engine` with one route, as an async context manager: it owns the model's process.

    `models`: what it shares with other local models. `name`: the model's name. The rest: see `ModelFile`. `start`: starts the
    process.
    """

    def __init__(
        self,
        models: LocalModels,
        *,
        name: str,
        file: Path,
        n_ctx: int = 0,
        slots: int = 1,
        eye: Path | None = None,
        chat_template: Path | None = None,
        threads: int = 0,
        speculate: bool = False,
        pictures: Pictures | None = None,
        start: Start = start,
    ) -> None:
        self._models = models
        self._file = ModelFile(
            name=name,
            path=file,
            n_ctx=n_ctx,
            slots=slots,
            eye=eye,
            chat_template=chat_template,
            threads=threads,
            speculate=speculate,
        )
        self._pictures = pictures or NoPictures()
        self._start = start
        self._watchers: list[Callable[[], None]] = []
        self._pool = Pool(name="places", places=slots, busy=self._busy, private=True)

    async def __aenter__(self) -> Self:
        self.model = LocalModel(self._file, self._models, pictures=self._pictures, changed=self._model_changed, start=self._start)
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.model.close()

    # Routes and health

    def routes(self) -> Sequence[Route]:
        model = self.model
        return (
            Route(
                name=self._file.name,
                pool=self._pool,
                mode="sse",
                can=self._can,
                default=True,
                n_ctx=model.facts.n_ctx or self._file.n_ctx or None,
                ready=model.state == "ready",
                waits=True,
                state=model.state,
                require_continuing=self._require_continuing,
                count=self._count,
            ),
        )

    @property
    def _can(self) -> Can:
        return self.model.facts.can or Can(images=None if self._file.eye else False)

    def watch(self, callback: Callable[[], None]) -> None:
        self._watchers.append(callback)

    def _model_changed(self) -> None:
        for callback in self._watchers:
            callback()

    async def _busy(self) -> int | None:
        engine = self.model.engine
        return await engine.routes()[0].pool.busy() if engine is not None else 0

    async def health(self) -> Health:
        address = self._file.path.name
        if self.model.state == "failed" and self.model.failure is not None:
            failure = self.model.failure
            return Health(state="unreachable", detail=failure.message, failure=failure, address=address)
        if self.model.state == "loading":
            return Health(state="loading", detail=LlmLoading.summary, failure=LlmLoading(), address=address)
        return Health(state="ready", slots=self._file.slots, address=address)

    # Replies

    async def _require_continuing(self, request: ChatRequest) -> None:
        continues = self._can.continues
        if continues is False:
            raise NotSupported("The model's template cannot continue a reply; regenerate it instead.")
        if continues and self.model.engine is None:
            return  # as it showed when it was loaded; it is not loaded again for this question
        with self.model.use() as use:
            async for _ in self._loading(use):
                pass
            assert use.engine is not None
            await use.engine.routes()[0].require_continuing(request)

    async def _count(self, request: ChatRequest) -> int | None:
        engine = self.model.engine  # a model that sleeps is not loaded for this question
        return None if engine is None else await engine.count(request)

    @asynccontextmanager
    async def generate(self, request: ChatRequest, route: Route) -> AsyncIterator[Batches]:
        reply = _Reply(self, request)
        try:
            yield reply
        finally:
            await reply.close()

    async def _loading(self, use: Use) -> AsyncGenerator[list[EngineEvent]]:
        """Yields progress until the use has its engine. Raises the failure of the model."""
        last: Progress | None = None
        while use.engine is None:
            if use.failure is not None:
                raise use.failure
            if (progress := self.model.progress) != last:
                last = progress
                yield [progress]
            else:
                yield []
            if use.engine is None and use.failure is None:
                await use.news(SIGN_SECONDS)

    async def batches(self, request: ChatRequest, reply: "_Reply") -> AsyncGenerator[list[EngineEvent]]:
        said = False
        with self.model.use() as use:
            is_loaded = use.engine is not None
            async for batch in self._loading(use):
                yield batch
            if not is_loaded:
                yield [Progress("prompt")]
            assert use.engine is not None
            try:
                async with use.engine.generate(request, use.engine.routes()[0]) as batches:
                    reply.of = batches if isinstance(batches, AnswersNow) else None
                    async for batch in batches:
                        if not said and any(isinstance(event, ContentEvent | ImagePiece) for event in batch):
                            said, self.model.deaths = True, 0
                        yield batch
            except (Interrupted, LlmUnreachable) as error:
                if not await self.model.died(use.child):
                    if said or isinstance(error, Interrupted):
                        raise
                    raise RouteLost from error  # it did not take the request; a moment later it may
                if said or self.model.deaths >= MOST_DEATHS:
                    raise Interrupted from error
                raise RouteLost(had_job=True) from error


class _Reply:
    """The batches of a reply. They announce what `AnswersNow` needs once the model is loaded."""

    def __init__(self, engine: LocalEngine, request: ChatRequest) -> None:
        self.of: AnswersNow | None = None
        self._batches = engine.batches(request, self)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> list[EngineEvent]:
        return await anext(self._batches)

    async def answer_now(self) -> None:
        """See `AnswersNow`."""
        if self.of is None:
            raise CannotAnswerNow
        await self.of.answer_now()

    async def close(self) -> None:
        await self._batches.aclose()
