"""JSON of published pages."""

from pydantic import Field

from lam.api.schemas.base import Schema, Strict, Time


class PublicationChoices(Strict):
    """What the page has beside the texts of the shown branch."""

    prompt: bool = Field(False, description="The system prompt.")
    thoughts: bool = Field(False, description="The model's reasoning.")
    documents: bool = Field(False, description="The texts of documents.")
    pictures: bool = True
    names: bool = Field(False, description="The names of the authors; otherwise they are A, B and so on.")


class PreviewAnswer(Schema):
    title: str
    html: str = Field(description="The document, exactly as it would be published.")


class PublicationAnswer(Schema):
    id: int = Field(examples=[1])
    title: str
    choices: PublicationChoices
    created_at: Time


class MadePublication(PublicationAnswer):
    secret: str = Field(description="The page is at `/s/` and this. It cannot be had again.", examples=["c2FtcGxlLXNlY3JldC0x"])
