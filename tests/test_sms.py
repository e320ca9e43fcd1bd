"""A text comes in, an answer goes out, its delivery is reported: through the real door and the carrier's API."""

import pytest

from hub.models import Event, Message
from tests.bench.processes import OUR_NUMBER
from tests.world import QUESTION, House, eventually

pytestmark = pytest.mark.anyio
ANA = "+12025550101"


async def test_a_text_is_answered_and_its_delivery_is_reported(hub: House) -> None:
    assert (await hub.text(ANA, QUESTION)).status_code == 200
    (sent,) = await hub.sandbox.sent(ANA, at_least=1)
    assert "Saturday from 9 to 13" in sent["body"]
    assert (sent["from"], sent["to"]) == (OUR_NUMBER, ANA)

    async def answer() -> Message:
        return await hub.records.one(Message, Message.role == "agent")

    message = await eventually(answer, lambda message: message.status == "delivered")
    assert message.external_id == sent["sid"]
    changes = [event.type for event in await hub.records.all(Event)]
    assert changes.index("message.sent") < changes.index("message.delivered")
