import pytest

from lam.accounts.password_rules import require_good
from lam.errors import Invalid

ADA = "ada.lovelace@example.org"


@pytest.mark.parametrize(
    "password",
    [
        "password",
        "Password1",
        "P@ssw0rd",
        "drowssap",  # backwards
        "ｐａｓｓｗｏｒｄ",  # full-width letters
        "12345678",
        "87654321",
        "qwertyuiop",
        "1q2w3e4r",
        "iloveyou",
        "letmein1",
        "trustno1",
        "abcdefgh",
        "aaaaaaaa",
        "a" * 200,
        "abcabcabcabc",
        "пппппппппп",
        "password" * 8,
        "20261125",
        "testtest",
    ],
)
def test_a_password_that_guessers_try_first_is_refused(password: str) -> None:
    with pytest.raises(Invalid, match="guessed too easily"):
        require_good(password, ADA)


@pytest.mark.parametrize("password", [" " * 8, "\u3000" * 9, "\t \n \r \t \n", "\u00a0" * 20])
def test_a_blank_password_is_refused(password: str) -> None:
    with pytest.raises(Invalid, match="blank"):
        require_good(password, ADA)


@pytest.mark.parametrize("password", [ADA, ADA.upper(), f" {ADA} ", "ada.lovelace", "Example.org", "ａｄａ.lovelace"])
def test_ones_own_address_is_no_password(password: str) -> None:
    with pytest.raises(Invalid, match="your own address"):
        require_good(password, ADA)


@pytest.mark.parametrize("password", ["lovelaceada", "adalovelace1", "ecalevol.ada"])
def test_what_is_made_of_ones_own_address_is_no_password(password: str) -> None:
    with pytest.raises(Invalid, match="guessed too easily"):
        require_good(password, ADA)


@pytest.mark.parametrize("password", ["short", "1234567", "", "e\u0301" * 4, "ﷺ"])
def test_a_short_password_is_refused_however_it_is_written(password: str) -> None:
    with pytest.raises(Invalid, match="8 characters or more"):
        require_good(password, ADA)


@pytest.mark.parametrize(
    "password",
    [
        "correct horse",
        "another horse",
        "correct horse battery staple",
        "x9$kLmQ2",
        "Grüße aus Köln",
        "三个和尚没水喝吗",
        "🦒🐘🦏🐳🦩🐙🦔🦜",
        "a" * 24 + " and then words that nobody says",
        "Tr0ub4dor&3 and a horse",
        "ada likes long walks",
        "word " * 25 + "and one more",
    ],
)
def test_words_spaces_and_every_script_are_welcome(password: str) -> None:
    require_good(password, ADA)


def test_a_password_of_a_thousand_characters_is_welcome_and_a_longer_one_is_not() -> None:
    words = " ".join(f"word{number}" for number in range(200))
    require_good(words[:1024], ADA)
    with pytest.raises(Invalid, match="up to 1024"):
        require_good(words[:1025], ADA)
