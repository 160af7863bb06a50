"""Known devices: a signed cookie that a successful login leaves in a browser, so that strangers' guesses cannot hold up the owner.

It is not a login, only a place ahead of strangers. It names the account and the version of its password: a new password ends it,
and so does the end of the account.

This module makes and checks the cookie's value. It must not know the cookie or the request.
"""

import hashlib
import hmac
import re
import secrets
from datetime import UTC, datetime, timedelta
from typing import Final

from msgspec import Struct

from lam.storage.models import User

DEVICE_DAYS: Final = 365
_FORM: Final = re.compile(r"1\.(\d{1,10})\.(\d{1,12})\.([0-9a-f]{32})\.([0-9a-f]{32})\.([0-9a-f]{64})", re.ASCII)


class Device(Struct, frozen=True, kw_only=True):
    """One browser of an account. `password`: the version of the account's password at the login."""

    id: str
    user_id: int
    password: str
    value: str
    expires_at: datetime


def new_device(secret_key: str, user: User, now: datetime, device_id: str | None = None) -> Device:
    """Returns a device that is valid for a year. `device_id`: that of a browser known already."""
    device_id = device_id or secrets.token_hex(16)
    expires_at, password = now + timedelta(days=DEVICE_DAYS), _password(secret_key, user)
    signed = f"1.{user.id}.{int(expires_at.timestamp())}.{device_id}.{password}"
    value = f"{signed}.{_mac(secret_key, 'device', signed)}"
    return Device(id=device_id, user_id=user.id, password=password, value=value, expires_at=expires_at)


def signed_device(secret_key: str, value: str | None, now: datetime) -> Device | None:
    """Returns the device in a cookie; None for a forged, expired or malformed one. Makes no query, so forgeries cost nothing."""
    parts = _FORM.fullmatch(value) if value else None
    if parts is None or value is None:
        return None
    user_id, expires, device_id, password, mac = parts.groups()
    if not hmac.compare_digest(mac, _mac(secret_key, "device", value.rpartition(".")[0])) or int(expires) <= now.timestamp():
        return None
    expires_at = datetime.fromtimestamp(int(expires), UTC)
    return Device(id=device_id, user_id=int(user_id), password=password, value=value, expires_at=expires_at)


def is_of(device: Device, secret_key: str, user: User | None) -> bool:
    """Returns whether the device is this account's and the password is unchanged."""
    return user is not None and device.user_id == user.id and hmac.compare_digest(device.password, _password(secret_key, user))


def _password(secret_key: str, user: User) -> str:
    return _mac(secret_key, "password", str(user.password_hash))[:32]


def _mac(secret_key: str, purpose: str, text: str) -> str:
    return hmac.new(secret_key.encode(), f"lam_device {purpose}\n{text}".encode(), hashlib.sha256).hexdigest()
