"""The log: one line each on stderr, `2026-11-25T18:30:00.123Z WARNING lam.module: what happened`.

A line may contain a stranger's text, so no text can begin another line or reverse its letters: control and format characters are
escaped, and the lines of a traceback are indented.
"""

import logging
import sys
from datetime import UTC, datetime
from typing import Final

_ESCAPES: Final = str.maketrans({"\n": "\\n", "\r": "\\r", "\t": "\\t"})


def start() -> None:
    """Starts the log of a program: our own lines from INFO, other libraries' from WARNING."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(LineFormatter())
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    logging.getLogger("lam").setLevel(logging.INFO)
    logging.captureWarnings(True)


class LineFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        line = f"{moment} {record.levelname} {record.name}: {escaped(record.getMessage())}"
        more = [self.formatException(record.exc_info)] if record.exc_info else []
        if record.stack_info:
            more.append(record.stack_info)
        return "\n".join((line, *(f"    {escaped(part)}" for text in more for part in text.split("\n"))))


def escaped(text: str) -> str:
    """Returns the text on one line, with invisible characters as `\\u202e`."""
    if text.isascii() and text.isprintable():
        return text
    text = text.translate(_ESCAPES)
    return "".join(c if c.isprintable() or c == " " else c.encode("unicode_escape").decode("ascii") for c in text)
