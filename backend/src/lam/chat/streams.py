"""Finding the stream somebody asks for: live, ended but kept, or rebuilt from its message."""

from msgspec import UNSET, Struct

from lam.errors import Interrupted, Invalid, NotFound
from lam.generation.run import Run
from lam.generation.supervisor import Supervisor
from lam.protocol.events import Done, Error, Event, Metadata, Timings, Usage
from lam.protocol.snapshot import events_of
from lam.protocol.text import utf16_length, utf16_prefix
from lam.storage.database import Database, UnitOfWork
from lam.storage.models import Message
from lam.streams.log import StreamLog
from lam.streams.memory_log import MemoryLog, Shelf


class Following(Struct, frozen=True):
    """A log to read from after event `after`. `run`: who writes it, None once its message is final."""

    stream_id: str
    log: StreamLog
    after: int = 0
    run: Run | None = None

    @property
    def at_end(self) -> bool:
        """Nothing is left to read, and nothing will come."""
        return self.log.closed and self.after == self.log.last


class Streams:
    def __init__(self, database: Database, supervisor: Supervisor, shelf: Shelf) -> None:
        self._database = database
        self._supervisor = supervisor
        self._shelf = shelf

    async def find(self, stream_id: str, user_id: int, after: int = 0) -> Following:
        """Raises NotFound for another user's stream too, Invalid for an event that does not exist.

        A rebuilt stream is given from its first event, whatever was asked for.
        """
        async with self._database.read() as unit:
            message = await unit.messages.by_stream(stream_id, user_id, "read")
            if message is None:
                raise NotFound
            log = self._shelf.get(stream_id)
            if log is None:
                return Following(stream_id, await _rebuilt(unit, message, user_id))
        if after > log.last:
            raise Invalid(f"Event {after} does not exist; the last one is {log.last}.")
        return Following(stream_id, log, after, self._supervisor.get(stream_id))

    async def stop(self, stream_id: str, user_id: int, shown_chars: int | None) -> str:
        """Ends the run if it still runs, and gives the status of its message. Raises NotFound."""
        run = self._supervisor.get(stream_id)  # before the message is read: whatever ends in between has its status then
        async with self._database.read() as unit:
            message = await unit.messages.by_stream(stream_id, user_id, "stop")
        if message is None:
            raise NotFound
        if run is None:
            return message.status
        await self._supervisor.stop(stream_id, shown_chars)
        return run.ending.status if run.ending else "streaming"


async def _rebuilt(unit: UnitOfWork, message: Message, user_id: int) -> MemoryLog:
    session = await unit.sessions.find(message.session_id, user_id, "read")
    about = message.about
    text, thinking, calls, error = message.content, message.thinking or "", message.tool_calls, message.error
    if message.status == "streaming":  # its log is gone and its ending is not stored yet
        reply = await unit.checkpoints.so_far(message)
        text, thinking, calls = reply.text, reply.thinking, reply.calls
        error = {"code": Interrupted.code, "message": Interrupted.summary, "retryable": True}
    base = utf16_prefix(text, about.get("continues", 0))  # a stop may have cut into it
    events: list[Event] = [
        Metadata(
            message.session_id,
            message.parent_id,
            session.session_key if session else "",
            message.stream_id,
            message.id,
            about.get("mode") or "sse",
            about.get("model"),
            about.get("simulated"),
            rebuilt=True,
            continues=utf16_length(base) if "continues" in about else UNSET,
        )
    ]
    events += events_of(base, thinking)
    events += events_of(text[len(base) :], "", calls)
    if error:
        events.append(Error(error["message"], error["code"], error["retryable"], message.id))
    else:
        usage = Usage(**message.usage) if message.usage else None
        timings = Timings(**message.timings) if message.timings else None
        reason = about.get("finish_reason", "stop")
        events.append(Done(message.id, text, reason, about.get("model"), about.get("simulated"), usage, timings))
    log = MemoryLog()
    log.append(events)
    log.close()
    return log
