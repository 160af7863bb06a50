"""One local model as a child process that comes when somebody needs it and goes when nobody does.

It owns the process, its state and who uses it. It must not know what the model is asked.
"""

import asyncio
import logging
import secrets
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from pathlib import Path
from typing import Final, Protocol

import msgspec
from msgspec import Struct

from lam.engines.access import Access
from lam.engines.base import Pictures, State
from lam.engines.openai_http import OpenAIHttpEngine
from lam.errors import ConfigError, GenerationError, LlmUnreachable, NotSupported
from lam.llama.gguf import Unreadable
from lam.llama.models import LocalModels, ModelFacts, ModelFile
from lam.llama.process import START_SECONDS, llama_server
from lam.llama.sizes import Sizes, estimate, parts_of, used_mb
from lam.protocol.chat import ChatRequest, Turn
from lam.protocol.events import Progress
from lam.protocol.sampling import Sampling

log = logging.getLogger(__name__)

_PROBE: Final = ChatRequest(
    turns=(Turn("user", "?"), Turn("assistant", "Once")), keep=0, sampling=Sampling(temperature=0, top_p=1, max_tokens=1)
)
_PROBE_SECONDS: Final = 0.05


class Child(Protocol):
    """A running server."""

    @property
    def url(self) -> str:
        """Its address."""
        ...

    @property
    def pid(self) -> int | None:
        """Its process, None when it is none of its own."""
        ...

    @property
    def ended(self) -> asyncio.Future[int]:
        """Completes when it ends."""
        ...


class Launch(Struct, frozen=True, kw_only=True):
    """How a process is started. `key`: what its clients send."""

    file: ModelFile
    log: Path
    key: str
    sizes: Sizes


Start = Callable[[Launch], AbstractAsyncContextManager[Child]]
"""Starts the server of a model. Raises ConfigError."""


def start(launch: Launch) -> AbstractAsyncContextManager[Child]:
    file = launch.file
    return llama_server(
        file.path,
        name=file.name,
        log=launch.log,
        slots=file.slots,
        ctx=launch.sizes.n_ctx,
        eye=file.eye,
        chat_template=file.chat_template,
        key=launch.key,
        cache=launch.sizes.prompts,
        threads=file.threads,
        speculate=file.speculate,
    )


class Use:
    """Somebody's need of the model. `engine`: the model's server, None until it is loaded. `failure`: why it is not."""

    def __init__(self) -> None:
        self.engine: OpenAIHttpEngine | None = None
        self.child: Child | None = None
        self.failure: GenerationError | None = None
        self._news = asyncio.Event()

    def tell(self) -> None:
        self._news.set()

    async def news(self, seconds: float) -> None:
        """Waits until something changes, for up to `seconds`."""
        try:
            async with asyncio.timeout(seconds):
                await self._news.wait()
        except TimeoutError:
            pass
        self._news.clear()


class LocalModel:
    """A `Holder` of memory. `changed`: called when the state or the facts change."""

    def __init__(
        self, file: ModelFile, models: LocalModels, *, pictures: Pictures, changed: Callable[[], None], start: Start = start
    ) -> None:
        self.file = file
        self.state: State = "asleep"
        self.failure: GenerationError | None = None
        self.engine: OpenAIHttpEngine | None = None
        self.deaths = 0  # of processes in a row that said nothing
        self.facts = models.facts_of(file)
        self._models = models
        self._pictures = pictures
        self._changed = changed
        self._start = start
        self._child: Child | None = None
        self._users: set[Use] = set()
        self._waiting: list[Use] = []
        self._leaving = False
        self._closed = False
        self._task: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._sizes = Sizes(n_ctx=0, context=0, files=0)
        models.memory.watchers.append(self._look)

    # As a holder of memory

    @property
    def size(self) -> int:
        """The most that it used so far, with what it may still keep of prompts; an estimate before it was ever loaded."""
        return max(self._used, self.facts.size or self._sizes.total)

    @property
    def _used(self) -> int:
        return (used_mb(self._child.pid) if self._child is not None and self._child.pid is not None else None) or 0

    @property
    def idle(self) -> bool:
        """While it is loaded, those who wait are not let in because others wait for its memory."""
        return not self._users and (self.state == "ready" or not self._waiting)

    def leave(self) -> None:
        """Ends the process."""
        if self._task is not None and not self._leaving:
            self._leaving = True
            self._task.cancel()

    # Use

    @contextmanager
    def use(self) -> Iterator[Use]:
        """Yields a use, which gets the engine once the model is loaded. The model stays until the context is left."""
        use = Use()
        if self._closed:
            use.failure = self._gone()
        else:
            self._waiting.append(use)
        self._look()
        try:
            yield use
        finally:
            self._users.discard(use)
            self._waiting = [other for other in self._waiting if other is not use]
            self._rest()

    @property
    def progress(self) -> Progress:
        """What a use waits for."""
        ahead = self._models.memory.ahead(self)
        if self.state == "ready":  # others wait for its memory
            return Progress("queued", position=len(self._users))
        return Progress("loading") if ahead is None else Progress("queued", position=ahead)

    async def died(self, child: Child | None) -> bool:
        """Returns whether the process has ended; a broken connection is seen a moment before that."""
        if child is not None:
            await asyncio.wait({child.ended}, timeout=1)
        return child is None or child.ended.done()

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._models.memory.watchers.remove(self._look)
        if self._task is not None:
            self.leave()
            await asyncio.gather(self._task, return_exceptions=True)
        self._fail(self._gone())

    def _gone(self) -> LlmUnreachable:
        return LlmUnreachable(f"The model {self.file.name} is no longer served here.")

    def _fail(self, failure: GenerationError) -> None:
        """Tells those who wait that they wait in vain."""
        for use in self._waiting:
            use.failure = failure
            use.tell()
        self._waiting.clear()

    def _look(self) -> None:
        """Lets those who wait in, or starts what they wait for."""
        if self.engine is not None and not self._leaving:
            if not self._models.memory.full:
                self._let_in()
        elif self._task is None and self._waiting and not self._closed:
            self._task = asyncio.create_task(self._live(), name=f"local-{self.file.name}")
        for use in [*self._users, *self._waiting]:
            use.tell()

    def _let_in(self) -> None:
        for use in self._waiting:
            use.engine, use.child = self.engine, self._child
            use.tell()
        self._users.update(self._waiting)
        self._waiting.clear()
        if self._users:
            self._stop_timer()

    def _rest(self) -> None:
        """Begins to count the idle time when nobody uses the model any more."""
        if self._users or self._task is None or self._leaving:
            return
        if self._models.memory.ahead(self) is not None and not self._waiting:
            self.leave()
        elif self.engine is not None:
            self._stop_timer()
            if self._models.idle_seconds:
                self._timer = asyncio.get_running_loop().call_later(self._models.idle_seconds, self.leave)
            self._models.memory.look()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # The process

    async def _live(self) -> None:
        """One life of the process, from the wait for memory to its end."""
        failure: GenerationError | None = None
        try:
            await self._prepare()
            await self._models.memory.take(self)
            await self._run()
        except (ConfigError, LlmUnreachable) as error:
            failure = error if isinstance(error, LlmUnreachable) else LlmUnreachable(f"The model {self.file.name} did not start.")
            log.warning("The local model %s: %s", self.file.name, error.message)
        except asyncio.CancelledError:
            pass  # the only one who cancels is `leave`
        except Exception:
            failure = LlmUnreachable(f"The model {self.file.name} did not start.")
            log.exception("The local model %s failed", self.file.name)
        finally:
            self._stop_timer()
            self.engine, self._child, self._task, self._leaving = None, None, None, False
            if failure is not None:
                self.failure = failure
                self._fail(failure)
            self._become("failed" if failure is not None else "asleep")
            self._models.memory.free(self)
            self._look()

    async def _prepare(self) -> None:
        """Learns how much memory the model needs. Raises LlmUnreachable when that cannot be, or the file is not one."""
        name, files = self.file.name, [*parts_of(self.file.path), *filter(None, (self.file.eye, self.file.chat_template))]
        self.facts = self._models.facts_of(self.file)
        for path in files:
            if not path.is_file():
                log.warning("%s: there is no file %s", name, path)
                raise LlmUnreachable(f"The model {name} cannot be loaded: its file {path.name} is missing.", retryable=False)
        try:
            file = self.file
            self._sizes = await asyncio.to_thread(estimate, file.path, n_ctx=file.n_ctx, slots=file.slots, eye=file.eye)
        except (Unreadable, OSError) as error:
            log.warning("%s: %s", name, error)
            raise LlmUnreachable(
                f"The model {name} cannot be loaded: {self.file.path.name} is no GGUF file that can be read.", retryable=False
            ) from error
        limit = self._models.memory.limit
        if limit and self.size > limit:
            raise LlmUnreachable(
                f"The model {name} needs about {self.size} MB of memory, and local models may use {limit} MB together.",
                retryable=False,
            )

    async def _run(self) -> None:
        """Runs the process until it ends. Raises ConfigError when it does not start."""
        self._become("loading")
        key = secrets.token_urlsafe(32)
        launch = Launch(file=self.file, log=self._models.log_of(self.file.name), key=key, sizes=self._sizes)
        async with self._start(launch) as child:
            self._child = child
            access = Access(api_key=key)
            async with OpenAIHttpEngine(
                child.url, access=access, model=self.file.name, slots=self.file.slots, pictures=self._pictures
            ) as engine:
                await self._learn(engine, child)
                self.engine, self.failure = engine, None
                self._let_in()  # before others who wait for its memory: they would have it unload again, and so on
                self._become("ready")
                self._rest()
                try:
                    await asyncio.wait({child.ended})
                finally:
                    self.engine = None  # nobody else is let in
                    await self._remember(msgspec.structs.replace(self.facts, size=self.size))
        self.deaths += 1
        log.warning("The process of the local model %s ended by itself; its log is in %s", self.file.name, self._models.folder)

    async def _learn(self, engine: OpenAIHttpEngine, child: Child) -> None:
        """Reads what the model can do."""
        async with asyncio.timeout(START_SECONDS):
            while (await engine.health()).state != "ready":
                if child.ended.done():
                    raise ConfigError("it stopped as soon as it was loaded")
                await asyncio.sleep(_PROBE_SECONDS)
        route = engine.routes()[0]
        continues: bool | None = True
        try:
            await route.require_continuing(_PROBE)
        except NotSupported:
            continues = False
        except GenerationError:
            continues = None
        can = msgspec.structs.replace(route.can, continues=continues)
        used = self._used
        size = used + self._sizes.prompts if used else self._sizes.total
        await self._remember(msgspec.structs.replace(self.facts, n_ctx=route.n_ctx, can=can, size=size))

    async def _remember(self, facts: ModelFacts) -> None:
        self.facts = facts
        await asyncio.to_thread(self._models.remember, self.file, facts)

    def _become(self, state: State) -> None:
        if state != self.state:
            self.state = state
            self._changed()
