"""Templates: from `curl` to the prompt that the model receives, and their versions."""

from typing import Any

import pytest

from lam.errors import Invalid, NotFound
from lam.protocol.events import Done, Metadata
from lam.testing.server import ScriptedServer

from ..running import Gateway, collect

TRANSLATOR = "Translate into {{language=English|the target language}}. Tone: {{tone}}. Call me {{ name = friend }}."


def told(scripted: ScriptedServer, number: int = -1) -> str:
    """The system prompt of a request that the model's server received; empty when there was none."""
    first: dict[str, Any] = scripted.requests[number].body["messages"][0]
    return first["content"] if first["role"] == "system" else ""


async def test_two_variables_fill_the_prompt_that_the_model_receives(gateway: Gateway, scripted: ScriptedServer) -> None:
    async with gateway.client() as client:
        template = await client.call("POST", "/api/templates", {"title": "Translator", "content": TRANSLATOR})
        assert template["variables"] == [
            {"name": "language", "default": "English", "description": "the target language"},
            {"name": "tone", "default": None, "description": None},
            {"name": "name", "default": "friend", "description": None},
        ]
        session = (await client.create_session())["id"]
        values = {"language": "French {{tone}}", "tone": "formal"}
        await collect(client, session, "Good morning", template_id=template["id"], variables=values)
        assert told(scripted) == "Translate into French {{tone}}. Tone: formal. Call me friend."
        stored = await client.call("GET", f"/api/chatbot/sessions/{session}")
        assert stored["system_prompt"] == told(scripted)
        assert (stored["title"], stored["template_id"], stored["template_version"]) == ("Translator", template["id"], 1)
        await collect(client, session, "And again")
        assert told(scripted) == stored["system_prompt"]
        await collect(client, session, "Now gently", variables={"tone": "gentle"})
        assert told(scripted) == "Translate into English. Tone: gentle. Call me friend."


async def test_a_session_can_begin_with_a_filled_template(gateway: Gateway, scripted: ScriptedServer) -> None:
    async with gateway.client() as client:
        template = (await client.call("POST", "/api/templates", {"title": "Translator", "content": TRANSLATOR}))["id"]
        filled = await client.create_session(template_id=template, variables={"tone": "dry"})
        assert filled["title"] == "Translator"
        assert filled["system_prompt"] == "Translate into English. Tone: dry. Call me friend."
        plain = await client.create_session(template_id=template, title="Mine")
        assert plain["title"] == "Mine"
        assert plain["system_prompt"] == "Translate into English. Tone: {{tone}}. Call me friend."
        own = await client.create_session(template_id=template, system_prompt="My own")
        assert (own["system_prompt"], own["template_id"]) == ("My own", template)
        path = f"/api/chatbot/sessions/{plain['id']}"
        changed = await client.call("PATCH", path, {"variables": {"tone": "warm"}})
        assert changed["system_prompt"] == "Translate into English. Tone: warm. Call me friend."
        assert changed["title"] == "Mine"
        cleared = await client.call("PATCH", path, {"template_id": None})
        assert (cleared["template_id"], cleared["template_version"], cleared["system_prompt"]) == (
            None,
            None,
            changed["system_prompt"],
        )


@pytest.mark.parametrize(
    ("variables", "words"),
    [({}, "tone must be given"), ({"language": "x"}, "tone must be given"), ({"tone": "x", "tune": "y"}, "has no tune")],
)
async def test_a_missing_or_unknown_variable_is_named_and_nothing_is_stored(
    variables: dict[str, str], words: str, gateway: Gateway, scripted: ScriptedServer
) -> None:
    async with gateway.client() as client:
        template = (await client.call("POST", "/api/templates", {"title": "T", "content": TRANSLATOR}))["id"]
        session = (await client.create_session())["id"]
        with pytest.raises(Invalid, match=words):
            await collect(client, session, template_id=template, variables=variables)
        with pytest.raises(Invalid, match=words):
            await client.create_session(template_id=template, variables=variables)
        with pytest.raises(Invalid, match="no template"):
            await collect(client, session, variables={"a": "b"})
        assert await client.call("GET", f"/api/chatbot/sessions/{session}/messages") == []
        assert len(await client.call("GET", "/api/chatbot/sessions")) == 1
    assert scripted.requests == []


async def test_a_prompt_that_would_be_too_long_is_refused_before_it_is_made(gateway: Gateway) -> None:
    async with gateway.client() as client:
        template = (await client.call("POST", "/api/templates", {"title": "T", "content": "{{a}}" * 20_000}))["id"]
        with pytest.raises(Invalid, match="2000000000 characters"):
            await client.create_session(template_id=template, variables={"a": "x" * 100_000})


async def test_a_prompt_with_jinja_braces_passes_unchanged(gateway: Gateway, scripted: ScriptedServer) -> None:
    prompt = "{% if user %}Hello {{ user.name }}, {{ user }} {{{raw}}} {{ x | upper }}{% endif %}"
    async with gateway.client() as client:
        template = (await client.call("POST", "/api/templates", {"title": "Jinja", "content": prompt}))["id"]
        session = (await client.create_session())["id"]
        await collect(client, session, template_id=template)
        assert told(scripted) == prompt
        await collect(client, session, system_prompt=prompt)
        assert told(scripted) == prompt


async def test_a_changed_content_is_a_new_version_and_the_old_ones_stay_readable(gateway: Gateway) -> None:
    async with gateway.client() as client:
        path = f"/api/templates/{(await client.call('POST', '/api/templates', {'title': 'T', 'content': 'One {{a}}'}))['id']}"
        session = await client.create_session(template_id=int(path.rsplit("/", 1)[1]))
        assert (await client.call("PATCH", path, {"title": "Renamed"}))["version"] == 1
        assert (await client.call("PATCH", path, {"content": "One {{a}}"}))["version"] == 1
        changed = await client.call("PATCH", path, {"content": "Two {{b}}", "is_active": False})
        assert (changed["version"], changed["title"], changed["is_active"]) == (2, "Renamed", False)
        assert changed["updated_at"] > changed["created_at"]
        versions = await client.call("GET", path + "/versions")
        assert [(one["version"], one["content"]) for one in versions] == [(2, "Two {{b}}"), (1, "One {{a}}")]
        assert (await client.call("GET", path + "/versions/1"))["variables"][0]["name"] == "a"
        with pytest.raises(NotFound):
            await client.call("GET", path + "/versions/3")
        kept = await client.call("GET", f"/api/chatbot/sessions/{session['id']}")
        assert (kept["system_prompt"], kept["template_version"]) == ("One {{a}}", 1)
        await client.call("DELETE", path)
        with pytest.raises(NotFound):
            await client.call("GET", path)
        kept = await client.call("GET", f"/api/chatbot/sessions/{session['id']}")
        assert (kept["system_prompt"], kept["template_id"]) == ("One {{a}}", None)


async def test_a_public_template_is_for_everybody_while_it_is_active(gateway: Gateway) -> None:
    async with gateway.client() as owner, await gateway.user("reader@example.org") as reader:
        template = await owner.call("POST", "/api/templates", {"title": "T", "content": "Say {{it}}", "is_public": True})
        path, public = f"/api/templates/{template['id']}", f"/api/templates/public/{template['id']}"
        seen = await reader.call("GET", public)
        assert (seen["content"], seen["variables"][0]["name"]) == ("Say {{it}}", "it")
        async with gateway.client("wrong") as nobody:
            assert await nobody.call("GET", public) == seen
        with pytest.raises(NotFound):
            await reader.call("GET", path)
        with pytest.raises(NotFound):
            await reader.create_session(template_id=template["id"])
        await owner.call("PATCH", path, {"is_active": False})
        with pytest.raises(NotFound):
            await reader.call("GET", public)
        assert await owner.call("GET", "/api/templates", active="true") == []
        assert len(await owner.call("GET", "/api/templates")) == 1


async def test_templates_travel_as_a_file(gateway: Gateway) -> None:
    async with gateway.client() as giver, await gateway.user("taker@example.org") as taker:
        for number in range(3):
            await giver.call("POST", "/api/templates", {"title": f"T{number}", "content": TRANSLATOR, "description": "d"})
        file = await giver.call("GET", "/api/templates/export")
        assert (file["format"], len(file["templates"])) == ("lam-templates", 3)
        taken = await taker.call("POST", "/api/templates/import", file)
        assert {template["title"] for template in taken} == {"T0", "T1", "T2"}
        assert (await taker.call("GET", "/api/templates/export"))["templates"] == file["templates"][::-1]
        for broken in ({"format": "other"}, {"templates": [{"title": "x"}]}, {"version": 2}):
            with pytest.raises(Invalid):
                await taker.call("POST", "/api/templates/import", file | broken)
        assert len(await taker.call("GET", "/api/templates")) == 3


@pytest.mark.parametrize("changes", [{"title": None}, {"content": None}, {"title": " "}, {"content": ""}, {"is_public": None}])
async def test_a_template_keeps_what_it_must_have(changes: dict[str, Any], gateway: Gateway) -> None:
    async with gateway.client() as client:
        template = await client.call("POST", "/api/templates", {"title": "T", "content": "C", "description": "D"})
        path = f"/api/templates/{template['id']}"
        with pytest.raises(Invalid):
            await client.call("PATCH", path, changes)
        assert await client.call("GET", path) == template
        assert (await client.call("PATCH", path, {"description": None}))["description"] is None


async def test_presets_are_there_for_everybody(gateway: Gateway) -> None:
    async with gateway.client("wrong") as nobody:
        presets = await nobody.call("GET", "/api/chatbot/presets/")
    assert [preset["key"] for preset in presets] == ["prompt_portal", "general", "maze", "driving"]
    assert all(set(preset) == {"key", "title", "description", "system_prompt"} for preset in presets)
    assert all(len(preset["system_prompt"]) > 400 and "\\" not in preset["system_prompt"] for preset in presets)


async def test_a_template_by_its_number_in_a_send_gives_metadata_and_done(gateway: Gateway) -> None:
    async with gateway.client() as client:
        template = (await client.call("POST", "/api/templates", {"title": "T", "content": "C"}))["id"]
        events = await collect(client, (await client.create_session())["id"], template_id=template)
    assert isinstance(events[0], Metadata)
    assert isinstance(events[-1], Done)
