"""JSON of templates and presets."""

from typing import Literal

from pydantic import Field

from lam.api.schemas.base import FilledText, Schema, Text, Time
from lam.protocol.chat import LONGEST_TEXT
from lam.protocol.variables import variables
from lam.storage.models import Template


class NewTemplate(Schema):
    title: FilledText = Field(max_length=200, examples=["Translator"])
    description: Text | None = Field(None, max_length=2000)
    content: FilledText = Field(
        max_length=LONGEST_TEXT,
        examples=["Translate what I write into {{language=English|the target language}}. Tone: {{tone}}."],
        description="Variables are written {{name}}, {{name=default}}, {{name|description}} or {{name=default|description}}.",
    )
    is_active: bool = True
    is_public: bool = Field(False, description="Whether anybody who knows its id may read it.")


class TemplateChanges(Schema):
    """Absent fields stay as they are. Null clears the description; other fields do not accept it."""

    title: FilledText = Field("", max_length=200, validate_default=False)
    description: Text | None = Field(None, max_length=2000)
    content: FilledText = Field("", max_length=LONGEST_TEXT, validate_default=False)
    is_active: bool = True
    is_public: bool = False


class VariableAnswer(Schema):
    name: str
    default: str | None = Field(description="Null: the variable needs a value.")
    description: str | None


class PublicTemplate(Schema):
    id: int
    title: str
    description: str | None
    content: str
    version: int
    variables: list[VariableAnswer]


class TemplateAnswer(PublicTemplate):
    is_active: bool
    is_public: bool
    created_at: Time
    updated_at: Time


class TemplateVersionAnswer(Schema):
    version: int
    content: str
    variables: list[VariableAnswer]
    created_at: Time


class TemplateFile(Schema):
    """Templates as a file. `format` and `version` identify the format."""

    format: Literal["lam-templates"] = "lam-templates"
    version: Literal[1] = 1
    templates: list[NewTemplate] = Field(max_length=1000)


class PresetAnswer(Schema):
    key: str = Field(examples=["general"])
    title: str
    description: str
    system_prompt: str


def listed(content: str) -> list[VariableAnswer]:
    return [VariableAnswer.model_validate(variable) for variable in variables(content)]


def answer(template: Template) -> TemplateAnswer:
    fields = {name: getattr(template, name) for name in TemplateAnswer.model_fields if name != "variables"}
    return TemplateAnswer(**fields, variables=listed(template.content))
