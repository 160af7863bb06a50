"""How a model server, or one of voices, is reached: the key, a proxy, whose certificates are trusted, and who we say we are.

It makes the HTTP client and turns what goes wrong on the way into a sentence that says what to do. It must not know what is asked.
"""

import errno
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Self
from urllib.parse import urlsplit

import aiohttp
from msgspec import Struct

from lam.configuration import DEFAULT, Server
from lam.engines.addresses import Addresses
from lam.errors import ConfigError
from lam.settings import Settings, proxy_for, proxy_to

HEADER_BYTES: Final = 64 << 10
KEEP_ALIVE_SECONDS: Final = 3  # shorter than any server's, so that no request uses a connection that the server is closing
# OpenSSL's numbers: X509_V_ERR_…
_UNKNOWN_SIGNER: Final = (18, 19, 20, 21)
_EXPIRED: Final = 10
_NOT_YET: Final = 9
_OTHER_NAME: Final = (62, 64)
_CUT: Final = (aiohttp.ServerDisconnectedError, ConnectionResetError)
_RESET: Final = (errno.ECONNRESET, errno.EPIPE)
URL: Final = "LLM_SERVER_URL"
KEY: Final = "LLM_API_KEY"
PROXY: Final = "LLM_PROXY"
CA: Final = "LLM_CA_FILE"
CERT: Final = "LLM_CERT_FILE"
CERT_KEY: Final = "LLM_KEY_FILE"
_IN_FILE: Final = {URL: "url", KEY: "key_env", PROXY: "proxy", CA: "ca_file", CERT: "cert_file", CERT_KEY: "cert_key_file"}


class Access(Struct, frozen=True, kw_only=True):
    """`proxy`: the URL of an HTTP proxy. `ca_file`: certificates to trust beside those of the system. `cert_file`, `key_file`: our
    own certificate, for servers that ask for one. `headers`: sent with every request. `kind`: what the server is, for people.
    `setting`: where its address stands. `server`: its name, if it stands in lam.toml."""

    kind: str = "model server"
    setting: str = "LLM_SERVER_URL"
    server: str | None = None
    api_key: str | None = None
    headers: Mapping[str, str] = {}
    proxy: str | None = None
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None

    @classmethod
    def of(cls, settings: Settings) -> Self:
        return cls(
            api_key=settings.llm_api_key,
            proxy=proxy_for(settings),
            ca_file=settings.llm_ca_file,
            cert_file=settings.llm_cert_file,
            key_file=settings.llm_key_file,
        )

    @classmethod
    def to(cls, server: Server) -> Self:
        """Returns the access to a server of a configuration. Raises ConfigError."""
        is_default = server.name == DEFAULT
        name = None if is_default else server.name
        return cls(
            setting="LLM_SERVER_URL" if is_default else f"`url` of the server {server.name}",
            server=name,
            api_key=server.key,
            headers=server.headers,
            proxy=proxy_to(server.url or "", server.proxy, "LLM_PROXY" if is_default else f"`proxy` of the server {server.name}"),
            ca_file=server.ca_file,
            cert_file=server.cert_file,
            key_file=server.cert_key_file,
        )

    def named(self, setting: str) -> str:
        """Returns the name of a setting where this server stands: LLM_PROXY, or `proxy` of a server in lam.toml."""
        return setting if self.server is None else f"`{_IN_FILE[setting]}` of the server {self.server}"

    def client(self, addresses: Addresses) -> aiohttp.ClientSession:
        """Returns an HTTP client: no limit on connections, no cookies, headers up to 64 KiB. Raises ConfigError."""
        headers = {"Accept-Encoding": "identity"}
        if self.api_key:
            headers |= {"api-key": self.api_key} if addresses.keyed_by_header else {"Authorization": f"Bearer {self.api_key}"}
        theirs = {name.lower() for name in self.headers}
        headers = {name: value for name, value in headers.items() if name.lower() not in theirs} | dict(self.headers)
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEP_ALIVE_SECONDS, ssl=self._context()),
            headers=headers,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=10),
            max_line_size=HEADER_BYTES,
            max_field_size=HEADER_BYTES,
            proxy=self.proxy,
        )

    def _context(self) -> ssl.SSLContext | bool:
        if self.ca_file is None and self.cert_file is None:
            return True
        context = ssl.create_default_context()
        if self.ca_file is not None:
            try:
                context.load_verify_locations(self.ca_file)
            except OSError as error:  # ssl.SSLError is one
                raise ConfigError(f"{self.named(CA)}: {self.ca_file} cannot be read as certificates ({_why(error)}).") from error
        if self.cert_file is not None:
            try:
                context.load_cert_chain(self.cert_file, self.key_file, password=_no_password)
            except (OSError, ValueError) as error:
                raise ConfigError(
                    f"{self.named(CERT)}: {self.cert_file} and its key cannot be read ({_why(error)}); both are PEM, the key "
                    f"without a password, in {self.named(CERT_KEY)} or in the same file."
                ) from error
        return context

    @property
    def _ours(self) -> str:
        return f"asks for a certificate of its clients: set {self.named(CERT)} and {self.named(CERT_KEY)}."

    @property
    def proxy_name(self) -> str:
        """The proxy's address, without its password."""
        parts = urlsplit(self.proxy or "")
        return parts.netloc.rpartition("@")[2]

    def problem(self, error: BaseException | None, server: str) -> str | None:
        """Returns what is wrong on the way to the server and what to do about it; None when the way is not to blame."""
        if isinstance(error, aiohttp.ClientProxyConnectionError):
            return f"The proxy at {self.proxy_name} cannot be reached; is {self.named(PROXY)} right?"
        if isinstance(error, aiohttp.ClientHttpProxyError):
            return self.refusal_of_proxy(error.status, server)
        if isinstance(error, aiohttp.ClientConnectorCertificateError):
            return self._certificate(error.certificate_error, server)
        # aiohttp's own class is an SSLError without its reason
        causes = getattr(error, "os_error", None), getattr(error, "__cause__", None), error
        tls = next((cause for cause in causes if isinstance(cause, ssl.SSLError)), None)
        if tls is None:
            # with TLS 1.3 a server learns only after the handshake that we sent no certificate, and its reason may be lost
            if (
                server.startswith("https://")
                and self.cert_file is None
                and (isinstance(error, _CUT) or getattr(error, "errno", None) in _RESET)
            ):
                return f"The {self.kind} at {server} ends the connection before it answers. Perhaps it {self._ours}"
            return None
        reason = (getattr(tls, "reason", None) or "").upper()
        if "CERTIFICATE" in reason or "UNKNOWN_CA" in reason:
            if self.cert_file is None:
                return f"The {self.kind} at {server} {self._ours}"
            return f"The {self.kind} at {server} refuses the certificate in {self.named(CERT)} ({reason})."
        if "WRONG_VERSION" in reason or "RECORD" in reason or "HTTP_REQUEST" in reason:
            return f"The {self.kind} at {server} does not use TLS there; does {self.setting} begin with http:// instead?"
        return f"TLS with the {self.kind} at {server} fails ({reason or type(tls).__name__})."

    def page(self, text: bytes, server: str) -> str | None:
        """Returns what a web server's page about TLS means; None for any other page."""
        if b"o required SSL certificate was sent" in text:
            return f"The {self.kind} at {server} {self._ours}"
        if b"HTTP request was sent to HTTPS port" in text or b"HTTP request to an HTTPS server" in text:
            return f"The {self.kind} at {server} uses TLS there; {self.setting} must begin with https://."
        return None

    def refusal_of_proxy(self, status: int, server: str) -> str:
        if status == 407:
            return (
                f"The proxy at {self.proxy_name} wants a login; write it into {self.named(PROXY)}: http://USER:PASSWORD@HOST:PORT."
            )
        return (
            f"The proxy at {self.proxy_name} does not connect to {server} (HTTP {status}); ask its admin, or mend "
            f"{self.named(PROXY)}."
        )

    def _certificate(self, error: Exception, server: str) -> str:
        code = getattr(error, "verify_code", 0)
        if code in _UNKNOWN_SIGNER:
            return (
                f"The certificate of the {self.kind} at {server} is signed by an authority that this machine does not trust; set "
                f"{self.named(CA)} to the file with that authority's certificate (PEM)."
            )
        if code == _EXPIRED:
            return f"The certificate of the {self.kind} at {server} has expired; renew it on the server."
        if code == _NOT_YET:
            return f"The certificate of the {self.kind} at {server} is not valid yet; is the clock of this machine right?"
        if code in _OTHER_NAME:
            return f"The certificate of the {self.kind} at {server} is made for another name; use that name in {self.setting}."
        words = getattr(error, "verify_message", "") or type(error).__name__
        return f"The certificate of the {self.kind} at {server} is not accepted ({words})."


def _no_password() -> str:
    raise ValueError("the key has a password")


def _why(error: Exception) -> str:
    reason = getattr(error, "reason", None) or getattr(error, "strerror", None)
    return str(reason or error)
