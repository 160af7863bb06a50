"""Which models see pictures, by what their servers list and by how they refuse."""

from typing import Any

import pytest

from lam.engines.server_facts import read_facts
from lam.engines.sight import complaint, sees

LISTED: list[tuple[str, dict[str, Any], bool | None]] = [
    ("OpenRouter", {"architecture": {"modality": "text+image->text", "input_modalities": ["text", "image"]}}, True),
    ("OpenRouter, text", {"architecture": {"modality": "text->text", "input_modalities": ["text"]}}, False),
    ("OpenRouter, older", {"architecture": {"modality": "text+image->text"}}, True),
    ("one that draws", {"architecture": {"modality": "text->text+image"}}, False),
    ("Mistral", {"capabilities": {"completion_chat": True, "vision": True}}, True),
    ("Mistral, text", {"capabilities": {"completion_chat": True, "vision": False}}, False),
    ("llama.cpp", {"capabilities": ["completion", "multimodal"]}, True),
    ("llama.cpp, text", {"capabilities": ["completion"]}, False),
    ("Ollama", {"capabilities": ["completion", "vision", "tools"]}, True),
    ("LM Studio", {"type": "vlm", "capabilities": ["tool_use"]}, True),
    ("LM Studio, text", {"type": "llm", "capabilities": ["tool_use"]}, None),
    ("LiteLLM", {"supports_vision": False}, False),
    ("GitHub Models", {"supported_input_modalities": ["text", "image"]}, True),
    ("Fireworks", {"supports_image_input": True, "supports_chat": True}, True),
    ("a hub", {"pipeline_tag": "image-text-to-text"}, True),
    ("models.dev", {"modalities": {"input": ["text", "image"], "output": ["text"]}}, True),
    ("vLLM", {"id": "m", "object": "model", "max_model_len": 4096}, None),
    ("OpenAI", {"id": "m", "object": "model", "owned_by": "system"}, None),
    ("nonsense", {"modalities": 3, "capabilities": [1, None], "architecture": "x", "type": []}, None),
]


@pytest.mark.parametrize(("entry", "answer"), [case[1:] for case in LISTED], ids=[case[0] for case in LISTED])
def test_a_list_of_models_says_which_of_them_see(entry: dict[str, Any], answer: bool | None) -> None:
    assert sees(entry) is answer
    assert read_facts(None, {"data": [{"id": "m"} | entry]}).sees("m") is answer


def test_what_llama_cpp_says_of_itself_holds_for_all_its_models() -> None:
    props = {"total_slots": 1, "modalities": {"vision": True, "audio": False}}
    facts = read_facts(props, {"data": [{"id": "m"}]})
    assert [facts.sees(name) for name in ("m", "an alias", None)] == [True, True, True]
    assert read_facts(props | {"modalities": {"vision": False, "audio": True}}, {"data": [{"id": "m"}]}).sees("m") is False
    assert read_facts({"total_slots": 1}, {"data": [{"id": "m"}]}).sees("m") is None
    assert read_facts(props | {"role": "router"}, {"data": [{"id": "m"}]}).sees("m") is None


@pytest.mark.parametrize(
    "words",
    [
        "image input is not supported - hint: if this is unexpected, you may need to provide the mmproj",
        "m is not a multimodal model",
        "Invalid content type. image_url is only supported by certain models.",
        "this model is missing data required for image input",
        "messages[0].content must be a string",
        "Failed to deserialize: unknown variant `image_url`, expected `text` at line 1",
        "No endpoints found that support image input",
        "Image input is not enabled for this model",
        "Model does not support images. Please use a model that does.",
        "'claude-2' does not support image input.",
        "This model doesn't support multimodal inputs",
    ],
)
def test_a_model_without_eyes_is_known_by_its_refusal(words: str) -> None:
    assert complaint(words) == "blind"


@pytest.mark.parametrize(
    "words",
    [
        "At most 1 image(s) may be provided in one request.",
        "At most 4 image(s) may be provided in one prompt.",
        "Total number of images (9) is more than maximum (8)",
        "Too many images in request",
        "messages: only 20 images are allowed",
    ],
)
def test_too_many_pictures_are_known_by_the_refusal(words: str) -> None:
    assert complaint(words) == "too many"


@pytest.mark.parametrize(
    "words",
    [
        "Could not process image",
        "Unsupported image format",
        "image/webp is not a supported media type",
        "Failed to decode image",
        "the image is not available: the download failed",
        "Image dimensions are not supported: 8000 pixels",
        "image exceeds 5 MB maximum; images that are too large are not accepted",
        "unknown sampler",
        "CUDA out of memory",
        "Unsupported value: 'temperature' does not support 0.2 with this model.",
        "This model's maximum context length is 4096 tokens.",
    ],
)
def test_other_refusals_say_nothing_about_eyes(words: str) -> None:
    assert complaint(words) is None
