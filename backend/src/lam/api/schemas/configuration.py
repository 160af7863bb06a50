"""JSON of the configuration of servers and models."""

from typing import Literal

from pydantic import Field

from lam.api.schemas.base import Schema


class ConfiguredServer(Schema):
    name: str
    kind: Literal["openai", "mqtt", "prompt_portal", "local"]
    address: str = Field(description="Without keys and passwords.")
    state: Literal["ready", "loading", "unreachable"]
    detail: str | None
    is_avoided: bool = Field(description="It failed, so requests go elsewhere while another server answers.")
    models: list[str] = Field(description="The models that it lists now.")
    places: int
    busy: int


class ConfiguredModel(Schema):
    name: str
    routes: list[str] = Field(description="`server/model`, or the name of a server for the model that answers there by default.")
    users: list[str]
    groups: list[str]


class ConfigurationAnswer(Schema):
    file: str | None = Field(description="The file that it comes from; null: from LLM_* and MQTT_* alone.")
    servers: list[ConfiguredServer]
    models: list[ConfiguredModel] = Field(description="The models that people may choose; empty: all that the servers list.")
