from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from lam.accounts.devices import DEVICE_DAYS, Device, is_of, new_device, signed_device
from lam.storage.models import User

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
KEY = "k" * 32
ADA = User(id=7, email="ada@example.org", password_hash="$argon2id$first", is_admin=False, created_at=NOW)


def known_device(secret_key: str, user: User | None, value: str | None, now: datetime) -> Device | None:
    device = signed_device(secret_key, value, now)
    return device if device is not None and is_of(device, secret_key, user) else None


def test_a_device_is_known_for_a_year_and_keeps_its_name() -> None:
    device = new_device(KEY, ADA, NOW)
    later = known_device(KEY, ADA, device.value, NOW + timedelta(days=DEVICE_DAYS, seconds=-1))
    assert later is not None
    assert later.id == device.id
    assert known_device(KEY, ADA, device.value, NOW + timedelta(days=DEVICE_DAYS, seconds=1)) is None
    assert new_device(KEY, ADA, NOW, device.id).id == device.id
    assert new_device(KEY, ADA, NOW).id != device.id


def test_a_new_password_another_account_and_another_key_end_it() -> None:
    value = new_device(KEY, ADA, NOW).value
    for user in (msgspec.structs.replace(ADA, password_hash="$argon2id$second"), msgspec.structs.replace(ADA, id=8), None):
        assert known_device(KEY, user, value, NOW) is None
    assert known_device("q" * 32, ADA, value, NOW) is None


@pytest.mark.parametrize(
    "value", [None, "", "x", "1.7.99999999999.aa.bb", "1" * 100_000, "1.٧.1.a.b", "\x00", "ünïcode", "1.7.1..", "...."]
)
def test_what_is_no_device_is_ignored(value: str | None) -> None:
    assert known_device(KEY, ADA, value, NOW) is None


def test_no_part_of_it_can_be_changed() -> None:
    value = new_device(KEY, ADA, NOW).value
    for position in range(len(value)):
        forged = value[:position] + ("0" if value[position] != "0" else "1") + value[position + 1 :]
        assert known_device(KEY, ADA, forged, NOW) is None, position
    for more in (value + "0", " " + value, value + "\n", value.upper()):
        assert known_device(KEY, ADA, more, NOW) is None
