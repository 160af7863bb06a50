"""The rules for a new password: long enough, and nothing that a guesser tries first (ASVS 5, 6.2; NIST 800-63B).

A log-in never checks them.
"""

import re
import unicodedata
from typing import Final

from zxcvbn import zxcvbn

from lam.errors import Invalid

SHORTEST: Final = 8
LONGEST: Final = 1024
GUESSES: Final = 1_000_000  # a password must outlast these; no log-in page allows as many
JUDGED: Final = 24  # characters at each end that are judged: estimates of long texts take too long


def require_good(password: str, email: str) -> None:
    """Raises Invalid with a sentence that says what is wrong. Spaces and all of Unicode are allowed."""
    text = normal(password)
    if min(len(text), len(password)) < SHORTEST:
        raise Invalid(f"password: use {SHORTEST} characters or more; a few words with spaces between them are good.")
    if len(password) > LONGEST:
        raise Invalid(f"password: use up to {LONGEST} characters.")
    if not text.strip():
        raise Invalid("password: it must not be blank.")
    own = own_words(email)
    if text.strip().casefold() in own:
        raise Invalid("password: do not use your own address; others know it.")
    text = text[: (text + text).find(text, 1)]  # a repetition counts once
    if all(zxcvbn(part, user_inputs=own)["guesses"] < GUESSES for part in {text[:JUDGED], text[-JUDGED:]}):
        raise Invalid("password: this one is guessed too easily; add a word or two.")


def own_words(email: str) -> list[str]:
    """Returns the address and its parts: guesses of a stranger who knows the address."""
    address = normal(email).casefold()
    name, _, host = address.rpartition("@")
    parts = re.split(r"[.+_-]", name)
    words = [address, name, host, "".join(parts), *parts]
    return [word for word in dict.fromkeys(words) if word]


def normal(password: str) -> str:
    """Returns the text in Unicode's form NFKC: two keyboards may write the same letter in two ways."""
    return unicodedata.normalize("NFKC", password)
