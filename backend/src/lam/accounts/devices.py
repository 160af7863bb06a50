"""Known devices: a signed cookie that a good login leaves in a browser, so that nobody else's guesses stand before its owner.

It is no login, only a place in front of the strangers. It names the account, and the account's password hash is part of what is
signed: a new password ends it, and so does the end of the account.
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
_FORM: Final = re.compile(r"1\.(\d{1,10})\.(\d{1,12})\.([0-9a-f]{32})\.([0-9a-f]{64})", re.ASCII)


class Device(Struct, frozen=True):
    """One browser of an account."""

    id: str
    value: str
    expires_at: datetime


def new_device(secret_key: str, user: User, now: datetime, device_id: str | None = None) -> Device:
    """For a year. `device_id`: of the browser where it is known already."""
    device_id = device_id or secrets.token_hex(16)
    expires_at = now + timedelta(days=DEVICE_DAYS)
    signed = f"1.{user.id}.{int(expires_at.timestamp())}.{device_id}"
    return Device(device_id, f"{signed}.{_signature(secret_key, user, signed)}", expires_at)


def known_device(secret_key: str, user: User | None, value: str | None, now: datetime) -> Device | None:
    """None for a cookie that is another account's, expired, forged, or no such thing."""
    parts = _FORM.fullmatch(value) if value and user is not None else None
    if parts is None or user is None or value is None:
        return None
    user_id, expires, device_id, signature = parts.groups()
    expected = _signature(secret_key, user, value.rpartition(".")[0])
    if int(user_id) != user.id or not hmac.compare_digest(signature, expected) or int(expires) <= now.timestamp():
        return None
    return Device(device_id, value, datetime.fromtimestamp(int(expires), UTC))


def _signature(secret_key: str, user: User, signed: str) -> str:
    message = f"lam_device\n{signed}\n{user.password_hash}"
    return hmac.new(secret_key.encode(), message.encode(), hashlib.sha256).hexdigest()
