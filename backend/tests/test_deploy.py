"""What `deploy/` offers can be read by the programs that it is for, and names settings that exist."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from lam.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
GUIDE = (ROOT / "docs" / "guides" / "scaling.md").read_text()
SETTINGS = {name.upper() for name in Settings.model_fields}
SHARED = {"DATABASE_URL", "LAM_REDIS_URL", "SECRET_KEY"}
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
UNIT = (DEPLOY / "systemd" / "lam-gateway@.service").read_text()

# What `systemd-analyze verify` accepted of the unit.
KNOWN = {
    *("Description", "After", "Wants", "ExecStart", "EnvironmentFile", "Environment", "DynamicUser", "StateDirectory"),
    *("StateDirectoryMode", "Restart", "RestartSec", "TimeoutStopSec", "LimitNOFILE", "NoNewPrivileges", "ProtectSystem"),
    *("ProtectHome", "PrivateTmp", "WantedBy"),
}


def variables(text: str) -> dict[str, str]:
    lines = (line.partition("=") for line in text.splitlines() if "=" in line and not line.startswith("#"))
    return {name: value for name, _, value in lines}


def settings(values: dict[str, str], **secrets: str) -> Settings:
    """The settings of a gateway with these variables. Raises ValidationError."""
    filled = {name: re.sub(r"\$\{\w+:?[-?]?([^}]*)\}", r"\1", str(value)) for name, value in values.items()} | secrets
    return Settings(**{name.lower(): value for name, value in filled.items()})


@pytest.mark.parametrize("name", ["gateway-1", "gateway-2"])
def test_a_gateway_in_the_compose_file_has_settings_that_exist_and_start(name: str) -> None:
    service = COMPOSE["services"][name]
    given: dict[str, Any] = service["environment"]
    assert SETTINGS >= given.keys() >= SHARED
    made = settings(given, SECRET_KEY="0123456789abcdef" * 4)
    assert made.mqtt_client_id == name
    assert seconds(service["stop_grace_period"]) > made.lam_drain_seconds + 5
    assert set(service["depends_on"]) <= COMPOSE["services"].keys()


def test_the_gateways_of_the_compose_file_differ_in_their_name_alone() -> None:
    first, second = (COMPOSE["services"][name]["environment"] for name in ("gateway-1", "gateway-2"))
    assert {name for name in first if first[name] != second[name]} == {"MQTT_CLIENT_ID"}


def test_the_settings_for_systemd_exist_and_are_complete() -> None:
    given = variables((DEPLOY / "gateway.env").read_text())
    own = re.search(r"^Environment=(.*)$", UNIT, re.MULTILINE)
    assert own
    instance = variables(own[1].replace("%i", "3001").replace(" ", "\n"))
    assert SETTINGS >= {*given, *instance} >= {*SHARED, "LAM_PORT", "LAM_DATA_DIR", "MQTT_CLIENT_ID"}
    made = settings(given | instance, SECRET_KEY="0123456789abcdef" * 4)
    assert made.lam_port == 3001
    stop = re.search(r"^TimeoutStopSec=(\d+)$", UNIT, re.MULTILINE)
    assert stop
    assert int(stop[1]) > made.lam_drain_seconds + 5


def test_the_unit_has_options_that_systemd_knows() -> None:
    options = re.findall(r"^(\w+)=", UNIT, re.MULTILINE)
    assert set(options) <= KNOWN
    assert re.findall(r"^\[(\w+)\]$", UNIT, re.MULTILINE) == ["Unit", "Service", "Install"]


def test_redis_never_drops_what_gateways_need() -> None:
    options = dict(line.split(" ", 1) for line in (DEPLOY / "redis.conf").read_text().splitlines() if not line.startswith("#"))
    assert options["maxmemory-policy"] == "noeviction"
    command = COMPOSE["services"]["redis"]["command"]
    assert command[command.index("--maxmemory-policy") + 1] == "noeviction"


def test_nginx_in_the_guide_is_that_of_the_folder() -> None:
    (block,) = re.findall(r"```nginx\n(.*?)```", GUIDE, re.DOTALL)
    file = (DEPLOY / "nginx.conf").read_text()
    assert file.partition("\n")[2] == block
    ports = re.findall(r"server (127\.0\.0\.1:\d+)", file)
    command = " ".join(COMPOSE["services"]["nginx"]["command"])
    assert all(port in command for port in ports), "the compose file puts its gateways in their places"


def seconds(text: str) -> int:
    return int(text.removesuffix("s"))
