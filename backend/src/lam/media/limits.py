"""The limits for one picture, and how it is stored.

Values only; the child and the store apply them.
"""

from typing import Final

FILE_BYTES: Final = 20 << 20
MOST_PIXELS: Final = 50_000_000  # before it is shrunk
MEMORY_BYTES: Final = 1 << 30
CPU_SECONDS: Final = 10
ANSWER_BYTES: Final = 32 << 20  # of the child: the picture, its thumbnail and a line about them

LONGEST_SIDE: Final = 1568  # what models look at; a longer side is shrunk
THUMB_SIDE: Final = 384
JPEG_QUALITY: Final = 85
THUMB_QUALITY: Final = 80
THUMB_TYPE: Final = "image/webp"

UNREADABLE: Final = "picture_unreadable"
TOO_LARGE: Final = "picture_too_large"
