"""`/api/admin/configuration`: the servers and models of lam.toml, and reading them again.

Whoever is no admin gets 403.
"""

from fastapi import APIRouter

from lam.api.dependencies import Admin, Parts
from lam.api.errors import answers
from lam.api.schemas.configuration import ConfigurationAnswer, ConfiguredModel, ConfiguredServer
from lam.api.services import Services

router = APIRouter(prefix="/api/admin/configuration", tags=["admin"])


@router.get("", responses=answers(401, 403, 503), summary="Show the servers and the models")
async def configuration(_admin: Admin, parts: Parts) -> ConfigurationAnswer:
    return await _answer(parts)


@router.post("/reload", responses=answers(401, 403, 422, 503), summary="Read lam.toml again")
async def reload(_admin: Admin, parts: Parts) -> ConfigurationAnswer:
    """Runs go on where they are. A file with a mistake is answered with 422, and the earlier configuration stays in force."""
    await parts.configured.reload()
    return await _answer(parts)


async def _answer(parts: Services) -> ConfigurationAnswer:
    now = parts.configured.now
    states = {state.name: state for state in await parts.catalog.states()}
    servers = [
        ConfiguredServer(
            name=server.name,
            kind=server.kind,
            address=server.where,
            state=state.health.state,
            detail=state.health.detail,
            is_avoided=state.is_avoided,
            models=list(state.models),
            places=state.places,
            busy=state.busy,
        )
        for server in now.servers
        if (state := states.get(server.name)) is not None
    ]
    models = [
        ConfiguredModel(
            name=model.name,
            routes=[str(route) for route in model.routes],
            users=list(model.users),
            groups=list(model.groups),
        )
        for model in now.models
    ]
    return ConfigurationAnswer(file=str(now.source) if now.source else None, servers=servers, models=models)
