"""The text of a PDF: what its pages draw, and after each page its form fields and notes.

It knows pypdf and no other format.
"""

import io
import logging
from collections.abc import Iterator
from typing import Any, Final

from pypdf import PasswordType, PdfReader, errors, overwrite_configuration

from lam.documents.limits import BROKEN, EMPTY, ENCRYPTED, INFLATED_BYTES, MOST_CHARACTERS, MOST_PAGES, TOO_LARGE, Notices, Refused
from lam.documents.pdf_form import Form, page_notes
from lam.protocol.places import mark

_UNREADABLE: Final = 0.1  # fraction of unreadable characters on a page that deserves a notice
_FOREIGN: Final = (ValueError, KeyError, IndexError, TypeError, AttributeError, AssertionError, OverflowError)

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


def pdf_text(data: bytes, notices: Notices) -> str:
    """Returns the text of a PDF that opens without a password. Raises Refused."""
    try:
        reader = PdfReader(io.BytesIO(data))
        _unlock(reader)
        count = len(reader.pages)
        if count > MOST_PAGES:
            raise Refused(TOO_LARGE, f"The document has {count} pages, and {MOST_PAGES} are the most.")
        if not count:
            raise Refused(EMPTY, "The document has no pages.")
        return _whole(reader, notices)
    except errors.LimitReachedError as error:
        raise Refused(TOO_LARGE) from error
    except errors.PyPdfError as error:
        raise Refused(BROKEN) from error
    except _FOREIGN as error:
        raise Refused(BROKEN) from error


def _unlock(reader: PdfReader) -> None:
    """Opens a PDF that is encrypted with an owner's password only, against changes: the user's password is empty."""
    if not reader.is_encrypted:
        return
    try:
        opened = reader.decrypt("")
    except (errors.DependencyError, NotImplementedError) as error:
        raise Refused(ENCRYPTED) from error
    if opened == PasswordType.NOT_DECRYPTED:
        raise Refused(ENCRYPTED)


class _LeftOut(logging.Handler):
    """Catches a limit of pypdf, which it reports only in its log: it stops reading after too many forms."""

    left_out = False

    def emit(self, record: logging.LogRecord) -> None:
        self.left_out |= "skipped" in record.getMessage()


def _whole(reader: PdfReader, notices: Notices) -> str:
    form = Form(reader)
    pages: list[str] = []
    pictures: list[int] = []  # numbers of the pages that contain nothing else
    for number, text, page in _pages(reader):
        lines = [*form.lines(page), *page_notes(page)]
        if not text.strip() and _has_picture(page):
            pictures.append(number)
        pages.append("\n".join([text, *lines] if text.strip() else lines) if lines else text)
    text = "\n\n".join(pages)
    if len(pages) > 1 and text.strip():
        text = "\n\n".join(f"{mark('page', number)}\n{page}".rstrip() for number, page in enumerate(pages, 1))
    if rest := form.rest():
        text = "\n\n".join([text, "\n".join(rest)]) if text else "\n".join(rest)
    if text.strip():
        _notice(reader, text, pictures, notices)
    elif pictures:
        raise Refused(EMPTY, "The pages are only pictures, as a scanner makes them; send it through text recognition (OCR) first.")
    return text


def _pages(reader: PdfReader) -> Iterator[tuple[int, str, Any]]:
    size = 0
    log = _LeftOut()
    logging.getLogger("pypdf").addHandler(log)
    for number, page in enumerate(reader.pages, 1):
        text = page.extract_text()
        size += len(text)
        if log.left_out:
            raise Refused(TOO_LARGE, "A page of the document draws too many parts.")
        if size > MOST_CHARACTERS:
            raise Refused(TOO_LARGE, f"The text has more than {MOST_CHARACTERS} characters.")
        yield number, text, page


def _notice(reader: PdfReader, text: str, pictures: list[int], notices: Notices) -> None:
    if pictures:
        notices.add(f"{_numbered('Page', pictures)} only pictures, whose text cannot be read.")
    if sum(map(_is_no_character, text)) > _UNREADABLE * len(text):
        notices.add("A font of the document does not say which characters it shows: parts of the text cannot be read.")
    if form_names := _attached(reader):
        notices.add(f"{form_names} attached to the document; only its pages are read.")


def _numbered(word: str, numbers: list[int]) -> str:
    """Returns `Page 3 holds` or `Pages 1 to 4, 9 hold`."""
    spans: list[list[int]] = []
    for number in numbers:
        if spans and spans[-1][1] == number - 1:
            spans[-1][1] = number
        else:
            spans.append([number, number])
    written = ", ".join(str(first) if first == last else f"{first} to {last}" for first, last in spans)
    return f"{word} {written} holds" if len(numbers) == 1 else f"{word}s {written} hold"


def _is_no_character(character: str) -> bool:
    return character == "\ufffd" or "\ue000" <= character <= "\uf8ff" or (character < " " and character not in "\t\n\r\f")


def _has_picture(page: Any) -> bool:
    resources = page.get("/Resources")
    objects = None if resources is None else resources.get_object().get("/XObject")
    drawn = {} if objects is None else objects.get_object()
    return any(each.get_object().get("/Subtype") in ("/Image", "/Form") for each in drawn.values())


def _attached(reader: PdfReader) -> str:
    count = len(list(reader.attachment_list))
    return "" if count == 0 else "One file is" if count == 1 else f"{count} files are"
