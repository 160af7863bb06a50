"""What a model server tells about itself: which kind it is, its models, its context, its slots."""

from typing import Any

from msgspec import Struct

from lam.engines.base import Model


class ServerFacts(Struct, frozen=True):
    """`llama`: the server showed at /props that it is llama.cpp. `n_ctx`: 0 where unknown. `slots`: 0 where unknown."""

    models: tuple[Model, ...]
    llama: bool = False
    n_ctx: int = 0
    slots: int = 0

    def named(self, model: str | None) -> Model | None:
        return next((m for m in self.models if m.name == model), None)


def read_facts(props: Any, models: Any) -> ServerFacts:
    """From the answers of /props (None where there is none) and /v1/models. Anything may be missing."""
    props = props if isinstance(props, dict) else {}
    settings = props.get("default_generation_settings")
    slots = _count(props.get("total_slots"))
    llama = slots > 0 or isinstance(settings, dict)
    n_ctx = _count(settings.get("n_ctx")) if isinstance(settings, dict) else 0
    listed = models.get("data") if isinstance(models, dict) else None
    named = tuple(
        Model(entry["id"], n_ctx or _count(entry.get("max_model_len")) or None)
        for entry in (listed if isinstance(listed, list) else [])
        if isinstance(entry, dict) and isinstance(entry.get("id"), str)
    )
    return ServerFacts(named, llama, n_ctx, slots)


def _count(value: Any) -> int:
    return value if isinstance(value, int) and value > 0 else 0
