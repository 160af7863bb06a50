"""`/api/media`: pictures, from their upload to the page."""

import tempfile
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from lam.api.dependencies import Caller, Parts, in_room
from lam.api.errors import answers
from lam.api.received import receive
from lam.api.schemas.media import MediaAnswer

router = APIRouter(prefix="/api/media", tags=["media"])

MediaId = Annotated[str, Path(min_length=1, max_length=32, pattern="^[A-Za-z0-9_-]+$")]
ENDINGS: Final = {"image/png": "png", "image/jpeg": "jpg", "image/webp": "webp"}
UPLOAD: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/octet-stream": {
                "schema": {"type": "string", "format": "binary", "description": "The file: PNG, JPEG, WebP, or GIF."}
            }
        },
    }
}
PICTURE: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The picture.",
        "content": {name: {"schema": {"type": "string", "format": "binary"}} for name in ENDINGS},
    }
}
# What somebody uploaded is never a document of ours, whatever a browser thinks of it. An id stands for the same bytes for ever, but
# not for everybody.
HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; sandbox; frame-ancestors 'none'",
    "Cache-Control": "private, max-age=86400, immutable",
    "Vary": "Authorization, Cookie",
}


@router.post(
    "",
    status_code=201,
    responses=answers(401, 403, 409, 413, 422, 429, 503),
    openapi_extra=UPLOAD,
    dependencies=[Depends(in_room)],
    summary="Upload a picture",
)
async def upload(request: Request, caller: Caller, parts: Parts) -> MediaAnswer:
    """The body is the file, up to 20 MiB; its content decides what it is, not its Content-Type. A separate process reads it.

    What is stored is upright and has no metadata; its longest side has up to 1568 pixels; of an animation it is the first picture.

    A picture that no message shows within a day is removed.
    """
    async with parts.media.turn(caller.user.id):
        with tempfile.TemporaryFile() as file:
            await receive(request, file)
            stored = await parts.media.take(caller.user.id, file)
    return MediaAnswer(id=stored.id, width=stored.width, height=stored.height, type=stored.type, bytes=stored.size)


@router.get("/{media_id}", response_class=Response, responses=PICTURE | answers(401, 404, 422, 503), summary="Get a picture")
async def get_picture(
    media_id: MediaId,
    caller: Caller,
    parts: Parts,
    thumb: Annotated[bool, Query(description="Instead a small one, with sides up to 384 pixels.")] = False,
) -> Response:
    content = await parts.media.content(caller.user.id, media_id, thumb=thumb)
    name = f'inline; filename="picture.{ENDINGS[content.type]}"'
    return Response(content.data, media_type=content.type, headers=HEADERS | {"Content-Disposition": name})


@router.delete(
    "/{media_id}",
    status_code=204,
    responses=answers(401, 403, 404, 409, 422, 503),
    summary="Delete a picture that no message shows",
)
async def delete_picture(media_id: MediaId, caller: Caller, parts: Parts) -> None:
    """409: a message shows it; it is deleted with the last one that does."""
    await parts.media.remove(caller.user.id, media_id)
