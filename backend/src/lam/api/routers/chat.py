"""Presets, search, the text of documents, and sessions as files."""

import tempfile
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request, Response
from starlette.datastructures import UploadFile
from starlette.responses import StreamingResponse

from lam.api.dependencies import Caller, Parts, in_room
from lam.api.errors import answers
from lam.api.listed import session_answer
from lam.api.received import receive
from lam.api.routers.sessions import InFolder, SessionId
from lam.api.schemas.search import DocumentAnswer, DocumentKind, DocumentKinds, FoundAnswer, SearchAnswer
from lam.api.schemas.sessions import SessionAnswer
from lam.api.schemas.templates import PresetAnswer
from lam.chat.presets import PRESETS
from lam.documents.kinds import KINDS
from lam.documents.reader import FILE_BYTES
from lam.errors import DocumentTooLarge, Invalid
from lam.protocol.text import valid

router = APIRouter(prefix="/api/chatbot", tags=["chat"])

FILE: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The session as a file.",
        "content": {
            "application/json": {"schema": {"type": "object"}},
            "text/markdown": {"schema": {"type": "string"}},
        },
    }
}
UPLOAD: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {"file": {"type": "string", "format": "binary"}},
                }
            }
        },
    }
}
IMPORT: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"type": "object", "description": "An exported session."}}},
    }
}


@router.get("/presets", summary="List the built-in system prompts")
async def presets() -> list[PresetAnswer]:
    """Needs no login."""
    return [PresetAnswer.model_validate(preset) for preset in PRESETS]


@router.get("/search", responses=answers(401, 404, 422, 503), summary="Search titles and messages")
async def search(
    caller: Caller,
    parts: Parts,
    q: Annotated[
        str, Query(min_length=1, max_length=200, description="Every word must occur in the text as the beginning of a word.")
    ],
    limit: Annotated[int, Query(ge=1, le=100, description="Maximum number of results of each kind.")] = 20,
    folder: InFolder = None,
) -> SearchAnswer:
    """Sessions whose title matches come first, most recently used first; then messages of any branch, newest first."""
    results = await parts.search.find(caller.user.id, valid(q), limit, folder)
    return SearchAnswer(results=[FoundAnswer.model_validate(one) for one in results])


@router.get("/document-kinds", responses=answers(401, 503), summary="List the kinds of files whose text can be read")
async def document_kinds(caller: Caller) -> DocumentKinds:
    """A name without an ending is judged by its content, and so is text with an ending that is not in the list."""
    return DocumentKinds(kinds=[DocumentKind(name=kind.name, endings=list(kind.endings)) for kind in KINDS], most_bytes=FILE_BYTES)


@router.post(
    "/upload-document",
    responses=answers(401, 403, 413, 415, 422, 429, 503),
    openapi_extra=UPLOAD,
    response_model_exclude_none=True,
    dependencies=[Depends(in_room)],
    summary="Extract the text of a document",
)
async def upload_document(request: Request, caller: Caller, parts: Parts) -> DocumentAnswer:
    """Takes the kinds of `document-kinds`, up to 20 MiB. The content must be what the name says. A separate process reads the
    file; nothing is stored.
    """
    async with parts.documents.turn(caller.user.id), request.form(max_files=1, max_fields=10) as form:  # not before the log-in
        file = form.get("file")
        if not isinstance(file, UploadFile):
            raise Invalid("file: send the document as the field `file` of a form.")
        if file.size is not None and file.size > FILE_BYTES:
            raise DocumentTooLarge(f"The file has more than {FILE_BYTES >> 20} MiB.")
        name = valid(file.filename or "document")
        document = await parts.documents.read(name, file.file)
    return DocumentAnswer(filename=name, text=document.text, length=len(document.text), notices=document.notices or None)


@router.get(
    "/sessions/{session_id}/export",
    responses=FILE | answers(401, 403, 404, 422, 503),
    response_class=Response,
    summary="Export a session",
)
async def export_session(
    session_id: SessionId,
    caller: Caller,
    parts: Parts,
    format: Annotated[  # noqa: A002  # the name people expect in the URL
        Literal["json", "markdown"], Query(description="JSON has all branches and can be imported again; Markdown is for reading.")
    ] = "json",
) -> Response:
    if format == "json":
        pieces = await parts.transfer.as_json(caller.user.id, session_id)
        return StreamingResponse(pieces, media_type="application/json", headers=_attached(f"session-{session_id}.json"))
    text = await parts.transfer.as_markdown(caller.user.id, session_id)
    return Response(text.encode(), media_type="text/markdown", headers=_attached(f"session-{session_id}.md"))


def _attached(name: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{name}"'}


@router.post(
    "/sessions/import",
    status_code=201,
    responses=answers(401, 403, 409, 413, 422, 503),
    openapi_extra=IMPORT,
    summary="Import an exported session",
)
async def import_session(request: Request, caller: Caller, parts: Parts) -> SessionAnswer:
    """Creates a new session with all branches and pictures. Nothing is stored if the file is invalid."""
    with tempfile.TemporaryFile() as file:
        size = await receive(request, file)
        return session_answer(await parts.transfer.import_file(caller.user.id, file, size), parts.sessions)
