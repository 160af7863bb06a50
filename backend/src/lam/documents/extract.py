"""The child process: `python -I -m lam.documents.extract ENDING` reads a file on stdin and writes `{"text": …, "notices": […]}` or
`{"error": …}` to stdout.

ENDING is that of the file's name, empty without one; the bytes must agree with it. The limits are set before a byte is read;
exceeding one ends this process and nothing else. It imports only what this kind needs.

It must not trust a byte of the file, nor import the gateway.
"""

import io
import json
import logging
import sys
import zipfile
import zlib
from typing import Any, Final

from lam.child_process.child import limit
from lam.documents.kinds import ADVICE, family_named
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
from lam.protocol.places import is_blank
from lam.protocol.text import valid

_NAMES: Final = {
    "pdf": "a PDF",
    "docx": "a Word document",
    "xlsx": "an Excel workbook",
    "pptx": "a PowerPoint presentation",
    "odf": "an OpenDocument file",
    "epub": "a book (EPUB)",
    "rtf": "rich text (RTF)",
    "text": "plain text",
}
_PARTS: Final = (("word/", "docx"), ("xl/", "xlsx"), ("ppt/", "pptx"))  # where Office keeps the parts of a kind
_CFB: Final = bytes.fromhex("d0cf11e0a1b11ae1")  # compound files: Office before 2007, and anything encrypted by Office
_BEFORE_PDF: Final = b"\xef\xbb\xbf \t\r\n\0"  # some programs write these in front of one
_MACROS: Final = "vbaproject.bin"
_RENAMED: Final = frozenset({"doc", "dot", "xls", "ppt", "wps"})  # older endings, under which newer kinds travel too


def text_of(data: bytes, ending: str, notices: Notices) -> str:
    """Returns the text of a file whose name has this ending. Raises Refused."""
    named, advice = family_named(ending), ADVICE.get(ending)
    if data.startswith(_CFB) and (advice or ending == "docx"):
        raise Refused(*((UNSUPPORTED, advice) if advice else (ENCRYPTED, _protected("Word document", "docx"))))
    if advice and ending not in _RENAMED:
        raise Refused(UNSUPPORTED, advice)
    kind = kind_of(data)
    if named == "other":  # an ending that nobody listed: text is text; old names often hold newer kinds
        if kind == "text" and advice is None:
            named = "text"
        elif ending in _RENAMED and kind != "text":
            named = kind
        elif ending in _RENAMED and _is_html(data):  # what many programs call an Excel or Word file
            named = "html"
        else:
            raise Refused(UNSUPPORTED, advice)
    expected = "text" if named == "html" else named
    if named != "any" and kind != expected and not (kind == "rtf" and expected == "text"):
        raise Refused(DISGUISED, f"The file is named .{ending}, but it holds {_NAMES[kind]}.")
    if kind == "rtf" and expected == "text":
        kind = "text"  # the source of a rich text, as its name says
    text = _read(data, "html" if named == "html" else kind, notices)
    text = valid(text.replace("\r\n", "\n").replace("\r", "\n"))
    if is_blank(text):
        raise Refused(EMPTY)
    if len(text) > MOST_CHARACTERS:
        raise Refused(TOO_LARGE, f"The text has {len(text)} characters, and {MOST_CHARACTERS} are the most.")
    return text


def kind_of(data: bytes) -> str:
    """Returns one of the families of `kinds`, judged by the bytes; HTML counts as text. Raises Refused."""
    if not data.strip(b"\0 \t\r\n\x0c"):
        raise Refused(EMPTY, "The file is empty.")
    archive = zipfile.is_zipfile(io.BytesIO(data))
    if data[:1024].lstrip(_BEFORE_PDF).startswith(b"%PDF-"):
        if archive:
            raise Refused(DISGUISED, "The file is a PDF and a ZIP archive at the same time.")
        return "pdf"
    if data.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _kind_of_archive(data)
    if data.startswith(_CFB):
        raise Refused(ENCRYPTED, _protected("Office file", "docx, .xlsx or .pptx"))
    if archive or (b"%PDF-" in data[:1024] and b"startxref" in data[-2048:]):
        raise Refused(DISGUISED, "The file begins as one thing and goes on as another.")
    if data.startswith(b"{\\rtf"):
        return "rtf"
    if not is_plain(data):
        raise Refused(UNSUPPORTED)
    return "text"


def _protected(what: str, endings: str) -> str:
    return f"The file is a protected or an old {what}; save it as .{endings} without a password."


def _kind_of_archive(data: bytes) -> str:
    """Returns the kind of a ZIP archive by the names and the first bytes of its parts."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = archive.namelist()
            folded = {name.lstrip("/").casefold() for name in names}
            if "mimetype" in folded:
                entry = archive.getinfo(next(name for name in names if name.lstrip("/").casefold() == "mimetype"))
                mimetype = archive.read(entry)[:200] if entry.file_size < 1000 and not entry.flag_bits & 1 else b""
                if mimetype.startswith(b"application/vnd.oasis.opendocument."):
                    return "odf"
                if mimetype.startswith(b"application/epub+zip"):
                    return "epub"
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, OSError, EOFError, ValueError, KeyError) as error:
        raise Refused(BROKEN) from error
    if "meta-inf/container.xml" in folded:
        return "epub"
    if "[content_types].xml" in folded:
        return next((kind for folder, kind in _PARTS if any(name.startswith(folder) for name in folded)), "docx")
    raise Refused(UNSUPPORTED, "The file is a ZIP archive. Unpack it and send the files in it.")


def _is_html(data: bytes) -> bool:
    start = data[:2048].replace(b"\0", b"").lower()
    return b"<html" in start or b"<table" in start or b"<!doctype html" in start


def _read(data: bytes, kind: str, notices: Notices) -> str:
    if kind in ("docx", "xlsx", "pptx") and _MACROS in data[-65536:].decode("latin-1").casefold():  # the archive's directory
        notices.add("The macros of the file are left out.")
    if kind == "text" and data.startswith(b"<?xml"):
        from lam.documents.html import markup_of

        return markup_of(data, notices)
    if kind == "text":
        return plain_text(data, notices)
    if kind == "docx":
        from lam.documents.word import word_text

        return word_text(data, notices)
    if kind == "xlsx":
        from lam.documents.sheets import sheets_text

        return sheets_text(data, notices)
    if kind == "pptx":
        from lam.documents.slides import slides_text

        return slides_text(data, notices)
    if kind == "odf":
        from lam.documents.odf import odf_text

        return odf_text(data, notices)
    if kind == "epub":
        from lam.documents.epub import epub_text

        return epub_text(data, notices)
    if kind == "rtf":
        from lam.documents.rtf import rtf_text

        return rtf_text(data, notices)
    if kind == "html":
        from lam.documents.html import html_text

        return html_text(data, notices)
    from lam.documents.pdf import pdf_text

    return pdf_text(data, notices)


# The process


def main() -> None:
    limit(memory=MEMORY_BYTES, cpu_seconds=CPU_SECONDS)
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
