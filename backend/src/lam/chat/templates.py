"""Finding a template on behalf of somebody."""

from lam.errors import NotFound
from lam.storage.database import UnitOfWork
from lam.storage.models import Template


async def require_template(unit: UnitOfWork, template_id: int, user_id: int) -> Template:
    """Raises NotFound for an unknown one and for another user's."""
    template = await unit.templates.owned(template_id, user_id)
    if template is None:
        raise NotFound("There is no such template.")
    return template
