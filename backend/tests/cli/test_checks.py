"""What `lam doctor` and `lam chat` say of what they hear."""

from lam.api.schemas.system import HealthAnswer
from lam.cli.chat import _explained
from lam.cli.checks import DATABASE, REDIS, _gateways
from lam.protocol.events import Progress


def mends(**about: object) -> dict[str, tuple[str, str | None]]:
    health = HealthAnswer.model_validate(
        {"ready": False, "version": "1", "mode": "sse", "registration": "open", "gateway": "a", "peers": []} | about
    )
    return {result.name: (result.state, result.mend) for result in _gateways(health)}


def test_a_lease_that_cannot_be_renewed_is_the_databases_affair() -> None:
    lease = mends(redis="ready", redis_detail="This gateway's lease could not be renewed in the database.")
    assert lease["gateways"] == ("FAILED", DATABASE)
    assert "redis" not in lease
    assert mends(redis="unavailable")["redis"] == ("FAILED", REDIS)


def test_a_reply_that_was_broken_off_is_not_said_to_be_read() -> None:
    assert _explained(Progress("recovering")) == "The reply was broken off; it goes on as soon as it can"
