"""What guessing tokens from repetitions costs or saves: CPU time a token of the bundled server with the demo model.

`python bench/guesses.py` prints a line for each task, without guesses and with them. CPU time with one thread depends less
than wall time on what else the machine does. docs/decisions/0140 says what was seen.
"""

import asyncio
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import aiohttp

from lam.llama.model import NAME, demo_model
from lam.llama.process import llama_server

TOKENS = 160
CODE = """def read_users(path):
    users = []
    with open(path) as file:
        for line in file:
            name, email, age = line.strip().split(",")
            users.append({"name": name, "email": email, "age": int(age)})
    return users
"""
TASKS = {
    "prose": "Tell me a story about a lighthouse keeper.",
    "a question": "What is the capital of France, and why is it famous?",
    "copied code": f"Repeat this code exactly, word for word:\n\n{CODE}",
    "changed code": f"Rewrite this code, and rename users to people:\n\n{CODE}",
}


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        for guesses in (False, True):
            log = Path(folder) / "llama.log"
            async with (
                llama_server(demo_model(), name=NAME, log=log, slots=1, ctx=2048, threads=1, speculate=guesses) as server,
                aiohttp.ClientSession() as http,
            ):
                for task, question in TASKS.items():
                    for temperature in (0, 0.7):
                        body = {"messages": [{"role": "user", "content": question}], "temperature": temperature, "seed": 1}
                        url = f"{server.url}/v1/chat/completions"
                        await ask(http, url, body | {"max_tokens": 1})  # the prompt is read
                        before = cpu_seconds(server.pid)
                        timings = await ask(http, url, body | {"max_tokens": TOKENS})
                        cost = 1000 * (cpu_seconds(server.pid) - before) / timings["predicted_n"]
                        right = f"{timings.get('draft_n_accepted') or 0} of {timings.get('draft_n') or 0} guesses right"
                        sys.stdout.write(f"{'guesses' if guesses else 'plain'}: {task}, {temperature}: {cost:.1f} ms, {right}\n")
                        sys.stdout.flush()


async def ask(http: aiohttp.ClientSession, url: str, body: dict[str, Any]) -> dict[str, Any]:
    async with http.post(url, json=body) as answer:
        timings: dict[str, Any] = (await answer.json())["timings"]
        return timings


if __name__ == "__main__":
    asyncio.run(main())
