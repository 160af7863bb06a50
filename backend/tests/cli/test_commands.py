"""The commands as people type them: exit codes, one sentence on stderr, the answer alone on stdout."""

import asyncio
import json
import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

import lam
from lam.engines.retries import Pauses
from lam.gateway import Bounds
from lam.testing.server import Reply, ScriptedServer

from ..checkpoints import until_stored
from ..forked import forked
from ..ports import free_port
from ..running import Gateway, gateway_process, running_gateway
from ..waiting import until

pytestmark = pytest.mark.timeout(300)


@dataclass
class Ran:
    code: int | None
    out: str
    err: str


def environment(data: Path, **settings: object) -> dict[str, str]:
    return os.environ | {"LAM_DATA_DIR": str(data)} | {name.upper(): str(value) for name, value in settings.items()}


async def start(*words: str, env: dict[str, str]) -> asyncio.subprocess.Process:
    pipe = asyncio.subprocess.PIPE
    command = (sys.executable, "-c", "from lam.cli import main; main()", *words)
    return await asyncio.create_subprocess_exec(*command, env=env, stdin=pipe, stdout=pipe, stderr=pipe)


async def run(*words: str, env: dict[str, str], stdin: str = "") -> Ran:
    process = await forked("from lam.cli import main; main()", *words, env=env)
    out, err = await asyncio.wait_for(process.communicate(stdin.encode()), 60)
    return Ran(process.returncode, out.decode(), err.decode())


async def test_version_and_wrong_usage(tmp_path: Path) -> None:
    env = environment(tmp_path)
    assert await run("version", env=env) == Ran(0, lam.__version__ + "\n", "")
    for words in (
        ["chat", "--url", "http://models.example:3000", "hi"],
        ["nonsense"],
        ["serve", "--port", "x"],
        ["chat", "--session", "0", "hi"],
        ["chat", " "],
    ):
        assert (await run(*words, env=env)).code == 2


async def test_chat_streams_the_answer_to_stdout_and_the_rest_to_stderr(gateway: Gateway, tmp_path: Path) -> None:
    env = environment(tmp_path / "data")
    ran = await run("chat", "--url", gateway.url, "Tell me a story", env=env)
    assert (ran.code, ran.out) == (0, "Once upon a time\n")
    assert "Session 1" in ran.err
    again = await run("chat", "--url", gateway.url, "--session", "1", env=env, stdin="and then?")
    assert (again.code, again.out) == (0, "Once upon a time\n")
    async with gateway.client() as client:
        messages = await client.call("GET", "/api/chatbot/sessions/1/messages")
    assert [message["content"] for message in messages[::2]] == ["Tell me a story", "and then?"]
    assert len({message["request_id"] for message in messages[::2]} - {None}) == 2  # sent twice by a proxy, each is stored once


async def test_chat_begins_in_a_folder_of_that_name(gateway: Gateway, scripted: ScriptedServer, tmp_path: Path) -> None:
    env = environment(tmp_path / "data")
    async with gateway.client() as client:
        folder = await client.call("POST", "/api/chatbot/folders", {"name": "Trip", "system_prompt": "Plan."})
        assert (await run("chat", "--url", gateway.url, "--folder", " trip", "Where to?", env=env)).code == 0
        assert [one["folder_id"] for one in await client.call("GET", "/api/chatbot/sessions")] == [folder["id"]]
        assert scripted.requests[0].body["messages"][0] == {"role": "system", "content": "Plan."}
        missing = await run("chat", "--url", gateway.url, "--folder", "Work", "hi", env=env)
        assert (missing.code, missing.out) == (1, "")
        assert "no folder “Work”" in missing.err
        assert len(await client.call("GET", "/api/chatbot/sessions")) == 1
    assert (await run("chat", "--url", gateway.url, "--session", "1", "--folder", "Trip", "hi", env=env)).code == 2


async def test_ctrl_c_stops_the_model_and_the_text_stays(gateway: Gateway, scripted: ScriptedServer, tmp_path: Path) -> None:
    scripted.reply = Reply(("word ",) * 10_000, rate=20)
    process = await start("chat", "--url", gateway.url, "Go on", env=environment(tmp_path / "data"))
    assert process.stdout
    assert (await process.stdout.readexactly(10)) == b"word word "
    process.send_signal(signal.SIGINT)
    out, err = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0
    assert "Stopped" in err.decode()
    await until(lambda: scripted.requests[0].left_early)
    async with gateway.client() as client:
        (_, message) = await client.call("GET", "/api/chatbot/sessions/1/messages")
    assert message["status"] == "cancelled"
    assert message["content"] == ("word word " + out.decode()).removesuffix("\n")


async def test_a_failure_is_one_sentence_and_keeps_the_partial_answer(
    gateway: Gateway, scripted: ScriptedServer, tmp_path: Path
) -> None:
    scripted.reply = Reply(fault="cut", after=2)
    ran = await run("chat", "--url", gateway.url, "hi", env=environment(tmp_path / "data"))
    assert (ran.code, ran.out) == (1, "Once upon\n")
    assert ran.err.splitlines()[-1].startswith("Error: The connection to the model server was lost")


async def test_what_cannot_work_says_so_in_one_sentence(tmp_path: Path, scripted: ScriptedServer) -> None:
    stale = tmp_path / "stale"
    stale.mkdir()
    (stale / "lam.db").write_text("not a database at all, but long enough to look like one " * 30)
    (tmp_path / "file").write_text("")
    async with running_gateway(tmp_path / "data", llm_server_url=scripted.url) as gateway:
        port = gateway.url.rsplit(":", 1)[1]
        cases = [
            (["chat", "--url", "http://127.0.0.1:9", "hi"], {}, "No gateway answers"),
            (["chat", "--url", gateway.url, "--token", "wrong", "hi"], {}, "Log in first"),
            (["serve", "--port", port], {}, f"cannot listen on 127.0.0.1:{port}"),
            (["up", "--port", port], {}, f"cannot listen on 127.0.0.1:{port}"),
            (
                ["serve", "--port", "0"],
                {"lam_data_dir": stale, "database_url": f"sqlite+aiosqlite:///{stale}/lam.db"},
                "database cannot be used",
            ),
            (["serve", "--port", "0"], {"lam_data_dir": tmp_path / "file" / "x"}, "data folder"),
            (["serve"], {"lam_prot": 3000}, "LAM_PROT is not a setting"),
            (["serve"], {"llm_comm_mode": "carrier"}, "LLM_COMM_MODE"),
            (["serve"], {"secret_key": "short"}, "too weak"),
            (["serve"], {"lam_port": "many"}, "LAM_PORT"),
        ]
        for words, settings, sentence in cases:
            ran = await run(*words, env=environment(tmp_path / "other", **settings))
            assert ran.code == 1, (words, ran)
            assert sentence in ran.err
            assert ran.err.count("\n") == 1 + ("Loading" in ran.err), ran.err
            assert "Traceback" not in ran.err


async def test_users_and_db_work_beside_a_running_gateway(scripted: ScriptedServer, tmp_path: Path) -> None:
    data = tmp_path / "data"
    env = environment(data)
    assert (await run("db", "upgrade", env=env)).code == 0
    async with gateway_process(data, llm_server_url=scripted.url, lam_registration="closed") as (_, gateway):
        assert (await run("users", "add", "Ada@example.org", "--password", "correct horse", env=env)).code == 0
        taken = await run("users", "add", "ada@example.org", "--password", "correct horse", env=env)
        assert (taken.code, taken.err) == (1, "Error: There is already an account with this address.\n")
        listed = (await run("users", "list", env=env)).out
        assert [line.split("\t")[1:3] for line in listed.splitlines()] == [["local", "admin"], ["ada@example.org", "user"]]
        async with Gateway(gateway.url, "").client() as nobody:
            await nobody.call("POST", "/api/auth/login", {"email": "ada@example.org", "password": "correct horse"})
            assert (await run("users", "password", "ada@example.org", "--password", "another horse", env=env)).code == 0
            await nobody.call("POST", "/api/auth/login", {"email": "ada@example.org", "password": "another horse"})
        assert (await run("users", "admin", "ada@example.org", env=env)).code == 0
        assert "ada@example.org\tadmin" in (await run("users", "list", env=env)).out
        assert (await run("users", "admin", "ada@example.org", "--remove", env=env)).code == 0
        assert "ada@example.org\tuser" in (await run("users", "list", env=env)).out
        assert (await run("users", "admin", "local", "--remove", env=env)).code == 1
        assert (await run("users", "remove", "ada@example.org", "--yes", env=env)).code == 0
        assert (await run("users", "remove", "ada@example.org", "--yes", env=env)).code == 1
        assert (await run("users", "remove", "local", "--yes", env=env)).code == 1


@pytest.mark.live
async def test_up_starts_everything_and_ctrl_c_stops_everything(tmp_path: Path) -> None:
    data = tmp_path / "data"
    process = await start("up", "--port", "0", env=environment(data, llm_max_tokens=10))
    assert process.stdout
    try:
        url = (await asyncio.wait_for(process.stdout.readline(), 180)).decode().strip()
        ran = await run("chat", "Say hello", env=environment(data))
        assert ran.code == 0
        assert ran.out.strip()
        async with Gateway(url, (data / "token").read_text().strip()).client() as client:
            assert (await client.call("GET", "/api/models"))["default"] == "SmolLM2-135M-Instruct"
            account = {"email": "ada@example.org", "password": "correct horse"}
            assert await client.call("POST", "/api/auth/register", account)
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        assert children
        process.send_signal(signal.SIGINT)
        _, err = await asyncio.wait_for(process.communicate(), 120)
        assert process.returncode == 0, err.decode()
        assert not any(Path(f"/proc/{child}").exists() for child in children)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_an_answer_that_is_rebuilt_is_not_written_twice(scripted: ScriptedServer, tmp_path: Path) -> None:
    """The gateway is killed in mid-reply and started again on the same port; the client resumes and gets the rebuilt stream."""
    scripted.reply = Reply(("word ",) * 10_000, rate=50)
    data = tmp_path / "data"
    port = free_port()
    async with gateway_process(data, llm_server_url=scripted.url, lam_port=port) as (gateway, running):
        chat = await start("chat", "Go on", env=environment(data))
        assert chat.stdout
        shown = await chat.stdout.readexactly(500)
        async with running.client() as client:
            (_, message) = await client.call("GET", "/api/chatbot/sessions/1/messages")
        await until_stored(data, message["stream_id"], lambda stored: len(stored.text) > 400)
        gateway.kill()
        await gateway.wait()
    async with gateway_process(data, llm_server_url=scripted.url, lam_port=port) as (_, running):
        out, err = await asyncio.wait_for(chat.communicate(), 60)
        async with running.client() as client:
            (_, message) = await client.call("GET", "/api/chatbot/sessions/1/messages")
    assert chat.returncode == 1
    assert "The gateway stopped in the middle of the reply" in err.decode()
    written = (shown + out).decode().removesuffix("\n")
    assert set(written.split()) == {"word"}
    assert written.startswith(message["content"])
    assert len(written) < 2 * len(message["content"])


async def test_ctrl_c_before_anything_arrives_leaves_at_once(tmp_path: Path) -> None:
    asked = asyncio.Event()

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        asked.set()
        await reader.read()
        writer.close()

    async with await asyncio.start_server(say_nothing, "127.0.0.1", 0) as silent:
        url = f"http://127.0.0.1:{silent.sockets[0].getsockname()[1]}"
        process = await start("chat", "--url", url, "--session", "1", "hi", env=environment(tmp_path / "data"))
        assert process.stderr
        await process.stderr.readline()
        await asked.wait()
        process.send_signal(signal.SIGINT)
        assert await asyncio.wait_for(process.wait(), 20) == 1
        await process.communicate()


async def test_an_unreachable_model_server_is_one_sentence(scripted: ScriptedServer, tmp_path: Path) -> None:
    await scripted.vanish()
    bounds = Bounds(pauses=Pauses(refused=0.3))
    async with running_gateway(tmp_path / "data", bounds=bounds, llm_server_url=scripted.url) as gateway:
        ran = await run("chat", "--url", gateway.url, "hi", env=environment(tmp_path / "data"))
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.splitlines()[-1].startswith(f"Error: The model server at {scripted.url} cannot be reached")


async def test_thoughts_that_came_as_text_and_tool_calls_do_not_pass_for_the_answer(
    gateway: Gateway, scripted: ScriptedServer, tmp_path: Path
) -> None:
    call = {"index": 0, "id": "c1", "function": {"name": "look", "arguments": '{"at":\n  "it"}'}}
    line = json.dumps({"choices": [{"index": 0, "delta": {"tool_calls": [call]}}]})
    scripted.reply = Reply(("Let me see.\n", "</think>", "\nFour", "."), raw=(line,))
    ran = await run("chat", "--url", gateway.url, "How much?", env=environment(tmp_path / "data"))
    assert ran.code == 0
    assert ran.out == "Let me see.\n\nFour.\n"
    assert "The text above was the model's reasoning; its answer follows." in ran.err
    assert 'Tool call look: {"at": "it"}\n' in ran.err
    scripted.reply = Reply(("Let me see.", "</think>", "Four."))  # the route is known now
    again = await run("chat", "--url", gateway.url, "And now?", env=environment(tmp_path / "data"))
    assert again.out == "Four.\n"


async def test_a_voice_that_cannot_be_used_is_one_sentence(tmp_path: Path) -> None:
    for option in ("--voice", "--ears"):
        ran = await run("voice", option, str(tmp_path / "nothing"), env=environment(tmp_path))
        assert (ran.code, ran.out) == (1, "")
        assert "Traceback" not in ran.err
        assert "voice.md" in ran.err or "nothing" in ran.err
