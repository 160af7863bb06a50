"""The services of one gateway for the routes. `gateway.py` puts them together.

It holds them and must not create or close them.
"""

import asyncio
from dataclasses import dataclass

from lam.accounts.accounts import Accounts
from lam.accounts.administration import Administration
from lam.api.connections import Connections
from lam.api.event_connection import EventConnections
from lam.api.event_stream import OpenStreams
from lam.api.metrics import Metrics
from lam.chat.messages import Messages
from lam.chat.search import Search
from lam.chat.sessions import Sessions
from lam.chat.streams import Streams
from lam.chat.templates import Templates
from lam.chat.transfer import Transfer
from lam.chat.usage import UsageReport
from lam.documents.reader import DocumentReader
from lam.engines.catalog import Catalog
from lam.generation.supervisor import Supervisor
from lam.lab.lab import Lab
from lam.maze.games import Games
from lam.settings import Settings
from lam.storage.database import Database
from lam.storage.readiness import Readiness


@dataclass(frozen=True)
class Services:
    settings: Settings
    database: Database
    readiness: Readiness
    catalog: Catalog
    supervisor: Supervisor
    accounts: Accounts
    administration: Administration
    sessions: Sessions
    messages: Messages
    streams: Streams
    templates: Templates
    games: Games
    lab: Lab
    search: Search
    transfer: Transfer
    usage: UsageReport
    documents: DocumentReader
    metrics: Metrics
    open_streams: OpenStreams
    connections: Connections
    events: EventConnections
    database_lost: asyncio.Event  # set once another gateway has the database
