"""One frozen Settings, read once from the environment and `.env`; nothing else reads the environment.

Every field's description is the documentation: docs/reference/settings.md is generated from it.
"""

import os
import re
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import parse_qsl, urlencode, urlsplit
from urllib.request import getproxies_environment, proxy_bypass

from dotenv import dotenv_values
from platformdirs import user_data_path
from pydantic import Field, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from lam.errors import ConfigError

MIN_SECRET_LENGTH = 32
LOOPBACK = ("127.0.0.1", "::1")
ENVIRONMENT = "environment"
OWN_PATHS = ("api", "assets", "docs", "openapi.json", "static-offline-docs", "metrics", "v1", "favicon.svg")
_REDIS_URL = "must be redis://:password@host:port/0, or rediss:// with TLS; in a password write / as %2F, @ as %40, # as %23"
_DATABASE_OPTIONS = ("ssl", "host", "port", "passfile", "target_session_attrs", "prepared_statement_cache_size")
_PREFIX = re.compile(r"(?:/(?!\.{1,2}(?:/|$))[A-Za-z0-9._~-]+)*")


class Settings(BaseSettings):
    """Names are the environment's, in lower case. An empty value counts as not set."""

    model_config = SettingsConfigDict(
        frozen=True, extra="ignore", env_file=".env", env_file_encoding="utf-8", env_ignore_empty=True
    )

    llm_comm_mode: Literal["sse", "mqtt"] = Field(
        "sse", description="How the gateway reaches models: `sse` (a server over HTTP) or `mqtt` (workers at a broker)."
    )
    llm_server_url: str = Field(
        "http://127.0.0.1:8080",
        description="URL of the model server: its host, the base of its API (with or without `/v1`), or the address of its chat. "
        "docs/guides/servers.md has the rule.",
    )
    llm_api_key: str | None = Field(None, description="Bearer token for the model server.")
    llm_proxy: str | None = Field(
        None,
        description="HTTP proxy on the way to the model server and to voices on other machines, `http://HOST:PORT` or "
        "`http://USER:PASSWORD@HOST:PORT`; `environment`: what HTTPS_PROXY, HTTP_PROXY and NO_PROXY say.",
    )
    llm_ca_file: Path | None = Field(
        None,
        description="File with CA certificates (PEM) to trust for the model server and for voices, in addition to those of the "
        "system.",
    )
    llm_cert_file: Path | None = Field(
        None, description="File with the certificate (PEM) that the gateway shows to a model server that asks for one."
    )
    llm_key_file: Path | None = Field(
        None, description="File with the key (PEM) for LLM_CERT_FILE; unset: the key is in that file."
    )
    llm_model: str | None = Field(None, description="The default model; unset: the first one the server lists.")
    llm_slots: int = Field(
        0, ge=0, description="Maximum number of replies at a time; 0: as many as the server reports, or 8 if it reports none."
    )
    llm_timeout: float = Field(
        300,
        gt=0,
        description="Seconds without a sign of life after which the model is given up. Before the first token pings and progress "
        "count as signs of life, after it only events.",
    )
    llm_temperature: float = Field(0.7, ge=0, le=2, description="Default for requests and sessions that set no temperature.")
    llm_top_p: float = Field(0.9, gt=0, le=1, description="Default for requests and sessions that set no top_p.")
    llm_max_tokens: int = Field(2048, ge=1, description="Default for requests and sessions that set no max_tokens.")
    llm_max_tokens_limit: int = Field(0, ge=0, description="Upper limit for max_tokens; 0: the size of the context.")
    llm_max_history_tokens: int = Field(
        0,
        ge=0,
        description="Maximum number of prompt tokens; 0: the slot's context less min(max_tokens, a quarter of the context).",
    )
    llm_skip_thinking: bool = Field(False, description="Whether to ask the model not to think.")

    mqtt_broker_host: str = Field("127.0.0.1", description="Address of the broker that the gateway and the workers connect to.")
    mqtt_broker_port: int = Field(1883, ge=1, le=65535, description="Port of the broker; usually 8883 with TLS.")
    mqtt_username: str | None = Field(None, description="User name at the broker.")
    mqtt_password: str | None = Field(None, description="Password at the broker.")
    mqtt_tls: bool = Field(False, description="Use TLS; the certificate of the broker is verified.")
    mqtt_ca_file: Path | None = Field(
        None, description="File with CA certificates (PEM) to trust for the broker, in addition to those of the system."
    )
    mqtt_version: Literal["5", "3.1.1"] = Field(
        "5", description="The version of MQTT to try first; if the broker does not accept 5, 3.1.1 is used."
    )
    mqtt_client_id: str = Field("lam-gateway", description="The name of the gateway at the broker; a random suffix is added.")
    mqtt_topic_prefix: str = Field("lam/v1", description="Prefix of all topics.")
    mqtt_dialect: Literal["lam", "prompt_portal"] = Field(
        "lam", description="Protocol of the workers: `lam`, or `prompt_portal` for older workers."
    )
    mqtt_max_packet: int = Field(
        524288,
        ge=4096,
        description="Maximum size of a message in bytes; a smaller maximum reported by the broker takes precedence.",
    )
    mqtt_chunk_size: int = Field(
        10, ge=0, description="Simulated streaming: characters per chunk (whole grapheme clusters); 0: the whole text in one chunk."
    )
    mqtt_chunk_delay: float = Field(0.01, ge=0, description="Simulated streaming: seconds between chunks; 0: no pauses.")

    database_url: str | None = Field(
        None,
        description="`postgresql://user:password@host:port/database`, or `sqlite+aiosqlite:///` and the path of a file; "
        "unset: SQLite in the data folder.",
    )
    database_pool_size: int = Field(5, ge=1, description="Maximum number of database connections.")
    lam_redis_url: str | None = Field(
        None,
        description="The Redis or Valkey server that several gateways share, `redis://:password@host:port/0`, or `rediss://` with "
        "TLS. Needs PostgreSQL and SECRET_KEY, the same for all of them (docs/guides/scaling.md). Unset: "
        "this gateway is alone.",
    )
    secret_key: str | None = Field(
        None,
        description="Key for the hashes of tokens, keys, links and known devices, at least 32 characters; unset: generated on the "
        "first start. Another one makes all of them invalid.",
    )

    lam_host: str = Field("127.0.0.1", description="Address to listen on.")
    lam_port: int = Field(3000, ge=0, le=65535, description="Port to listen on; 0: any free one.")
    lam_data_dir: Path = Field(
        default_factory=lambda: user_data_path("lam-studio", appauthor=False),
        description="Folder for the database, the secret and the local token; unset: the platform's user data folder.",
    )
    lam_config: Path | None = Field(
        None,
        description="The file with further servers and with models by name (docs/guides/models.md); unset: `lam.toml` in the data "
        "folder, if it is there.",
    )
    lam_registration: Literal["closed", "open"] = Field(
        "closed", description="Whether anybody may register: `open` or `closed`. `lam up` uses `open` if this is unset."
    )
    lam_public_url: str | None = Field(
        None,
        description="The address that people open in a browser, if there is a proxy in between. It may have a path "
        "(`https://example.org/studio`): everything then works below it.",
    )
    lam_cors_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Origins of other pages that may call the API, separated by commas."
    )
    lam_trusted_proxies: Annotated[tuple[str, ...], NoDecode] = Field(
        LOOPBACK, description="Addresses or networks of proxies whose `X-Forwarded-For` is trusted, separated by commas."
    )
    lam_titles: bool = Field(True, description="Whether the model writes a short title after the first reply of a session.")
    lam_speech_url: str | None = Field(
        None,
        description="URL of a server that speaks (OpenAI's `/v1/audio/speech`), such as `lam voice`; written like LLM_SERVER_URL. "
        "Unset: the browser's own voices read aloud.",
    )
    lam_speech_api_key: str | None = Field(None, description="Bearer token for the server that speaks; `lam voice` asks for it.")
    lam_speech_model: str = Field("tts-1", description="The model that the server speaks with; `lam voice` takes any name.")
    lam_speech_voice: str = Field("alloy", description="The voice for requests that name none; `lam voice` takes any name.")
    lam_transcription_url: str | None = Field(
        None,
        description="URL of a server that writes down what it hears (OpenAI's `/v1/audio/transcriptions`), such as `lam voice`. "
        "Unset: the page has no microphone.",
    )
    lam_transcription_api_key: str | None = Field(
        None, description="Bearer token for the server that listens; `lam voice` asks for it."
    )
    lam_transcription_model: str = Field(
        "whisper-1", description="The model that the server listens with; `lam voice` takes any name."
    )
    lam_rooms: bool = Field(
        False,
        description="Whether admins, and whom `[rooms]` in `lam.toml` names, may open rooms for a class or an event "
        "(docs/guides/rooms.md).",
    )
    lam_metrics: Literal["auto", "on", "off"] = Field(
        "auto",
        description="Who gets `/metrics` (Prometheus). `on`: all who can reach the gateway. `off`: nobody. `auto`: callers on "
        "this machine, if the gateway has no public address.",
    )
    lam_traces_url: str | None = Field(
        None,
        description="An OpenTelemetry collector (OTLP over HTTP), such as `http://127.0.0.1:4318`, that gets one span for each "
        "run; unset: none. Needs `pip install 'lam-studio[traces]'`.",
    )
    lam_max_streams_per_user: int = Field(
        4,
        ge=1,
        description="Maximum number of waiting and running replies per user; titles, trials of the lab and programs do not count.",
    )
    lam_max_sessions_per_user: int = Field(20_000, ge=1, description="Maximum number of sessions per user.")
    lam_media_quota_mb: int = Field(500, ge=0, description="Maximum size of all pictures of one user, in MB; 0: no pictures.")
    lam_max_queue: int = Field(256, ge=0, description="Maximum number of replies that wait for one model.")
    lam_max_reply_chars: int = Field(
        2_000_000,
        ge=1,
        description="Maximum length of a reply in characters, including thoughts; a longer one is cut and ends with `length`.",
    )
    lam_max_connections: int = Field(
        0,
        ge=0,
        description="Maximum number of connections; 0: the number of files the process may open (`ulimit -n`) less 64, 65,536 at "
        "most, which is also the upper limit. Beyond the maximum a new connection replaces the one that was silent the longest.",
    )
    lam_detach_seconds: float = Field(
        10, ge=0, description="How long a reply with `on_disconnect: cancel` continues without a reader."
    )
    lam_drain_seconds: float = Field(20, ge=0, description="How long running replies may continue after SIGTERM.")
    lam_healing: bool = Field(
        True, description="Whether a reply goes on, where it can, after its server, its worker or this gateway died with it."
    )
    lam_heal_seconds: float = Field(
        600, ge=0, description="How old the last checkpoint of a reply may be that goes on after the gateway died with it."
    )

    @field_validator("llm_comm_mode", "mqtt_dialect", "lam_registration", "lam_metrics", mode="before")
    @classmethod
    def _any_case(cls, value: Any) -> Any:
        return value.strip().lower() if isinstance(value, str) else value

    @field_validator("lam_cors_origins", "lam_trusted_proxies", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return tuple(part.strip().rstrip("/") for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("llm_server_url", "lam_public_url", "llm_proxy", "lam_speech_url", "lam_transcription_url")
    @classmethod
    def _http(cls, value: str | None, about: ValidationInfo) -> str | None:
        if value is None or (about.field_name == "llm_proxy" and value.strip().lower() == ENVIRONMENT):
            return value.strip().lower() if value else value
        return checked_url(value)

    @field_validator("lam_public_url")
    @classmethod
    def _plain_path(cls, value: str | None) -> str | None:
        parts = urlsplit(value or "")
        if parts.query or not _PREFIX.fullmatch(parts.path):
            raise ValueError("its path may have letters, digits, `-`, `_`, `.` and `~` between single slashes, and no query")
        first = parts.path.lower().split("/")[1:2]
        if first and first[0] in OWN_PATHS:
            raise ValueError(f"its path must not begin with /{first[0]}, which the gateway uses itself")
        return value

    @model_validator(mode="after")
    def _key_with_certificate(self) -> "Settings":
        if self.llm_key_file is not None and self.llm_cert_file is None:
            raise ValueError("LLM_KEY_FILE belongs to LLM_CERT_FILE, which is not set")
        return self

    @field_validator("lam_redis_url")
    @classmethod
    def _redis(cls, value: str | None) -> str | None:
        """No message may hold the value, because it has a password."""
        if value is None:
            return None
        try:
            parts = urlsplit(value.strip())
            _ = parts.port
        except ValueError:
            raise ValueError(f"is no URL; it {_REDIS_URL}") from None
        database = parts.path.strip("/")
        if parts.scheme not in ("redis", "rediss") or not parts.hostname or parts.fragment or not (database or "0").isdigit():
            raise ValueError(_REDIS_URL)
        return value.strip()

    @model_validator(mode="after")
    def _several_share_a_database(self) -> "Settings":
        if self.lam_redis_url is None:
            return self
        if not (self.database_url or "").startswith("postgresql"):
            raise ValueError(
                "LAM_REDIS_URL is for several gateways on one PostgreSQL database; set DATABASE_URL to postgresql://…, or "
                "unset LAM_REDIS_URL"
            )
        if self.secret_key is None:
            raise ValueError(
                "LAM_REDIS_URL is for several gateways, which need one SECRET_KEY; set the same for all of them, such as the one "
                "in the file `secret_key` of a data folder"
            )
        return self

    @field_validator("secret_key")
    @classmethod
    def _strong(cls, value: str | None) -> str | None:
        if value is not None and (len(value) < MIN_SECRET_LENGTH or len(set(value)) < 8):
            raise ValueError(f"is too weak: use at least {MIN_SECRET_LENGTH} random characters, or leave it unset")
        return value

    @field_validator("database_url")
    @classmethod
    def _known_database(cls, value: str | None) -> str | None:
        if value is None:
            return None
        value = value.strip()
        if found := re.match(r"(?:postgres|postgresql|postgresql\+asyncpg)://(?=[^/]*/[^/?]+)", value):
            return f"postgresql+asyncpg://{_for_asyncpg(value[found.end() :])}"
        if not value.startswith("sqlite+aiosqlite:///") or value.endswith("/") or ":memory:" in value:
            raise ValueError(
                "must be postgresql://user:password@host:port/database, or sqlite+aiosqlite:/// and the path of a file"
            )
        return value


def _for_asyncpg(value: str) -> str:
    """Returns the rest of the URL of a PostgreSQL database with the names of its options that the driver has. Raises ValueError."""
    login, at, rest = value.partition("@") if "@" in value else ("", "", value)
    place, _, query = rest.partition("?")
    is_place = "@" not in place
    try:
        _ = urlsplit(f"//{place}").port
    except ValueError:
        is_place = False
    if not is_place:
        raise ValueError("has no host and port before its database; in a password write / as %2F, @ as %40, : as %3A, ? as %3F")
    options = [("ssl" if name == "sslmode" else name, option) for name, option in parse_qsl(query, keep_blank_values=True)]
    for name, _ in options:
        if name not in _DATABASE_OPTIONS:
            known = ", ".join(f"`{one}`" for one in ("sslmode", *_DATABASE_OPTIONS))
            raise ValueError(
                f"has the option `{name}`, which the driver does not know; it knows {known}. "
                "Certificates are named by PGSSLROOTCERT, PGSSLCERT and PGSSLKEY"
            )
    return login + at + place + (f"?{urlencode(options)}" if options else "")


def checked_url(value: str) -> str:
    """Returns the URL of a server without a slash at its end. Raises ValueError."""
    value = value.strip()
    if not value.lower().startswith(("http://", "https://")):
        raise ValueError("must begin with http:// or https://")
    try:
        parts = urlsplit(value)
        _ = parts.port
    except ValueError as error:
        raise ValueError(f"is no URL ({error})") from error
    if not parts.hostname or any(sign.isspace() for sign in value):
        raise ValueError("is no URL: it needs a host, and has no spaces")
    if parts.fragment:
        raise ValueError("must not contain #")
    return value.rstrip("/")


def prefix_of(settings: Settings) -> str:
    """Returns the path below which people reach the gateway, such as `/studio`; empty for none."""
    return urlsplit(settings.lam_public_url or "").path


def load_settings(**overrides: Any) -> Settings:
    """Returns the settings in the environment and `.env`; `overrides` take precedence. Raises ConfigError with one sentence."""
    _refuse_unknown_names()
    try:
        return Settings(**overrides)
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0]).upper() if first["loc"] else "The settings"
        raise ConfigError(f"{name}: {first['msg'].removeprefix('Value error, ')}.") from error


def broker_address(text: str, setting: str) -> tuple[str, int | None]:
    """Returns host and port from HOST or HOST:PORT; an IPv6 address with a port is in brackets. Raises ConfigError."""
    match = re.fullmatch(r"\[(?P<six>[^\]]+)\](?::(?P<port6>\d+))?|(?P<host>[^:\s/]+)(?::(?P<port>\d+))?", text)
    port = match and (match["port"] or match["port6"])
    if match is None or (port and not 0 < int(port) < 65536):
        raise ConfigError(f"{setting}: {text!r} is not HOST or HOST:PORT.")
    return match["host"] or match["six"], int(port) if port else None


def proxy_for(settings: Settings, url: str | None = None) -> str | None:
    """Returns the URL of the proxy on the way to the model server, or to `url`; None for a straight way. Raises ConfigError."""
    return proxy_to(url or settings.llm_server_url, settings.llm_proxy, "LLM_PROXY")


def proxy_to(url: str, proxy: str | None, setting: str) -> str | None:
    """Returns the URL of the proxy on the way to `url`; None for a straight way. `proxy`: its URL, or `environment`. `setting`:
    where it stands. Raises ConfigError."""
    if proxy != ENVIRONMENT:
        return proxy
    parts = urlsplit(url)
    if proxy_bypass(parts.netloc.rpartition("@")[2]):
        return None
    known = getproxies_environment()
    proxy = known.get(parts.scheme.lower()) or known.get("all")
    if proxy is None:
        return None
    proxy = proxy if "://" in proxy else f"http://{proxy}"
    if not proxy.lower().startswith(("http://", "https://")):
        raise ConfigError(f"{setting}: the proxy in the environment is no HTTP proxy; set {setting} to http://HOST:PORT.")
    return proxy


def is_set(name: str) -> bool:
    """Returns whether the environment or `.env` sets this value."""
    return bool(os.environ.get(name) or dotenv_values(".env").get(name))


def variable_named(name: str) -> str:
    """Returns the value of a variable in the environment or `.env`, without spaces around it; empty when it is not set."""
    return (os.environ.get(name) or dotenv_values(".env").get(name) or "").strip()


def _refuse_unknown_names() -> None:
    known = {name.upper() for name in Settings.model_fields}
    names = {name.upper() for name in (*os.environ, *dotenv_values(".env")) if name.upper().startswith("LAM_")}
    unknown = sorted(names - known)
    if unknown:
        raise ConfigError(f"{unknown[0]} is not a setting of LAM Studio; docs/reference/settings.md lists them all.")
