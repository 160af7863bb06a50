"""One connection to a broker, reopened for as long as its owner wants it.

Sessions are clean and nothing is queued during an outage: layers above number what must not be lost and request it again. The
client library connects once. A lost connection is thrown away, and a new one is made after a growing, jittered pause.
"""

import asyncio
import logging
import random
import socket
import ssl
from collections import deque
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Literal, Self

import gmqtt
from gmqtt.mqtt.constants import MQTTv50, MQTTv311
from gmqtt.mqtt.handler import MQTTConnectError
from gmqtt.storage import PersistentStorage
from msgspec import Struct

from lam.background import Background
from lam.errors import ConfigError
from lam.protocol.topics import matches
from lam.settings import Settings

log = logging.getLogger(__name__)

MOST_WAITING: Final = 100_000
LAST_WORD_SECONDS: Final = 0.1
QUICK_ACK: Final = getattr(socket, "TCP_QUICKACK", None)  # Linux
NO_SUBSCRIBERS: Final = 0x10  # reason code of an acknowledgement in MQTT 5: nobody subscribes to that topic
REFUSED_VERSION: Final = frozenset({1, 129, 130, 132})
VERSIONS: Final = {"5": MQTTv50, "3.1.1": MQTTv311}

Handler = Callable[[str, bytes, bool], None]


class Pace(Struct, frozen=True, kw_only=True):
    """Waiting times of a connection in seconds. `first_pause`: before it is opened again, doubled after each failure up to
    `longest_pause`."""

    first_pause: float = 0.2
    longest_pause: float = 15
    keep_alive: int = 15  # without a packet from us; the broker gives up after one and a half times that
    connect: float = 10
    watch: float = 1  # between two checks of an open connection


class Broker(Struct, frozen=True, kw_only=True):
    """A broker's address and the login for it.

    `ca_file`: additional authority for its certificate. `ca_setting`: where that stands, for people. `version`: the MQTT version
    to try first; a broker that rejects 5 gets 3.1.1.
    """

    host: str = "127.0.0.1"
    port: int = 1883
    username: str | None = None
    password: str | None = None
    tls: bool = False
    ca_file: Path | None = None
    ca_setting: str = "MQTT_CA_FILE"
    version: Literal["5", "3.1.1"] = "5"
    pace: Pace = Pace()

    @classmethod
    def of(cls, settings: Settings, pace: Pace = Pace()) -> Self:
        return cls(
            host=settings.mqtt_broker_host,
            port=settings.mqtt_broker_port,
            username=settings.mqtt_username,
            password=settings.mqtt_password,
            tls=settings.mqtt_tls,
            ca_file=settings.mqtt_ca_file,
            version=settings.mqtt_version,
            pace=pace,
        )

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"

    def context(self) -> ssl.SSLContext | None:
        """Returns the TLS context; None without TLS. Raises ConfigError when the file cannot be read."""
        if not self.tls:
            return None
        context = ssl.create_default_context()
        if self.ca_file is not None:
            try:
                context.load_verify_locations(self.ca_file)
            except OSError as error:
                raise ConfigError(f"{self.ca_setting}: {self.ca_file} cannot be read as certificates ({error}).") from error
        return context


class Will(Struct, frozen=True):
    """The retained message that the broker publishes when this connection is lost."""

    topic: str
    payload: bytes


class Connection:
    """A connection, as an async context manager: it owns the task that keeps it open. Entering does not wait for the broker.

    A handler gets topic, payload and whether the message was retained; its exceptions are logged and go no further. `on_connected`
    callbacks run after each connect, once everything is subscribed; `on_lost` callbacks after each loss.
    """

    def __init__(self, broker: Broker, client_id: str, *, will: Will | None = None, max_packet: int = 512 << 10) -> None:
        self.broker = broker
        self._context = broker.context()
        self.connected = False
        self.problem: str | None = None  # why it is not connected, for people
        self.on_connected: list[Callable[[], None]] = []
        self.on_lost: list[Callable[[], None]] = []
        self.reconnects = 0
        self.since = 0.0  # time of the last connect, by the loop's clock
        self._client_id = client_id
        self._will = will
        self._max_packet = max_packet
        self._broker_max = max_packet
        self._handlers: list[tuple[str, Handler]] = []
        self._client: gmqtt.Client | None = None
        self._socket: socket.socket | None = None
        self._waiting: deque[_Outgoing] = deque()
        self._unheard: dict[int, Callable[[], None]] = {}  # callbacks for messages without receivers, by packet number
        self._version = VERSIONS[broker.version]

    @property
    def max_packet(self) -> int:
        """The largest packet in bytes: our limit, or the broker's if that is smaller."""
        return min(self._max_packet, self._broker_max)

    async def __aenter__(self) -> Self:
        self._tasks = Background()
        self._tasks.keep(f"mqtt-{self._client_id}", self._keep)
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.flushed()
        await self._tasks.close()

    def subscribe(self, topic_filter: str, handler: Handler) -> None:
        """Subscribes now and after every reconnect."""
        self._handlers.append((topic_filter, handler))
        if self.connected and self._client is not None:
            self._client.subscribe(topic_filter, qos=1)

    def publish(self, topic: str, payload: bytes, *, retain: bool = False, unheard: Callable[[], None] | None = None) -> bool:
        """Passes a message to the broker, with delivery at least once. Returns False, and does nothing, without a connection.

        `unheard`: called when the broker reports that nobody subscribes to the topic, which only MQTT 5 can.
        """
        if not self.connected:
            return False
        message = _Outgoing(topic, payload, retain, unheard)
        if self._waiting or not self._send(message):
            if len(self._waiting) >= MOST_WAITING:
                return False
            self._waiting.append(message)
        return True

    async def flushed(self, seconds: float = 1) -> None:
        """Waits a little for the broker to acknowledge everything published."""
        client = self._client
        if not self.connected or client is None:
            return
        try:
            async with asyncio.timeout(seconds):
                await client._persistent_storage.wait_empty()
                while self._waiting:
                    await asyncio.sleep(0)
                    await client._persistent_storage.wait_empty()
        except TimeoutError:
            pass

    # The connection

    async def _keep(self) -> None:
        pace = self.broker.pace
        pause = pace.first_pause
        while True:
            lost = asyncio.Event()
            client = self._new_client(lost)
            try:
                await self._connect(client, lost)
                pause = pace.first_pause
                await self._until_lost(client, lost)
                self.problem = f"The connection to the broker at {self.broker.address} was lost."
            except _OlderVersion:
                continue
            except (OSError, MQTTConnectError, ValueError) as error:
                self._refused(error)
            except Exception:
                log.exception("The connection to the broker at %s failed", self.broker.address)
            finally:
                await self._dropped(client)
            await asyncio.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311  # spreads reconnects, guards nothing
            pause = min(2 * pause, pace.longest_pause)

    async def _until_lost(self, client: gmqtt.Client, lost: asyncio.Event) -> None:
        """Waits until the connection is lost, but not for unsent data at its close, which could take until TCP gives up."""
        while not lost.is_set() and not client._connection.is_closing():
            try:
                async with asyncio.timeout(self.broker.pace.watch):
                    await lost.wait()
            except TimeoutError:
                pass

    def _new_client(self, lost: asyncio.Event) -> gmqtt.Client:
        will = gmqtt.Message(self._will.topic, self._will.payload, qos=1, retain=True) if self._will else None
        client = _Client(
            lost,
            self._client_id,
            clean_session=True,
            will_message=will,
            persistent_storage=_InFlight(self._acknowledged),
            logger=_quiet,
        )
        if self.broker.username:
            client.set_auth_credentials(self.broker.username, self.broker.password)
        client.on_connect = self._accepted
        client.on_message = self._received
        client.on_disconnect = lambda *_: lost.set()
        handler = client._package_handler
        acknowledge = handler._handle_puback_packet

        def acknowledged(command: int, packet: bytes) -> None:  # the library ignores the reason code
            unheard = self._unheard.pop(int.from_bytes(packet[:2]), None)
            if unheard is not None and packet[2:3] == bytes([NO_SUBSCRIBERS]):
                unheard()
            acknowledge(command, packet)

        handler._handle_puback_packet = acknowledged
        return client

    async def _connect(self, client: gmqtt.Client, lost: asyncio.Event) -> None:
        connecting = asyncio.ensure_future(
            client.connect(
                self.broker.host,
                self.broker.port,
                ssl=self._context or False,
                keepalive=self.broker.pace.keep_alive,
                version=self._version,
            )
        )
        losing = asyncio.ensure_future(lost.wait())
        try:
            await asyncio.wait({connecting, losing}, timeout=self.broker.pace.connect, return_when=asyncio.FIRST_COMPLETED)
            if lost.is_set():
                await asyncio.wait({connecting}, timeout=LAST_WORD_SECONDS)  # the broker may have sent a reason
            if connecting.done():
                connecting.result()
            else:
                newer = self._version == MQTTv50
                self._version = MQTTv311 if newer else VERSIONS[self.broker.version]
                if lost.is_set() and newer:
                    raise _OlderVersion
                raise OSError("it does not answer as a broker" if lost.is_set() else "it does not answer")
        finally:
            connecting.cancel()
            losing.cancel()
            await asyncio.gather(connecting, losing, return_exceptions=True)
        self._client, self.connected, self.problem = client, True, None
        self._socket = client._connection._transport.get_extra_info("socket")
        self.reconnects += 1
        self.since = asyncio.get_running_loop().time()
        for topic_filter, _ in self._handlers:
            client.subscribe(topic_filter, qos=1)
        log.info("Connected to the broker at %s", self.broker.address)
        for callback in self.on_connected:
            callback()

    def _accepted(self, _client: gmqtt.Client, _flags: int, _code: int, properties: dict[str, Any]) -> None:
        maximum = properties.get("maximum_packet_size")
        self._broker_max = maximum[0] if maximum else self._max_packet

    def _refused(self, error: Exception) -> None:
        code = getattr(error, "_code", None)
        if code in REFUSED_VERSION and self._version == MQTTv50:
            self._version = MQTTv311
        reason = "wrong user name or password" if code in (4, 5, 134, 135) else str(error) or type(error).__name__
        problem = f"The broker at {self.broker.address} cannot be reached ({reason})."
        if problem != self.problem:
            log.warning("%s It is tried again and again.", problem)
        self.problem = problem

    async def _dropped(self, client: gmqtt.Client) -> None:
        was_connected, self.connected = self.connected, False
        self._client = self._socket = None
        self._waiting.clear()
        self._unheard.clear()
        client.on_disconnect = lambda *_: None
        if was_connected:
            for callback in self.on_lost:
                callback()
        try:
            async with asyncio.timeout(1):
                await client.disconnect()
        except (OSError, AttributeError, TimeoutError):
            pass
        finally:
            if client._connection is not None:
                client._connection._transport.abort()
                await asyncio.sleep(0)  # its socket closes in the next turn of the loop

    # Messages

    def _acknowledged(self) -> None:
        self._hasten()
        asyncio.get_running_loop().call_soon(self._flush)  # the packet number is free only after this

    def _hasten(self) -> None:
        """Makes the kernel acknowledge received data at once: a broker without TCP_NODELAY sends nothing before (40 ms on
        Linux)."""
        if QUICK_ACK is not None and self._socket is not None:
            try:
                self._socket.setsockopt(socket.IPPROTO_TCP, QUICK_ACK, 1)
            except OSError:  # it is closed already
                self._socket = None

    def _received(self, _client: gmqtt.Client, topic: str, payload: bytes, _qos: int, properties: dict[str, Any]) -> int:
        self._hasten()
        for topic_filter, handler in self._handlers:
            if matches(topic_filter, topic):
                try:
                    handler(topic, bytes(payload), bool(properties.get("retain")))
                except Exception:
                    log.exception("A message on %s could not be handled", topic)
        return 0

    def _send(self, message: "_Outgoing") -> bool:
        """Returns False when the broker must acknowledge other messages first."""
        assert self._client is not None
        try:
            self._client.publish(message.topic, message.payload, qos=1, retain=message.retain)
        except OverflowError:
            return False
        if message.unheard is not None:
            self._unheard[self._client._persistent_storage.last] = message.unheard
        return True

    def _flush(self) -> None:
        while self._waiting and self.connected and self._send(self._waiting[0]):
            self._waiting.popleft()


class _Outgoing(Struct, frozen=True):
    topic: str
    payload: bytes
    retain: bool
    unheard: Callable[[], None] | None


class _OlderVersion(Exception):
    """The broker closed the connection on MQTT 5."""


class _Client(gmqtt.Client):  # type: ignore[misc]  # the library is untyped
    """A client that connects once: it reports a lost connection instead of reopening it."""

    def __init__(self, lost: asyncio.Event, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._lost = lost

    async def reconnect(self, delay: bool = False) -> None:
        self._lost.set()


class _InFlight(PersistentStorage):  # type: ignore[misc]  # the library is untyped
    """Messages that the broker has not acknowledged, and a callback for when it has. `last`: the number of the newest packet."""

    def __init__(self, acknowledged: Callable[[], None]) -> None:
        super().__init__()
        self._acknowledged = acknowledged
        self.last = 0

    def push_message(self, mid: int, raw_package: bytes) -> None:
        self.last = mid
        super().push_message(mid, raw_package)

    def remove_message_by_mid(self, mid: int) -> None:
        super().remove_message_by_mid(mid)
        self._acknowledged()


_quiet: Final = logging.getLogger("gmqtt")  # `problem` and our own log already report the same
_quiet.setLevel(logging.CRITICAL + 1)
