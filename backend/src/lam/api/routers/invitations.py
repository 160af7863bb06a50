"""`…/invitations` of a session, and `/api/invitations`: links, and coming in by one."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from lam.api.cookies import remember_guest
from lam.api.dependencies import Caller, MaybeCaller, Parts
from lam.api.errors import answers
from lam.api.guests import who_enters
from lam.api.origin import require_own_page
from lam.api.routers.sessions import SessionId
from lam.api.schemas.base import MAX_ID
from lam.api.schemas.members import Accept, AcceptAnswer, InvitationAnswer, InvitedAnswer, LookAt, MadeInvitation, NewInvitation
from lam.chat.invitations import LASTS, USES
from lam.storage.repositories.users import session_scope

router = APIRouter(prefix="/api/chatbot/sessions/{session_id}/invitations", tags=["together"])
links = APIRouter(prefix="/api/invitations", tags=["together"])

InvitationId = Annotated[int, Path(ge=1, le=MAX_ID)]


@router.get("", responses=answers(401, 403, 404, 422, 503), summary="List the links into a session")
async def list_invitations(session_id: SessionId, caller: Caller, parts: Parts) -> list[InvitationAnswer]:
    """Those that still let somebody in, the newest first."""
    found = await parts.invitations.of_session(caller.user.id, session_id)
    return [InvitationAnswer.model_validate(one) for one in found]


@router.post("", status_code=201, responses=answers(401, 403, 404, 409, 422, 503), summary="Make a link into a session")
async def make_invitation(session_id: SessionId, body: NewInvitation, caller: Caller, parts: Parts) -> MadeInvitation:
    """The answer has the link's secret, once."""
    lasts = LASTS if body.expires_in is None else timedelta(seconds=body.expires_in)
    secret, made = await parts.invitations.add(caller.user.id, session_id, body.role, lasts=lasts, uses=body.uses or USES)
    return MadeInvitation(**InvitationAnswer.model_validate(made).model_dump(), secret=secret)


@router.delete("/{invitation_id}", status_code=204, responses=answers(401, 403, 404, 422, 503), summary="Withdraw a link")
async def withdraw_invitation(session_id: SessionId, invitation_id: InvitationId, caller: Caller, parts: Parts) -> None:
    """Who came by it stays."""
    await parts.invitations.remove(caller.user.id, session_id, invitation_id)


@links.post("/look", responses=answers(403, 404, 422, 503), summary="Look at a link")
async def look(body: LookAt, caller: MaybeCaller, parts: Parts, request: Request) -> InvitedAnswer:
    """Needs no login, and uses nothing up."""
    found = await parts.invitations.look(body.secret)
    user = await who_enters(request, caller, parts, session_scope(found.session_id))
    return InvitedAnswer(
        title=found.title,
        role=found.role,
        by=found.by,
        expires_at=found.expires_at,
        is_signed_in=caller is not None,
        needs_nickname=user is None,
    )


@links.post("/accept", responses=answers(403, 404, 409, 422, 503), summary="Come in by a link")
async def accept(body: Accept, caller: MaybeCaller, parts: Parts, request: Request, response: Response) -> AcceptAnswer:
    """Who is logged in comes in as themselves, and a guest of the session as the same guest; anybody else as a new guest, with a
    nickname and a cookie that is good for this session alone. A nickname that cannot be had is 422 with `field: nickname`."""
    if "origin" in request.headers or "sec-fetch-site" in request.headers:
        require_own_page(parts.settings, request.method, request.headers)
    found = await parts.invitations.look(body.secret)
    user = await who_enters(request, caller, parts, session_scope(found.session_id))
    entered = await parts.invitations.accept(body.secret, user, body.nickname)
    if entered.token is not None and entered.scope is not None and entered.expires_at is not None:
        remember_guest(response, request, parts.settings, entered.scope, entered.token, entered.expires_at)
    return AcceptAnswer(session_id=entered.session_id, role=entered.role)
