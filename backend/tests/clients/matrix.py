"""The clients, and the table of what each of them can do: docs/reference/clients.md."""

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from .running import HERE, VENV, Client

PAGE: Final = Path(__file__).resolve().parents[3] / "docs" / "reference" / "clients.md"
CHAT: Final = "/v1/chat/completions"
MESSAGES: Final = "/v1/messages"
CLIENTS: Final = (
    Client(name="openai (Python)", program="openai_python.py", interface=CHAT, package="openai", usual=True),
    Client(name="anthropic (Python)", program="anthropic_python.py", interface=MESSAGES, package="anthropic", usual=True),
    Client(name="openai (Node)", program="openai_node.js", interface=CHAT, package="openai"),
    Client(name="anthropic (JS)", program="anthropic_js.js", interface=MESSAGES, package="@anthropic-ai/sdk"),
    Client(name="LiteLLM, OpenAI's format", program="litellm_client.py", interface=CHAT, package="litellm"),
    Client(name="LiteLLM, Anthropic's format", program="litellm_anthropic.py", interface=MESSAGES, package="litellm"),
    Client(name="LiteLLM's proxy before us", program="openai_python.py", interface=CHAT, package="litellm", proxy="before"),
    Client(name="LiteLLM's proxy behind us", program="openai_python.py", interface=CHAT, package="litellm", proxy="behind"),
    Client(name="langchain-openai", program="langchain_openai_chat.py", interface=CHAT, package="langchain-openai"),
    Client(name="llm", program="llm_tool.py", interface=CHAT, package="llm"),
    Client(name="pydantic-ai", program="pydantic_ai_agent.py", interface=CHAT, package="pydantic-ai-slim"),
    Client(name="instructor", program="instructor_client.py", interface=CHAT, package="instructor"),
    Client(name="AI SDK 6, openai-compatible", program="ai_sdk.js", interface=CHAT, package="ai"),
)
CASES: Final = ("whole", "stream", "tools", "schema", "picture", "broken", "limited", "abort")
MODES: Final = ("sse", "mqtt")
HEADS: Final = {"limited": "429", "broken": "error in mid-stream"}
_HEAD: Final = """\
# Clients

<!-- Written by `make test-clients`; a cell is what its test saw. -->

Programs that people use, as they come from PyPI and npm, against a gateway in front of a scripted model: with the server over HTTP
(sse) and with a worker behind a broker (mqtt). *whole*: a reply at once; *stream*: token by token; *tools*: a call, its result, the
answer; *schema*: data that fits a schema; *picture*: sent and seen by the model; *abort*: the client stops reading, and the model's
slot is free within a second; *429*: the client raises its error for too many requests; *error in mid-stream*: the client raises an
error, and takes what came before for no success. `yes` holds in both modes; an empty cell is something that the client does not do.

"""


def version(client: Client) -> str:
    """The version that the clients' own environment has."""
    if not client.is_python:
        about = json.loads((HERE / "js" / "node_modules" / client.package / "package.json").read_text())
        return str(about["version"])
    question = f"import importlib.metadata as m; print(m.version({client.package!r}))"
    return subprocess.run([VENV / "bin" / "python", "-c", question], capture_output=True, text=True, check=True).stdout.strip()


def page(seen: Mapping[tuple[str, str, str], str], earlier: str) -> str:
    """The page. `seen`: by client, mode and case what its test saw: `yes`, or `no`. A client that was not tested in both modes
    keeps its row of the earlier page."""
    rows = {line.split(" | ")[0]: line for line in earlier.splitlines() if line.startswith("| ")}
    for client in CLIENTS:
        if all((client.name, mode, "stream") in seen or (client.name, mode, "schema") in seen for mode in MODES):
            cells = [{seen.get((client.name, mode, case), "") for mode in MODES} for case in CASES]
            shown = [client.name, version(client), f"`{client.interface}`", *(" / ".join(sorted(cell)) for cell in cells)]
            rows[f"| {client.name}"] = f"| {' | '.join(shown)} |"
    heads = ["client", "version", "interface", *(HEADS.get(case, case) for case in CASES)]
    lines = [f"| {' | '.join(heads)} |", f"| {' | '.join(['---'] * len(heads))} |"]
    return _HEAD + "\n".join([*lines, *(rows[f"| {client.name}"] for client in CLIENTS if f"| {client.name}" in rows)]) + "\n"
