"""contracts/asyncapi.yaml against the payload types of the code, and against all that is said on a real broker."""

import asyncio
import re
from collections import Counter
from pathlib import Path
from typing import Any

import jsonschema_rs
import msgspec
import pytest
import yaml

from lam.engines.mqtt_workers import MqttWorkersEngine
from lam.errors import PictureGone
from lam.mqtt.connection import Broker, Connection
from lam.protocol import events, jobs, pictures
from lam.protocol.chat import ChatRequest, Picture, Turn
from lam.protocol.events import Chunk, Metadata
from lam.protocol.places import Excerpt
from lam.protocol.sampling import Sampling
from lam.protocol.tools import Call, Tool, ToolChoice
from lam.testing.server import Reply, ScriptedServer

from ..brokers import Mosquitto
from ..running import collect, raw_stream, worker_for
from ..stored_pictures import Store, picture_of
from ..tunnel import engine_of, mqtt_gateway, until_ready
from ..waiting import until

CONTRACT = yaml.safe_load((Path(__file__).parents[3] / "contracts" / "asyncapi.yaml").read_text())
SCHEMAS: dict[str, Any] = CONTRACT["components"]["schemas"]
PAYLOADS: dict[str, type[msgspec.Struct]] = {
    "WorkerStatus": jobs.WorkerStatus,
    "ServedModel": jobs.ServedModel,
    "Job": jobs.Job,
    "JobRequest": jobs.JobRequest,
    "ToolRequest": jobs.ToolRequest,
    "Tool": Tool,
    "ToolChoice": ToolChoice,
    "Call": Call,
    "Turn": Turn,
    "Picture": Picture,
    "Sampling": Sampling,
    "Control": jobs.Control,
    "Want": pictures.Want,
    "Piece": pictures.Piece,
    "GatewayStatus": jobs.GatewayStatus,
    "Frame": jobs.Frame,
    "Accepted": jobs.Accepted,
    "Rejected": jobs.Rejected,
    "Progress": events.Progress,
    "Thinking": events.Thinking,
    "Chunk": events.Chunk,
    "ToolCall": events.ToolCall,
    "ToolResult": events.ToolResult,
    "Relabel": events.Relabel,
    "ImagePiece": events.ImagePiece,
    "JobFinished": jobs.JobFinished,
    "Excerpt": Excerpt,
    "Usage": events.Usage,
    "Failed": jobs.Failed,
}
TOOL_CALL = '{"choices": [{"delta": {"tool_calls": [{"index": 0, "id": "c", "function": {"name": "f", "arguments": "{}"}}]}}]}'
NAMES = {"Name", "Instance", "Hash", "FrameEvent"}


def strictly(schema: Any) -> Any:
    """The schema without room for fields that it does not name."""
    if isinstance(schema, list):
        return [strictly(inner) for inner in schema]
    if not isinstance(schema, dict):
        return schema
    found = {name: strictly(inner) for name, inner in schema.items()}
    return found | {"additionalProperties": False} if "properties" in found else found


def validator(name: str) -> jsonschema_rs.Draft202012Validator:
    schemas = {key: strictly(schema) for key, schema in SCHEMAS.items()}
    return jsonschema_rs.Draft202012Validator({"$ref": f"#/components/schemas/{name}", "components": {"schemas": schemas}})


def test_every_schema_is_a_type_of_the_code() -> None:
    assert set(SCHEMAS) == set(PAYLOADS) | NAMES
    kinds = {ref["$ref"].rpartition("/")[2] for ref in SCHEMAS["FrameEvent"]["oneOf"]}
    assert kinds == {name for name, kind in PAYLOADS.items() if kind.__struct_config__.tag}


@pytest.mark.parametrize("name", PAYLOADS)
def test_a_schema_has_the_fields_of_its_type(name: str) -> None:
    kind, schema = PAYLOADS[name], SCHEMAS[name]
    fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
    tag = kind.__struct_config__.tag
    tags = {"type"} if tag else set()
    assert set(schema["properties"]) - tags == set(fields)
    assert schema["properties"].get("type", {}).get("const") == tag
    assert set(schema.get("required", ())) - tags == {field.encode_name for field in fields.values() if field.required}
    for field_name, said in schema["properties"].items():
        if "default" in said:
            default = fields[field_name].default
            assert said["default"] == msgspec.json.decode(msgspec.json.encode(default))


def test_every_channel_has_a_topic_and_every_message_a_payload() -> None:
    channels, messages = CONTRACT["channels"], CONTRACT["components"]["messages"]
    assert {operation["channel"]["$ref"].rpartition("/")[2] for operation in CONTRACT["operations"].values()} == set(channels)
    for channel in channels.values():
        assert set(re.findall(r"{(\w+)}", channel["address"])) == set(channel["parameters"])
        assert {message["$ref"].rpartition("/")[2] for message in channel["messages"].values()} <= set(messages)
    for message in messages.values():
        validator(message["payload"]["$ref"].rpartition("/")[2])


@pytest.mark.live
@pytest.mark.sqlite
async def test_all_that_is_said_on_a_broker_is_in_the_contract(broker: Mosquitto, scripted: ScriptedServer, tmp_path: Path) -> None:
    """Replies with thinking, tools, progress, errors, usage, pictures; a stop, a resume, rejections, an answer in one piece."""
    heard: list[tuple[str, bytes]] = []
    scripted.slots = 4
    scripted.sees = True
    topics = {
        name: (
            re.compile(
                re.sub(r"\\{(\w+)\\}", r"[A-Za-z0-9_-]{1,64}", re.escape(channel["address"]).replace(r"\{prefix\}", "lam/v1"))
            ),
            {
                message: validator(CONTRACT["components"]["messages"][message]["payload"]["$ref"].rpartition("/")[2])
                for message in channel["messages"]
            },
        )
        for name, channel in CONTRACT["channels"].items()
    }
    async with (
        Connection(Broker(port=broker.port), "listener-00000000") as listener,
        mqtt_gateway(tmp_path / "data", broker, llm_server_url=scripted.url) as gateway,
        gateway.client() as client,
    ):
        for topic in ("lam/v1/worker/+/+", "lam/v1/gateway/+/+/status", "lam/v1/gateway/+/+/from/+/+"):
            listener.subscribe(topic, lambda topic, payload, _retained: heard.append((topic, payload)))
        while not listener.connected:
            await asyncio.sleep(0.01)
        engine = engine_of(gateway)
        session = (await client.create_session(system_prompt="Be brief."))["id"]
        async with worker_for(gateway.parts.settings, slots=1) as worker:
            await until_ready(gateway)
            for reply in (
                Reply(("a", "b"), thinking=("h", "m"), progress=3),
                Reply((), raw=(TOOL_CALL,), finish_reason="tool_calls"),
                Reply(fault="bad_request"),
                Reply(("cut",), finish_reason="length"),
            ):
                scripted.reply = reply
                await collect(client, session)
            scripted.reply = Reply(("word ",) * 1000, rate=50)
            async with raw_stream(client, session) as stream:
                metadata = await stream.until(Metadata)
                await stream.until(Chunk)
                (job,) = engine._jobs.values()
                engine.resume(job)
                job.name, known = "unknown", job.name
                engine.resume(job)
                job.name = known
                assert isinstance(metadata, Metadata)
                await client.stop(metadata.stream_id or "")
                await stream.rest()
            for name, drains in (("unknown", False), ("late", True)):
                worker.draining = drains
                own = engine.topics.frames(engine.name, engine.instance, worker.name, name)
                request = jobs.JobRequest(
                    messages=(Turn("user", "Hi"),),
                    keep=0,
                    max_prompt_tokens=0,
                    sampling=Sampling(temperature=0.7, top_p=0.9, max_tokens=8),
                    model="another model",
                )
                listener.publish(
                    engine.topics.job(worker.name),
                    jobs.encode(jobs.Job(job=name, instance=worker.instance, reply_to=own, request=request)),
                )
                listener.publish(engine.topics.job(worker.name), b'{"job": "%s", "reply_to": "%s"}' % (name.encode(), own.encode()))
                while sum(topic == own for topic, _ in heard) < 2:
                    await asyncio.sleep(0.01)
            await worker.drain(1)
        scripted.reply = Reply(("whole",))
        async with worker_for(gateway.parts.settings, "second", streaming=False):
            await until_ready(gateway)
            await collect(client, session)
        looking = ChatRequest(
            turns=(Turn("user", "Look", (picture_of(b"one"), picture_of(b"two"))),),
            keep=0,
            sampling=Sampling(temperature=0, top_p=1, max_tokens=9),
        )
        async with (
            worker_for(gateway.parts.settings, "third"),
            MqttWorkersEngine(Broker(port=broker.port), name="another", pictures=Store(b"one")) as other,
        ):
            await until(lambda: any(route.can.images and route.ready for route in other.routes()))
            with pytest.raises(PictureGone):
                async with other.generate(looking, next(route for route in other.routes() if route.can.images)) as batches:
                    _ = [batch async for batch in batches]
        await listener.flushed(5)
    said: Counter[str] = Counter()
    for topic, payload in heard:
        (name,) = [name for name, (pattern, _) in topics.items() if pattern.fullmatch(topic)]
        if not payload:  # a gateway that left
            said[f"{name} empty"] += 1
            continue
        if name == "job" and b"request" not in payload:  # the one that we broke
            continue
        body = msgspec.json.decode(payload)
        kinds = [kind for kind, schema in topics[name][1].items() if schema.is_valid(body)]
        assert len(kinds) == 1, (name, payload[:2000])
        said[name] += 1
        said[f"message {kinds[0]}"] += 1
        said.update(f"action {body['action']}" for _ in range(name == "control"))
        said.update(f"state {body['state']}" for _ in range(name == "workerStatus"))
        said.update(f"event {event['type']}" for event in body.get("events", ()))
        said.update(f"reason {event['reason']}" for event in body.get("events", ()) if event["type"] == "rejected")
    expected = {
        *("message want", "message piece", "action picture"),
        *("workerStatus", "job", "control", "gatewayStatus", "frames", "gatewayStatus empty"),
        *("action resume", "action release", "state ready", "state busy", "state draining", "state offline"),
        *(f"event {kind}" for kind in ("accepted", "rejected", "progress", "thinking", "chunk", "tool_call", "finished", "failed")),
        *("reason invalid", "reason unknown_job", "reason unknown_model", "reason draining"),
    }
    assert expected <= {name for name, count in said.items() if count}, expected - set(said)
