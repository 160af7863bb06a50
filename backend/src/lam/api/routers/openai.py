"""`/v1`: OpenAI's interface for programs."""

import time
from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, Final

import msgspec
from fastapi import APIRouter, Header, Path, Query, Request, Response
from msgspec import Struct

from lam.accounts.programs import Program
from lam.api.dependencies import CallingProgram, Parts, calling_program, services_of
from lam.api.errors import status_of
from lam.api.openai.described import CHAT, PROMPT, RUN, VECTORS, answered, failures
from lam.api.openai.errors import error_answer, request_id
from lam.api.programs import JSON, MANNERS, Events, answer, manners_of
from lam.api.services import Services
from lam.chat.streams import Following
from lam.engines.catalog import Model
from lam.errors import NotOffered, UnknownModel
from lam.protocol import anthropic_reply
from lam.protocol.events import Done, Metadata
from lam.protocol.openai import (
    Answer,
    Asked,
    Chunks,
    PromptChunks,
    completion,
    model_object,
    prompt_completion,
    read_chat,
    read_completion,
    read_embedding,
)
from lam.protocol.snapshot import Snapshot

router = APIRouter(prefix="/v1", tags=["programs"])
unknown = APIRouter(prefix="/v1", include_in_schema=False)  # behind all that has this prefix

CompletionId = Annotated[
    str, Path(min_length=1, max_length=80, pattern="^[A-Za-z0-9_-]+$", description="The `id` of a reply, or its `x-lam-stream`.")
]
AnthropicVersion = Annotated[str | None, Header(alias="anthropic-version", description="Asks for Anthropic's format.")]
EVENTS: Final = "text/event-stream"
KEPT: Final = answered("The reply, whole or in chunks.", JSON, EVENTS) | failures(400, 401, 403, 404, 409, 502, 503, 504)
STOPPED: Final = answered("Its status.", JSON) | failures(400, 401, 403, 404, 503)
LISTED: Final = answered("The models.", JSON) | failures(401, 403, 503)
SHOWN: Final = answered("The model.", JSON) | failures(401, 403, 404, 503)
VECTORS_ANSWERED: Final = answered("The vectors.", JSON) | failures(400, 401, 403, 404, 413, 429, 502, 503)


class _Format(Struct, frozen=True, kw_only=True):
    """One of OpenAI's two formats of replies. `prefix`: of the ids."""

    prefix: str
    chunks: type[Chunks]
    whole: Callable[[Answer, Snapshot, Done], dict[str, Any]]


CHAT_FORMAT: Final = _Format(prefix="chatcmpl", chunks=Chunks, whole=completion)
PROMPT_FORMAT: Final = _Format(prefix="cmpl", chunks=PromptChunks, whole=prompt_completion)


@router.post(
    "/chat/completions",
    response_class=Response,
    responses=RUN,
    openapi_extra=CHAT | MANNERS,
    summary="Answer a conversation, in OpenAI's format",
)
async def chat_completions(request: Request) -> Response:
    """Takes an OpenAI request, and a key or a login token as `Authorization: Bearer` or `x-api-key`."""
    return await _run(CHAT_FORMAT, read_chat, request)


@router.get("/chat/completions/{completion_id}", response_class=Response, responses=KEPT, summary="Read a reply again")
async def read_again(
    completion_id: CompletionId,
    program: CallingProgram,
    parts: Parts,
    request: Request,
    stream: Annotated[bool, Query(description="In chunks from the first one on; otherwise whole, once it has ended.")] = False,
    events: Events = None,
) -> Response:
    """A reply of your own programs, while it runs and for five minutes after its end."""
    program.require("chat")
    following = await parts.programs.find(program, _run_id(completion_id))
    first = next((record.event for record in following.log.since(0)), None)
    name = first.model if isinstance(first, Metadata) else None
    return await _answer(
        CHAT_FORMAT, following, name, request, program, parts, stream=stream, include_usage=True, progress=events == "progress"
    )


@router.post("/chat/completions/{completion_id}/cancel", response_class=Response, responses=STOPPED, summary="Stop a reply")
async def cancel(completion_id: CompletionId, program: CallingProgram, parts: Parts) -> Response:
    """Works in every stage. After the end it changes nothing."""
    program.require("chat")
    run_id = _run_id(completion_id)
    return _json({"id": f"chatcmpl-{run_id}", "object": "chat.completion", "status": await parts.programs.stop(program, run_id)})


@router.post(
    "/completions",
    response_class=Response,
    responses=RUN,
    openapi_extra=PROMPT | MANNERS,
    summary="Continue a prompt, in OpenAI's older format",
)
async def completions(request: Request) -> Response:
    """The prompt reaches the model as it is, without a template."""
    return await _run(PROMPT_FORMAT, read_completion, request)


@router.post(
    "/embeddings",
    response_class=Response,
    responses=VECTORS_ANSWERED,
    openapi_extra=VECTORS,
    summary="Turn texts into vectors, in OpenAI's format",
)
async def embeddings(request: Request, program: CallingProgram, parts: Parts) -> Response:
    """Where a server of the model makes some; otherwise 400 `not_supported`."""
    program.require("embeddings")
    return _json(await parts.programs.embed(program, read_embedding(await request.body())))


async def _run(form: _Format, read: Callable[[bytes], Asked], request: Request) -> Response:
    # Asked for here: a dependency of the framework costs as much as a statement.
    program, parts, manners = await calling_program(request), services_of(request), manners_of(request)
    program.require("chat")
    asked = read(await request.body())
    following = await parts.programs.start(
        program, asked.request, on_disconnect=manners.on_disconnect, idempotency_key=manners.idempotency_key
    )
    return await _answer(
        form,
        following,
        asked.request.model,
        request,
        program,
        parts,
        stream=asked.stream,
        include_usage=asked.include_usage,
        progress=manners.progress,
    )


async def _answer(
    form: _Format,
    following: Following,
    model: str | None,
    request: Request,
    program: Program,
    parts: Services,
    *,
    stream: bool,
    include_usage: bool,
    progress: bool,
) -> Response:
    about = Answer(id=f"{form.prefix}-{following.stream_id}", created=_began(following), model=_name(parts, model))
    return await answer(
        following,
        program,
        parts,
        request,
        lines=form.chunks(about, include_usage=include_usage, progress=progress).lines if stream else None,
        whole_reply=partial(form.whole, about),
        refusal=lambda error: error_answer(error, status_of(type(error)), started=True),
        headers={"x-request-id": request_id()},
        at_once=progress,
    )


def _run_id(completion_id: str) -> str:
    return completion_id.removeprefix("chatcmpl-").removeprefix("cmpl-").removeprefix("msg_")


def _began(following: Following) -> int:
    return int(following.run.began_at.timestamp() if following.run is not None else time.time())


def _name(parts: Services, model: str | None) -> str:
    """Returns the model's name for the answer."""
    return model or next((route.name for route in parts.catalog.routes(None) if route.name), "default")


@router.get("/models", response_class=Response, responses=LISTED, summary="List the models, in OpenAI's format")
async def models(program: CallingProgram, parts: Parts, anthropic_version: AnthropicVersion = None) -> Response:
    """With `anthropic-version`, as Anthropic's SDKs send it, in Anthropic's format."""
    program.require("models")
    if anthropic_version is not None:
        return _json(anthropic_reply.models_page([one.name for one in await parts.programs.models(program)]))
    return _json({"object": "list", "data": [_model_object(one) for one in await parts.programs.models(program)]})


@router.get("/models/{name:path}", response_class=Response, responses=SHOWN, summary="Show one model, in OpenAI's format")
async def model(name: str, program: CallingProgram, parts: Parts, anthropic_version: AnthropicVersion = None) -> Response:
    program.require("models")
    found = next((one for one in await parts.programs.models(program) if one.name == name), None)
    if found is None:
        raise UnknownModel(f"There is no model {name[:200]!r}.")
    return _json(_model_object(found) if anthropic_version is None else anthropic_reply.model_info(found.name))


def _model_object(one: Model) -> dict[str, Any]:
    able = {"images": one.images, "tools": one.can.tools, "json": one.can.json, "thinking": one.can.thinking}
    about = {"context_length": one.n_ctx, "state": one.state, "can": able}
    return model_object(one.name, 0, "lam", about)


def _json(value: dict[str, Any]) -> Response:
    return Response(msgspec.json.encode(value), 200, {"x-request-id": request_id()}, JSON)


@unknown.api_route("/responses{rest:path}", methods=["GET", "POST", "DELETE"])
async def responses(rest: str, program: CallingProgram) -> None:
    raise NotOffered("This gateway has no /v1/responses; use /v1/chat/completions.")


@unknown.api_route("/{rest:path}", methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
async def anything(rest: str, program: CallingProgram) -> None:
    raise NotOffered("There is nothing at this address; the guide for programs lists what there is.")
