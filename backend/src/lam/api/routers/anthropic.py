"""`/v1/messages`: Anthropic's interface for programs."""

from functools import partial
from typing import Final

import msgspec
from fastapi import APIRouter, Request, Response

from lam.api.anthropic.described import COUNT, COUNTED, MESSAGE, REPLY
from lam.api.anthropic.errors import error_answer
from lam.api.dependencies import CallingProgram, Parts, calling_program, services_of
from lam.api.errors import status_of
from lam.api.openai.errors import request_id, status_for
from lam.api.programs import JSON, MANNERS, answer, manners_of
from lam.errors import all_errors, from_code
from lam.protocol import anthropic, anthropic_reply
from lam.protocol.programs import ProgramRequest
from lam.protocol.window import estimate, estimate_tools

router = APIRouter(prefix="/v1", tags=["programs"])


@router.post(
    "/messages",
    response_class=Response,
    responses=REPLY,
    openapi_extra=MESSAGE | MANNERS,
    summary="Answer a conversation, in Anthropic's format",
)
async def messages(request: Request) -> Response:
    """Takes an Anthropic request, and a key or a login token as `x-api-key` or `Authorization: Bearer`."""
    program, parts, manners = await calling_program(request), services_of(request), manners_of(request)
    program.require("chat")
    asked = anthropic.read_asked(await request.body())
    wanted = anthropic.program_request(asked)
    following = await parts.programs.start(
        program, wanted, on_disconnect=manners.on_disconnect, idempotency_key=manners.idempotency_key
    )
    known = request_id()
    about = anthropic_reply.Answer(
        id=f"msg_{following.stream_id}",
        model=asked.model,
        request_id=known,
        prompt_tokens=_estimate(wanted),
        thoughts=anthropic.wants_thoughts(asked),
    )
    return await answer(
        following,
        program,
        parts,
        request,
        lines=anthropic_reply.Stream(about, statuses=_STATUSES, progress=manners.progress).lines if asked.stream else None,
        whole_reply=partial(anthropic_reply.whole, about),
        refusal=lambda error: error_answer(error, status_of(type(error)), started=True),
        headers={"request-id": known, "x-request-id": known},
        at_once=manners.progress,
    )


@router.post(
    "/messages/count_tokens",
    response_class=Response,
    responses=COUNTED,
    openapi_extra=COUNT,
    summary="Count the tokens of a prompt, in Anthropic's format",
)
async def count_tokens(request: Request, program: CallingProgram, parts: Parts) -> Response:
    """Starts no run. The model's server counts, where it has a tokenizer; otherwise it is an estimate by the script of the texts,
    rather too many than too few."""
    program.require("chat")
    asked = anthropic.read_counted(await request.body())
    wanted = anthropic.program_request(asked)
    known = request_id()
    body = msgspec.json.encode({"input_tokens": await parts.programs.count(program, wanted)})
    return Response(body, 200, {"request-id": known, "x-request-id": known}, JSON)


_STATUSES: Final = {kind.code: status_for(from_code(kind.code, None), status_of(kind)) for kind in all_errors()}


def _estimate(wanted: ProgramRequest) -> int:
    return estimate(wanted.turns) + estimate_tools(wanted.tools)
