"""`lam chat`: a conversation in the terminal.

The answer goes to stdout, everything else to stderr. It talks to the gateway only through the client.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import aclosing, contextmanager
from typing import Final
from uuid import uuid4

import click
from msgspec import UNSET

from lam.cli.connection import client_of
from lam.client.client import Client
from lam.errors import LamError, LlmOverloaded, NotFound, from_code
from lam.protocol.events import Chunk, Done, Error, Metadata, Progress, Relabel, Thinking
from lam.protocol.parts import Parts, ToolCall, ToolResult
from lam.protocol.snapshot import Snapshot

CLEAR: Final = "\r\x1b[K"
COLLAPSED: Final = 200  # characters of a tool call's arguments, or of a tool's answer


@click.command()
@click.argument("prompt", required=False)
@click.option("--session", "session_id", type=click.IntRange(min=1), help="Continue this session.")
@click.option("--folder", help="Start the session in your folder of this name, with its prompt and model.")
@click.option("--url", help="URL of the gateway; default: the one on this machine.")
@click.option("--token", help="A token; default: the one of this machine.")
def chat(prompt: str | None, session_id: int | None, folder: str | None, url: str | None, token: str | None) -> None:
    """Send PROMPT (or standard input, or what you type) and stream the reply. Ctrl-C stops the model; the text stays."""
    if session_id is not None and folder is not None:
        raise click.UsageError("--folder is for a new session; leave out --session.")
    if prompt is None and not sys.stdin.isatty():
        prompt = sys.stdin.read()
    if prompt is not None and not prompt.strip():
        raise click.UsageError("The prompt is empty.")
    client = client_of(url, token)
    try:
        with asyncio.Runner() as runner:
            _converse(runner, client, prompt, session_id, folder)
    except asyncio.CancelledError:
        raise click.Abort from None
    except BrokenPipeError:  # the reader of our output has closed it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _converse(runner: asyncio.Runner, client: Client, prompt: str | None, session_id: int | None, folder: str | None) -> None:
    """Prints one reply, or one for each line of input. Input is read outside the event loop, so that Ctrl-C ends it there."""
    runner.run(client.__aenter__())
    try:
        if session_id is None:
            session_id = runner.run(_new_session(client, folder))
        _tell(f"Session {session_id}")
        if prompt is not None:
            runner.run(_reply(client, session_id, prompt))
            return
        while line := _ask():
            try:
                runner.run(_reply(client, session_id, line))
            except LamError as error:
                _tell(f"Error: {error.message}")
    finally:
        runner.run(client.__aexit__(None, None, None))


async def _new_session(client: Client, folder: str | None) -> int:
    """Returns the id of a new session. Raises NotFound when there is no such folder."""
    settings = {}
    if folder is not None:
        wanted = " ".join(folder.split()).casefold()
        folders = await client.call("GET", "/api/chatbot/folders")
        found = [one["id"] for one in folders if one["name"].casefold() == wanted]
        if not found:
            raise NotFound(f"You have no folder “{folder}”.")
        settings["folder_id"] = found[0]
    return int((await client.create_session(**settings))["id"])


def _ask() -> str | None:
    """Returns the next line of input; None at its end."""
    while True:
        try:
            line: str = click.prompt("", prompt_suffix="> ", err=True)
        except (click.Abort, EOFError):
            return None
        if line.strip():
            return line


async def _reply(client: Client, session_id: int, prompt: str) -> None:
    """Streams one reply. Raises the LamError that ended it."""
    stream_id: str | None = None
    screen = _Screen()
    reply = Snapshot()
    stopping: asyncio.Task[object] | None = None
    task = asyncio.current_task()

    def interrupted() -> None:
        nonlocal stopping
        if stream_id is not None and stopping is None:
            stopping = asyncio.create_task(client.stop(stream_id), name="stop")
        elif task is not None:  # nothing to stop yet, or a second Ctrl-C: leave
            task.cancel()

    with _on_interrupt(interrupted):
        # A proxy may send a request twice; with a name it is stored once.
        async with aclosing(client.send(session_id, prompt, client_request_id=uuid4().hex)) as events:
            async for event in events:
                reply.add(event)
                if isinstance(event, Metadata):
                    stream_id = event.stream_id
                    screen.begin()
                elif isinstance(event, Progress):
                    screen.wait(_explained(event))
                elif isinstance(event, Thinking):
                    screen.wait("Thinking")
                elif isinstance(event, Chunk):
                    screen.write(event.content)
                elif isinstance(event, Relabel):
                    screen.relabel(reply.text)
                elif isinstance(event, Done):
                    screen.end(_summary(event), reply.parts)
                elif isinstance(event, Error):
                    screen.end(None, reply.parts)
                    raise from_code(event.code, event.message, retryable=event.retryable)
        if stopping is not None:
            await stopping


class _Screen:
    """The terminal: the answer on stdout; progress, and everything that is not text, on stderr when it is a terminal."""

    def __init__(self) -> None:
        self._watched = sys.stderr.isatty()
        self._waiting = False
        self._last = "\n"
        self._answer: list[str] = []  # the text printed on stdout
        self._repeated = ""  # text that a restarted stream will repeat

    def begin(self) -> None:
        """Starts the events, perhaps again: printed text is not printed twice."""
        self._repeated, self._answer = "".join(self._answer), []

    def wait(self, sentence: str) -> None:
        if self._watched and self._last == "\n":
            sys.stderr.write(f"{CLEAR}{sentence} …")
            sys.stderr.flush()
            self._waiting = True

    def write(self, text: str) -> None:
        self._answer.append(text)
        if self._repeated:
            known = min(text, self._repeated, key=len)
            if not (text.startswith(known) and self._repeated.startswith(known)):  # the text differs from the printed one
                self._break()
                known = self._repeated = ""
            text, self._repeated = text[len(known) :], self._repeated[len(known) :]
        if not text:
            return
        self._clear()
        sys.stdout.write(text)
        sys.stdout.flush()
        self._last = text[-1:]

    def relabel(self, answer: str) -> None:
        """Prints that the last text was the model's reasoning, or that reasoning was the answer."""
        if self._answer:
            self._break()
            _tell("The text above was the model's reasoning; its answer follows.")
        self._answer, self._repeated = [], ""
        self.write(answer)

    def end(self, summary: str | None, parts: Parts) -> None:
        self._break()
        for part in parts:
            if isinstance(part, ToolCall):
                _tell(f"Tool call {part.name or 'without a name'}: {_collapsed(part.arguments)}")
            elif isinstance(part, ToolResult):
                _tell(f"Tool result: {_collapsed(part.content)}")
        if summary:
            _tell(summary)

    def _break(self) -> None:
        self._clear()
        if self._last != "\n":
            sys.stdout.write("\n")
            sys.stdout.flush()
            self._last = "\n"

    def _clear(self) -> None:
        if self._waiting:
            sys.stderr.write(CLEAR)
            sys.stderr.flush()
            self._waiting = False


def _collapsed(text: str) -> str:
    """Returns the text on one line, shortened."""
    line = " ".join(text.split())
    return line if len(line) <= COLLAPSED else f"{line[:COLLAPSED]}…"


def _explained(progress: Progress) -> str:
    if progress.stage == "unreachable":
        return "Can't reach the model; trying again"
    if progress.stage == "loading":
        return "The model is busy" if progress.reason == LlmOverloaded.code else "Loading the model"
    if progress.stage == "recovering":
        return "The reply was broken off; it goes on as soon as it can"
    if progress.stage == "queued":
        return f"Waiting, {progress.position} ahead of you" if progress.position else "Waiting for a place"
    if progress.total is UNSET or progress.processed is UNSET:
        return "Reading your prompt"
    cached = progress.cached if progress.cached is not UNSET else 0
    return f"Reading your prompt {100 * (progress.processed - cached) // max(1, progress.total - cached)} %"


def _summary(done: Done) -> str:
    parts = ["Stopped"] if done.finish_reason == "cancelled" else []
    if done.model:
        parts.append(done.model)
    if done.usage:
        count = done.usage.completion_tokens
        parts.append(f"{count} token" if count == 1 else f"{count} tokens")
    if done.timings and done.timings.tokens_per_second:
        parts.append(f"{done.timings.tokens_per_second:.0f} tokens/s")
    if done.timings and done.timings.first_token_ms is not None:
        waited = done.timings.first_token_ms
        parts.append(f"first token after {waited} ms" if waited < 1000 else f"first token after {waited / 1000:.1f} s")
    return " · ".join(parts)


def _tell(sentence: str) -> None:
    click.echo(click.style(sentence, dim=True), err=True)


@contextmanager
def _on_interrupt(callback: Callable[[], None]) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    try:
        loop.add_signal_handler(signal.SIGINT, callback)
    except NotImplementedError:  # Windows
        before = signal.signal(signal.SIGINT, lambda *_: loop.call_soon_threadsafe(callback))
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)
        return
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGINT)
