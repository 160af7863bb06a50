"""JSON of search and documents."""

from pydantic import Field

from lam.api.schemas.base import Schema, Time


class PieceAnswer(Schema):
    text: str
    match: bool = Field(description="Whether this piece matches the search.")


class FoundAnswer(Schema):
    """A session by its title, or a message by its text."""

    session_id: int
    folder_id: int | None = Field(description="The folder that the session is in.")
    title: list[PieceAnswer] = Field(description="The session's title, in pieces.")
    message_id: int | None = Field(description="Null: the title matches.")
    role: str | None
    snippet: list[PieceAnswer] | None = Field(description="The surroundings of the first match, in pieces.")
    created_at: Time | None


class SearchAnswer(Schema):
    results: list[FoundAnswer]


class DocumentAnswer(Schema):
    filename: str
    text: str
    length: int = Field(description="Length of the text in characters.")
    notices: list[str] | None = Field(
        default=None, description="Sentences about content of the file that is missing from the text; absent if nothing is missing."
    )


class DocumentKind(Schema):
    name: str = Field(examples=["Word"])
    endings: list[str] = Field(description="Of file names, without the dot.", examples=[["docx", "docm"]])


class DocumentKinds(Schema):
    kinds: list[DocumentKind]
    most_bytes: int = Field(description="Largest file.")
