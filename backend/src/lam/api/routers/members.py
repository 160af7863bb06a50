"""`/api/chatbot/sessions/{session_id}/members`, and what people of a session tell each other."""

from typing import Annotated

from fastapi import APIRouter, Path, Response

from lam.accounts.accounts import Identity
from lam.api.cookies import forget_guest
from lam.api.dependencies import Caller, Parts
from lam.api.errors import answers
from lam.api.listed import author_answer
from lam.api.routers.sessions import SessionId
from lam.api.schemas.base import MAX_ID
from lam.api.schemas.members import AuditAnswer, MemberAnswer, MembersAnswer, NewRole, ReadingAt
from lam.api.services import Services
from lam.storage.models import Member

router = APIRouter(prefix="/api/chatbot/sessions/{session_id}", tags=["together"])

UserId = Annotated[int, Path(ge=1, le=MAX_ID)]
MessageId = Annotated[int, Path(ge=1, le=MAX_ID)]
Emoji = Annotated[str, Path(min_length=1, max_length=16)]


@router.get("/members", responses=answers(401, 404, 422, 503), summary="List the people of a session")
async def list_members(session_id: SessionId, caller: Caller, parts: Parts) -> MembersAnswer:
    """Its owner alone, where it is not shared."""
    found = await parts.members.of_session(caller.user.id, session_id)
    return MembersAnswer(members=[_answer(member, session_id, caller, parts) for member in found])


@router.patch(
    "/members/{user_id}", status_code=204, responses=answers(401, 403, 404, 409, 422, 503), summary="Change somebody's role"
)
async def change_member(session_id: SessionId, user_id: UserId, body: NewRole, caller: Caller, parts: Parts) -> None:
    await parts.members.change_role(caller.user.id, session_id, user_id, body.role)


@router.delete(
    "/members/{user_id}", status_code=204, responses=answers(401, 403, 404, 409, 422, 503), summary="Remove somebody, or leave"
)
async def remove_member(session_id: SessionId, user_id: UserId, caller: Caller, parts: Parts, response: Response) -> None:
    """Their connections end within two seconds. The owner cannot leave: 409."""
    await parts.members.remove(caller.user.id, session_id, user_id)
    if caller.user.scope is not None and caller.user.id == user_id:
        forget_guest(response, parts.settings, caller.user.scope)


@router.post(
    "/members/{user_id}/owner", status_code=204, responses=answers(401, 403, 404, 409, 422, 503), summary="Hand the session over"
)
async def give_session(session_id: SessionId, user_id: UserId, caller: Caller, parts: Parts) -> None:
    """They must be a member with an account. You steer from then on."""
    await parts.members.give(caller.user.id, session_id, user_id)


@router.get("/audit", responses=answers(401, 403, 404, 422, 503), summary="List who did what with the people of a session")
async def list_audit(session_id: SessionId, caller: Caller, parts: Parts) -> list[AuditAnswer]:
    """The newest first. `action`: invited, withdrew, joined, role, removed, left, owner, published, unpublished."""
    return [
        AuditAnswer(action=one.entry.action, by=one.by, detail=one.entry.detail, created_at=one.entry.created_at)
        for one in await parts.members.audit(caller.user.id, session_id)
    ]


@router.post("/typing", status_code=204, responses=answers(401, 403, 404, 422, 503), summary="Tell the others that you write")
async def typing(session_id: SessionId, caller: Caller, parts: Parts) -> None:
    await parts.members.typing(caller.user.id, session_id)


@router.post("/reading", status_code=204, responses=answers(401, 403, 404, 422, 503), summary="Tell the others what you have read")
async def reading(session_id: SessionId, body: ReadingAt, caller: Caller, parts: Parts) -> None:
    await parts.members.reading(caller.user.id, session_id, body.message_id)


@router.post("/follow", status_code=204, responses=answers(401, 403, 404, 422, 503), summary="Switch everybody to a branch")
async def follow_me(session_id: SessionId, body: ReadingAt, caller: Caller, parts: Parts) -> None:
    """To the one with this message. The page of everybody there shows it."""
    await parts.members.follow_me(caller.user.id, session_id, body.message_id)


@router.post("/steer-request", status_code=204, responses=answers(401, 403, 404, 409, 422, 503), summary="Ask to steer")
async def ask_to_steer(session_id: SessionId, caller: Caller, parts: Parts) -> None:
    await parts.members.ask(caller.user.id, session_id)


@router.put(
    "/messages/{message_id}/reactions/{emoji}",
    status_code=204,
    responses=answers(401, 403, 404, 422, 503),
    summary="React to a message",
)
async def react(session_id: SessionId, message_id: MessageId, emoji: Emoji, caller: Caller, parts: Parts) -> None:
    await parts.messages.react(caller.user.id, session_id, message_id, emoji, does=True)


@router.delete(
    "/messages/{message_id}/reactions/{emoji}",
    status_code=204,
    responses=answers(401, 403, 404, 422, 503),
    summary="Take a reaction back",
)
async def unreact(session_id: SessionId, message_id: MessageId, emoji: Emoji, caller: Caller, parts: Parts) -> None:
    await parts.messages.react(caller.user.id, session_id, message_id, emoji, does=False)


def _answer(member: Member, session_id: int, caller: Identity, parts: Services) -> MemberAnswer:
    author = author_answer(member)
    assert author is not None
    return MemberAnswer(
        **author.model_dump(),
        role=member.role,
        is_guest=member.scope is not None,
        is_me=member.user_id == caller.user.id,
        presence=parts.presence.of(session_id, member.user_id),
        reading=member.read_id,
        wants_to_steer=member.wants_to_steer,
        joined_at=member.joined_at,
    )
