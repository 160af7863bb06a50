"""The connections of a gateway to Redis."""

import gc
from pathlib import Path

from lam.redis.connection import Connections, exchange

from ..redis_server import RedisServer


async def test_one_that_comes_back_after_the_end_is_closed(redis: RedisServer, tmp_path: Path) -> None:
    connections = Connections(redis.url_for(tmp_path))
    connection = await connections.take()
    await connections.close()
    assert await exchange(connection, [["PING"]]) == [b"PONG"]
    await connections.give_back(connection)
    assert not connection.is_connected
    del connection, connections
    gc.collect()  # one that stayed open complains now


async def test_after_a_loss_connections_are_kept_again(redis: RedisServer, tmp_path: Path) -> None:
    connections = Connections(redis.url_for(tmp_path))
    await connections.give_back(first := await connections.take())
    await connections.forget()
    assert not first.is_connected
    await connections.give_back(second := await connections.take())
    assert await connections.take() is second
    await connections.give_back(second)
    await connections.close()
