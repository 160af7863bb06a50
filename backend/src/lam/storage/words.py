"""The words of a text, as the search index stores them and as a query looks them up. Pure: no database.

A folded text is cut into runs: Latin letters and digits; letters of other scripts that separate words; scripts that do not (Han,
kana, Thai, Khmer …); Hangul, whose words are compounds; signs. So a word ends where the script changes: `gpu` is a word of
使用GPU训练. The first two kinds are indexed as whole words and match from their beginning. The others are indexed as pairs of
characters or syllables and match anywhere.

The index only has to lead to every matching message; `pattern` decides.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Final

import regex
from msgspec import Struct

from lam.protocol.folding import fold

LONGEST_WORD: Final = 64  # characters of a word in the index
MOST_BYTES: Final = 1_000_000  # of the words of one message: a tsvector takes less than a mebibyte
MOST_TERMS: Final = 10

_LATIN: Final = r"0-9a-z\p{Latin}"
_UNSPACED: Final = (
    "\u0e00-\u0fff\u1000-\u109f\u1780-\u17ff\u1950-\u19ff\u1a20-\u1aaf\u1b00-\u1b7f\u3005-\u3007\u3041-\u312f\u31a0-\u31bf"
    "\u31f0-\u31ff\u3400-\u4dbf\u4e00-\ua48f\ua980-\ua9ff\uaa60-\uaa7f\uf900-\ufaff\U0001aff0-\U0001b16f\U00020000-\U0003ffff"
)
_INITIAL: Final = "\u1100-\u115f\ua960-\ua97f"
_VOWEL: Final = "\u1160-\u11a7\ud7b0-\ud7ca"
_FINAL: Final = "\u11a8-\u11ff\ud7cb-\ud7ff"
_HANGUL: Final = f"{_INITIAL}{_VOWEL}{_FINAL}"
_UNSPACED_LETTERS: Final = rf"[[{_UNSPACED}]&&[\p{{L}}\p{{M}}\p{{N}}]]"
_LETTERS: Final = rf"[[\p{{L}}\p{{M}}\p{{N}}]--[{_LATIN}{_UNSPACED}{_HANGUL}]]"
_SPACED: Final = rf"[{_LATIN}]+|{_LETTERS}+"
_CONTROLS: Final = r"\x00-\x1f\x7f-\x9f"
_SIGNS: Final = rf"[^\s\p{{L}}\p{{M}}\p{{N}}{_CONTROLS}]"
_JOINS: Final = "['\"._-]"
_PROSE: Final = r"[\p{P}--[#@%&*\\]]"  # punctuation that a search ignores


def _compiled(pattern: str) -> regex.Pattern[str]:
    return regex.compile(pattern, regex.VERSION1)


_RUNS: Final = _compiled(
    rf"(?P<latin>[{_LATIN}]+)|(?P<letters>{_LETTERS}+)|(?P<unspaced>{_UNSPACED_LETTERS}+)|(?P<hangul>[{_HANGUL}]+)|(?P<signs>{_SIGNS}+)"
)
_WORDS: Final = _compiled(_SPACED)
_JOIN: Final = re.compile(rf"{_JOINS}(?=\S)(?<=\S.)")
_ASCII_WORDS: Final = re.compile("[0-9a-z]+")
_PAIRED: Final = _compiled(rf"{_UNSPACED_LETTERS}+|[{_HANGUL}]+|{_SIGNS}+")
_ANY_HANGUL: Final = re.compile(f"[{_HANGUL}]")
_ANY_INITIAL: Final = re.compile(f"[{_INITIAL}]")
_SYLLABLE: Final = re.compile(f"[{_INITIAL}][{_VOWEL}]|[{_INITIAL}{_VOWEL}]|^[{_FINAL}]")
_ASCII_SIGNS: Final = re.compile(r"[!-/:-@\[-`\{-\~]+")
_JOINED: Final = _compiled(rf"(?:[{_LATIN}]+{_JOINS})+[{_LATIN}]+|(?:{_LETTERS}+{_JOINS})+{_LETTERS}+")  # don't, e-mail, U.S.A.
_ASCII_JOINED: Final = re.compile(rf"(?:[0-9a-z]+{_JOINS})+[0-9a-z]+")
_PROSE_RUN: Final = _compiled(f"{_PROSE}+")
_TRAILING: Final = _compiled(f"{_PROSE}+$")
_WITHOUT_JOINS: Final = str.maketrans("", "", "'\"._-")
_CONTROL: Final = re.compile(f"[{_CONTROLS}]")
_QUOTES: Final = str.maketrans("'\"", "  ")
_FULL_WIDTH: Final = {
    code: code + 0xFEE0 for code in range(0x21, 0x7F) if not chr(code).isalnum()
}  # folded text contains none of them
_BEGINS: Final = {"latin": rf"(?<![{_LATIN}])", "letters": f"(?<!{_LETTERS})"}


class Word(Struct, frozen=True):
    """A word to look up in the index. `beginning`: longer words that begin with it match, too."""

    text: str
    beginning: bool


class Lookup(Struct, frozen=True):
    """The words under which the index has every message with a term: all of `words`, or else `as_one`."""

    words: list[Word]
    as_one: Word | None = None


def index_words(text: str) -> str:
    """Returns the distinct words of a text for the index, separated by spaces."""
    folded = fold(text)
    # few chunks: keeps a slow pattern off the rest
    chunks = " ".join(chunk for chunk in set(folded.split()) if _JOIN.search(chunk))
    if folded.isascii():
        words, paired, joined = _ASCII_WORDS.findall(folded), _ASCII_SIGNS.findall(folded), _ASCII_JOINED.findall(chunks)
    else:
        words, joined = _WORDS.findall(folded), _JOINED.findall(chunks)
        paired = _PAIRED.findall(_ASCII_WORDS.sub(" ", folded))
    distinct = dict.fromkeys(word[:LONGEST_WORD] for word in words)
    distinct |= dict.fromkeys(word.translate(_WITHOUT_JOINS)[:LONGEST_WORD] for word in joined)
    for units in map(_units, set(paired)):
        distinct |= dict.fromkeys(_pairs(units))
        distinct[units[-1]] = None
    whole = " ".join(distinct)
    if len(whole) * 4 > MOST_BYTES and len(encoded := whole.encode()) > MOST_BYTES:
        whole = encoded[:MOST_BYTES].decode(errors="ignore").rpartition(" ")[0]
    return whole


def terms_of(question: str) -> list[str]:
    """Returns the folded terms of a query: words with the signs that belong to them (`c++`, `.net`), or signs if there are no
    words."""
    chunks = _CONTROL.sub(" ", fold(question)).split()
    terms = [_trim(chunk) if _has_letters(chunk) else chunk for chunk in chunks]
    if any(map(_has_letters, terms)):
        terms = [term for term in terms if _has_letters(term) or not (term.isascii() or _PROSE_RUN.fullmatch(term))]
    else:
        terms = " ".join(chunks).translate(_QUOTES).split()
    return list(dict.fromkeys(terms))[:MOST_TERMS]


def lookup(term: str) -> Lookup:
    """Returns the words to look up for a term."""
    words: list[Word] = []
    runs = list(_RUNS.finditer(term))
    for run in runs:
        text = run[0]
        if run.lastgroup in ("latin", "letters"):
            words.append(Word(text[:LONGEST_WORD], beginning=run is runs[-1] or len(text) > LONGEST_WORD))
        elif run.lastgroup == "signs" and len(runs) > 1 and _PROSE_RUN.fullmatch(text):
            continue  # nearly every message has these
        elif len(units := _units(text)) == 1:
            words.append(Word(units[0], beginning=True))
        else:
            words.extend(Word(pair, beginning=False) for pair in dict.fromkeys(_pairs(units)))
    if len(runs) > 1 and (_JOINED.fullmatch(term)):
        return Lookup(words, Word(term.translate(_WITHOUT_JOINS)[:LONGEST_WORD], beginning=True))
    return Lookup(words)


def pattern(terms: Iterable[str]) -> regex.Pattern[str]:
    """Returns a pattern for any of the terms in a folded text."""
    return _compiled("|".join(map(_pattern, sorted(terms, key=len, reverse=True))))


@lru_cache(maxsize=256)
def _pattern(term: str) -> str:
    """Returns a pattern for a term: words match from their beginning, with or without joining signs; other runs match anywhere."""
    parts: list[str] = []
    for run in _RUNS.finditer(term):
        text = run[0]
        if run.lastgroup in ("latin", "letters"):
            parts += ["" if run.start() else _BEGINS[run.lastgroup], f"{_JOINS}?".join(map(regex.escape, text))]
        elif run.lastgroup == "unspaced":
            parts.append(regex.escape(text) + "(?![\u3099\u309a])")  # a match must not end within a letter of kana
        elif run.lastgroup == "hangul":
            start = "" if _ANY_INITIAL.match(text) else f"(?<![{_HANGUL}])"  # a syllable does not match from its middle
            end = f"(?![{_VOWEL}])" if _ANY_INITIAL.match(text[-1]) else ""
            parts.append(f"{start}{regex.escape(text)}{end}")
        elif run.start() == 0 or text.strip("+#") == "":
            parts.append(regex.escape(text))
        elif _PROSE_RUN.fullmatch(text):
            parts.append(rf"[^\p{{L}}\p{{N}}]{{0,{max(3, len(text))}}}")
        else:
            parts.append(f" ?{regex.escape(text)}" if run.end() == len(term) else f" ?{regex.escape(text)} ?")
    return "".join(parts)


def _units(run: str) -> list[str]:
    """Returns the units that are indexed in pairs: characters, or Korean syllables without the final consonant, which may not be
    typed yet."""
    return _SYLLABLE.findall(run) if _ANY_HANGUL.match(run) else list(run.translate(_FULL_WIDTH))


def _pairs(units: Sequence[str]) -> Iterator[str]:
    return (one + other for one, other in pairwise(units))


def _trim(chunk: str) -> str:
    """Returns the term without surrounding punctuation. A single full stop in front may belong to a name."""
    leading = _PROSE_RUN.match(chunk)
    start = leading.end() if leading else 0
    if chunk[:start].endswith(".") and not chunk[:start].endswith(".."):
        start -= 1
    return _TRAILING.sub("", chunk[start:])


def _has_letters(term: str) -> bool:
    return any(map(str.isalnum, term))
