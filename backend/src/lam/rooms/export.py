"""Everything in a room as one ZIP: the room, who was in it, and each session as JSON (for importing) and Markdown (for reading).

It must not know who may have it.
"""

import asyncio
import re
import tempfile
import zipfile
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import IO, Final

import msgspec

from lam.chat.transfer import Transfer
from lam.errors import NotFound
from lam.protocol.spreadsheet import as_csv
from lam.rooms.views import state_of
from lam.storage.models import Participant, Room

IN_MEMORY: Final = 4 << 20
_ODD: Final = re.compile(r"[^\w.-]+")
_SECRET: Final = ("code", "user_id")


async def pack(transfer: Transfer, room: Room, people: Sequence[Participant]) -> IO[bytes]:
    """Returns a file at its beginning. Sessions that are deleted meanwhile are left out."""
    file = tempfile.SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115  # the caller closes it
    try:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            about = {name: value for name, value in msgspec.structs.asdict(room).items() if name not in _SECRET}
            about["state"] = state_of(room, datetime.now(UTC))
            archive.writestr("room.json", msgspec.json.format(msgspec.json.encode(about), indent=2))
            archive.writestr("participants.csv", _table(people))
            for number, person in enumerate(people, 1):
                name = f"{number:03d}-{_ODD.sub('-', person.name).strip('-.') or 'guest'}"
                try:
                    reading = await transfer.as_markdown(person.user_id, person.session_id)
                    pieces = await transfer.as_json(person.user_id, person.session_id)
                except NotFound:
                    continue
                await asyncio.to_thread(archive.writestr, f"{name}.md", reading)
                with archive.open(f"{name}.json", "w", force_zip64=True) as entry:
                    async for piece in pieces:
                        await asyncio.to_thread(entry.write, piece)
        file.seek(0)
    except BaseException:
        file.close()
        raise
    return file


def _table(people: Sequence[Participant]) -> str:
    rows = [
        (number, one.name, "no" if one.nickname is None else "yes", f"{one.joined_at:%Y-%m-%d %H:%M:%S}", one.messages, one.tokens)
        for number, one in enumerate(people, 1)
    ]
    return as_csv(("number", "name", "guest", "joined (UTC)", "messages", "tokens"), rows)
