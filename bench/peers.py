"""The products that people would use instead: installed from PyPI into environments of their own, one worker each, as shipped.

`python bench/peers.py` installs them (about 8 GB, nearly all of it Open WebUI's), into LAM_BENCH_CACHE, else ~/.cache/lam-bench.
What is set here keeps them on this machine, and tells them where the model is; nothing else is changed.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import aiohttp
from processes import Process, started

# taken away: a gateway that inherits it would refuse a name that is no setting of its own
CACHE: Final = Path(os.environ.pop("LAM_BENCH_CACHE", "") or Path.home() / ".cache" / "lam-bench")
PINNED: Final = {"litellm": "litellm[proxy]==1.106.12", "open-webui": "open-webui==0.12.4"}
LITELLM_KEY: Final = "sk-for-this-run-alone-0123456789abcdef"
_LITELLM: Final = """\
model_list:
  - model_name: bench
    litellm_params: {{model: openai/bench, api_base: "{url}/v1", api_key: none}}
"""


def install() -> None:
    for name, requirement in PINNED.items():
        done = CACHE / name / ".installed"
        if done.exists() and done.read_text() == requirement:
            continue
        print(f"Installing {requirement} into {CACHE / name}")
        subprocess.run([sys.executable, "-m", "venv", "--clear", CACHE / name], check=True)
        subprocess.run([CACHE / name / "bin" / "python", "-m", "pip", "install", "-q", requirement], check=True)
        done.write_text(requirement)


def _program(name: str) -> str:
    done = CACHE / name / ".installed"
    if not done.exists() or done.read_text() != PINNED[name]:
        raise SystemExit(f"{PINNED[name]} is not installed: python bench/peers.py")
    return str(CACHE / name / "bin" / name)


@asynccontextmanager
async def litellm(port: int, upstream: str) -> AsyncIterator[Process]:
    """LiteLLM's proxy without a database."""
    program = _program("litellm")
    with tempfile.TemporaryDirectory() as folder:
        config, log = Path(folder) / "config.yaml", Path(folder) / "log"
        config.write_text(_LITELLM.format(url=upstream))
        command = ("--config", str(config), "--host", "127.0.0.1", "--port", str(port), "--num_workers", "1")
        env = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_TELEMETRY": "False", "LITELLM_MASTER_KEY": LITELLM_KEY}
        async with started(*command, program=program, env=env, log=log) as (process, _):
            yield process


@asynccontextmanager
async def open_webui(port: int, upstream: str) -> AsyncIterator[Process]:
    """Open WebUI; its endpoint /openai/chat/completions only passes on and stores nothing."""
    program = _program("open-webui")
    with tempfile.TemporaryDirectory() as folder:
        env = {
            "DATA_DIR": folder,
            "WEBUI_SECRET_KEY": "for this run alone",
            "OPENAI_API_BASE_URLS": f"{upstream}/v1",
            "OPENAI_API_KEYS": "none",
            "ENABLE_OLLAMA_API": "False",
            "OFFLINE_MODE": "True",
            "HF_HUB_OFFLINE": "1",
            "ANONYMIZED_TELEMETRY": "False",
            "DO_NOT_TRACK": "True",
            "SCARF_NO_ANALYTICS": "True",
        }
        command = ("serve", "--host", "127.0.0.1", "--port", str(port))
        async with started(*command, program=program, env=env, log=Path(folder) / "log") as (process, _):
            yield process


async def open_webui_key(port: int) -> str:
    """Signs the first user up; its token."""
    body = {"name": "Bench", "email": "bench@localhost.test", "password": "correct horse battery"}
    async with aiohttp.ClientSession() as http:
        async with http.post(f"http://127.0.0.1:{port}/api/v1/auths/signup", json=body) as response:
            answer = await response.json()
            if "token" not in answer:
                raise SystemExit(f"Open WebUI does not sign up: {answer}")
            return str(answer["token"])


if __name__ == "__main__":
    install()
