"""Three people do what they like in one session, often at the same instant: in the end all three see one state, and the database
holds it. Each sees it through the frames alone: whoever was told nothing would look at an old one."""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import AsyncExitStack
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lam.gateway import Bounds
from lam.generation.supervisor import Waits
from lam.testing.server import Reply, ScriptedServer

from ..running import Gateway, running_gateway
from ..together import Someone, browser, enter, link, members_of, person
from ..waiting import until

SESSIONS = "/api/chatbot/sessions"
DEEDS = (
    *("send", "wait", "take back", "stop", "regenerate", "edit", "react", "unreact", "follow", "read", "type"),
    *("rename", "tune", "promote", "ask", "rate"),
)
MAY_FAIL = {401, 403, 404, 409, 422}  # 401: a guest, on a route that is not theirs
Step = Sequence[tuple[int, str]]


class View:
    """What one of them sees, asked anew whenever a frame says that something changed."""

    def __init__(self, someone: Someone, session: int) -> None:
        self.someone = someone
        self.state: dict[str, Any] = {}
        self._session = session
        self._seen = 0

    async def refresh(self) -> bool:
        """Asks again if there are new frames. Returns whether there were."""
        fresh = [frame for frame in self.someone.frames[self._seen :] if frame["stream"] in ("session", "sessions")]
        self._seen = len(self.someone.frames)
        if fresh or not self.state:
            self.state = await state_of(self.someone, self._session)
        return bool(fresh)


async def state_of(someone: Someone, session: int) -> dict[str, Any]:
    """Everything about the session that is the same for everybody."""
    path = f"{SESSIONS}/{session}"
    messages = await someone.call("GET", f"{path}/messages?limit=500")
    for message in messages:
        message["reactions"] = [(one["emoji"], one["count"]) for one in message["reactions"]]
    about = await someone.call("GET", path)
    members = {name: (one["role"], one["wants_to_steer"]) for name, one in (await members_of(someone, session)).items()}
    waiting = [(one["id"], one["content"], one["held"]) for one in await someone.call("GET", f"{path}/waiting")]
    same = {name: about[name] for name in ("title", "temperature", "active_message_id", "message_count", "running")}
    return {"messages": messages, "members": members, "waiting": waiting, **same}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[Callable[[Gateway], Coroutine[Any, Any, None]]], None]]:
    """A gateway on a loop of its own. Returns a function that runs a coroutine there."""
    data = tmp_path_factory.mktemp("together") / "data"
    started = threading.Event()
    kept: list[tuple[asyncio.AbstractEventLoop, asyncio.Event, Gateway]] = []

    async def serve() -> None:
        stop = asyncio.Event()
        bounds = Bounds(runs=Waits(room=0.2), login_delay=0)
        async with ScriptedServer() as scripted, running_gateway(data, bounds=bounds, llm_server_url=scripted.url) as gateway:
            scripted.reply = Reply(("a", " b", " c", " d"), rate=150)
            kept.append((asyncio.get_running_loop(), stop, gateway))
            started.set()
            await stop.wait()

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    assert started.wait(60)
    loop, stop, gateway = kept[0]

    def run(scenario: Callable[[Gateway], Coroutine[Any, Any, None]]) -> None:
        asyncio.run_coroutine_threadsafe(scenario(gateway), loop).result(120)

    yield run
    loop.call_soon_threadsafe(stop.set)
    thread.join(30)


deed = st.tuples(st.integers(0, 2), st.sampled_from(DEEDS))
steps = st.lists(st.lists(deed, min_size=1, max_size=3, unique_by=lambda one: one[0]), min_size=1, max_size=8)


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps)
def test_whatever_three_people_do_all_see_one_state_and_the_database_holds_it(
    served: Callable[[Callable[[Gateway], Coroutine[Any, Any, None]]], None], done: list[Step]
) -> None:
    served(lambda gateway: scenario(gateway, done))


numbers = iter(range(10**9))


async def scenario(gateway: Gateway, done: Sequence[Step]) -> None:
    async with AsyncExitStack() as stack:
        mark = next(numbers)
        people = [
            await stack.enter_async_context(person(gateway, f"ana{mark}")),
            await stack.enter_async_context(person(gateway, f"ben{mark}")),
            await stack.enter_async_context(browser(gateway, "Cy")),
        ]
        session: int = (await people[0].call("POST", SESSIONS, {"title": "Ours"}))["id"]
        for someone, role in ((people[1], "steer"), (people[2], "steer")):
            await enter(someone, await link(people[0], session, role))
        views = [View(someone, session) for someone in people]
        for someone in people:
            await stack.enter_async_context(someone.connected(session))
        for view in views:
            await view.refresh()
        replies: list[asyncio.Task[Any]] = []
        for step in done:
            statuses = await asyncio.gather(*(act(people[who], people[0], session, what, replies) for who, what in step))
            assert all(status < 400 or status in MAY_FAIL for status in statuses), list(zip(step, statuses, strict=True))
        ended = [status for status, _ in await asyncio.gather(*replies)]
        assert all(status == 200 or status in MAY_FAIL for status in ended), ended
        await settled(people[0], session)
        await agreed(views, people[0], session)
        await holds(gateway, session, views[0].state)


async def act(someone: Someone, owner: Someone, session: int, what: str, replies: list[asyncio.Task[Any]]) -> int:
    """Does one thing. Returns the status of the answer; a send is answered later, in `replies`."""
    path = f"{SESSIONS}/{session}"
    messages = await someone.call("GET", f"{path}/messages")
    last = messages[-1]["id"] if messages else 0
    body: dict[str, Any] = {"session_id": session, "on_disconnect": "continue"}
    sends: dict[str, dict[str, Any]] = {
        "send": {"content": f"{someone.name} says"},
        "regenerate": {"regenerate": True},
        "edit": {"content": "Anew", "parent_id": 0},
    }
    if what in sends:
        replies.append(asyncio.create_task(someone.ask("POST", "/api/chatbot/messages", body | sends[what])))
        return 200
    if what == "take back":
        waiting = await someone.call("GET", f"{path}/waiting")
        return (await someone.ask("DELETE", f"{path}/waiting/{waiting[0]['id']}"))[0] if waiting else 200
    if what == "stop":
        status, running = await someone.ask("GET", f"{path}/stream")
        return (await someone.ask("POST", f"/api/chatbot/streams/{running['stream_id']}/stop"))[0] if status == 200 else 200
    if what == "promote":
        who = next(one for one in (await members_of(owner, session)).values() if one["is_guest"])
        role = "watch" if who["role"] == "steer" else "steer"
        return (await someone.ask("PATCH", f"{path}/members/{who['user_id']}", {"role": role}))[0]
    simple: dict[str, tuple[str, str, Any]] = {
        "wait": ("POST", f"{path}/waiting", {"content": f"{someone.name} waits"}),
        "react": ("PUT", f"{path}/messages/{last}/reactions/%F0%9F%91%8D", None),
        "unreact": ("DELETE", f"{path}/messages/{last}/reactions/%F0%9F%91%8D", None),
        "follow": ("POST", f"{path}/follow", {"message_id": messages[0]["siblings"][0] if messages else 1}),
        "read": ("POST", f"{path}/reading", {"message_id": last or 1}),
        "type": ("POST", f"{path}/typing", None),
        "rename": ("PATCH", path, {"title": f"By {someone.name}"}),
        "tune": ("PATCH", path, {"temperature": 0.25}),
        "ask": ("POST", f"{path}/steer-request", None),
        "rate": ("PATCH", f"/api/chatbot/messages/{last or 1}", {"rating": "good"}),
    }
    return (await someone.ask(*simple[what]))[0]


async def settled(owner: Someone, session: int) -> None:
    """Until no reply runs, and nothing waits that would be sent."""

    async def is_quiet() -> bool:
        waiting = await owner.call("GET", f"{SESSIONS}/{session}/waiting")
        about = await owner.call("GET", f"{SESSIONS}/{session}")
        return not about["running"] and all(one["held"] for one in waiting)

    async with asyncio.timeout(60):
        await until(is_quiet)


async def agreed(views: Sequence[View], owner: Someone, session: int) -> None:
    """Until everybody's view, which frames alone renew, is the present state."""
    now = await state_of(owner, session)
    async with asyncio.timeout(60):
        while any(view.state != now for view in views):
            for view in views:
                await view.refresh()
            now = await state_of(owner, session)
            await asyncio.sleep(0.01)


async def holds(gateway: Gateway, session: int, state: dict[str, Any]) -> None:
    async with gateway.parts.database.read() as unit:
        rows = await unit.messages.all(session)
        ((stored, _),) = await unit.sessions.listed([session])
        open_run = await unit.runs.of_key(f"session:{session}")
    assert open_run is None
    assert not [row for row in rows if row.status == "streaming"]
    assert len(rows) == stored.message_count == state["message_count"]
    assert len({row.stream_id for row in rows if row.role == "assistant"}) == sum(row.role == "assistant" for row in rows)
    by_id = {row.id: row for row in rows}
    path: list[int] = []
    at = stored.leaf_id
    while at is not None:
        path.append(at)
        at = by_id[at].parent_id
    assert path[::-1] == [one["id"] for one in state["messages"]]
    assert [by_id[one["id"]].content for one in state["messages"]] == [one["content"] for one in state["messages"]]
    assert all(row.author_id is not None for row in rows if row.role == "user")
