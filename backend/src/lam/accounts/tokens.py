"""Opaque tokens: 256 random bits for the bearer, a keyed hash for the database. It stores nothing."""

import hashlib
import hmac
import secrets

PREFIX = "lam_"


def new_token() -> str:
    return PREFIX + secrets.token_urlsafe(32)


def token_hash(secret_key: str, token: str) -> str:
    """Returns the HMAC-SHA256 in hexadecimal: a stolen database contains nothing that logs anybody in."""
    return hmac.new(secret_key.encode(), token.encode("utf-8", "replace"), hashlib.sha256).hexdigest()
