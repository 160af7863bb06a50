"""Titles that nobody gave: the first words at once, and after the first reply a short one from the model.

The model is asked as one more turn after the conversation it has just read, so that its prompt cache serves. It is asked only while
nobody waits for it, and dropped as soon as somebody does; the next reply is the next occasion.
"""

import asyncio
import logging
import re
from datetime import UTC, datetime
from types import TracebackType
from typing import Final, Self

import msgspec

from lam.engines.base import Engine
from lam.errors import GenerationError, Interrupted, StorageUnavailable
from lam.generation.admission import Admission, Ticket
from lam.generation.run import Run
from lam.generation.spending import estimated_usage, spent
from lam.protocol.chat import ChatRequest, Turn
from lam.protocol.documents import apart
from lam.protocol.events import Finished, Relabel
from lam.protocol.sampling import Sampling
from lam.protocol.snapshot import Snapshot
from lam.storage.database import Database
from lam.storage.models import Ending

log = logging.getLogger(__name__)

DEFAULT_TITLE: Final = "New Chat"
LONGEST: Final = 60
TOKENS: Final = 16
PATIENCE_SECONDS: Final = 60
QUESTION: Final = (
    "Write a title for this conversation: two to six words, in the language of the conversation, "
    "without quotation marks. Answer with the title alone."
)


class Titles:
    """An async context manager that owns the tasks. `after(run)` is to be called once a run has ended."""

    def __init__(self, database: Database, engine: Engine, admission: Admission) -> None:
        self._database = database
        self._engine = engine
        self._admission = admission

    async def __aenter__(self) -> Self:
        self._tasks: set[asyncio.Task[None]] = set()
        self._open = True
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._open = False
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def after(self, run: Run) -> None:
        ending = run.ending
        if (
            not self._open
            or not run.order.wants_title
            or ending is None
            or ending.status != "complete"
            or not ending.content.strip()
        ):
            return
        task = asyncio.create_task(self._give(run, ending), name=f"title-{run.order.session_id}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _give(self, run: Run, reply: Ending) -> None:
        task = asyncio.current_task()
        assert task is not None
        order = run.order
        # A server that cannot tell when its slot is free again would keep it for longer than a title takes.
        tells = await self._engine.busy(self._engine.lane(order.request.model)) is not None
        place = self._admission.lend(order.request.model, task.cancel if tells else lambda: None)
        if place is None:
            return
        began = asyncio.get_running_loop().time()
        try:
            answer, finished = await self._ask(place, order.request, reply.content)
            text = answer.text
            title = cleaned(text)
            usage = finished.usage or estimated_usage(answer, order.request.turns)
            now = datetime.now(UTC)
            ending = Ending(
                "complete",
                text,
                metadata={"model": finished.model or self._engine.answering(order.request.model)},
                usage=msgspec.to_builtins(usage) if usage else None,
                timings={
                    "total_ms": round(1000 * (asyncio.get_running_loop().time() - began)),
                    "tokens_per_second": finished.tokens_per_second,
                },
            )
            async with self._database.write() as unit:
                if await unit.sessions.find(order.session_id, order.user_id, "send", lock=True) is None:
                    return
                if title:
                    await unit.sessions.give_title(order.session_id, order.session_key, title)
                await unit.generations.add(spent(order.user_id, order.session_id, "title", ending, now))
        except (GenerationError, StorageUnavailable, TimeoutError) as error:
            log.info("The session %d got no title: %s", order.session_id, error)
        except Exception:
            log.exception("The session %d got no title", order.session_id)

    async def _ask(self, place: Ticket, request: ChatRequest, reply: str) -> tuple[Snapshot, Finished]:
        before = request.turns[:-1] if request.continues else request.turns
        turns = (*before, Turn("assistant", reply), Turn("user", QUESTION))
        question = msgspec.structs.replace(
            request, turns=turns, sampling=Sampling(temperature=0, top_p=request.sampling.top_p, max_tokens=TOKENS, reasoning="off")
        )
        answer = Snapshot()
        finished: Finished | None = None
        free = thinks = False
        try:
            async with asyncio.timeout(PATIENCE_SECONDS), self._engine.generate(question) as batches:
                async for batch in batches:
                    for event in batch:
                        answer.add(event)
                        thinks = thinks or (isinstance(event, Relabel) and event.to == "answer")
                    if batch and isinstance(batch[-1], Finished):
                        finished = batch[-1]
                        break
        except GenerationError as error:
            free = error.model_is_free
            raise
        finally:
            place.leave(model_is_free=free or finished is not None)
        if finished is None or (thinks and finished.finish_reason == "length"):  # all that came may be thoughts
            raise Interrupted
        return answer, finished


def first_words(text: str) -> str:
    """The beginning of a message as a title: whole words where there are any, 60 characters at most; of a message that consists of
    documents, the name of the first one."""
    documents, asked = apart(text)
    words = " ".join(asked.split()) or " ".join(document.name for document in documents[:1])
    if len(words) <= LONGEST:
        return words or DEFAULT_TITLE
    head = words[: LONGEST - 1]
    whole, space, _ = head.rpartition(" ")
    return (whole if space and len(whole) > LONGEST // 2 else head).rstrip(" ,.;:-") + "…"


def cleaned(text: str) -> str:
    """What a model answered, as a title; empty where there is nothing usable in it."""
    line = next((line.strip() for line in text.splitlines() if line.strip()), "")
    line = re.sub(r"^(?:[#>*\s]+|(?i:title)\s*:\s*)+", "", line)
    line = line.strip(" \t*_`\"'“”„«»「」").rstrip(" .,;:")
    return first_words(line) if any(map(str.isalnum, line)) else ""
