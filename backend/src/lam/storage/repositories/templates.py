"""Templates with all their versions. Each query includes the person who asks, except for public templates."""

from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, insert, select, update

from lam.storage.access import Action, own, templates_open
from lam.storage.models import Template, TemplateVersion
from lam.storage.repositories.base import Repository
from lam.storage.schema import template_versions, templates

_VERSION = (template_versions.c.version, template_versions.c.content, template_versions.c.created_at)


class Templates(Repository):
    async def add(self, **values: Any) -> Template:
        template = Template(id=await self._inserted(insert(templates).values(**values).returning(templates.c.id)), **values)
        await self._keep(template.id, template.version, template.content, template.created_at)
        return template

    async def find(self, template_id: int, user_id: int, action: Action, *, lock: bool = False) -> Template | None:
        """Returns a template, None unless the user may do `action` with it. `lock`: nobody else can change it until this unit of
        work ends."""
        query = select(templates).where(templates.c.id == template_id, templates_open(action, user_id))
        return await self._one(Template, query.with_for_update() if lock else query)

    async def public(self, template_id: int) -> Template | None:
        query = select(templates).where(templates.c.id == template_id, templates.c.is_public, templates.c.is_active)
        return await self._one(Template, query)

    async def of_user(self, user_id: int) -> list[Template]:
        """Returns the user's templates, last changed first."""
        query = select(templates).where(templates_open("read", user_id))
        return await self._all(Template, query.order_by(templates.c.updated_at.desc(), templates.c.id.desc()))

    async def count(self, user_id: int) -> int:
        query = select(func.count()).where(own(templates, user_id))
        return int((await self._connection.execute(query)).scalar_one())

    async def count_versions(self, template_id: int) -> int:
        query = select(func.count()).where(template_versions.c.template_id == template_id)
        return int((await self._connection.execute(query)).scalar_one())

    async def change(self, template: Template, changes: dict[str, Any]) -> None:
        """Changes a template; new content becomes the next version. Raises Conflict (from the unit of work) for two such changes
        at once."""
        content = changes.get("content", template.content)
        if content != template.content:
            changes = changes | {"version": template.version + 1}
            await self._keep(template.id, template.version + 1, content, changes["updated_at"])
        await self._changed(update(templates).where(templates.c.id == template.id).values(**changes))

    async def delete(self, template_id: int) -> None:
        await self._changed(delete(templates).where(templates.c.id == template_id))

    async def versions(self, template_id: int) -> list[TemplateVersion]:
        """Returns up to a hundred versions, newest first."""
        query = select(*_VERSION).where(template_versions.c.template_id == template_id)
        return await self._all(TemplateVersion, query.order_by(template_versions.c.version.desc()).limit(100))

    async def version(self, template_id: int, version: int) -> TemplateVersion | None:
        query = select(*_VERSION).where(template_versions.c.template_id == template_id, template_versions.c.version == version)
        return await self._one(TemplateVersion, query)

    async def _keep(self, template_id: int, version: int, content: str, now: datetime) -> None:
        row = {"template_id": template_id, "version": version, "content": content, "created_at": now}
        await self._changed(insert(template_versions).values(**row))
