"""A message that grows while it is spoken: changed in its own transaction, in a later one, and when it is gone."""

import pytest

from hub.channel import Inbound
from hub.models import Message
from hub.models.columns import new_id
from hub.store import Store, interactions
from tests.bench.processes import OUR_NUMBER
from tests.fakes import FakeClock
from tests.world import core, furnish

pytestmark = pytest.mark.anyio


async def test_a_message_is_changed_in_whatever_transaction_unless_it_is_gone(store: Store, clock: FakeClock) -> None:
    await furnish(store)
    async with core(store, clock) as made:
        await made.hub.receive(Inbound("sms", "message", "SM1", sender="+12025550101", recipient=OUR_NUMBER, text="Hi"))
        await made.settled()
        said = (await made.records.all(Message))[0]
        async with store.write() as db:
            place = said.model_dump(include={"workspace_id", "interaction_id", "customer_id", "channel", "created_at"})
            grown = new_id()
            await interactions.add_message(db, **place, id=grown, seq=900, role="agent", text="Hel")
            assert await interactions.change(db, grown, text="Hello", timing={"llm_ms": 5})
        async with store.write() as db:
            assert await interactions.change(db, grown, text="Hello there", heard="Hello", to_ms=700)
        kept = await made.records.one(Message, Message.id == grown)
        assert (kept.text, kept.heard, kept.to_ms, kept.timing) == ("Hello there", "Hello", 700, {"llm_ms": 5})
        fresh = Message(**place, seq=900, role="agent")
        as_new = set(Message.model_fields) - {"id", "text", "heard", "to_ms", "timing"}
        assert kept.model_dump(include=as_new) == fresh.model_dump(include=as_new)
        assert (await made.records.one(Message, Message.id == said.id)).text == "Hi"
        async with store.write() as db:
            await db.delete(kept)
        async with store.write() as db:
            assert not await interactions.change(db, grown, text="Nobody reads this")
