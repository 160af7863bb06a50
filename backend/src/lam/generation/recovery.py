"""Ends runs without a gateway as `interrupted`, with all their checkpointed text.

At startup that is every open run: under the lock that makes this gateway the only one, all of them are orphans.

It must not know what a run was about: the sink of its kind does.
"""

import logging
from collections.abc import Iterable

from lam.errors import Interrupted, StorageUnavailable
from lam.generation.contracts import Kind, RunStore
from lam.generation.pump import failure_outcome
from lam.protocol.runs import OpenRun
from lam.protocol.snapshot import Snapshot

log = logging.getLogger(__name__)


async def recover(store: RunStore, kinds: Iterable[Kind], owner: str) -> int:
    """Ends every orphan and returns their number. Raises StorageUnavailable."""
    by_name = {kind.name: kind for kind in kinds}
    orphans = await store.take_over(owner)
    for orphan in orphans:
        await interrupt(store, by_name.get(orphan.kind), orphan)
    return len(orphans)


async def end_leftover(store: RunStore, kind: Kind, key: str) -> None:
    """Ends the key's stored run that no gateway runs, as interrupted. The caller holds the key's claim, which proves that it does
    not run here. Raises StorageUnavailable."""
    leftover = await store.of_key(key)
    if leftover is not None:
        log.error("The run %s was left open; it is interrupted now", leftover.id)
        await interrupt(store, kind, leftover)


async def interrupt(store: RunStore, kind: Kind | None, orphan: OpenRun) -> None:
    """Ends one orphan. Forgets one that cannot be read, so that it does not prevent the recovery of the others.

    Raises StorageUnavailable.
    """
    failure = Interrupted("The gateway stopped in the middle of the reply; what had been saved is kept.")
    try:
        sink = await kind.restore(orphan) if kind else None
        if sink is not None:
            snapshot = Snapshot()
            for event in (*sink.opening(), *await store.progress(orphan.id)):
                snapshot.add(event)
            await sink.commit(failure_outcome(snapshot, sink, failure), orphan.lease)
            return
        log.warning("The run %s (%s) was about something that is gone", orphan.id, orphan.kind)
    except StorageUnavailable:
        raise
    except Exception:
        log.exception("The run %s (%s) cannot be recovered", orphan.id, orphan.kind)
    await store.forget(orphan.lease)
