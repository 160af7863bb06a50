"""Uploads: their text over HTTP, and chat that goes on undisturbed while hostile files are refused."""

import asyncio
import gc
import io
from pathlib import Path
from typing import Any

import aiohttp
import psutil
import pytest

from lam.documents.reader import FILE_BYTES, WAITING
from lam.protocol.events import Chunk, Done, Error
from lam.testing.server import Reply, ScriptedServer

from ..documents.hostile import good_docx, good_pdf, hostile
from ..running import Gateway, collect, running_gateway
from .test_conversations import TOO_LONG, limited

STATUS = {
    "document_unsupported": 415,
    "document_too_large": 413,
    "document_disguised": 422,
    "document_encrypted": 422,
    "document_empty": 422,
    "document_broken": 422,
}


async def upload(gateway: Gateway, name: str, data: bytes) -> tuple[int, dict[str, Any]]:
    form = aiohttp.FormData(quote_fields=False)  # as browsers write it
    form.add_field("file", io.BytesIO(data), filename=name)
    async with gateway.client() as client, client._http.post(gateway.url + "/api/chatbot/upload-document", data=form) as response:
        return response.status, await response.json()


@pytest.mark.parametrize(("name", "data"), [("a.pdf", good_pdf("Hello")), ("b.docx", good_docx("Hello")), ("c ö.txt", b"Hello")])
async def test_a_document_gives_its_text(name: str, data: bytes, gateway: Gateway) -> None:
    status, answer = await upload(gateway, name, data)
    assert (status, answer) == (200, {"filename": name, "text": "Hello", "length": 5})


async def test_a_large_document_is_read_and_a_larger_one_refused(gateway: Gateway) -> None:
    status, answer = await upload(gateway, "a.txt", b"word " * 190_000)
    assert (status, answer["length"]) == (200, 950_000)
    status, answer = await upload(gateway, "a.txt", b"word " * 210_000)
    assert (status, answer["code"]) == (413, "document_too_large")
    status, answer = await upload(gateway, "a.txt", b"x" * (FILE_BYTES + 1))
    assert (status, answer["code"]) == (413, "document_too_large")
    status, answer = await upload(gateway, "a.txt", b"x" * (FILE_BYTES + (1 << 20)))
    assert (status, answer) == (413, {"detail": "A document may have up to 20 MiB.", "code": "document_too_large"})


async def test_a_request_without_a_file_is_an_error(gateway: Gateway) -> None:
    async with gateway.client() as client:
        for data in ({"file": "text"}, {"other": "text"}, None, b"not a form"):
            async with client._http.post(gateway.url + "/api/chatbot/upload-document", data=data) as response:
                assert (response.status, (await response.json())["code"]) == (422, "invalid")


async def test_nothing_is_taken_from_a_stranger(gateway: Gateway) -> None:
    """The answer comes while most of the file is still to be sent."""
    head = (
        "POST /api/chatbot/upload-document HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=b\r\n"
        f"Content-Length: {10 << 20}\r\n\r\n--b\r\n"
    )
    reader, writer = await asyncio.open_connection("127.0.0.1", int(gateway.url.rsplit(":", 1)[1]))
    writer.write(head.encode())
    assert b" 401 " in await asyncio.wait_for(reader.readline(), 10)
    writer.close()


async def test_hostile_files_do_not_disturb_a_stream_and_leave_nothing_in_memory(
    gateway: Gateway, scripted: ScriptedServer
) -> None:
    """The longest lag of the event loop is printed; its goal is 50 ms, and the bench's to hold."""
    pieces = tuple(f"{number} " for number in range(3000))
    scripted.reply = Reply(pieces, hold=True)
    files = hostile()
    lags: list[float] = []

    async def watch() -> None:
        clock = asyncio.get_running_loop().time
        while True:
            due = clock() + 0.01
            await asyncio.sleep(0.01)  # Time itself: how late the loop wakes is what is measured
            lags.append(clock() - due)

    at_once = asyncio.Semaphore(WAITING)

    async def send(name: str, data: bytes) -> Any:
        async with at_once:
            return await upload(gateway, name, data)

    async def speak() -> None:
        for _ in pieces[1:]:  # the last word comes after the uploads, however long they take
            scripted.step()
            await asyncio.sleep(0.005)  # Time itself: 200 words a second

    status, _ = await upload(gateway, "warm.pdf", good_pdf())
    assert status == 200
    gc.collect()
    before = psutil.Process().memory_info().rss
    async with gateway.client() as client:
        session = (await client.create_session())["id"]
        stream = asyncio.create_task(collect(client, session))
        watching, speaking = asyncio.create_task(watch()), asyncio.create_task(speak())
        answers = await asyncio.gather(*(send(name, data) for name, data, _ in files.values()))
        watching.cancel()
        still_running = not stream.done()
        grown = psutil.Process().memory_info().rss - before
        speaking.cancel()
        scripted.step(len(pieces))
        events = await stream
    print(f"longest event-loop lag {1000 * max(lags):.0f} ms, memory grown by {grown / (1 << 20):.1f} MiB")
    for (what, (_, _, codes)), (status, answer) in zip(files.items(), answers, strict=True):
        assert answer["code"] in codes, what
        assert status == STATUS[answer["code"]]
        assert answer["detail"].endswith(".")
    assert still_running
    assert isinstance(events[-1], Done)
    assert events[-1].full_content == "".join(pieces) == "".join(event.content for event in events if isinstance(event, Chunk))
    assert grown < 32 << 20


PAGES = "\n\n".join(f"[Page {number}]\n{'words ' * 20}" for number in range(1, 41))


@pytest.mark.parametrize("refusal", ["llama.cpp", "vllm", "new vllm", "sglang", "mistral", "lm studio"])
async def test_a_document_that_does_not_fit_is_cut_between_pages_and_the_reply_says_so(refusal: str, tmp_path: Path) -> None:
    """By llama.cpp's tokenizer, or after the refusal of a server that says its numbers."""
    llama = refusal == "llama.cpp"
    documents = [{"name": "long.pdf", "text": PAGES}, {"name": "short.txt", "text": "A short one."}]
    plan = None if llama else limited(600, TOO_LONG[refusal])
    async with (
        ScriptedServer(plan, llama=llama, n_ctx=600) as server,
        running_gateway(tmp_path, llm_server_url=server.url) as gateway,
    ):
        async with gateway.client() as client:
            session = (await client.create_session())["id"]
            events = await collect(client, session, "What is on page 2?", documents=documents, max_tokens=50)
            assert isinstance(events[-1], Done), events[-1]
            shown = await client.call("GET", f"/api/chatbot/sessions/{session}/messages")
            exported = await client.call("GET", f"/api/chatbot/sessions/{session}/export")
        sent = server.requests[-1].body["messages"][-1]["content"]
    long, short = shown[-1]["metadata"]["shown"]
    assert (long["name"], long["unit"], long["of"]) == ("long.pdf", "page", 40)
    assert 0 < long["whole"] < 40
    assert short["characters"] == short["of_characters"]
    assert "A short one." in sent
    assert sent.endswith("What is on page 2?")
    assert sent.count("[Page ") == long["whole"] + long.get("partly", False)
    assert shown[-2]["parts"][0]["text"] == PAGES  # the message keeps the whole document
    assert "the rest does not fit" in sent
    assert exported["messages"][-1]["metadata"]["shown"] == shown[-1]["metadata"]["shown"]


async def test_a_document_that_fits_is_sent_whole_and_nothing_is_said(gateway: Gateway, scripted: ScriptedServer) -> None:
    async with gateway.client() as client:
        session = (await client.create_session())["id"]
        await collect(client, session, "Q", documents=[{"name": "a.txt", "text": "short"}])
        shown = await client.call("GET", f"/api/chatbot/sessions/{session}/messages")
    assert "shown" not in shown[-1]["metadata"]


async def test_a_question_that_is_too_long_by_itself_is_an_error_as_before(tmp_path: Path) -> None:
    async with ScriptedServer(n_ctx=100) as server, running_gateway(tmp_path, llm_server_url=server.url) as gateway:
        async with gateway.client() as client:
            session = (await client.create_session())["id"]
            events = await collect(client, session, "word " * 400, documents=[{"name": "a.txt", "text": "x " * 400}])
    assert isinstance(events[-1], Error)
    assert events[-1].code == "context_exceeded"
