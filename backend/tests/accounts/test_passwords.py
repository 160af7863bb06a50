from typing import Literal

import pytest
from argon2 import PasswordHasher

from lam.accounts.passwords import Passwords


async def test_a_password_is_verified_by_its_hash_alone() -> None:
    passwords = Passwords(PasswordHasher(time_cost=1, memory_cost=64))
    hashed = await passwords.hash("correct horse")
    assert hashed.startswith("$argon2id$")
    assert await passwords.verify(hashed, "correct horse")
    assert not await passwords.verify(hashed, "wrong")
    assert not await passwords.verify(None, "nobody has this password")
    assert not await passwords.verify("not a hash", "correct horse")
    passwords.close()


async def test_an_unknown_user_costs_as_much_as_a_known_one() -> None:
    class Counting(PasswordHasher):
        verified = 0

        def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:  # noqa: A002, the name of argon2
            self.verified += 1
            return super().verify(hash, password)

    hasher = Counting(time_cost=1, memory_cost=64)
    passwords = Passwords(hasher)
    for known in (None, await passwords.hash("x")):
        before = hasher.verified
        await passwords.verify(known, "guess")
        assert hasher.verified == before + 1
    passwords.close()


@pytest.mark.parametrize(
    ("typed", "again"),
    [
        ("cafe\u0301 au lait", "caf\u00e9 au lait"),
        ("\u1112\u1161\u11ab\u1100\u1173\u11af 한글", "한글 한글"),
        ("ﬁrst and ﬁfth", "first and fifth"),
        ("ｆｕｌｌ ｗｉｄｔｈ", "full width"),
        ("5 \u212b long", "5 \u00c5 long"),
    ],
)
async def test_a_password_is_the_same_however_a_keyboard_writes_its_letters(typed: str, again: str) -> None:
    passwords = Passwords(PasswordHasher(time_cost=1, memory_cost=64))
    assert await passwords.verify(await passwords.hash(typed), again)
    assert await passwords.verify(await passwords.hash(again), typed)
    passwords.close()


@pytest.mark.parametrize("password", ["cafe\u0301 au lait", "ﬁrst", " spaces ", "密码"])
async def test_a_hash_of_the_first_release_still_verifies(password: str) -> None:
    hasher = PasswordHasher(time_cost=1, memory_cost=64)
    passwords = Passwords(hasher)
    assert await passwords.verify(hasher.hash(password), password)
    assert not await passwords.verify(hasher.hash(password), password + "x")
    passwords.close()


async def test_case_spaces_and_the_end_of_a_long_password_all_count() -> None:
    passwords = Passwords(PasswordHasher(time_cost=1, memory_cost=64))
    long = "word " * 200
    hashed = await passwords.hash(long + "a")
    assert await passwords.verify(hashed, long + "a")
    for other in (long + "b", long, long.upper() + "a", " " + long + "a"):
        assert not await passwords.verify(hashed, other)
    passwords.close()
