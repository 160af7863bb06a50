"""Makes a reply go on whose gateway died: in the same stream, where its checkpoints end.

Which text may go on is decided in `engines/healing.py`. This module must not know how runs are stored or taken over.
"""

from typing import Final

import msgspec

from lam.chat.returned_pictures import Store, with_pictures
from lam.chat.sink import REPLY, Order, Replies, ReplySink
from lam.chat.terms import lasting_terms
from lam.chat.titles import Titles
from lam.engines.base import Needs
from lam.engines.catalog import Catalog
from lam.engines.healing import MOST_HEALS, Loss, PartialReply, continuation, too_often
from lam.errors import Interrupted
from lam.generation.contracts import Work
from lam.generation.recovery import GATEWAY_DIED
from lam.protocol.parts import Text
from lam.protocol.runs import OpenRun, Reached
from lam.storage.database import Database

GATEWAY_LOST: Final = "gateway_lost"  # the reason that readers get


class RepliesGoOn:
    """A `Resumption` of replies."""

    kind = REPLY

    def __init__(self, replies: Replies, database: Database, catalog: Catalog, titles: Titles, pictures: Store) -> None:
        self._replies = replies
        self._database = database
        self._catalog = catalog
        self._titles = titles
        self._pictures = pictures

    async def work(self, run: OpenRun, reached: Reached) -> Work | None:
        try:
            order = msgspec.json.decode(run.request, type=Order)
        except msgspec.DecodeError:  # from a release whose requests this one cannot read
            return None
        if await self._replies.restore(run) is None:
            return None  # its message is gone
        request = order.request
        reply = PartialReply(request, reached.events, pieces=reached.pieces)
        loss = None
        if order.facts.conversation is not None:
            return None  # the worker stores the conversation, and may have answered
        if not reply.is_empty:
            is_known = order.upstream is not None and order.simulated is False
            is_text = all(isinstance(part, Text) for part in order.so_far)
            heals = len(reply.snapshot.healed)
            if not is_known or not is_text or continuation(request, reply) is None:
                return None
            if heals >= MOST_HEALS:
                raise Interrupted(f"{GATEWAY_DIED} {too_often(heals + 1)}")
            loss = Loss(Interrupted(GATEWAY_DIED), reply, GATEWAY_LOST)
        async with self._database.read() as unit:
            session = await unit.sessions.find(order.session_id, run.user_id, "read")
            if session is None:
                return None
            terms, _ = await lasting_terms(unit, session, run.user_id)
        needs = Needs(continues=request.continues or loss is not None, images=request.needs_sight, history=False)
        upstream = order.upstream if loss else None
        with self._catalog.place(request.model, terms.group, needs, upstream=upstream, goes_on=True) as place:
            producer = with_pictures(self._catalog.generate(request, place, loss), self._pictures, order.user_id)
            sink = ReplySink(order, run.id, self._database, self._titles.after)
            return Work(producer=producer, sink=sink, answer_now=place.answer_now)
