"""Text without a format: which bytes are text, and in which encoding. Adds a notice when it had to guess the encoding.

It knows no other format.
"""

import codecs
import re
import unicodedata
import warnings
from collections.abc import Sequence
from typing import Final

from lam.documents.limits import BROKEN, Notices, Refused

_BOMS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_NULS: Final = ("utf-32-le", "utf-32-be", "utf-16-le", "utf-16-be")  # encodings whose text may contain NULs
_SHIFTS: Final = re.compile(rb"\x1b(?:\$[@B()A]|\([BJI])")
_WIDE: Final = ("gb18030", "big5hkscs", "cp932", "euc-jp", "cp949", "utf-16-le", "utf-16-be")
_LATIN: Final = ("windows-1252", "windows-1250", "windows-1254", "windows-1257", "iso-8859-2")
_OTHER: Final = (
    "windows-1251",
    "koi8-r",
    "koi8-u",
    "ibm866",
    "windows-1253",
    "windows-1255",
    "windows-1256",
    "cp874",
    "iso-8859-5",
)
_BEYOND_ASCII: Final = re.compile(rb"[^\0\t\n\r -~]")
_WORD: Final = re.compile(rb"[A-Za-z\x80-\xff]*[\x80-\xff][A-Za-z\x80-\xff]*")
# In Windows-1252. One of these characters, or a sign within a word, means another encoding.
_IMPLAUSIBLE: Final = re.compile("[\x80-\x9f\ufffdÿŸˆ˜¤¦¬¯¸¹]|[A-Za-z][§¶†‡•™©®°±´¨«»¿¡¢£¥][a-z]")
# Thresholds for chardet's confidence, which is low for short texts even when right. Below these it was wrong in our tests.
_SURE_WIDE: Final = 0.04
_SURE_OTHER: Final = 0.1
_SURE_LATIN: Final = 0.03
_NAMES: Final = {f"cp{number}": f"Windows-{number}" for number in range(1250, 1259)} | {"cp932": "Shift-JIS", "cp949": "EUC-KR"}
_SAMPLE: Final = 64 << 10


def is_plain(data: bytes) -> bool:
    """Returns whether bytes are text in some encoding, rather than a program's file."""
    return _marked(data) is not None or b"\0" not in data or _with_nuls(data) is not None


def plain_text(data: bytes, notices: Notices) -> str:
    """Returns the text of bytes that pass `is_plain`. Raises Refused when the encoding is unclear."""
    encoding = _marked(data) or (_with_nuls(data) if b"\0" in data else None)
    if encoding is not None:
        return _decoded(data, encoding, notices)
    if _SHIFTS.search(data) and data.isascii():
        for encoding in ("iso2022_jp_ext", "iso2022_kr"):
            try:
                return data.decode(encoding)
            except UnicodeDecodeError:
                continue
    try:
        return data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        pass
    text = data.decode("utf-8", "replace")
    damaged, whole = text.count("\ufffd"), sum(character > "\x7f" for character in text)
    if whole > 10 * damaged:
        return _decoded(data, "utf-8", notices)
    if (encoding := _guess(data)) is None:
        raise Refused(BROKEN, "The encoding of the text is unclear; save it as UTF-8.")
    notices.add(
        f"The text was read as {_NAMES.get(encoding, encoding.upper())}. If letters look wrong, save it as UTF-8 and send it again."
    )
    return data.decode(encoding, "replace")


def _decoded(data: bytes, encoding: str, notices: Notices) -> str:
    text = data.decode(encoding, "replace")
    if damaged := text.count("\ufffd"):
        notices.add(f"{damaged} damaged {'character was' if damaged == 1 else 'characters were'} replaced by \ufffd.")
    return text


def _marked(data: bytes) -> str | None:
    return next((encoding for mark, encoding in _BOMS if data.startswith(mark)), None)


def _with_nuls(data: bytes) -> str | None:
    """Returns the encoding of text with NULs and without a mark: the one in which most of it is ASCII and nothing is odd."""
    if data.count(b"\0") < 0.4 * len(data) and not _BEYOND_ASCII.search(data):
        return None  # ASCII with some NULs: in UTF-16 every other byte would be one
    best: tuple[int, str] | None = None
    for encoding in _NULS:
        width = 4 if "32" in encoding else 2
        sample = data[: min(len(data), _SAMPLE) // width * width]
        try:
            text = sample.decode(encoding, "strict" if len(sample) == len(data) else "ignore")
        except UnicodeDecodeError:
            continue
        if text and not any(map(_is_odd, text)):
            ascii_ = sum(character < "\x7f" for character in text)
            if ascii_ and (best is None or ascii_ > best[0]):
                best = (ascii_, encoding)
    return None if best is None else best[1]


def _is_odd(character: str) -> bool:
    return character not in "\t\n\r\x0b\x0c" and unicodedata.category(character) in ("Cc", "Cn", "Co", "Cs")


def _guess(data: bytes) -> str | None:
    """Returns the encoding of non-ASCII bytes that are not UTF-8; None when it is unclear.

    Families of encodings are tried in order, because confidence cannot be compared across them.
    """
    sample = data[:_SAMPLE]
    wide, sure_wide = _detected(sample, _WIDE)
    other, sure_other = _detected(sample, _OTHER)
    words = _WORD.findall(sample)
    mixed = sum(any(byte < 0x80 for byte in word) for word in words)  # mixed with ASCII letters: not Russian, Greek or Hebrew
    if wide and sure_wide >= max(_SURE_WIDE, sure_other):
        return wide
    if other and sure_other >= _SURE_OTHER and 2 * mixed < len(words):
        return other
    if 3 * sum(byte >= 0x80 for byte in sample) > sum(byte >= 0x80 or chr(byte).isalpha() for byte in sample):
        return None
    latin, sure_latin = _detected(sample, _LATIN)
    if not latin or latin == "cp1252" or sure_latin < _SURE_LATIN:
        return None if _IMPLAUSIBLE.search(sample.decode("cp1252", "replace")) else "cp1252"
    return latin


def _detected(sample: bytes, encodings: Sequence[str]) -> tuple[str | None, float]:
    import chardet

    with warnings.catch_warnings(action="ignore", category=UserWarning):  # chardet warns when none of them fits
        answer = chardet.detect(sample, include_encodings=encodings, compat_names=False)
    return answer["encoding"], answer["confidence"] or 0
