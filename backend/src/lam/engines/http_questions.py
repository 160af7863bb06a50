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

from lam.engines.access import KEY, Access
from lam.engines.addresses import Addresses
from lam.engines.quirks import refused_part
from lam.engines.refusals import decoded, failure_of, read_refusal
from lam.errors import GenerationError, LlmError, LlmUnreachable

UNKNOWN_PATH: Final = (404, 405, 501)
CLIENT_ERRORS: Final = (aiohttp.ClientError, ConnectionError, OSError)
LONGEST_ANSWER: Final = 32 << 20


class Silent(LlmUnreachable):
    """The server accepts connections but does not answer in time; it may be busy."""


class KeyRefused(LlmError):
    """401: the server does not know the key. `llama`: the message is llama.cpp's."""

    def __init__(self, message: str, *, llama: bool) -> None:
        super().__init__(message, retryable=False)
        self.llama = llama


class PathUnknown(LlmError):
    """404 or the like, and not about a model: the server has nothing at this address."""


class Questions:
    """Sends requests to one server. `seconds`: the time limit of each request."""

    def __init__(self, client: aiohttp.ClientSession, addresses: Addresses, access: Access, *, seconds: float) -> None:
        self._client = client
        self._addresses = addresses
        self._access = access
        self._seconds = seconds

    @property
    def _url(self) -> str:
        return self._addresses.name

    async def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Returns the decoded answer; None when the server does not know the path.

        Raises Silent, LlmUnreachable, LlmLoading, LlmOverloaded, or LlmError with the server's own words.
        """
        data = None if body is None else msgspec.json.encode(body)
        headers = {"Content-Type": "application/json"} if data else None
        try:
            async with asyncio.timeout(self._seconds):
                async with self._client.request(
                    method, self._addresses.url(path), data=data, headers=headers, allow_redirects=False
                ) as response:
                    text = await whole_body(response)
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
        if problem := self._access.problem(error, self._url):
            is_lasting = isinstance(error, aiohttp.ClientSSLError | aiohttp.ClientHttpProxyError)
            return LlmUnreachable(problem, retryable=not is_lasting)
        # it answers, but not with HTTP that we can parse
        if isinstance(error, aiohttp.ClientResponseError | aiohttp.ClientPayloadError):
            return LlmError(
                f"The model server at {self._url} sent a response that the gateway could not parse ({type(error).__name__})."
            )
        return LlmUnreachable(
            f"The model server at {self._url} cannot be reached; is it running, and is {self._access.setting} right?"
        )

    def refusal(self, response: aiohttp.ClientResponse, text: bytes) -> GenerationError:
        """Maps an HTTP status other than 200 to one of our errors."""
        status = response.status
        if 300 <= status < 400:
            return LlmError(
                f"The model server at {self._url} redirects to {redirect_target(response)}, and redirects are not followed; "
                f"set {self._access.setting} to the address that answers.",
                retryable=False,
            )
        answer = decoded(text)
        if status == 407:
            return LlmUnreachable(self._access.refusal_of_proxy(status, self._url), retryable=False)
        if problem := self._access.page(text, self._url):
            return LlmUnreachable(problem, retryable=False)
        if status == 401:
            error = answer.get("error") if isinstance(answer, dict) else None
            llama = isinstance(error, dict) and error.get("code") == 401 and error.get("type") == "authentication_error"
            return KeyRefused(f"The model server at {self._url} refuses the key; is {self._access.named(KEY)} right?", llama=llama)
        refusal = read_refusal(answer, status)
        if not refusal.message:
            refusal = msgspec.structs.replace(refusal, message=f"{self._url} answers with HTTP {status}.")
        failure = failure_of(refusal, _retry_after(response))
        if type(failure) is not LlmError:
            return failure
        if status in UNKNOWN_PATH:
            where = refusal.message if refusal.named else f"{self._addresses.chat} answers with HTTP {status}"
            setting = self._access.setting
            mend = f"add ?api-version=… to {setting}" if self._addresses.lacks_version else f"is {setting} right?"
            return PathUnknown(f"{where.rstrip('.')}; {mend}", retryable=False)
        return refused_part(refusal) or failure


async def whole_body(response: aiohttp.ClientResponse) -> bytes:
    """Returns the whole body. Raises ClientPayloadError for one that grows without end."""
    pieces: list[bytes] = []
    size = 0
    async for piece in response.content.iter_any():
        pieces.append(piece)
        size += len(piece)
        if size > LONGEST_ANSWER:
            raise aiohttp.ClientPayloadError("the answer is too long")
    return b"".join(pieces)


def redirect_target(response: aiohttp.ClientResponse) -> str:
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
