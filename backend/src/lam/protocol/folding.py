"""Folds text for search: letters that readers consider the same become the same. Pure; it knows no database and no language.

Folding works character by character, so that every folded character belongs to one original character. It removes case,
compatibility forms (full width, ligatures, half-width kana), accents and points (Latin, Greek, Cyrillic, Hebrew, Arabic), and
characters without width. Digits become ASCII digits, katakana becomes hiragana, and precomposed Hangul becomes letters. Vowel signs
of the scripts of India and South East Asia stay, because they are letters there.
"""

import re
import unicodedata
from bisect import bisect_right
from typing import Final

# Letters that Unicode does not decompose, and signs that people type for one another.
_LIKE: Final = {
    **dict.fromkeys("’‘‛ʼʻʹʽʾʿ′´‵׳ꞌ＇", "'"),
    **dict.fromkeys("”“„‟″״＂", '"'),
    **dict.fromkeys("−⁃", "-"),
    "æ": "ae", "œ": "oe", "ı": "i", "þ": "th", "ð": "d", "ĸ": "k",
    "ٱ": "ا", "ى": "ي", "ی": "ي", "ې": "ي", "ک": "ك", "ڪ": "ك", "ہ": "ه", "ۀ": "ه", "ة": "ه", "ە": "ه",
    "゛": "\u3099", "゜": "\u309a",
}  # fmt: skip
_STROKED: Final = re.compile("LATIN SMALL LETTER ([A-Z]) WITH ")
# Accents and points. Other marks belong to the spelling: the voicing of kana, the vowels of Thai and Devanagari.
_POINTS: Final = re.compile(
    "[\u0300-\u036f\u0483-\u0489\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06ed\u0711\u0730-\u074a\u0898-\u08ff"
    "\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe00-\ufe0f\ufe20-\ufe2f\U000e0100-\U000e01ef]"
)
_NO_WIDTH: Final = "\u0640\u034f\u115f\u1160\u3164\uffa0\u180b\u180c\u180d\u180f"  # tatweel, joiners and fillers that are not in Cf
_STEP: Final = 1024


class _Table(dict[int, str]):
    """The folded form of each character, filled on first use."""

    def __missing__(self, code: int) -> str:
        self[code] = folded = _fold_one(chr(code))
        return folded


def fold(text: str) -> str:
    """Returns the folded text. Its length may differ; `origins` maps it back."""
    return text.lower() if text.isascii() else text.translate(_TABLE)


def origins(text: str) -> list[int]:
    """Returns, for each character of `fold(text)`, the index of its original in `text`; at the end the text's length."""
    if text.isascii():
        return list(range(len(text) + 1))
    places = [place for place, character in enumerate(text) for _ in _TABLE[ord(character)]]
    places.append(len(text))
    return places


def origin(text: str, at: int) -> int:
    """Returns the index in `text` of the original of `fold(text)[at]`. Fast in long texts."""
    if text.isascii():
        return at
    ends = [0]
    for start in range(0, len(text), _STEP):
        ends.append(ends[-1] + len(fold(text[start : start + _STEP])))
        if ends[-1] > at:
            break
    step = bisect_right(ends, at) - 1
    start = step * _STEP
    return start + origins(text[start : start + _STEP])[at - ends[step]]


def _fold_one(character: str) -> str:
    if character in _LIKE:
        return _LIKE[character]
    category = unicodedata.category(character)
    if category == "Cf" or character in _NO_WIDTH or _POINTS.match(character):
        return ""
    if category == "Nd":
        return str(unicodedata.decimal(character))
    if category == "Pd":
        return "-"
    plain = unicodedata.normalize("NFKD", character)
    if plain[0] == " " and category != "Zs":
        return character  # an accent on its own
    # remove points first: casefold would turn a Greek one into a letter
    plain = unicodedata.normalize("NFKD", _POINTS.sub("", plain).casefold())
    return "".join(_plain_letter(letter) for letter in plain)


def _plain_letter(letter: str) -> str:
    if letter in _LIKE:
        return _LIKE[letter]
    if _POINTS.match(letter) or letter in _NO_WIDTH:
        return ""
    if "ァ" <= letter <= "ヶ" or letter in "ヽヾ":
        return chr(ord(letter) - 0x60)
    if letter > "\x7f" and (stroked := _STROKED.match(unicodedata.name(letter, ""))):
        return stroked[1].lower()
    return letter


_TABLE: Final = _Table()
