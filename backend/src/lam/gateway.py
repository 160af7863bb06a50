"""The composition root: the one place that creates the gateway's parts and connects them.

No other module may know them all.
"""

import logging
import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path
from typing import Final, TypedDict

from fastapi import APIRouter, FastAPI
from fastapi_offline import FastAPIOffline
from msgspec import Struct
from msgspec.structs import replace
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import BaseRoute
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

import lam
from lam.accounts.accounts import TOKENS_OF_USER, Accounts, email_of
from lam.accounts.administration import Administration
from lam.accounts.guests import Guests
from lam.accounts.keys import KEYS_OF_USER, Keys
from lam.accounts.passwords import Hashing, Passwords
from lam.accounts.spending import NO_ORPHAN, Defaults, GroupBudget, Reservations, Spending, settle_orphans
from lam.accounts.throttle import FIRST_DELAY, Budgets
from lam.api import docs, errors, page
from lam.api.connections import Connections, Patience
from lam.api.description import ABOUT, TAGS, describe
from lam.api.event_connection import EventConnections
from lam.api.event_stream import OpenStreams
from lam.api.headers import SecurityHeaders
from lam.api.listed import Listed, report
from lam.api.metrics import Metrics
from lam.api.middleware import BodyLimit, TrailingSlash
from lam.api.neighbours import PATIENCE_SECONDS, Neighbours
from lam.api.prefix import Prefix
from lam.api.revocations import Revocations
from lam.api.routers import (
    accounts,
    admin,
    anthropic,
    chat,
    configuration,
    events,
    folders,
    imports,
    invitations,
    keys,
    lab,
    maze,
    media,
    members,
    messages,
    openai,
    publications,
    rooms,
    sessions,
    system,
    templates,
    usage,
    voice,
    waiting,
)
from lam.api.running import RunningReplies
from lam.api.schemas.rooms import participant_event, room_event
from lam.api.services import Services
from lam.api.traces import traces
from lam.api.wishes import Wishes
from lam.background import Background
from lam.chat.changes import Changes
from lam.chat.folders import FOLDERS_OF_USER, Folders
from lam.chat.imports.importer import Imports
from lam.chat.invitations import Invitations
from lam.chat.members import Members
from lam.chat.messages import Messages
from lam.chat.presence import LEFT_SECONDS, Presence
from lam.chat.presence import State as PresenceState
from lam.chat.publishing import Publishing
from lam.chat.resumption import RepliesGoOn
from lam.chat.search import Search
from lam.chat.search_index import SearchIndex
from lam.chat.sessions import PINNED_OF_USER, Sessions
from lam.chat.sink import Replies, name_of_stopper
from lam.chat.streams import Streams
from lam.chat.templates import TEMPLATES_OF_USER, VERSIONS_OF_TEMPLATE, Templates
from lam.chat.titles import TitleKind, Titles
from lam.chat.transfer import Transfer
from lam.chat.usage import UsageReport
from lam.chat.waiting import PAUSE_SECONDS, Waiting
from lam.configuration import DEFAULT, Configuration, Configured, Server, default_server
from lam.data_folder import DataFolder
from lam.documents.reader import DocumentReader
from lam.engines.base import Engine, Pictures
from lam.engines.breaker import Tolerance
from lam.engines.catalog import Catalog
from lam.engines.mqtt_workers import MqttWorkersEngine
from lam.engines.open_job import Silences
from lam.engines.openai_http import OpenAIHttpEngine, Probing
from lam.engines.prompt_portal import PromptPortalEngine
from lam.engines.queue import Queue, Settling
from lam.engines.retries import Pauses
from lam.engines.servers import LINGER_SECONDS, Servers
from lam.engines.shared_queue import SharedQueue, Sharing
from lam.engines.voice import Voice
from lam.engines.voice_servers import Times
from lam.generation.contracts import Kind
from lam.generation.pump import Limits
from lam.generation.recovery import FORGOTTEN_SECONDS, Leftovers, Orphans
from lam.generation.supervisor import Supervisor, Waits
from lam.lab.borrowing import Patience as LabPatience
from lam.lab.cells import CellKind
from lam.lab.lab import Lab
from lam.llama.local_engine import LocalEngine
from lam.llama.models import LocalModels
from lam.maze.games import GAMES_OF_USER, Games
from lam.maze.hints import Hints
from lam.maze.log import Replays
from lam.media.media import Keeping, Media
from lam.mqtt.connection import Broker, Pace
from lam.programs.archive import Archive
from lam.programs.idempotency import Idempotency
from lam.programs.programs import Programs
from lam.programs.runs import ProgramRuns
from lam.redis.link import key_prefix
from lam.redis.relay import Relay
from lam.redis.signals import Signals
from lam.redis.throttles import Throttles
from lam.rooms.keeper import CHECK_SECONDS as ROOMS_SECONDS
from lam.rooms.keeper import Keeper
from lam.rooms.news import Formats, News
from lam.rooms.playing import terms_of_player
from lam.rooms.rooms import ROOMS_OF_USER, Rooms
from lam.rooms.views import Sight
from lam.settings import Settings, broker_address, prefix_of
from lam.several import Several, TakeOver
from lam.storage.database import Database, database_url
from lam.storage.database_file import CHECK_SECONDS
from lam.storage.leases import Leases
from lam.storage.leases import Pace as LeasePace
from lam.storage.lock import WAIT_SECONDS, exclusive
from lam.storage.postgresql import Watch
from lam.storage.readiness import Belief, Readiness
from lam.storage.repositories.base import Touched
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
    sharing: Sharing = Sharing()
    pauses: Pauses = Pauses()
    probing: Probing = Probing()
    silences: Silences = Silences()
    broker: Pace = Pace()
    lock: Watch = Watch()
    lock_wait: float = WAIT_SECONDS  # for a database that another gateway has
    leases: LeasePace = LeasePace()
    lab: LabPatience = LabPatience()
    readiness: Belief = Belief()
    tolerance: Tolerance = Tolerance()
    media: Keeping = Keeping()
    voice: Times = Times()
    database_check: float = CHECK_SECONDS  # to examine an SQLite file at startup
    login_delay: float = FIRST_DELAY  # delay of the first login that waits
    waiting_pause: float = PAUSE_SECONDS  # between two attempts to send a waiting message that is refused for now
    forgotten: float = FORGOTTEN_SECONDS  # until a run counts as forgotten that is stored as running here, and does not run
    linger: float = LINGER_SECONDS  # of a server that is no longer configured, after its last run
    presence_left: float = LEFT_SECONDS  # without a connection
    without_redis: float = PATIENCE_SECONDS  # until a gateway counts as not ready
    tokens_of_user: int = TOKENS_OF_USER
    keys_of_user: int = KEYS_OF_USER
    folders_of_user: int = FOLDERS_OF_USER
    pinned_of_user: int = PINNED_OF_USER
    games_of_user: int = GAMES_OF_USER
    templates_of_user: int = TEMPLATES_OF_USER
    versions_of_template: int = VERSIONS_OF_TEMPLATE
    rooms: float = ROOMS_SECONDS
    rooms_of_user: int = ROOMS_OF_USER


USUAL: Final = Bounds()


class State(TypedDict):
    """The type of `request.state`."""

    services: Services


@cache
def _routes() -> Sequence[BaseRoute]:
    """Returns the routes of the API, built once for all gateways of a process: FastAPI takes long to analyse their parameters."""
    router = APIRouter()
    # In this order each is asked whether a request is its own: what is asked most comes early, and before `sessions` comes `chat`,
    # which has /sessions/import.
    parts = (
        openai,
        anthropic,
        chat,
        accounts,
        keys,
        folders,
        imports,
        sessions,
        messages,
        waiting,
        members,
        invitations,
        publications,
        media,
        events,
        templates,
        maze,
        lab,
        rooms,
        usage,
        voice,
        admin,
        configuration,
        system,
    )
    for part in parts:
        router.include_router(part.router)
    router.include_router(accounts.profile_router)
    router.include_router(keys.budgets_router)
    router.include_router(invitations.links)
    router.include_router(publications.pages)
    router.include_router(system.metrics_router)
    router.include_router(openai.unknown)
    return router.routes


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
    app.router.routes.extend(_routes())
    prefix = prefix_of(settings)
    app.router.routes.append(docs.route(prefix))
    describe(app, prefix)
    app.router.routes.append(page.route(built, prefix))  # last: it matches every other address

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
    if prefix:
        app.add_middleware(Prefix, prefix=prefix)
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
        owner = f"{settings.mqtt_client_id[:48]}-{secrets.token_hex(4)}"
        leases: Leases | None = None
        if settings.lam_redis_url is None:
            database_lost = await stack.enter_async_context(exclusive(url, bounds.lock_wait, bounds.lock))
        else:
            leases = await stack.enter_async_context(Leases(url, owner, bounds.leases))
            database_lost = leases.lost
        pool, check = settings.database_pool_size, bounds.database_check
        database = Database(url, pool_size=pool, check_seconds=check, shared=leases is not None)
        stack.push_async_callback(database.close)
        await database.upgrade(used=folder.token.exists() and settings.database_url is None)
        for note in notes:  # after everything is open: a failed start logs its error alone
            log.warning("%s", note)
        several: Several | None = None
        if leases is not None and settings.lam_redis_url is not None:
            signals = Signals(settings.lam_redis_url, owner, key_prefix(settings.secret_key or ""))
            several = Several(await stack.enter_async_context(signals), leases)
            await leases.begin()
        readiness = Readiness(database, bounds.readiness)
        stack.push_async_callback(readiness.close)
        relay = Relay(several.signals if several else None)

        def on_duty() -> bool:
            """Whether this gateway does the work that one of several does for all."""
            return several is None or several.leases.holds("housekeeping") is not None

        store = RunStore(database)
        replays = Replays()
        replies, hints = Replies(database), Hints(database, replays)
        archive = Archive(most_sessions=settings.lam_max_sessions_per_user, most_folders=bounds.folders_of_user)
        program_runs = ProgramRuns(database, archive)
        cells = CellKind(database)
        further: list[Kind] = [cells, program_runs, *(make(database) for make in kinds)]
        every_kind: list[Kind] = [replies, TitleKind(database), hints, *further]
        orphans, ended = Orphans(store, every_kind, ()), 0
        if several is None:
            orphans = await Orphans.take_over(store, every_kind, owner)
            goes_on = replies.name if settings.lam_healing else None
            ended = len(await orphans.end(lambda run: run.on_disconnect == "continue" and run.kind == goes_on))
        async with database.write() as unit:
            await settle_orphans(unit, None if several is None else datetime.now(UTC) - NO_ORPHAN)
        await stack.enter_async_context(Reservations(database, on_duty=on_duty))
        spending = Spending()
        media_ = await stack.enter_async_context(
            Media(database, quota=settings.lam_media_quota_mb * 1_000_000, keeping=bounds.media, on_duty=on_duty)
        )
        archive.pictures = media_
        configured = Configured(settings)
        spending.configure(_budgets(configured.now, settings))
        configured.after_change.append(lambda new: spending.configure(_budgets(new, settings)))
        local = local_models(settings, configured.now)
        servers = await stack.enter_async_context(
            Servers(lambda server: engine_to(server, settings, bounds, media_, local), linger=bounds.linger)
        )
        await servers.replace(configured.now.servers)
        for engine in servers.engines.values():
            if isinstance(engine, OpenAIHttpEngine):
                log.info("Replies come from %s", engine.source)
        catalog = await stack.enter_async_context(
            Catalog(
                servers.engines,
                configuration=configured.now,
                emails=lambda user_id: email_of(database, user_id),
                tolerance=bounds.tolerance,
                mode=settings.llm_comm_mode,
                most_waiting=settings.lam_max_queue,
                timeout=settings.llm_timeout,
                settling=bounds.settling,
                pauses=bounds.pauses,
                heals=settings.lam_healing,
                queue=partial(SharedQueue, post=several.signals, duties=several.leases, sharing=bounds.sharing)
                if several
                else Queue,
            )
        )

        async def apply(configuration: Configuration) -> None:
            await servers.replace(configuration.servers, catalog.uses)
            catalog.replace(servers.engines, configuration)
            local.limit(memory_mb=configuration.local.memory_mb, idle_seconds=configuration.local.idle_seconds)

        configured.apply = apply
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
        if several is not None:
            supervisor.after_loss.append(program_runs.lost)
            resumable = [replies.name] if settings.lam_healing else []
            await stack.enter_async_context(several.meet(supervisor, store, shelf, waits=bounds.runs, kinds=resumable))
            program_runs.elsewhere = several.remote_runs.recall
        passwords = Passwords(bounds.hashing.hasher())
        budgets = Budgets(first_delay=bounds.login_delay, shared=Throttles(several.signals.link) if several else None)
        stack.callback(passwords.close)
        secret_key = settings.secret_key or folder.secret_key()
        sessions_ = Sessions(
            database, catalog, supervisor, most=settings.lam_max_sessions_per_user, most_pinned=bounds.pinned_of_user
        )
        accounts_ = Accounts(
            database,
            passwords,
            budgets,
            secret_key=secret_key,
            registration=settings.lam_registration,
            end_runs=sessions_.end_runs_of_account,
            most_tokens=bounds.tokens_of_user,
        )
        kept = folder.read(folder.token)
        token = await accounts_.local_token(kept, alone=several is None)
        if token != kept:
            folder.write(folder.token, token)
        titles = await stack.enter_async_context(Titles(database, catalog, supervisor, spending, enabled=settings.lam_titles))
        streams = Streams(
            supervisor, shelf, [replies, hints, *further], partial(name_of_stopper, database), several.mirrors if several else None
        )
        keys_ = Keys(database, spending, secret_key=secret_key, most=bounds.keys_of_user)
        open_streams = await stack.enter_async_context(OpenStreams(accounts_.still_good, keys_.still_good, bounds.connections))
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
        spending.after_refusal.append(metrics.refused)
        spending.after_use.append(metrics.reserved)
        tracing = await stack.enter_async_context(traces(settings.lam_traces_url))
        if tracing is not None:
            supervisor.after_end.append(tracing.after)
        changes = await stack.enter_async_context(Changes(Listed(sessions_), sessions_.people))
        supervisor.after_start.append(changes.run_started)
        supervisor.after_end.append(changes.run_ended)

        def notice(session_id: int, user_id: int, state: PresenceState) -> None:
            changes.in_session(session_id, {"type": "presence", "user_id": user_id, "presence": state}, but=user_id)
            news.came(session_id)

        presence = await stack.enter_async_context(Presence(notice, left_seconds=bounds.presence_left))
        events_ = EventConnections(changes, streams, presence, owner)
        sight = Sight(supervisor.of_key, presence.of)
        formats = Formats(room_event, participant_event)
        news = await stack.enter_async_context(News(database, changes, sight, formats, relay, enabled=settings.lam_rooms))
        supervisor.after_start.append(news.run_changed)
        supervisor.after_end.append(news.run_changed)

        revocations = Revocations(events_, open_streams, sessions_.may_read)

        def follow_commit(touched: Touched) -> None:
            revocations.after(touched)
            report(changes, touched)
            news.touched(touched)

        database.after_commit.append(relay.everywhere("touched", follow_commit))
        guests = Guests(database, secret_key=secret_key)
        in_session = relay.everywhere("in-session", changes.in_session)
        members_ = Members(database, in_session, sessions_, most_sessions=settings.lam_max_sessions_per_user)
        lab_ = await stack.enter_async_context(
            Lab(settings, database, catalog, supervisor, spending, changes, bounds.lab, relay, on_duty)
        )
        cells.changed = lab_.take_back
        messages_ = Messages(settings, database, catalog, supervisor, streams, titles, media_, spending)
        going_on = RepliesGoOn(replies, database, catalog, titles, media_)
        resumed = await orphans.resume(going_on, supervisor, seconds=settings.lam_heal_seconds)
        ended += len(await orphans.end())
        if ended or resumed:
            log.warning("The last stop of the gateway broke off %d runs: %d go on, %d ended", ended + resumed, resumed, ended)
        if several is not None:
            resumption, age = going_on if settings.lam_healing else None, settings.lam_heal_seconds
            await stack.enter_async_context(
                TakeOver(several, supervisor, store, every_kind, resumption, seconds=age, forgotten=bounds.forgotten)
            )
        else:
            leftovers = await stack.enter_async_context(Leftovers(supervisor, store, every_kind, seconds=bounds.forgotten))
            leftovers.after_end += [changes.run_ended, news.run_changed]
        waiting_ = await stack.enter_async_context(Waiting(database, messages_, supervisor, relay, pause=bounds.waiting_pause))
        supervisor.after_end.append(waiting_.after)
        voice_ = await stack.enter_async_context(Voice.of(settings, bounds.voice))
        search_index = await stack.enter_async_context(SearchIndex(database))
        guests = Guests(database, secret_key=secret_key)
        transfer = Transfer(database, media_, most_sessions=settings.lam_max_sessions_per_user, most_folders=bounds.folders_of_user)
        rooms_ = Rooms(
            database,
            catalog,
            supervisor,
            guests,
            lab_,
            transfer,
            news,
            sight,
            relay.everywhere("hide", events_.hide),
            wrong_codes=budgets.codes,
            tarpit=budgets.tarpit,
            most=bounds.rooms_of_user,
        )
        wishes, neighbours, running = Wishes(events_, presence, sessions_, rooms_), None, RunningReplies(supervisor)
        if several is not None:
            wishes = Wishes(events_, presence, sessions_, rooms_, several.signals, several.leases.peers)
            running = RunningReplies(supervisor, several.signals, several.leases.peers)
            neighbours = Neighbours(
                several.signals, several.leases, presence, changes, revocations.check, patience=bounds.without_redis
            )
            metrics.watch("lam_peers", "Other gateways that live", lambda: len(several.leases.peers()))
            metrics.watch("lam_redis_up", "Whether Redis answers", lambda: several.signals.since_lost is None)
            neighbours.after_death.append(waiting_.gateway_died)
            supervisor.after_loss.append(waiting_.after_loss)
            several.leases.after_change.append(lab_.wake)
            tasks = Background()
            stack.push_async_callback(tasks.close)

            def read_again() -> None:
                tasks.run("configuration", configured.follow)

            configured.after_reload.append(relay.elsewhere("configuration", read_again))
            tasks.run("configuration", configured.catch_up)
            several.remote_runs.after_start += [changes.run_started, news.run_changed]
            several.remote_runs.after_end += [changes.run_ended, news.run_changed, waiting_.after_elsewhere]
            await stack.enter_async_context(neighbours)
        await stack.enter_async_context(Keeper(database, rooms_, check=bounds.rooms, on_duty=on_duty))
        yield Services(
            settings=settings,
            database=database,
            readiness=readiness,
            catalog=catalog,
            configured=configured,
            supervisor=supervisor,
            accounts=accounts_,
            administration=Administration(database, passwords, budgets.admin, sessions_.end_runs_of_account),
            guests=guests,
            keys=keys_,
            spending=spending,
            sessions=sessions_,
            folders=Folders(database, catalog, most=bounds.folders_of_user),
            members=members_,
            presence=presence,
            publishing=Publishing(database, secret_key=secret_key),
            invitations=Invitations(database, guests, members_, secret_key=secret_key),
            messages=messages_,
            waiting=waiting_,
            streams=streams,
            templates=Templates(database, most=bounds.templates_of_user, most_versions=bounds.versions_of_template),
            games=Games(settings, database, catalog, supervisor, replays, spending, terms_of_player, most=bounds.games_of_user),
            lab=lab_,
            programs=Programs(
                settings,
                database,
                catalog,
                supervisor,
                program_runs,
                Idempotency(database, streams.logs),
                media_,
                spending,
                stores=lambda: configured.now.programs.store,
            ),
            rooms=rooms_,
            search=Search(database, search_index),
            transfer=transfer,
            imports=Imports(database, transfer, most_sessions=settings.lam_max_sessions_per_user),
            usage=UsageReport(database),
            documents=DocumentReader(),
            media=media_,
            voice=voice_,
            metrics=metrics,
            open_streams=open_streams,
            connections=connections,
            events=events_,
            wishes=wishes,
            running=running,
            neighbours=neighbours,
            database_lost=database_lost,
            several=several,
        )


def engine_of(settings: Settings, bounds: Bounds = USUAL, pictures: Pictures | None = None) -> AbstractAsyncContextManager[Engine]:
    """Returns the engine for the server that LLM_* and MQTT_* describe. Raises ConfigError."""
    return engine_to(default_server(settings), settings, bounds, pictures)


def local_models(settings: Settings, configuration: Configuration) -> LocalModels:
    """Returns what the local models of a gateway share."""
    shared = configuration.local
    return LocalModels(folder=settings.lam_data_dir / "local", memory_mb=shared.memory_mb, idle_seconds=shared.idle_seconds)


def engine_to(
    server: Server,
    settings: Settings,
    bounds: Bounds = USUAL,
    pictures: Pictures | None = None,
    local: LocalModels | None = None,
) -> AbstractAsyncContextManager[Engine]:
    """Returns the engine for a server. `pictures`: where it finds those of its requests. `local`: what it shares with other local
    models. Raises ConfigError."""
    if server.kind == "openai":
        return OpenAIHttpEngine.to(server, bounds.probing, pictures)
    if server.file is not None:
        return LocalEngine(
            local or LocalModels(folder=settings.lam_data_dir / "local"),
            name=server.model or server.name,
            file=server.file,
            n_ctx=server.n_ctx,
            slots=server.slots or 1,
            eye=server.eye,
            chat_template=server.chat_template,
            threads=server.threads,
            speculate=server.speculate,
            pictures=pictures,
        )
    if server.kind == "prompt_portal":
        return PromptPortalEngine(
            broker_of(server, settings, bounds),
            name=settings.mqtt_client_id,
            model=server.model,
            slots=server.slots,
            timeout=settings.llm_timeout,
            max_packet=settings.mqtt_max_packet,
            chunk_size=settings.mqtt_chunk_size,
            chunk_delay=settings.mqtt_chunk_delay,
        )
    return MqttWorkersEngine(
        broker_of(server, settings, bounds),
        name=settings.mqtt_client_id,
        prefix=server.prefix,
        model=server.model,
        max_packet=settings.mqtt_max_packet,
        chunk_size=settings.mqtt_chunk_size,
        chunk_delay=settings.mqtt_chunk_delay,
        silences=bounds.silences,
        pictures=pictures,
    )


def broker_of(server: Server, settings: Settings, bounds: Bounds) -> Broker:
    """Returns the broker of a server."""
    host, port = broker_address(server.broker or "", f"`broker` of the server {server.name}")
    return Broker(
        host=host,
        port=port or (8883 if server.tls else 1883),
        username=server.username,
        password=server.password,
        tls=server.tls,
        ca_file=server.ca_file,
        ca_setting="MQTT_CA_FILE" if server.name == DEFAULT else f"`ca_file` of the server {server.name}",
        version=settings.mqtt_version,
        pace=bounds.broker,
    )


def _budgets(configuration: Configuration, settings: Settings) -> Defaults:
    """Returns the budgets of a configuration."""
    groups = [
        GroupBudget(name=group.name, users=frozenset(user.lower() for user in group.users), budget=group.budget)
        for group in configuration.groups
        if group.budget
    ]
    budget = configuration.budget
    return Defaults(user=budget.user, key=budget.key, groups=tuple(groups), tokens=settings.llm_max_tokens)
