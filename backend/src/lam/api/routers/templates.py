"""`/api/templates`: stored prompts, their versions, import and export."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from lam.api.dependencies import Caller, Parts
from lam.api.errors import answers
from lam.api.schemas.base import MAX_ID
from lam.api.schemas.templates import (
    NewTemplate,
    PublicTemplate,
    TemplateAnswer,
    TemplateChanges,
    TemplateFile,
    TemplateVersionAnswer,
    answer,
    listed,
)

router = APIRouter(prefix="/api/templates", tags=["templates"])

TemplateId = Annotated[int, Path(ge=1, le=MAX_ID)]
Version = Annotated[int, Path(ge=1, le=MAX_ID)]


@router.get("", responses=answers(401, 422, 503), summary="List my templates, most recently changed first")
async def list_templates(
    caller: Caller,
    parts: Parts,
    active: Annotated[bool | None, Query(description="Only active (true) or only inactive (false) templates.")] = None,
) -> list[TemplateAnswer]:
    templates = await parts.templates.all(caller.user.id)
    return [answer(template) for template in templates if active is None or template.is_active is active]


@router.post("", status_code=201, responses=answers(401, 403, 409, 422, 503), summary="Create a template")
async def create_template(body: NewTemplate, caller: Caller, parts: Parts) -> TemplateAnswer:
    return answer((await parts.templates.add(caller.user.id, [body.model_dump()]))[0])


@router.get("/export", responses=answers(401, 503), summary="Export my templates")
async def export_templates(caller: Caller, parts: Parts, response: Response) -> TemplateFile:
    """Contains the newest version of each template."""
    response.headers["Content-Disposition"] = 'attachment; filename="templates.json"'
    templates = await parts.templates.all(caller.user.id)
    return TemplateFile(templates=[NewTemplate.model_validate(template) for template in templates])


@router.post("/import", status_code=201, responses=answers(401, 403, 409, 413, 422, 503), summary="Import templates")
async def import_templates(body: TemplateFile, caller: Caller, parts: Parts) -> list[TemplateAnswer]:
    """Each becomes a new template. If one is invalid, none is imported."""
    added = await parts.templates.add(caller.user.id, [template.model_dump() for template in body.templates])
    return [answer(template) for template in added]


@router.get("/public/{template_id}", responses=answers(404, 422, 503), summary="Get a public template")
async def public_template(template_id: TemplateId, parts: Parts) -> PublicTemplate:
    """Needs no login. 404 unless the template is public and active."""
    return answer(await parts.templates.public(template_id))


@router.get("/{template_id}", responses=answers(401, 404, 422, 503), summary="Get a template")
async def get_template(template_id: TemplateId, caller: Caller, parts: Parts) -> TemplateAnswer:
    return answer(await parts.templates.get(caller.user.id, template_id))


@router.patch("/{template_id}", responses=answers(401, 403, 404, 409, 422, 503), summary="Change a template")
async def change_template(template_id: TemplateId, body: TemplateChanges, caller: Caller, parts: Parts) -> TemplateAnswer:
    """Changed content becomes a new version; sessions keep the text they have."""
    return answer(await parts.templates.change(caller.user.id, template_id, body.model_dump(exclude_unset=True)))


@router.delete("/{template_id}", status_code=204, responses=answers(401, 403, 404, 422, 503), summary="Delete a template")
async def delete_template(template_id: TemplateId, caller: Caller, parts: Parts) -> None:
    """Deletes all its versions. Sessions keep the text they have."""
    await parts.templates.delete(caller.user.id, template_id)


@router.get("/{template_id}/versions", responses=answers(401, 404, 422, 503), summary="List the newest 100 versions, newest first")
async def list_versions(template_id: TemplateId, caller: Caller, parts: Parts) -> list[TemplateVersionAnswer]:
    versions = await parts.templates.versions(caller.user.id, template_id)
    return [
        TemplateVersionAnswer(version=one.version, content=one.content, variables=listed(one.content), created_at=one.created_at)
        for one in versions
    ]


@router.get("/{template_id}/versions/{version}", responses=answers(401, 404, 422, 503), summary="Get a version")
async def get_version(template_id: TemplateId, version: Version, caller: Caller, parts: Parts) -> TemplateVersionAnswer:
    one = await parts.templates.version(caller.user.id, template_id, version)
    return TemplateVersionAnswer(version=one.version, content=one.content, variables=listed(one.content), created_at=one.created_at)
