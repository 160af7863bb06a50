"""The models that people may choose. It knows the catalog and no engine."""

from lam.engines.catalog import Catalog
from lam.errors import GenerationError, UnknownModel


async def require_model(catalog: Catalog, model: str) -> None:
    """Raises UnknownModel for a model that no server has. Accepts any while the server cannot be asked; the reply will then
    fail."""
    try:
        known = [model.name for model in await catalog.models()]
    except GenerationError:
        return
    if known and model not in known:
        raise UnknownModel(f"There is no model {model!r}; there is {', '.join(known[:5])}.")
