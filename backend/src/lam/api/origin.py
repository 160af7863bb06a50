"""Which pages may use the cookie. A browser sends it with every request, whoever wrote the page.

It looks at headers and never at the body.
"""

from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers

from lam.errors import Forbidden
from lam.settings import Settings

SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})


def require_own_page(settings: Settings, method: str, headers: Headers) -> None:
    """Raises Forbidden for an unsafe request from a page of another origin.

    The origin must be that of LAM_PUBLIC_URL, or else of the Host header, or one of LAM_CORS_ORIGINS. `Sec-Fetch-Site:
    same-origin`, which pages cannot forge, suffices.
    """
    if method in SAFE_METHODS or headers.get("sec-fetch-site") == "same-origin":
        return
    origin = headers.get("origin", "")
    if not origin or origin == "null":
        raise Forbidden("A request with the page's cookie must say which page it comes from.")
    own = settings.lam_public_url
    if own and origin == _origin(own):
        return
    if not own and urlsplit(origin).netloc == headers.get("host"):
        return
    if origin not in settings.lam_cors_origins:
        raise Forbidden(f"Pages of {origin} may not do this; LAM_PUBLIC_URL or LAM_CORS_ORIGINS allows them.")


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
