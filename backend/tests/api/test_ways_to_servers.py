"""How a gateway gets to its model server: addresses of all kinds, a proxy, certificates; and what a model refuses of a request."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import trustme

from lam.engines.retries import Pauses
from lam.errors import ConfigError
from lam.gateway import Bounds, engine_of
from lam.protocol.events import Done, Error
from lam.settings import load_settings, proxy_for
from lam.testing.server import Reply, ScriptedServer

from ..ports import free_port
from ..proxy import running_proxy
from ..running import collect, running_gateway

pytestmark = [pytest.mark.sse, pytest.mark.sqlite]


async def reply_of(tmp_path: Path, **settings: Any) -> Done | Error:
    async with running_gateway(tmp_path / "data", **settings) as gateway, gateway.client() as client:
        session = await client.create_session(system_prompt="Be brief.")
        last = (await collect(client, session["id"]))[-1]
        assert isinstance(last, Done | Error)
        return last


HASTY = Bounds(pauses=Pauses(refused=0.3))

# Addresses

# Where the API is, and what a person gives for it.
ADDRESSES = {
    "the host": ("/v1", ""),
    "the host with a slash": ("/v1", "/"),
    "the base": ("/v1", "/v1/"),
    "the chat": ("/v1", "/v1/chat/completions"),
    "a prefix": ("/llama/v1", "/llama"),
    "a later version": ("/api/v3", "/api/v3"),
    "a base without a version": ("/inference", "/inference/"),
    "the chat without a version": ("/inference", "/inference/chat/completions"),
    "no base at all": ("", ""),
    "Gemini's": ("/v1beta/openai", "/v1beta/openai/"),
    "Azure's": ("/openai/deployments/x", "/openai/deployments/x?api-version=2024-10-21"),
    "Azure's, as its page shows it": ("/openai/deployments/x", "/openai/deployments/x/chat/completions?api-version=2024-10-21"),
}


@pytest.mark.parametrize("lists_models", [True, False])
@pytest.mark.parametrize("name", ADDRESSES)
async def test_the_address_that_people_have_is_enough(
    name: str, lists_models: bool, scripted: ScriptedServer, tmp_path: Path
) -> None:
    scripted.base, given = ADDRESSES[name]
    scripted.llama, scripted.lists_models = False, lists_models
    done = await reply_of(tmp_path, llm_server_url=scripted.url + given, llm_api_key="k")
    assert isinstance(done, Done), done
    assert done.full_content == "Once upon a time"
    query = given.partition("?")[2]
    assert all(target.partition("?")[2] == query for target in scripted.targets)
    key = {"api-key": "k"} if query else {"authorization": "Bearer k"}
    assert key.items() <= scripted.requests[0].headers.items()


async def test_a_base_that_is_known_is_not_sought_again(scripted: ScriptedServer, tmp_path: Path) -> None:
    scripted.base, scripted.llama, scripted.lists_models = "/inference", False, False
    async with (
        running_gateway(tmp_path / "data", llm_server_url=scripted.url + "/inference") as gateway,
        gateway.client() as client,
    ):
        for _ in range(2):
            session = (await client.create_session())["id"]
            assert isinstance((await collect(client, session))[-1], Done)
        health = await client.call("GET", "/api/health")
    chats = [target for target in scripted.targets if target.endswith("/chat/completions")]
    assert chats == ["/inference/v1/chat/completions", *["/inference/chat/completions"] * (len(chats) - 1)]
    assert health["engine"]["chat_address"] == f"{scripted.url}/inference/chat/completions"


@pytest.mark.parametrize(("given", "mend"), [("/nothing/here", "LLM_SERVER_URL"), ("/openai/deployments/x", "?api-version=…")])
async def test_an_address_with_nothing_behind_it_is_an_error_that_says_so(
    given: str, mend: str, scripted: ScriptedServer, tmp_path: Path
) -> None:
    scripted.base = "/elsewhere"
    error = await reply_of(tmp_path, llm_server_url=scripted.url + given)
    assert isinstance(error, Error)
    assert mend in error.message


@pytest.mark.parametrize("url", ["ftp://h", "h:8080", "http://", "http://h:99999", "http://a b", "http://h/#x"])
def test_what_is_no_address_stops_the_start_with_one_sentence(url: str) -> None:
    with pytest.raises(ConfigError, match="LLM_SERVER_URL: "):
        load_settings(llm_server_url=url)


# What a model refuses

LENGTH = "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."
TEMPERATURE = "Unsupported value: 'temperature' does not support 0.7 with this model. Only the default (1) value is supported."
TOP_P = "Unsupported parameter: 'top_p' is not supported with this model."
SYSTEM = "Unsupported value: 'messages[0].role' does not support 'system' with this model."


def refusing(words: str, param: str | None = None) -> Reply:
    return Reply(status=400, body=json.dumps({"error": {"message": words, "type": "invalid_request_error", "param": param}}))


def like_o1(body: dict[str, Any]) -> Reply:
    """One refusal at a time, as OpenAI's reasoning models refuse."""
    if any(turn["role"] == "system" for turn in body["messages"]):
        return refusing(SYSTEM, "messages[0].role")
    for field, words in (("max_tokens", LENGTH), ("temperature", TEMPERATURE), ("top_p", TOP_P)):
        if field in body:
            return refusing(words, field)
    return Reply()


async def test_a_model_that_refuses_the_usual_request_gets_its_own_and_is_remembered(
    scripted: ScriptedServer, tmp_path: Path
) -> None:
    scripted.reply, scripted.llama = like_o1, False
    async with (
        running_gateway(tmp_path / "data", llm_server_url=scripted.url, lam_titles=False) as gateway,
        gateway.client() as client,
    ):
        session = (await client.create_session(system_prompt="Be brief."))["id"]
        for number in range(2):
            events = await collect(client, session)
            assert isinstance(events[-1], Done)
            assert not [event for event in events if isinstance(event, Error)]
            assert len(scripted.requests) == 5 + number, "four refusals, then it is known"
    first, second = (request.body for request in scripted.requests[-2:])
    assert first["max_completion_tokens"] == 2048
    assert not {"max_tokens", "temperature", "top_p"} & set(first)
    assert first["messages"] == [{"role": "user", "content": "Be brief.\n\nHello"}]
    assert [turn["role"] for turn in second["messages"]] == ["user", "assistant", "user"]


async def test_what_one_model_refuses_another_still_gets(scripted: ScriptedServer, tmp_path: Path) -> None:
    scripted.reply = lambda body: like_o1(body) if body["model"] == "o1" else Reply()
    scripted.llama = False
    scripted.answers["/v1/models"] = (200, '{"data": [{"id": "o1"}, {"id": "usual"}]}', {})
    async with (
        running_gateway(tmp_path / "data", llm_server_url=scripted.url, lam_titles=False) as gateway,
        gateway.client() as client,
    ):
        session = (await client.create_session())["id"]
        for model in ("o1", "usual"):
            assert isinstance((await collect(client, session, model=model))[-1], Done)
    assert {"max_tokens", "temperature", "top_p"} <= set(scripted.requests[-1].body)


async def test_a_server_that_refuses_everything_is_asked_a_few_times_and_its_words_are_shown(
    scripted: ScriptedServer, tmp_path: Path
) -> None:
    scripted.llama = False
    scripted.reply = lambda body: refusing("Unknown parameter: " + ", ".join(body))
    error = await reply_of(tmp_path, llm_server_url=scripted.url, lam_titles=False)
    assert isinstance(error, Error)
    assert "Unknown parameter" in error.message
    assert not error.retryable
    assert len(scripted.requests) < 10


async def test_a_stop_text_that_a_model_refuses_is_not_dropped_silently(scripted: ScriptedServer, tmp_path: Path) -> None:
    scripted.llama = False
    scripted.reply = refusing("Unsupported parameter: 'stop' is not supported with this model.", "stop")
    error = await reply_of(tmp_path, llm_server_url=scripted.url)
    assert isinstance(error, Error)
    assert len(scripted.requests) == 1


async def test_a_model_that_may_not_stream_answers_in_one_piece(scripted: ScriptedServer, tmp_path: Path) -> None:
    scripted.llama = False
    scripted.reply = lambda body: (
        refusing("Your organization must be verified to stream this model.", "stream") if "stream" in body else Reply(fault="json")
    )
    done = await reply_of(tmp_path, llm_server_url=scripted.url)
    assert isinstance(done, Done)
    assert done.full_content == "Once upon a time"


async def test_a_template_without_a_system_role_fails_as_llama_cpp_does_and_then_works(
    scripted: ScriptedServer, tmp_path: Path
) -> None:
    def template(body: dict[str, Any]) -> Reply:
        if body["messages"][0]["role"] != "system":
            return Reply()
        words = (
            "\n------------\nWhile executing CallExpression at line 1 in source:\nError: Jinja Exception: System role not supported"
        )
        error = json.dumps({"error": {"code": 500, "message": words, "type": "server_error"}})
        return Reply(status=500, body=error)

    scripted.reply = template
    done = await reply_of(tmp_path, llm_server_url=scripted.url)
    assert isinstance(done, Done)


# TLS and proxies


@asynccontextmanager
async def over_tls(certificate: trustme.LeafCert, *, clients: trustme.CA | None = None) -> AsyncIterator[ScriptedServer]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    if clients is not None:
        clients.configure_trust(context)
        context.verify_mode = ssl.CERT_REQUIRED
    server = ScriptedServer()
    server.tls = context
    async with server:
        yield server


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def ca_file(authority: trustme.CA, tmp_path: Path) -> Path:
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    return tmp_path / "ca.pem"


async def test_a_certificate_of_an_authority_of_ones_own_is_trusted_once_it_is_named(
    authority: trustme.CA, ca_file: Path, tmp_path: Path
) -> None:
    async with over_tls(authority.issue_cert("127.0.0.1")) as server:
        error = await reply_of(tmp_path / "without", llm_server_url=server.url)
        assert isinstance(error, Error)
        assert "set LLM_CA_FILE" in error.message
        assert (error.code, error.retryable) == ("llm_unreachable", False)
        assert isinstance(await reply_of(tmp_path / "with", llm_server_url=server.url, llm_ca_file=ca_file), Done)


async def test_a_certificate_for_another_name_is_refused_and_the_sentence_says_so(
    authority: trustme.CA, ca_file: Path, tmp_path: Path
) -> None:
    async with over_tls(authority.issue_cert("models.example.org")) as server:
        error = await reply_of(tmp_path, llm_server_url=server.url, llm_ca_file=ca_file)
    assert isinstance(error, Error)
    assert "made for another name" in error.message


async def test_a_certificate_that_has_expired_is_refused_and_the_sentence_says_so(
    authority: trustme.CA, ca_file: Path, tmp_path: Path
) -> None:
    old = authority.issue_cert("127.0.0.1", not_before=datetime(2020, 1, 1, tzinfo=UTC), not_after=datetime(2021, 1, 1, tzinfo=UTC))
    async with over_tls(old) as server:
        error = await reply_of(tmp_path, llm_server_url=server.url, llm_ca_file=ca_file)
    assert isinstance(error, Error)
    assert "has expired" in error.message


async def test_a_server_that_asks_who_we_are_gets_our_certificate(authority: trustme.CA, ca_file: Path, tmp_path: Path) -> None:
    ours = authority.issue_cert("gateway@example.org")
    ours.private_key_pem.write_to_path(tmp_path / "key.pem")
    ours.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    ours.private_key_and_cert_chain_pem.write_to_path(tmp_path / "both.pem")
    async with over_tls(authority.issue_cert("127.0.0.1"), clients=authority) as server:
        error = await reply_of(tmp_path / "without", bounds=HASTY, llm_server_url=server.url, llm_ca_file=ca_file)
        assert isinstance(error, Error)
        assert "set LLM_CERT_FILE" in error.message
        for number, files in enumerate(
            (
                {"llm_cert_file": tmp_path / "cert.pem", "llm_key_file": tmp_path / "key.pem"},
                {"llm_cert_file": tmp_path / "both.pem"},
            )
        ):
            done = await reply_of(tmp_path / f"with{number}", llm_server_url=server.url, llm_ca_file=ca_file, **files)
            assert isinstance(done, Done)


@asynccontextmanager
async def saying(answer: bytes) -> AsyncIterator[str]:
    """The host and port of a server that answers anything with these bytes."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(answer)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    async with server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"


PAGE = b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n<html>400 %b</html>"
# What a server says, the scheme we speak to it, and what the sentence names.
MISTAKEN = {
    "no TLS there": (PAGE % b"Bad request", "https", "http:// instead"),
    "TLS there, says nginx": (PAGE % b"The plain HTTP request was sent to HTTPS port", "http", "https://"),
    "TLS there, says Go": (PAGE % b"Client sent an HTTP request to an HTTPS server.", "http", "https://"),
    "a certificate wanted, says nginx": (PAGE % b"No required SSL certificate was sent", "http", "LLM_CERT_FILE"),
}


@pytest.mark.parametrize("name", MISTAKEN)
async def test_a_mistaken_scheme_or_a_missing_certificate_is_named(name: str, tmp_path: Path) -> None:
    answer, scheme, words = MISTAKEN[name]
    async with saying(answer) as address:
        error = await reply_of(tmp_path, llm_server_url=f"{scheme}://{address}")
    assert isinstance(error, Error)
    assert words in error.message
    assert not error.retryable


@pytest.mark.parametrize("name", ["llm_ca_file", "llm_cert_file"])
@pytest.mark.parametrize("content", [None, "", "not a certificate"])
async def test_a_file_without_certificates_stops_the_start_with_one_sentence(
    name: str, content: str | None, tmp_path: Path
) -> None:
    file = tmp_path / "file.pem"
    if content is not None:
        file.write_text(content)
    with pytest.raises(ConfigError, match=f"{name.upper()}: .*file.pem"):
        async with engine_of(load_settings(llm_server_url="https://127.0.0.1:1", **{name: file})):
            pass


def test_a_key_without_a_certificate_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="LLM_CERT_FILE"):
        load_settings(llm_key_file=tmp_path / "key.pem")


async def test_a_proxy_is_used_for_both_kinds_of_address(
    authority: trustme.CA, ca_file: Path, scripted: ScriptedServer, tmp_path
) -> None:
    async with running_proxy("ada:secret") as proxy, over_tls(authority.issue_cert("127.0.0.1")) as secure:
        way = {"llm_proxy": f"http://ada:secret@127.0.0.1:{proxy.port}", "llm_ca_file": ca_file}
        assert isinstance(await reply_of(tmp_path / "plain", llm_server_url=scripted.url, **way), Done)
        assert proxy.seen
        assert all(f" {scripted.url}/" in line for line in proxy.seen)
        proxy.seen.clear()
        assert isinstance(await reply_of(tmp_path / "tls", llm_server_url=secure.url, **way), Done)
        assert set(proxy.seen) == {f"CONNECT 127.0.0.1:{secure.port} HTTP/1.1"}


@pytest.mark.parametrize("secure", [False, True])
async def test_a_proxy_that_wants_a_login_is_named_without_the_password(
    secure: bool, authority: trustme.CA, ca_file: Path, tmp_path: Path
) -> None:
    async with running_proxy("ada:secret") as proxy, over_tls(authority.issue_cert("127.0.0.1")) as server:
        url = server.url if secure else "http://127.0.0.1:1"
        error = await reply_of(
            tmp_path, llm_server_url=url, llm_ca_file=ca_file, llm_proxy=f"http://ada:wrong-word@127.0.0.1:{proxy.port}"
        )
    assert isinstance(error, Error)
    assert f"127.0.0.1:{proxy.port}" in error.message
    assert "LLM_PROXY" in error.message
    assert "wrong-word" not in error.message


async def test_a_proxy_that_refuses_the_server_and_one_that_is_away_are_told_apart(
    authority: trustme.CA, ca_file: Path, tmp_path: Path
) -> None:
    async with running_proxy(refuses=403) as proxy, over_tls(authority.issue_cert("127.0.0.1")) as server:
        error = await reply_of(
            tmp_path / "refuses", llm_server_url=server.url, llm_ca_file=ca_file, llm_proxy=f"http://127.0.0.1:{proxy.port}"
        )
        assert isinstance(error, Error)
        assert "HTTP 403" in error.message
    error = await reply_of(tmp_path / "away", bounds=HASTY, llm_server_url=server.url, llm_proxy=f"http://127.0.0.1:{free_port()}")
    assert isinstance(error, Error)
    assert "cannot be reached; is LLM_PROXY right?" in error.message


def test_the_environment_counts_only_where_the_setting_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://secure-proxy:3128")
    monkeypatch.setenv("HTTP_PROXY", "plain-proxy:3128")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,.internal")

    def proxy(url: str, **given: Any) -> str | None:
        return proxy_for(load_settings(llm_server_url=url, **given))

    assert proxy("https://api.example.org") is None
    assert proxy("https://api.example.org", llm_proxy="environment") == "http://secure-proxy:3128"
    assert proxy("http://api.example.org", llm_proxy="ENVIRONMENT") == "http://plain-proxy:3128"
    assert proxy("http://127.0.0.1:8080", llm_proxy="environment") is None
    assert proxy("https://gpu.internal/v1", llm_proxy="environment") is None
    assert proxy("https://api.example.org", llm_proxy="http://other:1") == "http://other:1"
    monkeypatch.setenv("HTTPS_PROXY", "socks5://far:1080")
    with pytest.raises(ConfigError, match="LLM_PROXY"):
        proxy("https://api.example.org", llm_proxy="environment")
    with pytest.raises(ConfigError, match="LLM_PROXY: must begin with http"):
        load_settings(llm_proxy="socks5://far:1080")
