"""`/docs`: the API's description for people, from our own files, under a policy that allows no other script.

It knows no route of the API.
"""

import base64
import hashlib
import re
from typing import Final

from fastapi import APIRouter
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.responses import HTMLResponse

FILES: Final = "/static-offline-docs"  # the path at which FastAPIOffline serves Swagger UI's files
_PAGE: Final = bytes(
    get_swagger_ui_html(
        openapi_url="/openapi.json",
        title="LAM Studio: the API",
        swagger_js_url=f"{FILES}/swagger-ui-bundle.js",
        swagger_css_url=f"{FILES}/swagger-ui.css",
        swagger_favicon_url=f"{FILES}/favicon.png",
    ).body
)
_SCRIPTS: Final = [
    "'sha256-" + base64.b64encode(hashlib.sha256(script).digest()).decode() + "'"
    for script in re.findall(rb"<script>(.*?)</script>", _PAGE, re.DOTALL)
]
POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        f"script-src 'self' {' '.join(_SCRIPTS)}",
        "style-src 'self' 'unsafe-inline'",  # Swagger UI writes inline styles
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)

router = APIRouter(include_in_schema=False)


@router.get("/docs")
async def docs() -> HTMLResponse:
    return HTMLResponse(_PAGE, headers={"Content-Security-Policy": POLICY, "Cache-Control": "no-cache"})
