"""Reads the marks of Markdown one after the other, for `sentences`: what is said, what is only named, what is not said at all.

All looks at the text go through `Look`, which raises `Undecided` at the end of a text that still grows. Pure.
`frontend/src/protocol/marks.ts` does the same.
"""

from collections.abc import Callable
from typing import Final

import msgspec

from lam.protocol.signs import (
    FIRM_STOPS,
    SPACES,
    UNSEEN,
    WIDE_STOPS,
    closes,
    is_letter,
    is_letter_or_digit,
    is_picture,
    is_wide,
    is_word,
)

FAR: Final = 1000  # characters within which a mark has to end
_DOLLARS: Final = 4  # that may stand in a formula between two others
_BRACKETS: Final = 4  # that may be open in an address
_CODE_READ: Final = " ._-/:@+#%'\"()"
_LONGEST_CODE_READ: Final = 40
_ENTITIES: Final = {
    "amp": "&",
    "lt": "<",
    "gt": ">",
    "quot": '"',
    "apos": "'",
    "nbsp": " ",
    "hellip": "…",
    "ndash": "–",
    "mdash": "—",
}


class Names(msgspec.Struct, frozen=True, kw_only=True):
    """What is said in place of what nobody reads aloud."""

    code: str
    table: str
    formula: str
    image: str
    link: str


class Undecided(Exception):
    """What comes next decides."""


class Token(msgspec.Struct, frozen=True):
    """`kind`: end, newline, break, space, mark (not said), closer, stop, text, code (said as it is), name, or table."""

    kind: str
    to: int
    text: str = ""


class Look:
    """One look at a text, which may still grow."""

    def __init__(self, text: str, *, growing: bool) -> None:
        self.text = text
        self.growing = growing

    def char(self, at: int) -> str:
        """The character there; empty behind the end."""
        if at < len(self.text):
            return self.text[at]
        if self.growing:
            raise Undecided
        return ""

    def before(self, at: int) -> str:
        return self.text[at - 1] if at > 0 else "\n"

    def starts(self, at: int, mark: str) -> bool:
        return all(self.char(at + step).lower() == sign for step, sign in enumerate(mark))

    def run(self, at: int, most: int = FAR) -> int:
        """How often the character there is repeated."""
        length = 1
        while length < most and self.char(at + length) == self.text[at]:
            length += 1
        return length

    def skip(self, at: int, signs: str) -> int:
        while (sign := self.char(at)) and sign in signs:
            at += 1
        return at

    def line_end(self, at: int, most: int | None = None, *, undecided: int | None = None) -> int:
        """Where the line ends; -1 if that is too far away. `undecided`: the answer where that is not known yet."""
        end = self.text.find("\n", at, None if most is None else at + most)
        if end == -1 and most is not None and len(self.text) >= at + most:
            return -1
        if end == -1 and self.growing:
            if undecided is None:
                raise Undecided
            return undecided
        return len(self.text) if end == -1 else end

    def find(self, mark: str, at: int, *, over_lines: bool = False) -> int:
        """Where a mark comes next in the line, or in the paragraph; -1: nowhere near. One behind a backslash does not count."""
        end = self.line_end(at, FAR, undecided=-2)
        while over_lines and end >= 0 and self.char(self.skip(end + 1, " \t")) not in ("", "\n"):
            end = self.line_end(end + 1, at + FAR - end - 1, undecided=-2) if end + 1 < at + FAR else -1
        place = self.text.find(mark, at, end if end >= 0 else at + FAR)
        while place > 0 and self.text[place - 1] == "\\":
            place = self.text.find(mark, place + 1, end if end >= 0 else at + FAR)
        if place == -1 and end == -2:
            raise Undecided
        return place


class Marks(Look):
    """The tokens of a text."""

    def __init__(self, text: str, names: Names, *, growing: bool) -> None:
        super().__init__(text, growing=growing)
        self.names = names
        self.readers: dict[str, Callable[[int, str, bool], Token]] = {
            "*": self.star, "_": self.underscore, "~": self.tilde, "`": self.backtick, "$": self.dollar, "\\": self.backslash,
            "[": self.opening_bracket, "]": self.closing_bracket, "<": self.angle, "&": self.ampersand, "|": self.bar,
            **dict.fromkeys("hHwW", self.address),
        }  # fmt: skip

    def token(self, at: int, said: str, is_first: bool) -> Token:
        sign = self.char(at)
        if sign == "":
            return Token("end", at)
        if sign == "\n":
            return Token("newline", at + 1)
        if sign in SPACES:
            return Token("space", at + 1)
        if sign in UNSEEN or is_picture(sign) or (sign == "\u200d" and is_picture(self.before(at))):
            return Token("mark", at + 1)
        if sign == "!" and self.char(at + 1) == "[" and (image := self.image(at)):
            return image
        if sign == "." or sign in WIDE_STOPS or (sign in FIRM_STOPS and (sign != ";" or any("Ͱ" <= one <= "Ͽ" for one in said))):
            return Token("stop", at + 1, sign)
        if reader := self.readers.get(sign):
            return reader(at, said, is_first)
        return Token("closer" if closes(sign, said) else "text", at + 1, sign)

    def star(self, at: int, said: str, is_first: bool) -> Token:
        end = at + self.run(at)
        stands_alone = self.before(at) in SPACES + "\n" and self.char(end) in (*SPACES, "\n", "")
        return Token("text" if stands_alone else "mark", end, self.text[at:end])

    def underscore(self, at: int, said: str, is_first: bool) -> Token:
        end = at + self.run(at)
        is_inside = is_letter_or_digit(self.before(at)) and is_letter_or_digit(self.char(end) or " ")
        return Token("text" if is_inside else "mark", end, self.text[at:end])

    def tilde(self, at: int, said: str, is_first: bool) -> Token:
        end = at + self.run(at)
        return Token("mark" if end - at == 2 else "text", end, self.text[at:end])

    def backtick(self, at: int, said: str, is_first: bool) -> Token:
        begins = at + self.run(at)
        mark = self.text[at:begins]
        end = self.find(mark, begins)
        while end != -1 and self.run(end) != len(mark):
            end = self.find(mark, end + self.run(end))
        if end == -1:
            return Token("mark", begins)
        code = self.text[begins:end].strip()
        is_read = len(code) <= _LONGEST_CODE_READ and all(is_letter_or_digit(sign) or sign in _CODE_READ for sign in code)
        return Token("code", end + len(mark), code) if is_read else Token("name", end + len(mark), self.names.code)

    def dollar(self, at: int, said: str, is_first: bool) -> Token:
        if self.char(at + 1) == "$":
            end = self.find("$$", at + 2, over_lines=True)
            return Token("mark", at + 2) if end == -1 else Token("name", end + 2, self.names.formula)
        if is_word(self.before(at)) or self.before(at) in "=/&?" or self.char(at + 1) in (*SPACES, "\n", "") or self.is_price(at):
            return Token("text", at + 1, "$")
        end = at
        for _ in range(_DOLLARS):
            end = self.find("$", end + 1)
            if end == -1:
                break
            if self.before(end) not in SPACES and not (is_word(self.char(end + 1)) or self.char(end + 1) == "{"):
                return self.formula(at + 1, end, end + 1)
        return Token("text", at + 1, "$")

    def is_price(self, at: int) -> bool:
        """Whether a dollar is money: a number, then the end of something or a word."""
        end = self.skip(at + 1, "0123456789.,")
        if end == at + 1:
            return False
        if self.char(end) in (*SPACES, "\n", ""):
            behind = self.skip(end, SPACES)
            return (
                self.char(end - 1) in ".,"
                or self.char(behind) in ("", "\n")
                or (is_letter(self.char(behind)) and is_letter(self.char(behind + 1) or " "))
            )
        return False

    def formula(self, begins: int, ends: int, to: int) -> Token:
        """A letter or a number is read; other formulas are named."""
        inside = self.text[begins:ends].strip()
        is_read = (len(inside) == 1 and is_letter(inside)) or (
            0 < len(inside) <= 9 and all(digit in "0123456789" for digit in inside)
        )
        return Token("code", to, inside) if is_read else Token("name", to, self.names.formula)

    def backslash(self, at: int, said: str, is_first: bool) -> Token:
        sign = self.char(at + 1)
        if sign == "(" and (end := self.find("\\)", at + 2)) != -1:
            return self.formula(at + 2, end, end + 2)
        if sign == "[" and (end := self.find("\\]", at + 2, over_lines=True)) != -1:
            return Token("name", end + 2, self.names.formula)
        if sign and sign in "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~":
            return Token("text", at + 2, sign)
        return Token("mark", at + 1)

    def opening_bracket(self, at: int, said: str, is_first: bool) -> Token:
        sign = self.char(at + 1)
        if sign == "^" and (end := self.find("]", at + 2)) != -1:
            return Token("mark", end + 1)
        end = at + 1
        digits = 0
        while digits <= 3 and end - at < 16 and (sign := self.char(end)) and sign in "0123456789, –-":
            digits = digits + 1 if sign in "0123456789" else 0
            end += 1
        if end > at + 1 and digits in (1, 2, 3) and self.char(end) == "]":  # a citation
            return self.closing_bracket(end, said, is_first)
        return Token("mark", at + 1)

    def closing_bracket(self, at: int, said: str, is_first: bool) -> Token:
        if self.char(at + 1) == "(":
            return Token("mark", self.address_end(at + 1))
        if self.char(at + 1) == "[" and (end := self.find("]", at + 2)) != -1:
            return Token("mark", end + 1)
        return Token("mark", at + 1)

    def address_end(self, at: int) -> int:
        """Behind the bracket that closes the one there; there, if none does."""
        depth = 0
        for place in range(at, at + FAR):
            sign = self.char(place)
            if sign in ("", "\n"):
                break
            depth += (sign == "(") - (sign == ")")
            if depth == 0:
                return place + 1
            if depth > _BRACKETS:
                break
        return at

    def image(self, at: int) -> Token | None:
        close = self.find("]", at + 2)
        if close == -1 or self.char(close + 1) != "(" or (end := self.address_end(close + 1)) == close + 1:
            return None
        return Token("name", end, f"{self.names.image} {self.text[at + 2 : close]}".strip())

    def angle(self, at: int, said: str, is_first: bool) -> Token:
        sign = self.char(at + 1)
        if not (sign in ("/", "!") or (is_letter(sign or " ") and sign.isascii())) or (end := self.find(">", at + 1)) == -1:
            return Token("text", at + 1, "<")
        inside = self.text[at + 1 : end].lower()
        if inside.startswith(("http://", "https://")):
            return Token("name", end + 1, self.names.link)
        if "@" in inside and " " not in inside:
            return Token("code", end + 1, self.text[at + 1 : end].removeprefix("mailto:"))
        return Token("break" if inside.rstrip(" /") == "br" else "mark", end + 1)

    def ampersand(self, at: int, said: str, is_first: bool) -> Token:
        end = at + 1
        while end - at < 10 and (sign := self.char(end)) and sign.isascii() and (sign.isalnum() or sign == "#"):
            end += 1
        name = self.text[at + 1 : end]
        if self.char(end) == ";":
            if name in _ENTITIES:
                return Token("text", end + 1, _ENTITIES[name])
            if name[:1] == "#" and name[1:].isdecimal() and 31 < int(name[1:]) < 0xD800:
                return Token("text", end + 1, chr(int(name[1:])))
        return Token("text", at + 1, "&")

    def bar(self, at: int, said: str, is_first: bool) -> Token:
        end = self.line_end(at, FAR) if is_first else -1
        next_end = self.line_end(end + 1, FAR) if end != -1 else -1
        is_table = next_end != -1 and _is_rule(self.text[end + 1 : next_end])
        return Token("table", next_end + 1) if is_table else Token("mark", at + 1)

    def address(self, at: int, said: str, is_first: bool) -> Token:
        is_address = not is_word(self.before(at)) and any(self.starts(at, mark) for mark in ("http://", "https://", "www."))
        if not is_address:
            return Token("text", at + 1, self.text[at])
        end = at
        while (sign := self.char(end)) and sign not in SPACES + '\n<>"|`' and not is_wide(sign):
            end += 1
        while self.text[end - 1] in ".,;:!?'*_~]}”’" or (self.text[end - 1] == ")" and "(" not in self.text[at:end]):
            end -= 1
        return Token("name", end, self.names.link)


def _is_rule(line: str) -> bool:
    """Whether a line is the one below the head of a table."""
    signs = line.strip(" \t\r>")
    return "-" in signs and "|" in signs and not signs.strip("-:| \t")
