"""Nicknames: what may be one, and which two are the same."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lam.accounts.accounts import Identity
from lam.accounts.guests import Guests, folded, nickname_of
from lam.errors import Invalid, Unauthorized
from lam.storage.database import Database

from .. import databases

SOON = datetime.now(UTC) + timedelta(hours=1)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    opened = Database(databases.migrated(tmp_path))
    yield opened
    await opened.close()


@pytest.mark.parametrize(
    "name",
    [
        "Ana",
        "Zoë",
        "Zoe\u0308",
        "陳大文",
        "محمد",
        "नमस्ते",
        "Ο'Μπράιαν",
        "B-2",
        "🦊",
        "a" * 32,
        "Jean  Luc",
        "Ana Анна",
        "\u200b".join(["x"]),
    ],
)
def test_a_name_of_any_script_is_a_nickname(name: str) -> None:
    taken = nickname_of(name)
    assert 1 <= len(taken) <= 32
    assert nickname_of(taken) == taken


@pytest.mark.parametrize(
    "name",
    [
        *("", " ", "\t\n", "a" * 33, "\x00", "a\x07b", "a\x7f", "\x85"),
        *("a\u200bb", "a\u200db", "\u2060a", "\ufeffa", "a\u00adb"),  # zero-width
        *("\u202eana", "ana\u2066", "\u061ca", "a\u200f"),  # bidi
        *("\u3164", "\u115f", "\u2800", "a\ufe0f", "a\U000e0041", "\U000e0101"),  # seen as nothing
        *("\u0301", "a" + "\u0301" * 5, "\ue000", "\u0378", "a\u2028b", "\ud800"),
        *("\u0410da", "P\u0430ul", "An\u03b1 B"),  # a letter of another alphabet that looks the same
    ],
)
def test_what_nobody_can_see_or_read_is_no_nickname(name: str) -> None:
    with pytest.raises(Invalid) as refused:
        nickname_of(name)
    assert refused.value.field == "nickname"


@pytest.mark.parametrize(
    ("one", "other"), [("Ana", "aNA"), ("STRASSE", "straße"), ("Ａｎａ", "ana"), ("Zoe\u0308", "ZOË"), ("ﬁn", "FIN")]
)
def test_names_that_differ_in_case_or_form_are_the_same(one: str, other: str) -> None:
    assert folded(nickname_of(one)) == folded(nickname_of(other))


async def test_a_nickname_is_had_once_in_a_scope_and_its_token_is_good_there_alone(database: Database) -> None:
    guests = Guests(database, secret_key="k")
    async with database.write() as unit:
        ana, token = await guests.enter(unit, "s1", " Ana ", SOON)
        _, elsewhere = await guests.enter(unit, "s2", "ANA", SOON)
    assert (ana.name, ana.scope, ana.is_admin) == ("Ana", "s1", False)
    for name in ("ana", "ＡＮＡ"):
        with pytest.raises(Invalid):
            async with database.write() as unit:
                await guests.enter(unit, "s1", name, SOON)
    with pytest.raises(Invalid):
        async with database.write() as unit:
            await guests.enter(unit, "s1", "Bob", SOON, taken=["BOB"])
    assert (await guests.identify(token, "s1")).user == ana
    assert isinstance(await guests.identify(elsewhere, "s2"), Identity)
    for secret, scope in ((token, "s2"), (elsewhere, "s1"), ("lam_nothing", "s1"), (token, "")):
        with pytest.raises(Unauthorized):
            await guests.identify(secret, scope)


async def test_a_guest_is_in_no_list_of_people_and_has_no_address(database: Database) -> None:
    guests = Guests(database, secret_key="k")
    async with database.write() as unit:
        ana, _ = await guests.enter(unit, "s1", "Ana", SOON)
    async with database.read() as unit:
        assert await unit.users.all() == []
        assert await unit.users.listed() == []
        assert await unit.users.by_email(ana.email) is None


async def test_a_guest_whose_time_is_over_is_nobody(database: Database) -> None:
    guests = Guests(database, secret_key="k")
    async with database.write() as unit:
        _, token = await guests.enter(unit, "s1", "Ana", datetime.now(UTC) - timedelta(seconds=1))
    with pytest.raises(Unauthorized):
        await guests.identify(token, "s1")
