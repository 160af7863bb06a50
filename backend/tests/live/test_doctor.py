"""`lam doctor` as people run it: what is wrong is named, with what mends it, and everything else is checked all the same."""

import re
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lam.data_folder import DataFolder
from lam.settings import Settings
from lam.storage.database import Database
from lam.testing.server import Reply, ScriptedServer
from lam.testing.voice import HEARD, ScriptedVoice
from lam.testing.voice import Answer as VoiceAnswer

from ..brokers import Mosquitto, running_mosquitto
from ..cli.test_commands import environment, run
from ..conftest import find_program
from ..ports import free_port
from ..postgresql import running_postgresql
from ..running import Gateway, running_gateway, worker_for
from ..waiting import until
from .test_nginx import BLOCKS, nginx

pytestmark = [pytest.mark.live, pytest.mark.sqlite, pytest.mark.timeout(300)]

LONG = Reply(tuple(f"word{number} " for number in range(5000)), rate=100)
IGNORED = "proxy_ignore_headers X-Accel-Buffering; proxy_buffering on;"
PACKED = "gzip on; gzip_proxied any; gzip_min_length 0; gzip_types text/event-stream;"
NGINX_1_1 = 'proxy_http_version 1.1; proxy_set_header Connection "";'


class Report:
    """What was printed: the state of each check, and its lines."""

    def __init__(self, code: int | None, text: str, errors: str) -> None:
        assert "Traceback" not in text + errors
        self.code = code
        self.text = text
        self.errors = errors
        found = re.findall(r"^(\S.*?) {2,}(ok|FAILED|not checked) +(.*(?:\n {26}.*)?)", text, re.MULTILINE)
        self.states = {name: state for name, state, _ in found}
        self._lines = {name: said for name, _, said in found}

    def __getitem__(self, name: str) -> str:
        return self._lines[name]

    @property
    def failed(self) -> list[str]:
        return [name for name, state in self.states.items() if state == "FAILED"]


async def report(data: Path, *words: str, **settings: object) -> Report:
    ran = await run("doctor", *words, env=environment(data, **settings))
    return Report(ran.code, ran.out, ran.err)


@pytest.fixture
def broker() -> Iterator[Mosquitto]:
    with running_mosquitto(find_program("mosquitto")) as running:
        yield running


@contextmanager
def known_here(gateway: Gateway, data: Path) -> Iterator[None]:
    """As `lam serve` leaves its address."""
    folder = DataFolder(data)
    folder.write(folder.url, gateway.url)
    yield
    folder.url.unlink()


async def until_nothing_is_left(gateway: Gateway, scripted: ScriptedServer) -> None:
    """The last command of a doctor is not waited for: the model hears of the stop some time after the doctor has gone."""
    async with gateway.client() as client:
        assert not await client.call("GET", "/api/chatbot/sessions")
    await until(lambda: not gateway.parts.supervisor.running())
    await until(lambda: all(request.left_early for request in scripted.requests))


# Everything is fine


async def test_a_gateway_in_sse_mode_is_fine_and_nothing_is_left_behind(
    gateway: Gateway, scripted: ScriptedServer, tmp_path: Path
) -> None:
    scripted.reply = LONG
    with known_here(gateway, tmp_path / "data"):
        found = await report(tmp_path / "data")  # its settings name no model server: the gateway has others
    assert (found.code, found.errors) == (0, "")
    assert found.states == dict.fromkeys(("settings", "data folder", "gateway", "database", "model", "stream"), "ok")
    assert found.text.endswith("No checks failed.\n")
    assert len(scripted.requests) == 1
    await until_nothing_is_left(gateway, scripted)


async def test_a_gateway_in_mqtt_mode_is_fine(broker: Mosquitto, scripted: ScriptedServer, tmp_path: Path) -> None:
    scripted.reply = LONG
    data = tmp_path / "data"
    given = {"llm_comm_mode": "mqtt", "mqtt_broker_port": broker.port}
    settings = Settings(**given, llm_server_url=scripted.url)
    async with running_gateway(data, **given) as gateway, worker_for(settings, "gpu-1"), gateway.client() as client:
        while not (await client.call("GET", "/api/health"))["ready"]:
            pass
        with known_here(gateway, data):
            found = await report(data, **given)
        assert found.code == 0, found.text
        assert found.states == dict.fromkeys(
            ("settings", "data folder", "gateway", "database", "broker", "workers", "stream"), "ok"
        )
        assert "gpu-1 (0.1.0) is ready with scripted, runs 0 of 4, streams." in found["workers"]
        await until_nothing_is_left(gateway, scripted)


async def test_without_a_gateway_its_parts_are_tried_and_that_is_no_failure(
    broker: Mosquitto, scripted: ScriptedServer, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    found = await report(data, llm_server_url=scripted.url)
    assert found.code == 0
    assert found.states["model"] == "ok"
    assert found.states["gateway"] == found.states["stream"] == "not checked"
    assert "lam serve" in found["gateway"]
    assert not data.exists(), "looking changes nothing"
    given = {"llm_comm_mode": "mqtt", "mqtt_broker_port": broker.port}
    async with worker_for(Settings(**given, llm_server_url=scripted.url), "gpu-1", streaming=False):
        found = await report(data, **given)
    assert found.code == 0
    assert (found.states["broker"], found.states["workers"]) == ("ok", "ok")
    assert "gpu-1" in found["workers"]
    assert "answers in one piece" in found["workers"]


# Voices


async def test_voices_are_tried_where_they_are_offered(scripted: ScriptedServer, tmp_path: Path) -> None:
    """Through the gateway that runs, and as a gateway would without one."""
    scripted.reply = LONG
    data = tmp_path / "data"
    async with ScriptedVoice(port=free_port()) as voice:
        urls = {"lam_speech_url": voice.url, "lam_transcription_url": voice.url}
        async with running_gateway(tmp_path / "talking", llm_server_url=scripted.url, **urls) as talking:
            found = await report(data, talking.url, "--token", talking.token)
            assert found.code == 0, found.text
            assert (found.states["speech"], found.states["listening"]) == ("ok", "ok")
            assert HEARD in found["listening"]
            assert [request.path for request in voice.requests] == ["/v1/audio/speech", "/v1/audio/transcriptions"]
            await voice.vanish()
            found = await report(data, talking.url, "--token", talking.token)
        assert found.failed == ["speech", "listening"]
        assert "LAM_SPEECH_URL" in found["speech"]
        async with voice:
            voice.speech = VoiceAnswer(status=401)
            found = await report(data, llm_server_url=scripted.url, **urls)
            assert found.failed == ["speech"]
            assert "LAM_SPEECH_API_KEY" in found["speech"]
            assert found.states["listening"] == "ok", "it listens to silence"


# Settings, data folder, database


@pytest.mark.parametrize(("name", "value"), [("llm_comm_mode", "carrier"), ("lam_prot", "3000"), ("lam_port", "many")])
async def test_a_setting_that_is_wrong_is_named_and_what_needs_it_is_not_checked(name: str, value: str, tmp_path: Path) -> None:
    found = await report(tmp_path / "data", **{name: value})
    assert found.code == 1
    assert name.upper() in found["settings"]
    assert "settings.md" in found["settings"]
    assert found.failed == ["settings"]
    assert {state for check, state in found.states.items() if check != "settings"} == {"not checked"}


async def test_a_data_folder_that_cannot_be_made_or_shows_its_secrets_fails(scripted: ScriptedServer, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    found = await report(tmp_path / "file" / "data", llm_server_url=scripted.url)
    assert (found.code, found.failed) == (1, ["data folder"])
    assert "LAM_DATA_DIR" in found["data folder"]
    data = tmp_path / "data"
    data.mkdir()
    token = data / "token"
    token.write_text("secret-token")
    token.chmod(0o644)
    found = await report(data, llm_server_url=scripted.url)
    assert (found.code, found.failed) == (1, ["data folder"])
    assert f"chmod 600 {token}" in found["data folder"]
    assert "secret-token" not in found.text


async def test_a_database_is_looked_at_and_left_as_it_is(scripted: ScriptedServer, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()

    def tables() -> list[tuple[str]]:
        with sqlite3.connect(data / "lam.db") as file:
            found = file.execute("SELECT name FROM sqlite_master").fetchall()
        file.close()
        return found

    assert tables() == []
    found = await report(data, llm_server_url=scripted.url)
    assert found.code == 0
    assert "lam db upgrade" in found["database"]
    assert tables() == []
    database = Database(f"sqlite+aiosqlite:///{data}/lam.db")
    await database.upgrade()
    await database.close()
    assert "up to date" in (await report(data, llm_server_url=scripted.url))["database"]
    with sqlite3.connect(data / "lam.db") as file:
        file.execute("UPDATE alembic_version SET version_num = 'future'")
    file.close()
    found = await report(data, llm_server_url=scripted.url)
    assert found.failed == ["database"]
    assert "newer version" in found["database"]
    (data / "lam.db").write_text("not a database at all, but long enough to look like one " * 30)
    assert (await report(data, llm_server_url=scripted.url)).failed == ["database"]
    found = await report(data, llm_server_url=scripted.url, database_url=f"sqlite+aiosqlite:///{tmp_path}/nowhere/lam.db")
    assert found.failed == ["database"]
    assert f"no folder {tmp_path}/nowhere" in found["database"]


async def test_a_postgresql_that_is_away_or_refuses_us_is_told_without_the_password(
    scripted: ScriptedServer, tmp_path: Path
) -> None:
    with running_postgresql(Path(find_program("initdb")).parent) as server:
        server.sql("postgres", "CREATE ROLE ada LOGIN PASSWORD 'right'")
        rules = Path(server.sql("postgres", "SHOW hba_file"))
        rules.write_text("host all ada 127.0.0.1/32 scram-sha-256\n" + rules.read_text())
        server.sql("postgres", "SELECT pg_reload_conf()")
        url = f"postgresql+asyncpg://ada:{{}}@127.0.0.1:{{}}/{server.database().rpartition('/')[2]}"
        cases = [
            (url.format("hunter2", server.port), 'password authentication failed for user "ada"'),
            (url.format("right", server.port) + "x", "does not exist"),
            (url.format("hunter2", free_port()), "connect call failed"),
        ]
        for address, sentence in cases:
            found = await report(tmp_path / "data", llm_server_url=scripted.url, database_url=address)
            assert found.failed == ["database"]
            assert sentence.lower() in found["database"].lower()
            assert "DATABASE_URL" in found["database"]
            assert "hunter2" not in found.text + found.errors
        found = await report(tmp_path / "data", llm_server_url=scripted.url, database_url=url.format("right", server.port))
        assert found.code == 0
        assert "Migrations to apply" in found["database"]


# The model


async def test_a_model_that_loads_or_wants_another_key_or_is_not_there_fails(scripted: ScriptedServer, tmp_path: Path) -> None:
    scripted.loads = True
    found = await report(tmp_path / "data", llm_server_url=scripted.url)
    assert (found.code, found.failed) == (1, ["model"])
    assert "still being loaded" in found["model"]
    assert "Wait" in found["model"]
    scripted.loads, scripted.wrong_key = False, True
    found = await report(tmp_path / "data", llm_server_url=scripted.url, llm_api_key="hunter2")
    assert (found.code, found.failed) == (1, ["model"])
    assert "Set LLM_API_KEY" in found["model"]
    assert "hunter2" not in found.text + found.errors
    await scripted.vanish()
    found = await report(tmp_path / "data", llm_server_url=scripted.url)
    assert (found.code, found.failed) == (1, ["model"])
    assert "LLM_SERVER_URL" in found["model"]


async def test_a_gateway_whose_model_loads_tells_so_and_is_not_asked_for_a_stream(
    gateway: Gateway, scripted: ScriptedServer, tmp_path: Path
) -> None:
    scripted.loads = True
    found = await report(tmp_path / "data", gateway.url)
    assert (found.code, found.failed) == (1, ["gateway", "model"])
    assert "still being loaded" in found["model"]
    assert found.states["stream"] == "not checked"
    assert scripted.requests == []


# Broker and workers


async def test_a_dead_broker_fails_and_says_which_settings_name_it(broker: Mosquitto, tmp_path: Path) -> None:
    broker.kill()
    given = {"llm_comm_mode": "mqtt", "mqtt_broker_port": broker.port}
    found = await report(tmp_path / "data", **given)
    assert (found.code, found.failed, found.errors) == (1, ["broker"], "")
    assert f"127.0.0.1:{broker.port}" in found["broker"]
    assert "MQTT_BROKER_HOST" in found["broker"]
    assert found.states["workers"] == "not checked"
    async with running_gateway(tmp_path / "data", **given) as gateway:
        found = await report(tmp_path / "data", gateway.url)
    assert found.failed == ["gateway", "broker"]
    assert "MQTT_BROKER_HOST" in found["broker"]


async def test_a_wrong_password_at_the_broker_is_told_apart_from_a_right_one(tmp_path: Path) -> None:
    passwords = tmp_path / "passwords"
    subprocess.run([find_program("mosquitto_passwd"), "-b", "-c", str(passwords), "ada", "right"], check=True)
    passwords.chmod(0o600)
    settings = f"allow_anonymous false\npassword_file {passwords}\nuser root"
    with running_mosquitto(find_program("mosquitto"), settings) as broker:
        given = {"llm_comm_mode": "mqtt", "mqtt_broker_port": broker.port, "mqtt_username": "ada"}
        found = await report(tmp_path / "data", **given, mqtt_password="hunter2")
        assert (found.code, found.failed) == (1, ["broker"])
        assert "wrong user name or password" in found["broker"]
        assert "MQTT_USERNAME and MQTT_PASSWORD" in found["broker"]
        assert "hunter2" not in found.text + found.errors
        found = await report(tmp_path / "data", **given, mqtt_password="right")
        assert (found.states["broker"], found.failed) == ("ok", ["workers"])
        assert "lam worker" in found["workers"]


async def test_a_worker_without_its_model_is_a_failure_of_the_workers(
    broker: Mosquitto, scripted: ScriptedServer, tmp_path: Path
) -> None:
    await scripted.vanish()
    given = {"llm_comm_mode": "mqtt", "mqtt_broker_port": broker.port}
    async with worker_for(Settings(**given, llm_server_url=scripted.url), "gpu-1"):
        found = await report(tmp_path / "data", **given)
    assert (found.code, found.failed) == (1, ["workers"])
    assert "gpu-1" in found["workers"]
    assert "--llm" in found["workers"]


async def test_a_certificate_that_nobody_vouches_for_is_told_apart_from_one_that_somebody_does(tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    make = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=broker -addext subjectAltName=IP:127.0.0.1"
    command = [find_program("openssl"), *make.split(), "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
    settings = f"allow_anonymous true\ncertfile {certificate}\nkeyfile {key}\nuser root"
    with running_mosquitto(find_program("mosquitto"), settings) as broker:
        given = {"llm_comm_mode": "mqtt", "mqtt_broker_port": broker.port, "mqtt_tls": "true"}
        found = await report(tmp_path / "data", **given)
        assert (found.code, found.failed) == (1, ["broker"])
        assert "MQTT_CA_FILE" in found["broker"]
        found = await report(tmp_path / "data", **given, mqtt_ca_file=certificate)
        assert (found.states["broker"], found.failed) == ("ok", ["workers"])


async def test_a_certificate_file_that_is_missing_is_a_failure_of_the_broker(tmp_path: Path) -> None:
    found = await report(tmp_path / "data", llm_comm_mode="mqtt", mqtt_tls="true", mqtt_ca_file=tmp_path / "ca.pem")
    assert (found.code, found.failed) == (1, ["broker"])
    assert "MQTT_CA_FILE" in found["broker"]


# Through a URL


def behind_another(outer: str) -> str:
    """Two nginx in a row. The inner one keeps X-Accel-Buffering to itself, so that the outer one buffers by default."""
    port = free_port()
    inner = f"server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://127.0.0.1:3000; }} }}"
    return f"{inner} server {{ listen 80; location / {{ proxy_pass http://127.0.0.1:{port}; {outer} }} }}"


def in_front(settings: str) -> str:
    return f"server {{ listen 80; location / {{ proxy_pass http://127.0.0.1:3000; {settings} }} }}"


@pytest.mark.parametrize("rate", [5, 100])
@pytest.mark.parametrize(
    ("block", "state"),
    [
        (BLOCKS["documented"], "ok"),
        (behind_another("proxy_buffering off;"), "ok"),
        (behind_another("proxy_http_version 1.0;"), "FAILED"),
        (in_front(IGNORED + NGINX_1_1 + PACKED), "FAILED"),
    ],
    ids=["documented", "two-open", "two-buffering", "buffering-and-gzip"],
)
async def test_a_proxy_that_holds_the_stream_back_is_found_and_no_other(
    block: str, state: str, rate: int, gateway: Gateway, scripted: ScriptedServer, tmp_path: Path
) -> None:
    scripted.reply = Reply(LONG.pieces, rate=rate)
    async with nginx(find_program("nginx"), block, gateway, tmp_path) as url:
        found = await report(tmp_path / "data", url)
    assert found.states["stream"] == state, found.text
    assert found.code == (0 if state == "ok" else 1)
    assert ("proxy_buffering off" in found["stream"]) is (state == "FAILED")
    assert ("gzip" in found["stream"]) is ("gzip" in block)
    await until_nothing_is_left(gateway, scripted)


async def test_a_stream_whose_model_waits_is_judged_by_what_the_gateway_has_sent(
    gateway: Gateway, scripted: ScriptedServer, tmp_path: Path
) -> None:
    """Not one piece comes from the model: only the gateway's own first event is held back."""
    scripted.reply = Reply(LONG.pieces, hold=True)
    async with nginx(find_program("nginx"), behind_another("proxy_http_version 1.0;"), gateway, tmp_path) as url:
        found = await report(tmp_path / "data", url)
    assert found.failed == ["stream"]
    assert scripted.requests[0].sent == 0


async def test_a_reply_that_is_too_short_tells_nothing_and_one_that_fails_says_why(
    gateway: Gateway, scripted: ScriptedServer, tmp_path: Path
) -> None:
    scripted.reply = Reply(("Yes",))
    found = await report(tmp_path / "data", gateway.url)
    assert (found.code, found.states["stream"]) == (0, "not checked")
    scripted.reply = Reply(fault="server_error")
    found = await report(tmp_path / "data", gateway.url)
    assert (found.code, found.failed) == (1, ["stream"])
    assert "CUDA out of memory" in found["stream"]


async def test_who_is_not_logged_in_is_told_what_is_public_and_how_to_log_in(
    gateway: Gateway, scripted: ScriptedServer, tmp_path: Path
) -> None:
    scripted.reply = LONG
    elsewhere = tmp_path / "elsewhere"
    found = await report(elsewhere, gateway.url)
    assert (found.code, found.states["gateway"]) == (0, "ok")
    assert found.states["log-in"] == found.states["stream"] == "not checked"
    assert "--token" in found["log-in"]
    found = await report(elsewhere, gateway.url, "--token", "hunter2")
    assert (found.code, found.failed) == (1, ["log-in"])
    assert "hunter2" not in found.text + found.errors
    found = await report(elsewhere, gateway.url, "--token", gateway.token)
    assert (found.code, found.states["stream"]) == (0, "ok")
    assert gateway.token not in found.text


async def test_an_address_where_no_gateway_answers_fails(scripted: ScriptedServer, tmp_path: Path) -> None:
    found = await report(tmp_path / "data", f"http://127.0.0.1:{free_port()}")
    assert (found.code, found.failed) == (1, ["gateway"])
    assert "No gateway answers" in found["gateway"]
    found = await report(tmp_path / "data", scripted.url)
    assert (found.code, found.failed) == (1, ["gateway"])
    assert "is it a LAM gateway?" in found["gateway"]


@pytest.mark.parametrize("url", ["localhost:3000", "ftp://localhost", "http://", "http://ada:hunter2@localhost"])
async def test_what_is_no_address_is_wrong_usage(url: str, tmp_path: Path) -> None:
    ran = await run("doctor", url, env=environment(tmp_path / "data"))
    assert (ran.code, ran.out) == (2, "")
    assert "hunter2" not in ran.err
