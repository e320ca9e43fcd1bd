"""WhatsApp comes in, an answer goes out, it is reported as read: through the real door and the carrier's API."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from channels._twilio_errors import words
from hub.core.fetch import MOST_ATTEMPTS
from hub.core.recover import sweep
from hub.models import Address, Customer, FetchEntry, Interaction, Message, StoredFile
from hub.work import Work
from tests.bench.processes import ACCOUNT_SID, OUR_NUMBER
from tests.fakes import FakeClock
from tests.whatsapp_world import ANA, last_of, only_interaction, sent, whatsapp_house, writes
from tests.world import QUESTION, SERVICE_SID, House, Sandbox, eventually, furnish

pytestmark = pytest.mark.anyio
PICTURE = {"content": "iVBORw0KGgo=", "content_type": "image/png", "name": "dot.png"}


@pytest.fixture
async def hub(
    sqlite_url: str, sandbox: Sandbox, clock: FakeClock, tmp_path: Path, anyio_backend: str
) -> AsyncIterator[House]:
    async with whatsapp_house(sqlite_url, sandbox, clock, tmp_path) as made:
        yield made


@pytest.fixture
async def on_each(
    database_url: str, sandbox: Sandbox, clock: FakeClock, tmp_path: Path, anyio_backend: str
) -> AsyncIterator[House]:
    """The same on every kind of database, for what they are asked in words of their own."""
    async with whatsapp_house(database_url, sandbox, clock, tmp_path) as made:
        yield made


async def test_a_message_is_answered_and_reported_as_read(hub: House) -> None:
    assert (await writes(hub, ANA, QUESTION))["ok"]
    await hub.settled()
    (answer,) = await sent(hub, ANA, at_least=1)
    assert (answer["from"], answer["to"]) == (f"whatsapp:{OUR_NUMBER}", f"whatsapp:{ANA}")
    assert "Saturday from 9 to 13" in answer["body"]
    interaction = await only_interaction(hub)
    assert (interaction.channel, interaction.person, interaction.ours) == ("whatsapp", ANA, OUR_NUMBER)

    async def message() -> Message:
        return await last_of(hub, "agent")

    await eventually(message, lambda found: found.status == "delivered")
    await hub.sandbox.ask("POST", "/handset/read", {"person": f"whatsapp:{ANA}", "ours": f"whatsapp:{OUR_NUMBER}"})
    await eventually(message, lambda found: found.status == "read")


async def test_what_whatsapp_calls_a_person_is_their_name_and_their_number_is_one_customer(hub: House) -> None:
    await hub.text(ANA, "by text")
    await writes(hub, ANA, "by WhatsApp")
    await hub.settled()
    customer = await hub.records.one(Customer)
    assert customer.name == "Ana Lima"
    assert {one.channel for one in await hub.records.all(Interaction)} == {"sms", "whatsapp"}


async def test_a_picture_is_fetched_with_our_credentials_and_kept(hub: House) -> None:
    await writes(hub, ANA, "look", media=[PICTURE])
    await hub.settled()
    (media,) = (await last_of(hub, "customer")).media
    row = await hub.records.one(StoredFile)
    assert (media["url"], media["file_id"], media["content_type"]) == (f"/files/{row.id}", str(row.id), "image/png")
    assert (hub.hub.context.data_dir / row.path).read_bytes() == b"\x89PNG\r\n\x1a\n"
    assert await hub.records.all(FetchEntry) == []


async def test_a_message_delivered_twenty_times_is_one_and_is_answered_once(hub: House) -> None:
    asked = {"sid": "SM" + "7" * 32, "duplicate": 19}
    rows = await hub.sandbox.ask(
        "POST", "/control/inbound",
        {"from": f"whatsapp:{ANA}", "to": f"whatsapp:{OUR_NUMBER}", "body": QUESTION, "targets": [hub.url], **asked},
    )  # fmt: skip
    assert {row["status"] for row in rows["requests"]} == {200}
    await hub.settled()
    assert [role for role, _ in await hub.records.said(ANA)] == ["customer", "agent"]
    assert len(await hub.sandbox.tries(f"whatsapp:{ANA}")) == 1


async def test_the_person_sees_that_their_message_was_read_and_is_being_answered(hub: House) -> None:
    sid = (await writes(hub, ANA, QUESTION))["sid"]
    await hub.settled()
    rows = (await hub.sandbox.ask("GET", "/control/messages?direction=inbound"))["messages"]
    assert [row["read"] for row in rows if row["sid"] == sid] == [True]


async def test_a_reply_quotes_what_it_answers_and_a_reaction_stands_at_its_message(on_each: House) -> None:
    await writes(on_each, ANA, QUESTION)
    await on_each.settled()
    (answer,) = await sent(on_each, ANA, at_least=1)
    about = {"OriginalRepliedMessageSid": answer["sid"]}
    await writes(on_each, ANA, "That suits me", params=about)
    await on_each.settled()
    quoted = await on_each.records.one(Message, Message.text == "That suits me")
    first = await on_each.records.one(Message, Message.external_id == answer["sid"])
    assert quoted.content["answers"] == {"message_id": str(first.id), "text": first.text, "by": "Maya"}
    count = len(await on_each.records.all(Message))
    for emoji in ("👍", "❤️", ""):
        await writes(on_each, ANA, emoji, params={"MessageType": "reaction", **about})
        await on_each.settled()
        assert (await on_each.records.one(Message, Message.id == first.id)).content["reaction"] == emoji
    assert len(await on_each.records.all(Message)) == count
    assert len(await on_each.records.events("message.reacted")) == 3


async def test_a_reaction_to_a_message_of_another_workspace_changes_nothing(hub: House) -> None:
    await writes(hub, ANA, QUESTION)
    await hub.settled()
    (answer,) = await sent(hub, ANA, at_least=1)
    await furnish(hub.store, number="+15005550007", name="Other", channels=("whatsapp",))
    params = {"MessageType": "reaction", "OriginalRepliedMessageSid": answer["sid"]}
    assert (await writes(hub, ANA, "👎", to="whatsapp:+15005550007", params=params))["ok"]
    found = await hub.records.one(Message, Message.external_id == answer["sid"])
    assert "reaction" not in found.content


async def test_places_buttons_and_advertisements_are_readable_text_and_kept_beside_it(hub: House) -> None:
    place = {"MessageType": "location", "Latitude": "52.5", "Longitude": "13.4", "Address": "Mitte", "Label": "Home"}
    button = {"MessageType": "button", "ButtonText": "Another time", "ButtonPayload": "move"}
    referral = {"ReferralBody": "Bikes", "ReferralHeadline": "Sale", "ReferralSourceUrl": "https://fb.example/1"}
    for body, params in (("", place), ("", button), ("Is it there?", referral)):
        await writes(hub, ANA, body, params=params)
        await hub.settled()
    at, tapped, came = await hub.records.all(Message, Message.role == "customer")
    assert (at.text, at.content["place"]["label"]) == ("Location: Home, Mitte (52.5, 13.4)", "Home")
    assert (tapped.text, tapped.content["button"]["payload"]) == ("Another time", "move")
    assert (came.text, came.content["referral"]["text"]) == ("Is it there?", "Bikes")


async def test_a_number_in_a_pool_is_known_by_its_messaging_service(hub: House) -> None:
    async with hub.store.write() as db:
        db.add(
            Address(
                workspace_id=hub.home.workspace_id, channel="whatsapp", value=SERVICE_SID, agent_id=hub.home.agent_id
            )
        )
    await hub.whatsapps(ANA, QUESTION, To="whatsapp:+15005559999", MessagingServiceSid=SERVICE_SID)
    await hub.settled()
    (message,) = await sent(hub, ANA, at_least=1)
    assert message["messaging_service_sid"] == SERVICE_SID


async def test_the_picture_of_a_text_message_is_fetched_and_kept_too(hub: House) -> None:
    asked = {"from": ANA, "to": OUR_NUMBER, "body": "look", "targets": [hub.url], "media": [PICTURE]}
    await hub.sandbox.ask("POST", "/control/inbound", asked)
    await hub.settled()
    (media,) = (await last_of(hub, "customer")).media
    assert media["url"].startswith("/files/")


async def test_the_answer_does_not_wait_for_an_attachment(hub: House) -> None:
    away = "http://127.0.0.1:1/2010-04-01/Media/ME1"
    await hub.whatsapps(ANA, QUESTION, NumMedia="1", MediaUrl0=away, MediaContentType0="image/png")
    await hub.settled()
    message = await last_of(hub, "customer")
    assert message.media[0]["fault"] == "The attachment is not at an address of Twilio's; it was left alone."
    assert await hub.records.one(Message, Message.role == "agent")


async def test_an_attachment_that_is_not_there_yet_is_fetched_later_and_by_any_node(
    on_each: House, clock: FakeClock
) -> None:
    late = f"{on_each.sandbox.url}/2010-04-01/Accounts/{ACCOUNT_SID}/Messages/SM1/Media/ME1"
    await on_each.whatsapps(ANA, "look", NumMedia="1", MediaUrl0=late, MediaContentType0="image/png")
    await on_each.settled()
    entry = await on_each.records.one(FetchEntry)
    assert entry.attempts == 1
    assert (await last_of(on_each, "customer")).media[0]["fault"] == ""
    for _ in range(MOST_ATTEMPTS):
        clock.forward(minutes=10)
        await sweep(on_each.hub.context, clock.now())
        await on_each.settled()
    assert (await last_of(on_each, "customer")).media[0]["fault"] == "Twilio answered 404 for the attachment."
    assert await on_each.records.all(FetchEntry) == []


async def test_a_crash_between_taking_in_and_fetching_loses_no_attachment(hub: House, clock: FakeClock) -> None:
    sid = (await writes(hub, ANA, "", media=[PICTURE]))["sid"]
    await hub.settled()
    message = await hub.records.one(Message, Message.external_id == sid)
    rows = (await hub.sandbox.ask("GET", "/control/messages?direction=inbound"))["messages"]
    media_sid = rows[-1]["media"][0]["url"].rpartition("/")[2]
    url = f"{hub.sandbox.url}/2010-04-01/Accounts/{ACCOUNT_SID}/Messages/{sid}/Media/{media_sid}"
    async with hub.store.write() as db:  # as it stood when the process died
        found = await db.get(Message, message.id)
        assert found is not None
        found.media = [{"url": url, "content_type": "image/png", "name": "", "size_bytes": None, "file_id": ""}]
        db.add(
            FetchEntry(
                message_id=message.id,
                workspace_id=message.workspace_id,
                interaction_id=message.interaction_id,
                channel="whatsapp",
                due_at=clock.now(),
            )
        )
    await sweep(hub.hub.context, clock.now())
    assert (await last_of(hub, "customer")).media[0]["url"].startswith("/files/")


async def test_messages_that_no_webhook_told_of_are_found_with_their_pictures(hub: House) -> None:
    asked = {"from": f"whatsapp:{ANA}", "to": f"whatsapp:{OUR_NUMBER}", "body": "lost", "media": [PICTURE, PICTURE]}
    await hub.sandbox.ask("POST", "/control/inbound", {**asked, "targets": ["http://127.0.0.1:1"]})
    await Work(hub.hub.context).poll()
    await hub.settled()
    message = await last_of(hub, "customer")
    assert (message.text, [one["content_type"] for one in message.media]) == ("lost", ["image/png"] * 2)


async def test_what_went_out_before_the_connection_broke_is_not_sent_twice(hub: House, clock: FakeClock) -> None:
    await hub.sandbox.behave(mode="drop_after_accept", hold_status=True, to=f"whatsapp:{ANA}")
    await writes(hub, ANA, QUESTION)
    await hub.settled()
    clock.forward(seconds=30)
    await sweep(hub.hub.context, clock.now())
    answer = await last_of(hub, "agent")
    (there,) = await sent(hub, ANA)
    assert (answer.status, answer.external_id) == ("sent", there["sid"])
    assert len(await hub.sandbox.tries(f"whatsapp:{ANA}")) == 1


async def test_stop_counts_on_whatsapp_and_over_all_channels(hub: House) -> None:
    await hub.text(ANA, "hello")
    await writes(hub, ANA, "STOP")
    await hub.settled()
    before = len(await hub.sandbox.tries(ANA))
    await hub.text(ANA, QUESTION)
    await hub.settled()
    assert len(await hub.sandbox.tries(ANA)) == before


@pytest.mark.parametrize("code", ["63003", "63007", "63013", "63024", "63032", "63049", "63051"])
async def test_whatsapps_codes_are_told_in_plain_words(hub: House, code: str) -> None:
    await hub.sandbox.behave(mode="refuse", code=int(code), to=f"whatsapp:{ANA}")
    await writes(hub, ANA, QUESTION)
    await hub.settled()

    async def answer() -> Message:
        return await last_of(hub, "agent")

    failed = await eventually(answer, lambda found: found.status == "undelivered")
    assert (failed.error_code, failed.error_words) == (code, words(code))
    assert "reported error" not in failed.error_words
