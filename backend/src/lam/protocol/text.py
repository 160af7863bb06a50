"""Text made valid where it enters: what encoders, databases and JSON readers all accept."""

import re

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
_INVALID = re.compile("[\x00\ud800-\udfff]")


def valid(text: str) -> str:
    """The same text with NUL and lone surrogates replaced by U+FFFD; surrogate pairs written as two halves are joined."""
    if text.isascii():
        return text.replace("\x00", REPLACEMENT) if "\x00" in text else text
    if not _INVALID.search(text):
        return text
    joined = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return joined.replace("\x00", REPLACEMENT)


def utf16_length(text: str) -> int:
    """UTF-16 code units of the text: JavaScript's `length`."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le")) // 2


def utf16_prefix(text: str, units: int) -> str:
    """The longest prefix of at most `units` UTF-16 code units (JavaScript's `length`), rounded down to a whole character."""
    if text.isascii():
        return text[:units]
    return text.encode("utf-16-le")[: 2 * units].decode("utf-16-le", "ignore")
