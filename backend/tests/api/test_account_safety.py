"""What protects an account from its owner's habits, and tells its owner what happened."""

import logging
from pathlib import Path

import aiohttp
import pytest

from lam.client.client import Client
from lam.errors import Forbidden, Invalid, Unauthorized

from ..cli.test_commands import environment, run
from ..running import Gateway

ADA = {"email": "ada@example.org", "password": "correct horse"}
BAD = ["password", "12345678", " " * 8, "ada@example.org", "aaaaaaaa", "short"]


@pytest.mark.parametrize("password", BAD)
async def test_a_bad_password_is_refused_wherever_one_is_chosen(gateway: Gateway, tmp_path: Path, password: str) -> None:
    async with await gateway.user(ADA["email"]) as ada, Client(gateway.url) as nobody, gateway.client() as admin:
        (listed,) = [user for user in await admin.call("GET", "/api/admin/users") if user["email"] == ADA["email"]]
        new = {"email": "b@example.org" if password != ADA["email"] else ADA["email"], "password": password}
        for client, method, path, body in (
            (nobody, "POST", "/api/auth/register", new),
            (admin, "POST", "/api/admin/users", new),
            (admin, "PATCH", f"/api/admin/users/{listed['id']}", {"password": password}),
            (ada, "POST", "/api/auth/change-password", {"current_password": ADA["password"], "new_password": password}),
        ):
            with pytest.raises(Invalid, match="password"):
                await client.call(method, path, body)
        assert await nobody.call("POST", "/api/auth/login", ADA)
    ran = await run("users", "password", ADA["email"], "--password", password, env=environment(tmp_path / "data"))
    assert (ran.code, ran.err.count("\n")) == (1, 1)
    assert "password: " in ran.err


async def test_a_password_of_an_earlier_release_still_logs_in(gateway: Gateway) -> None:
    from argon2 import PasswordHasher

    async with await gateway.user(ADA["email"]), Client(gateway.url) as nobody:
        database = gateway.parts.database
        async with database.write() as unit:
            user = await unit.users.by_email(ADA["email"])
            assert user is not None
            await unit.users.set_password(user.id, PasswordHasher().hash("password"))
        assert await nobody.call("POST", "/api/auth/login", ADA | {"password": "password"})


@pytest.mark.parametrize("typed", ["Zwölf große Boxkämpfer", "Zwo\u0308lf große Boxka\u0308mpfer", "Ｚwölf große Boxkämpfer"])
async def test_a_password_may_hold_any_letters_and_is_the_same_on_every_keyboard(gateway: Gateway, typed: str) -> None:
    async with Client(gateway.url) as nobody:
        await nobody.call("POST", "/api/auth/register", ADA | {"password": "Zwölf große Boxkämpfer"})
        assert await nobody.call("POST", "/api/auth/login", ADA | {"password": typed})
        with pytest.raises(Unauthorized):
            await nobody.call("POST", "/api/auth/login", ADA | {"password": typed.upper()})


async def test_a_new_login_in_a_browser_ends_the_one_before_and_no_other(gateway: Gateway) -> None:
    origin = {"Origin": gateway.url}
    async with (
        await gateway.user(ADA["email"]) as program,
        aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True), headers=origin) as browser,
        aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True), headers=origin) as other_browser,
    ):
        tokens = []
        for page in (other_browser, browser, browser, browser):
            async with page.post(gateway.url + "/api/auth/login", json=ADA) as response:
                tokens.append((await response.json())["access_token"])
        for page, status in ((browser, 200), (other_browser, 200)):
            async with page.get(gateway.url + "/api/auth/me") as response:
                assert response.status == status
        for token in tokens[1:-1]:
            with pytest.raises(Unauthorized):
                async with gateway.client(token) as client:
                    await client.call("GET", "/api/auth/me")
        async with browser.post(gateway.url + "/api/auth/login", json=ADA | {"password": "wrong horse"}) as response:
            assert response.status == 401
        async with browser.get(gateway.url + "/api/auth/me") as response:
            assert response.status == 200, "a login that fails ends nothing"
        assert len(await program.call("GET", "/api/auth/tokens")) == 3


async def test_another_person_at_the_same_browser_ends_the_first_ones_login(gateway: Gateway) -> None:
    grace = ADA | {"email": "grace@example.org"}
    async with (
        await gateway.user(ADA["email"]),
        await gateway.user(grace["email"]),
        aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True), headers={"Origin": gateway.url}) as browser,
    ):
        async with browser.post(gateway.url + "/api/auth/login", json=ADA) as response:
            first = (await response.json())["access_token"]
        async with browser.post(gateway.url + "/api/auth/login", json=grace) as response:
            assert response.status == 200
        with pytest.raises(Unauthorized):
            async with gateway.client(first) as client:
                await client.call("GET", "/api/auth/me")


async def test_this_machines_own_token_ends_with_no_login(gateway: Gateway) -> None:
    async with await gateway.user(ADA["email"]), aiohttp.ClientSession(headers={"Origin": gateway.url}) as browser:
        headers = {"Cookie": f"lam_token={gateway.token}"}
        async with browser.post(gateway.url + "/api/auth/login", json=ADA, headers=headers) as response:
            assert response.status == 200
    async with gateway.client() as local:
        assert await local.call("GET", "/api/auth/me")


async def test_deleting_an_account_asks_for_the_password(gateway: Gateway) -> None:
    async with await gateway.user(ADA["email"]) as ada:
        for body, error in (
            (None, Invalid),
            ({}, Invalid),
            ({"password": None}, Invalid),
            ({"password": "wrong horse"}, Forbidden),
        ):
            with pytest.raises(error):
                await ada.call("DELETE", "/api/auth/account", body)
        assert await ada.call("GET", "/api/auth/me")
        await ada.call("DELETE", "/api/auth/account", {"password": ADA["password"]})
        with pytest.raises(Unauthorized):
            await ada.call("GET", "/api/auth/me")


async def test_what_happens_to_an_account_is_logged_without_its_secrets(gateway: Gateway, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "lam.accounts")
    new = "quite another horse"
    async with Client(gateway.url) as nobody, gateway.client() as admin:
        number = (await nobody.call("POST", "/api/auth/register", ADA))["id"]
        login = await nobody.call("POST", "/api/auth/login", ADA)
        for account in (ADA | {"password": "wrong horse"}, ADA | {"email": "nobody@example.org"}):
            with pytest.raises(Unauthorized):
                await nobody.call("POST", "/api/auth/login", account)
        async with gateway.client(login["access_token"]) as ada:
            for current in ("wrong horse", ADA["password"]):
                body = {"current_password": current, "new_password": new}
                try:
                    await ada.call("POST", "/api/auth/change-password", body)
                except Forbidden:
                    pass
            with pytest.raises(Forbidden):
                await ada.call("DELETE", "/api/auth/account", {"password": "wrong horse"})
            await admin.call("PATCH", f"/api/admin/users/{number}", {"is_admin": True})
            await admin.call("PATCH", f"/api/admin/users/{number}", {"password": ADA["password"]})
        login = await nobody.call("POST", "/api/auth/login", ADA)
        async with gateway.client(login["access_token"]) as ada:
            await ada.call("DELETE", "/api/auth/account", {"password": ADA["password"]})
    said = [record.getMessage() for record in caplog.records if record.name.startswith("lam.accounts")]
    assert said == [
        f"Account {number} was registered from 127.0.0.1",
        f"Login to account {number} from 127.0.0.1",
        f"Failed login from 127.0.0.1: account {number}",
        "Failed login from 127.0.0.1: no such account",
        f"Failed change of the password of account {number} from 127.0.0.1: wrong password",
        f"The password of account {number} was changed from 127.0.0.1",
        f"Failed deletion of account {number} from 127.0.0.1: wrong password",
        f"Account {number} became an admin, by admin 1",
        f"The password of account {number} was set by admin 1",
        f"Login to account {number} from 127.0.0.1",
        f"Account {number} was deleted by its owner from 127.0.0.1",
    ]
    everything = "\n".join(record.getMessage() for record in caplog.records)
    for secret in (ADA["password"], "wrong horse", new, login["access_token"], "nobody@"):
        assert secret not in everything
