"""The addresses of a model server, derived from the one URL that a person gives.

People give what their provider's page shows: the host, the base of the API with or without `/v1`, or the whole address of the chat.
The rule is in docs/guides/servers.md. Pure: it sends nothing; whoever asks the server tells it what answered.
"""

import re
from typing import Final
from urllib.parse import urlsplit

_VERSION: Final = re.compile(r"v\d+(?:(?:alpha|beta)\d*)?")
CHAT: Final = "/chat/completions"
SPEECH: Final = "/audio/speech"
TRANSCRIPTION: Final = "/audio/transcriptions"
_WHOLE: Final = (CHAT, SPEECH, TRANSCRIPTION)  # whatever is in front of them is a base
_ENDPOINTS: Final = ("/models", "/completions", "/responses")


class Addresses:
    """The addresses of one server. `name`: the server for people, without secrets. `settled`: which base is right is known.

    A path of the API begins with `/v1`, here as in OpenAI's documentation; any other is one of the server itself, as `/props`.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url.strip())
        self._origin = f"{parts.scheme}://{parts.netloc}"
        self._query = f"?{parts.query}" if parts.query else ""
        self._bases = _bases(re.sub("//+", "/", parts.path).rstrip("/"))
        self._likelier = self._bases[0]
        self.settled = len(self._bases) == 1
        self._public = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
        self.keyed_by_header = "/deployments/" in parts.path or "api-version=" in parts.query  # Azure takes keys in `api-key`

    @property
    def lacks_version(self) -> bool:
        """Whether it is an address of Azure without the version that all of them need."""
        return self.keyed_by_header and "api-version=" not in self._query

    @property
    def name(self) -> str:
        return self._public + _root(self._bases[0])

    @property
    def chat(self) -> str:
        """The address of the chat, for people."""
        return self.public("/v1" + CHAT)

    def public(self, path: str) -> str:
        """Returns the address of a path of the API, for people: without the query, which may hold a key."""
        return self._public + self._bases[0] + path.removeprefix("/v1")

    @property
    def is_other(self) -> bool:
        """Whether the present base is not the one that seemed likelier."""
        return self._bases[0] != self._likelier

    def url(self, path: str) -> str:
        """Returns the whole address of a path."""
        base, rest = (self._bases[0], path.removeprefix("/v1")) if path.startswith("/v1/") else (_root(self._bases[0]), path)
        return self._origin + base + rest + self._query

    def turn(self) -> None:
        """Takes the other base, while neither is known to be right."""
        if not self.settled:
            self._bases = self._bases[::-1]

    def settle(self) -> bool:
        """Notes that the present base is right. Returns whether that is news."""
        was, self.settled = self.settled, True
        return not was


def _bases(path: str) -> tuple[str, ...]:
    """Returns the possible bases of the API, the likelier first."""
    for endpoint in _WHOLE:
        if path.endswith(endpoint):
            return (path.removesuffix(endpoint),)
    for endpoint in _ENDPOINTS:
        if path.endswith(endpoint) and _is_version(path.removesuffix(endpoint)):
            return (path.removesuffix(endpoint),)
    if _is_version(path):
        return (path,)
    segments = path.lower().split("/")
    if any(map(_VERSION.fullmatch, segments)) or "deployments" in segments:
        return (path, path + "/v1")
    return (path + "/v1", path)


def _is_version(path: str) -> bool:
    return _VERSION.fullmatch(path.rpartition("/")[2].lower()) is not None


def _root(base: str) -> str:
    return base.removesuffix("/v1")
