"""`/api/chatbot/imports`: conversations from other programs."""

import tempfile
from collections.abc import AsyncIterator
from typing import IO, Annotated, Any

import msgspec
from fastapi import APIRouter, Query, Request
from starlette.responses import StreamingResponse

from lam.api.dependencies import Caller, Parts
from lam.api.errors import answers
from lam.api.received import receive
from lam.api.schemas.imports import ImportPreview, lines_of_progress
from lam.chat.imports.importer import Progress
from lam.errors import Invalid, from_code

router = APIRouter(prefix="/api/chatbot", tags=["chat"])

LINES = "application/x-ndjson"
FILE: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/octet-stream": {"schema": {"type": "string", "format": "binary", "description": "The exported file."}}
        },
    }
}
ANSWER: dict[int | str, dict[str, Any]] = {
    200: {"description": "The preview, or lines of progress.", "content": {LINES: {"schema": lines_of_progress()}}}
}


@router.post(
    "/imports",
    response_model=ImportPreview,
    responses=ANSWER | answers(401, 403, 409, 413, 422, 503),
    openapi_extra=FILE,
    summary="Import conversations from another program",
)
async def import_conversations(
    request: Request,
    caller: Caller,
    parts: Parts,
    dry_run: Annotated[bool, Query(description="Only say what would be imported.")] = False,
) -> Any:
    """Takes the exports of ChatGPT (the ZIP file, or conversations.json), Open WebUI, LibreChat and LAM Studio, up to 256 MiB.

    With `dry_run` the answer is a preview. Without it, it is lines of JSON with the progress. Each conversation is stored by
    itself; one that an earlier import brought is skipped, as long as its session exists. Closing the connection stops the import.
    """
    file = tempfile.TemporaryFile()  # noqa: SIM115  # the stream of progress closes it
    try:
        await receive(request, file)
        if dry_run:
            with file:
                return await parts.imports.preview(caller.user.id, file)
        progress = parts.imports.run(caller.user.id, file)
        first = await anext(progress)
        if first.error is not None and not first.done and not first.skipped:
            raise from_code(first.code or Invalid.code, first.error)
    except BaseException:
        file.close()
        raise
    return _Lines(_written(first, progress, file), media_type=LINES)


class _Lines(StreamingResponse):
    """The progress, which a proxy must not hold back."""

    def __init__(self, content: AsyncIterator[bytes], media_type: str) -> None:
        super().__init__(content, media_type=media_type, headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})


async def _written(first: Progress, progress: AsyncIterator[Progress], file: IO[bytes]) -> AsyncIterator[bytes]:
    with file:
        yield msgspec.json.encode(first) + b"\n"
        async for each in progress:
            yield msgspec.json.encode(each) + b"\n"
