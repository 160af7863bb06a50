import pytest

from lam.chat.titles import LONGEST, cleaned, first_words


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("Tell me a short story", "Tell me a short story"),
        ("  one\n\n two\tthree ", "one two three"),
        ("word " * 30, "word word word word word word word word word word word…"),
        ("字" * 100, "字" * 59 + "…"),
        ("   ", "New Chat"),
    ],
)
def test_the_first_words_are_whole_words_where_there_are_any(text: str, title: str) -> None:
    assert first_words(text) == title
    assert len(first_words(text)) <= LONGEST


@pytest.mark.parametrize(
    ("answer", "title"),
    [
        ("A Short Story", "A Short Story"),
        ('\n\n"A Short Story."\nand more', "A Short Story"),
        ("Title: **A Short Story**", "A Short Story"),
        ("# title : A Short Story:", "A Short Story"),
        ("「短い物語」", "短い物語"),
        ("...", ""),
        ("", ""),
    ],
)
def test_what_models_put_around_a_title_is_taken_off(answer: str, title: str) -> None:
    assert cleaned(answer) == title
