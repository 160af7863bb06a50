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

        def verify(self, *args: str) -> bool:
            self.verified += 1
            return super().verify(*args)

    hasher = Counting(time_cost=1, memory_cost=64)
    passwords = Passwords(hasher)
    for known in (None, await passwords.hash("x")):
        before = hasher.verified
        await passwords.verify(known, "guess")
        assert hasher.verified == before + 1
    passwords.close()
