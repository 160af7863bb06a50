"""What the routes are given: the parts of one gateway, put together in `gateway.py`."""

from dataclasses import dataclass

from lam.accounts.accounts import Accounts
from lam.api.event_stream import OpenStreams
from lam.chat.messages import Messages
from lam.chat.sessions import Sessions
from lam.chat.streams import Streams
from lam.engines.base import Engine
from lam.generation.supervisor import Supervisor
from lam.settings import Settings
from lam.storage.database import Database


@dataclass(frozen=True)
class Services:
    settings: Settings
    database: Database
    engine: Engine
    supervisor: Supervisor
    accounts: Accounts
    sessions: Sessions
    messages: Messages
    streams: Streams
    open_streams: OpenStreams
