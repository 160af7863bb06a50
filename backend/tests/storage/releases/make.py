"""Writes a database as the first release leaves it. Run in a checkout of that release, with its `backend/src` on the path."""

import asyncio
import pathlib
import sys

sys.path.insert(0, ".")
from tests.running import collect, raw_stream, running_gateway

from lam.testing.server import Reply, ScriptedServer


async def main(out):
    data = pathlib.Path(out)
    async with ScriptedServer() as server:
        async with running_gateway(data, llm_server_url=server.url) as gateway:
            async with gateway.client() as client:
                t = await client.call("POST", "/api/templates", {"title": "Brief", "content": "Be brief, {{name}}."})
                a = await client.create_session(title="Stories", system_prompt="Tell stories.", temperature=0.5, max_tokens=99)
                server.reply = Reply(("Once ", "upon ", "a time"), thinking=("hm",))
                await collect(client, a["id"], "Tell me one")
                doc = '<document name="report.pdf" characters="5">\nSales\n</document>\n\nWhat is it about?'
                await collect(client, a["id"], doc)
                fake = '<document name="x" characters="99">\nshort\n</document>\n\nno'
                b = await client.create_session(template_id=t["id"], variables={"name": "Ada"})
                await collect(client, b["id"], fake)
                server.reply = Reply(fault="server_error", times=100)
                await collect(client, b["id"], "This fails")
                server.reply = Reply(("a", "b", "c"), hold=True)
                async with raw_stream(client, b["id"], "Stop me") as stream:
                    from lam.protocol.events import Chunk, Metadata

                    first = await stream.until(Metadata)
                    server.step(2)
                    await stream.until(Chunk)
                    await client.stop(first.stream_id)
                    await stream.rest()
            other = await gateway.user("grace@example.org")
            async with other:
                server.reply = Reply(("日本語の", "答え"))
                c = await other.create_session()
                await collect(other, c["id"], "質問 é🙂")


asyncio.run(main(sys.argv[1]))
