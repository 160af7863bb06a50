"""The package as somebody installs it: built from the sources, outside of this repository."""

import asyncio
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import aiohttp
import pytest

import lam

BACKEND = Path(__file__).resolve().parents[2]
PAGE = "<!doctype html><title>LAM Studio</title>"

pytestmark = [pytest.mark.live, pytest.mark.sqlite]


def build(folder: Path, *, page: bool, **environment: str) -> subprocess.CompletedProcess[str]:
    """Builds a wheel into `folder`/dist from a copy of the sources, whose page is built or not."""
    sources = folder / "sources"
    shutil.copytree(BACKEND, sources, ignore=shutil.ignore_patterns("page", "tests", ".*", "__pycache__"))
    if page:
        (sources / "src" / "lam" / "page").mkdir()
        (sources / "src" / "lam" / "page" / "index.html").write_text(PAGE)
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder / "dist")]
    return subprocess.run(command, cwd=sources, env=os.environ | environment, capture_output=True, text=True)


def test_a_package_without_its_page_is_not_built_and_says_what_to_do(tmp_path: Path) -> None:
    built = build(tmp_path, page=False)
    assert built.returncode != 0
    assert "Run `make page` first" in built.stderr
    assert not list(tmp_path.glob("dist/*.whl"))


def test_a_package_for_a_worker_may_lack_the_page(tmp_path: Path) -> None:
    assert build(tmp_path, page=False, LAM_WITHOUT_PAGE="1").returncode == 0
    (wheel,) = tmp_path.glob("dist/*.whl")
    assert "lam/page/index.html" not in zipfile.ZipFile(wheel).namelist()


async def test_an_installed_package_runs_and_serves_its_page(tmp_path: Path) -> None:
    built = build(tmp_path, page=True)
    assert built.returncode == 0, built.stderr
    (wheel,) = tmp_path.glob("dist/*.whl")
    assert {"lam/py.typed", "lam/page/index.html", "lam/storage/migrations/env.py"} <= set(zipfile.ZipFile(wheel).namelist())
    site, data = tmp_path / "site", tmp_path / "data"
    install = ["-m", "pip", "install", "-q", "--no-index", "--no-deps", "--no-compile", "--target", str(site), str(wheel)]
    subprocess.run([sys.executable, *install], check=True, capture_output=True)
    # Only `site` is ours there: its libraries are those of this environment, and the sources lie elsewhere.
    env = os.environ | {"PYTHONPATH": str(site), "LAM_DATA_DIR": str(data), "LAM_PORT": "0"}
    lam_command = str(site / "bin" / "lam")

    version = subprocess.run([sys.executable, lam_command, "version"], env=env, capture_output=True, text=True, check=True)
    assert version.stdout == lam.__version__ + "\n"
    where = subprocess.run([sys.executable, "-c", "import lam; print(lam.__file__)"], env=env, capture_output=True, text=True)
    assert where.stdout.strip() == str(site / "lam" / "__init__.py")

    serving = await asyncio.create_subprocess_exec(sys.executable, lam_command, "serve", env=env, stderr=asyncio.subprocess.PIPE)
    assert serving.stderr
    try:
        while b"serves http" not in (line := await serving.stderr.readline()):
            assert line, "the gateway did not start"
        async with aiohttp.ClientSession((data / "url").read_text().strip()) as http:
            async with http.get("/api/health") as answer:
                assert answer.status == 200
                assert (await answer.json())["mode"] == "sse"
            async with http.get("/") as answer:
                assert await answer.text() == PAGE
    finally:
        serving.terminate()
        await serving.communicate()
