"""From the URL that a person gives to the addresses that are asked."""

import pytest

from lam.engines.addresses import Addresses

# What people give, and the address of the chat that they mean, the likelier first.
CHATS = {
    "http://127.0.0.1:8080": ("http://127.0.0.1:8080/v1", "http://127.0.0.1:8080"),
    "http://127.0.0.1:8080/": ("http://127.0.0.1:8080/v1", "http://127.0.0.1:8080"),
    "http://127.0.0.1:11434/v1": ("http://127.0.0.1:11434/v1",),
    "http://127.0.0.1:11434/v1/": ("http://127.0.0.1:11434/v1",),
    "http://[::1]:8080//v1//": ("http://[::1]:8080/v1",),
    "https://api.groq.com/openai/v1": ("https://api.groq.com/openai/v1",),
    "https://openrouter.ai/api/v1/chat/completions": ("https://openrouter.ai/api/v1",),
    "https://api.perplexity.ai/chat/completions": ("https://api.perplexity.ai",),
    "https://api.openai.com/v1/models": ("https://api.openai.com/v1",),
    "https://api.openai.com/v1/responses/": ("https://api.openai.com/v1",),
    "https://open.bigmodel.cn/api/paas/v4": ("https://open.bigmodel.cn/api/paas/v4",),
    "https://ark.cn-beijing.volces.com/api/v3/": ("https://ark.cn-beijing.volces.com/api/v3",),
    "https://generativelanguage.googleapis.com/v1beta/openai/": (
        "https://generativelanguage.googleapis.com/v1beta/openai",
        "https://generativelanguage.googleapis.com/v1beta/openai/v1",
    ),
    "https://h/client/v4/accounts/a1/ai/v1": ("https://h/client/v4/accounts/a1/ai/v1",),
    "https://h/openai/deployments/x": ("https://h/openai/deployments/x", "https://h/openai/deployments/x/v1"),
    "https://models.github.ai/inference": ("https://models.github.ai/inference/v1", "https://models.github.ai/inference"),
    "http://h/llama": ("http://h/llama/v1", "http://h/llama"),
    "http://h/v1/llama": ("http://h/v1/llama", "http://h/v1/llama/v1"),
    "http://h/models": ("http://h/models/v1", "http://h/models"),
    "HTTP://H/V1": ("http://H/V1",),
}


@pytest.mark.parametrize("url", CHATS)
def test_the_chat_is_where_people_mean_it(url: str) -> None:
    addresses = Addresses(url)
    found = [addresses.chat]
    addresses.turn()
    if addresses.chat not in found:
        found.append(addresses.chat)
    assert tuple(address.removesuffix("/chat/completions") for address in found) == CHATS[url]
    assert addresses.settled is (len(found) == 1)


def test_a_query_goes_with_every_request_and_is_not_shown() -> None:
    addresses = Addresses("https://ada:secret@h/openai/deployments/x/chat/completions?api-version=2024-10-21&key=hidden")
    query = "?api-version=2024-10-21&key=hidden"
    assert addresses.url("/v1/chat/completions") == f"https://ada:secret@h/openai/deployments/x/chat/completions{query}"
    assert addresses.url("/props") == f"https://ada:secret@h/openai/deployments/x/props{query}"
    assert addresses.chat == "https://h/openai/deployments/x/chat/completions"
    assert addresses.name == "https://h/openai/deployments/x"
    assert addresses.keyed_by_header


def test_what_belongs_to_the_server_stays_beside_the_base_of_the_api() -> None:
    addresses = Addresses("http://h/llama/v1")
    assert addresses.url("/v1/models") == "http://h/llama/v1/models"
    assert addresses.url("/props") == "http://h/llama/props"


def test_a_base_that_answered_is_kept() -> None:
    addresses = Addresses("http://h/llama")
    addresses.turn()
    assert addresses.settle()
    assert not addresses.settle()
    addresses.turn()
    assert addresses.chat == "http://h/llama/chat/completions"
    assert addresses.is_other
