"""The parent process: passes a picture to a child process and waits for it as it is stored, up to a time limit.

It never reads a pixel itself, and stores nothing.
"""

from typing import IO, Final

import msgspec

from lam.child_process.parent import ChildFailed, TooMuchWork, TooSlow, output_of
from lam.errors import PictureTooLarge, PictureUnreadable, from_code
from lam.media import answer
from lam.media.answer import Decoded
from lam.media.limits import ANSWER_BYTES

SECONDS: Final = 20


async def decoded(file: IO[bytes], *, seconds: float = SECONDS) -> Decoded:
    """Returns the picture in a file that is at its beginning. Raises PictureUnreadable, PictureTooLarge."""
    try:
        read = answer.read(await output_of("lam.media.decode", file=file, seconds=seconds, most_bytes=ANSWER_BYTES))
    except (TooSlow, TooMuchWork) as error:
        raise PictureTooLarge("The picture takes too much work to read; save it smaller and send it again.") from error
    except (ChildFailed, msgspec.DecodeError) as error:
        raise PictureUnreadable from error
    if isinstance(read, str):
        raise from_code(read, None)
    return read
