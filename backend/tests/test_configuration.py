"""lam.toml: what is taken from it, and each mistake in it is one sentence that says where."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lam.configuration import Configuration, Configured, Local, Server, Target, load_configuration
from lam.errors import ConfigError
from lam.settings import Settings

SERVER = '[[server]]\nname = "big"\nurl = "http://127.0.0.1:1/v1"\n'
LOCAL = '[[server]]\nname = "tiny"\nkind = "local"\nfile = "a.gguf"\n'
OTHER = '[[server]]\nname = "small"\nurl = "http://127.0.0.1:2"\n'


@pytest.fixture
def load(tmp_path: Path) -> Callable[..., Configuration]:
    def loaded(text: str | bytes, **settings: Any) -> Configuration:
        path = tmp_path / "lam.toml"
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return load_configuration(Settings(lam_data_dir=tmp_path, **settings))

    return loaded


Load = Callable[..., Configuration]


def model(name: str, *routes: str, more: str = "") -> str:
    listed = ", ".join(f'"{route}"' for route in routes)
    return f'[[model]]\nname = "{name}"\nroutes = [{listed}]\n{more}\n'


def test_without_a_file_there_is_the_server_of_the_settings_and_no_list_of_models(tmp_path: Path) -> None:
    configuration = load_configuration(Settings(lam_data_dir=tmp_path, llm_server_url="http://a", llm_api_key="k", llm_slots=3))
    assert configuration == Configuration(servers=(Server(name="default", url="http://a", key="k", slots=3),))
    mqtt = load_configuration(
        Settings(lam_data_dir=tmp_path, llm_comm_mode="mqtt", mqtt_broker_host="::1", mqtt_dialect="prompt_portal")
    )
    assert [(server.kind, server.broker) for server in mqtt.servers] == [("prompt_portal", "[::1]:1883")]


@pytest.mark.parametrize(
    ("settings", "names"),
    [
        ({}, ["big"]),
        ({"llm_server_url": "http://a"}, ["default", "big"]),
        ({"llm_comm_mode": "mqtt"}, ["default", "big"]),
        ({"mqtt_broker_host": "b"}, ["default", "big"]),
        ({"llm_slots": 2}, ["big"]),
    ],
)
def test_the_default_server_is_there_beside_a_file_once_its_place_is_set(
    load: Load, settings: dict[str, Any], names: list[str]
) -> None:
    assert [server.name for server in load(SERVER, **settings).servers] == names


def test_a_file_without_servers_keeps_the_default_one(load: Load) -> None:
    configuration = load(model("m", "default/x"))
    assert [server.name for server in configuration.servers] == ["default"]
    assert configuration.models[0].routes == (Target("default", "x"),)


def test_a_route_is_a_server_with_a_model_or_a_server_or_another_model(load: Load) -> None:
    text = SERVER + OTHER + model("a", "big/org/x", "b", "big/org/x") + model("b", "small", "big/y")
    first, second = load(text).models
    assert first.routes == (Target("big", "org/x"), Target("small"), Target("big", "y"))
    assert second.routes == (Target("small"), Target("big", "y"))
    assert [str(route) for route in first.routes] == ["big/org/x", "small", "big/y"]


def test_a_model_may_have_the_name_of_a_server_which_its_route_then_means(load: Load) -> None:
    assert load(SERVER + model("big", "big")).models[0].routes == (Target("big"),)


def test_secrets_come_from_variables_and_files_and_stay_out_of_what_is_printed(
    load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "secret").write_text("from-a-file\n")
    monkeypatch.setenv("BIG_KEY", " from-a-variable ")
    (tmp_path / ".env").write_text("TENANT=from-dotenv\n")
    text = SERVER + 'key_env = "BIG_KEY"\nheaders_env = { X-Tenant = "TENANT" }\n' + OTHER + 'key_file = "secret"\n'
    big, small = load(text).servers
    assert (big.key, small.key, big.headers) == ("from-a-variable", "from-a-file", {"X-Tenant": "from-dotenv"})
    assert "from-a" not in repr(load(text))


def test_groups_and_users_say_who_may_use_a_model(load: Load) -> None:
    text = SERVER + '[[group]]\nname = "team"\nusers = ["Ann@x.org"]\n'
    text += model("open", "big") + model("closed", "big", more='groups = ["team"]\nusers = ["bob@x.org"]')
    configuration = load(text)
    allowed = {
        email: [one.name for one in configuration.models if configuration.may_use(one, email)]
        for email in (None, "ann@x.org", "BOB@x.org", "eve@x.org")
    }
    assert allowed == {None: ["open"], "ann@x.org": ["open", "closed"], "BOB@x.org": ["open", "closed"], "eve@x.org": ["open"]}


def test_a_local_model_has_its_files_beside_the_configuration(load: Load, tmp_path: Path) -> None:
    for name in ("a.gguf", "eye.gguf", "chat.jinja"):
        (tmp_path / name).touch()
    text = LOCAL + 'eye = "eye.gguf"\nchat_template = "chat.jinja"\nn_ctx = 2048\nthreads = 2\n'
    (server,) = load(text).servers
    assert [server.file, server.eye, server.chat_template] == [tmp_path / name for name in ("a.gguf", "eye.gguf", "chat.jinja")]
    assert (server.where, server.n_ctx, server.threads) == ("a.gguf", 2048, 2)
    assert load(text).local == Local()
    assert not load(text).programs.store
    assert load(text + "[programs]\nstore = true\n").programs.store
    assert load(text + "[local]\nmemory_mb = 4000\nidle_seconds = 60\n").local == Local(memory_mb=4000, idle_seconds=60)


MISTAKES = [
    (LOCAL, "there is no file"),
    ('[[server]]\nname = "tiny"\nkind = "local"\n', "a server of kind `local` needs `file`"),
    (LOCAL + 'url = "http://a"\n', "`url` does not belong to a server of kind `local`"),
    (SERVER + 'eye = "a.gguf"\n', "`eye` does not belong to a server of kind `openai`"),
    (SERVER + "[programs]\nkeep = true\n", "programs: there is no setting `keep`"),
    (SERVER + "[programs]\nstore = 1\n", "programs.store"),
    (SERVER + "[local]\nmemory = 1\n", "local: there is no setting `memory`"),
    (SERVER + "[local]\nidle_seconds = -1\n", "local.idle_seconds"),
    ("[[server]\n", "is not TOML"),
    (b"\xff\xfe", "save it as UTF-8"),
    (SERVER.encode("utf-16"), "save it as UTF-8"),
    ("[" + "a." * 3000 + "b]\n", "nested too deeply"),
    (SERVER + model("m ", "big"), "[[model]] 'm ', name: Expected a text of visible characters, with no space at its ends"),
    ('[[server]]\nname = "ä"\nurl = "http://a"\n', "name: Expected a text of letters, digits and `_.-`, up to 64"),
    (SERVER + model("\u200b", "big"), "characters that nobody can see"),
    (SERVER + model("\u202egnp", "big"), "characters that nobody can see"),
    (SERVER + model("a\u2028b", "big"), "characters that nobody can see"),
    (SERVER + model("caf\u00e9", "big") + model("cafe\u0301", "big"), "is there twice"),
    ("servers = []\n", "there is no setting `servers`"),
    (SERVER + 'modle = "x"\n', "[[server]] 'big': there is no setting `modle`"),
    ('[[server]]\nurl = "http://a"\n', "[[server]] number 1: it needs `name`"),
    ('[[server]]\nname = "big"\n', "[[server]] 'big': a server of kind `openai` needs `url`"),
    ('[[server]]\nname = "big"\nkind = "mqtt"\n', "needs `broker`"),
    ('[[server]]\nname = "big"\nkind = "grpc"\n', "Invalid enum value 'grpc'"),
    ('[[server]]\nname = "a b"\nurl = "http://a"\n', "[[server]] 'a b', name"),
    (SERVER + 'broker = "b"\n', "`broker` does not belong to a server of kind `openai`"),
    (SERVER + "slots = -1\n", "[[server]] 'big', slots"),
    (SERVER + 'key = "sk-secret"\n', "secrets do not stand in this file; use `key_env`"),
    (SERVER + 'key_env = "NO_SUCH"\n', "the variable NO_SUCH, which `key_env` names, is not set"),
    (SERVER + 'key_env = "sk-secret"\n', "`key_env` holds the name of a variable"),
    (SERVER + 'headers_env = { A = "sk-secret" }\n', "`headers_env` holds the name of a variable"),
    (SERVER + model("m", "big", more="price_in = nan"), "nan is no number that can be used"),
    (SERVER + model("m", "big", more="defaults = { temperature = inf }"), "inf is no number that can be used"),
    (SERVER + model("m\\n", "big"), "[[model]] 'm\\n', name"),
    (SERVER + model(" m", "big"), "[[model]] ' m', name"),
    (SERVER + 'key_file = "nowhere"\n', "which `key_file` names, cannot be read"),
    (SERVER + 'key_env = "A"\nkey_file = "b"\n', "choose one of `key_env` and `key_file`"),
    (SERVER + 'ca_file = "nowhere"\n', "there is no file"),
    (SERVER + 'headers = { "X Y" = "1" }\n', "is no header that can be sent"),
    (SERVER + 'headers = { A = "1\\n2" }\n', "is no header that can be sent"),
    (SERVER + 'headers = { Host = "h" }\n', "the gateway sets the header Host itself"),
    (SERVER.replace("http://", "ftp://"), "the address must begin with http:// or https://"),
    (SERVER.replace("127.0.0.1:1", "localhost:3000"), "this gateway's own"),
    ('[[server]]\nname = "w"\nkind = "mqtt"\nbroker = "a:99999"\n', "is not HOST or HOST:PORT"),
    ('[[server]]\nname = "w"\nkind = "mqtt"\nbroker = "a"\nprefix = "a/+"\n', "must not be empty nor hold + and #"),
    (SERVER + SERVER, "[[server]] 'big' is there twice"),
    (SERVER.replace("big", "default"), "choose another name"),
    (SERVER + model("m", "big") + model("m", "big"), "[[model]] 'm' is there twice"),
    (SERVER + model("m"), "[[model]] 'm', routes"),
    (SERVER + model("m", "bgi/x"), "the route 'bgi/x' leads nowhere: there is no server 'bgi'; there is big"),
    (SERVER + model("m", "n"), "no server 'n' and no model of that name"),
    (SERVER + model("m", "big/"), "names no model behind the slash"),
    (SERVER + model("m", "m"), "go round in circles: m -> m"),
    (SERVER + model("a", "b") + model("b", "c", "big") + model("c", "a"), "go round in circles: a -> b -> c -> a"),
    (SERVER + model("m", "big", more='groups = ["team"]'), "the group 'team', which is not in the file"),
    (SERVER + model("m", "big", more="defaults = { temperature = 3 }"), "[[model]] 'm', defaults.temperature"),
    (SERVER + model("m", "big", more="defaults = { temprature = 1 }"), "there is no setting `temprature`"),
    (SERVER + model("m", "big", more="price_in = -1"), "[[model]] 'm', price_in"),
    (SERVER + "ca_file = 3\n", "[[server]] 'big', ca_file: Expected the path of a file"),
    ("server = 1\n", "server: Expected a list"),
]


@pytest.mark.parametrize(("text", "sentence"), MISTAKES)
def test_a_mistake_is_one_sentence_with_its_place(load: Load, text: str | bytes, sentence: str) -> None:
    with pytest.raises(ConfigError) as failure:
        load(text)
    assert sentence in failure.value.message
    assert "lam.toml" in failure.value.message
    assert failure.value.message.endswith(".")
    assert "sk-secret" not in failure.value.message


def test_a_file_that_is_named_but_not_there_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"LAM_CONFIG: there is no file .*nowhere\.toml"):
        load_configuration(Settings(lam_data_dir=tmp_path, lam_config=tmp_path / "nowhere.toml"))


def test_the_example_in_the_guide_is_right(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    docs = Path(__file__).parents[2] / "docs"
    example = (docs / "lam.toml").read_text()
    assert f"```toml\n{example}```" in (docs / "guides" / "models.md").read_text()
    monkeypatch.setenv("GPU_KEY", "k")
    (tmp_path / "broker-password").write_text("p")
    (tmp_path / "lam.toml").write_text(example)
    configuration = load_configuration(Settings(lam_data_dir=tmp_path))
    routes = {model.name: [str(route) for route in model.routes] for model in configuration.models}
    assert routes == {
        "quick": ["lab/qwen3-8b", "gpu/qwen3-8b"],
        "clever": ["gpu/deepseek-r1", "lab/qwen3-8b", "gpu/qwen3-8b"],
    }
    defaults = configuration.models[1].defaults
    assert (defaults.temperature, defaults.reasoning, defaults.system_prompt) == (0.3, "auto", "Answer briefly.")


async def test_a_gateway_catches_up_with_what_was_written_while_it_started(load: Load, tmp_path: Path) -> None:
    load(SERVER)
    configured = Configured(Settings(lam_data_dir=tmp_path))
    heard = list[list[str]]()
    configured.after_change.append(lambda new: heard.append([server.name for server in new.servers]))
    await configured.catch_up()
    load(SERVER + OTHER)
    await configured.catch_up()
    (tmp_path / "lam.toml").write_text("no TOML")
    await configured.catch_up()
    assert heard == [["big", "small"]]
