"""The page, as it was built into this package: its files, and its one document for every address that is the page's own."""

import mimetypes
from pathlib import Path
from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import FileResponse, RedirectResponse, Response

from lam.errors import NotFound

BUILT: Final = Path(__file__).parent.parent / "page"
FOR_EVER: Final = "public, max-age=31536000, immutable"  # what is in assets/ has its hash in its name
# Nothing but our own files runs, nothing is fetched from elsewhere, and no string becomes markup or code.
POLICY: Final = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)
HEADERS: Final = {
    "Content-Security-Policy": POLICY,
    "Cache-Control": "no-cache",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}

router = APIRouter(include_in_schema=False)


@router.get("/{path:path}")
async def page(path: str, request: Request) -> Response:
    """A file of the page, or its document. Without a page that was built: the API's description."""
    if path.startswith("api/") or path == "api":
        raise NotFound
    found = (BUILT / path).resolve()
    if path and found.is_relative_to(BUILT) and found.is_file():
        caching = FOR_EVER if path.startswith("assets/") else "no-cache"
        return _file(found, request, {"Cache-Control": caching, "X-Content-Type-Options": "nosniff"})
    if "." in path.rpartition("/")[2]:
        raise NotFound
    if not (BUILT / "index.html").is_file():
        if path:
            raise NotFound
        return RedirectResponse("/docs")
    return _file(BUILT / "index.html", request, HEADERS)


def _file(path: Path, request: Request, headers: dict[str, str]) -> Response:
    """As the build compressed it, where it did and the browser takes that."""
    small = path.with_name(path.name + ".gz")
    kind = mimetypes.guess_type(path.name)[0]
    if not small.is_file():
        return FileResponse(path, media_type=kind, headers=headers)
    headers = headers | {"Vary": "Accept-Encoding"}
    if "gzip" not in request.headers.get("accept-encoding", ""):
        return FileResponse(path, media_type=kind, headers=headers)
    return FileResponse(small, media_type=kind, headers=headers | {"Content-Encoding": "gzip"})
