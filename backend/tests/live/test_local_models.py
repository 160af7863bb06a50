"""Local models as real processes, with the demo model's file as two models."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import aiohttp
import pytest

from lam.engines.base import Route, RouteLost
from lam.engines.catalog import Catalog
from lam.errors import CannotSee, GenerationError, Interrupted, LlmUnreachable
from lam.llama.gguf import GgufWriter
from lam.llama.local_engine import LocalEngine
from lam.llama.model import demo_model
from lam.llama.models import LocalModels
from lam.protocol.chat import ChatRequest, Turn
from lam.protocol.events import Chunk, Done, EngineEvent, Event, Finished, Progress
from lam.protocol.sampling import Sampling

from ..running import collect, running_gateway
from ..waiting import until

pytestmark = [pytest.mark.live, pytest.mark.timeout(240)]

ONE_FITS = 260  # MB: a model as it is run here needs about 190


def request(max_tokens: int = 4, model: str | None = None) -> ChatRequest:
    sampling = Sampling(temperature=0, top_p=1, max_tokens=max_tokens)
    return ChatRequest(turns=(Turn("user", "Tell me a long story."),), keep=0, sampling=sampling, model=model)


def endless() -> ChatRequest:
    return request(4000)


def models_in(folder: Path, *, memory_mb: int = 0, idle_seconds: float = 600) -> LocalModels:
    return LocalModels(folder=folder / "local", memory_mb=memory_mb, idle_seconds=idle_seconds)


def engine_of(models: LocalModels, name: str, *, slots: int = 1, file: Path | None = None) -> LocalEngine:
    return LocalEngine(models, name=name, file=file or demo_model(), n_ctx=512, slots=slots, threads=1)


def route_of(engine: LocalEngine) -> Route:
    return engine.routes()[0]


async def events_of(engine: LocalEngine, asked: ChatRequest | None = None) -> list[EngineEvent]:
    while True:
        with contextlib.suppress(RouteLost):  # a connection that the server was about to close
            async with engine.generate(asked or request(), route_of(engine)) as batches:
                return [event async for batch in batches for event in batch]


def text_of(events: list[EngineEvent]) -> str:
    return "".join(event.content for event in events if isinstance(event, Chunk))


def stages_of(events: list[EngineEvent]) -> list[str]:
    stages = [event.stage for event in events if isinstance(event, Progress)]
    return [stage for number, stage in enumerate(stages) if stage not in stages[:number]]


@contextlib.asynccontextmanager
async def replying(engine: LocalEngine) -> AsyncIterator[AsyncIterator[list[EngineEvent]]]:
    """A long reply after its first word."""
    async with engine.generate(endless(), route_of(engine)) as batches:
        async for batch in batches:
            if any(isinstance(event, Chunk) for event in batch):
                break
        yield batches


def pid_of(engine: LocalEngine) -> int:
    child = engine.model._child
    assert child is not None
    assert child.pid is not None
    return child.pid


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that ended and was not buried does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def test_a_model_is_loaded_for_its_first_reply_and_sleeps_afterwards(tmp_path: Path) -> None:
    models = models_in(tmp_path, idle_seconds=0.05)
    states = list[str]()
    async with engine_of(models, "one") as engine:
        engine.watch(lambda: states.append(route_of(engine).state))
        assert (route_of(engine).state, route_of(engine).ready, route_of(engine).can.images) == ("asleep", False, False)
        assert (await engine.health()).state == "ready"
        events = await events_of(engine)
        assert text_of(events)
        assert isinstance(events[-1], Finished)
        assert stages_of(events)[0] == "loading"
        await until(lambda: route_of(engine).state == "asleep")
        assert states == ["loading", "ready", "asleep"]
        can = route_of(engine).can
        assert (can.continues, can.tools, can.json, can.thinking, route_of(engine).n_ctx) == (True, False, True, False, 512)
    async with engine_of(models, "one") as again:
        assert route_of(again).can == can  # remembered over a restart
        assert again.model.engine is None
    async with LocalEngine(models, name="one", file=demo_model(), n_ctx=256) as changed:
        assert route_of(changed).can.continues is None


async def test_two_replies_of_an_awake_model_load_it_once(tmp_path: Path) -> None:
    async with engine_of(models_in(tmp_path), "one", slots=2) as engine:
        first, second = await asyncio.gather(events_of(engine), events_of(engine))
        pid = pid_of(engine)
        third = await events_of(engine)
        assert text_of(first) == text_of(second) == text_of(third)
        assert pid_of(engine) == pid
        assert stages_of(third)[:1] != ["loading"]


async def test_with_memory_for_one_the_idle_one_goes_and_the_busy_one_is_waited_for(tmp_path: Path) -> None:
    models = models_in(tmp_path, memory_mb=ONE_FITS)
    async with engine_of(models, "one") as one, engine_of(models, "two") as two:
        await events_of(one)
        first = pid_of(one)
        assert text_of(await events_of(two))
        assert (is_alive(first), route_of(one).state, route_of(two).state) == (False, "asleep", "ready")
        async with replying(two) as batches:
            waiting = asyncio.create_task(events_of(one))
            await until(lambda: models.memory.full)
            late = asyncio.create_task(events_of(two))  # one that comes later is not let in before
            assert await anext(batches)  # the reply goes on
            assert not waiting.done()
        for reply in (waiting, late):
            assert {"queued", "loading"} <= set(stages_of(await reply))
        assert models.memory.held <= ONE_FITS


async def test_a_model_that_never_fits_says_both_numbers(tmp_path: Path) -> None:
    async with engine_of(models_in(tmp_path, memory_mb=100), "one") as engine:
        with pytest.raises(LlmUnreachable, match=r"needs about \d+ MB .* 100 MB"):
            await events_of(engine)
        assert (route_of(engine).state, (await engine.health()).state) == ("failed", "unreachable")


async def test_a_stop_frees_the_place_and_the_model_stays(tmp_path: Path) -> None:
    async with engine_of(models_in(tmp_path), "one") as engine:
        async with replying(engine):
            assert await route_of(engine).pool.busy() == 1
            pid = pid_of(engine)

        async def is_free() -> bool:
            return await route_of(engine).pool.busy() == 0

        async with asyncio.timeout(20):
            await until(is_free)
        assert text_of(await events_of(engine))
        assert pid_of(engine) == pid


async def test_a_reply_that_is_stopped_while_the_model_loads_holds_nobody_up(tmp_path: Path) -> None:
    models = models_in(tmp_path, memory_mb=ONE_FITS)
    async with engine_of(models, "one") as one, engine_of(models, "two") as two:
        async with one.generate(request(), route_of(one)) as batches:
            await anext(batches)
            await until(lambda: route_of(one).state == "loading")
        assert text_of(await events_of(two))
        assert route_of(one).state == "asleep"


async def test_a_process_that_dies_ends_its_reply_and_the_next_one_loads_it_again(tmp_path: Path) -> None:
    async with engine_of(models_in(tmp_path), "one") as engine:
        async with replying(engine) as batches:
            os.kill(pid := pid_of(engine), signal.SIGKILL)
            with pytest.raises(Interrupted):
                await until_end(batches)
        events = await events_of(engine)
        assert text_of(events)
        assert "loading" in stages_of(events)
        assert pid_of(engine) != pid


async def until_end(batches: AsyncIterator[list[EngineEvent]]) -> None:
    async for _ in batches:
        pass


async def test_a_process_that_dies_before_the_first_word_is_replaced_unseen(tmp_path: Path) -> None:
    async with engine_of(models_in(tmp_path), "one") as engine, Catalog({"it": engine}, most_waiting=9, timeout=60) as catalog:
        await events_of(engine)
        long = "Once upon a time there was a lighthouse. " * 40 + "Go on."
        asked = ChatRequest(turns=(Turn("user", long),), keep=0, sampling=request().sampling)
        with catalog.place(None, "somebody") as ticket:
            async with catalog.generate(asked, ticket) as batches:
                events = list[EngineEvent]()
                killed = False
                async for batch in batches:
                    events += batch
                    if not killed and any(isinstance(event, Progress) and event.total for event in batch):
                        os.kill(pid_of(engine), signal.SIGKILL)
                        killed = True
        assert killed
        assert text_of(events)
        assert isinstance(events[-1], Finished)
        assert "loading" in stages_of(events)


async def test_an_idle_process_that_dies_is_noticed(tmp_path: Path) -> None:
    async with engine_of(models_in(tmp_path), "one") as engine:
        await events_of(engine)
        os.kill(pid_of(engine), signal.SIGKILL)
        await until(lambda: route_of(engine).state == "asleep")
        assert text_of(await events_of(engine))


async def test_a_file_that_is_missing_or_broken_is_a_failure_until_it_is_mended(tmp_path: Path) -> None:
    file = tmp_path / "model.gguf"
    async with engine_of(models_in(tmp_path), "one", file=file) as engine:
        with pytest.raises(LlmUnreachable, match=r"model\.gguf is missing"):
            await events_of(engine)
        file.write_bytes(b"GGUF?")
        with pytest.raises(LlmUnreachable, match="no GGUF file"):
            await events_of(engine)
        file.write_bytes(GgufWriter().values({"general.architecture": "none"}).to_bytes())
        with pytest.raises(LlmUnreachable, match="did not start"):
            await events_of(engine)
        assert route_of(engine).state == "failed"
        file.unlink()
        file.symlink_to(demo_model())
        assert text_of(await events_of(engine))
        assert ((await engine.health()).state, route_of(engine).state) == ("ready", "ready")


async def test_the_process_has_no_page_and_answers_only_with_its_key(tmp_path: Path) -> None:
    async with engine_of(models_in(tmp_path), "one") as engine, aiohttp.ClientSession() as stranger:
        await events_of(engine)
        assert engine.model.engine is not None
        url = engine.model.engine.url
        for path, status in (("/", 401), ("/v1/chat/completions", 401), ("/slots", 401)):
            async with stranger.post(url + path, json={}) as answer:
                assert answer.status in (status, 404), path
        async with stranger.get(url + "/") as answer:
            assert b"<html" not in await answer.read()


async def test_a_model_that_guesses_says_the_same(tmp_path: Path) -> None:
    asked = ChatRequest(turns=(Turn("user", "Count: 1, 2, 3, 1, 2, 3, 1, 2, 3."),), keep=0, sampling=request(24).sampling)
    texts = list[str]()
    for guesses in (False, True):
        async with LocalEngine(
            models_in(tmp_path), name="one", file=demo_model(), n_ctx=512, threads=1, speculate=guesses
        ) as engine:
            texts.append(text_of(await events_of(engine, asked)))
    assert texts[0] == texts[1] != ""


async def test_pictures_are_refused_before_anything_is_loaded(tmp_path: Path) -> None:
    async with engine_of(models_in(tmp_path), "one") as engine, Catalog({"it": engine}, most_waiting=9, timeout=10) as catalog:
        with pytest.raises(CannotSee):
            await catalog.require_sight(None)
        assert engine.model.engine is None


async def test_the_end_of_an_engine_ends_its_process_and_its_replies(tmp_path: Path) -> None:
    async with contextlib.AsyncExitStack() as stack:
        engine = await stack.enter_async_context(engine_of(models_in(tmp_path), "one"))
        batches = await stack.enter_async_context(replying(engine))
        pid = pid_of(engine)
        await engine.__aexit__(None, None, None)
        assert not is_alive(pid)
        with pytest.raises((GenerationError, RuntimeError)):  # which one depends on where the client is
            await until_end(batches)


FILE = """
[[server]]
name = "small"
kind = "local"
file = "model.gguf"
n_ctx = 512
threads = 1

[[server]]
name = "other"
kind = "local"
file = "model.gguf"
n_ctx = 512
threads = 1

[local]
memory_mb = {memory}
idle_seconds = 600
"""


async def test_a_gateway_answers_with_the_local_models_of_its_file(tmp_path: Path) -> None:
    (tmp_path / "model.gguf").symlink_to(demo_model())
    path = tmp_path / "lam.toml"
    path.write_text(FILE.format(memory=ONE_FITS))
    async with running_gateway(tmp_path / "data", lam_config=path) as gateway, gateway.client() as client:

        async def states() -> dict[str, str]:
            listed = (await client.call("GET", "/api/models"))["models"]
            return {model["name"]: model["state"] for model in listed if model["name"] in ("small", "other")}

        assert await states() == {"small": "asleep", "other": "asleep"}
        session = await client.create_session()
        for name, after in (("small", {"small": "ready", "other": "asleep"}), ("other", {"small": "asleep", "other": "ready"})):
            events = await collect(client, session["id"], model=name, max_tokens=4, temperature=0)
            assert isinstance(events[-1], Done)
            assert "loading" in [event.stage for event in events if isinstance(event, Progress)]
            assert await states() == after
        stored = await client.call("GET", f"/api/chatbot/sessions/{session['id']}/messages")
        assert [message["metadata"]["server"] for message in stored if message["role"] == "assistant"] == ["small", "other"]


async def test_a_reply_goes_on_when_the_process_of_its_model_has_died(tmp_path: Path) -> None:
    (tmp_path / "model.gguf").symlink_to(demo_model())
    path = tmp_path / "lam.toml"
    path.write_text(FILE.format(memory=ONE_FITS))
    async with running_gateway(tmp_path / "data", lam_config=path) as gateway, gateway.client() as client:
        session = (await client.create_session())["id"]
        reply = client.send(session, "Tell me a long story.", model="small", max_tokens=250, temperature=0)
        events = list[Event]()
        async with aclosing(reply):
            async for event in reply:
                events.append(event)
                if isinstance(event, Chunk) and not any(isinstance(earlier, Chunk) for earlier in events[:-1]):
                    file = str(tmp_path / "model.gguf").encode()
                    (process,) = [pid for pid in children_of(os.getpid()) if file in Path(f"/proc/{pid}/cmdline").read_bytes()]
                    os.kill(process, signal.SIGKILL)
        (_, stored) = await client.call("GET", f"/api/chatbot/sessions/{session}/messages")
    assert isinstance(events[-1], Done)
    assert "recovering" in [event.stage for event in events if isinstance(event, Progress)]
    assert stored["status"] == "complete"
    assert [place["reason"] for place in stored["metadata"]["healed"]] == ["interrupted"]
    assert stored["content"] == "".join(event.content for event in events if isinstance(event, Chunk))


PROGRAM = """
import asyncio, sys
from pathlib import Path
from tests.live.test_local_models import endless, engine_of, models_in, route_of, request

async def main(folder, loads):
    async with engine_of(models_in(folder), "one") as engine:
        async with engine.generate(endless(), route_of(engine)) as batches:
            async for batch in batches:
                child = engine.model._child
                if loads or child is not None:
                    print(child.pid if child else 0, flush=True)
                    await asyncio.sleep(1000)

asyncio.run(main(Path(sys.argv[1]), sys.argv[2] == "loading"))
"""


@pytest.mark.parametrize("moment", ["loading", "answering"])
async def test_a_killed_gateway_leaves_no_process(moment: str, tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PROGRAM, str(tmp_path), moment, stdout=asyncio.subprocess.PIPE, cwd=Path(__file__).parents[2]
    )
    assert process.stdout is not None
    try:
        assert await process.stdout.readline()
        await until(lambda: children_of(process.pid))
        children = children_of(process.pid)
    finally:
        process.kill()
        await process.wait()
    async with asyncio.timeout(30):  # for a busy machine
        await until(lambda: not any(map(is_alive, children)))


def children_of(pid: int) -> list[int]:
    return [int(child) for task in Path(f"/proc/{pid}/task").iterdir() for child in (task / "children").read_text().split()]
