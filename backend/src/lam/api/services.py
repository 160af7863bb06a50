"""The services of one gateway for the routes. `gateway.py` puts them together.

It holds them and must not create or close them.
"""

import asyncio
from dataclasses import dataclass

from lam.accounts.accounts import Accounts
from lam.accounts.administration import Administration
from lam.accounts.guests import Guests
from lam.accounts.keys import Keys
from lam.accounts.spending import Spending
from lam.api.connections import Connections
from lam.api.event_connection import EventConnections
from lam.api.event_stream import OpenStreams
from lam.api.metrics import Metrics
from lam.api.neighbours import Neighbours
from lam.api.running import RunningReplies
from lam.api.wishes import Wishes
from lam.chat.folders import Folders
from lam.chat.imports.importer import Imports
from lam.chat.invitations import Invitations
from lam.chat.members import Members
from lam.chat.messages import Messages
from lam.chat.presence import Presence
from lam.chat.publishing import Publishing
from lam.chat.search import Search
from lam.chat.sessions import Sessions
from lam.chat.streams import Streams
from lam.chat.templates import Templates
from lam.chat.transfer import Transfer
from lam.chat.usage import UsageReport
from lam.chat.waiting import Waiting
from lam.configuration import Configured
from lam.documents.reader import DocumentReader
from lam.engines.catalog import Catalog
from lam.engines.voice import Voice
from lam.generation.supervisor import Supervisor
from lam.lab.lab import Lab
from lam.maze.games import Games
from lam.media.media import Media
from lam.programs.programs import Programs
from lam.rooms.rooms import Rooms
from lam.settings import Settings
from lam.several import Several
from lam.storage.database import Database
from lam.storage.readiness import Readiness


@dataclass(frozen=True)
class Services:
    settings: Settings
    database: Database
    readiness: Readiness
    catalog: Catalog
    configured: Configured
    supervisor: Supervisor
    accounts: Accounts
    administration: Administration
    guests: Guests
    keys: Keys
    spending: Spending
    sessions: Sessions
    folders: Folders
    members: Members
    presence: Presence
    invitations: Invitations
    publishing: Publishing
    messages: Messages
    waiting: Waiting
    streams: Streams
    templates: Templates
    games: Games
    lab: Lab
    programs: Programs
    rooms: Rooms
    search: Search
    transfer: Transfer
    imports: Imports
    usage: UsageReport
    documents: DocumentReader
    media: Media
    voice: Voice
    metrics: Metrics
    open_streams: OpenStreams
    connections: Connections
    events: EventConnections
    wishes: Wishes
    running: RunningReplies
    neighbours: Neighbours | None  # where there may be several gateways
    database_lost: asyncio.Event  # set once another gateway has the database
    several: Several | None

    async def drain(self, seconds: float) -> None:
        """Ends what goes on before the gateway stops: its runs, as `Supervisor.drain` says, and then the connections of readers."""
        await self.supervisor.drain(seconds)
        self.events.close()  # readers have their last events
        if self.several is not None:
            self.several.leave()
