"""The configuration of many servers: `lam.toml`, read and checked, and the server that LLM_* and MQTT_* describe.

It knows which servers there are, which models people may choose, and in which order servers answer for a model. It must not know
how a server is asked, and it opens no connection.
"""

import asyncio
import logging
import math
import re
import tomllib
import unicodedata
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta, Struct

from lam.errors import ConfigError
from lam.protocol.budget import NO_LIMITS, Budget
from lam.protocol.chat import LONGEST_TEXT
from lam.protocol.sampling import Choices
from lam.protocol.topics import Topics
from lam.settings import LOOPBACK, Settings, broker_address, checked_url, proxy_to, variable_named

log = logging.getLogger(__name__)

DEFAULT: Final = "default"
FILE: Final = "lam.toml"
Kind = Literal["openai", "mqtt", "prompt_portal", "local"]
Name = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_.-]{1,64}\Z")]
ModelName = Annotated[str, Meta(min_length=1, max_length=200, pattern=r"^[^\x00-\x20\x7f]([^\x00-\x1f\x7f]*[^\x00-\x20\x7f])?\Z")]
Price = Annotated[float, Meta(ge=0, le=1_000_000)]
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_HEADER: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_OWN_HEADERS: Final = frozenset({"host", "content-length", "content-type", "transfer-encoding", "connection", "accept-encoding"})
_HTTP: Final = frozenset(
    {"url", "key_env", "key_file", "ca_file", "cert_file", "cert_key_file", "proxy", "headers", "headers_env", "slots"}
)
_MQTT: Final = frozenset({"broker", "username", "password_env", "password_file", "tls", "ca_file"})
_FIELDS: Final[Mapping[Kind, frozenset[str]]] = {
    "openai": _HTTP,
    "mqtt": _MQTT | {"prefix"},
    "prompt_portal": _MQTT | {"slots"},
    "local": frozenset({"file", "n_ctx", "slots", "eye", "chat_template", "threads", "speculate"}),
}
_NEEDED: Final[Mapping[Kind, str]] = {"openai": "url", "mqtt": "broker", "prompt_portal": "broker", "local": "file"}
_TURNS: Final = frozenset({"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"})  # marks of direction
_SECRETS: Final = ("key", "password")


class Server(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, repr_omit_defaults=True):
    """A server, or the workers at a broker. Fields that do not belong to its kind are unset.

    `url`: written like LLM_SERVER_URL. `broker`: HOST or HOST:PORT. `key`, `password`: never in the file; they come from the
    variable or the file that `…_env` or `…_file` names. `headers`: sent with every request. `headers_env`: names of variables with
    further values. `model`: answers requests that name none. `slots`: replies at a time; 0 means the server's number. `file`: a
    model in GGUF. `n_ctx`: tokens of each reply's context; 0 means the model's own, up to 8192. `eye`: its vision part.
    `chat_template`: a template to use instead of the model's. `threads`: 0 means one for each processor but one, up to 8.
    `speculate`: guesses the next tokens from repetitions in the text.
    """

    name: Name
    kind: Kind = "openai"
    url: str | None = None
    broker: str | None = None
    username: str | None = None
    key: str | None = None
    key_env: str | None = None
    key_file: Path | None = None
    password: str | None = None
    password_env: str | None = None
    password_file: Path | None = None
    tls: bool = False
    prefix: str = "lam/v1"
    ca_file: Path | None = None
    cert_file: Path | None = None
    cert_key_file: Path | None = None
    proxy: str | None = None
    headers: dict[str, str] = {}
    headers_env: dict[str, str] = {}
    slots: Annotated[int, Meta(ge=0, le=100_000)] = 0
    model: ModelName | None = None
    file: Path | None = None
    n_ctx: Annotated[int, Meta(ge=0, le=100_000_000)] = 0
    eye: Path | None = None
    chat_template: Path | None = None
    threads: Annotated[int, Meta(ge=0, le=1024)] = 0
    speculate: bool = False

    def __repr__(self) -> str:
        return f"Server({self.name!r}, {self.kind!r})"  # without its secrets

    @property
    def where(self) -> str:
        """Its address for people, without secrets."""
        if self.url is not None:
            parts = urlsplit(self.url)
            return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
        return self.broker or (self.file.name if self.file else "")


class Defaults(Choices, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What applies to a model when nobody chose otherwise."""

    system_prompt: Annotated[str, Meta(max_length=LONGEST_TEXT)] | None = None


class Target(Struct, frozen=True):
    """A route of a public model. `model`: the server's own name; None means the model that answers requests without a name."""

    server: str
    model: str | None = None

    def __str__(self) -> str:
        return self.server if self.model is None else f"{self.server}/{self.model}"


class _Offered(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: ModelName
    defaults: Defaults = Defaults()
    users: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    price_in: Price | None = None
    price_out: Price | None = None
    note: Annotated[str, Meta(max_length=500)] | None = None


class PublicModel(_Offered, frozen=True, kw_only=True):
    """A model that people choose by name. `routes`: where it is answered, preferred ones first.

    `users`, `groups`: who may use it; neither means everybody. `price_in`, `price_out`: for a million tokens, for figures only.
    """

    routes: tuple[Target, ...]


class Group(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """People, by their addresses. `budget`: what all of them may use together."""

    name: Name
    users: tuple[str, ...] = ()
    budget: Budget = NO_LIMITS


class Budgets(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`user`: what each account may use that has no budget of its own. `key`: the most that any key may have."""

    user: Budget = NO_LIMITS
    key: Budget = NO_LIMITS


class Local(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the local models share. `memory_mb`: for all of them together; 0 is no limit. `idle_seconds`: how long one stays in
    memory after its last reply; 0 is for ever."""

    memory_mb: Annotated[int, Meta(ge=0, le=100_000_000)] = 0
    idle_seconds: Annotated[float, Meta(ge=0, le=10_000_000)] = 900


class Rooms(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who may open rooms beside admins, by their addresses and groups."""

    users: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()


class Programs(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What holds for programs. `store`: their conversations are kept as sessions of their users."""

    store: bool = False


class Configuration(Struct, frozen=True, kw_only=True):
    """`servers`: preferred ones first. `models`: an allow list; empty means all models of all servers. `source`: the file."""

    servers: tuple[Server, ...]
    models: tuple[PublicModel, ...] = ()
    groups: tuple[Group, ...] = ()
    budget: Budgets = Budgets()
    local: Local = Local()
    rooms: Rooms = Rooms()
    programs: Programs = Programs()
    source: Path | None = None

    def may_open_rooms(self, email: str) -> bool:
        """Returns whether this person, who is no admin, may open rooms."""
        return email.lower() in self._people(self.rooms.users, self.rooms.groups)

    def may_use(self, model: PublicModel, email: str | None) -> bool:
        """Returns whether this person may use the model. None: nobody in particular, who may use what everybody may."""
        if not model.users and not model.groups:
            return True
        return email is not None and email.lower() in self._people(model.users, model.groups)

    def _people(self, users: Sequence[str], groups: Sequence[str]) -> set[str]:
        members = [user for group in self.groups if group.name in groups for user in group.users]
        return {user.lower() for user in (*users, *members)}


class Configured:
    """The configuration in force. `apply`: puts another one into force, or raises ConfigError and changes nothing.

    `after_change`: called with each new one. `after_reload`: called when it was read again by request, so that other gateways
    read theirs.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._one_at_a_time = asyncio.Lock()
        self.now = load_configuration(settings)
        self.apply: Callable[[Configuration], Awaitable[None]] | None = None
        self.after_change: list[Callable[[Configuration], None]] = []
        self.after_reload: list[Callable[[], None]] = []

    async def reload(self) -> Configuration:
        """Reads the file again. Raises ConfigError; the earlier configuration then stays in force."""
        new = await self._read()
        for callback in self.after_reload:
            callback()
        return new

    async def follow(self) -> None:
        """Reads the file again after another gateway did. Logs a mistake in it."""
        try:
            new = await self._read()
        except ConfigError as error:
            log.error("Another gateway has read its configuration again; this one keeps the earlier one: %s", error.message)
        else:
            log.info("The configuration is read again: %d servers, %d models", len(new.servers), len(new.models))

    async def catch_up(self) -> None:
        """Reads the file again if it is not what was read: nobody could tell a gateway that started. A mistake in it is for whoever
        asks for it to be read."""
        with suppress(ConfigError):
            if await asyncio.to_thread(load_configuration, self._settings) != self.now:
                await self.follow()

    async def _read(self) -> Configuration:
        async with self._one_at_a_time:
            new = await asyncio.to_thread(load_configuration, self._settings)
            if self.apply is not None:
                await self.apply(new)
            self.now = new
            for callback in self.after_change:
                callback(new)
            return new


class _ModelTable(_Offered, frozen=True, kw_only=True):
    routes: Annotated[tuple[str, ...], Meta(min_length=1)]


class _File(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    server: tuple[Server, ...] = ()
    model: tuple[_ModelTable, ...] = ()
    group: tuple[Group, ...] = ()
    budget: Budgets = Budgets()
    local: Local = Local()
    rooms: Rooms = Rooms()
    programs: Programs = Programs()


def load_configuration(settings: Settings) -> Configuration:
    """Returns the configuration. Without a file: the one server of the settings. Raises ConfigError with one sentence."""
    path = config_file(settings)
    if path is None:
        return Configuration(servers=(default_server(settings),))
    file = _read(path)
    for server in file.server:
        if server.name == DEFAULT:
            raise ConfigError(f"{path}: the server `{DEFAULT}` is the one of LLM_* and MQTT_*; choose another name.")
    has_default = not file.server or settings.model_fields_set & {"llm_comm_mode", "llm_server_url", "mqtt_broker_host"}
    servers = [_completed(server, settings, path) for server in file.server]
    if has_default:
        servers = [default_server(settings), *servers]
    _require_different(path, "[[server]]", [server.name for server in servers])
    _require_different(path, "[[model]]", [model.name for model in file.model])
    _require_different(path, "[[group]]", [group.name for group in file.group])
    names = {server.name for server in servers}
    groups = {group.name for group in file.group}
    models = []
    for table in file.model:
        _require_visible(path, table.name)
        for group in table.groups:
            if group not in groups:
                raise ConfigError(f"{path}: the model {table.name!r} is for the group {group!r}, which is not in the file.")
        values = {name: getattr(table, name) for name in _Offered.__struct_fields__}
        models.append(PublicModel(**values, routes=_targets(path, file.model, names, table)))
    for group in file.rooms.groups:
        if group not in groups:
            raise ConfigError(f"{path}: [rooms] is for the group {group!r}, which is not in the file.")
    return Configuration(
        servers=tuple(servers),
        models=tuple(models),
        groups=file.group,
        budget=file.budget,
        local=file.local,
        rooms=file.rooms,
        programs=file.programs,
        source=path,
    )


def config_file(settings: Settings) -> Path | None:
    """Returns the file with the configuration, None when there is none."""
    if settings.lam_config is not None:
        return settings.lam_config
    path = settings.lam_data_dir / FILE
    return path if path.exists() else None


def default_server(settings: Settings) -> Server:
    """Returns the server that LLM_* and MQTT_* describe."""
    if settings.llm_comm_mode == "mqtt":
        return Server(
            name=DEFAULT,
            kind="prompt_portal" if settings.mqtt_dialect == "prompt_portal" else "mqtt",
            broker=f"[{settings.mqtt_broker_host}]:{settings.mqtt_broker_port}"
            if ":" in settings.mqtt_broker_host
            else f"{settings.mqtt_broker_host}:{settings.mqtt_broker_port}",
            username=settings.mqtt_username,
            password=settings.mqtt_password,
            tls=settings.mqtt_tls,
            ca_file=settings.mqtt_ca_file,
            prefix=settings.mqtt_topic_prefix,
            slots=settings.llm_slots,
            model=settings.llm_model,
        )
    return Server(
        name=DEFAULT,
        url=settings.llm_server_url,
        key=settings.llm_api_key,
        ca_file=settings.llm_ca_file,
        cert_file=settings.llm_cert_file,
        cert_key_file=settings.llm_key_file,
        proxy=settings.llm_proxy,
        slots=settings.llm_slots,
        model=settings.llm_model,
    )


# The file


def _read(path: Path) -> _File:
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise ConfigError(f"LAM_CONFIG: there is no file {path}.") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8, which TOML has to be; save it as UTF-8.") from error
    except OSError as error:
        raise ConfigError(f"{path} cannot be read ({error}).") from error
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigError(f"{path} is not TOML: {error}.") from error
    listed = tables.get("server")
    for number, table in enumerate(listed if isinstance(listed, list) else ()):
        for name in _SECRETS:
            if isinstance(table, dict) and name in table:
                about = f"{path}: {_place(f'$.server[{number}]', tables)}"
                raise ConfigError(
                    f"{about}: secrets do not stand in this file; use `{name}_env` with the name of a variable, or `{name}_file` "
                    "with the path of a file."
                )
    try:
        if (odd := _infinite(tables)) is not None:
            raise ConfigError(f"{path}: {odd} is no number that can be used.")
        return msgspec.convert(tables, _File, dec_hook=_path)
    except RecursionError as error:
        raise ConfigError(f"{path} is nested too deeply.") from error
    except msgspec.ValidationError as error:
        what, _, where = str(error).partition(" - at `")
        raise ConfigError(f"{path}: {_place(where.rstrip('`'), tables)}: {_words(what)}.") from error


def _infinite(value: Any) -> float | None:
    """Returns the first number of the file that is infinite or none at all."""
    if isinstance(value, float):
        return None if math.isfinite(value) else value
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return next((odd for each in inner if (odd := _infinite(each)) is not None), None)


def _path(kind: type, value: Any) -> Any:
    """Returns the path of a file."""
    if kind is not Path or not isinstance(value, str) or not value or "\0" in value:
        raise ValueError("Expected the path of a file")
    return Path(value)


def _place(where: str, tables: Any) -> str:
    """Returns the place of a mistake for people: `[[server]] "big", slots`."""
    match = re.match(r"\$\.(\w+)\[(\d+)\]\.?(.*)", where)
    if match is None:
        return where.removeprefix("$").strip(".").replace("key in ", "") or "the file"
    table, number, field = match[1], int(match[2]), match[3]
    try:
        name = tables[table][number]["name"]
    except (KeyError, TypeError):
        name = None
    about = f"[[{table}]] {name!r}" if isinstance(name, str) else f"[[{table}]] number {number + 1}"
    return f"{about}, {field}" if field else about


def _words(what: str) -> str:
    """Returns the words about a mistake as the file's writer knows them."""
    for before, after in (
        ("Object contains unknown field ", "there is no setting "),
        ("Object missing required field ", "it needs "),
        ("Expected `array`", "Expected a list"),
        ("Expected `object`", "Expected a table"),
        ("Expected `str`", "Expected a text"),
        ("Expected `int`", "Expected a number"),
    ):
        what = what.replace(before, after)
    start, is_pattern, _ = what.partition(" matching regex ")
    if not is_pattern:
        return what
    return f"{start} of " + (
        "letters, digits and `_.-`, up to 64" if "A-Za-z0-9" in what else "visible characters, with no space at its ends"
    )


def _require_different(path: Path, table: str, names: Sequence[str]) -> None:
    looks = [unicodedata.normalize("NFC", name) for name in names]
    for number, name in enumerate(names):
        if looks[number] in looks[:number]:
            raise ConfigError(f"{path}: {table} {name!r} is there twice; each needs a name of its own.")


def _require_visible(path: Path, name: str) -> None:
    """Raises ConfigError for a model's name that nobody can see, or that turns the text around it."""
    seen = any(unicodedata.category(character)[0] not in "CZ" for character in name)
    if not seen or any(unicodedata.category(one) in ("Zl", "Zp") or unicodedata.bidirectional(one) in _TURNS for one in name):
        raise ConfigError(f"{path}: [[model]] {name!r}, name: it has characters that nobody can see; leave them out.")


# Servers


def _completed(server: Server, settings: Settings, path: Path) -> Server:
    """Returns a server of the file with its secrets and with whole paths. Raises ConfigError."""
    about = f"{path}: [[server]] {server.name!r}"
    changed = {name for name in (*_HTTP, *_MQTT, *_FIELDS["mqtt"], *_FIELDS["local"]) if _is_set(server, name)}
    foreign = sorted(changed - _FIELDS[server.kind])
    if foreign:
        raise ConfigError(f"{about}: `{foreign[0]}` does not belong to a server of kind `{server.kind}`.")
    if getattr(server, _NEEDED[server.kind]) is None:
        raise ConfigError(f"{about}: a server of kind `{server.kind}` needs `{_NEEDED[server.kind]}`.")
    whole = {
        name: path.parent / value.expanduser()
        for name in ("key_file", "password_file", "ca_file", "cert_file", "cert_key_file", "file", "eye", "chat_template")
        if (value := getattr(server, name)) is not None
    }
    server = msgspec.structs.replace(server, **whole)
    for file in (server.ca_file, server.cert_file, server.cert_key_file, server.file, server.eye, server.chat_template):
        if file is not None and not file.is_file():
            raise ConfigError(f"{about}: there is no file {file}.")
    if server.cert_key_file is not None and server.cert_file is None:
        raise ConfigError(f"{about}: `cert_key_file` belongs to `cert_file`, which is not set.")
    if server.broker is not None:
        broker_address(server.broker, f"{about}, broker")
        try:
            Topics(server.prefix)
        except ConfigError as error:
            raise ConfigError(f"{about}, prefix: {error.message}") from error
    values: dict[str, Any] = {
        "key": _secret(about, "key", server.key_env, server.key_file),
        "password": _secret(about, "password", server.password_env, server.password_file),
        "headers": _headers(about, server),
        "headers_env": {},
    }
    if server.url is not None:
        try:
            values["url"] = url = checked_url(server.url)
            if server.proxy is not None and server.proxy != "environment":
                checked_url(server.proxy)
        except ValueError as error:
            raise ConfigError(f"{about}: the address {error}.") from error
        if _is_own(url, settings):
            raise ConfigError(f"{about}: its address is this gateway's own, so that requests would go round in circles.")
        proxy_to(url, server.proxy, f"{about}, proxy")
    return msgspec.structs.replace(server, **values)


def _is_set(server: Server, name: str) -> bool:
    default = next(field.default for field in msgspec.structs.fields(Server) if field.name == name)
    value = getattr(server, name)
    return bool(value) if default is msgspec.NODEFAULT else value != default


def _secret(about: str, what: str, variable: str | None, file: Path | None) -> str | None:
    if variable is not None and file is not None:
        raise ConfigError(f"{about}: choose one of `{what}_env` and `{what}_file`.")
    if variable is not None:
        _require_name(about, f"{what}_env", variable)
        value = variable_named(variable)
        if not value:
            raise ConfigError(f"{about}: the variable {variable}, which `{what}_env` names, is not set.")
    elif file is not None:
        try:
            value = file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"{about}: {file}, which `{what}_file` names, cannot be read ({error}).") from error
        if not value:
            raise ConfigError(f"{about}: {file}, which `{what}_file` names, is empty.")
    else:
        return None
    if not value.isprintable():
        raise ConfigError(f"{about}: the {what} has characters that no header can hold; it is one line of text.")
    return value


def _require_name(about: str, what: str, variable: str) -> None:
    if not _VARIABLE.fullmatch(variable):  # the sentence does not repeat it: it may be the secret itself
        raise ConfigError(f"{about}: `{what}` holds the name of a variable, which has letters, digits and underscores.")


def _headers(about: str, server: Server) -> dict[str, str]:
    values = dict(server.headers)
    for name, variable in server.headers_env.items():
        if name in values:
            raise ConfigError(f"{about}: the header {name} is in `headers` and in `headers_env`.")
        _require_name(about, "headers_env", variable)
        if not (value := variable_named(variable)):
            raise ConfigError(f"{about}: the variable {variable}, which `headers_env` names, is not set.")
        values[name] = value
    for name, value in values.items():
        if not _HEADER.fullmatch(name) or not value.isprintable() or not value.isascii():
            raise ConfigError(
                f"{about}: {name!r} is no header that can be sent; a name has no spaces, a value is one line of ASCII."
            )
        if name.lower() in _OWN_HEADERS:
            raise ConfigError(f"{about}: the gateway sets the header {name} itself.")
    return values


def _is_own(url: str, settings: Settings) -> bool:
    """Returns whether a URL leads to this very gateway."""
    parts = urlsplit(url)
    public = urlsplit(settings.lam_public_url or "")
    if public.hostname and (parts.hostname, _port(parts)) == (public.hostname, _port(public)):
        return parts.path.startswith(public.path)
    hosts = {*LOOPBACK, "localhost", settings.lam_host}
    return bool(settings.lam_port) and _port(parts) == settings.lam_port and parts.hostname in hosts


def _port(parts: Any) -> int:
    return int(parts.port or (443 if parts.scheme == "https" else 80))


# Routes


def _targets(
    path: Path, tables: Sequence[_ModelTable], servers: set[str], table: _ModelTable, above: tuple[str, ...] = ()
) -> tuple[Target, ...]:
    """Returns a model's routes in order, with those of the models it names in their places. Raises ConfigError."""
    if table.name in above:
        circle = " -> ".join((*above[above.index(table.name) :], table.name))
        raise ConfigError(f"{path}: the routes of [[model]] go round in circles: {circle}.")
    targets: list[Target] = []
    for route in table.routes:
        server, slash, model = route.partition("/")
        other = next((one for one in tables if one.name == route), None)
        if server in servers:
            if slash and not model:
                raise ConfigError(f"{path}: [[model]] {table.name!r}: the route {route!r} names no model behind the slash.")
            targets.append(Target(server, model or None))
        elif other is not None:
            targets += _targets(path, tables, servers, other, (*above, table.name))
        else:
            raise ConfigError(
                f"{path}: [[model]] {table.name!r}: the route {route!r} leads nowhere: there is no server {server!r}"
                + ("" if slash else " and no model of that name")
                + f"; there is {', '.join(sorted(servers))}."
            )
    return tuple(dict.fromkeys(targets))
