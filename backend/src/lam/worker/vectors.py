"""Vectors as a worker makes them: the answer of the model's server travels as the text of a job, and a refusal as well.

It must not know the broker.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from lam.engines.base import Batches
from lam.engines.catalog import Catalog
from lam.errors import Invalid, NotSupported
from lam.protocol.events import Chunk, EngineEvent, Finished
from lam.protocol.jobs import VectorAnswer


@asynccontextmanager
async def vectors(catalog: Catalog, model: str | None, fields: dict[str, Any]) -> AsyncIterator[Batches]:
    """Yields a producer of one text: a `VectorAnswer` as JSON."""
    batches = _batches(catalog, model, fields)
    try:
        yield batches
    finally:
        await batches.aclose()


async def _batches(catalog: Catalog, model: str | None, fields: dict[str, Any]) -> Any:
    try:
        answer = VectorAnswer(answer=await catalog.embed(model, fields))
    except (NotSupported, Invalid) as error:
        answer = VectorAnswer(code=error.code, message=error.message)
    batch: list[EngineEvent] = [Chunk(msgspec.json.encode(answer).decode()), Finished("stop")]
    yield batch
