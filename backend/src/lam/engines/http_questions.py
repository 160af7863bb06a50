"""Short requests to a model server, each answered within seconds or not at all.

This is the door to aiohttp for such requests: its exceptions become ours here.
"""

import asyncio
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
import msgspec

from lam.engines.refusals import decoded, failure_of, read_refusal
from lam.errors import GenerationError, LlmError, LlmUnreachable

UNKNOWN_PATH: Final = (404, 405, 501)
CLIENT_ERRORS: Final = (aiohttp.ClientError, ConnectionError, OSError)
KEY: Final = "LLM_API_KEY"
HEADER_BYTES: Final = 64 << 10
KEEP_ALIVE_SECONDS: Final = 3  # shorter than any server's, so that no request uses a connection that the server is closing
LONGEST_ANSWER: Final = 32 << 20


class Silent(LlmUnreachable):
    """The server accepts connections but does not answer in time; it may be busy."""


class KeyRefused(LlmError):
    """401: the server does not know the key. `llama`: the message is llama.cpp's."""

    def __init__(self, message: str, *, llama: bool) -> None:
        super().__init__(message, retryable=False)
        self.llama = llama


def client_session(api_key: str | None) -> aiohttp.ClientSession:
    """Returns an HTTP client for model servers: no limit on connections, no cookies, headers up to 64 KiB."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEP_ALIVE_SECONDS),
        headers={"Accept-Encoding": "identity"} | ({"Authorization": f"Bearer {api_key}"} if api_key else {}),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=10),
        max_line_size=HEADER_BYTES,
        max_field_size=HEADER_BYTES,
    )


class Questions:
    """Sends requests to the server at `url`, its base without `/v1`."""

    def __init__(self, client: aiohttp.ClientSession, url: str, *, seconds: float) -> None:
        """`seconds`: the time limit of each request."""
        self._client = client
        self._url = url
        self._seconds = seconds

    async def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Returns the decoded answer; None when the server does not know the path.

        Raises Silent, LlmUnreachable, LlmLoading, LlmOverloaded, or LlmError with the server's own words.
        """
        data = None if body is None else msgspec.json.encode(body)
        headers = {"Content-Type": "application/json"} if data else None
        try:
            async with asyncio.timeout(self._seconds):
                async with self._client.request(
                    method, self._url + path, data=data, headers=headers, allow_redirects=False
                ) as response:
                    text = await _read(response)
        except TimeoutError as error:
            raise Silent(f"The model server at {self._url} does not answer.") from error
        except CLIENT_ERRORS as error:
            raise self.unreachable(error) from error
        if response.status in UNKNOWN_PATH:
            return None
        if response.status != 200:
            raise self.refusal(response, text)
        try:
            return msgspec.json.decode(text)
        except (ValueError, RecursionError) as error:
            raise LlmError(f"The model server at {self._url} answers {path} with something that is not JSON.") from error

    def unreachable(self, error: BaseException | None = None) -> GenerationError:
        """Maps an exception of the HTTP client to one of our errors."""
        # it answers, but not with HTTP that we can parse
        if isinstance(error, aiohttp.ClientResponseError | aiohttp.ClientPayloadError):
            return LlmError(
                f"The model server at {self._url} sent a response that the gateway could not parse ({type(error).__name__})."
            )
        return LlmUnreachable(f"The model server at {self._url} cannot be reached; is it running, and is LLM_SERVER_URL right?")

    def refusal(self, response: aiohttp.ClientResponse, text: bytes) -> GenerationError:
        """Maps an HTTP status other than 200 to one of our errors."""
        status = response.status
        if 300 <= status < 400:
            return LlmError(
                f"The model server at {self._url} redirects to {_place(response)}, and redirects are not followed; "
                "set LLM_SERVER_URL to the address that answers.",
                retryable=False,
            )
        answer = decoded(text)
        if status == 401:
            error = answer.get("error") if isinstance(answer, dict) else None
            llama = isinstance(error, dict) and error.get("code") == 401 and error.get("type") == "authentication_error"
            return KeyRefused(f"The model server at {self._url} refuses the key; is {KEY} right?", llama=llama)
        refusal = read_refusal(answer, status)
        if not refusal.message:
            refusal = msgspec.structs.replace(refusal, message=f"{self._url} answers with HTTP {status}.")
        return failure_of(refusal, _retry_after(response))


async def _read(response: aiohttp.ClientResponse) -> bytes:
    """Returns the whole body. Raises ClientPayloadError for one that grows without end."""
    pieces: list[bytes] = []
    size = 0
    async for piece in response.content.iter_any():
        pieces.append(piece)
        size += len(piece)
        if size > LONGEST_ANSWER:
            raise aiohttp.ClientPayloadError("the answer is too long")
    return b"".join(pieces)


def _place(response: aiohttp.ClientResponse) -> str:
    """Returns the target of a redirect, without parts that could be secret."""
    try:
        target = urlsplit(response.headers.get("Location", ""))
        port = f":{target.port}" if target.port else ""
    except ValueError:
        return "an address that is none"
    return f"{target.scheme}://{target.hostname}{port}" if target.hostname else "another path"


def _retry_after(response: aiohttp.ClientResponse) -> float | None:
    """Returns seconds from a number or a date in the header."""
    value = response.headers.get("Retry-After", "").strip()
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        moment = parsedate_to_datetime(value)
        return max(0.0, (moment.astimezone(UTC) - datetime.now(UTC)).total_seconds())
    except (ValueError, OverflowError, TypeError):
        return None
