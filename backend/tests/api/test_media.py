"""Pictures over HTTP: uploaded, given to their owner alone, gone with the last message that shows them."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from lam.client.client import Client
from lam.errors import NotFound
from lam.gateway import Bounds
from lam.media.media import WAITING, Keeping
from lam.storage.database import Database
from lam.testing.server import ScriptedServer

from ..pictures import GREEN, RED, fetched, opened, photo, plain, upload, uploaded
from ..running import Gateway, running_gateway


async def rows(database: Database, table: str) -> int:
    async with database.read() as unit:
        return int((await unit._connection.execute(text(f"SELECT count(*) FROM {table}"))).scalar_one())


async def test_a_picture_is_stored_and_given_back_with_a_small_one(gateway: Gateway) -> None:
    async with gateway.client() as client:
        answer = await uploaded(client, photo((3000, 1500)))
        assert (answer["width"], answer["height"], answer["type"]) == (1568, 784, "image/jpeg")
        status, headers, data = await fetched(client, answer["id"])
        assert (status, headers["Content-Type"], len(data)) == (200, "image/jpeg", answer["bytes"])
        assert opened(data).size == (1568, 784)
        status, headers, small = await fetched(client, answer["id"], thumb="1")
        assert (status, headers["Content-Type"]) == (200, "image/webp")
        assert opened(small).size == (384, 192)


async def test_a_picture_is_no_document_and_kept_by_its_readers_browser_alone(gateway: Gateway) -> None:
    async with gateway.client() as client:
        _, headers, _ = await fetched(client, (await uploaded(client, plain()))["id"])
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in headers["Content-Security-Policy"]
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert headers["Cache-Control"].startswith("private")
    assert headers["Vary"] == "Authorization, Cookie"
    assert headers["Content-Disposition"] == 'inline; filename="picture.png"'


async def test_nobody_elses_picture_exists(gateway: Gateway) -> None:
    async with gateway.client() as client, await gateway.user("eve@example.org") as eve:
        media = (await uploaded(client, plain()))["id"]
        assert (await fetched(eve, media))[0] == 404
        assert (await fetched(eve, media, thumb="1"))[0] == 404
        with pytest.raises(NotFound):
            await eve.call("DELETE", f"/api/media/{media}")
        assert (await fetched(client, media))[0] == 200


async def test_the_same_picture_is_stored_once_under_ids_that_say_nothing(gateway: Gateway) -> None:
    async with gateway.client() as client, await gateway.user("eve@example.org") as eve:
        ids = {(await uploaded(one, plain()))["id"] for one in (client, client, eve)}
        assert len(ids) == 3
        assert (await rows(gateway.parts.database, "pictures"), await rows(gateway.parts.database, "media")) == (1, 3)
        for media in sorted(ids):
            owner = client if (await fetched(client, media))[0] == 200 else eve
            await owner.call("DELETE", f"/api/media/{media}")
        assert (await rows(gateway.parts.database, "pictures"), await rows(gateway.parts.database, "media")) == (0, 0)


async def test_the_same_picture_may_come_and_go_at_the_same_time(gateway: Gateway) -> None:
    async def come_and_go(client: Client) -> None:
        for _ in range(6):
            media = (await uploaded(client, plain()))["id"]
            assert (await fetched(client, media))[0] == 200
            await client.call("DELETE", f"/api/media/{media}")

    async with gateway.client() as client, await gateway.user("eve@example.org") as eve:
        await asyncio.gather(come_and_go(client), come_and_go(eve))
        assert (await rows(gateway.parts.database, "pictures"), await rows(gateway.parts.database, "media")) == (0, 0)


async def test_an_upload_taken_out_of_a_draft_is_deleted_at_once(gateway: Gateway) -> None:
    async with gateway.client() as client:
        media = (await uploaded(client, plain()))["id"]
        await client.call("DELETE", f"/api/media/{media}")
        assert (await fetched(client, media))[0] == 404
        with pytest.raises(NotFound):
            await client.call("DELETE", f"/api/media/{media}")


async def test_a_person_has_as_much_room_as_the_quota_says(scripted: ScriptedServer, tmp_path: Path) -> None:
    async with running_gateway(tmp_path / "data", llm_server_url=scripted.url, lam_media_quota_mb=1) as gateway:
        async with gateway.client() as client, await gateway.user("eve@example.org") as eve:
            data = photo((1000, 1000), quality=85)
            first = await uploaded(client, data)
            assert first["bytes"] > 250_000
            answers = [await upload(client, data) for _ in range(4)]
            assert [(status, answer.get("code")) for status, answer in answers if status != 201][-1] == (409, "media_quota")
            assert (await upload(eve, data))[0] == 201, "everybody has a quota of their own"
            await client.call("DELETE", f"/api/media/{first['id']}")
            assert (await upload(client, plain()))[0] == 201


async def test_a_gateway_without_room_for_pictures_says_so(scripted: ScriptedServer, tmp_path: Path) -> None:
    async with running_gateway(tmp_path / "data", llm_server_url=scripted.url, lam_media_quota_mb=0) as gateway:
        async with gateway.client() as client:
            status, answer = await upload(client, plain())
    assert (status, answer["code"], answer["detail"]) == (409, "media_quota", "This gateway keeps no pictures.")


async def test_pictures_that_nobody_shows_go_after_a_day(scripted: ScriptedServer, tmp_path: Path) -> None:
    async with running_gateway(tmp_path / "data", llm_server_url=scripted.url) as gateway, gateway.client() as client:
        earlier, later = (await uploaded(client, plain(RED)))["id"], (await uploaded(client, plain(GREEN)))["id"]
        async with gateway.parts.database.write() as unit:
            await unit.media.touch([earlier], datetime.now(UTC) - timedelta(hours=25))
        assert await gateway.parts.media.sweep() == 1
        assert [(await fetched(client, media))[0] for media in (earlier, later)] == [404, 200]
        assert await rows(gateway.parts.database, "pictures") == 1


async def test_what_nobody_shows_is_looked_for_again_and_again(scripted: ScriptedServer, tmp_path: Path) -> None:
    bounds = Bounds(media=Keeping(unshown=0, sweep=0.01))
    async with running_gateway(tmp_path / "data", llm_server_url=scripted.url, bounds=bounds) as gateway:
        async with gateway.client() as client:
            media = (await uploaded(client, plain()))["id"]
            async with asyncio.timeout(20):
                while (await fetched(client, media))[0] != 404:
                    await asyncio.sleep(0.01)


async def test_an_account_takes_its_pictures_with_it(gateway: Gateway) -> None:
    async with gateway.client() as client, await gateway.user("eve@example.org") as eve:
        await uploaded(client, plain(RED))
        for colour in (RED, GREEN):
            await uploaded(eve, plain(colour))
        await eve.call("DELETE", "/api/auth/account", {"password": "correct horse"})
        assert (await rows(gateway.parts.database, "pictures"), await rows(gateway.parts.database, "media")) == (1, 1)


@pytest.mark.parametrize("body", [b"", b"no picture"])
async def test_no_picture_is_no_upload(body: bytes, gateway: Gateway) -> None:
    async with gateway.client() as client:
        status, answer = await upload(client, body)
    assert status == 422
    assert answer["code"] == ("picture_unreadable" if body else "invalid")


async def test_more_than_20_mib_are_refused_before_they_are_read(gateway: Gateway) -> None:
    async with gateway.client() as client:
        status, answer = await upload(client, bytes((20 << 20) + 1))
        expected = {"detail": "A picture may have up to 20 MiB.", "code": "picture_too_large"}
        assert (status, answer) == (413, expected)

        async def pieces() -> Any:
            for _ in range(21):
                yield bytes(1 << 20)

        async with client._http.post(f"{client.url}/api/media", data=pieces()) as response:
            assert (response.status, await response.json()) == (413, expected)


async def test_an_upload_that_breaks_off_leaves_nothing(gateway: Gateway) -> None:
    async with gateway.client() as client:
        data = photo()
        reader, writer = await asyncio.open_connection("127.0.0.1", int(gateway.url.rsplit(":", 1)[1]))
        head = (
            f"POST /api/media HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {gateway.token}\r\nContent-Length: {len(data)}\r\n\r\n"
        )
        writer.write(head.encode() + data[: len(data) // 2])
        await writer.drain()
        writer.close()
        await reader.read()
        assert (await upload(client, data))[0] == 201
        assert await rows(gateway.parts.database, "media") == 1


async def test_a_person_waits_for_the_turn_of_another_upload_of_theirs_alone(gateway: Gateway) -> None:
    async with gateway.client() as client, await gateway.user("eve@example.org") as eve:
        async with gateway.parts.media.turn(1):
            first = asyncio.create_task(upload(client, plain()))
            assert (await upload(eve, plain()))[0] == 201
            assert not first.done()
        assert (await first)[0] == 201


async def test_too_many_uploads_at_once_are_refused(gateway: Gateway) -> None:
    async with gateway.client() as client, gateway.parts.media.turn(1):
        waiting = [asyncio.create_task(upload(client, plain())) for _ in range(WAITING + 5)]
        async with asyncio.timeout(20):
            done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        refused = [task.result() for task in done]
        assert {(status, answer["code"]) for status, answer in refused} == {(429, "too_many_uploads")}
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
