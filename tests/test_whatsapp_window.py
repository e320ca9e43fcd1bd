"""Free text goes out within 24 hours after the person last wrote, to the second; afterwards a template does."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from hub.core.recover import sweep
from hub.core.templates import filled
from hub.models import Event, Interaction, Message, OutboxEntry
from hub.policy import NotAllowed
from tests.fakes import gated, until
from tests.whatsapp_world import (
    ANA,
    BEN,
    StillClock,
    carrier_window,
    last_of,
    only_interaction,
    sent,
    whatsapp_house,
    writes,
)
from tests.world import QUESTION, House, Sandbox, eventually, looking_up

pytestmark = pytest.mark.anyio
RESUME = "conversation_resume"
CLOSED = {"hours": 24}
OUTSIDE = "More than 24 hours have passed since the customer last wrote: send an approved template."


@pytest.fixture
def still() -> StillClock:
    return StillClock()


@pytest.fixture
async def hub(
    sqlite_url: str, sandbox: Sandbox, still: StillClock, tmp_path: Path, anyio_backend: str
) -> AsyncIterator[House]:
    async with whatsapp_house(sqlite_url, sandbox, still, tmp_path) as made:
        yield made


async def taken_over(hub: House) -> Interaction:
    """Ana wrote and was answered, and an operator has the conversation."""
    await writes(hub, ANA, QUESTION)
    await hub.settled()
    interaction = await only_interaction(hub)
    await hub.hub.take_over(hub.home.workspace_id, interaction.id, hub.home.ana)
    return interaction


async def say(hub: House, interaction: Interaction, text: str, **more: Any) -> Message:
    return await hub.hub.say(hub.home.workspace_id, interaction.id, text, operator=hub.home.ana, **more)


async def template(hub: House, name: str, **variables: str) -> tuple[str, dict[str, Any]]:
    known = await hub.hub.context.channels["whatsapp"].templates()
    chosen = next(one for one in known if one.name == name)
    return await filled(hub.hub.context, "whatsapp", chosen.id, variables)


async def test_free_text_goes_out_until_the_last_second_and_not_after_it(hub: House, still: StillClock) -> None:
    interaction = await taken_over(hub)
    still.forward(hours=23, minutes=59, seconds=59)
    assert (await say(hub, interaction, "just in time")).status == "queued"
    still.forward(seconds=1)
    with pytest.raises(NotAllowed, match="more than 24 hours ago, so only an approved template") as refused:
        await say(hub, interaction, "too late")
    assert refused.value.code == "window"
    text, content = await template(hub, RESUME)
    assert (await say(hub, interaction, text, content=content)).status == "queued"


async def test_only_the_person_opens_the_window_again_and_only_there(hub: House, still: StillClock) -> None:
    interaction = await taken_over(hub)
    still.forward(hours=23)
    await say(hub, interaction, "our own words do not count")
    await hub.text(ANA, "nor do texts of hers by SMS")
    await writes(hub, BEN, "nor those of somebody else")
    await hub.settled()
    still.forward(hours=1)
    with pytest.raises(NotAllowed):
        await say(hub, interaction, "too late")
    await writes(hub, ANA, "hello again")
    assert (await say(hub, interaction, "welcome back")).status == "queued"


async def test_the_window_outlives_the_conversation_it_was_opened_in(
    database_url: str, sandbox: Sandbox, still: StillClock, tmp_path: Path
) -> None:
    async with whatsapp_house(database_url, sandbox, still, tmp_path) as hub:
        interaction = await taken_over(hub)
        home = hub.home.workspace_id
        await hub.hub.end(home, interaction.id)
        still.forward(hours=23, minutes=59, seconds=59)
        begun = await hub.hub.start(home, "whatsapp", ANA, text="still open")
        await hub.hub.end(home, begun.id)
        still.forward(seconds=1)
        with pytest.raises(NotAllowed, match="approved template"):
            await hub.hub.start(home, "whatsapp", ANA, text="closed")


async def test_a_conversation_of_ours_begins_with_a_template(hub: House) -> None:
    home = hub.home.workspace_id
    for text in ("hello stranger", ""):
        with pytest.raises(NotAllowed, match="has not written yet, so only an approved template") as refused:
            await hub.hub.start(home, "whatsapp", BEN, text=text)
        assert refused.value.code == "window"
    assert await hub.records.all(Interaction) == []
    text, content = await template(hub, "order_update", **{"1": "Ben", "2": "A7"})
    await hub.hub.start(home, "whatsapp", BEN, text=text, content=content)
    await hub.settled()
    (message,) = await sent(hub, BEN, at_least=1)
    assert message["body"] == "Hi Ben, your order A7 is on its way. Reply here if you have a question."
    assert message["content_sid"] == content["template"]["id"]

    async def said() -> Message:
        return await last_of(hub, "agent")

    await eventually(said, lambda found: found.status == "delivered")


async def test_an_answer_that_comes_too_late_parks_and_asks_for_a_person(
    sqlite_url: str, sandbox: Sandbox, still: StillClock, tmp_path: Path
) -> None:
    async with (
        gated() as gate,
        whatsapp_house(sqlite_url, sandbox, still, tmp_path, definition=looking_up(gate.url)) as hub,
    ):
        await writes(hub, ANA, "look it up")
        await until(lambda: gate.asked)
        still.forward(**CLOSED)
        gate.open()
        await hub.settled()
        answer = await last_of(hub, "agent")
        assert (answer.status, answer.error_code) == ("failed", "window")
        assert "only an approved template may be sent" in answer.error_words
        assert answer.content["parked"] is True
        assert await hub.records.all(OutboxEntry) == []
        assert await sent(hub, ANA) == []
        (parked,) = await hub.records.events("message.parked")
        assert parked.data["message_id"] == str(answer.id)
        assert (await only_interaction(hub)).owner == "queue"


@pytest.mark.parametrize("at_once", [True, False], ids=["as an answer", "as a status"])
async def test_the_carriers_63016_parks_and_is_not_sent_again(hub: House, still: StillClock, at_once: bool) -> None:
    await writes(hub, ANA, "hello")
    await hub.settled()
    before = len(await hub.sandbox.tries(f"whatsapp:{ANA}"))
    if at_once:
        await hub.sandbox.behave(mode="refuse", code=63016, at_once=True, to=f"whatsapp:{ANA}")
    else:
        await carrier_window(hub.sandbox, ANA, 24 * 3600)
    await hub.whatsapps(ANA, QUESTION)
    await hub.settled()

    async def answer() -> Message:
        return await last_of(hub, "agent")

    parked = await eventually(answer, lambda found: found.status == "failed")
    assert (parked.error_code, parked.error_words, parked.content.get("parked")) == ("63016", OUTSIDE, True)
    await eventually(lambda: hub.records.events("message.parked"), len)
    interaction = await only_interaction(hub)
    assert interaction.owner == "queue"
    with pytest.raises(NotAllowed, match="only an approved template"):  # the carrier's clock counts
        await hub.hub.say(hub.home.workspace_id, interaction.id, "once more")
    still.forward(hours=1)
    await sweep(hub.hub.context, still.now())
    await hub.settled()
    assert len(await hub.sandbox.tries(f"whatsapp:{ANA}")) == before + 1


async def test_a_late_word_of_a_closed_window_does_not_close_one_that_was_opened_since(hub: House) -> None:
    interaction = await taken_over(hub)
    await hub.sandbox.behave(mode="accept", hold_status=True, to=f"whatsapp:{ANA}")
    said = await say(hub, interaction, "before that")
    await hub.settled()
    await writes(hub, ANA, "I am back")
    await hub.report(said, "SM" + "5" * 32, "failed", "63016")
    assert len(await hub.records.events("message.parked")) == 1
    assert (await say(hub, interaction, "welcome back")).status == "queued"


async def test_the_carrier_lets_a_template_through_when_free_text_is_not(hub: House) -> None:
    interaction = await taken_over(hub)
    await carrier_window(hub.sandbox, ANA, 24 * 3600)
    text, content = await template(hub, "appointment_reminder", **{"1": "Ana", "2": "Friday"})
    said = await say(hub, interaction, text, content=content)
    await hub.settled()

    async def now() -> Message:
        return await hub.records.one(Message, Message.id == said.id)

    await eventually(now, lambda found: found.status == "delivered")
    message = (await sent(hub, ANA))[-1]
    assert [button["text"] for button in message["buttons"]] == ["I will be there", "Another time"]


async def test_a_person_is_not_taken_out_of_a_colleagues_hands_by_what_is_parked(hub: House) -> None:
    interaction = await taken_over(hub)
    await carrier_window(hub.sandbox, ANA, 24 * 3600)
    await say(hub, interaction, "the carrier's clock is ahead of ours")
    await hub.settled()
    await eventually(lambda: hub.records.events("message.parked"), len)
    again = await only_interaction(hub)
    assert (again.owner, again.operator_id) == ("operator", hub.home.ana.id)


async def test_a_parked_template_can_be_sent_again_as_it_was(hub: House) -> None:
    interaction = await taken_over(hub)
    await hub.sandbox.behave(mode="refuse", code=63041, at_once=True, count=1, to=f"whatsapp:{ANA}")
    text, content = await template(hub, RESUME)
    failed = await say(hub, interaction, text, content=content)
    await hub.settled()
    found = await hub.records.one(Message, Message.id == failed.id)
    assert found.error_words == "WhatsApp has paused the template because of its quality. Use another one."
    again = await hub.hub.send_again(hub.home.workspace_id, failed.id, hub.home.ana)
    assert again.content["template"] == content["template"]
    await hub.settled()
    assert (await sent(hub, ANA))[-1]["content_sid"] == content["template"]["id"]


@pytest.mark.parametrize(
    ("name", "variables", "words"),
    [
        ("order_update", {"1": "Ana"}, r"Fill in \{\{2\}\}"),
        ("order_update", {"1": "Ana", "2": "  "}, r"Fill in \{\{2\}\}"),
        ("order_update", {"1": "Ana", "2": "x", "3": "y"}, "has no place '3'"),
        ("order_update", {"1": "Ana", "2": "two\nlines"}, "must be one line"),
        ("order_update", {"1": "Ana", "2": "a\tb"}, "without tabs"),
        ("order_update", {"1": "Ana", "2": "a    b"}, "four spaces"),
        ("order_update", {"1": "Ana", "2": "x" * 1100}, "1024 are allowed"),
        ("win_a_prize", {"1": "Ana"}, "it was rejected"),
        ("feedback_request", {"1": "Ana"}, "still being looked at"),
    ],
)
async def test_a_template_that_cannot_be_sent_is_refused_in_words(
    hub: House, name: str, variables: dict[str, str], words: str
) -> None:
    with pytest.raises(NotAllowed, match=words):
        await template(hub, name, **variables)


async def test_a_template_that_does_not_exist_is_refused_and_other_channels_have_none(hub: House) -> None:
    with pytest.raises(NotAllowed, match="no template with this id"):
        await filled(hub.hub.context, "whatsapp", "HX" + "0" * 32, {})
    with pytest.raises(NotAllowed, match="has no templates"):
        await filled(hub.hub.context, "sms", "HX" + "0" * 32, {})


async def test_a_person_who_opted_out_gets_no_template_either(hub: House) -> None:
    await writes(hub, ANA, "STOP")
    await hub.settled()
    text, content = await template(hub, RESUME)
    interaction = await only_interaction(hub)
    with pytest.raises(NotAllowed, match="opted out"):
        await hub.hub.say(hub.home.workspace_id, interaction.id, text, content=content)


async def test_sms_has_no_window(hub: House, still: StillClock) -> None:
    await hub.text(ANA, QUESTION)
    await hub.settled()
    still.forward(days=20)
    interaction = await only_interaction(hub)
    await hub.hub.take_over(hub.home.workspace_id, interaction.id, hub.home.ana)
    assert (await say(hub, interaction, "weeks later")).status == "queued"
    assert {one.type for one in await hub.records.all(Event)}.isdisjoint({"message.parked"})
