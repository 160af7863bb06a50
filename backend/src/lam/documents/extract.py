"""The child: `python -I -m lam.documents.extract KIND` reads a file on stdin and writes `{"text": …}` or `{"error": …}` to stdout.

KIND is what the file's name says: pdf, docx, txt, md, or `any`. The limits are set before a byte is read; what runs into them ends
this process and nothing else. Imports only what the kind at hand needs.
"""

import codecs
import contextlib
import io
import json
import logging
import sys
import zipfile
from collections.abc import Iterator
from typing import Any, Final
from xml.parsers import expat

from lam.protocol.text import valid

MEMORY_BYTES: Final = 512 << 20
CPU_SECONDS: Final = 10
MOST_PAGES: Final = 1000
MOST_PARTS: Final = 2000
INFLATED_BYTES: Final = 64 << 20  # of a file inside an archive, of all of them together, and of a stream of a PDF
XML_BYTES: Final = 16 << 20
MOST_CHARACTERS: Final = 1_000_000

UNSUPPORTED: Final = "document_unsupported"
DISGUISED: Final = "document_disguised"
ENCRYPTED: Final = "document_encrypted"
EMPTY: Final = "document_empty"
BROKEN: Final = "document_broken"
TOO_LARGE: Final = "document_too_large"

_NAMES: Final = {"pdf": "a PDF", "docx": "a Word document", "text": "plain text"}
_CFB: Final = bytes.fromhex("d0cf11e0a1b11ae1")  # compound files: Word before 2007, and whatever Office has encrypted
_BOMS: Final = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


class Refused(Exception):
    """Why there is no text to be had; `code` is one of those above."""

    def __init__(self, code: str, message: str | None = None) -> None:
        super().__init__(message or code)
        self.code = code
        self.message = message


def text_of(data: bytes, named: str) -> str:
    """The text of a file whose name says `named`. Raises Refused."""
    kind = kind_of(data)
    if named != "any" and kind != ("text" if named in ("txt", "md") else named):
        raise Refused(DISGUISED, f"The file is named .{named}, but it holds {_NAMES[kind]}.")
    text = {"pdf": _pdf, "docx": _docx, "text": _plain}[kind](data)
    text = valid(text.replace("\r\n", "\n").replace("\r", "\n"))
    if not text.strip():
        raise Refused(EMPTY)
    if len(text) > MOST_CHARACTERS:
        raise Refused(TOO_LARGE, f"The text has {len(text)} characters, and {MOST_CHARACTERS} are the most.")
    return text


def kind_of(data: bytes) -> str:
    """pdf, docx or text, by what the bytes are. Raises Refused."""
    if not data.strip(b"\0 \t\r\n\x0c"):
        raise Refused(EMPTY, "The file is empty.")
    archive = zipfile.is_zipfile(io.BytesIO(data))
    if data.startswith(b"%PDF-"):
        if archive:
            raise Refused(DISGUISED, "The file is a PDF and a ZIP archive at the same time.")
        return "pdf"
    if data.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return "docx"
    if data.startswith(_CFB):
        raise Refused(ENCRYPTED, "The file is a protected or an old Word document; save it as .docx without a password.")
    if archive or (b"%PDF-" in data[:1024] and b"startxref" in data[-2048:]):
        raise Refused(DISGUISED, "The file begins as one thing and goes on as another.")
    if not any(data.startswith(mark) for mark, _ in _BOMS) and b"\0" in data:
        raise Refused(UNSUPPORTED)
    return "text"


def _plain(data: bytes) -> str:
    encoding = next((name for mark, name in _BOMS if data.startswith(mark)), "utf-8")
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise Refused(BROKEN, "The text is neither UTF-8 nor UTF-16; save it as UTF-8.") from error


# PDF


def _pdf(data: bytes) -> str:
    from pypdf import PdfReader, errors, overwrite_configuration

    overwrite_configuration(
        disable_legacy_handling=True,
        jbig2dec_binary=None,
        maximum_declared_stream_length=INFLATED_BYTES,
        array_based_stream_maximum_output_length=INFLATED_BYTES,
        lzw_maximum_output_length=INFLATED_BYTES,
        run_length_maximum_output_length=INFLATED_BYTES,
        zlib_maximum_output_length=INFLATED_BYTES,
        page_tree_maximum_entries=10 * MOST_PAGES,
    )
    try:
        reader = PdfReader(io.BytesIO(data))
        if reader.is_encrypted:
            raise Refused(ENCRYPTED)
        count = len(reader.pages)
        if count > MOST_PAGES:
            raise Refused(TOO_LARGE, f"The document has {count} pages, and {MOST_PAGES} are the most.")
        if not count:
            raise Refused(EMPTY, "The document has no pages.")
        return "\n\n".join(_pages(reader))
    except errors.LimitReachedError as error:
        raise Refused(TOO_LARGE) from error
    except (errors.PyPdfError, ValueError, KeyError, IndexError, TypeError, AttributeError, AssertionError, OverflowError) as error:
        raise Refused(BROKEN) from error


class _LeftOut(logging.Handler):
    """pypdf says only in its log that it read no further, having drawn too many forms."""

    left_out = False

    def emit(self, record: logging.LogRecord) -> None:
        self.left_out |= "skipped" in record.getMessage()


def _pages(reader: Any) -> Iterator[str]:
    size = 0
    log = _LeftOut()
    logging.getLogger("pypdf").addHandler(log)
    for page in reader.pages:
        text = page.extract_text()
        size += len(text)
        if log.left_out:
            raise Refused(TOO_LARGE, "A page of the document draws too many parts.")
        if size > MOST_CHARACTERS:
            raise Refused(TOO_LARGE, f"The text has more than {MOST_CHARACTERS} characters.")
        yield text


# Word


def _docx(data: bytes) -> str:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            _check_archive(archive, len(data))
    except (zipfile.BadZipFile, NotImplementedError, OSError, EOFError, ValueError, KeyError) as error:
        raise Refused(BROKEN) from error
    from docx import Document
    from docx.opc.exceptions import OpcError
    from docx.table import Table
    from lxml.etree import LxmlError  # type: ignore[import-untyped]  # only the name of its errors is needed

    def blocks(container: Any) -> Iterator[str]:
        for block in container.iter_inner_content():
            if isinstance(block, Table):
                for row in block.rows:
                    cells = {id(cell._tc): cell for cell in row.cells}  # merged ones are given once for each column
                    yield " | ".join(" ".join(blocks(cell)).strip() for cell in cells.values())
            else:
                yield block.text

    try:
        return "\n".join(blocks(Document(io.BytesIO(data))))
    except (OpcError, LxmlError, zipfile.BadZipFile, ValueError, KeyError, IndexError, AttributeError, TypeError, OSError) as error:
        raise Refused(BROKEN) from error


def _check_archive(archive: zipfile.ZipFile, size: int) -> None:
    """An archive is opened only when it is a Word document of bearable size, with parts that lie one after the other.

    The sizes it declares are limits: more than that is never inflated.
    """
    entries = archive.infolist()
    names = {entry.filename for entry in entries}
    if not {"[Content_Types].xml", "word/document.xml"} <= names:
        raise Refused(UNSUPPORTED, "The file is an archive, but no Word document.")
    if len(entries) > MOST_PARTS or len(names) < len(entries):
        raise Refused(BROKEN, "The Word document holds too many parts, or the same one twice.")
    if any(entry.flag_bits & 1 for entry in entries):
        raise Refused(ENCRYPTED)
    if sum(entry.file_size for entry in entries) > INFLATED_BYTES:
        raise Refused(TOO_LARGE, f"Unpacked, the Word document would hold more than {INFLATED_BYTES >> 20} MiB.")
    ends = 0
    for entry in sorted(entries, key=lambda entry: entry.header_offset):
        if entry.header_offset < ends or entry.header_offset + entry.compress_size > size:
            raise Refused(BROKEN, "Parts of the Word document overlap.")
        ends = entry.header_offset + 30 + len(entry.orig_filename.encode("utf-8", "replace")) + entry.compress_size
    for entry in entries:
        if entry.filename.endswith((".xml", ".rels")):
            if entry.file_size > XML_BYTES:
                raise Refused(TOO_LARGE)
            _check_xml(archive.read(entry))


def _check_xml(data: bytes) -> None:
    """A part of a Word document declares no entities (ECMA-376, part 2): those that do are bombs."""

    def refuse(*_: object) -> None:
        raise Refused(BROKEN, "The Word document declares entities, which no Word document may.")

    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        raise Refused(BROKEN) from error


# The process


def _limit() -> None:
    with contextlib.suppress(ImportError):  # Windows has none of this; the parent's clock is what is left
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
        resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS + 1))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
        resource.setrlimit(resource.RLIMIT_NOFILE, (32, 32))


def main() -> None:
    _limit()
    logging.lastResort = None
    answer: dict[str, Any]
    try:
        answer = {"text": text_of(sys.stdin.buffer.read(), sys.argv[1])}
    except Refused as refused:
        answer = {"error": refused.code, "message": refused.message}
    except MemoryError:
        answer = {"error": TOO_LARGE, "message": None}
    except RecursionError:
        answer = {"error": BROKEN, "message": None}
    sys.stdout.buffer.write(json.dumps(answer).encode("ascii"))


if __name__ == "__main__":
    main()
