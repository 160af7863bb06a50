"""Small questions to a model server, each answered in a few seconds or not at all."""

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
KEEP_ALIVE_SECONDS: Final = 3  # shorter than any server's, so that no request meets a connection that is being closed
LONGEST_ANSWER: Final = 32 << 20


class Silent(LlmUnreachable):
    """The server takes connections and does not answer in time: it may be busy with something else."""


class KeyRefused(LlmError):
    """401: the server does not know the key. `llama`: in llama.cpp's own words."""

    def __init__(self, message: str, *, llama: bool) -> None:
        super().__init__(message, retryable=False)
        self.llama = llama


def client_session(api_key: str | None) -> aiohttp.ClientSession:
    """An HTTP client as model servers need it: no limit of connections, no cookies, headers up to 64 KiB."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEP_ALIVE_SECONDS),
        headers={"Accept-Encoding": "identity"} | ({"Authorization": f"Bearer {api_key}"} if api_key else {}),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=10),
        max_line_size=HEADER_BYTES,
        max_field_size=HEADER_BYTES,
    )


class Questions:
    """Asks the server at `url`, its base without `/v1`."""

    def __init__(self, client: aiohttp.ClientSession, url: str, *, seconds: float) -> None:
        """`seconds`: until a question that is not answered counts as that."""
        self._client = client
        self._url = url
        self._seconds = seconds

    async def ask(self, method: str, path: str, body: Any = None) -> Any:
        """The decoded answer; None where the server does not know the question.

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
        """What an error of the HTTP client comes to."""
        if isinstance(error, aiohttp.ClientResponseError | aiohttp.ClientPayloadError):  # it answers, but not HTTP as we read it
            return LlmError(
                f"The model server at {self._url} sent a response that the gateway could not parse ({type(error).__name__})."
            )
        return LlmUnreachable(f"The model server at {self._url} cannot be reached; is it running, and is LLM_SERVER_URL right?")

    def refusal(self, response: aiohttp.ClientResponse, text: bytes) -> GenerationError:
        """An HTTP status other than 200 as one of our errors."""
        status = response.status
        if 300 <= status < 400:
            return LlmError(
                f"The model server at {self._url} redirects to {_place(response)}, and redirects are not followed; "
                "set LLM_SERVER_URL to the address that answers.",
                retryable=False,
            )
        said = decoded(text)
        if status == 401:
            error = said.get("error") if isinstance(said, dict) else None
            llama = isinstance(error, dict) and error.get("code") == 401 and error.get("type") == "authentication_error"
            return KeyRefused(f"The model server at {self._url} refuses the key; is {KEY} right?", llama=llama)
        refusal = read_refusal(said, status)
        if not refusal.message:
            refusal = msgspec.structs.replace(refusal, message=f"{self._url} answers with HTTP {status}.")
        return failure_of(refusal, _retry_after(response))


async def _read(response: aiohttp.ClientResponse) -> bytes:
    """The whole body. Raises ClientPayloadError for one that does not end."""
    pieces: list[bytes] = []
    size = 0
    async for piece in response.content.iter_any():
        pieces.append(piece)
        size += len(piece)
        if size > LONGEST_ANSWER:
            raise aiohttp.ClientPayloadError("the answer is too long")
    return b"".join(pieces)


def _place(response: aiohttp.ClientResponse) -> str:
    """Where a redirect points, without what could be a secret in it."""
    try:
        target = urlsplit(response.headers.get("Location", ""))
        port = f":{target.port}" if target.port else ""
    except ValueError:
        return "an address that is none"
    return f"{target.scheme}://{target.hostname}{port}" if target.hostname else "another path"


def _retry_after(response: aiohttp.ClientResponse) -> float | None:
    """Seconds, from the header's number or date."""
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
