"""JSON of folders."""

from pydantic import Field

from lam.api.schemas.base import FilledText, Schema, Text, Time
from lam.protocol.chat import LONGEST_TEXT


class FolderSettings(Schema):
    """What a new session in the folder starts with. Null: nothing of the folder's."""

    system_prompt: Text | None = Field(None, max_length=LONGEST_TEXT)
    model: Text | None = Field(None, max_length=255)


class NewFolder(FolderSettings):
    name: FilledText = Field(max_length=80, description="Unique among your folders, whatever the case.", examples=["Work"])


class FolderChanges(FolderSettings):
    name: FilledText | None = Field(None, max_length=80)


class FolderAnswer(FolderSettings):
    id: int = Field(examples=[1])
    name: str = Field(examples=["Work"])
    created_at: Time
