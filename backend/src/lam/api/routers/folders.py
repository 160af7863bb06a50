"""`/api/chatbot/folders`."""

from typing import Annotated

from fastapi import APIRouter, Path

from lam.api.dependencies import Caller, Parts
from lam.api.errors import answers
from lam.api.listed import folder_answer
from lam.api.schemas.base import MAX_ID
from lam.api.schemas.folders import FolderAnswer, FolderChanges, NewFolder
from lam.errors import Invalid

router = APIRouter(prefix="/api/chatbot/folders", tags=["sessions"])

FolderId = Annotated[int, Path(ge=1, le=MAX_ID)]


@router.get("", responses=answers(401, 503), summary="List my folders, by name")
async def list_folders(caller: Caller, parts: Parts) -> list[FolderAnswer]:
    return [folder_answer(folder) for folder in await parts.folders.all(caller.user.id)]


@router.post("", status_code=201, responses=answers(401, 403, 409, 422, 503), summary="Create a folder")
async def create_folder(body: NewFolder, caller: Caller, parts: Parts) -> FolderAnswer:
    return folder_answer(await parts.folders.add(caller.user.id, body.name, body.system_prompt, body.model))


@router.patch("/{folder_id}", responses=answers(401, 403, 404, 409, 422, 503), summary="Change a folder")
async def change_folder(folder_id: FolderId, body: FolderChanges, caller: Caller, parts: Parts) -> FolderAnswer:
    """Absent fields stay as they are; null clears the system prompt or the model. New sessions in the folder start with the new
    values."""
    changes = body.model_dump(exclude_unset=True)
    if "name" in changes and changes["name"] is None:
        raise Invalid("name: a folder needs a name.")
    return folder_answer(await parts.folders.change(caller.user.id, folder_id, changes))


@router.delete("/{folder_id}", status_code=204, responses=answers(401, 403, 404, 422, 503), summary="Delete a folder")
async def delete_folder(folder_id: FolderId, caller: Caller, parts: Parts) -> None:
    """Its sessions stay, outside of folders."""
    await parts.folders.delete(caller.user.id, folder_id)
