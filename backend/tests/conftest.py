"""Fixtures: a real gateway on a real port in front of the scripted server, and real programs where a test needs them."""

import gc
import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path

import hypothesis
import pytest

from lam.gateway import Bounds
from lam.generation.supervisor import Waits
from lam.llama.eye import eye_of
from lam.llama.model import NAME, demo_model
from lam.testing.server import ScriptedServer
from lam.worker.worker import Beats

from . import brokers, databases, forked
from .brokers import Mosquitto, running_mosquitto
from .ports import free_port
from .postgresql import running_postgresql
from .redis_server import RedisServer, running_redis
from .running import Gateway, running_gateway

TESTS = Path(__file__).parent
SAMPLE = 10  # of what is tried with hundreds of examples, what is enough for `--quick`
INSTALL = {
    "initdb": "apt-get install postgresql",
    "mosquitto": "apt-get install mosquitto",
    "mosquitto_passwd": "apt-get install mosquitto",
    "nginx": "apt-get install nginx-light",
    "openssl": "apt-get install openssl",
    "redis-server": "apt-get install redis-server",
}
# What `--mode mqtt` runs: what is about streams, and holds in both modes.
STREAMS = (
    *("test_answer_now", "test_branches", "test_conversations", "test_endings", "test_healing", "test_maze", "test_pictures"),
    *("test_anthropic_sdk", "test_openai_sdk", "test_resume", "test_stop", "test_stream", "test_waiting_messages"),
)
# What `--quick` leaves out: tests that start a gateway, a command, another program, or count instructions for a while.
WITH_PROGRAMS = (
    "api",
    "cli",
    "clients",
    "guard",
    "live",
    "media",
    "redis",
    "documents/test_reader",
    "test_child_process",
    "voice/test_server",
    "test_imports",
)
# What `--database postgresql` leaves out, since the run on SQLite has tested it: what uses no database, and what is about the bytes
# of a connection, a model's server, a broker, a proxy, a client's library or a package. The rows that these write are written by
# others, too.
WITHOUT_DATABASE = (
    *("accounts", "clients", "contract", "documents", "engines", "guard", "llama", "maze", "media", "protocol", "redis", "rooms"),
    *("streams", "voice", "worker"),
    *(f"api/test_{name}" for name in ("answer_now", "anthropic_sdk", "configuration", "connections", "documents", "endings")),
    *(f"api/test_{name}" for name in ("event_connection", "foreign_servers", "framing", "headers", "hostile_pictures")),
    *(f"api/test_{name}" for name in ("http_protocol", "log_writer", "logs_without_an_ending", "neighbours", "openai_sdk", "page")),
    *(f"api/test_{name}" for name in ("route_functions", "sampling", "traces", "voice")),
    *(f"chat/test_{name}" for name in ("changes", "imports", "presence", "search", "titles")),
    *("cli/test_config", "generation/test_pump", "generation/test_remote_runs", "generation/test_take_over"),
    *("lab/test_judges", "lab/test_results", "lab/test_sets"),
    *(f"live/test_{name}" for name in ("asyncapi", "attack", "broker_access", "chaos", "descriptors", "doctor", "local_models")),
    *(f"live/test_{name}" for name in ("mqtt", "mqtt_pictures", "mqtt_vectors", "mutations", "nginx", "prompt_portal", "shapes")),
    *(f"live/test_{name}" for name in ("up", "wheel")),
    *(f"live/test_real_{name}" for name in ("answers", "eyes", "healing", "maze", "model", "sampling", "thinking")),
    *(f"test_{name}" for name in ("background", "callbacks", "child_process", "configuration", "data_folder", "deploy", "docs")),
    *(f"test_{name}" for name in ("errors", "generated", "imports", "logs", "performance", "requirements", "structs", "waiting")),
)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--mode", choices=("sse", "mqtt"), default="sse", help="How the gateways under test reach models.")
    parser.addoption("--clients", action="store_true", help="All clients of the matrix, not just those that the tests have.")
    parser.addoption("--quick", action="store_true", help="Only what starts no server and no program.")
    parser.addoption("--database", choices=("sqlite", "postgresql"), default="sqlite", help="What the gateways under test run on.")


def pytest_configure(config: pytest.Config) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it, and so would what tests start
    unhurried = hypothesis.settings(deadline=None)  # an example takes as long as the machine needs
    hypothesis.settings.register_profile("unhurried", unhurried)
    hypothesis.settings.register_profile("quick", unhurried, max_examples=SAMPLE)
    hypothesis.settings.load_profile("quick" if config.getoption("--quick") else "unhurried")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Does not even import what is left out as a whole: some of it makes hostile files, or reads the contract, at once."""
    if not collection_path.is_relative_to(TESTS):
        return None
    path = collection_path.relative_to(TESTS)
    name = path.with_suffix("").as_posix()
    if config.getoption("--quick") and name in WITH_PROGRAMS:
        return True
    if config.getoption("--database") == "postgresql" and name in WITHOUT_DATABASE:
        return True
    return True if config.getoption("--mode") == "mqtt" and path.suffix == ".py" and not _is_about_streams(path) else None


def pytest_collection_finish() -> None:
    """Tests and modules stay: searching them for garbage, again with every other gateway, took a sixth of the work."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(5000, 20, 50)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves out single tests."""
    marker = "postgresql" if config.getoption("--database") == "sqlite" else "sqlite"
    left_out = [item for item in items if item.get_closest_marker(marker)]
    if config.getoption("--mode") == "mqtt":
        left_out += [item for item in items if item.get_closest_marker("sse")]
    if config.getoption("--quick"):
        left_out += [item for item in items if _starts_programs(item)]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


def _starts_programs(item: pytest.Item) -> bool:
    return not {"gateway", "patient", "impatient"}.isdisjoint(getattr(item, "fixturenames", ()))


def _is_about_streams(path: Path) -> bool:
    return path.parent.name == "api" and path.stem in STREAMS


@pytest.fixture(scope="session", autouse=True)
def _database(request: pytest.FixtureRequest) -> Iterator[None]:
    if request.config.getoption("--database") == "sqlite":
        yield
        return
    with running_postgresql(Path(find_program("initdb")).parent) as server:
        databases.postgresql = server
        yield
        databases.postgresql = None


@pytest.fixture(scope="session", autouse=True)
def _programs(request: pytest.FixtureRequest) -> None:
    if not request.config.getoption("--quick"):
        forked.prepare()


@pytest.fixture(scope="session", autouse=True)
def _mode(request: pytest.FixtureRequest) -> Iterator[None]:
    if request.config.getoption("--mode") == "sse":
        yield
        return
    with running_mosquitto(find_program("mosquitto")) as broker:
        brokers.mosquitto = broker
        # Tests wait for less than a second where people wait for minutes: a worker's signs of life must come as much faster, and
        # what changes at its server is to be known as soon.
        brokers.beats = Beats(job=0.1, change=0.01, facts=0.5)  # tests/live has the product's
        yield
        brokers.mosquitto, brokers.beats = None, Beats()


def find_program(name: str) -> str:
    """The path of an installed program. A missing one skips the test with the install line; with CI set it fails."""
    debian = ":".join(map(str, sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)))
    path = shutil.which(name, path=f"{debian}:{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if path is None:
        sentence = f"{name} is not installed: {INSTALL[name]}"
        if os.environ.get("CI"):
            pytest.fail(sentence)
        pytest.skip(sentence)
    return path


@pytest.fixture(autouse=True)
def _clean_environment(_database: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    for name in list(os.environ):
        if name.startswith(("LAM_", "LLM_", "MQTT_")) or name in ("DATABASE_URL", "SECRET_KEY"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("LAM_DATA_DIR", str(tmp_path / "data"))
    if databases.postgresql is not None:
        monkeypatch.setenv("DATABASE_URL", databases.url_for(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    yield
    databases.drop(tmp_path)


@pytest.fixture(autouse=True)
def _usual_umask() -> Iterator[None]:
    """A command that a test calls in this process sets its own."""
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.fixture(scope="session")
def enough(pytestconfig: pytest.Config) -> Callable[[range], Sequence[int]]:
    """All of a range; with `--quick` a sample."""
    quick = pytestconfig.getoption("--quick")
    return lambda numbers: random.Random(0).sample(numbers, min(len(numbers), SAMPLE)) if quick else numbers


@pytest.fixture
async def scripted() -> AsyncIterator[ScriptedServer]:
    async with ScriptedServer(port=free_port()) as server:  # one that is still its own when it comes back
        yield server


@pytest.fixture
async def gateway(scripted: ScriptedServer, tmp_path: Path) -> AsyncIterator[Gateway]:
    async with running_gateway(tmp_path / "data", llm_server_url=scripted.url) as running:
        yield running


@pytest.fixture
async def patient(scripted: ScriptedServer, tmp_path: Path) -> AsyncIterator[Gateway]:
    """A gateway in which a send waits for the run before it, however long the machine pauses."""
    bounds = Bounds(runs=Waits(room=30))
    async with running_gateway(tmp_path / "data", bounds=bounds, llm_server_url=scripted.url) as running:
        yield running


@pytest.fixture
async def impatient(scripted: ScriptedServer, tmp_path: Path) -> AsyncIterator[Gateway]:
    """A gateway in which a send is refused almost at once while a reply runs."""
    bounds = Bounds(runs=Waits(room=0.1))
    async with running_gateway(tmp_path / "data", bounds=bounds, llm_server_url=scripted.url) as running:
        yield running


@pytest.fixture
def broker() -> Iterator[Mosquitto]:
    """A Mosquitto of the test's own, which it may kill."""
    with running_mosquitto(find_program("mosquitto")) as running:
        yield running


@pytest.fixture(scope="session")
def redis() -> Iterator[RedisServer]:
    """One redis-server for the whole run, which no test may stop."""
    with running_redis(find_program("redis-server")) as running:
        yield running


@pytest.fixture
def mortal_redis() -> Iterator[RedisServer]:
    """A redis-server of the test's own, which it may kill, freeze and empty."""
    with running_redis(find_program("redis-server")) as running:
        yield running


@pytest.fixture
def program() -> Callable[[str], str]:
    return find_program


@pytest.fixture(scope="session")
def llama_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real llama.cpp server with the demo model and its eye, one for the whole run."""
    eye = eye_of(demo_model(), tmp_path_factory.mktemp("eye"))
    command = [sys.executable, "-m", "lam.llama.server", "--model", str(demo_model()), "--name", NAME, "--eye", str(eye)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
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
