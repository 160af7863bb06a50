"""Signals between gateways, over a real Redis that dies, freezes and forgets."""

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from lam.errors import Unreachable
from lam.redis.link import Pace, key_prefix
from lam.redis.signals import MOST_WAITING, Signals

from ..conftest import find_program
from ..redis_server import RedisServer, running_redis
from ..waiting import until

pytestmark = [pytest.mark.postgresql, pytest.mark.sse]
QUICK = Pace(block=0.2, answer=0.5, first_pause=0.02, longest_pause=0.1)
LONG = 30.0
ALL = Path("all")


def number_on(server: RedisServer) -> int:
    return int(server.url_for(ALL).rpartition("/")[2])


class Ear:
    """What one gateway heard of a kind, in order."""

    def __init__(self, signals: Signals, kind: str = "news") -> None:
        self.heard: list[tuple[str, bytes]] = []
        signals.hear(kind, lambda sender, body: self.heard.append((sender, body)))

    def of(self, sender: str) -> list[int]:
        return [int(body) for by, body in self.heard if by == sender]


@asynccontextmanager
async def gateways(server: RedisServer, *names: str, pace: Pace = QUICK) -> AsyncIterator[Sequence[Signals]]:
    prefix = f"test-{secrets.token_hex(4)}"
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(Signals(server.url_for(ALL), name, prefix, pace=pace)) for name in names]


async def test_all_others_hear_a_signal_to_all_and_nobody_hears_their_own(redis: RedisServer) -> None:
    async with gateways(redis, "a", "b", "c") as (a, b, c):
        ears = [Ear(one) for one in (a, b, c)]
        a.send_all("news", b"1")
        b.send_all("news", b"2")
        await until(lambda: [len(ear.heard) for ear in ears] == [1, 1, 2])
        assert ears[0].heard == [("b", b"2")]
        assert ears[1].heard == [("a", b"1")]
        assert sorted(ears[2].heard) == [("a", b"1"), ("b", b"2")]


async def test_another_studio_on_the_same_redis_hears_nothing(redis: RedisServer) -> None:
    ours, theirs = key_prefix("our secret key"), key_prefix("their secret key")
    async with AsyncExitStack() as stack:
        a, b, stranger = [
            await stack.enter_async_context(Signals(redis.url_for(ALL), name, prefix, pace=QUICK))
            for name, prefix in (("a", ours), ("b", ours), ("b", theirs))
        ]
        heard, overheard = Ear(b), Ear(stranger)
        a.send_all("news", b"1")
        a.send("b", "news", b"2")
        await until(lambda: heard.of("a") == [1, 2])
        assert overheard.heard == []


async def test_one_gateway_alone_hears_a_signal_to_it(redis: RedisServer) -> None:
    async with gateways(redis, "a", "b", "c") as (a, b, c):
        at_b, at_c, at_a = Ear(b), Ear(c), Ear(a)
        a.send("b", "news", b"1")
        a.send("a", "news", b"2")
        a.send_all("news", b"3")
        await until(lambda: len(at_b.heard) == 2 and at_c.heard and at_a.heard)
        assert (at_b.of("a"), at_c.of("a"), at_a.of("a")) == ([1, 3], [3], [2])


async def test_signals_of_one_sender_keep_their_order_whichever_way_they_go(redis: RedisServer) -> None:
    async with gateways(redis, "a", "b") as (a, b):
        ear = Ear(b)
        for number in range(3000):
            a.send_all("news", b"%d" % number) if number % 3 else a.send("b", "news", b"%d" % number)
            if number % 97 == 0:
                await asyncio.sleep(0)
        await until(lambda: len(ear.heard) == 3000)
        assert ear.of("a") == list(range(3000))


async def test_who_joins_later_hears_nothing_of_before(redis: RedisServer) -> None:
    prefix = f"test-{secrets.token_hex(4)}"
    async with Signals(redis.url_for(ALL), "a", prefix, pace=QUICK) as a, Signals(redis.url_for(ALL), "b", prefix, pace=QUICK) as b:
        early = Ear(b)
        a.send_all("news", b"1")
        await until(lambda: early.heard)
        late = Signals(redis.url_for(ALL), "c", prefix, pace=QUICK)
        ear = Ear(late)
        async with late:
            a.send_all("news", b"2")
            await until(lambda: ear.heard)
            assert ear.of("a") == [2]


async def test_a_question_gets_its_answer(redis: RedisServer) -> None:
    async with gateways(redis, "a", "b") as (a, b):

        async def twice(sender: str, body: bytes) -> bytes:
            return body * 2 + sender.encode()

        b.answer("twice", twice)
        answers = await asyncio.gather(*(a.ask("b", "twice", b"%d" % number, LONG) for number in range(50)))
        assert answers == [b"%d%da" % (number, number) for number in range(50)]


async def test_a_question_that_nobody_answers_fails_in_time(redis: RedisServer) -> None:
    async with gateways(redis, "a") as (a,):
        with pytest.raises(Unreachable):
            await a.ask("nobody", "twice", b"", 0.1)


async def test_a_question_that_cannot_be_answered_fails_at_once(redis: RedisServer, caplog: pytest.LogCaptureFixture) -> None:
    async with gateways(redis, "a", "b") as (a, b):

        async def broken(_sender: str, _body: bytes) -> bytes:
            raise RuntimeError("broken")

        b.answer("broken", broken)
        for kind in ("broken", "unknown"):
            with pytest.raises(Unreachable):
                await a.ask("b", kind, b"", LONG)
    assert "broken" in caplog.text


async def test_a_broken_handler_and_a_foreign_entry_stop_nobody(redis: RedisServer, caplog: pytest.LogCaptureFixture) -> None:
    async with gateways(redis, "a", "b") as (a, b):
        b.hear("news", lambda _sender, _body: 1 // 0)
        ear = Ear(b)
        for field in ("x", "m"):
            redis.command("XADD", a.link.key("all").decode(), "*", field, "hostile", number=number_on(redis))
        a.send_all("news", b"1")
        await until(lambda: ear.heard)
    assert "ZeroDivisionError" in caplog.text


@pytest.mark.parametrize("harm", ["kill", "freeze"])
async def test_what_is_said_while_redis_is_away_is_heard_once_when_it_is_back(
    mortal_redis: RedisServer, harm: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with gateways(mortal_redis, "a", "b") as (a, b):
        ear, returns = Ear(b), []
        b.after_return.append(lambda: returns.append(True))
        a.send_all("news", b"0")
        await until(lambda: ear.heard)
        mortal_redis.kill() if harm == "kill" else mortal_redis.freeze()
        for number in range(1, 20):
            a.send_all("news", b"%d" % number)
        await until(lambda: a.since_lost is not None and b.since_lost is not None)
        a.send_all("news", b"20")
        assert not returns
        mortal_redis.start() if harm == "kill" else mortal_redis.thaw()
        await until(lambda: len(ear.heard) >= 21 and a.since_lost is None and b.since_lost is None)
        a.send_all("news", b"21")
        await until(lambda: ear.of("a")[-1] == 21)
        assert ear.of("a") == list(range(22))
        assert returns
    assert caplog.text.count("It is tried again and again") <= 6  # once for each reason, at each of the two


async def test_more_signals_than_are_kept_are_noticed_as_lost(mortal_redis: RedisServer) -> None:
    async with gateways(mortal_redis, "a", "b") as (a, b):
        ear, returns = Ear(b), []
        b.after_return.append(lambda: returns.append(True))
        a.send_all("news", b"0")
        await until(lambda: ear.heard)
        mortal_redis.kill()
        await until(lambda: b.since_lost is not None)
        most = MOST_WAITING + 50
        for number in range(1, most + 1):
            a.send_all("news", b"%d" % number)
        assert len(a._waiting) == MOST_WAITING
        mortal_redis.start()
        await until(lambda: ear.of("a")[-1] == most)
        assert ear.of("a") == [0, *range(most - MOST_WAITING + 1, most + 1)]
        await until(lambda: len(returns) >= 2)  # for the loss of Redis, and for the gap


async def test_a_gateway_without_redis_waits_for_it_and_says_so(
    mortal_redis: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    mortal_redis.kill()
    signals = Signals(mortal_redis.url_for(ALL).replace("//", "//:hunter2@"), "a", pace=QUICK)
    entering = asyncio.create_task(signals.__aenter__())
    await until(lambda: f"Redis at 127.0.0.1:{mortal_redis.port} cannot be reached" in caplog.text)
    assert not entering.done()
    mortal_redis.start()
    await asyncio.wait_for(_refused_or_entered(entering, caplog), LONG)
    entering.cancel()
    await asyncio.gather(entering, return_exceptions=True)
    assert "hunter2" not in caplog.text


async def _refused_or_entered(entering: asyncio.Task[Signals], caplog: pytest.LogCaptureFixture) -> None:
    """Without a password of its own, Redis refuses ours."""
    await until(lambda: entering.done() or "AUTH" in caplog.text)
    if entering.done():
        await (await entering).__aexit__(None, None, None)


async def test_a_wrong_password_is_named_without_it(caplog: pytest.LogCaptureFixture) -> None:
    with running_redis(find_program("redis-server"), "correct") as server:
        url = server.url_for(ALL).replace("correct", "hunter2")
        entering = asyncio.create_task(Signals(url, "a", pace=QUICK).__aenter__())
        await until(lambda: "cannot be reached" in caplog.text)
        entering.cancel()
        await asyncio.gather(entering, return_exceptions=True)
        async with Signals(url.replace("hunter2", "correct"), "a", pace=QUICK) as signals:
            assert signals.since_lost is None
    assert "password" in caplog.text
    assert "hunter2" not in caplog.text


async def test_a_full_redis_counts_as_lost_until_it_takes_signals_again(mortal_redis: RedisServer) -> None:
    async with gateways(mortal_redis, "a", "b") as (a, b):
        ear = Ear(b)
        mortal_redis.command("CONFIG", "SET", "maxmemory", "1")
        a.send_all("news", b"1")
        await until(lambda: a.since_lost is not None)
        mortal_redis.command("CONFIG", "SET", "maxmemory", "0")
        await until(lambda: ear.heard)
        assert ear.of("a") == [1]
        await until(lambda: a.since_lost is None)


async def test_a_failed_write_is_tried_again_though_nobody_has_anything_to_say(mortal_redis: RedisServer) -> None:
    async with gateways(mortal_redis, "a") as (a,):
        mortal_redis.command("CONFIG", "SET", "maxmemory", "1")
        with pytest.raises(Unreachable):
            await a.link.run([("SET", "key", "value")])
        assert a.since_lost is not None
        mortal_redis.command("CONFIG", "SET", "maxmemory", "0")
        await until(lambda: a.since_lost is None)


async def test_the_last_words_of_a_gateway_are_heard(redis: RedisServer) -> None:
    prefix = f"test-{secrets.token_hex(4)}"
    async with Signals(redis.url_for(ALL), "b", prefix, pace=QUICK) as b:
        ear = Ear(b)
        async with Signals(redis.url_for(ALL), "a", prefix, pace=QUICK) as a:
            a.send_all("news", b"1")
        await until(lambda: ear.heard)


async def test_streams_of_signals_stay_short_and_end(redis: RedisServer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    async with gateways(redis, "a", "b") as (a, b):
        ear = Ear(b)
        for number in range(12_000):
            a.send("b", "news", b"%d" % number)
            if number % 500 == 0:
                await until(lambda: not a._waiting)
        await until(lambda: ear.heard and ear.of("a")[-1] == 11_999)
        key = a.link.key("to", "b").decode()
        assert int(redis.command("XLEN", key, number=number_on(redis))[1:]) < 11_000
        assert 0 < int(redis.command("TTL", key, number=number_on(redis))[1:]) <= 3600


async def test_a_question_asked_while_redis_is_away_is_not_heard_later(mortal_redis: RedisServer) -> None:
    async with gateways(mortal_redis, "a", "b") as (a, b):
        asked = list[bytes]()

        async def answer(_sender: str, body: bytes) -> bytes:
            asked.append(body)
            return body

        b.answer("stop", answer)
        mortal_redis.kill()
        await until(lambda: (a.since_lost or 0) >= QUICK.answer)
        with pytest.raises(Unreachable):
            await a.ask("b", "stop", b"1", LONG)
        mortal_redis.start()
        await until(lambda: a.since_lost is None and b.since_lost is None)
        assert await a.ask("b", "stop", b"2", LONG) == b"2"
        assert asked == [b"2"]


async def test_what_a_gateway_says_to_itself_alone_ends_too(redis: RedisServer) -> None:
    async with gateways(redis, "a") as (a,):
        key = a.link.key("to", "a").decode()
        a.link.follow(b"another stream", lambda *_: None)
        await until(lambda: redis.command("XLEN", key, number=number_on(redis)) != b":0\r\n")
        assert 0 < int(redis.command("TTL", key, number=number_on(redis))[1:]) <= 3600
