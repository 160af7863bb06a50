"""Keys of programs: made once, hashed, listed, used and revoked."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NoReturn

import pytest
from starlette.requests import Request

from lam.accounts.programs import Program
from lam.api.dependencies import calling_program
from lam.errors import Invalid, NotAllowed, NotFound, TooManyKeys, Unauthorized
from lam.gateway import Bounds
from lam.testing.server import ScriptedServer

from ..running import Gateway, running_gateway


async def calling(gateway: Gateway, **headers: str) -> Program:
    """Returns who calls with these headers, as the routes of `/v1` ask it."""
    pairs = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "method": "POST", "headers": pairs, "state": {"services": gateway.parts}}
    return await calling_program(Request(scope))


async def test_a_key_is_shown_once_and_stored_as_a_hash(gateway: Gateway) -> None:
    async with gateway.client() as client:
        made = await client.call("POST", "/api/keys", {"name": "Notebook"})
        assert made["secret"].startswith("sk-lam-")
        assert made["secret"].startswith(made["key"]["prefix"])
        listed = await client.call("GET", "/api/keys")
    assert listed == [made["key"]]
    assert made["secret"] not in str(listed)
    async with gateway.parts.database.read() as unit:
        rows = await unit._connection.exec_driver_sql("SELECT * FROM keys")
        assert made["secret"] not in str(rows.all())


async def test_a_key_names_its_program_its_owner_and_what_it_may_do(gateway: Gateway) -> None:
    async with gateway.client() as client:
        body = {"name": " Note\tbook ", "scopes": ["models", "chat"], "models": ["tiny"]}
        secret = (await client.call("POST", "/api/keys", body))["secret"]
        key_id = (await client.call("GET", "/api/keys"))[0]["id"]
        odd = "\x1b[31mکتاب\u200cخانه\x9b"
        assert (await client.call("POST", "/api/keys", {"name": odd}))["key"]["name"] == "[31mکتاب\u200cخانه"
        await client.call("DELETE", f"/api/keys/{key_id + 1}")
    for headers in ({"authorization": f"Bearer {secret}"}, {"x_api_key": secret}):
        caller = await calling(gateway, **headers)
        assert (caller.key_id, caller.name, caller.email) == (key_id, "Note book", "local")
        assert caller.group == ("key", key_id)
        assert caller.may_use("tiny")
        assert not caller.may_use("huge")
        caller.require("chat")
        with pytest.raises(NotAllowed):
            caller.require("embeddings")


async def test_a_login_calls_for_programs_as_well_with_every_right(gateway: Gateway) -> None:
    for headers in ({"authorization": f"Bearer {gateway.token}"}, {"x_api_key": gateway.token}):
        caller = await calling(gateway, **headers)
        assert (caller.key_id, caller.name, caller.models) == (None, "local", None)
        assert caller.group == caller.user_id
        caller.require("embeddings")


async def calling_for_ever(gateway: Gateway, secret: str) -> NoReturn:
    while True:
        await calling(gateway, x_api_key=secret)


async def test_a_revoked_an_expired_and_an_unknown_key_call_for_nobody(gateway: Gateway) -> None:
    async with gateway.client() as client:
        used = await client.call("POST", "/api/keys", {"name": "Used"})
        unused = await client.call("POST", "/api/keys", {"name": "Unused"})
        await calling(gateway, x_api_key=used["secret"])
        assert (await client.call("GET", "/api/keys"))[1]["last_used_at"] is not None
        for made in (used, unused):
            await client.call("DELETE", f"/api/keys/{made['key']['id']}")
            with pytest.raises(Unauthorized):
                await calling(gateway, x_api_key=made["secret"])
            with pytest.raises(NotFound):
                await client.call("DELETE", f"/api/keys/{made['key']['id']}")
        assert await client.call("GET", "/api/keys") == []
        lasting = await client.call("POST", "/api/keys", {"name": "Lasting", "expires_at": soon(seconds=3600)})
        await calling(gateway, x_api_key=lasting["secret"])
        short = await client.call("POST", "/api/keys", {"name": "Short", "expires_at": soon(seconds=3)})
        with pytest.raises(Unauthorized):
            await calling_for_ever(gateway, short["secret"])
        assert datetime.now(UTC) >= datetime.fromisoformat(short["key"]["expires_at"])
    for secret in ("sk-lam-", "sk-lam-" + "x" * 43, "sk-lam-\x00", "sk-lam-é"):
        with pytest.raises(Unauthorized):
            await calling(gateway, x_api_key=secret)


async def test_a_key_opens_nothing_but_the_api_for_programs(gateway: Gateway) -> None:
    async with gateway.client() as client:
        secret = (await client.call("POST", "/api/keys", {"name": "Notebook"}))["secret"]
    async with gateway.client(secret) as thief:
        for method, path in (("GET", "/api/keys"), ("POST", "/api/keys"), ("GET", "/api/auth/me"), ("GET", "/api/usage")):
            with pytest.raises(Unauthorized):
                await thief.call(method, path, {"name": "More"} if method == "POST" else None)


@pytest.mark.parametrize(
    "body",
    [
        {"name": " "},
        {"name": "\x1b\x07"},
        {"name": "x" * 81},
        {"name": "a", "scopes": []},
        {"name": "a", "scopes": ["everything"]},
        {"name": "a", "models": []},
        {"name": "a", "models": [""]},
        {"name": "a", "expires_at": "2020-01-01T00:00:00Z"},
        {"name": "a", "expires_at": "0001-01-01T00:00:00+14:00"},
        {"name": "a", "budget": {"runs": -1}},
        {"name": "a", "budget": {"tokens_per_day": 10**18}},
        {"name": "a", "budget": {"tokens_per_week": 1}},
        {"name": "a", "unknown": 1},
    ],
)
async def test_a_key_that_cannot_be_as_it_is_asked_for_is_refused(gateway: Gateway, body: dict[str, Any]) -> None:
    async with gateway.client() as client:
        with pytest.raises(Invalid):
            await client.call("POST", "/api/keys", body)
        assert await client.call("GET", "/api/keys") == []


async def test_nobody_has_more_keys_than_the_gateway_keeps(small: Gateway) -> None:
    async with small.client() as client:
        made = [await client.call("POST", "/api/keys", {"name": str(number)}) for number in range(2)]
        with pytest.raises(TooManyKeys):
            await client.call("POST", "/api/keys", {"name": "one more"})
        await client.call("DELETE", f"/api/keys/{made[0]['key']['id']}")
        await client.call("POST", "/api/keys", {"name": "one more"})


async def test_keys_go_with_their_account(gateway: Gateway) -> None:
    async with await gateway.user("someone@example.org") as someone:
        secret = (await someone.call("POST", "/api/keys", {"name": "Mine", "budget": {"runs": 1}}))["secret"]
        await calling(gateway, x_api_key=secret)
        await someone.call("DELETE", "/api/auth/account", {"password": "correct horse"})
    with pytest.raises(Unauthorized):
        await calling(gateway, x_api_key=secret)


def soon(**time: float) -> str:
    return (datetime.now(UTC) + timedelta(**time)).isoformat()


@pytest.fixture
async def small(scripted: ScriptedServer, tmp_path: Path) -> AsyncIterator[Gateway]:
    async with running_gateway(tmp_path / "data", bounds=Bounds(keys_of_user=2), llm_server_url=scripted.url) as gateway:
        yield gateway
