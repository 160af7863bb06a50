"""The error tree: every failure that the product tells anybody about, each with a stable code.

LamError
├── ConfigError                invalid_settings      the start stops with one sentence
├── Unauthorized               unauthorized          no token, or one that is no longer good
├── Forbidden                  forbidden             a cookie request from a foreign page; closed registration
│   ├── NotAllowed             not_allowed           the right to do this is missing
│   └── RoomLocked             room_locked           nobody new comes in
├── NotFound                   not_found             unknown, or somebody else's
│   └── NotOffered             not_offered           this gateway was not set up for it
├── Invalid                    invalid               the request cannot be carried out as it is written
│   ├── RequestIdReused        request_id_reused
│   ├── InvalidField           invalid_field         of a program's request; carries `param` and `reason`
│   ├── IdempotencyKeyReused   idempotency_key_reused  for another request of a program
│   ├── UnknownModel           unknown_model
│   ├── NotSupported           not_supported         the model's server cannot do this
│   ├── IllegalAction          illegal_action        the rules of the maze forbid it in this state
│   ├── ReplayDiffers          replay_differs        a claim about a game that its replay does not confirm
│   ├── DocumentError                                a file whose text is not to be had
│   │   ├── DocumentUnsupported  document_unsupported  not a kind that is read here
│   │   ├── DocumentDisguised    document_disguised    its name says one kind, its content another
│   │   ├── DocumentEncrypted    document_encrypted
│   │   ├── DocumentEmpty        document_empty        no text in it
│   │   ├── DocumentBroken       document_broken
│   │   └── DocumentTooLarge     document_too_large    bytes, pages, time or memory
│   ├── PictureError                                 a file that is not taken as a picture
│   │   ├── PictureUnreadable    picture_unreadable    not PNG, JPEG, WebP or GIF, or damaged
│   │   └── PictureTooLarge      picture_too_large     bytes, pixels, time or memory
│   ├── TooManyPictures        too_many_pictures     in one message
│   ├── VoiceRefused           voice_refused         the server that speaks or listens does not take this
│   ├── AudioUnsupported       audio_unsupported     not a kind of recording
│   └── AudioTooLarge          audio_too_large       a recording of too many bytes
├── Conflict                   conflict
│   ├── SessionBusy            session_busy          carries the running stream's id
│   ├── IdempotencyKeyExpired  idempotency_key_expired  its run is no longer kept
│   ├── CannotAnswerNow        cannot_answer_now     the reply does not think, or its server cannot end that
│   ├── TooManySessions        too_many_sessions     the user has as many as LAM_MAX_SESSIONS_PER_USER
│   ├── TooManyPinned          too_many_pinned       sessions at the top of the list
│   ├── FolderExists           folder_exists         the user has a folder of this name
│   ├── TooManyFolders         too_many_folders
│   ├── TooManyWaiting         too_many_waiting      messages that wait in one session
│   ├── TooManyMembers         too_many_members      people of one session
│   ├── TooManyInvitations     too_many_invitations  links into one session
│   ├── TooManyPublications    too_many_publications  of one session
│   ├── MediaQuota             media_quota           the user's pictures take as much room as LAM_MEDIA_QUOTA_MB
│   ├── OutOfStep              out_of_step           the client does not know the newest state of a game
│   ├── GameOver               game_over
│   ├── RulesChanged           rules_changed         a game of other rules than this gateway's
│   ├── TooManyGames           too_many_games
│   ├── RoomPaused             room_paused           nothing is sent in it until its owner lets it go on
│   ├── RoomOver               room_over             its date, or the participant's time, has passed
│   ├── RoomFull               room_full
│   ├── TooManyRooms           too_many_rooms
│   ├── TooManyKeys            too_many_keys
│   ├── TooManyLabRuns         too_many_lab_runs
│   ├── TooManyLabSets         too_many_lab_sets
│   ├── TooManyTemplates       too_many_templates
│   └── TooManyVersions        too_many_versions     of one template
├── Throttled                                        carries `retry_after`, seconds
│   ├── TooManyStreams         too_many_streams
│   ├── QueueFull              queue_full
│   ├── BudgetExceeded         budget_exceeded       of a key, an account, a group, a room; says which limit, what is left
│   ├── TooManyAttempts        too_many_attempts
│   ├── TooManyDocuments       too_many_documents
│   ├── TooManyUploads         too_many_uploads      pictures that wait to be read
│   └── TooMuchVoice           too_much_voice        texts to speak, or recordings, that wait
├── VoiceError                 voice_error           the server that speaks or listens failed
│   ├── VoiceUnreachable       voice_unreachable
│   ├── VoiceOverloaded        voice_overloaded
│   └── VoiceTimeout           voice_timeout
├── ShuttingDown               shutting_down
├── GatewayUnreachable         gateway_unreachable   what a client says when nobody answers it
├── LeaseLost                  lease_lost            another gateway has the run now
├── Unreachable                unreachable           Redis, or another gateway beyond it, does not answer this one
└── GenerationError                                  a run ended badly: `outcome` is the message's status
    ├── StorageUnavailable     storage_unavailable   also the answer when a request finds no database
    │   ├── StorageDamaged     storage_damaged       somebody has to mend it: never retryable
    │   └── StorageLost        storage_lost          its file was removed or replaced: never retryable
    ├── Interrupted            interrupted           outcome `interrupted`, the others `failed`
    ├── LlmUnreachable         llm_unreachable
    ├── LlmError               llm_error
    ├── LlmLoading             llm_loading
    ├── LlmOverloaded          llm_overloaded
    ├── NoWorker               no_worker             nobody serves the model
    ├── WorkerLost             worker_lost           outcome `interrupted`, like the next one once text has come
    ├── BrokerUnreachable      broker_unreachable
    ├── GenerationTimeout      timeout
    ├── ContextExceeded        context_exceeded      never retryable; carries the `limit` that was exceeded
    ├── ContentFiltered        content_filtered      never retryable: a filter refused the prompt, or the whole reply
    ├── TooLarge               too_large             never retryable
    ├── Stopped                stopped               never retryable: a program's reply that somebody stopped
    ├── CannotSee              cannot_see            never retryable: the model takes no pictures
    ├── CannotUseTools         cannot_use_tools      never retryable: the model's template knows no tools
    ├── NoToolCall             no_tool_call          never retryable: the template only said so
    └── PictureGone            picture_gone          never retryable

A message is one sentence that says what happened and, where there is something to do, what to do next. Which HTTP status a
class becomes is `api.errors`' business.
"""

from typing import ClassVar, Literal, Self


class LamError(Exception):
    """The base of the tree. `code` is stable and public; `message` is for people."""

    code: ClassVar[str] = "internal"
    summary: ClassVar[str] = "Something went wrong inside the gateway; its log says more."

    def __init__(self, message: str | None = None) -> None:
        self.message = message or self.summary
        super().__init__(self.message)


class ConfigError(LamError):
    code = "invalid_settings"
    summary = "The settings contradict each other."


class Unauthorized(LamError):
    code = "unauthorized"
    summary = "Log in first: the token is missing, unknown, expired or revoked."


class Forbidden(LamError):
    code = "forbidden"
    summary = "This is not allowed here."


class NotAllowed(Forbidden):
    code = "not_allowed"
    summary = "You have no right to do this here."


class RoomLocked(Forbidden):
    code = "room_locked"
    summary = "This room is locked. Ask whoever opened it to let you in."


class NotFound(LamError):
    code = "not_found"
    summary = "There is no such thing, or it is not yours."


class NotOffered(NotFound):
    code = "not_offered"
    summary = "This gateway is not set up for this."


class Invalid(LamError):
    """`field`: the field of the request that is not valid, where a form needs to know."""

    code = "invalid"
    summary = "The request is not valid."

    def __init__(self, message: str | None = None, *, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field


class RequestIdReused(Invalid):
    code = "request_id_reused"
    summary = "This client_request_id was used for another message; take a new one."


class InvalidField(Invalid):
    """`param`: the field of a program's request. `reason`: OpenAI's name for what is wrong with it."""

    code = "invalid_field"
    summary = "A field of the request is not valid."

    def __init__(self, message: str | None = None, *, param: str | None = None, reason: str = "invalid_value") -> None:
        super().__init__(message)
        self.param = param
        self.reason = reason


class IdempotencyKeyReused(Invalid):
    code = "idempotency_key_reused"
    summary = "This Idempotency-Key was used for another request; take a new one."


class UnknownModel(Invalid):
    code = "unknown_model"
    summary = "The server has no such model; GET /api/models lists what it has."


class NotSupported(Invalid):
    code = "not_supported"
    summary = "The model's server cannot do this."


class IllegalAction(Invalid):
    code = "illegal_action"
    summary = "The rules do not allow this action in this state of the game."


class ReplayDiffers(Invalid):
    code = "replay_differs"
    summary = "The gateway replayed the game and came to another result."


class VoiceRefused(Invalid):
    code = "voice_refused"
    summary = "The voice server does not take this text or recording."


class AudioUnsupported(Invalid):
    code = "audio_unsupported"
    summary = "Recordings of this kind cannot be sent; WebM, Ogg, MP4, MP3, WAV and FLAC can."


class AudioTooLarge(Invalid):
    code = "audio_too_large"
    summary = "The recording is larger than this gateway takes; send it in parts."


class DocumentError(Invalid):
    """A file without readable text."""


class DocumentUnsupported(DocumentError):
    code = "document_unsupported"
    summary = "Files of this kind cannot be read. Documents, sheets, slides, books, web pages and text can."


class DocumentDisguised(DocumentError):
    code = "document_disguised"
    summary = "The file is not what its name says."


class DocumentEncrypted(DocumentError):
    code = "document_encrypted"
    summary = "The file is protected by a password; save it without one and send it again."


class DocumentEmpty(DocumentError):
    code = "document_empty"
    summary = "There is no text in the file; a scan holds only pictures of text."


class DocumentBroken(DocumentError):
    code = "document_broken"
    summary = "The file is damaged and cannot be read."


class DocumentTooLarge(DocumentError):
    code = "document_too_large"
    summary = "The file is larger, or takes more work to read, than this gateway allows."


class PictureError(Invalid):
    """A file that is not taken as a picture."""


class PictureUnreadable(PictureError):
    code = "picture_unreadable"
    summary = "This file cannot be read as a picture. PNG, JPEG, WebP and GIF can, as long as they are whole."


class PictureTooLarge(PictureError):
    code = "picture_too_large"
    summary = "The picture is larger, or takes more work to read, than this gateway allows."


class TooManyPictures(Invalid):
    code = "too_many_pictures"
    summary = "A message has too many pictures; send some of them in another one."


class Conflict(LamError):
    code = "conflict"
    summary = "This conflicts with what is already there."


class SessionBusy(Conflict):
    code = "session_busy"
    summary = "This session is still receiving a reply; follow or stop it first."

    def __init__(self, stream_id: str, message: str | None = None) -> None:
        super().__init__(message)
        self.stream_id = stream_id


class CannotAnswerNow(Conflict):
    code = "cannot_answer_now"
    summary = "The thinking of this reply cannot be ended early."


class TooManySessions(Conflict):
    code = "too_many_sessions"
    summary = "You have as many sessions as this gateway keeps for one person; delete some, then try again."


class TooManyWaiting(Conflict):
    code = "too_many_waiting"
    summary = "As many messages wait in this session as may; wait until one of them is sent, or take one back."


class TooManyMembers(Conflict):
    code = "too_many_members"
    summary = "There are as many people in this session as this gateway allows."


class TooManyInvitations(Conflict):
    code = "too_many_invitations"
    summary = "This session has as many links as this gateway allows; revoke one."


class TooManyPublications(Conflict):
    code = "too_many_publications"
    summary = "This session is published as often as this gateway allows; withdraw one."


class MediaQuota(Conflict):
    code = "media_quota"
    summary = "Your pictures take as much room as this gateway gives to one person; delete some conversations, then try again."


class IdempotencyKeyExpired(Conflict):
    code = "idempotency_key_expired"
    summary = "This Idempotency-Key was used within the last 24 hours, and its answer is no longer kept; take a new one."


class OutOfStep(Conflict):
    code = "out_of_step"
    summary = "The game has moved on since you read it; read it again."


class GameOver(Conflict):
    code = "game_over"
    summary = "This game is over."


class RulesChanged(Conflict):
    code = "rules_changed"
    summary = "This game was played by rules that this gateway no longer has; it cannot be replayed."


class TooManyGames(Conflict):
    code = "too_many_games"
    summary = "You have as many games as this gateway keeps for one person; delete some, then try again."


class TooManyPinned(Conflict):
    code = "too_many_pinned"
    summary = "You keep as many conversations at the top as this gateway allows; let go of one, then try again."


class FolderExists(Conflict):
    code = "folder_exists"
    summary = "You have a folder with this name; choose another one."


class TooManyFolders(Conflict):
    code = "too_many_folders"
    summary = "You have as many folders as this gateway keeps for one person; delete some, then try again."


class RoomPaused(Conflict):
    code = "room_paused"
    summary = "The room is paused; you can write again when whoever opened it lets it go on."


class RoomOver(Conflict):
    code = "room_over"
    summary = "The time of this room, or yours in it, is over; nothing more can be sent."


class RoomFull(Conflict):
    code = "room_full"
    summary = "This room is full. Ask whoever opened it."


class TooManyRooms(Conflict):
    code = "too_many_rooms"
    summary = "You have as many rooms as this gateway keeps for one person; end one, then try again."


class TooManyKeys(Conflict):
    code = "too_many_keys"
    summary = "You have as many keys as this gateway keeps for one person; revoke some, then try again."


class TooManyLabRuns(Conflict):
    code = "too_many_lab_runs"
    summary = "You have as many runs in the lab as this gateway keeps for one person; delete some, then try again."


class TooManyLabSets(Conflict):
    code = "too_many_lab_sets"
    summary = "You have as many sets of tasks as this gateway keeps for one person; delete some, then try again."


class TooManyTemplates(Conflict):
    code = "too_many_templates"
    summary = "You have as many templates as this gateway keeps for one person; delete some, then try again."


class TooManyVersions(Conflict):
    code = "too_many_versions"
    summary = "This template has as many versions as this gateway keeps; go on with a copy of it."


class Throttled(LamError):
    """Too much at once. `retry_after`: seconds."""

    retry_after: int = 1

    def __init__(self, message: str | None = None, *, retry_after: int | None = None) -> None:
        super().__init__(message)
        if retry_after is not None:
            self.retry_after = retry_after


class TooManyStreams(Throttled):
    code = "too_many_streams"
    summary = "You have as many replies running as this gateway allows; wait for one to end."
    retry_after = 5


class QueueFull(Throttled):
    code = "queue_full"
    summary = "The queue for this model is full; try again in a moment."
    retry_after = 10


class BudgetExceeded(Throttled):
    """A limit of a budget refuses a request. `of`: whose it is (`key`, `user`, `group`, `room`), `name`: of the key or the group.

    `limit`: `requests_per_minute`, `tokens_per_minute`, `tokens_per_day` or `runs`; `allowed`, `left`: in its unit. `needed`: what
    the request takes at least. `renews_at`: seconds since 1970; None where the end of a run makes room.
    """

    code = "budget_exceeded"
    summary = "The budget is used up; try again when it renews."
    retry_after = 5

    def __init__(
        self,
        message: str | None = None,
        *,
        of: str = "user",
        name: str | None = None,
        limit: str = "runs",
        allowed: int = 0,
        left: int = 0,
        needed: int = 1,
        renews_at: int | None = None,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(message, retry_after=retry_after)
        self.of = of
        self.name = name
        self.limit = limit
        self.allowed = allowed
        self.left = left
        self.needed = needed
        self.renews_at = renews_at

    @property
    def is_final(self) -> bool:
        """Whether the request would not fit into the whole budget either, so that waiting is in vain."""
        return self.needed > self.allowed


class TooManyAttempts(Throttled):
    code = "too_many_attempts"
    summary = "Too many attempts from here; try again in a moment."
    retry_after = 10


class TooManyDocuments(Throttled):
    code = "too_many_documents"
    summary = "You have too many documents waiting to be read; try again in a moment."
    retry_after = 5


class TooManyUploads(Throttled):
    code = "too_many_uploads"
    summary = "You have too many pictures waiting to be read; try again in a moment."
    retry_after = 5


class TooMuchVoice(Throttled):
    code = "too_much_voice"
    summary = "You have too many texts or recordings waiting; try again in a moment."
    retry_after = 5


class VoiceError(LamError):
    code = "voice_error"
    summary = "The voice server failed."


class VoiceUnreachable(VoiceError):
    code = "voice_unreachable"
    summary = "The voice server cannot be reached."


class VoiceOverloaded(VoiceError):
    code = "voice_overloaded"
    summary = "The voice server has too much to do at the moment; try again soon."


class VoiceTimeout(VoiceError):
    code = "voice_timeout"
    summary = "The voice server takes too long."


class ShuttingDown(LamError):
    code = "shutting_down"
    summary = "The gateway is shutting down; try again in a moment."


class GatewayUnreachable(LamError):
    code = "gateway_unreachable"
    summary = "No gateway answers there."


class LeaseLost(LamError):
    code = "lease_lost"
    summary = "Another gateway continues this reply; follow it again."


class Unreachable(LamError):
    code = "unreachable"
    summary = "Another gateway, or Redis between the gateways, does not answer; try again."


class GenerationError(LamError):
    """A run that ended badly after its first event. `retryable`: the same request may succeed later.

    `model_is_free`: the other side ended the request, or never got it. False when we closed the connection early: the model may
    continue for a moment.
    """

    retryable: bool = True
    model_is_free: bool = True
    outcome: Literal["failed", "interrupted"] = "failed"


class StorageUnavailable(GenerationError):
    code = "storage_unavailable"
    summary = "The database does not answer at the moment."


class StorageContended(StorageUnavailable):
    """Another unit of work and this one waited for each other, and the database ended this one. Nothing of it is stored."""

    summary = "Somebody else changed the same things at that moment; try again."


class StorageDamaged(StorageUnavailable):
    code = "storage_damaged"
    summary = "The database is damaged: stop the gateway, keep a copy of the database, and restore a backup."
    retryable = False


class StorageLost(StorageUnavailable):
    code = "storage_lost"
    summary = (
        "Nothing can be stored: the database was removed or replaced while the gateway ran. Put it back, or restart the gateway."
    )
    retryable = False


class Interrupted(GenerationError):
    code = "interrupted"
    summary = "The reply was interrupted; what had arrived is kept."
    outcome = "interrupted"


class LlmUnreachable(GenerationError):
    code = "llm_unreachable"
    summary = "The model server cannot be reached."

    def __init__(self, message: str | None = None, *, retryable: bool = True) -> None:
        super().__init__(message)
        self.retryable = retryable


class LlmError(GenerationError):
    code = "llm_error"
    summary = "The model server failed."

    def __init__(self, message: str | None = None, *, retryable: bool = True) -> None:
        super().__init__(message)
        self.retryable = retryable


class LlmLoading(GenerationError):
    code = "llm_loading"
    summary = "The model is still being loaded."


class LlmOverloaded(GenerationError):
    code = "llm_overloaded"
    summary = "The model server has too much to do at the moment."

    def __init__(self, message: str | None = None, *, retry_after: float | None = None, retryable: bool = True) -> None:
        """`retry_after`: seconds that the server wants us to wait, None when it does not say."""
        super().__init__(message)
        self.retry_after = retry_after
        self.retryable = retryable


class NoWorker(GenerationError):
    code = "no_worker"
    summary = "Nobody serves this model at the moment."


class WorkerLost(GenerationError):
    code = "worker_lost"
    summary = "The worker was lost in the middle of the reply; what had arrived is kept."
    outcome = "interrupted"


class BrokerUnreachable(GenerationError):
    code = "broker_unreachable"
    summary = "The MQTT broker cannot be reached."

    def __init__(self, message: str | None = None, *, interrupts: bool = False) -> None:
        super().__init__(message)
        if interrupts:
            self.outcome = "interrupted"


class GenerationTimeout(GenerationError):
    code = "timeout"
    summary = "The model gave no sign of life for too long."


class ContextExceeded(GenerationError):
    code = "context_exceeded"
    summary = "The message is longer than the model's context; shorten it and send it again."
    retryable = False

    def __init__(self, message: str | None = None, *, prompt_tokens: int | None = None, limit: int | None = None) -> None:
        """`prompt_tokens`: of the refused prompt. `limit`: the most that fits. None: the server did not say."""
        if message is None and prompt_tokens is not None and limit is not None:
            message = (
                f"The message needs {prompt_tokens} tokens, and the model's context has room for {limit}; "
                "shorten it and send it again."
            )
        super().__init__(message)
        self.prompt_tokens = prompt_tokens
        self.limit = limit


class ContentFiltered(GenerationError):
    code = "content_filtered"
    summary = "The model server's content filter refused this message."
    retryable = False


class CannotSee(GenerationError):
    code = "cannot_see"
    summary = "This model cannot see pictures; choose another one."
    retryable = False


class Stopped(GenerationError):
    code = "stopped"
    summary = "The reply was stopped before it was complete."
    retryable = False
    outcome = "interrupted"


class CannotUseTools(GenerationError):
    code = "cannot_use_tools"
    summary = "This model cannot be held to calling a tool; choose another one, or leave the choice to it."
    retryable = False


class NoToolCall(GenerationError):
    code = "no_tool_call"
    summary = "The model answered with text although it had to call a tool."
    retryable = False


class PictureGone(GenerationError):
    code = "picture_gone"
    summary = "A picture of this conversation is no longer stored."
    retryable = False


class TooLarge(GenerationError):
    code = "too_large"
    summary = "The request is larger than this gateway takes."
    retryable = False

    @classmethod
    def for_packet(cls, limit: int) -> Self:
        return cls(
            f"The message is larger than what may travel through the broker ({limit} bytes); shorten it, "
            "or raise MQTT_MAX_PACKET here and at the broker."
        )


def all_errors(root: type[LamError] = LamError) -> list[type[LamError]]:
    """Returns the tree as a list, parents before their children."""
    return [root, *(error for child in root.__subclasses__() for error in all_errors(child))]


def from_code(
    code: str,
    message: str | None,
    *,
    retryable: bool | None = None,
    retry_after: float | None = None,
    prompt_tokens: int | None = None,
    limit: int | None = None,
    stream_id: str = "",
) -> LamError:
    """Returns the error for a code from an event, a frame or an answer; LamError itself for a later release's code.

    Each detail goes to the errors that have it: `retryable` of a run's end, `retry_after` (seconds) of a temporary refusal,
    `prompt_tokens` and `limit` of an exceeded context, `stream_id` of a busy session. None: the class's own value.
    """
    kind = next((kind for kind in all_errors() if kind.code == code), LamError)
    error = SessionBusy(stream_id, message) if kind is SessionBusy else kind(message)
    details = {"retryable": retryable, "retry_after": retry_after, "prompt_tokens": prompt_tokens, "limit": limit}
    for name, value in details.items():
        if value is not None and hasattr(error, name):
            setattr(error, name, value)
    return error
