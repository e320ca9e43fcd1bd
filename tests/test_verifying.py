"""A one-time code proves an identity; what is kept for verified people is kept for them alone."""

import re
from datetime import UTC, datetime
from uuid import UUID

import pytest

from hub.channel import Inbound, Limits
from hub.core import customers, verifying
from hub.core.acts import Acts
from hub.core.customers import NotPossible
from hub.core.deliver import deliver
from hub.dialogue.toolbox import Toolset
from hub.models import Customer, CustomerChange, Identity, Interaction, Message, Verification
from hub.models.tool import Tool
from hub.store import Store
from tests.fakes import FakeClock
from tests.test_customers_merging import says
from tests.test_send_to import world
from tests.world import Core, core

pytestmark = pytest.mark.anyio
ANA, BEN, MAIL = "+12025550101", "+12025550102", "ana@example.com"
DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
NAMES = ("sms", "whatsapp", "email", "webchat")


async def sent(made: Core, channel: str = "sms") -> str:
    await made.settled()
    found = re.search(r"\b\d{6}\b", made.channels[channel].sent[-1].text)
    assert found, made.channels[channel].sent[-1].text
    return found[0]


async def code(made: Core, workspace_id: UUID, customer_id: UUID, kind: str = "phone", value: str = ANA) -> str:
    going = await verifying.send_code(made.context, workspace_id, customer_id, kind, value, by="Ana")
    await deliver(made.context, going.by_interaction_id)
    return await sent(made, "email" if kind == "email" else "sms")


async def newest(made: Core) -> Interaction:
    return (await made.records.all(Interaction))[-1]


async def test_the_right_code_makes_it_verified_with_proof_and_stands_nowhere(store: Store, clock: FakeClock) -> None:
    async with core(store, clock, *NAMES) as made:
        home = await world(made)
        ana = await says(made, ANA, "Hello")
        given = await code(made, home.workspace_id, ana)
        stored = [row.model_dump_json() for table in (Message, Verification) for row in await made.records.all(table)]
        assert not any(given in row for row in stored)
        proved = await verifying.check_code(made.context, home.workspace_id, ana, f"It's {given}.", by="Ben")
        assert (proved.strength, proved.proof["how"], proved.proof["by"]) == ("verified", "one-time code by sms", "Ben")
        assert datetime.fromisoformat(proved.proof["at"]) <= datetime.now(UTC)
        with pytest.raises(NotPossible, match="no code to enter"):
            await verifying.check_code(made.context, home.workspace_id, ana, given, by="Ben")


async def test_five_wrong_tries_and_ten_minutes_end_a_code(store: Store, clock: FakeClock) -> None:
    async with core(store, clock, *NAMES) as made:
        home = await world(made)
        ana = await says(made, ANA, "Hello")
        given = await code(made, home.workspace_id, ana)
        wrong = f"{(int(given) + 1) % 1_000_000:06d}"
        for left in ("4 tries", "3 tries", "2 tries", "1 try", "0 tries"):
            with pytest.raises(NotPossible, match=f"not the code. {left}"):
                await verifying.check_code(made.context, home.workspace_id, ana, wrong, by="Ana")
        with pytest.raises(NotPossible, match="too often"):
            await verifying.check_code(made.context, home.workspace_id, ana, given, by="Ana")
        second = await code(made, home.workspace_id, ana)
        clock.forward(minutes=10)
        with pytest.raises(NotPossible, match="no code to enter"):
            await verifying.check_code(made.context, home.workspace_id, ana, second, by="Ana")


async def test_codes_are_few_for_one_address_and_for_one_customer(store: Store, clock: FakeClock) -> None:
    async with core(store, clock, *NAMES) as made:
        home = await world(made)
        ana, ben = await says(made, ANA, "Hello"), await says(made, BEN, "Hi")
        for who in (ana, ben, ana):
            await code(made, home.workspace_id, who)
        with pytest.raises(NotPossible, match="Too many codes"):
            await code(made, home.workspace_id, ben)
        await code(made, home.workspace_id, ben, "email", MAIL)
        clock.forward(minutes=11)
        await code(made, home.workspace_id, ben)


async def test_who_proves_a_number_of_another_record_becomes_one_with_it_unless_both_are_proved(
    store: Store, clock: FakeClock
) -> None:
    async with core(store, clock, *NAMES) as made:
        home = await world(made)
        ana, ben = await says(made, ANA, "Hello"), await says(made, BEN, "Hi")
        given = await code(made, home.workspace_id, ben)
        proved = await verifying.check_code(made.context, home.workspace_id, ben, given, by="Ana")
        assert proved.customer_id == ana
        assert (await made.records.one(CustomerChange)).other_id == ben
        eve = await says(made, "+12025550103", "Hello")
        for value in ("+12025550103", ANA):
            given = await code(made, home.workspace_id, eve, "phone", value)
            if value != ANA:
                await verifying.check_code(made.context, home.workspace_id, eve, given, by="Ana")
        with pytest.raises(NotPossible, match="A colleague has to look"):
            await verifying.check_code(made.context, home.workspace_id, eve, given, by="Ana")
        assert (await made.records.one(Customer, Customer.id == eve)).merged_into is None


async def tools(made: Core, interaction: Interaction) -> Toolset:
    async def nothing(query: str, limit: int) -> list[object]:
        return []

    balance = Tool(name="balance", url="http://127.0.0.1:9/", requires="verified", timeout_ms=1_000)
    return Toolset([balance], made.outside, nothing, {}, acts=Acts(made.context, interaction.id))  # type: ignore[arg-type]


async def test_an_agent_asks_for_the_code_and_checks_what_was_said(store: Store, clock: FakeClock) -> None:
    async with core(store, clock, *NAMES) as made:
        await world(made)
        await says(made, ANA, "Hello")
        agent = await tools(made, await newest(made))
        refused = await agent.call("balance", {})
        assert "only for customers whose identity is verified" in refused.error
        asked = await agent.call("verify_customer", {})
        assert asked.data == {"sent": True, "by": "sms", "to": "…0101"}
        given = await sent(made)
        words = " ".join(DIGITS[int(digit)] for digit in given)
        assert "not the code" in (await agent.call("verify_customer", {"code": "one two three"})).error
        assert (await agent.call("verify_customer", {"code": words})).data == {"verified": True, "kind": "phone"}
        opened = await agent.call("balance", {})
        assert "verified" not in opened.error, "the tool is called, and it is the network that fails"
        again = await tools(made, await newest(made))
        assert "verified" not in (await again.call("balance", {})).error


async def test_a_visitor_is_verified_in_the_conversation_in_which_they_proved_it(
    store: Store, clock: FakeClock
) -> None:
    async with core(store, clock, *NAMES) as made:
        home = await world(made)
        ana = await says(made, ANA, "Hello")
        await customers.add_identity(
            made.context, home.workspace_id, ana, "phone", ANA, by="x", source="api", strength="verified"
        )
        made.channels["webchat"].identity = "visitor"
        made.channels["webchat"].limits = Limits(length=4_000, pulled=True)
        begun = await made.hub.start(home.workspace_id, "webchat", "visitor-1", text="Hello!", address=None)
        agent = await tools(made, begun)
        assert "No number or address" in (await agent.call("verify_customer", {})).error
        await agent.call("verify_customer", {"to": ANA})
        given = await sent(made)
        assert (await agent.call("verify_customer", {"code": given})).data == {"verified": True, "kind": "phone"}
        assert "verified" not in (await agent.call("balance", {})).error
        known = await made.records.all(Identity, Identity.customer_id == ana)
        assert {one.kind for one in known} == {"phone", "visitor"}, "one customer now"


async def test_a_mail_that_nobody_vouches_for_unlocks_nothing(store: Store, clock: FakeClock) -> None:
    async with core(store, clock, *NAMES) as made:
        home = await world(made)
        ana = await says(made, MAIL, "Hello", channel="email")
        await customers.add_identity(
            made.context, home.workspace_id, ana, "email", MAIL, by="x", source="api", strength="verified"
        )
        for trusted in (False, True):
            sent_in = Inbound(
                "email", "message", f"mail-{trusted}", sender=MAIL, recipient="+15005550006", text="My balance?",
                content={"mail": {"trusted": trusted}},
            )  # fmt: skip
            await made.hub.receive(sent_in)
            await made.settled()
            assert await verifying.is_verified(made.context, (await newest(made)).id) is trusted
