"""The MQTT topics of the contract, and the names allowed in them. Pure; it knows no connection."""

import re
from typing import Final

from lam.errors import ConfigError

NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_PREFIX: Final = re.compile(r"[^+#\x00]{1,128}")


def checked_name(name: str, what: str) -> str:
    """Returns the name. Raises ConfigError when it cannot be part of a topic."""
    if not NAME.fullmatch(name):
        raise ConfigError(f"{what}: {name!r} must be 1 to 64 letters, digits, hyphens and underscores.")
    return name


class Topics:
    """All topics under one prefix. For a filter, pass `+` as a name: it matches any."""

    def __init__(self, prefix: str) -> None:
        prefix = prefix.strip("/")
        if not _PREFIX.fullmatch(prefix):
            raise ConfigError(f"MQTT_TOPIC_PREFIX: {prefix!r} must not be empty nor hold + and #.")
        self._prefix = prefix

    def worker_status(self, worker: str = "+") -> str:
        return f"{self._prefix}/worker/{worker}/status"

    def job(self, worker: str) -> str:
        return f"{self._prefix}/worker/{worker}/job"

    def control(self, worker: str) -> str:
        return f"{self._prefix}/worker/{worker}/control"

    def gateway_status(self, gateway: str = "+", instance: str = "+") -> str:
        return f"{self._prefix}/gateway/{gateway}/{instance}/status"

    def frames(self, gateway: str, instance: str, worker: str = "+", job: str = "+") -> str:
        return f"{self._prefix}/gateway/{gateway}/{instance}/from/{worker}/{job}"

    def names(self, topic: str) -> list[str]:
        """Returns the parts of a topic below the prefix: `worker`, its name, `status`; or `gateway`, name, instance, …"""
        return topic[len(self._prefix) + 1 :].split("/")


def matches(topic_filter: str, topic: str) -> bool:
    """Returns whether a filter without `#` matches a topic."""
    pattern, names = topic_filter.split("/"), topic.split("/")
    return len(pattern) == len(names) and all(part in ("+", name) for part, name in zip(pattern, names, strict=True))
