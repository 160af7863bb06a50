"""`/docs`: the API's description for people, from our own files, under a policy that allows no other script.

It knows no route of the API.
"""

import base64
import hashlib
import re
from typing import Final

from fastapi.openapi.docs import get_swagger_ui_html
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route

FILES: Final = "/static-offline-docs"  # the path at which FastAPIOffline serves Swagger UI's files


def route(prefix: str = "") -> Route:
    """Returns the route of the description. `prefix`: the path below which browsers find the gateway."""
    page = _page(prefix)
    headers = {"Content-Security-Policy": _policy(page), "Cache-Control": "no-cache"}

    async def docs(request: Request) -> HTMLResponse:
        return HTMLResponse(page, headers=headers)

    return Route("/docs", docs, methods=["GET"])


def _page(prefix: str) -> bytes:
    return bytes(
        get_swagger_ui_html(
            openapi_url=f"{prefix}/openapi.json",
            title="LAM Studio: the API",
            swagger_js_url=f"{prefix}{FILES}/swagger-ui-bundle.js",
            swagger_css_url=f"{prefix}{FILES}/swagger-ui.css",
            swagger_favicon_url=f"{prefix}{FILES}/favicon.png",
        ).body
    )


def _policy(page: bytes) -> str:
    scripts = [
        "'sha256-" + base64.b64encode(hashlib.sha256(script).digest()).decode() + "'"
        for script in re.findall(rb"<script>(.*?)</script>", page, re.DOTALL)
    ]
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src 'self' {' '.join(scripts)}",
            "style-src 'self' 'unsafe-inline'",  # Swagger UI writes inline styles
            "img-src 'self' data:",
            "font-src 'self'",
            "connect-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        )
    )
