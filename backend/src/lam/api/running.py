"""The replies that run or wait on all gateways, without their text. It must not know who may see them."""

import asyncio
from collections.abc import Callable, Collection
from datetime import datetime
from typing import Final

import msgspec
from msgspec import Struct

from lam.errors import Unreachable
from lam.generation.run import Run
from lam.generation.supervisor import Supervisor
from lam.protocol.text import utf16_prefix
from lam.redis.signals import Signals

ANSWER_SECONDS: Final = 2.0
_QUESTION: Final = "replies"


class Running(Struct, frozen=True, kw_only=True):
    """A reply that runs or waits. `stage`: None when it has just started, or when its gateway does not answer. `position`: how many
    start before it."""

    user_id: int
    model: str | None
    stage: str | None
    position: int | None
    characters: int
    readers: int
    began_at: datetime


_replies: Final = msgspec.msgpack.Decoder(list[Running])


class RunningReplies:
    """`signals`: to the other gateways, None when this one is alone. `peers()`: returns their names."""

    def __init__(
        self, supervisor: Supervisor, signals: Signals | None = None, peers: Callable[[], Collection[str]] = frozenset
    ) -> None:
        self._supervisor = supervisor
        self._signals = signals
        self._peers = peers
        if signals is not None:
            signals.answer(_QUESTION, self._answer)

    async def all(self) -> list[Running]:
        """Returns the replies of all gateways, oldest first."""
        replies = self._here()
        for elsewhere in await asyncio.gather(*map(self._of, self._peers())):
            replies += elsewhere
        return sorted(replies, key=lambda one: one.began_at)

    def _here(self) -> list[Running]:
        return [_about(run) for run in self._supervisor.awaited()]

    async def _of(self, gateway: str) -> list[Running]:
        """Returns the replies of another gateway; when it does not answer, what it said when they started."""
        try:
            if self._signals is not None:
                return _replies.decode(await self._signals.ask(gateway, _QUESTION, b"", ANSWER_SECONDS))
        except (Unreachable, msgspec.DecodeError):
            pass
        elsewhere = self._supervisor.elsewhere.running() if self._supervisor.elsewhere is not None else ()
        return [
            Running(
                user_id=run.user_id,
                model=None,
                stage=None,
                position=None,
                characters=0,
                readers=0,
                began_at=run.began_at,
            )
            for run in elsewhere
            if run.owner == gateway and not run.droppable
        ]

    async def _answer(self, _gateway: str, _body: bytes) -> bytes:
        return msgspec.msgpack.encode(self._here())


def _about(run: Run) -> Running:
    snapshot = run.snapshot
    continued = snapshot.metadata.continues if snapshot.metadata and snapshot.metadata.continues else 0
    text = snapshot.text[len(utf16_prefix(snapshot.text, continued)) :]
    progress = snapshot.progress
    position = progress.position if progress is not None and progress.stage == "queued" else None
    stage = "text" if text else "thinking" if snapshot.thinking else progress.stage if progress else None
    return Running(
        user_id=run.user_id,
        model=snapshot.metadata.model if snapshot.metadata else None,
        stage=stage,
        position=position if isinstance(position, int) and stage == "queued" else None,
        characters=len(text),
        readers=run.readers,
        began_at=run.began_at,
    )
