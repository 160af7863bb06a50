"""Links into a session, its people and what they may do, who wrote what, and that who is removed sees nothing more."""

import asyncio
from typing import Any
from urllib.parse import quote

import pytest

from lam.testing.server import Reply, ScriptedServer

from ..running import Gateway
from ..together import Someone, browser, enter, link, members_of, person
from ..waiting import until, within

SESSIONS = "/api/chatbot/sessions"


async def new_session(owner: Someone, **settings: Any) -> int:
    made = await owner.call("POST", SESSIONS, settings)
    session: int = made["id"]
    return session


async def send(someone: Someone, session: int, content: str = "Hello", **more: Any) -> dict[str, Any]:
    answer: dict[str, Any] = await someone.call("POST", "/api/chatbot/messages", {"session_id": session, "content": content} | more)
    return answer


async def running(someone: Someone, session: int, scripted: ScriptedServer) -> str:
    """Starts a reply that waits after its first word. Returns its stream."""
    scripted.reply = Reply(("a", "b"), hold=True)
    started = await someone.call("POST", f"{SESSIONS}/{session}/waiting", {"content": "Go on"})
    assert started["waiting"] is not None
    await until(lambda: runs(someone, session))
    scripted.step()
    name: str = (await someone.call("GET", f"{SESSIONS}/{session}/stream"))["stream_id"]
    return name


async def runs(someone: Someone, session: int) -> bool:
    return (await someone.ask("GET", f"{SESSIONS}/{session}/stream"))[0] == 200


# Links


async def test_looking_at_a_link_uses_nothing_up_and_coming_in_does(gateway: Gateway) -> None:
    async with person(gateway, "ana") as ana, browser(gateway, "Bo") as bo, browser(gateway, "Cy") as cy:
        session = await new_session(ana, title="Physics")
        secret = await link(ana, session, "steer", uses=1)
        assert len(secret) == 22, "128 bits"
        for _ in range(3):
            seen = await bo.call("POST", "/api/invitations/look", {"secret": secret})
            assert (seen["title"], seen["role"], seen["by"], seen["is_signed_in"]) == ("Physics", "steer", "ana", False)
            assert (await bo.ask("GET", f"/join?{secret}"))[0] in (200, 404), "a GET of the page uses nothing up"
        assert (await ana.call("GET", f"{SESSIONS}/{session}/invitations"))[0]["uses_left"] == 1
        assert await enter(bo, secret) == session
        for path in ("look", "accept"):
            status, answer = await cy.ask("POST", f"/api/invitations/{path}", {"secret": secret})
            assert (status, answer["code"]) == (404, "not_found")
        assert await ana.call("GET", f"{SESSIONS}/{session}/invitations") == []
        assert (await members_of(bo, session))["Bo"]["role"] == "steer"


async def test_of_many_who_come_at_once_a_link_lets_in_as_many_as_it_says(gateway: Gateway) -> None:
    async with person(gateway, "ana") as ana:
        session = await new_session(ana)
        secret = await link(ana, session, uses=3)

        async def come(number: int) -> int:
            async with browser(gateway, f"Guest {number}") as guest:
                return (await guest.ask("POST", "/api/invitations/accept", {"secret": secret, "nickname": guest.name}))[0]

        outcomes = await asyncio.gather(*(come(number) for number in range(8)))
        assert sorted(outcomes) == [200] * 3 + [404] * 5
        assert len(await members_of(ana, session)) == 4


async def test_of_two_guests_with_one_nickname_at_once_one_has_it(gateway: Gateway) -> None:
    async with person(gateway, "ana") as ana:
        session = await new_session(ana)
        secret = await link(ana, session)

        async def come(nickname: str) -> tuple[int, Any]:
            async with browser(gateway, nickname) as guest:
                return await guest.ask("POST", "/api/invitations/accept", {"secret": secret, "nickname": nickname})

        outcomes = await asyncio.gather(*(come(name) for name in ("Bo", "BO", "bo ")))
        assert sorted(status for status, _ in outcomes) == [200, 422, 422]
        refused = [answer for status, answer in outcomes if status == 422]
        assert {(answer["code"], answer["field"]) for answer in refused} == {("invalid", "nickname")}
        for name in ("ana", "ANA", "Ana@Example.org", "", " ", "a" * 33, "a\u200bna", "\u202eana"):
            status, answer = await come(name)
            assert status == 422, name
            assert answer["code"] == "invalid"


async def test_a_link_ends_with_its_time_its_maker_or_by_hand(gateway: Gateway) -> None:
    async with person(gateway, "ana") as ana, browser(gateway, "Bo") as bo, person(gateway, "cy") as cy:
        session = await new_session(ana)
        secret = await link(ana, session)
        (listed,) = await ana.call("GET", f"{SESSIONS}/{session}/invitations")
        assert "secret" not in listed
        await ana.call("DELETE", f"{SESSIONS}/{session}/invitations/{listed['id']}")
        assert (await bo.ask("POST", "/api/invitations/accept", {"secret": secret, "nickname": "Bo"}))[0] == 404
        secret = await link(ana, session)
        await enter(cy, secret)
        await ana.call("POST", f"{SESSIONS}/{session}/members/{(await members_of(ana, session))['cy']['user_id']}/owner")
        assert (await bo.ask("POST", "/api/invitations/accept", {"secret": secret, "nickname": "Bo"}))[0] == 404
        assert await cy.call("GET", f"{SESSIONS}/{session}/invitations") == [], "no dead link is listed or counted"
        for body in ({"role": "owner"}, {"expires_in": 1}, {"uses": 0}, {"uses": 10**9}, {"more": 1}):
            assert (await cy.ask("POST", f"{SESSIONS}/{session}/invitations", {"role": "watch"} | body))[0] == 422


async def test_a_page_of_somebody_else_lets_nobody_in(gateway: Gateway) -> None:
    async with person(gateway, "ana") as ana, browser(gateway, "Bo") as bo:
        session = await new_session(ana)
        secret = await link(ana, session)
        body = {"secret": secret, "nickname": "Bo"}
        async with bo.http.post("/api/invitations/accept", json=body, headers={"Origin": "https://evil.example"}) as response:
            assert response.status == 403
        assert len(await members_of(ana, session)) == 1


async def test_who_is_there_already_uses_no_link_up_unless_it_lets_them_do_more(gateway: Gateway) -> None:
    async with person(gateway, "ana") as ana, person(gateway, "ben") as ben:
        session = await new_session(ana)
        watch, steer = await link(ana, session, uses=1), await link(ana, session, "steer", uses=2)
        await enter(ana, watch)
        assert (await ana.call("GET", f"{SESSIONS}/{session}"))["role"] == "owner"
        await enter(ben, watch)
        await enter(ben, steer)
        await enter(ben, steer)
        assert (await ben.call("GET", f"{SESSIONS}/{session}"))["role"] == "steer"
        assert [one["uses_left"] for one in await ana.call("GET", f"{SESSIONS}/{session}/invitations")] == [1]


async def test_a_guest_who_opens_the_link_again_is_the_same_guest(gateway: Gateway) -> None:
    async with person(gateway, "ana") as ana, browser(gateway, "Cy") as cy:
        session = await new_session(ana)
        watch, steer = await link(ana, session, uses=2), await link(ana, session, "steer", uses=1)
        assert (await cy.call("POST", "/api/invitations/look", {"secret": watch}))["needs_nickname"] is True
        await enter(cy, watch)
        for secret in (watch, steer):
            seen = await cy.call("POST", "/api/invitations/look", {"secret": secret})
            assert (seen["is_signed_in"], seen["needs_nickname"]) == (False, False)
            await cy.call("POST", "/api/invitations/accept", {"secret": secret})
        members = await members_of(ana, session)
        assert {name: one["role"] for name, one in members.items()} == {"ana": "owner", "Cy": "steer"}
        assert (await cy.call("GET", f"{SESSIONS}/{session}"))["role"] == "steer"
        assert [one["uses_left"] for one in await ana.call("GET", f"{SESSIONS}/{session}/invitations")] == [1]
        await ana.call("DELETE", f"{SESSIONS}/{session}/members/{members['Cy']['user_id']}")
        assert (await cy.call("POST", "/api/invitations/look", {"secret": watch}))["needs_nickname"] is True


# People


async def test_everybody_sees_the_session_in_their_list_and_hears_of_changes(gateway: Gateway) -> None:
    async with person(gateway, "ana") as ana, person(gateway, "ben") as ben, browser(gateway, "Cy") as cy:
        session = await new_session(ana, title="Ours", system_prompt="secret", pinned=True)
        await enter(ben, await link(ana, session, "steer"))
        async with ana.connected(session), ben.connected(session):
            await enter(cy, await link(ana, session))
            await ana.hears("members")
            await ben.hears("members")
            await ana.call("PATCH", f"{SESSIONS}/{session}", {"title": "Theirs"})
            frame = await ben.until(lambda one: one["event"]["type"] == "session" and one["event"]["session"]["title"] == "Theirs")
            seen = frame["event"]["session"]
            assert (seen["role"], seen["pinned"], seen["folder_id"], seen["system_prompt"]) == ("steer", False, None, None)
            await send(ana, session)
            await ben.hears("run", session_id=session)
            await ben.hears("messages", session_id=session)
        listed = await ben.call("GET", SESSIONS)
        assert [(one["title"], one["role"], one["system_prompt"]) for one in listed] == [("Theirs", "steer", None)]
        found = await ben.call("GET", "/api/chatbot/search?q=Theirs")
        assert [one["session_id"] for one in found["results"]] == [session]
        await ana.call("DELETE", f"{SESSIONS}/{session}")
        assert await ben.call("GET", SESSIONS) == []
        assert (await cy.ask("GET", f"{SESSIONS}/{session}"))[0] == 401, "the guest is gone with the session"


async def test_every_turn_has_its_author(gateway: Gateway) -> None:
    async with person(gateway, "ana") as ana, browser(gateway, "Bo Li") as bo:
        session = await new_session(ana)
        await send(ana, session)
        await enter(bo, await link(ana, session, "steer"))
        await send(bo, session, "And I")
        messages = await bo.call("GET", f"{SESSIONS}/{session}/messages")
        assert [(one["author"] or {}).get("name") for one in messages] == ["ana", None, "Bo Li", None]
        assert (messages[2]["author"]["initials"], messages[2]["author"]["colour"]) == ("BL", 1)
        usage = await ana.call("GET", "/api/usage")
        assert usage["total"]["generations"] == 1, "who sent pays"


async def test_who_is_removed_sees_nothing_more_at_once(gateway: Gateway, scripted: ScriptedServer) -> None:
    async with person(gateway, "ana") as ana, person(gateway, "ben") as ben, browser(gateway, "Cy") as cy:
        session = await new_session(ana)
        secret = await link(ana, session)
        await enter(ben, secret)
        await enter(cy, secret)
        stream = await running(ana, session, scripted)
        direct = asyncio.create_task(ben.ask("GET", f"/api/chatbot/streams/{stream}"))
        async with ben.connected(session, run=stream), cy.connected(session, run=stream):
            for one in (ben, cy):
                await one.hears("chunk")
                who = (await members_of(ana, session))[one.name]
                await ana.call("DELETE", f"{SESSIONS}/{session}/members/{who['user_id']}")
                await one.hears("removed", 2, session_id=session)
            async with within(2):
                status, text = await direct
                assert status == 200
                assert '"done"' not in text
            await cy.until_closed(2)
            await ben.hears("closed", 2, reason="not_found")
            assert not ben.is_closed, "the connection has other things of theirs"
            scripted.step()
            scripted.step()
            assert (await cy.ask("GET", f"{SESSIONS}/{session}"))[0] == 401
            for path in (f"{SESSIONS}/{session}", f"{SESSIONS}/{session}/members", f"/api/chatbot/streams/{stream}"):
                assert (await ben.ask("GET", path))[0] == 404
            assert not [frame for frame in ben.frames if frame["event"].get("content") == "b"]
        assert await ben.call("GET", SESSIONS) == []


async def test_a_session_is_handed_over_whole(gateway: Gateway) -> None:
    async with person(gateway, "ana") as ana, person(gateway, "ben") as ben, browser(gateway, "Cy") as cy:
        folder = (await ana.call("POST", "/api/chatbot/folders", {"name": "Mine"}))["id"]
        session = await new_session(ana, folder_id=folder, pinned=True)
        await send(ana, session)
        secret = await link(ana, session)
        await enter(ben, secret)
        await enter(cy, secret)
        people = await members_of(ana, session)
        path = f"{SESSIONS}/{session}/members"
        assert (await ben.ask("POST", f"{path}/{people['ben']['user_id']}/owner"))[0] == 403
        assert (await ana.ask("POST", f"{path}/{people['Cy']['user_id']}/owner"))[0] == 422
        assert (await ana.ask("DELETE", f"{path}/{people['ana']['user_id']}"))[0] == 409
        await ana.call("POST", f"{path}/{people['ben']['user_id']}/owner")
        assert {name: one["role"] for name, one in (await members_of(cy, session)).items()} == {
            "ana": "steer",
            "ben": "owner",
            "Cy": "watch",
        }
        seen = await ben.call("GET", f"{SESSIONS}/{session}")
        assert (seen["role"], seen["folder_id"], seen["pinned"]) == ("owner", None, False)
        messages = await ben.call("GET", f"{SESSIONS}/{session}/messages")
        assert messages[0]["author"]["name"] == "ana"
        await ana.call("DELETE", f"{path}/{people['ana']['user_id']}")
        assert (await ana.ask("GET", f"{SESSIONS}/{session}"))[0] == 404
        actions = [one["action"] for one in await ben.call("GET", f"{SESSIONS}/{session}/audit")]
        assert actions == ["left", "owner", "joined", "joined", "invited"]


async def test_somebody_asks_to_steer_and_may(gateway: Gateway) -> None:
    async with person(gateway, "ana") as ana, browser(gateway, "Bo") as bo:
        session = await new_session(ana)
        await enter(bo, await link(ana, session))
        async with ana.connected(session), bo.connected(session):
            await bo.call("POST", f"{SESSIONS}/{session}/steer-request")
            await ana.hears("members")
            me = (await members_of(ana, session))["Bo"]
            assert me["wants_to_steer"]
            await ana.call("PATCH", f"{SESSIONS}/{session}/members/{me['user_id']}", {"role": "steer"})
            await bo.hears("members")
        assert not (await members_of(bo, session))["Bo"]["wants_to_steer"]
        assert (await bo.ask("POST", f"{SESSIONS}/{session}/steer-request"))[0] == 409
        await send(bo, session)


async def test_people_tell_each_other_what_they_do(gateway: Gateway) -> None:
    async with person(gateway, "ana") as ana, browser(gateway, "Bo") as bo:
        session = await new_session(ana)
        await enter(bo, await link(ana, session, "steer"))
        sent = await send(ana, session)
        question, reply = sent["user_message"]["id"], sent["assistant_message"]["id"]
        me = (await members_of(bo, session))["Bo"]["user_id"]
        async with ana.connected(session), bo.connected(session):
            await bo.call("POST", f"{SESSIONS}/{session}/typing")
            await ana.hears("typing", user_id=me, session_id=session)
            await bo.call("POST", f"{SESSIONS}/{session}/reading", {"message_id": reply})
            await ana.hears("reading", user_id=me, message_id=reply)
            await bo.call("POST", f"{SESSIONS}/{session}/reading", {"message_id": question})
            assert (await members_of(ana, session))["Bo"]["reading"] == reply, "nobody reads backwards"
            assert (await bo.ask("POST", f"{SESSIONS}/{session}/reading", {"message_id": 10_000}))[0] == 422
            await bo.call("POST", f"{SESSIONS}/{session}/follow", {"message_id": question})
            await ana.hears("follow", user_id=me, message_id=question)
            assert not [one for one in bo.frames if one["event"]["type"] in ("typing", "reading")]


async def test_reactions_are_counted_and_taken_back(gateway: Gateway) -> None:
    async with person(gateway, "ana") as ana, browser(gateway, "Bo") as bo:
        session = await new_session(ana)
        await enter(bo, await link(ana, session))
        reply = (await send(ana, session))["assistant_message"]["id"]
        path = f"{SESSIONS}/{session}/messages/{reply}/reactions"
        for someone in (ana, bo, bo):
            await someone.call("PUT", f"{path}/{quote('👍')}")
        await bo.call("PUT", f"{path}/{quote('❤️')}")
        seen = (await bo.call("GET", f"{SESSIONS}/{session}/messages"))[-1]["reactions"]
        assert seen == [{"emoji": "👍", "count": 2, "mine": True}, {"emoji": "❤️", "count": 1, "mine": True}]
        await bo.call("DELETE", f"{path}/{quote('👍')}")
        seen = (await bo.call("GET", f"{SESSIONS}/{session}/messages"))[-1]["reactions"]
        assert {one["emoji"]: (one["count"], one["mine"]) for one in seen} == {"👍": (1, False), "❤️": (1, True)}
        for text in ("a", "👍👍", "1", "<", "👍a"):
            assert (await bo.ask("PUT", f"{path}/{quote(text)}"))[0] == 422, text
        assert (await bo.ask("PUT", f"{SESSIONS}/{session}/messages/10000/reactions/{quote('👍')}"))[0] == 404
        for emoji in "😂🎉🤔👀🦊":
            await bo.call("PUT", f"{path}/{quote(emoji)}")
        assert (await bo.ask("PUT", f"{path}/{quote('🐢')}"))[0] == 422, "not without end"


async def test_a_stop_says_who_stopped(gateway: Gateway, scripted: ScriptedServer) -> None:
    async with person(gateway, "ana") as ana, person(gateway, "ben") as ben:
        session = await new_session(ana)
        await enter(ben, await link(ana, session, "steer"))
        stream = await running(ana, session, scripted)
        async with ana.connected(session, run=stream):
            await ana.hears("chunk")
            await ben.call("POST", f"/api/chatbot/streams/{stream}/stop")
            done = await ana.hears("done")
            assert (done["finish_reason"], done["stopped_by"]) == ("cancelled", "ben")
        reply = (await ana.call("GET", f"{SESSIONS}/{session}/messages"))[-1]
        assert reply["metadata"]["stopped_by"] == "ben"
        assert '"stopped_by":"ben"' in (await ben.call("GET", f"/api/chatbot/streams/{stream}")).replace(" ", "")


async def test_a_waiting_message_is_its_authors(gateway: Gateway, scripted: ScriptedServer) -> None:
    async with person(gateway, "ana") as ana, person(gateway, "ben") as ben, browser(gateway, "Cy") as cy:
        session = await new_session(ana)
        await enter(ben, await link(ana, session, "steer"))
        await enter(cy, await link(ana, session, "steer"))
        stream = await running(ana, session, scripted)
        path = f"{SESSIONS}/{session}/waiting"
        first = (await ben.call("POST", path, {"content": "From Ben"}))["waiting"]
        second = (await cy.call("POST", path, {"content": "From Cy"}))["waiting"]
        assert [one["author"]["name"] for one in await ana.call("GET", path)] == ["ben", "Cy"]
        assert (await cy.ask("DELETE", f"{path}/{first['id']}"))[0] == 403
        assert (await ana.ask("PATCH", f"{path}/{first['id']}", {"content": "Not mine"}))[0] == 403
        assert (await ana.call("DELETE", f"{path}/{second['id']}"))["author"]["name"] == "Cy"
        async with ana.connected(session, run=stream):
            scripted.reply = Reply(("c",))
            scripted.step()
            await ana.hears("done")
            await ana.until(lambda one: one["event"]["type"] == "run" and one["event"]["stream_id"] != stream)
        messages = await ana.call("GET", f"{SESSIONS}/{session}/messages")
        assert (messages[2]["content"], messages[2]["author"]["name"]) == ("From Ben", "ben")


async def test_a_message_that_waits_for_somebody_who_left_is_held(gateway: Gateway, scripted: ScriptedServer) -> None:
    async with person(gateway, "ana") as ana, person(gateway, "ben") as ben:
        session = await new_session(ana)
        await enter(ben, await link(ana, session, "steer"))
        stream = await running(ana, session, scripted)
        await ben.call("POST", f"{SESSIONS}/{session}/waiting", {"content": "From Ben"})
        who = (await members_of(ana, session))["ben"]["user_id"]
        await ana.call("DELETE", f"{SESSIONS}/{session}/members/{who}")
        async with ana.connected(session, run=stream):
            scripted.step()
            await ana.hears("done")
            while not (waiting := await ana.call("GET", f"{SESSIONS}/{session}/waiting"))[0]["held"]:
                await asyncio.sleep(0.01)
        assert waiting[0]["held"]["reason"] == "refused"


@pytest.mark.parametrize("name", ["ana.maria-lee", "名前 太郎", "🦊", "x"])
async def test_initials_are_one_or_two_characters(gateway: Gateway, name: str) -> None:
    async with person(gateway, "ana") as ana, browser(gateway, name) as guest:
        session = await new_session(ana)
        await enter(guest, await link(ana, session))
        assert (await members_of(ana, session))[name]["initials"] == {
            "ana.maria-lee": "AL",
            "名前 太郎": "名太",
            "🦊": "🦊",
            "x": "X",
        }[name]


async def test_a_shared_session_says_so_in_everybodys_list(gateway: Gateway) -> None:
    async with person(gateway, "owner") as owner, person(gateway, "watches") as watches:
        session: int = (await owner.call("POST", SESSIONS, {}))["id"]
        await owner.call("POST", SESSIONS, {})
        secret = await link(owner, session)

        async def shared(someone: Someone) -> list[bool]:
            listed = sorted(await someone.call("GET", SESSIONS), key=lambda one: one["id"])
            return [one["is_shared"] for one in listed]

        assert await shared(owner) == [False, False], "a link alone shares nothing"
        await enter(watches, secret)
        assert (await shared(owner), await shared(watches)) == ([True, False], [True])
        me = (await members_of(owner, session))["watches"]["user_id"]
        await watches.call("DELETE", f"{SESSIONS}/{session}/members/{me}")
        assert (await shared(owner), await shared(watches)) == ([False, False], [])


async def test_an_account_that_is_deleted_takes_its_sessions_from_everybody(gateway: Gateway, scripted: ScriptedServer) -> None:
    """A member's reply in one of them ends, and the member's page hears that the session is gone."""
    async with person(gateway, "ana") as ana, person(gateway, "bo") as bo:
        session = await new_session(ana)
        await enter(bo, await link(ana, session, "steer"))
        await running(bo, session, scripted)
        async with bo.connected(session):
            await ana.call("DELETE", "/api/auth/account", {"password": "correct horse"})
            await bo.hears("deleted", session_id=session)
        await until(lambda: scripted.requests[0].left_early)
        await until(lambda: not gateway.parts.supervisor.running())
    async with gateway.client() as admin:
        assert await admin.call("GET", "/api/chatbot/sessions") == []
