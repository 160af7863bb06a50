"""Answer now with the real llama.cpp server. The demo model does not think; a template that opens a thought makes it."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lam.client.client import Client
from lam.llama.model import NAME, demo_model
from lam.protocol.events import Done, Metadata, Progress, Thinking

from ..brokers import Mosquitto
from ..running import Gateway, collect, raw_stream, running_gateway
from ..tunnel import mqtt_gateway, until_ready, worker_process

pytestmark = [pytest.mark.live, pytest.mark.sqlite, pytest.mark.timeout(600)]

# In the style of Qwen's: the server learns from it what opens and closes a thought.
TEMPLATE = """\
{%- for message in messages %}
{%- if message.role == 'assistant' %}
{{- '<|im_start|>assistant\\n' }}
{%- if message.reasoning_content is string %}{{- '<think>\\n' + message.reasoning_content + '\\n</think>\\n\\n' }}{%- endif %}
{{- message.content + '<|im_end|>\\n' }}
{%- else %}{{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}{%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}
{%- if enable_thinking is defined and enable_thinking is false %}{{- '<think>\\n\\n</think>\\n\\n' }}
{%- else %}{{- '<think>\\n' }}{%- endif %}{%- endif %}"""
QUESTION = "Why is the sky blue?"
TOKENS = 48
ROOM = 2 * TOKENS  # for an answer after thoughts that were ended late, on a busy machine


@pytest.fixture(scope="module")
def thinking_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    template = tmp_path_factory.mktemp("template") / "thinks.jinja"
    template.write_text(TEMPLATE)
    model = ["--model", str(demo_model()), "--name", NAME, "--chat-template", str(template)]
    process = subprocess.Popen(
        [sys.executable, "-m", "lam.llama.server", *model],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdin
    assert process.stdout
    try:
        while not (line := process.stdout.readline()).startswith("http://"):
            assert line, "the model server did not come up"
        yield line.strip()
    finally:
        process.stdin.close()
        process.wait(10)
        process.stdout.close()


async def thoughts_after_the_request(gateway: Gateway, client: Client) -> tuple[int, Done]:
    """Lets the model think a little, asks for the answer, and returns how many pieces of thought still came."""
    session = (await client.create_session())["id"]
    async with raw_stream(client, session, QUESTION, temperature=0, max_tokens=ROOM) as stream:
        await stream.until(Thinking)
        offers = [event for _, event in stream.events if isinstance(event, Progress) and event.can_answer_now is True]
        assert len(offers) == 1
        metadata = stream.events[0][1]
        assert isinstance(metadata, Metadata)
        await client.call("POST", f"/api/chatbot/streams/{metadata.stream_id}/answer_now")
        running = await client.call("GET", f"/api/chatbot/sessions/{session}/stream")
        done = (await stream.rest())[-1]
    assert isinstance(done, Done)
    last = running["last_event_id"] if running else stream.events[-1][0]
    return sum(isinstance(event, Thinking) and number > last for number, event in stream.events), done


async def test_a_model_that_thinks_on_answers_when_it_is_asked_to(thinking_url: str, tmp_path: Path) -> None:
    async with (
        running_gateway(tmp_path / "data", llm_server_url=thinking_url, lam_titles=False) as gateway,
        gateway.client() as client,
    ):
        alone = await collect(client, (await client.create_session())["id"], QUESTION, temperature=0, max_tokens=TOKENS)
        thoughts = sum(isinstance(event, Thinking) for event in alone)
        assert thoughts > TOKENS / 2, "by itself it thinks for a long time"
        rest, done = await thoughts_after_the_request(gateway, client)
    assert rest < thoughts / 2
    assert done.finish_reason == "stop" or done.full_content, "it thought to the end of its tokens"


async def test_through_a_worker_it_is_the_same(thinking_url: str, broker: Mosquitto, tmp_path: Path) -> None:
    async with (
        mqtt_gateway(tmp_path / "data", broker) as gateway,
        worker_process(thinking_url, broker, "one"),
        gateway.client() as client,
    ):
        await until_ready(gateway)
        rest, done = await thoughts_after_the_request(gateway, client)
    assert rest < TOKENS / 2
    assert done.finish_reason == "stop" or done.full_content, "it thought to the end of its tokens"
