"""Whether a model sees pictures: what servers list about it, and what they say when they refuse them. Pure.

The fields are those of llama.cpp, OpenRouter, Mistral, LM Studio, Ollama, LiteLLM, GitHub Models, xAI and Fireworks. The refusals
in the tests are those of llama.cpp, vLLM, Ollama, OpenAI, Groq, DeepSeek, OpenRouter, Mistral, LM Studio and Anthropic.
"""

import re
from typing import Any, Final, Literal

COLOURS_ONLY: Final = frozenset({"SmolLM2-135M-Instruct"})
"""Models whose eye only tells eight colours apart: the demo model (`llama/eye.py`)."""

_EYES: Final = frozenset({"image", "images", "vision", "multimodal", "image_input", "image-input", "picture", "pictures"})
_CHATS: Final = frozenset({"completion", "chat"})  # a list that names these names all that the model can do
_KINDS: Final = re.compile(r"vlm|vision|image-text-to-text|multimodal|any-to-any", re.IGNORECASE)
_SWITCHES: Final = ("vision", "supports_vision", "supports_images", "supports_image_input", "image_input", "multimodal")
_PICTURE: Final = r"(image|picture|vision|visual|multi-?modal)s?(_url)?"
_BLIND: Final = re.compile(
    "|".join(
        (
            rf"{_PICTURE}\b.{{0,60}}\b(not|n.t|un|only)\s?-?(be )?(support|enabl|allow|availab|accept|by certain)",
            rf"(not|n.t|cannot|no endpoints?\b.{{0,20}}) (support|accept|have|see|take)\w*(\W+\w+){{0,3}}?\W+{_PICTURE}\b",
            r"not a (multi-?modal|vision)|missing data required for image|content must be a string|mmproj",
            r"unknown variant .?image_url|invalid content type.{0,10}image_url|image_url is only supported",
            r"(expected|should be|valid) (a )?(valid )?string\b.{0,80}(content|list|array)",
        )
    ),
    re.IGNORECASE,
)
_ONE_PICTURE: Final = re.compile(  # the model sees, but not this one
    r"(image|picture|file|media)[_ ]?(format|type|size|data|bytes)|format|mime|decod|download|fetch|corrupt"
    r"|dimension|pixels|resolution|too (large|big)",
    re.IGNORECASE,
)
_TOO_MANY: Final = re.compile(
    rf"at most \d+ {_PICTURE}|too many {_PICTURE}|number of {_PICTURE}.{{0,40}}(more|exceed|maximum|limit|larger)"
    rf"|(maximum|limit|up to)\b.{{0,30}}\d+ {_PICTURE}|only (one|\d+) {_PICTURE}",
    re.IGNORECASE,
)


def sees(entry: Any) -> bool | None:
    """Returns whether the model of this entry in a server's list takes pictures; None when the entry does not say."""
    if not isinstance(entry, dict):
        return None
    architecture = entry.get("architecture")
    architecture = architecture if isinstance(architecture, dict) else {}
    inputs = (
        entry.get("input_modalities"),
        entry.get("supported_input_modalities"),
        architecture.get("input_modalities"),
        entry.get("modalities"),
        architecture.get("modality"),
    )
    for modalities in inputs:
        if (answer := _among(modalities)) is not None:
            return answer
    if any(isinstance(kind := entry.get(name), str) and _KINDS.search(kind) for name in ("type", "task", "pipeline_tag")):
        return True
    capabilities = entry.get("capabilities")
    if isinstance(capabilities, list):
        named = {name.lower() for name in capabilities if isinstance(name, str)}
        return True if named & _EYES else False if named & _CHATS else None
    for source in (capabilities, entry):
        if isinstance(source, dict):
            switches = [source[name] for name in _SWITCHES if isinstance(source.get(name), bool)]
            if switches:
                return any(switches)
    return None


def _among(modalities: Any) -> bool | None:
    """Returns whether pictures are among these: a list, an object of yes and no, or OpenRouter's `text+image->text`."""
    if isinstance(modalities, str):
        taken, arrow, _ = modalities.partition("->")
        return bool(_EYES & set(re.split(r"\W+", taken.lower()))) if arrow else None
    if isinstance(modalities, dict):
        if "input" in modalities:
            return _among(modalities["input"])
        answers = [bool(value) for name, value in modalities.items() if str(name).lower() in _EYES and isinstance(value, bool)]
        return any(answers) if answers else None
    if isinstance(modalities, list) and modalities and all(isinstance(name, str) for name in modalities):
        return bool(_EYES & {name.lower() for name in modalities})
    return None


def complaint(words: str) -> Literal["blind", "too many"] | None:
    """Returns what a refusal of a request with pictures says about them; None when it is about something else."""
    if _TOO_MANY.search(words):
        return "too many"
    return "blind" if _BLIND.search(words) and not _ONE_PICTURE.search(words) else None
