"""What a server over HTTP says about itself: its models and properties, asked at the start, from time to time and when needed.

It learns from the answers which base of an address is right. It must not know requests for replies.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Final

from msgspec import Struct

from lam.engines.addresses import Addresses
from lam.engines.http_questions import KeyRefused, Questions, Silent
from lam.engines.server_facts import ServerFacts, read_facts
from lam.errors import GenerationError, LlmError, LlmLoading, LlmOverloaded, LlmUnreachable

MODELS: Final = "/v1/models"
CONTROL: Final = "/v1/chat/completions/control"

log = logging.getLogger(__name__)


class Probing(Struct, frozen=True, kw_only=True):
    """Waiting times in seconds.

    `answer`: time limit of a request. `props`: how much longer than the list of models /props may take. `first`, `again`: pauses
    between probes; the first ones grow. `health`: how long an answer about health stays valid.
    """

    answer: float = 5
    props: float = 3
    first: float = 0.1
    again: float = 30
    health: float = 1


class ServerProbe:
    """The facts about one server. `facts`: None until it answers. `key_problem`: it refused the key. `ends_thinking`: it can end
    the thinking of a running reply."""

    def __init__(self, questions: Questions, addresses: Addresses, probing: Probing, changed: Callable[[], None]) -> None:
        """`changed`: is called when the facts are others than before."""
        self.facts: ServerFacts | None = None
        self.key_problem: KeyRefused | None = None
        self.ends_thinking = False
        self._questions = questions
        self._addresses = addresses
        self._probing = probing
        self._changed = changed
        self._answers: tuple[Any, Any] = (None, None)  # the last ones of /props and /v1/models
        self._is_incomplete = False  # one of the requests timed out

    async def keep_fresh(self) -> None:
        """Asks again and again, and never returns."""
        pause = self._probing.first
        while True:
            try:
                await self.ask()
                pause = self._probing.answer if self._is_incomplete else self._probing.again
            except GenerationError:
                pause = min(pause * 2, self._probing.answer)
            await asyncio.sleep(pause)

    async def known(self) -> ServerFacts:
        """Returns what is known about the server. A server without answers may still chat. Raises LlmUnreachable, LlmLoading."""
        if self.facts is not None:
            return self.facts
        try:
            return await self.ask()
        except (LlmError, LlmOverloaded, Silent):
            return ServerFacts(models=())

    async def ask(self) -> ServerFacts:
        """Returns what the server reports about itself. A fact that is missing this time keeps its old value.

        Raises LlmLoading, LlmUnreachable, LlmOverloaded or LlmError when it answers nothing.
        """
        models_task = asyncio.create_task(self._ask_models(), name="ask-models")
        props_task = asyncio.create_task(self._answer("/props"), name="ask-props")
        try:
            models, models_error = await models_task
            if models_error is None:
                await asyncio.wait({props_task}, timeout=self._probing.props)
                slow = None, Silent(f"The model server at {self._addresses.name} does not answer.")
                props, props_error = props_task.result() if props_task.done() else slow
            else:
                props, props_error = await props_task
        finally:
            models_task.cancel()
            props_task.cancel()
            await asyncio.gather(models_task, props_task, return_exceptions=True)
        for error in (props_error, models_error):
            if isinstance(error, LlmLoading) or (type(error) is LlmUnreachable and models_error is not None):
                raise error
        if props_error is not None and models_error is not None:
            raise models_error
        self._is_incomplete = isinstance(props_error, Silent) or isinstance(models_error, Silent)
        self.key_problem = props_error if isinstance(props_error, KeyRefused) else None
        if isinstance(models_error, KeyRefused):
            raise models_error
        before_props, before_models = self._answers
        self._answers = (
            before_props if isinstance(props_error, Silent) else props,
            before_models if models_error is not None else models,
        )
        facts = read_facts(*self._answers)
        if facts != self.facts:
            self.ends_thinking = facts.llama and not facts.router and await self._has_control()
            self.facts = facts
            self._changed()
        return facts

    async def _ask_models(self) -> tuple[Any, GenerationError | None]:
        """Asks for the models where the address leaves it open, and learns from the answer which base is right."""
        answer, error = await self._answer(MODELS)
        if self._addresses.settled or (error is not None and not isinstance(error, LlmError)) or isinstance(error, KeyRefused):
            return answer, error
        if answer is None:
            self._addresses.turn()
            other, other_error = await self._answer(MODELS)
            if other is None:
                self._addresses.turn()
                return answer, error
            answer, error = other, other_error
        self.settle()
        return answer, error

    def settle(self) -> None:
        """Takes the present base of the address for the right one."""
        if self._addresses.settle() and self._addresses.is_other:
            log.info("Replies come from %s", self._addresses.chat)

    async def _has_control(self) -> bool:
        """Returns whether this llama.cpp can change a running reply: it then refuses a change of none by its own words."""
        try:
            return await self._questions.ask("POST", CONTROL, {}) is not None
        except (LlmLoading, LlmOverloaded, LlmUnreachable, KeyRefused):
            return False
        except GenerationError:
            return True

    async def _answer(self, path: str) -> tuple[Any, GenerationError | None]:
        try:
            return await self._questions.ask("GET", path), None
        except GenerationError as error:
            return None, error
