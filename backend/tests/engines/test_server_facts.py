from typing import Any

import pytest

from lam.engines.server_facts import read_facts

PROPS = {"total_slots": 2, "default_generation_settings": {"n_ctx": 4096}}


@pytest.mark.parametrize(
    ("known", "answer"),
    [
        ({"supports_tools": True, "supports_tool_calls": True}, True),
        ({"supports_tools": True, "supports_tool_calls": False}, False),
        ({"supports_tools": False, "supports_tool_calls": False}, False),
        ({"supports_tools": "yes"}, None),
        ({}, None),
        ([], None),
    ],
)
def test_tools_are_what_the_template_knows(known: Any, answer: bool | None) -> None:
    assert read_facts(PROPS | {"chat_template_caps": known}, None).tools is answer


@pytest.mark.parametrize(
    ("template", "answer"),
    [
        ("{{ messages }}", False),
        ("{% if enable_thinking %}", True),
        ("<think>\n", True),
        ("[THINK]", True),
        ("", None),
        (None, None),
    ],
)
def test_a_model_thinks_when_its_template_has_a_place_for_thoughts(template: Any, answer: bool | None) -> None:
    assert read_facts(PROPS | {"chat_template": template}, None).thinking is answer


def test_only_llama_cpp_says_that_it_answers_in_a_form() -> None:
    assert read_facts(PROPS, None).json is True
    assert read_facts(None, {"data": [{"id": "m"}]}).json is None
    assert read_facts({"role": "router"}, {"data": [{"id": "m"}]}).json is None
