"""The text of a file in Rich Text Format, by striprtf. It names what that leaves out."""

import re
from typing import Final

from striprtf.striprtf import rtf_to_text

from lam.documents.limits import BROKEN, Notices, Refused

OPENING: Final = b"{\\rtf"
_DATA: Final = re.compile(r"(\\(?:pict|objdata|themedata|datastore)\b.{0,4000}?[\s}])[0-9a-fA-F\s]{256,}", re.DOTALL)
_LEFT_OUT: Final = {
    r"\\(?:footnote|endnote)\b": "The footnotes are left out.",
    r"\\(?:header|footer)[lrf]?\b": "Headers and footers are left out.",
    r"\\pict\b": "Pictures are left out: only text is read.",
    r"\\object\b": "Embedded objects are left out: only text is read.",
}


def rtf_text(data: bytes, notices: Notices) -> str:
    """Returns the text of an .rtf file. Raises Refused."""
    source = _DATA.sub(r"\1", data.decode("latin-1"))  # pictures as digits: striprtf would take seconds for each megabyte
    try:
        text = str(rtf_to_text(source, errors="replace"))  # type: ignore[no-untyped-call]  # the library has types for its other functions only
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, LookupError, OverflowError) as error:
        raise Refused(BROKEN) from error
    for code, sentence in _LEFT_OUT.items():
        if re.search(code, source):
            notices.add(sentence)
    return re.sub(r"\|$", "", text, flags=re.MULTILINE).replace("|", " | ") if "\\cell" in source else text
