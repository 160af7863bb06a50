"""Classes of characters and words as `sentences` tells them apart: letters, stops, quotes, pictures. Pure.

`frontend/src/protocol/signs.ts` does the same.
"""

import unicodedata
from typing import Final

SPACES: Final = (
    " \t\r\v\f\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
)
UNSEEN: Final = "\u00ad\u200b\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufe0e\ufe0f\ufeff"
WIDE_STOPS: Final = "。！？｡।॥۔։።။។"
FIRM_STOPS: Final = "!?؟…‼⁇⁈⁉;"
_CLOSERS: Final = "”’'»)]）】」』》〉〕｝}›"

# Where several stops stand together, the strongest decides.
STRENGTH: Final = ("dot", "more", "firm", "wide")


def kind_of(stop: str) -> str:
    if stop == ".":
        return "dot"
    if stop == "…":
        return "more"
    return "wide" if stop in WIDE_STOPS else "firm"


def last_word(text: str) -> str:
    """The word that a text ends with. Letters with dots between them are one: `e.g`, `z. B`."""
    start = len(text)
    while start > 0 and (is_letter_or_digit(text[start - 1]) or is_mark(text[start - 1])):
        start -= 1
    word = text[start:]
    if not is_initial(word):
        return word
    while True:
        end = len(text[:start].rstrip(" \u00a0"))
        if end == 0 or text[end - 1] != ".":
            return word
        earlier = end - 1
        while earlier > 0 and (is_letter(text[earlier - 1]) or is_mark(text[earlier - 1])):
            earlier -= 1
        if not is_initial(text[earlier : end - 1]):
            is_joined = end == start and 0 < end - 1 - earlier <= 2  # `Ph.D`
            return f"{text[earlier : end - 1]}.{word}" if is_joined else word
        word = f"{text[earlier : end - 1]}.{word}"
        start = earlier


def is_initial(word: str) -> bool:
    """One letter, in a script that writes words with several. In India a letter with a vowel is a word."""
    if word == "" or not is_letter(word[0]) or is_wide(word[0]):
        return False
    return len(word) == 1 or (not "\u0900" <= word[0] <= "\u0dff" and all(map(is_mark, word[1:])))


def closes(sign: str, said: str) -> bool:
    """Whether a sign closes a quote or a bracket. Some open one in one language and close it in another."""
    if sign == '"':
        return said.count('"') % 2 == 1
    if sign == "“":
        return is_open(said, "„", "“")
    if sign == "«":
        return is_open(said, "»", "«")
    return sign in _CLOSERS


def is_open(said: str, opening: str, closing: str) -> bool:
    return said.count(opening) > said.count(closing)


def is_letter(sign: str) -> bool:
    return sign != "" and unicodedata.category(sign)[0] == "L"


def is_mark(sign: str) -> bool:
    return sign != "" and unicodedata.category(sign)[0] == "M"


def is_digit(sign: str) -> bool:
    return sign != "" and unicodedata.category(sign) == "Nd"


def is_letter_or_digit(sign: str) -> bool:
    return sign != "" and unicodedata.category(sign)[0] in "LN"


def is_word(sign: str) -> bool:
    """Part of a word in ASCII: scripts without spaces put a formula or an address right behind a word."""
    return sign == "_" or (sign.isascii() and sign.isalnum())


def is_lower(sign: str) -> bool:
    return sign != "" and unicodedata.category(sign) == "Ll"


def is_upper(sign: str) -> bool:
    return sign != "" and unicodedata.category(sign) in ("Lu", "Lt")


def is_wide(sign: str) -> bool:
    """Chinese, Japanese or Korean: two columns wide, and a word without spaces around it may be one letter."""
    return (
        "\u1100" <= sign <= "\u115f"
        or "\u2e80" <= sign <= "\ua4cf"
        or "\uac00" <= sign <= "\ud7a3"
        or "\uf900" <= sign <= "\ufaff"
        or "\ufe30" <= sign <= "\ufe6f"
        or "\uff00" <= sign <= "\uff60"
        or "\U00020000" <= sign <= "\U0003fffd"
    )


def has_no_stops(sign: str) -> bool:
    """Thai or Lao, which end sentences by a space, or Khmer."""
    return "\u0e00" <= sign <= "\u0eff" or "\u1780" <= sign <= "\u17ff"


def is_picture(sign: str) -> bool:
    """Emoji and their like, which nobody reads aloud."""
    return (
        "\U0001f000" <= sign <= "\U0001faff"
        or "\u2600" <= sign <= "\u27bf"
        or sign == "\u20e3"
        or "\u2b00" <= sign <= "\u2bff"
        or "\U000e0020" <= sign <= "\U000e007f"
    )
