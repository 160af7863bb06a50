"""LiteLLM as a client, with its provider for Anthropic's format."""

from typing import Any

import litellm_client
from program import Ask, run


def question(ask: Ask) -> dict[str, Any]:
    return asked(ask) | {"model": f"anthropic/{ask['model']}", "api_base": ask["url"], "max_tokens": 100}


asked = litellm_client.question
litellm_client.question = question

if __name__ == "__main__":
    run(
        whole=litellm_client.whole,
        stream=litellm_client.stream,
        tools=litellm_client.tools,
        picture=litellm_client.picture,
        abort=litellm_client.abort,
        limited=litellm_client.whole,
        broken=litellm_client.stream,
    )
