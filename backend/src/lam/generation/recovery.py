"""What a gateway that died left behind: its open runs end as `interrupted`, with all that was checkpointed.

Runs under the lock that makes this gateway the only one, so every open run is an orphan.
"""

import logging
from collections.abc import Iterable

from lam.errors import Interrupted
from lam.generation.contracts import Kind, RunStore
from lam.generation.pump import fallen
from lam.protocol.snapshot import Snapshot

log = logging.getLogger(__name__)


async def recover(store: RunStore, kinds: Iterable[Kind], owner: str) -> int:
    """How many runs were interrupted. Raises StorageUnavailable."""
    by_name = {kind.name: kind for kind in kinds}
    failure = Interrupted("The gateway stopped in the middle of the reply; what had been saved is kept.")
    orphans = await store.take_over(owner)
    for orphan in orphans:
        kind = by_name.get(orphan.kind)
        sink = await kind.restore(orphan) if kind else None
        if sink is None:
            log.warning("The run %s (%s) was about something that is gone", orphan.id, orphan.kind)
            await store.forget(orphan.lease)
            continue
        snapshot = Snapshot()
        for event in (*sink.opening(), *await store.progress(orphan.id)):
            snapshot.add(event)
        await sink.commit(fallen(snapshot, sink, failure), orphan.lease)
    return len(orphans)
