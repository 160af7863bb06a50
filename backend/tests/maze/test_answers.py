"""Reading a model's answer: what counts, what is mended, and that no text does harm. The schema that forces an answer."""

import json
import time
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lam.maze import rules
from lam.maze.actions import Action, BreakWall, Direction, FreezeGerms, Move, Path, Scan, SlowGerms, Wait, to_json
from lam.maze.answers import DEEPEST, LONGEST_ANSWER, LONGEST_SAY, Answer, read, response_format, schema
from lam.maze.state import State
from lam.protocol.sampling import LONGEST_SCHEMA

from .games import ACTIONS, CORRIDOR, SEEDS, SETTINGS, drawn, played, unhurried

SAYS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
UP = '{"action": "move", "direction": "up"}'
ILLEGAL = Answer("", None, "illegal")


def written(say: str, action: Action) -> str:
    return json.dumps({"say": say, "do": to_json(action)}, ensure_ascii=False)


@unhurried
@given(SAYS, ACTIONS)
def test_a_whole_answer_is_read_exactly(say: str, action: Action) -> None:
    assert read(written(say, action)) == Answer(say, action, "exact")


@unhurried
@given(SAYS, ACTIONS, st.text(st.characters(exclude_characters="{")), st.text())
def test_what_stands_around_the_object_does_not_matter(say: str, action: Action, before: str, after: str) -> None:
    assert read(before + written(say, action) + after) == Answer(say, action, "exact")


@pytest.mark.parametrize(
    "text",
    [
        f'```json\n{{"say": "Up!", "do": {UP}}}\n```\nThat is my move.',
        f'Here: {{"say": "Up!", "do": {UP}}} and not {{"say": "no", "do": {{"action": "wait"}}}}',
        f'{{"do": {UP}, "say": "Up!"}}',
        f'{{"thought": ["}}", {{"a": "{{"}}], "say": "Up!", "do": {UP}, "sure": 0.5}}',
        f'\ufeff {{\n"say"\t:"\\u0055p!",\r\n"do":{UP}}}',
    ],
    ids=["code fence", "two objects", "keys in another order", "other keys", "white space and escapes"],
)
def test_the_first_object_counts(text: str) -> None:
    assert read(text) == Answer("Up!", Move("up"), "exact")


def test_braces_and_quotes_inside_of_texts_are_text() -> None:
    say = 'go {up} or ]down[ "now" \\ {'
    assert read(written(say, Wait())) == Answer(say, Wait(), "exact")


def test_an_answer_needs_no_words() -> None:
    assert read(f'{{"do": {UP}}}') == Answer("", Move("up"), "exact")


@pytest.mark.parametrize(
    ("text", "action"),
    [
        (f'{{"say": "Up!", "do": {UP}', Move("up")),
        (f'{{"say": "Up!", "do": {UP[:-1]}', Move("up")),
        (f'{{"say": "Up!", "do": {UP[:-2]}', Move("up")),
        (f'{{"do": {UP}, "say": "Up!', Move("up")),
        ('{"say": "Up!", "do": {"action": "path", "directions": ["up", "left"', Path(("up", "left"))),
        ('{"say": "Up!", "do": {"action": "path", "directions": ["up", "left', Path(("up", "left"))),
        ('{"say": "Up!", "do": {"action": "wait"}  \n', Wait()),
    ],
)
def test_a_cut_answer_is_repaired_by_closing_what_is_open(text: str, action: Action) -> None:
    assert read(text) == Answer("Up!", action, "repaired")


@pytest.mark.parametrize(
    "text",
    [
        '{"say": "Up!", "do": {"action": "move", "direction": "u',
        '{"say": "Up!", "do": {"action": "move", "direction":',
        '{"say": "Up!", "do": {"action": "move", "direction": "up", ',
        '{"say": "Up!", "do": {"action": "path", "directions": ["up",',
        '{"say": "Up!", "do": {"action": "path", "directions": [',
        '{"say": "Up!", "do"',
        '{"say": "Up!\\',
        '{"say": "Up!\\u00',
    ],
)
def test_nothing_else_is_repaired(text: str) -> None:
    assert read(text).action is None
    assert read(text).reading == "illegal"


@unhurried
@given(SAYS, ACTIONS)
def test_a_cut_at_any_place_gives_the_action_a_shorter_path_or_none(say: str, action: Action) -> None:
    text = written(say, action)
    for end in range(len(text)):
        answer = read(text[:end])
        assert answer.reading == ("illegal" if answer.action is None else "repaired")
        if isinstance(action, Path) and isinstance(answer.action, Path):
            assert action.directions[: len(answer.action.directions)] == answer.action.directions
        else:
            assert answer.action in (None, action)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "up",
        "null",
        "I move up.",
        "[1, 2, 3]",
        '["up"]',
        "{}",
        "}{",
        "{say: 'Up!'}",
        "{up} " + f'{{"say": "Up!", "do": {UP}}}',
        f'{{"say": "Up!", "do": {UP},}}',
        f'{{"say": "Up!" "do": {UP}}}',
        f'{{"say": "Up!", "do": [{UP}]}}',
        '{"say": "Up!", "do": "{}"}',
        '{"say": "Up!", "do": "up"}',
        '{"say": "Up!", "do": null}',
        '{"say": "Up!", "do": {"action": "fly"}}',
        '{"say": "Up!", "do": {"action": "unreadable"}}',
        '{"say": "Up!", "do": {"action": "Move", "direction": "up"}}',
        '{"say": "Up!", "do": {"action": "move", "direction": "UP"}}',
        '{"say": "Up!", "do": {"direction": "up"}}',
        '{"say": "Up!", "do": {"action": "wait", "because": "I can"}}',
        '{"say": "Up!", "do": {"action": "path", "directions": []}}',
        f'{{"say": "Up!", "do": {{"action": "path", "directions": {json.dumps(["up"] * 9)}}}}}',
        f'{{"say": 5, "do": {UP}}}',
        f'{{"say": null, "do": {UP}}}',
        f'{{"say": "a line\nbreak", "do": {UP}}}',
        f'{{"say": "a NUL\0", "do": {UP}}}',
        f'{{"say": "Up!", "x": [1}}, "do": {UP}}}',
    ],
)
def test_anything_else_is_illegal(text: str) -> None:
    assert read(text).action is None
    assert read(text).reading == "illegal"


def test_words_are_kept_where_the_action_is_no_action() -> None:
    assert read('{"say": "I fly", "do": {"action": "fly"}}') == Answer("I fly", None, "illegal")
    assert read('{"say": "I am cut off in the middle of a se') == Answer("I am cut off in the middle of a se", None, "illegal")


@pytest.mark.parametrize(
    "text",
    [
        f'{{"say": "a", "do": {UP}, "do": {{"action": "wait"}}}}',
        f'{{"say": "a", "say": "b", "do": {UP}}}',
        '{"say": "a", "do": {"action": "move", "direction": "up", "direction": "down"}}',
        f'{{"say": "a", "d\\u006f": {{"action": "wait"}}, "do": {UP}}}',
    ],
)
def test_a_key_that_occurs_twice_is_illegal(text: str) -> None:
    assert read(text) == ILLEGAL


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "01", "+1", ".5", "0x1", "9" * 5000, "True"])
def test_numbers_that_are_no_json_are_illegal(value: str) -> None:
    assert read(f'{{"say": "a", "x": {value}, "do": {UP}}}') == ILLEGAL


@pytest.mark.parametrize("value", ["1e999", "-1e999", "9" * 4000, "1e-999", "-0"])
def test_huge_numbers_in_other_keys_do_no_harm(value: str) -> None:
    assert read(f'{{"say": "a", "x": {value}, "do": {UP}}}') == Answer("a", Move("up"), "exact")


def test_words_become_valid_text() -> None:
    assert read(f'{{"say": "\\ud800\\u0000 \\ud83d\\ude00", "do": {UP}}}') == Answer("\ufffd\ufffd \U0001f600", Move("up"), "exact")
    assert read(f'{{"say": "\ud83d", "do": {UP}}}') == Answer("\ufffd", Move("up"), "exact")


def test_depth_has_a_limit() -> None:
    def nested(depth: int) -> str:
        return f'{{"x": {"[" * depth}{"]" * depth}, "do": {UP}}}'

    assert read(nested(DEEPEST - 1)).action == Move("up")
    assert read(nested(DEEPEST)) == ILLEGAL


def test_length_has_a_limit_that_counts_from_the_object() -> None:
    fits = written("x" * (LONGEST_ANSWER - len(written("", Wait()))), Wait())
    assert read(" " * LONGEST_ANSWER + fits).reading == "exact"
    assert read(fits.replace("x", "xx", 1)) == ILLEGAL


@pytest.mark.parametrize(
    "text",
    [
        "{" * 100_000,
        '{"a":' * 100_000,
        "{" + "[" * 100_000,
        "{" + '"' * 100_000,
        '{"' + "\\" * 100_000,
        "x" * 100_000,
        '{"x":[' + "[]," * 33_000,
    ],
    ids=["braces", "objects", "brackets", "quotes", "backslashes", "letters", "lists"],
)
def test_a_hundred_kilobytes_are_read_at_once(text: str) -> None:
    began = time.process_time()
    assert read(text) == ILLEGAL
    assert time.process_time() - began < 0.5


@unhurried
@given(st.text())
def test_no_text_does_harm(text: str) -> None:
    assert (read(text).action is None) == (read(text).reading == "illegal")


@unhurried
@given(st.text(st.sampled_from('{}[]",:\\u0 sadyo1')))
def test_nothing_that_looks_like_json_does_harm(text: str) -> None:
    for answer in (read(text), read("{" + text), read('{"say": "a", "do": ' + text)):
        assert (answer.action is None) == (answer.reading == "illegal")


@unhurried
@given(SEEDS, SETTINGS, st.integers(), ACTIONS)
def test_the_legal_schema_takes_exactly_the_actions_of_the_state(seed: int, settings: Any, choices: int, other: Action) -> None:
    (*_, (state, _)) = played(seed, settings, choices, 10)
    form = jsonschema_rs.validator_for(schema(state, "legal"))
    actions = rules.actions_of(state)
    assert all(rules.legal(state, action) for action in actions)
    assert all(form.is_valid({"say": "", "do": to_json(action)}) for action in actions)
    assert form.is_valid({"say": "", "do": to_json(other)}) == (other in actions)
    if not isinstance(other, Path):
        assert rules.legal(state, other) == (other in actions)


@unhurried
@given(SEEDS, SETTINGS, st.integers())
def test_paths_in_the_legal_schema_are_few_and_never_cross_themselves(seed: int, settings: Any, choices: int) -> None:
    (*_, (state, _)) = played(seed, settings, choices, 10)
    walks = rules.walks(state)
    assert len(walks) == len(set(walks)) <= rules.MOST_WALKS
    for walk in walks:
        tiles = [state.player]
        for direction in walk:
            tiles.append(tiles[-1] + rules.offset(state.size, direction))
        assert len(tiles) == len(set(tiles)) == len(walk) + 1 >= 3
        assert state.exit not in tiles[:-1]


def test_the_shape_takes_every_action_and_nothing_else() -> None:
    form = jsonschema_rs.validator_for(schema(drawn(CORRIDOR), "shape"))
    directions: tuple[Direction, ...] = ("up", "down", "left", "right")
    actions = [*map(Move, directions), *map(BreakWall, directions), Path(("up",) * 8), SlowGerms(), FreezeGerms(), Scan(), Wait()]
    assert all(form.is_valid({"say": "a", "do": to_json(action)}) for action in actions)
    for raw in ({"action": "fly"}, {"action": "unreadable"}, {"action": "move"}, {"action": "path", "directions": ["up"] * 9}, {}):
        assert not form.is_valid({"say": "a", "do": raw})
    assert not form.is_valid({"do": {"action": "wait"}})
    assert not form.is_valid({"say": "a" * (LONGEST_SAY + 1), "do": {"action": "wait"}})


def test_words_come_before_the_action_so_that_they_can_be_read_while_it_is_written() -> None:
    form = schema(drawn(CORRIDOR), "legal")
    assert form is not None
    assert list(form["properties"]) == ["say", "do"]


@unhurried
@given(SEEDS, SETTINGS)
def test_the_schema_is_a_setting_that_every_route_takes(seed: int, settings: Any) -> None:
    state: State = next(iter(played(seed, settings, 0, 1)))[0]
    form = response_format(state, "legal")
    assert form is not None
    assert form.json_schema is not None
    assert len(json.dumps(form.json_schema.schema)) < LONGEST_SCHEMA // 2


def test_nothing_is_forced_where_nothing_is_asked_for_and_nothing_is_legal_after_the_end() -> None:
    assert schema(drawn(CORRIDOR), "none") is None
    assert response_format(drawn(CORRIDOR), "none") is None
    with pytest.raises(ValueError, match="ended"):
        schema(drawn(CORRIDOR, status="won"), "legal")
