"""What a gateway that died left behind: replies still marked as streaming become `interrupted`, their text kept.

Runs under the lock that makes this gateway the only one, so every such reply is an orphan.
"""

from datetime import datetime

import msgspec

from lam.errors import Interrupted
from lam.generation.spending import estimated_usage, spent
from lam.protocol.chat import Turn
from lam.storage.database import Database
from lam.storage.models import Ending


async def recover(database: Database, now: datetime) -> int:
    """How many replies were interrupted. Raises StorageUnavailable."""
    failure = Interrupted("The gateway stopped in the middle of the reply; what had been saved is kept.")
    error = {"code": failure.code, "message": failure.message, "retryable": failure.retryable}
    async with database.write() as unit:
        orphans = await unit.messages.streaming()
        for message in orphans:
            reply = await unit.checkpoints.so_far(message)
            about = message.about | ({"tool_calls": reply.calls} if reply.calls else {})
            usage = estimated_usage(reply, [Turn(told.role, told.content) for told in await unit.messages.path(message.parent_id)])
            ending = Ending(
                "interrupted",
                reply.text,
                reply.thinking or None,
                about or None,
                msgspec.to_builtins(usage) if usage else None,
                error=error,
                unread=True,
            )
            await unit.messages.finish(message.id, ending, now)
            owner = await unit.sessions.owner(message.session_id)
            await unit.generations.add(spent(owner, message.session_id, "reply", ending, now))
        await unit.checkpoints.forget_stray()
    return len(orphans)
