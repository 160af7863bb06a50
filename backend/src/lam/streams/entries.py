"""A log in Redis: the ids of its entries, and records as bytes and back. Pure: no I/O.

An entry holds the SSE frames of one record, or of several that follow each other. Its id is `<epoch>-<number of the last record>`.
Ids grow, so Redis itself refuses the entries of an old owner once the next one, with a higher epoch, has written.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from lam.protocol import sse
from lam.protocol.events import Thinking
from lam.streams.log import Record

FIELD: Final = b"f"
ENTRY_BYTES: Final = 65536
_END: Final = b"\n\n"
_UNKNOWN: Final = Thinking("")  # for an event of a newer release: readers get its frame


def entry_id(epoch: int, number: int) -> bytes:
    """Returns the id of an entry whose last record has this number."""
    return b"%d-%d" % (epoch, number)


def parts_of(id_: bytes) -> tuple[int, int]:
    """Returns the epoch and the number in an entry's id."""
    epoch, _, number = id_.partition(b"-")
    return int(epoch), int(number)


def entries_of(records: Sequence[Record]) -> Iterator[tuple[int, bytes]]:
    """Yields the number of the last record and the bytes of each entry: up to 64 KiB, unless one record is larger."""
    if len(records) == 1:  # the usual case: a token
        yield records[0].number, records[0].frame
        return
    frames: list[bytes] = []
    size = number = 0
    for record in records:
        if frames and size + len(record.frame) > ENTRY_BYTES:
            yield number, b"".join(frames)
            frames, size = [], 0
        frames.append(record.frame)
        size += len(record.frame)
        number = record.number
    if frames:
        yield number, b"".join(frames)


def records_of(entry: bytes) -> list[Record]:
    """Returns the records of an entry. Raises ValueError for bytes that are no frames."""
    if entry.find(_END) == len(entry) - len(_END):  # the usual case: a token
        return [_record(entry)]
    if not entry.endswith(_END):
        raise ValueError("an entry ends with a blank line")
    return [_record(frame + _END) for frame in entry[: -len(_END)].split(_END)]


def _record(frame: bytes) -> Record:
    head, _, data = frame.partition(b"\ndata: ")
    if not head.startswith(b"id: ") or not data:
        raise ValueError("not the frame of an event")
    return Record(int(head[4:]), sse.decode(data) or _UNKNOWN, frame)
