"""How a model picks its words: each setting once, with its type, range, default and texts for people.

Everything else derives from this table: what the API accepts and returns, what a session stores, what travels to a worker, the body
for a model server, and the page's controls. Pure: it knows no database and no server. A new setting is one more field of `Choices`.
"""

from collections.abc import Callable, Container, Mapping
from typing import Annotated, Any, Final, Literal, get_args, get_type_hints

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

LARGEST: Final = 2**31 - 1
LONGEST_SCHEMA: Final = 32_768  # bytes of JSON


class Setting(Struct, frozen=True, kw_only=True):
    """A setting, apart from its type.

    `label`, `hint`: for the page. `description`: for the API's documentation. `default`: the gateway's setting that applies when
    nobody chose; None means the model server's own value. `read`: makes the default from that setting's value. `step`: of the
    page's control. `llama`: only llama.cpp gets it; other settings go to every server once somebody chose them. `wire`: its fields
    in the body of a request; None means one field of the same name.
    """

    label: str
    hint: str = ""
    description: str = ""
    default: str | None = None
    read: Callable[[Any], Any] | None = None
    step: float = 1
    llama: bool = False
    wire: Callable[[Any], dict[str, Any]] | None = None
    name: str = ""
    type: Any = None


class JsonSchema(Struct, frozen=True, kw_only=True):
    """The schema of an answer, in OpenAI's form. Raises ValueError beyond LONGEST_SCHEMA."""

    name: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{1,64}$")] = "answer"
    schema: dict[str, Any]
    description: Annotated[str, Meta(max_length=1000)] | UnsetType = UNSET
    strict: bool | UnsetType = UNSET

    def __post_init__(self) -> None:
        try:
            text = msgspec.json.encode((self.schema, self.description or None))
        except RecursionError as error:
            raise ValueError("the schema is nested too deeply") from error
        if len(text) > LONGEST_SCHEMA:
            raise ValueError(f"the schema is longer than {LONGEST_SCHEMA} bytes")
        if b"\\u0000" in text:
            raise ValueError("the schema holds a NUL character")


class ResponseFormat(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What an answer looks like, in OpenAI's form: text, any JSON object, or JSON that fits a schema."""

    type: Literal["text", "json_object", "json_schema"]
    json_schema: JsonSchema | None = None

    def __post_init__(self) -> None:
        if (self.type == "json_schema") != (self.json_schema is not None):
            raise ValueError("`json_schema` belongs to the type `json_schema`, which needs it")


def _thinking(value: str | int) -> dict[str, Any]:
    if value == "off":
        return {"chat_template_kwargs": {"enable_thinking": False}}
    return {} if value == "auto" else {"thinking_budget_tokens": value}


Temperature = Annotated[
    float,
    Meta(ge=0, le=2),
    Setting(
        label="Temperature",
        hint="0 gives the same reply each time, 2 is wild",
        description="0 is a valid value.",
        default="llm_temperature",
        step=0.05,
    ),
]
TopP = Annotated[
    float,
    Meta(gt=0, le=1),
    Setting(label="Top-p", hint="the share of the likely words that the model draws from", default="llm_top_p", step=0.05),
]
MaxTokens = Annotated[
    int,
    Meta(ge=1, le=LARGEST),
    Setting(
        label="Longest reply, in tokens",
        description="A larger value is lowered to what the settings and the context allow.",
        default="llm_max_tokens",
    ),
]


class Choices(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The settings that somebody chose, for a session or for one message. None means no choice."""

    temperature: Temperature | None = None
    top_p: TopP | None = None
    max_tokens: MaxTokens | None = None
    top_k: (
        Annotated[
            int,
            Meta(ge=0, le=LARGEST),
            Setting(label="Top-k", hint="draws from this many of the likeliest words; 0 means all", description="0: no limit."),
        ]
        | None
    ) = None
    min_p: (
        Annotated[
            float,
            Meta(ge=0, le=1),
            Setting(
                label="Min-p",
                hint="leaves out words less likely than this share of the likeliest; 0 means none",
                description="The smallest probability of a token, relative to the most likely one.",
                step=0.01,
            ),
        ]
        | None
    ) = None
    typical_p: (
        Annotated[
            float,
            Meta(gt=0, le=1),
            Setting(
                label="Typical-p",
                hint="prefers words that are neither too likely nor too unlikely; 1 means any",
                description="1: no limit.",
                step=0.01,
            ),
        ]
        | None
    ) = None
    seed: (
        Annotated[
            int,
            Meta(ge=0, le=2**32 - 2),  # the next number means "any" to llama.cpp
            Setting(
                label="Seed",
                hint="the same seed repeats a reply to the same conversation",
                description="Null: a new one for each reply.",
            ),
        ]
        | None
    ) = None
    stop: (
        Annotated[
            tuple[Annotated[str, Meta(min_length=1, max_length=200)], ...],
            Meta(max_length=4),  # OpenAI's limit
            Setting(
                label="Stop at",
                hint="one text per line, up to four; the reply ends before the first that comes",
                description="Texts that end the reply; up to four. An empty list: none.",
            ),
        ]
        | None
    ) = None
    presence_penalty: (
        Annotated[
            float,
            Meta(ge=-2, le=2),
            Setting(label="Presence penalty", hint="above 0, words that were used come less often", step=0.1),
        ]
        | None
    ) = None
    frequency_penalty: (
        Annotated[
            float,
            Meta(ge=-2, le=2),
            Setting(label="Frequency penalty", hint="above 0, the more often a word was used, the rarer it gets", step=0.1),
        ]
        | None
    ) = None
    repeat_penalty: (
        Annotated[
            float,
            Meta(gt=0, le=2),
            Setting(label="Repeat penalty", hint="above 1, recent words come less often", description="1: none.", step=0.05),
        ]
        | None
    ) = None
    response_format: (
        Annotated[
            ResponseFormat,
            Setting(
                label="JSON schema",
                hint="the answer is JSON that fits this schema",
                description="In OpenAI's form: `text`, `json_object`, or `json_schema` with a schema.",
            ),
        ]
        | None
    ) = None
    reasoning: (
        Annotated[
            Literal["off", "auto"] | Annotated[int, Meta(ge=1, le=LARGEST)],
            Setting(
                label="Thinking",
                hint="whether the model thinks before it answers, and for how long",
                description="`off`, `auto`, or the maximum number of tokens for thinking. Only llama.cpp supports it.",
                default="llm_skip_thinking",
                read=lambda skips: "off" if skips else None,
                llama=True,
                wire=_thinking,
            ),
        ]
        | None
    ) = None


class Sampling(Choices, frozen=True, kw_only=True, omit_defaults=True):
    """The settings in force for one reply; those that every request needs are set. None means the model server's own value."""

    temperature: Temperature
    top_p: TopP
    max_tokens: MaxTokens


def _setting(name: str, hint: Any) -> Setting:
    kind, _none = get_args(hint)
    (setting,) = [extra for extra in kind.__metadata__ if isinstance(extra, Setting)]
    return msgspec.structs.replace(setting, name=name, type=kind)


SETTINGS: Final = tuple(_setting(name, hint) for name, hint in get_type_hints(Choices, include_extras=True).items())
NAMES: Final = tuple(setting.name for setting in SETTINGS)


def defaults(gateway: Any) -> Choices:
    """Returns the values that apply when nobody chose. `gateway`: the gateway's settings."""
    values: dict[str, Any] = {}
    for setting in SETTINGS:
        if setting.default is not None:
            value = getattr(gateway, setting.default)
            values[setting.name] = setting.read(value) if setting.read else value
    return Choices(**values)


def resolve(*choices: Choices) -> Sampling:
    """Returns each setting from the first of `choices` that has it. 0 and an empty list are choices. The gateway's defaults must
    be among them."""
    values: dict[str, Any] = {
        name: next((value for choice in choices if (value := getattr(choice, name)) is not None), None) for name in NAMES
    }
    return Sampling(**values)


def in_force(gateway: Any, *choices: Choices) -> Sampling:
    """Returns the settings for a reply: from the first of `choices` that has them, else the gateway's, within its limit. 0 is a
    choice. `gateway`: the gateway's settings."""
    sampling, limit = resolve(*choices, defaults(gateway)), gateway.llm_max_tokens_limit
    return msgspec.structs.replace(sampling, max_tokens=min(sampling.max_tokens, limit)) if limit else sampling


def checked(sampling: Sampling) -> Sampling:
    """Returns the settings unchanged. Raises ValueError when a value is out of range."""
    try:
        return msgspec.convert(msgspec.to_builtins(sampling), Sampling)
    except msgspec.ValidationError as error:
        raise ValueError(str(error)) from error


def from_stored(values: Mapping[str, Any], names: Container[str]) -> dict[str, Any]:
    """Returns the settings in `names` from their stored JSON. A value of another release that this one rejects counts as no
    choice."""
    known: dict[str, Any] = {}
    for setting in SETTINGS:
        if setting.name in names and values.get(setting.name) is not None:
            try:
                known[setting.name] = msgspec.convert(values[setting.name], setting.type)
            except msgspec.ValidationError:
                continue
    return known


def openai_body(sampling: Sampling, *, llama: bool) -> dict[str, Any]:
    """Returns the fields of a request to an OpenAI-compatible server. Settings without a choice are left out: strict servers
    reject fields they do not know."""
    body: dict[str, Any] = {}
    for setting in SETTINGS:
        value = getattr(sampling, setting.name)
        if value is not None and (llama or not setting.llama):
            body |= setting.wire(value) if setting.wire else {setting.name: value}
    return body
