"""Strangers who register, guess and log in as fast as they can: who is affected, and who is not."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from lam.testing.server import ScriptedServer

from ..running import Gateway, running_gateway
from ..waiting import until

ADA = {"email": "ada@example.org", "password": "correct horse"}
GRACE = {"email": "grace@example.org", "password": "another horse"}
HOME, OFFICE, ATTACKER = "198.51.100.1", "198.51.100.2", "203.0.113.66"


class Person:
    """Somebody at an address, with a browser that keeps cookies or a program that keeps none."""

    def __init__(self, gateway: Gateway, address: str) -> None:
        self._gateway = gateway
        self.address = address
        self.cookies: dict[str, str] = {}

    async def post(self, path: str, body: Any, method: str = "POST") -> tuple[int, dict[str, Any]]:
        headers = {"X-Forwarded-For": self.address, "Origin": self._gateway.url}
        async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar(), headers=headers) as http:
            url = self._gateway.url + path
            async with http.request(method, url, json=body, headers={"Cookie": self._cookie()}) as response:
                for header in response.headers.getall("Set-Cookie", []):
                    self.cookies |= {name: morsel.value for name, morsel in SimpleCookie(header).items()}
                return response.status, await response.json() if response.status != 204 else {}

    async def log_in(self, account: dict[str, str]) -> int:
        return (await self.post("/api/auth/login", account))[0]

    async def register(self, account: dict[str, str]) -> int:
        return (await self.post("/api/auth/register", account))[0]

    def _cookie(self) -> str:
        return "; ".join(f"{name}={value}" for name, value in self.cookies.items() if value)


@contextlib.asynccontextmanager
async def flood(*attacks: Any) -> AsyncIterator[list[int]]:
    """Each attack again and again while the body runs, which begins when all of them have; the statuses that came."""
    statuses: list[int] = []
    begun = 0

    async def again(attack: Any) -> None:
        nonlocal begun
        begun += 1
        while True:
            statuses.append(await attack())
            await asyncio.sleep(0.01)  # Time itself: the attackers leave the gateway, in this process, some of it

    running = [asyncio.create_task(again(attack)) for attack in attacks]
    await until(lambda: begun == len(attacks))
    try:
        yield statuses
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def test_looping_registrations_are_slowed_down_and_lock_nobody_out(gateway: Gateway) -> None:
    ada, attacker = Person(gateway, HOME), Person(gateway, ATTACKER)
    assert await ada.register(ADA) == 201
    numbers = iter(range(10_000))

    async def register() -> int:
        return await attacker.register({"email": f"x{next(numbers)}@example.org", "password": "battery staple"})

    async with flood(*[register] * 30) as statuses:
        while 429 not in statuses:
            await asyncio.sleep(0.05)
        assert await ada.log_in(ADA) == 200
        assert await Person(gateway, OFFICE).register(GRACE) == 201
        assert await attacker.log_in(GRACE) == 200, "another purpose has another budget"
    assert set(statuses) == {201, 429}
    assert statuses.count(201) < 70


async def test_a_refusal_says_how_long_to_wait(gateway: Gateway) -> None:
    gateway.parts.accounts._budgets.registration._clock = lambda: 0.0  # nothing is given back meanwhile
    attacker = Person(gateway, ATTACKER)
    for _ in range(60):
        await attacker.register({"email": "nobody", "password": "battery staple"})
    async with aiohttp.ClientSession(headers={"X-Forwarded-For": ATTACKER}) as http:
        async with http.post(gateway.url + "/api/auth/register", json=ADA) as response:
            assert (response.status, (await response.json())["code"]) == (429, "too_many_attempts")
            assert 1 <= int(response.headers["Retry-After"]) <= 10


@pytest.mark.parametrize("target", ["ada@example.org", "nobody@example.org"])
async def test_waiting_guesses_from_one_address_hold_up_no_other_address(gateway: Gateway, target: str) -> None:
    assert await Person(gateway, HOME).register(ADA) == 201
    assert await Person(gateway, HOME).register(GRACE) == 201
    attacker = Person(gateway, ATTACKER)

    async def guess() -> int:
        return await attacker.log_in({"email": target, "password": "a wrong guess"})

    async with flood(*[guess] * 60) as statuses:
        assert await Person(gateway, OFFICE).log_in(GRACE) == 200
    assert set(statuses) <= {401, 429}


async def test_an_attacker_with_many_addresses_of_one_ipv6_network_counts_as_one(gateway: Gateway) -> None:
    addresses = iter(range(1, 10_000))

    async def register() -> int:
        number = next(addresses)
        return await Person(gateway, f"2001:db8:0:1::{number:x}").register({"email": "no address", "password": "battery staple"})

    statuses = [await register() for _ in range(70)]
    assert statuses.count(422) <= 62
    assert 429 in statuses
    assert await Person(gateway, "2001:db8:0:2::1").register(ADA) == 201


@pytest.mark.parametrize("address", [ATTACKER, OFFICE], ids=["behind the same address", "elsewhere"])
async def test_a_known_device_gets_in_while_strangers_guess_at_its_account(gateway: Gateway, address: str) -> None:
    ada, attacker = Person(gateway, HOME), Person(gateway, ATTACKER)
    await ada.register(ADA)
    assert await ada.log_in(ADA) == 200
    ada.address = address

    async def guess() -> int:
        return await attacker.log_in(ADA | {"password": "a wrong guess"})

    async def guess_another() -> int:
        return await attacker.log_in(GRACE)

    async def for_ever(_: float) -> None:
        await asyncio.Event().wait()

    gateway.parts.accounts._budgets.login._sleep = for_ever  # so long a stranger waits
    async with flood(*[guess] * 20, *[guess_another] * 40) as statuses:
        while 429 not in statuses:
            await asyncio.sleep(0.05)
        for _ in range(5):
            assert await ada.log_in(ADA) == 200


async def test_a_known_device_has_five_guesses_a_minute_of_its_own(gateway: Gateway) -> None:
    ada = Person(gateway, HOME)
    await ada.register(ADA)
    assert await ada.log_in(ADA) == 200
    gateway.parts.accounts._budgets.device._clock = lambda: 0.0  # nothing is given back meanwhile
    assert [await ada.log_in(ADA | {"password": "a wrong guess"}) for _ in range(7)] == [401] * 5 + [429] * 2
    assert await Person(gateway, OFFICE).log_in(ADA) == 200, "a stranger's budget is another one"


async def test_a_device_of_another_account_a_forged_and_an_oversized_one_are_ignored(gateway: Gateway) -> None:
    ada, grace = Person(gateway, HOME), Person(gateway, HOME)
    for person, account in ((ada, ADA), (grace, GRACE)):
        await person.register(account)
        assert await person.log_in(account) == 200
    device = ada.cookies["lam_device"]
    for value in (grace.cookies["lam_device"], device[:-1] + ("0" if device[-1] != "0" else "1"), "1" * 4000, "a.b.c", "%00"):
        stranger = Person(gateway, OFFICE)
        stranger.cookies = {"lam_device": value}
        assert await stranger.log_in(ADA) == 200
    guesser = Person(gateway, "192.0.2.7")
    guesser.cookies = {"lam_device": grace.cookies["lam_device"]}
    statuses = [await guesser.log_in(ADA | {"password": "a wrong guess"}) for _ in range(5)]
    assert statuses == [401] * 5
    assert await grace.log_in(GRACE) == 200, "nobody's guesses use up another's budget"


@pytest.mark.parametrize("how", ["by its owner", "by an admin", "by the command"])
async def test_a_new_password_ends_the_known_devices(scripted: ScriptedServer, tmp_path: Path, how: str) -> None:
    new = "quite another horse"
    async with running_gateway(tmp_path / "data", llm_server_url=scripted.url) as gateway:
        ada = Person(gateway, HOME)
        await ada.register(ADA)
        assert await ada.log_in(ADA) == 200
        device = ada.cookies["lam_device"]
        users = gateway.parts.administration
        listed = next(user for user in await users.users() if user.email == ADA["email"])
        if how == "by its owner":
            body = {"current_password": ADA["password"], "new_password": new}
            assert (await ada.post("/api/auth/change-password", body))[0] == 204
        elif how == "by an admin":
            async with gateway.client() as admin:
                await admin.call("PATCH", f"/api/admin/users/{listed.id}", {"password": new})
        else:
            from ..cli.test_commands import environment, run

            assert (await run("users", "password", ADA["email"], "--password", new, env=environment(tmp_path / "data"))).code == 0
        ada.cookies = {"lam_device": device}
        changed = ADA | {"password": new}
        statuses = [await ada.log_in(ADA) for _ in range(4)] + [await ada.log_in(changed)]
        assert statuses == [401] * 4 + [200]
        assert ada.cookies["lam_device"] != device
        renewed = ada.cookies["lam_device"].split(".")
        assert renewed[3] != device.split(".")[3], "it is another device now"


async def test_the_device_cookie_is_for_this_gateway_alone_and_lasts_a_year(scripted: ScriptedServer, tmp_path: Path) -> None:
    for public, secure in ((None, False), ("https://chat.example.org", True)):
        data = tmp_path / str(secure)
        async with running_gateway(data, llm_server_url=scripted.url, lam_public_url=public) as gateway:
            async with await gateway.user(ADA["email"]), aiohttp.ClientSession() as http:
                async with http.post(gateway.url + "/api/auth/login", json=ADA) as response:
                    (cookie,) = [value for value in response.headers.getall("Set-Cookie") if "lam_device=" in value]
        about = SimpleCookie(cookie)["__Host-lam_device" if secure else "lam_device"]
        assert (bool(about["httponly"]), about["samesite"].lower(), bool(about["secure"])) == (True, "lax", secure)
        assert about["path"] == "/"
        assert timedelta(days=364) < parsedate_to_datetime(about["expires"]) - datetime.now(UTC) < timedelta(days=366)
        assert ADA["email"] not in cookie


async def test_logging_out_leaves_the_device_known_and_deleting_the_account_does_not(gateway: Gateway) -> None:
    ada = Person(gateway, HOME)
    await ada.register(ADA)
    await ada.log_in(ADA)
    assert (await ada.post("/api/auth/logout", None))[0] == 204
    assert ada.cookies["lam_device"]
    assert not ada.cookies["lam_token"]
    await ada.log_in(ADA)
    assert (await ada.post("/api/auth/account", {"password": ADA["password"]}, "DELETE"))[0] == 204
    assert not ada.cookies["lam_device"]
    assert not ada.cookies["lam_token"]


async def test_guesses_at_the_current_password_are_counted_for_each_purpose(gateway: Gateway) -> None:
    ada = Person(gateway, HOME)
    await ada.register(ADA)
    await ada.log_in(ADA)
    for budget in (gateway.parts.accounts._budgets.change, gateway.parts.accounts._budgets.delete):
        budget._clock = lambda: 0.0  # nothing is given back meanwhile
    change = {"current_password": "a wrong guess", "new_password": "quite another horse"}
    assert [(await ada.post("/api/auth/change-password", change))[0] for _ in range(6)] == [403] * 5 + [429]
    gone = {"password": "a wrong guess"}
    assert [(await ada.post("/api/auth/account", gone, "DELETE"))[0] for _ in range(6)] == [403] * 5 + [429]
    assert await Person(gateway, OFFICE).log_in(ADA) == 200
