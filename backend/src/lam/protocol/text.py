"""Makes text valid where it enters, so that encoders, databases and JSON readers all accept it. Pure."""

import codecs
import re

import regex

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
_INVALID = re.compile("[\x00\ud800-\udfff]")
_ESCAPE = re.compile(rb"\\(?:u[dD][89abAB]..\\u[dD][c-fC-F]..|(u[dD][89a-fA-F]..)|.)", re.DOTALL)
_LONGEST_EMOJI = 16
_EMOJI = regex.compile(r"\p{Emoji_Presentation}|\p{Emoji}\ufe0f|[#*0-9]\ufe0f?\u20e3")
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def valid(text: str) -> str:
    """Returns the text with NUL and lone surrogates replaced by U+FFFD; surrogate pairs in two halves are joined."""
    if text.isascii():
        return text.replace("\x00", REPLACEMENT) if "\x00" in text else text
    if not _INVALID.search(text):
        return text
    joined = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return joined.replace("\x00", REPLACEMENT)


def valid_json(data: bytes) -> bytes:
    """Returns JSON for strict readers: UTF-8 without a byte order mark, with U+FFFD for escaped lone surrogates.

    Raises UnicodeDecodeError for bytes that are neither UTF-8 nor marked as UTF-16.
    """
    if data.startswith(_UTF16):
        data = valid(data.decode("utf-16")).encode()
    data = data.removeprefix(codecs.BOM_UTF8)
    if b"\\ud" in data or b"\\uD" in data:
        data = _ESCAPE.sub(lambda escape: b"\\ufffd" if escape[1] else escape[0], data)
    try:
        data.decode()
    except UnicodeDecodeError:
        data = valid(data.decode("utf-8", "surrogatepass")).encode()
    return data


def is_emoji(text: str) -> bool:
    """Returns whether the text is one emoji, as people see it."""
    return len(text) <= _LONGEST_EMOJI and regex.fullmatch(r"\X", text) is not None and _EMOJI.match(text) is not None


def utf16_length(text: str) -> int:
    """Returns the length in UTF-16 code units: JavaScript's `length`."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le")) // 2


def utf16_prefix(text: str, units: int) -> str:
    """Returns the longest prefix of up to `units` UTF-16 code units (JavaScript's `length`), without splitting a character."""
    if text.isascii():
        return text[:units]
    return text.encode("utf-16-le")[: 2 * units].decode("utf-16-le", "ignore")
