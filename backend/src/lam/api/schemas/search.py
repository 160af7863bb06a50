"""JSON of search and documents."""

from pydantic import Field

from lam.api.schemas.base import Schema, Time


class PieceAnswer(Schema):
    text: str
    match: bool = Field(description="This is what was looked for.")


class FoundAnswer(Schema):
    """A session by its title, or a message by its text."""

    session_id: int
    title: list[PieceAnswer] = Field(description="The session's title in pieces; put together they are the title.")
    message_id: int | None = Field(description="Null: it is the title that matches.")
    role: str | None
    snippet: list[PieceAnswer] | None = Field(description="The surroundings of the first match, in pieces.")
    created_at: Time | None


class SearchAnswer(Schema):
    results: list[FoundAnswer]


class DocumentAnswer(Schema):
    filename: str
    text: str
    length: int = Field(description="Characters of the text.")
    notices: list[str] | None = Field(
        default=None, description="Sentences about what of the file is not in the text; absent where nothing is missing."
    )
