"""Codes of rooms: 40 random bits in Crockford's base 32, which has no letters that look like others. Pure but for chance.

Written `K7QF-2M9X`; read with any case, dashes and spaces, and with O, I and L for the digits that they look like.
https://www.crockford.com/base32.html
"""

import secrets
from typing import Final

ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
LENGTH: Final = 8
_READ: Final = {sign: sign for sign in ALPHABET} | {"O": "0", "I": "1", "L": "1"}
_PASSED_OVER: Final = frozenset("- \u2010\u2011\u2012\u2013\u2014\u00a0\u202f")


def new_code() -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))


def format_code(code: str) -> str:
    """Returns a code as people read it."""
    return f"{code[:4]}-{code[4:]}"


def read(text: str) -> str | None:
    """Returns the code in what somebody typed, None when it cannot be one."""
    signs = [sign for sign in text.strip().upper() if sign not in _PASSED_OVER]
    if len(signs) != LENGTH or any(sign not in _READ for sign in signs):
        return None
    return "".join(_READ[sign] for sign in signs)
