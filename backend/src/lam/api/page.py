"""The built page in this package: its files, and its one document for every address of the page.

It serves files and knows nothing of sessions or accounts.
"""

import mimetypes
import re
from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from lam.errors import NotFound

BUILT: Final = Path(__file__).parent.parent / "page"
FOR_EVER: Final = "public, max-age=31536000, immutable"  # names in assets/ contain a hash
# Only our own files run, nothing is loaded from elsewhere, and no string becomes markup or code.
POLICY: Final = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "media-src 'self' blob:",
        "connect-src 'self'",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)
HEADERS: Final = {"Content-Security-Policy": POLICY, "Cache-Control": "no-cache"}
# The document in which diagrams are drawn has no origin (`sandbox`) and loads nothing but scripts of the build.
DIAGRAM: Final = "diagram.html"
DIAGRAM_POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'unsafe-inline'",
        "img-src data:",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'self'",
        "sandbox allow-scripts",
    )
)
# What a document without an origin may load; for browsers it is another origin's.
DIAGRAM_SCRIPT: Final = re.compile(r"diagram\.js|assets/mermaid[A-Za-z0-9._-]*\.js")
LONGEST: Final = 255  # bytes; file systems allow no longer name
# Files of the build have names of these letters. Any other request never reaches the file system.
FILE: Final = re.compile(r"(?:[A-Za-z0-9_-][A-Za-z0-9._-]*/)*[A-Za-z0-9_-][A-Za-z0-9._-]*")
# First parts of addresses for programs. A missing one must not get the document.
PROGRAMS: Final = re.compile(
    r"(?:api|v\d+(?:alpha|beta)?\d*|assets|static-offline-docs|metrics|healthz?|livez|readyz)", re.IGNORECASE
)


def route(folder: Path = BUILT, prefix: str = "") -> Route:
    """Returns the route of the page in `folder`. `prefix`: the path below which browsers find it."""

    async def page(request: Request) -> Response:
        return _answer(folder, request.path_params["path"], request, prefix)

    return Route("/{path:path}", page, methods=["GET", "HEAD"])


def _answer(folder: Path, path: str, request: Request, prefix: str) -> Response:
    """Returns a file of the page, or its document; without a built page, the API's description."""
    file = folder / path if len(path) <= LONGEST and FILE.fullmatch(path) else None
    if file is not None and file.is_file():
        headers = {"Cache-Control": FOR_EVER if path.startswith("assets/") else "no-cache"}
        if path == DIAGRAM:
            headers["Content-Security-Policy"] = DIAGRAM_POLICY
        if DIAGRAM_SCRIPT.fullmatch(path):
            headers["Cross-Origin-Resource-Policy"] = "cross-origin"
        return _file(file, request, headers)
    if not _is_address(path) or not _takes_documents(request):
        raise NotFound
    if not (folder / "index.html").is_file():
        if path:
            raise NotFound
        return RedirectResponse(f"{prefix}/docs")
    if prefix:
        return _below(folder / "index.html", prefix)
    return _file(folder / "index.html", request, HEADERS)


def _below(document: Path, prefix: str) -> Response:
    """Returns the document with its addresses below the prefix. It reads the page's own base from one of them."""
    return HTMLResponse(document.read_text(encoding="utf-8").replace('="/', f'="{prefix}/'), headers=HEADERS)


def _is_address(path: str) -> bool:
    """Returns whether this may be an address in the page: plain words between slashes, not a file, and not the API's."""
    if not path:
        return True
    parts = path.split("/")
    return (
        len(path.encode()) <= LONGEST
        and path.isprintable()
        and not any(sign in path for sign in "%\\\ufffd")
        and all(part and not part.startswith(".") for part in parts)
        and "." not in parts[-1]
        and not PROGRAMS.fullmatch(parts[0])
    )


def _takes_documents(request: Request) -> bool:
    accepted = request.headers.get("accept", "*/*")
    return any(kind in accepted for kind in ("text/html", "application/xhtml+xml", "text/*", "*/*"))


def _file(path: Path, request: Request, headers: dict[str, str]) -> Response:
    """Returns a file, compressed by the build if the browser accepts that."""
    small = path.with_name(path.name + ".gz")
    kind = mimetypes.guess_type(path.name)[0]
    if not small.is_file():
        return FileResponse(path, media_type=kind, headers=headers)
    headers = headers | {"Vary": "Accept-Encoding"}
    if "gzip" not in request.headers.get("accept-encoding", ""):
        return FileResponse(path, media_type=kind, headers=headers)
    return FileResponse(small, media_type=kind, headers=headers | {"Content-Encoding": "gzip"})
