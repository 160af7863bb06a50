"""JSON of pictures."""

from pydantic import Field

from lam.api.schemas.base import Schema


class MediaAnswer(Schema):
    id: str = Field(description="For `images` of a message, and for GET /api/media/{id}.", examples=["q83vEjRWeJq83vEj"])
    width: int = Field(description="Pixels, as it is stored: a large picture is shrunk.", examples=[1568])
    height: int = Field(examples=[1176])
    type: str = Field(examples=["image/jpeg"])
    bytes: int = Field(examples=[214731])
