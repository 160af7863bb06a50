"""JSON of the event connection."""

from typing import Annotated

from pydantic import Field, StringConstraints

from lam.api.event_connection import Wish
from lam.api.schemas.base import Id, Schema

MOST: int = 50
MOST_RUNS: int = 64
FollowedRun = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}(@[0-9]{1,12})?$")]
SessionIds = Annotated[list[Id], Field(max_length=MOST)]
RunIds = Annotated[list[FollowedRun], Field(max_length=MOST_RUNS)]
RoomIds = Annotated[list[Id], Field(max_length=MOST)]


class Followed(Schema):
    """Everything the connection follows from now on. It stops following whatever is not in these lists."""

    session: SessionIds = Field([], description="Visible sessions: reports runs that start in them and changes of their messages.")
    hidden: bool | None = Field(
        None, description="Nobody sees the page: the others of a session see you as away. Null, or absent: as before."
    )
    run: RunIds = Field(
        [],
        description="`ID@N`: a run's stream starting after event N, even if those events were sent already. `ID`: from the current "
        "position of this connection, or from the first event.",
        examples=[["Zm9vYmFy@17"]],
    )
    room: RoomIds = Field([], description="Visible rooms: reports what changes in them and who does what.")


def wishes(runs: list[str]) -> list[Wish]:
    return [Wish(stream_id, int(after) if after else None) for stream_id, _, after in (run.partition("@") for run in runs)]
