import io
import logging
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from lam.logs import LineFormatter

LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (DEBUG|INFO|WARNING|ERROR|CRITICAL) [\w.]+: \S.*")


@contextmanager
def log_to(name: str) -> Iterator[tuple[logging.Logger, io.StringIO]]:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(LineFormatter())
    logger = logging.getLogger(name)
    logger.addHandler(handler)
    logger.propagate = False
    yield logger, stream
    logger.removeHandler(handler)
    logger.propagate = True


def test_every_line_begins_with_time_and_level() -> None:
    with log_to("lam.test") as (log, stream):
        log.warning("%d replies", 3)
        log.error("Failed login")
    lines = stream.getvalue().splitlines()
    assert len(lines) == 2
    assert all(LINE.fullmatch(line) for line in lines), lines
    assert lines[0].endswith("Z WARNING lam.test: 3 replies")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a\r\n2026-11-25T00:00:00.000Z INFO lam: forged", r"a\r\n2026-11-25T00:00:00.000Z INFO lam: forged"),
        ("a\u2028b\u2029c\x85d\x0be\x0cf", r"a\u2028b\u2029c\x85d\x0be\x0cf"),
        ("gro.elpmaxe\u202e@ada\u2066", r"gro.elpmaxe\u202e@ada\u2066"),
        ("\x1b[31mred\x07\x00", r"\x1b[31mred\x07\x00"),
        ("zero\u200bwidth\ufeff", r"zero\u200bwidth\ufeff"),
        ("half \ud800 a pair", r"half \ud800 a pair"),
        ("Grüße, 世界 🦒", "Grüße, 世界 🦒"),
    ],
)
def test_what_strangers_write_stays_on_its_line_and_shows_itself(text: str, line: str) -> None:
    with log_to("lam.test") as (log, stream):
        log.warning("%s", text)
    assert stream.getvalue().rstrip("\n").split(": ", 1)[1] == line
    assert len(stream.getvalue().splitlines()) == 1


def test_no_line_of_a_traceback_looks_like_a_line_of_the_log() -> None:
    with log_to("lam.test") as (log, stream):
        try:
            raise ValueError("x\n2026-11-25T00:00:00.000Z CRITICAL lam: forged \u202e")
        except ValueError:
            log.exception("It failed")
    first, *rest = stream.getvalue().splitlines()
    assert LINE.fullmatch(first)
    assert rest
    assert all(line.startswith("    ") for line in rest)
    assert "\u202e" not in stream.getvalue()


async def test_gateway_web_server_and_worker_write_such_lines() -> None:
    """The programs themselves set it up: each in a process of its own, as `run` does."""
    import asyncio

    code = (
        "import logging, warnings; from lam import logs; logs.start();"
        "logging.getLogger('uvicorn.error').warning('from the web server'); logging.getLogger('lam.x').info('from us');"
        "logging.getLogger('other').info('not said'); warnings.warn('from Python', stacklevel=1)"
    )
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stderr=asyncio.subprocess.PIPE)
    _, err = await process.communicate()
    lines = err.decode().splitlines()
    assert len(lines) == 3, lines
    assert all(LINE.fullmatch(line) for line in lines), lines
