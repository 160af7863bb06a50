"""The child process: `python -I -m lam.documents.extract KIND` reads a file on stdin and writes `{"text": …, "notices": […]}` or
`{"error": …}` to stdout.

KIND comes from the file's name: pdf, docx, txt, md, or `any`. The limits are set before a byte is read; exceeding one ends this
process and nothing else. It imports only what this kind needs.

It must not trust a byte of the file, nor import the gateway.
"""

import contextlib
import io
import json
import logging
import sys
import zipfile
from typing import Any, Final

from lam.documents.limits import (
    BROKEN,
    CPU_SECONDS,
    DISGUISED,
    EMPTY,
    ENCRYPTED,
    MEMORY_BYTES,
    MOST_CHARACTERS,
    TOO_LARGE,
    UNSUPPORTED,
    Notices,
    Refused,
)
from lam.documents.plain import is_plain, plain_text
from lam.protocol.text import valid

_NAMES: Final = {"pdf": "a PDF", "docx": "a Word document", "text": "plain text"}
_CFB: Final = bytes.fromhex("d0cf11e0a1b11ae1")  # compound files: Word before 2007, and anything encrypted by Office
_BEFORE_PDF: Final = b"\xef\xbb\xbf \t\r\n\0"  # some programs write these in front of one


def text_of(data: bytes, named: str, notices: Notices) -> str:
    """Returns the text of a file whose name says `named`. Raises Refused."""
    kind = kind_of(data)
    if named != "any" and kind != ("text" if named in ("txt", "md") else named):
        raise Refused(DISGUISED, f"The file is named .{named}, but it holds {_NAMES[kind]}.")
    text = _read(data, kind, notices)
    text = valid(text.replace("\r\n", "\n").replace("\r", "\n"))
    if not text.strip():
        raise Refused(EMPTY)
    if len(text) > MOST_CHARACTERS:
        raise Refused(TOO_LARGE, f"The text has {len(text)} characters, and {MOST_CHARACTERS} are the most.")
    return text


def kind_of(data: bytes) -> str:
    """Returns pdf, docx or text, judged by the bytes. Raises Refused."""
    if not data.strip(b"\0 \t\r\n\x0c"):
        raise Refused(EMPTY, "The file is empty.")
    archive = zipfile.is_zipfile(io.BytesIO(data))
    if data[:1024].lstrip(_BEFORE_PDF).startswith(b"%PDF-"):
        if archive:
            raise Refused(DISGUISED, "The file is a PDF and a ZIP archive at the same time.")
        return "pdf"
    if data.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return "docx"
    if data.startswith(_CFB):
        raise Refused(ENCRYPTED, "The file is a protected or an old Word document; save it as .docx without a password.")
    if archive or (b"%PDF-" in data[:1024] and b"startxref" in data[-2048:]):
        raise Refused(DISGUISED, "The file begins as one thing and goes on as another.")
    if not is_plain(data):
        raise Refused(UNSUPPORTED)
    return "text"


def _read(data: bytes, kind: str, notices: Notices) -> str:
    if kind == "text":
        return plain_text(data, notices)
    if kind == "docx":
        from lam.documents.word import word_text

        return word_text(data, notices)
    from lam.documents.pdf import pdf_text

    return pdf_text(data, notices)


# The process


def _limit() -> None:
    with contextlib.suppress(ImportError):  # Windows has none of this; the parent's time limit remains
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
        resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS + 1))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
        resource.setrlimit(resource.RLIMIT_NOFILE, (32, 32))


def main() -> None:
    _limit()
    logging.lastResort = None
    notices = Notices()
    answer: dict[str, Any]
    try:
        answer = {"text": text_of(sys.stdin.buffer.read(), sys.argv[1], notices), "notices": notices}
    except Refused as refused:
        answer = {"error": refused.code, "message": refused.message}
    except MemoryError:
        answer = {"error": TOO_LARGE, "message": None}
    except RecursionError:
        answer = {"error": BROKEN, "message": None}
    sys.stdout.buffer.write(json.dumps(answer).encode("ascii"))


if __name__ == "__main__":
    main()
