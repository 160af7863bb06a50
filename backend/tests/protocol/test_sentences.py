"""The sentences of a reply, tested with the same texts as the page's, and in any slicing."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lam.protocol.marks import Names
from lam.protocol.sentences import LONGEST, Sentence, Sentences, sentences

FILE = Path(__file__).resolve().parents[3] / "contracts" / "sentences" / "texts.json"
TABLE = json.loads(FILE.read_text(encoding="utf-8"))
NAMES = Names(**TABLE["names"])
TEXTS: list[dict[str, Any]] = TABLE["texts"]

# Marks, stops and letters, to be put together in any order.
PIECES = [
    *("Hello", "5", "ä", "é", "是", "ก", "है", "Dr", "e.g", "z. B", "😀", "\u200d"),
    *(" ", "\n", "\n\n", "    ", "\t", ". ", ".", "…", "! ", "?", "。", "」", "“", "« ", "»", '"', "'", ",", "、"),
    *("`", "``", "```\n", "~~~", "$", "$$", "\\(", "\\)", "\\[", "\\]", "\\begin{a}", "\\end{a}"),
    *("[", "](", "]", "[^1]", "[1]", "]: ", "![", "(", ")", "(http://a.b/c", "|", "|---|\n", "- ", "1. ", "> ", "# "),
    *("**", "_", "~~", "<br>", "<b", "&amp;", "&", "http://x.y/z."),
]


@pytest.mark.parametrize("case", TEXTS, ids=lambda case: f"{case['language']}: {case['about']}")
def test_a_text_is_cut_as_a_person_would_read_it(case: dict[str, Any]) -> None:
    expected = [
        Sentence(one, (one,)) if isinstance(one, str) else Sentence(one["text"], tuple(one["written"])) for one in case["sentences"]
    ]
    assert sentences(case["text"], NAMES) == expected


def test_the_table_has_sixty_texts_in_ten_languages() -> None:
    languages = [case["language"] for case in TEXTS]
    assert len(languages) >= 60
    assert len({language for language in languages if languages.count(language) >= 4}) == 10


pieces = st.lists(st.sampled_from(PIECES) | st.text(max_size=3), max_size=30).map("".join)


@settings(max_examples=120)
@given(pieces | st.sampled_from([case["text"] for case in TEXTS]), st.data())
def test_a_text_that_grows_gives_the_same_sentences_in_any_slicing_and_never_takes_one_back(text: str, data: st.DataObject) -> None:
    live = Sentences(NAMES)
    before: list[Sentence] = []
    for end in sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=20))):
        now = live.of(text[:end], growing=True)
        assert now[: len(before)] == before
        before = now
    whole = sentences(text, NAMES)
    assert live.of(text, growing=False) == whole
    assert whole[: len(before)] == before


def test_a_sentence_comes_out_with_the_first_letter_of_the_next_one() -> None:
    live = Sentences(NAMES)
    assert live.of("It rains.", growing=True) == []
    assert [found.text for found in live.of("It rains. T", growing=True)] == ["It rains."]


def test_a_text_that_turns_out_to_be_another_one_is_read_from_its_beginning() -> None:
    live = Sentences(NAMES)
    live.of("Let me see. I think. S", growing=True)
    assert [found.text for found in live.of("It is four. So", growing=True)] == ["It is four."]


@pytest.mark.parametrize(
    "mark", ["*", ".", "` ", "$a ", "\\( ", "[a](", "<a ", "|", ">", "- ", "word ", "ก", "😀", "a|", "&a", "字"]
)
def test_no_sentence_is_longer_than_the_limit_and_odd_text_takes_no_long_time(mark: str) -> None:
    found = sentences(mark * 8_000, NAMES)
    assert max((len(one.text) for one in found), default=0) <= LONGEST + len(NAMES.formula)
