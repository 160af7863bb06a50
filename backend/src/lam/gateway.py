"""The composition root: the one place that creates the gateway's parts and connects them.

No other module may know them all.
"""

import logging
import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final, TypedDict

from fastapi import FastAPI
from fastapi_offline import FastAPIOffline
from msgspec import Struct
from msgspec.structs import replace
from starlette.middleware.cors import CORSMiddleware
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

import lam
from lam.accounts.accounts import TOKENS_OF_USER, Accounts
from lam.accounts.administration import Administration
from lam.accounts.passwords import Hashing, Passwords
from lam.accounts.throttle import FIRST_DELAY, Budgets
from lam.api import docs, errors, page
from lam.api.connections import Connections, Patience
from lam.api.description import ABOUT, TAGS, describe
from lam.api.event_connection import EventConnections
from lam.api.event_stream import OpenStreams
from lam.api.headers import SecurityHeaders
from lam.api.listed import Listed
from lam.api.metrics import Metrics
from lam.api.middleware import BodyLimit, TrailingSlash
from lam.api.routers import accounts, admin, chat, events, lab, maze, messages, sessions, system, templates, usage
from lam.api.services import Services
from lam.chat.changes import Changes
from lam.chat.messages import Messages
from lam.chat.search import Search
from lam.chat.search_index import SearchIndex
from lam.chat.sessions import Sessions
from lam.chat.sink import Replies
from lam.chat.streams import Streams
from lam.chat.templates import TEMPLATES_OF_USER, VERSIONS_OF_TEMPLATE, Templates
from lam.chat.titles import TitleKind, Titles
from lam.chat.transfer import Transfer
from lam.chat.usage import UsageReport
from lam.data_folder import DataFolder
from lam.documents.reader import DocumentReader
from lam.engines.base import Engine
from lam.engines.catalog import Catalog
from lam.engines.mqtt_workers import MqttWorkersEngine
from lam.engines.open_job import Silences
from lam.engines.openai_http import OpenAIHttpEngine, Probing
from lam.engines.prompt_portal import PromptPortalEngine
from lam.engines.queue import Settling
from lam.engines.retries import Pauses
from lam.generation.contracts import Kind
from lam.generation.pump import Limits
from lam.generation.recovery import recover
from lam.generation.supervisor import Supervisor, Waits
from lam.lab.borrowing import Patience as LabPatience
from lam.lab.cells import CellKind
from lam.lab.lab import Lab
from lam.maze.games import GAMES_OF_USER, Games
from lam.maze.hints import Hints
from lam.maze.log import Replays
from lam.mqtt.connection import Broker, Pace
from lam.settings import Settings
from lam.storage.database import Database, database_url
from lam.storage.database_file import CHECK_SECONDS
from lam.storage.lock import exclusive
from lam.storage.postgresql import Watch
from lam.storage.readiness import Belief, Readiness
from lam.storage.run_store import RunStore
from lam.streams.memory_log import Shelf

log = logging.getLogger(__name__)


MakeKind = Callable[[Database], Kind]
MakeApp = Callable[[Settings], FastAPI]


class Bounds(Struct, frozen=True, kw_only=True):
    """Times in seconds, counts and costs that are no settings, by part. Tests use smaller ones."""

    hashing: Hashing = Hashing()
    connections: Patience = Patience()
    runs: Waits = Waits()
    pump: Limits = Limits()
    settling: Settling = Settling()
    pauses: Pauses = Pauses()
    probing: Probing = Probing()
    silences: Silences = Silences()
    broker: Pace = Pace()
    lock: Watch = Watch()
    lab: LabPatience = LabPatience()
    readiness: Belief = Belief()
    database_check: float = CHECK_SECONDS  # to examine an SQLite file at startup
    login_delay: float = FIRST_DELAY  # delay of the first login that waits
    tokens_of_user: int = TOKENS_OF_USER
    games_of_user: int = GAMES_OF_USER
    templates_of_user: int = TEMPLATES_OF_USER
    versions_of_template: int = VERSIONS_OF_TEMPLATE


USUAL: Final = Bounds()


class State(TypedDict):
    """The type of `request.state`."""

    services: Services


def create_app(settings: Settings, *, bounds: Bounds = USUAL, kinds: Sequence[MakeKind] = (), built: Path = page.BUILT) -> FastAPI:
    """Returns the gateway as an ASGI application. While its lifespan runs, `app.state.services` holds its parts.

    `kinds`: makers of further kinds of run, which then stream, resume, stop, drain and recover like replies. `built`: the folder of
    the page.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[State]:
        async with open_gateway(settings, bounds, kinds) as services:
            app.state.services = services
            yield {"services": services}

    app = FastAPIOffline(
        title="LAM Studio",
        version=lam.__version__,
        description=ABOUT,
        openapi_tags=TAGS,
        lifespan=lifespan,
        docs_url=None,  # api/docs.py serves them under a policy
        redoc_url=None,
        redirect_slashes=False,
        separate_input_output_schemas=False,
    )
    errors.install(app)
    # before sessions: `chat` has /sessions/import
    for part in (accounts, chat, sessions, messages, events, templates, maze, lab, usage, admin, system):
        app.include_router(part.router)
    app.include_router(accounts.profile_router)
    app.include_router(system.metrics_router)
    app.include_router(docs.router)
    describe(app)
    app.include_router(page.routes(built))  # last: it matches every other address

    if settings.lam_cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.lam_cors_origins,
            allow_credentials=True,
            allow_methods=["*"],
            allow_headers=["*"],
        )
    app.add_middleware(TrailingSlash)
    app.add_middleware(BodyLimit)
    app.add_middleware(SecurityHeaders, settings=settings)
    app.add_middleware(ProxyHeadersMiddleware, trusted_hosts=list(settings.lam_trusted_proxies))
    return app


@asynccontextmanager
async def open_gateway(settings: Settings, bounds: Bounds = USUAL, kinds: Sequence[MakeKind] = ()) -> AsyncIterator[Services]:
    """Opens the parts in order of dependency, and closes them in reverse.

    Raises ConfigError, also when another gateway holds the database.
    """
    folder = DataFolder(settings.lam_data_dir)
    notes = folder.prepare()
    url = database_url(settings)
    async with AsyncExitStack() as stack:
        database_lost = await stack.enter_async_context(exclusive(url, watch=bounds.lock))
        database = Database(url, pool_size=settings.database_pool_size, check_seconds=bounds.database_check)
        stack.push_async_callback(database.close)
        await database.upgrade(used=folder.token.exists() and settings.database_url is None)
        for note in notes:  # after everything is open: a failed start logs its error alone
            log.warning("%s", note)
        readiness = Readiness(database, bounds.readiness)
        stack.push_async_callback(readiness.close)
        store, owner = RunStore(database), f"{settings.mqtt_client_id[:48]}-{secrets.token_hex(4)}"
        replays = Replays()
        replies, hints = Replies(database), Hints(database, replays)
        further = [CellKind(database), *(make(database) for make in kinds)]
        recovered = await recover(store, [replies, TitleKind(database), hints, *further], owner)
        if recovered:
            log.warning("%d runs were interrupted by the last stop of the gateway; what they had is kept", recovered)
        engine = await stack.enter_async_context(engine_of(settings, bounds))
        catalog = await stack.enter_async_context(
            Catalog(
                {"default": engine},
                mode=settings.llm_comm_mode,
                most_waiting=settings.lam_max_queue,
                timeout=settings.llm_timeout,
                settling=bounds.settling,
                pauses=bounds.pauses,
            )
        )
        shelf = Shelf()
        supervisor = await stack.enter_async_context(
            Supervisor(
                store,
                shelf,
                owner=owner,
                most_per_user=settings.lam_max_streams_per_user,
                limits=replace(bounds.pump, silence=settings.llm_timeout, reply_chars=settings.lam_max_reply_chars),
                waits=replace(bounds.runs, detach=settings.lam_detach_seconds),
            )
        )
        passwords, budgets = Passwords(bounds.hashing.hasher()), Budgets(first_delay=bounds.login_delay)
        stack.callback(passwords.close)
        accounts_ = Accounts(
            database,
            passwords,
            budgets,
            secret_key=settings.secret_key or folder.secret_key(),
            registration=settings.lam_registration,
            end_runs=supervisor.end_user,
            most_tokens=bounds.tokens_of_user,
        )
        kept = folder.read(folder.token)
        token = await accounts_.local_token(kept)
        if token != kept:
            folder.write(folder.token, token)
        titles = await stack.enter_async_context(Titles(database, catalog, supervisor, enabled=settings.lam_titles))
        streams = Streams(supervisor, shelf, [replies, hints, *further])
        open_streams = await stack.enter_async_context(OpenStreams(accounts_.still_good, bounds.connections))
        metrics = await stack.enter_async_context(
            Metrics(
                running=lambda: len(supervisor.awaited()),
                waiting=lambda: catalog.queue.waiting,
                open_streams=lambda: open_streams.count,
                connections=lambda: connections.count,
            )
        )
        connections = await stack.enter_async_context(
            Connections(settings.lam_max_connections, patience=bounds.connections, on_end=metrics.count_end)
        )
        supervisor.after_end.append(metrics.after)
        sessions_ = Sessions(database, catalog, supervisor, most=settings.lam_max_sessions_per_user)
        changes = await stack.enter_async_context(Changes(Listed(sessions_)))
        database.after_commit.append(lambda touched: changes.sessions_touched(touched.sessions, touched.removed))
        supervisor.after_start.append(changes.run_started)
        supervisor.after_end.append(changes.run_ended)
        lab_ = await stack.enter_async_context(Lab(settings, database, catalog, supervisor, changes, bounds.lab))
        search_index = await stack.enter_async_context(SearchIndex(database))
        yield Services(
            settings=settings,
            database=database,
            readiness=readiness,
            catalog=catalog,
            supervisor=supervisor,
            accounts=accounts_,
            administration=Administration(database, passwords, budgets.admin, supervisor.end_user),
            sessions=sessions_,
            messages=Messages(settings, database, catalog, supervisor, streams, titles),
            streams=streams,
            templates=Templates(database, most=bounds.templates_of_user, most_versions=bounds.versions_of_template),
            games=Games(settings, database, catalog, supervisor, replays, most=bounds.games_of_user),
            lab=lab_,
            search=Search(database, search_index),
            transfer=Transfer(database, most_sessions=settings.lam_max_sessions_per_user),
            usage=UsageReport(database),
            documents=DocumentReader(),
            metrics=metrics,
            open_streams=open_streams,
            connections=connections,
            events=EventConnections(changes, streams),
            database_lost=database_lost,
        )


def engine_of(settings: Settings, bounds: Bounds = USUAL) -> AbstractAsyncContextManager[Engine]:
    """Returns the engine for the settings. Raises ConfigError."""
    if settings.llm_comm_mode == "mqtt" and settings.mqtt_dialect == "prompt_portal":
        return PromptPortalEngine(
            Broker.of(settings, bounds.broker),
            name=settings.mqtt_client_id,
            model=settings.llm_model,
            slots=settings.llm_slots,
            timeout=settings.llm_timeout,
            max_packet=settings.mqtt_max_packet,
            chunk_size=settings.mqtt_chunk_size,
            chunk_delay=settings.mqtt_chunk_delay,
        )
    if settings.llm_comm_mode == "mqtt":
        return MqttWorkersEngine(
            Broker.of(settings, bounds.broker),
            name=settings.mqtt_client_id,
            prefix=settings.mqtt_topic_prefix,
            model=settings.llm_model,
            max_packet=settings.mqtt_max_packet,
            chunk_size=settings.mqtt_chunk_size,
            chunk_delay=settings.mqtt_chunk_delay,
            silences=bounds.silences,
        )
    return OpenAIHttpEngine(
        settings.llm_server_url,
        api_key=settings.llm_api_key,
        model=settings.llm_model,
        slots=settings.llm_slots,
        probing=bounds.probing,
    )
