"""Cuts a reply, while it is written, into the sentences that a person would read aloud.

The text is Markdown. Its marks and addresses are not read; code, tables, formulas, images and bare addresses are named; lists,
headings and quotes are read item by item. Rules of many languages hold at once, because a reply does not say its language.
`frontend/src/protocol/sentences.ts` does the same, and `contracts/sentences/` holds the two together.

A sentence comes out once no text that may follow can change it. All looks at the text go through `marks.Look`, which raises at the
end of a text that still grows; therefore sentences do not depend on how the text was sliced. Pure; it knows no voice and no queue.
"""

from typing import Final

import msgspec

from lam.protocol.abbreviations import (
    BEFORE_A_NUMBER,
    BEFORE_AN_ORDINAL,
    BEGINNINGS,
    LAST_BEFORE_A_BEGINNING,
    LAST_BEFORE_A_CAPITAL,
    MONTHS,
    NEVER_LAST,
)
from lam.protocol.marks import FAR, Marks, Names, Token, Undecided
from lam.protocol.signs import (
    SPACES,
    STRENGTH,
    UNSEEN,
    has_no_stops,
    is_digit,
    is_initial,
    is_letter,
    is_letter_or_digit,
    is_lower,
    is_mark,
    is_open,
    is_picture,
    is_upper,
    is_wide,
    kind_of,
    last_word,
)

LONGEST: Final = 400  # characters of a sentence; a longer one is cut, behind a comma if it has one
_SHORTEST_CUT: Final = 100
_CLAUSE: Final = 40  # characters from which on a space in Thai, Lao or Khmer ends what is said in one breath
_WRAPPED: Final = 50  # columns: a line that is this long goes on in the next one; a shorter one was ended on purpose
_OPENERS: Final = "*_~\"'“‘«„([{¿¡‹「『（《【—–-"
_COMMAS: Final = ",;:،؛"
_WIDE_COMMAS: Final = "、，；："
_BULLETS: Final = "-*+•◦▪‣"
_PARTICLES: Final = ("ครับ", "ค่ะ", "คะ", "จ้ะ", "จ้า")


class Sentence(msgspec.Struct, frozen=True):
    """`text` is said. `written`: the parts of it that stand in the reply, in their order, without marks."""

    text: str
    written: tuple[str, ...]


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where in a text the next sentence begins, and in what. `opens`: at the beginning of a line."""

    at: int = 0
    opens: bool = True
    # The sentence that begins here is the first of its line.
    is_first: bool = False
    # The number of the item that begins here.
    number: str = ""
    # What began the code that this line stands in.
    fence: str = ""
    # What ends the formula that this stands in.
    formula: str = ""
    in_table: bool = False
    in_list: bool = False
    in_code: bool = False
    in_heading: bool = False
    after_blank: bool = True


class Sentences:
    """The sentences of a text that grows. Give it the whole text each time."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self._text = ""
        self._place = Place()
        self._settled: list[Sentence] = []

    def of(self, text: str, *, growing: bool) -> list[Sentence]:
        """Returns all sentences; of a text that grows, those that nothing can change any more."""
        if not text.startswith(self._text):
            self._place, self._settled = Place(), []
        self._text = text
        settled, self._place = _Scan(text, self._names, growing=True).sentences(self._place)
        self._settled += settled
        if growing:
            return list(self._settled)
        rest, _ = _Scan(text, self._names, growing=False).sentences(self._place)
        return self._settled + rest


def sentences(text: str, names: Names) -> list[Sentence]:
    """Returns the sentences of a whole text."""
    return Sentences(names).of(text, growing=False)


class _Stop(msgspec.Struct):
    """A mark that may end a sentence. `before`: what was said before it."""

    kind: str
    before: str
    dots: int = 0
    is_quoted: bool = False


class _Said:
    """A sentence that is being read."""

    def __init__(self, number: str) -> None:
        self.text = number and f"{number} "
        self.pieces: list[str] = []
        self.piece = ""

    def add(self, text: str) -> None:
        self.text += text
        self.piece += text

    def space(self) -> None:
        if self.text and not self.text.endswith(" "):
            self.add(" ")

    def name(self, name: str) -> None:
        if self.text and (is_letter(self.text[-1]) or is_digit(self.text[-1])):
            self.text += " "
        self.text += name
        self.end_piece()

    def end_piece(self) -> None:
        self.pieces.append(self.piece)
        self.piece = ""

    def sentence(self, *, in_heading: bool = False) -> list[Sentence]:
        """The sentence; none where there is nothing to say. Headings may end with the marks that they begin with."""
        if in_heading:
            self.text, self.piece = self.text.rstrip("# "), self.piece.rstrip("# ")
        text = self.text.strip()
        if not any(map(is_letter_or_digit, text)):
            return []
        pieces = (piece.strip() for piece in [*self.pieces, self.piece])
        return [Sentence(text, tuple(piece for piece in pieces if any(map(is_letter_or_digit, piece))))]


class _Cut(msgspec.Struct, frozen=True):
    """Where a sentence that is too long may be cut."""

    length: int
    pieces: int
    piece: str
    at: int


class _Scan(Marks):
    """One look for sentences."""

    def sentences(self, place: Place) -> tuple[list[Sentence], Place]:
        """The sentences from a place on, and the place behind the last one that is certain."""
        found: list[Sentence] = []
        try:
            while place.at < len(self.text):
                next_ones, place = self.step(place)
                found += next_ones
        except Undecided:
            pass
        return found, place

    def step(self, place: Place) -> tuple[list[Sentence], Place]:
        if place.fence:
            return self.line_of_code(place)
        if place.formula:
            return self.line_of_formula(place)
        if place.in_table and place.opens:
            return self.line_of_table(place)
        return self.line(place) if place.opens else self.prose(place)

    # Lines

    def line(self, place: Place) -> tuple[list[Sentence], Place]:
        at, columns = self.indent(place.at)
        sign = self.char(at)
        if sign in ("", "\n"):
            return [], _at_line(place, at + 1, after_blank=True)
        if columns >= 4 and (place.in_code or (place.after_blank and not place.in_list)):
            named = [] if place.in_code else [Sentence(self.names.code, ())]
            return named, _at_line(place, self.line_end(at) + 1, in_code=True, after_blank=True)
        in_list = place.in_list and (columns > 0 or not place.after_blank)
        number = ""
        while item := self.item(at):
            at, number = item
            in_list = True
        inside = Place(at=at, opens=False, is_first=True, number=number, in_list=in_list, after_blank=False)
        return self.block(inside) or ([], inside)

    def indent(self, at: int) -> tuple[int, int]:
        """Where the line begins behind the marks of quotes, and how many columns from there."""
        columns = 0
        while sign := self.char(at):
            if sign == ">":
                columns = -1 if self.char(at + 1) == " " else 0
            elif sign == "\t":
                columns += 4
            elif sign in SPACES:
                columns += 1
            else:
                break
            at += 1
        return at, columns

    def item(self, at: int) -> tuple[int, str] | None:
        """Where the text of an item of a list begins, and its number."""
        sign = self.char(at)
        number = ""
        if sign and sign in _BULLETS:
            end = at + 1
        else:
            end = at
            while end - at < 9 and (digit := self.char(end)) and digit in "0123456789":
                end += 1
            if end == at or self.char(end) not in (".", ")"):
                return None
            end += 1
            number = self.text[at:end]
        behind = self.char(end)
        if behind not in ("", "\n", " ", "\t"):
            return None
        at = self.skip(end, " \t")
        if self.char(at) == "[" and self.char(at + 1) in ("x", "X", " ") and self.char(at + 2) == "]" and self.char(at + 3) == " ":
            at += 4
        return at, number

    def block(self, place: Place) -> tuple[list[Sentence], Place] | None:
        """What begins a line that is no prose."""
        at = place.at
        sign = self.char(at)
        if sign == "#" and (length := self.run(at, 7)) < 7 and self.char(at + length) in (" ", "\t", "\n", ""):
            return [], msgspec.structs.replace(place, at=at + length, in_heading=True)
        if sign in ("`", "~") and (length := self.run(at)) >= 3:
            end = self.line_end(at)
            if sign == "`" and "`" in self.text[at + length : end]:
                return None
            return [Sentence(self.names.code, ())], _at_line(place, end + 1, fence=sign * length)
        if sign == "[" and (close := self.find("]", at + 1)) != -1 and self.char(close + 1) == ":":
            if self.text[at + 1] == "^":
                return [], msgspec.structs.replace(place, at=close + 2)
            return [], _at_line(place, self.line_end(close) + 1)
        if ends := self.ends_of_formula(at):
            begins, ends_with = ends
            return [Sentence(self.names.formula, ())], msgspec.structs.replace(place, at=begins, formula=ends_with)
        return None

    def ends_of_formula(self, at: int) -> tuple[int, str] | None:
        """Where a formula that begins a line goes on, and what ends it."""
        if self.starts(at, "$$"):
            return at + 2, "$$"
        if self.starts(at, "\\["):
            return at + 2, "\\]"
        if self.starts(at, "\\begin{") and (close := self.find("}", at + 7)) != -1:
            return close + 1, f"\\end{{{self.text[at + 7 : close]}}}"
        return None

    def line_of_code(self, place: Place) -> tuple[list[Sentence], Place]:
        end = self.line_end(place.at)
        line = self.text[place.at : end].strip(" \t\r>")
        closes = len(line) >= len(place.fence) and line == place.fence[0] * len(line)
        return [], _at_line(place, end + 1, fence="" if closes else place.fence)

    def line_of_formula(self, place: Place) -> tuple[list[Sentence], Place]:
        newline = self.text.find("\n", place.at)
        end = self.text.find(place.formula, place.at, newline if newline != -1 else None)
        if end != -1:
            behind = end + len(place.formula)
            return [], msgspec.structs.replace(place, at=behind, opens=False, is_first=False, formula="")
        newline = self.line_end(place.at)
        is_over = place.opens and self.text[place.at : newline].strip() == ""
        return [], _at_line(place, newline + 1, formula="" if is_over else place.formula)

    def line_of_table(self, place: Place) -> tuple[list[Sentence], Place]:
        at = self.skip(place.at, " \t\r>")
        if self.char(at) not in ("", "\n", "|") and "|" not in self.text[at : self.line_end(at)]:
            return [], msgspec.structs.replace(place, in_table=False)
        if self.char(at) in ("", "\n"):
            return [], _at_line(place, at + 1, after_blank=True)
        return [], _at_line(place, self.line_end(at) + 1, in_table=True)

    # Prose

    def prose(self, place: Place) -> tuple[list[Sentence], Place]:
        """The next sentence of a paragraph, an item or a heading."""
        said = _Said(place.number)
        at = place.at
        after_mark = False
        stop: _Stop | None = None
        comma: _Cut | None = None
        gap: _Cut | None = None
        behind = Place(at=at, opens=False, in_list=place.in_list, in_heading=place.in_heading, after_blank=False)
        while True:
            token = self.token(at, said.text, place.is_first)
            if stop is not None and token.kind not in ("mark", "closer", "stop"):
                if token.kind == "space" and self.char(token.to) == "»" and is_open(said.text, "«", "»"):
                    said.add(" »")
                    stop.is_quoted = True
                    at = token.to + 1
                    continue
                if self.is_end(stop, token, at):
                    return said.sentence(), msgspec.structs.replace(behind, at=at)
                stop = None
            if after_mark and token.text in (".", ",") and said.piece.endswith(" "):
                said.text, said.piece = said.text[:-1], said.piece[:-1]  # the space before a citation
            after_mark = token.kind == "mark"
            match token.kind:
                case "end":
                    return said.sentence(in_heading=place.in_heading), msgspec.structs.replace(behind, at=at)
                case "break":
                    return said.sentence(), msgspec.structs.replace(behind, at=token.to)
                case "table":
                    return [Sentence(self.names.table, ())], _at_line(place, token.to, in_table=True)
                case "newline":
                    next_line = self.next_line(at) if said.text and not place.in_heading else None
                    if next_line is None:
                        return said.sentence(in_heading=place.in_heading), _at_line(place, token.to)
                    at = next_line
                    if not (is_wide(said.text[-1]) and is_wide(self.char(at))):
                        said.space()
                    continue
                case "space":
                    if self.ends_a_clause(said.text, token.to):
                        return said.sentence(), msgspec.structs.replace(behind, at=token.to)
                    said.space()
                    gap = _Cut(len(said.text), len(said.pieces), said.piece, token.to)
                    if said.text[-2:-1] and said.text[-2] in _COMMAS:
                        comma = gap
                case "stop":
                    if stop is None:
                        stop = _Stop(kind_of(token.text), said.text, dots=1)
                    else:
                        stop.dots += 1
                        stop.kind = max(stop.kind, kind_of(token.text), key=STRENGTH.index)
                    said.add(token.text)
                case "closer":
                    if stop is not None:
                        stop.is_quoted = True
                    said.add(token.text)
                case "name":
                    said.name(token.text)
                case "text" | "code":
                    said.add(token.text)
                    if token.text in _WIDE_COMMAS:
                        comma = _Cut(len(said.text), len(said.pieces), said.piece, token.to)
            at = token.to
            if self.is_too_long(said, stop, at - place.at) and not is_mark(self.char(at) or " "):
                cut = next((one for one in (comma, gap) if one is not None and one.length >= _SHORTEST_CUT), None)
                if cut is not None:
                    said.text, said.pieces, said.piece, at = said.text[: cut.length], said.pieces[: cut.pieces], cut.piece, cut.at
                return said.sentence(), msgspec.structs.replace(behind, at=at)

    @staticmethod
    def is_too_long(said: _Said, stop: _Stop | None, signs: int) -> bool:
        """`signs`: how many were looked at."""
        return len(said.text) > (LONGEST if stop is None else 2 * LONGEST) or signs > 4 * FAR

    def next_line(self, at: int) -> int | None:
        """Where the sentence goes on behind the end of a line; None: it ends there."""
        start = self.text.rfind("\n", 0, at) + 1
        line = self.text[start:at].rstrip("\r")
        if line.endswith(("  ", "\\")) or sum(2 if is_wide(sign) else 1 for sign in line) < _WRAPPED:
            return None
        begins = self.skip(at + 1, " \t>")
        sign = self.char(begins)
        if sign in ("", "\n", "\r", "#", "|") or self.item(begins) is not None:
            return None
        if sign in ("`", "~", "=", "-") and self.run(begins, 3) >= (3 if sign in "`~" else 2):
            return None
        return None if self.ends_of_formula(begins) else begins

    def is_end(self, stop: _Stop, token: Token, at: int) -> bool:
        """Whether a sentence ends where a stop is followed by something."""
        if token.kind in ("end", "break"):
            return True
        if token.kind == "newline":
            return stop.kind != "dot" or stop.dots > 1 or last_word(stop.before).lower() not in NEVER_LAST
        sign = self.char(at)
        if stop.kind == "wide":
            return not (stop.is_quoted and "\u3041" <= sign <= "\u309f")
        if token.kind != "space":
            both = stop.kind == "firm" or (stop.kind == "dot" and is_wide(stop.before[-1:]) and is_letter(stop.before[-1:]))
            return both and is_wide(sign) and is_letter(sign)
        seen = self.visible(at)
        sign = self.char(seen)
        if stop.kind == "firm":
            return not (is_lower(sign) and (stop.is_quoted or self.char(self.skip(at, SPACES)) in ("—", "–")))
        if sign in ("", "\n"):
            return stop.dots > 1 or last_word(stop.before).lower() not in NEVER_LAST
        if is_lower(sign):
            return False
        return stop.kind == "more" or stop.dots > 1 or self.is_end_of_word(stop.before, seen)

    def is_end_of_word(self, before: str, seen: int) -> bool:
        """Whether a single dot behind a word ends the sentence. `seen`: where the next word begins, not in lower case."""
        word = last_word(before)
        key = word.lower()
        sign = self.char(seen)
        if sum(map(is_letter, before)) <= 1 and not is_wide(before[-1:]):
            return False  # the number or the letter of a heading or an item
        if key in NEVER_LAST:
            return False
        if is_digit(sign) and key in BEFORE_A_NUMBER:
            return False
        if key in LAST_BEFORE_A_CAPITAL:
            return not is_digit(sign)
        if word and len(word) <= 2 and all(digit in "0123456789" for digit in word):
            earlier = last_word(before[: -len(word)].rstrip()).lower()
            return earlier not in BEFORE_AN_ORDINAL and self.word(seen) not in MONTHS
        if "." in word or key in LAST_BEFORE_A_BEGINNING:
            return self.word(seen) in BEGINNINGS
        if is_initial(word):
            measure = before[: -len(word)].rstrip()[-1:]
            if is_digit(measure) or measure == "°":
                return is_upper(sign)  # behind a unit, or a Russian year
            return is_upper(word[0]) and self.word(seen) in BEGINNINGS
        return True

    def visible(self, at: int) -> int:
        """Where the next sign stands that says how a sentence begins."""
        while (sign := self.char(at)) and (sign in SPACES or sign in _OPENERS or sign in UNSEEN or is_picture(sign)):
            at += 1
        return at

    def word(self, at: int) -> str:
        """The word that begins there, in lower case."""
        end = at
        while end - at < FAR and (sign := self.char(end)) and (is_letter(sign) or is_mark(sign)):
            end += 1
        return self.text[at:end].lower()

    def ends_a_clause(self, said: str, at: int) -> bool:
        """Whether a space in a script without stops ends what is said in one breath. `at`: behind the space."""
        if not said or not has_no_stops(said[-1]):
            return False
        if len(said) < _CLAUSE and not said.endswith(_PARTICLES):
            return False
        return has_no_stops(self.char(self.skip(at, SPACES))[:1])


def _at_line(
    place: Place,
    at: int,
    *,
    fence: str = "",
    formula: str = "",
    in_table: bool = False,
    in_code: bool = False,
    after_blank: bool = False,
) -> Place:
    """The beginning of a line behind a place."""
    is_in_code = in_code or (place.in_code and after_blank)
    return Place(
        at=at, fence=fence, formula=formula, in_table=in_table, in_list=place.in_list, in_code=is_in_code, after_blank=after_blank
    )
