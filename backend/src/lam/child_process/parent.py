"""The parent: passes an open file to a child process and gets bytes, up to a time limit.

It never reads the file itself, and knows no format.
"""

import asyncio
import contextlib
import sys
from typing import IO, Final

_PIECE: Final = 1 << 16
_CPU_EXCEEDED: Final = (-24, -9)  # SIGXCPU, SIGKILL


class TooSlow(Exception):
    """The child did not end within its time."""


class TooMuchWork(Exception):
    """The child used more processor time than it may."""


class ChildFailed(Exception):
    """The child ended without a whole answer."""


async def output_of(module: str, *arguments: str, file: IO[bytes], seconds: float, most_bytes: int) -> bytes:
    """Runs `python -I -m MODULE ARGUMENTS` with the file as its standard input, and returns what it writes.

    Raises TooSlow, TooMuchWork, and ChildFailed also for more than `most_bytes`. The process has ended afterwards.
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "-m", module, *arguments),
        stdin=file,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        limit=_PIECE,
        env=None if sys.platform == "win32" else {},
    )
    assert process.stdout is not None
    output = bytearray()
    try:
        async with asyncio.timeout(seconds):
            while piece := await process.stdout.read(_PIECE):
                output += piece
                if len(output) > most_bytes:
                    raise ChildFailed
            await process.wait()
    except TimeoutError as error:
        raise TooSlow from error
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    if process.returncode in _CPU_EXCEEDED:
        raise TooMuchWork
    if process.returncode != 0:
        raise ChildFailed
    return bytes(output)
