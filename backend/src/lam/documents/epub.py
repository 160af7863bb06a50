"""The text of an EPUB book: its chapters in reading order.

It reads pages as HTML and must not follow their links.
"""

import posixpath
from collections.abc import Iterator
from typing import Final
from urllib.parse import unquote

from lam.documents.archive import DAMAGE, Archive
from lam.documents.html import html_lines, markup_of
from lam.documents.limits import BROKEN, ENCRYPTED, MOST_CHARACTERS, TOO_LARGE, Notices, Refused
from lam.documents.xml_names import attribute, child, name_of
from lam.protocol.places import mark

MIMETYPE: Final = b"application/epub+zip"
_PAGES: Final = ("application/xhtml+xml", "text/html", "application/html")


def epub_text(data: bytes, notices: Notices) -> str:
    """Returns the text of an .epub file. Raises Refused."""
    try:
        return "\n".join(_lines(Archive(data), notices))
    except DAMAGE as error:
        raise Refused(BROKEN) from error


def _lines(archive: Archive, notices: Notices) -> Iterator[str]:
    container = archive.xml("META-INF/container.xml", doctype=True)
    roots = [attribute(each, "full-path") or "" for each in container.iter() if name_of(each) == "container:rootfile"]
    package = next((root for root in roots if root in archive), "")
    book = archive.xml(package, doctype=True)
    items = {attribute(each, "id"): each for each in book.iter() if name_of(each) == "opf:item"}
    order = [items.get(attribute(each, "idref")) for each in book.iter() if name_of(each) == "opf:itemref"]
    pages = [
        posixpath.normpath(posixpath.join(posixpath.dirname(package), unquote(attribute(item, "href") or "")))
        for item in order
        if item is not None and attribute(item, "media-type") in _PAGES
    ]
    if locked := _encrypted(archive):
        pages_locked = [page for page in pages if page in locked]
        if pages_locked:
            raise Refused(ENCRYPTED, "The book is protected against copying (DRM) and cannot be read here.")
    title = child(book, "opf:metadata", "dc:title")
    if title is not None and title.text:
        yield title.text.strip()
    number = size = 0
    for page in dict.fromkeys(pages):
        lines = html_lines(markup_of(archive.data(page), notices))
        size += sum(map(len, lines))
        if size > MOST_CHARACTERS:
            raise Refused(TOO_LARGE, f"The book has more than {MOST_CHARACTERS} characters; send a part of it.")
        if any(lines):
            number += 1
            yield mark("chapter", number)
            yield from lines
    if not number:
        raise Refused(BROKEN, "No chapter of the book can be found.")


def _encrypted(archive: Archive) -> set[str]:
    """Returns the names of parts that are encrypted. Many free books encrypt their fonts, which nobody needs to read."""
    root = archive.xml("META-INF/encryption.xml", doctype=True)
    return {unquote(attribute(each, "URI") or "") for each in root.iter() if name_of(each).endswith("CipherReference")}
