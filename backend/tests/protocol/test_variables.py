"""Variables of templates: found, listed and filled, and nothing else touched."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lam.protocol.variables import Variable, filled, filled_length, variables

JINJA = """{% for item in items %}{{ item.name }} {{ loop.index + 1 }} {{ x.y | upper }} {{ "text" }}{{ a == b }}{% endfor %}
{{#each people}}{{this}}{{/each}} {{{raw}}} {single} {{ }} {{1st}} {{two words}} { {x} } {{x}"""


def test_variables_are_listed_in_order_each_once_with_what_they_say_of_themselves() -> None:
    text = "{{b}} {{ a = one | the first }} {{b=2}} {{b = 3|second}} {{größe|how big}} {{empty=}}"
    assert variables(text) == [
        Variable("b", "2", "second"),
        Variable("a", "one", "the first"),
        Variable("größe", None, "how big"),
        Variable("empty", ""),
    ]


def test_values_go_in_everywhere_and_defaults_where_there_is_none() -> None:
    text = "{{a}} {{a=1|x}} {{ b = two words | y }}{{c}}"
    assert filled(text, {"a": "A"}) == "A A two words{{c}}"
    assert filled(text, {"b": "", "c": "C"}) == "1 1 C"


def test_a_value_is_inserted_once_and_never_expanded_again() -> None:
    assert filled("{{a}} {{b}}", {"a": "{{b}} \\1 \\g<0>", "b": "{{a}}"}) == "{{b}} \\1 \\g<0> {{a}}"


def test_a_filter_of_another_language_stays_as_it_is_written() -> None:
    assert filled("{{ x | upper }}", {}) == "{{ x | upper }}"


def test_braces_of_other_languages_are_text() -> None:
    assert [variable.name for variable in variables(JINJA)] == ["this"]
    assert filled(JINJA, {}) == JINJA


@pytest.mark.parametrize("text", ["{{a\n}}", "{{a=\n}}", "{{a=b}c}}", "{{a|b|c}}", "{{" + "a" * 65 + "}}", "{{a==b}}"])
def test_what_is_nearly_a_variable_is_text(text: str) -> None:
    assert variables(text) == []
    assert filled(text, {"a": "x"}) == text


@pytest.mark.parametrize("text", ["{{a=" + " " * 100_000, "{{a=" + " " * 100_000 + "}}", "{{" * 50_000, "{{a|" * 25_000])
def test_no_text_takes_long_to_look_through(text: str) -> None:
    assert len(variables(text)) <= 1
    assert filled_length(text, {}) == len(filled(text, {}))


@given(st.text(alphabet="{}ab=| \n", max_size=60))
def test_any_text_can_be_filled_and_without_values_or_defaults_stays_as_it_is(text: str) -> None:
    found = variables(text)
    assert "{{a}}" not in filled(text, {"a": "x", "b": "y"}).replace("{{{a}}", "")
    if all(variable.default is None for variable in found):
        assert filled(text, {}) == text
