"""Which models can be asked for."""

from lam.engines.catalog import Catalog
from lam.errors import GenerationError, UnknownModel


async def require_model(catalog: Catalog, model: str) -> None:
    """Raises UnknownModel. While the server cannot be asked nothing is refused: the reply itself will tell."""
    try:
        known = [found.name for found in await catalog.models()]
    except GenerationError:
        return
    if known and model not in known:
        raise UnknownModel(f"There is no model {model!r}; there is {', '.join(known[:5])}.")
