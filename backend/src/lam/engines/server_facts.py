"""The facts a model server reports about itself: its kind, models, context and slots.

Pure: it reads answers and sends no requests.
"""

import re
from typing import Any, Final

from msgspec import Struct

from lam.engines.sight import sees
from lam.engines.tags import BARE_OPENERS

_NO_CHAT: Final = re.compile(
    r"(^|[^a-z])(text-?)?(embed(ding)?s?|rerank(er)?|colbert|bge|e5|gte|minilm|nomic-embed\S*|whisper|tts|stt|asr|parler|kokoro|clip"
    r"|dall-?e|stable-?diffusion|sdxl|flux|moderation|guard)([^a-z]|$)",
    re.IGNORECASE,
)


class Model(Struct, frozen=True):
    """A model in the server's list. `n_ctx`: context tokens per slot. `images`: it takes pictures. None when the server does not
    say."""

    name: str
    n_ctx: int | None = None
    images: bool | None = None


class ServerFacts(Struct, frozen=True, kw_only=True):
    """What a server reported. `llama`: /props shows that it is llama.cpp. `router`: it loads a model when a request names it.

    `n_ctx`, `slots`: 0 when unknown. `images`: all its models take pictures, or none does; None when it does not say. `tools`,
    `json`, `thinking`: the same for calls of tools, answers in a form, and thoughts; only llama.cpp says. `default`: the model for
    requests without one, None when none is listed.
    """

    models: tuple[Model, ...]
    llama: bool = False
    n_ctx: int = 0
    slots: int = 0
    router: bool = False
    images: bool | None = None
    tools: bool | None = None
    json: bool | None = None
    thinking: bool | None = None
    default: str | None = None

    def named(self, model: str | None) -> Model | None:
        return next((m for m in self.models if m.name == model), None)

    def sees(self, model: str | None) -> bool | None:
        """Returns whether the model takes pictures, None when the server does not say."""
        known = self.named(model)
        return known.images if self.images is None and known is not None else self.images


def read_facts(props: Any, models: Any) -> ServerFacts:
    """Returns the facts in the answers of /props (None when there is none) and /v1/models. Anything may be missing."""
    props = props if isinstance(props, dict) else {}
    settings = props.get("default_generation_settings")
    slots = _count(props.get("total_slots"))
    router = props.get("role") == "router"
    llama = slots > 0 or isinstance(settings, dict) or router
    n_ctx = _count(settings.get("n_ctx")) if isinstance(settings, dict) else 0
    listed = models.get("data") if isinstance(models, dict) else models
    entries = [entry for entry in (listed if isinstance(listed, list) else []) if isinstance(entry, dict)]
    entries = [entry for entry in entries if isinstance(entry.get("id"), str)]
    named = tuple(Model(entry["id"], n_ctx or _context(entry) or None, sees(entry)) for entry in entries)
    return ServerFacts(
        models=named,
        llama=llama,
        n_ctx=n_ctx,
        slots=slots,
        router=router,
        images=None if router else sees({"modalities": props.get("modalities")}),
        tools=None if router else _calls(props),
        json=True if llama and not router else None,  # it holds any model to a grammar
        thinking=None if router else _thinks(props),
        default=_default(entries),
    )


def _calls(props: dict[str, Any]) -> bool | None:
    """Returns whether the model's template knows tools, None when it does not say. A template may say so and be wrong."""
    known = props.get("chat_template_caps")
    answers = [known.get(name) for name in ("supports_tools", "supports_tool_calls")] if isinstance(known, dict) else []
    return all(answers) if answers and all(isinstance(answer, bool) for answer in answers) else None


def _thinks(props: dict[str, Any]) -> bool | None:
    """Returns whether the model's template has a place for thoughts, None without a template."""
    template = props.get("chat_template")
    if not isinstance(template, str) or not template:
        return None
    return any(sign in template for sign in (*BARE_OPENERS, "enable_thinking", "reasoning_content"))


def _default(entries: list[dict[str, Any]]) -> str | None:
    """Returns the first chat model, preferably a loaded one; the first model when none looks like a chat model."""
    chat = [entry for entry in entries if _chats(entry)]
    ready = [entry for entry in chat if _loaded(entry)]
    first = next(iter(ready or chat or entries), None)
    return None if first is None else str(first["id"])


def _chats(entry: dict[str, Any]) -> bool:
    """Returns whether a model can chat, from the server's description or else from its name."""
    kinds = {str(entry.get(name) or "").lower() for name in ("type", "task", "pipeline_tag", "mode", "object")}
    if any(re.search(r"embed|rerank|feature|transcription|speech|image_generation|moderation", kind) for kind in kinds):
        return False
    capabilities = entry.get("capabilities")
    if isinstance(capabilities, dict) and isinstance(capabilities.get("completion_chat"), bool):
        return bool(capabilities["completion_chat"])
    if isinstance(capabilities, list) and capabilities and all(isinstance(name, str) for name in capabilities):
        return not {"embedding", "embeddings", "rerank"} & set(capabilities) or bool({"completion", "chat"} & set(capabilities))
    architecture = entry.get("architecture")
    outputs = architecture.get("output_modalities") if isinstance(architecture, dict) else None
    if isinstance(outputs, list) and outputs and "text" not in outputs:
        return False
    return _NO_CHAT.search(str(entry["id"])) is None


def _loaded(entry: dict[str, Any]) -> bool:
    status = entry.get("status")
    state = status.get("value") if isinstance(status, dict) else entry.get("state", status)
    return state == "loaded"


def _context(entry: dict[str, Any]) -> int:
    """Returns the context in tokens, from the fields of vLLM, OpenRouter, LM Studio, Mistral, Together and llama.cpp."""
    meta = entry.get("meta")
    names = ("max_model_len", "loaded_context_length", "context_length", "max_context_length", "context_window", "max_input_tokens")
    counts = [_count(entry.get(name)) for name in names] + [_count(meta.get("n_ctx")) if isinstance(meta, dict) else 0]
    return next((count for count in counts if count), 0)


def _count(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0
