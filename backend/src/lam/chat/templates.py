"""Templates: stored prompts with variables and versions, and the columns a session takes from one.

It knows no model and no run.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from lam.errors import Invalid, NotFound, TooManyTemplates, TooManyVersions
from lam.protocol.chat import LONGEST_TEXT
from lam.protocol.variables import filled, filled_length, variables
from lam.storage.access import Action
from lam.storage.database import Database, UnitOfWork
from lam.storage.models import Session, Template, TemplateVersion

TEMPLATES_OF_USER: Final = 1000
VERSIONS_OF_TEMPLATE: Final = 1000


class Templates:
    """The templates of all users. Another user's template counts as missing; `public` alone lists those of others."""

    def __init__(self, database: Database, *, most: int = TEMPLATES_OF_USER, most_versions: int = VERSIONS_OF_TEMPLATE) -> None:
        """`most`: templates per user. `most_versions`: versions per template."""
        self._database = database
        self._most = most
        self._most_versions = most_versions

    async def all(self, user_id: int) -> list[Template]:
        async with self._database.read() as unit:
            return await unit.templates.of_user(user_id)

    async def get(self, user_id: int, template_id: int) -> Template:
        async with self._database.read() as unit:
            return await require_template(unit, template_id, user_id, "read")

    async def public(self, template_id: int) -> Template:
        async with self._database.read() as unit:
            template = await unit.templates.public(template_id)
        if template is None:
            raise NotFound("There is no such public template.")
        return template

    async def add(self, user_id: int, templates: Sequence[Mapping[str, Any]]) -> list[Template]:
        """Adds all of the templates or none. Each has title, description, content, is_active and is_public. Raises
        TooManyTemplates."""
        now = datetime.now(UTC)
        async with self._database.write() as unit:
            if await unit.templates.count(user_id) + len(templates) > self._most:
                raise TooManyTemplates
            return [
                await unit.templates.add(**values, user_id=user_id, version=1, created_at=now, updated_at=now)
                for values in templates
            ]

    async def change(self, user_id: int, template_id: int, changes: Mapping[str, Any]) -> Template:
        """Changes a template. New content becomes the next version; earlier versions stay. Raises TooManyVersions."""
        async with self._database.write() as unit:
            template = await require_template(unit, template_id, user_id, "change", lock=True)
            is_new = changes.get("content", template.content) != template.content
            if is_new and await unit.templates.count_versions(template_id) >= self._most_versions:
                raise TooManyVersions
            await unit.templates.change(template, {**changes, "updated_at": datetime.now(UTC)})
            return await require_template(unit, template_id, user_id, "read")

    async def delete(self, user_id: int, template_id: int) -> None:
        """Deletes a template. Sessions that used it keep their prompt."""
        async with self._database.write() as unit:
            await require_template(unit, template_id, user_id, "delete")
            await unit.templates.delete(template_id)

    async def versions(self, user_id: int, template_id: int) -> list[TemplateVersion]:
        async with self._database.read() as unit:
            await require_template(unit, template_id, user_id, "read")
            return await unit.templates.versions(template_id)

    async def version(self, user_id: int, template_id: int, version: int) -> TemplateVersion:
        async with self._database.read() as unit:
            await require_template(unit, template_id, user_id, "read")
            earlier = await unit.templates.version(template_id, version)
        if earlier is None:
            raise NotFound(f"The template has no version {version}.")
        return earlier


async def require_template(unit: UnitOfWork, template_id: int, user_id: int, action: Action, *, lock: bool = False) -> Template:
    """Returns the template. Raises NotFound when it does not exist or the user may not do `action` with it."""
    template = await unit.templates.find(template_id, user_id, action, lock=lock)
    if template is None:
        raise NotFound("There is no such template.")
    return template


async def prompt_changes(
    unit: UnitOfWork,
    user_id: int,
    session: Session | None,
    template_id: int | None,
    values: Mapping[str, str] | None,
    system_prompt: str | None,
) -> dict[str, Any]:
    """Returns the changes of a session's columns that a request makes to its prompt. None means unset.

    The template is the request's or, when there are values for it, the session's. Its text becomes the system prompt unless the
    request has its own. A session without a title takes the template's. Raises NotFound, Invalid.
    """
    if template_id is None and values is not None and session is not None:
        template_id = session.template_id
    if template_id is None:
        if values is not None:
            raise Invalid("variables: there is no template to fill; give a template_id.")
        return {} if system_prompt is None else {"system_prompt": system_prompt}
    template = await require_template(unit, template_id, user_id, "read")
    text = prompt_of(template, values) if system_prompt is None else system_prompt
    changes: dict[str, Any] = {"template_id": template.id, "template_version": template.version, "system_prompt": text}
    if session is None or session.title_pending:
        changes |= {"title": template.title, "title_pending": False}
    return changes


def prompt_of(template: Template, values: Mapping[str, str] | None) -> str:
    """Returns the template's text with its variables filled. Without any values, a variable without a default stays as written.

    Raises Invalid, which names missing and unknown variables.
    """
    if values is not None:
        known = {variable.name: variable for variable in variables(template.content)}
        missing = [name for name, variable in known.items() if variable.default is None and name not in values]
        if missing:
            raise Invalid(f"variables: {_list(missing)} must be given for the template {template.title!r}.")
        unknown = [name for name in values if name not in known]
        if unknown:
            raise Invalid(f"variables: the template {template.title!r} has no {_list(unknown)}.")
    length = filled_length(template.content, values or {})
    if length > LONGEST_TEXT:
        raise Invalid(f"variables: the filled prompt would have {length} characters, and {LONGEST_TEXT} are the most.")
    return filled(template.content, values or {})


def _list(names: Sequence[str]) -> str:
    return ", ".join(names[:5])
