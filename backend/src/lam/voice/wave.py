"""The head of a WAV file (Microsoft's RIFF, PCM of 16 bits, one channel). Pure."""

import struct
from typing import Final

UNKNOWN: Final = 0xFFFF_FFFF  # as ffmpeg writes it where the end is not known yet
_BEFORE_DATA: Final = 36


def head(rate: int, size: int | None) -> bytes:
    """Returns the 44 bytes in front of the samples. `size`: of the samples in bytes; None: not known yet."""
    whole, data = (UNKNOWN, UNKNOWN) if size is None else (size + _BEFORE_DATA, size)
    return (
        struct.pack("<4sI4s", b"RIFF", whole, b"WAVE")
        + struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, rate, 2 * rate, 2, 16)
        + struct.pack("<4sI", b"data", data)
    )
