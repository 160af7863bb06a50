"""Templates, always asked for together with their owner."""

from sqlalchemy import select

from lam.storage.models import Template
from lam.storage.repositories.base import Repository
from lam.storage.schema import templates


class Templates(Repository):
    async def owned(self, template_id: int, user_id: int) -> Template | None:
        columns = (templates.c.id, templates.c.title, templates.c.content)
        return await self._one(Template, select(*columns).where(templates.c.id == template_id, templates.c.user_id == user_id))
