"""`…/publications` of a session, and the published pages themselves, at `/s/{secret}`."""

from typing import Annotated, Any, Final

import msgspec
from fastapi import APIRouter, Path, Query, Response

from lam.api.dependencies import Caller, Parts
from lam.api.errors import answers
from lam.api.routers.sessions import SessionId
from lam.api.schemas.base import MAX_ID
from lam.api.schemas.publications import MadePublication, PreviewAnswer, PublicationAnswer, PublicationChoices
from lam.chat.publishing import STYLE, Choices, Page, as_file, with_stylesheet
from lam.settings import Settings, prefix_of

router = APIRouter(prefix="/api/chatbot/sessions/{session_id}/publications", tags=["together"])
pages = APIRouter(include_in_schema=False)

PublicationId = Annotated[int, Path(ge=1, le=MAX_ID)]
Asked = Annotated[PublicationChoices, Query()]
STYLESHEET: Final = "/published.css"
HEADERS: Final = {
    "Content-Security-Policy": "sandbox; default-src 'none'; img-src data:; style-src 'self'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex",
}
# Our own page shows the preview in a frame: it takes no markup as a text (Trusted Types).
PREVIEW_HEADERS: Final = HEADERS | {"Content-Security-Policy": HEADERS["Content-Security-Policy"] + "; frame-ancestors 'self'"}
FILE: dict[int | str, dict[str, Any]] = {
    200: {"description": "The page as one HTML file.", "content": {"text/html": {"schema": {"type": "string"}}}}
}
MISSING: Final = Page("Not published", "<h1>Not published</h1>\n<p>There is no page at this address, or it was withdrawn.</p>")


@router.get("/preview", responses=answers(401, 403, 404, 422, 503), summary="Preview a published page")
async def preview(session_id: SessionId, choices: Asked, caller: Caller, parts: Parts) -> PreviewAnswer:
    page = await parts.publishing.page(caller.user.id, session_id, _choices(choices))
    return PreviewAnswer(title=page.title, html=with_stylesheet(page, _stylesheet(parts.settings)))


@router.get(
    "/preview/page",
    response_class=Response,
    responses=FILE | answers(401, 403, 404, 422, 503),
    summary="See a published page before it is one",
)
async def preview_page(session_id: SessionId, choices: Asked, caller: Caller, parts: Parts) -> Response:
    """The document of `preview` itself, for a frame in a page of the same origin."""
    page = await parts.publishing.page(caller.user.id, session_id, _choices(choices))
    document = with_stylesheet(page, _stylesheet(parts.settings))
    return Response(document.encode(), media_type="text/html", headers=PREVIEW_HEADERS)


@router.get(
    "/file",
    response_class=Response,
    responses=FILE | answers(401, 403, 404, 422, 503),
    summary="Get the page as one file",
)
async def file(session_id: SessionId, choices: Asked, caller: Caller, parts: Parts) -> Response:
    """It runs nothing and loads nothing."""
    page = await parts.publishing.page(caller.user.id, session_id, _choices(choices))
    name = f'attachment; filename="session-{session_id}.html"'
    return Response(as_file(page).encode(), media_type="text/html", headers={"Content-Disposition": name})


@router.get("", responses=answers(401, 403, 404, 422, 503), summary="List the published pages of a session")
async def list_publications(session_id: SessionId, caller: Caller, parts: Parts) -> list[PublicationAnswer]:
    found = await parts.publishing.of_session(caller.user.id, session_id)
    return [PublicationAnswer.model_validate(one) for one in found]


@router.post("", status_code=201, responses=answers(401, 403, 404, 409, 422, 503), summary="Publish the shown branch as a page")
async def publish(session_id: SessionId, choices: PublicationChoices, caller: Caller, parts: Parts) -> MadePublication:
    """As it is now: later messages are not in it. The answer has the page's secret, once."""
    secret, made = await parts.publishing.publish(caller.user.id, session_id, _choices(choices))
    return MadePublication(**PublicationAnswer.model_validate(made).model_dump(), secret=secret)


@router.delete(
    "/{publication_id}", status_code=204, responses=answers(401, 403, 404, 422, 503), summary="Withdraw a published page"
)
async def withdraw(session_id: SessionId, publication_id: PublicationId, caller: Caller, parts: Parts) -> None:
    await parts.publishing.withdraw(caller.user.id, session_id, publication_id)


@pages.api_route(STYLESHEET, methods=["GET", "HEAD"])
async def stylesheet() -> Response:
    """A published page has no origin, so to a browser this is another origin's."""
    headers = {"Cross-Origin-Resource-Policy": "cross-origin", "Cache-Control": "no-cache"}
    return Response(STYLE, media_type="text/css", headers=headers)


@pages.api_route("/s/{secret}", methods=["GET", "HEAD"])
async def published(secret: str, parts: Parts) -> Response:
    page = await parts.publishing.find(secret) if len(secret) <= 64 else None
    document = with_stylesheet(page or MISSING, _stylesheet(parts.settings))
    return Response(document.encode(), 200 if page is not None else 404, media_type="text/html", headers=HEADERS)


def _choices(choices: PublicationChoices) -> Choices:
    return msgspec.convert(choices.model_dump(), Choices)


def _stylesheet(settings: Settings) -> str:
    return prefix_of(settings) + STYLESHEET
