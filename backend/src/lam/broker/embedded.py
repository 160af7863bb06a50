"""The embedded broker: amqtt with one user name. Only its child process imports it."""

import asyncio
import secrets
import sys
from dataclasses import dataclass
from typing import Any

from amqtt.broker import Broker
from amqtt.contexts import BrokerConfig, ListenerConfig
from amqtt.plugins.base import BaseAuthPlugin
from amqtt.session import Session


class OneLogin(BaseAuthPlugin):  # type: ignore[misc]  # the library is untyped
    """Accepts one name and password."""

    @dataclass
    class Config:
        login: str = ""

    async def authenticate(self, *, session: Session) -> bool:
        config: Any = self.config
        return secrets.compare_digest(f"{session.username}:{session.password}".encode(), config.login.encode())


async def serve(host: str, port: int, login: str) -> None:
    """Serves until standard input ends."""
    config = BrokerConfig(
        listeners={"default": ListenerConfig(bind=f"{host}:{port}")},
        plugins={f"{OneLogin.__module__}.{OneLogin.__qualname__}": {"login": login}},
    )
    broker = Broker(config)
    await broker.start()
    await asyncio.to_thread(sys.stdin.read)
    await broker.shutdown()
