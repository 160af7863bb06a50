"""`lam config check`: what it says of a file, and its exit code."""

import asyncio
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from lam.cli import main
from lam.testing.server import ScriptedServer


def check(*words: str) -> Result:
    return CliRunner().invoke(main, ["config", "check", *words])


def test_without_a_file_it_shows_the_server_of_the_settings() -> None:
    result = check("--offline")
    assert result.exit_code == 0
    assert result.stdout == "No lam.toml: 1 server, all models of all servers.\n  default (openai, http://127.0.0.1:8080)\n"


def test_it_shows_servers_and_models_and_what_is_used_by_none(tmp_path: Path) -> None:
    path = tmp_path / "lam.toml"
    path.write_text(
        '[[server]]\nname = "big"\nurl = "http://user:pw@127.0.0.1:1/v1"\n[[server]]\nname = "w"\nkind = "mqtt"\nbroker = "b"\n'
        '[[model]]\nname = "m"\nroutes = ["big/x"]\nusers = ["a@b"]\n'
    )
    result = check(str(path), "--offline")
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        f"{path}: 2 servers, 1 model.",
        "  big (openai, http://127.0.0.1:1/v1)",
        "  w (mqtt, b)",
        "  m -> big/x (for a@b)",
    ]
    assert result.stderr == "    No model has a route to w.\n"


async def test_it_asks_the_servers_and_names_models_that_they_do_not_list(tmp_path: Path) -> None:
    path = tmp_path / "lam.toml"
    async with ScriptedServer(model="one") as server:
        path.write_text(
            f'[[server]]\nname = "big"\nurl = "{server.url}"\n[[server]]\nname = "gone"\nurl = "http://127.0.0.1:1"\n'
            '[[model]]\nname = "m"\nroutes = ["big/other", "gone"]\n'
        )
        result = await asyncio.to_thread(check, str(path))
    assert result.exit_code == 0
    assert "  big (openai, " + server.url + "): ready, one" in result.stdout
    assert "): unreachable. The model server at http://127.0.0.1:1 cannot be reached" in result.stdout
    assert "`url` of the server gone right?" in result.stdout
    assert result.stderr == "    big lists no other; it has one.\n"


@pytest.mark.parametrize("text", ["[[server]", "unknown = 1\n"])
def test_a_mistake_is_one_sentence_on_stderr_and_exit_code_1(tmp_path: Path, text: str) -> None:
    path = tmp_path / "lam.toml"
    path.write_text(text)
    result = check(str(path))
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith(f"Error: {path}")
    assert result.stderr.count("\n") == 1
