"""What happens for a token, one step at a time, to be counted from outside: `python hot_path.py STEP:TIMES …`.

Each step is a process of its own, forked from one that has imported and run everything; its number is printed.

The fixed loop of plain Python is what the steps are compared with: it makes a count independent of the machine.
"""

import asyncio
import gc
import os
import sys
from collections.abc import Callable

from lam.api.log_writer import LogWriter
from lam.engines.completion import CompletionDecoder
from lam.protocol.events import Chunk, EngineEvent, Finished
from lam.streams.log import Record
from lam.streams.memory_log import MemoryLog

WARM = 200
PIECE = (
    b'data: {"choices":[{"finish_reason":null,"index":0,"delta":{"content":" token"}}],"created":1760000000,'
    b'"id":"chatcmpl-7Qmvbn3Wc0Kd1Xj5","model":"bench","object":"chat.completion.chunk"}\n\n'
)


def loop(times: int) -> None:
    total, seen = 0, {}
    for number in range(times):
        total = (total * 31 + number) % 1_000_003
        text = str(total)
        seen[text[:2]] = len(text)


def decode(times: int) -> None:
    decoder = CompletionDecoder()
    for _ in range(times):
        decoder.feed(PIECE)


def append(times: int) -> None:
    log = MemoryLog()
    for _ in range(times):
        log.append([Chunk(" token")])


def encode(times: int) -> None:
    for number in range(times):
        _ = Record(number, Chunk(" token")).frame


def follow(times: int) -> None:
    """Appending, with one reader whose connection takes everything."""

    async def send(_: object) -> None:
        pass

    async def run() -> None:
        log = MemoryLog()
        writer = asyncio.create_task(LogWriter(log, 0, send).run())
        await asyncio.sleep(0)
        for _ in range(times):
            log.append([Chunk(" token")])
        log.close()
        await writer

    asyncio.run(run())


def whole(times: int) -> None:
    """What a decoder gave goes through; it is not counted, it shows that the steps fit together."""
    decoder, log = CompletionDecoder(), MemoryLog()
    for _ in range(times):
        events: list[EngineEvent] = decoder.feed(PIECE)
        log.append([event for event in events if not isinstance(event, Finished)])
    assert log.last == times


STEPS: dict[str, Callable[[int], None]] = {"loop": loop, "decode": decode, "append": append, "encode": encode, "follow": follow}

if __name__ == "__main__":
    gc.disable()
    for step in (*STEPS.values(), whole):
        step(WARM)
    pids = []
    for name, times in [word.split(":") for word in sys.argv[1:]]:
        if (pid := os.fork()) == 0:
            STEPS[name](int(times))
            os._exit(0)
        os.waitpid(pid, 0)
        pids.append(pid)
    print(*pids)
