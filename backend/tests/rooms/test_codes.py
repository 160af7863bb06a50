"""Codes of rooms."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lam.rooms import codes


def test_a_code_has_40_bits_and_no_letters_that_look_alike() -> None:
    assert len(set(codes.ALPHABET)) ** codes.LENGTH >= 2**40
    assert set(codes.ALPHABET).isdisjoint("ILOU")


def test_codes_are_different_and_read_as_they_are_written() -> None:
    made = {codes.new_code() for _ in range(1000)}
    assert len(made) == 1000
    assert all(codes.read(codes.format_code(code)) == code for code in made)


@pytest.mark.parametrize("typed", ["K7QF-2M9X", "k7qf2m9x", " k7qf 2m9x ", "K7QF\u20132M9X", "k-7-q-f-2-m-9-x", "K7QF\u00a02M9X"])
def test_case_dashes_and_spaces_do_not_count(typed: str) -> None:
    assert codes.read(typed) == "K7QF2M9X"


def test_letters_that_look_like_digits_are_read_as_those() -> None:
    assert codes.read("oil0-OIL1") == "01100111"


@given(st.text(max_size=40))
def test_whatever_somebody_types_is_a_code_or_none(typed: str) -> None:
    code = codes.read(typed)
    assert code is None or (len(code) == codes.LENGTH and set(code) <= set(codes.ALPHABET))


@pytest.mark.parametrize("typed", ["", "K7QF-2M9", "K7QF-2M9XX", "U7QF-2M9X", "K7QF-2M9\u00df", "K7QF_2M9X", "Ｋ7QF-2M9X"])
def test_what_cannot_be_a_code_is_none(typed: str) -> None:
    assert codes.read(typed) is None
