"""The WhatsApp channel at the carrier's API: buttons, lists, numbers, templates, attachments, what was missed."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from channels import open_channels
from channels.whatsapp import WhatsApp
from hub.channel import Media, Outbound, Undeliverable
from tests.bench.processes import ACCOUNT_SID, AUTH_TOKEN, OUR_NUMBER
from tests.whatsapp_world import ANA
from tests.world import Sandbox

pytestmark = pytest.mark.anyio
PERSON = f"whatsapp:{ANA}"
MENU = Outbound("m1", "i1", "", OUR_NUMBER, ANA, "Money back or an exchange?", choices=("Money back", "Exchange"))


@pytest.fixture
async def channel(sandbox: Sandbox, anyio_backend: str) -> AsyncIterator[WhatsApp]:
    async with opened(sandbox) as made:
        await hears(sandbox, "hello")
        yield made


@contextlib.asynccontextmanager
async def opened(sandbox: Sandbox) -> AsyncIterator[WhatsApp]:
    settings = {
        "TWILIO_ACCOUNT_SID": ACCOUNT_SID, "TWILIO_AUTH_TOKEN": AUTH_TOKEN, "TWILIO_BASE_URL": sandbox.url,
        "HUB_PUBLIC_URL": "https://hub.example", "HUB_SECRET_KEY": "x",
    }  # fmt: skip
    made = open_channels(settings)["whatsapp"]
    assert isinstance(made, WhatsApp)
    try:
        yield made
    finally:
        await made.close()


async def hears(sandbox: Sandbox, body: str, **more: Any) -> str:
    """The person writes, and no webhook of ours is there to hear it; the message's id."""
    asked = {"from": PERSON, "to": f"whatsapp:{OUR_NUMBER}", "body": body, "targets": ["http://127.0.0.1:1"], **more}
    return str((await sandbox.ask("POST", "/control/inbound", asked))["requests"][0]["sid"])


async def arrived(sandbox: Sandbox) -> dict[str, Any]:
    return (await sandbox.sent(PERSON, at_least=1))[-1]


async def test_a_few_short_choices_are_buttons(channel: WhatsApp, sandbox: Sandbox) -> None:
    sid = await channel.send(MENU)
    message = await arrived(sandbox)
    assert message["body"] == MENU.text
    assert [(one["text"], one["payload"], one["kind"]) for one in message["buttons"]] == [
        ("Money back", "1", "reply"),
        ("Exchange", "2", "reply"),
    ]
    assert await channel.find(MENU) == [sid]


async def test_the_buttons_are_made_once_for_all_texts_and_found_again_after_a_restart(
    channel: WhatsApp, sandbox: Sandbox
) -> None:
    await channel.send(MENU)
    first = (await arrived(sandbox))["content_sid"]
    await channel.send(replace(MENU, text="Which of them?"))
    async with opened(sandbox) as another:
        await another.send(replace(MENU, text="Once more?"))
    assert {row["content_sid"] for row in await sandbox.sent(PERSON, at_least=3)} == {first}
    assert not any(one.name.startswith("hub_choices") for one in await channel.templates(anew=True))


async def test_a_text_of_several_lines_keeps_them_above_its_buttons(channel: WhatsApp, sandbox: Sandbox) -> None:
    text = "I found it: a teapot.\n\nMoney back\nor an exchange?"
    await channel.send(replace(MENU, text=text))
    message = await arrived(sandbox)
    assert (message["body"], len(message["buttons"]), message["status"] != "failed") == (text, 2, True)


async def test_more_choices_are_a_list(channel: WhatsApp, sandbox: Sandbox) -> None:
    days = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday")
    await channel.send(replace(MENU, choices=days))
    message = await arrived(sandbox)
    assert [(one["text"], one["kind"]) for one in message["buttons"]] == [(day, "list") for day in days]


@pytest.mark.parametrize(
    "choices",
    [
        tuple(f"Number {number}" for number in range(11)),
        ("A choice that is far too long for a button", "Another"),
        ("{{1}}", "Another"),
        ("Twice", "Twice"),
    ],
)
async def test_choices_that_cannot_be_buttons_are_numbered(
    channel: WhatsApp, sandbox: Sandbox, choices: tuple[str, ...]
) -> None:
    outbound = replace(MENU, choices=choices)
    sid = await channel.send(outbound)
    message = await arrived(sandbox)
    lines = message["body"].split("\n")
    assert lines == [MENU.text, *(f"{at}. {choice}" for at, choice in enumerate(choices, 1))]
    assert message["buttons"] == []
    assert await channel.find(outbound) == [sid]


async def test_buttons_that_somebody_removed_at_the_carrier_are_numbers_this_once(
    channel: WhatsApp, sandbox: Sandbox
) -> None:
    await channel.send(MENU)
    await sandbox.ask("POST", "/control/reset")
    await hears(sandbox, "hello again")
    await channel.send(MENU)
    assert (await arrived(sandbox))["body"].endswith("1. Money back\n2. Exchange")
    await channel.send(MENU)
    assert len((await arrived(sandbox))["buttons"]) == 2


async def test_templates_are_listed_with_their_places_and_what_whatsapp_says_of_them(channel: WhatsApp) -> None:
    found = {one.name: one for one in await channel.templates()}
    order = found["order_update"]
    assert (order.language, order.category, order.status) == ("en", "utility", "approved")
    assert order.variables == {"1": "Ada", "2": "A1001"}
    assert found["appointment_reminder"].buttons == ("I will be there", "Another time")
    prize = found["win_a_prize"]
    assert (prize.status, prize.reason[:14]) == ("rejected", "INVALID_FORMAT")
    assert found["feedback_request"].status == "pending"
    assert found["termin_erinnerung"].language == "de"


async def test_templates_are_remembered_until_asked_for_anew(channel: WhatsApp, sandbox: Sandbox) -> None:
    before = len(await channel.templates())
    other = replace(MENU, choices=("One", "Two"))
    await channel.send(other)
    assert len(await channel.templates()) == before
    async with opened(sandbox) as broken:
        broken._account.base_url = "http://127.0.0.1:1"
        with pytest.raises(Undeliverable) as error:
            await broken.templates()
        assert error.value.words


async def test_a_message_of_a_pool_goes_by_its_service(channel: WhatsApp, sandbox: Sandbox) -> None:
    from tests.world import SERVICE_SID

    await channel.send(replace(MENU, sender=SERVICE_SID, choices=()))
    assert (await arrived(sandbox))["messaging_service_sid"] == SERVICE_SID


async def test_one_picture_goes_with_its_words(channel: WhatsApp, sandbox: Sandbox) -> None:
    await channel.send(replace(MENU, choices=(), media=(Media("https://example.com/map.png"),)))
    message = await arrived(sandbox)
    assert [one["url"] for one in message["media"]] == ["https://example.com/map.png"]


async def test_missed_messages_are_found_with_their_attachments_and_texts_are_not_among_them(
    channel: WhatsApp, sandbox: Sandbox
) -> None:
    pictures = [{"content": "iVBORw0KGgo=", "content_type": "image/png"}] * 2
    sid = await hears(sandbox, "two pictures", media=pictures)
    await sandbox.texts(ANA, "a text", "http://127.0.0.1:1")
    missed = {one.external_id: one for one in await channel.missed(datetime.now(UTC) - timedelta(minutes=5))}
    assert {one.text for one in missed.values()} == {"hello", "two pictures"}
    found = missed[sid]
    assert (found.sender, found.recipient, len(found.media)) == (ANA, OUR_NUMBER, 1)
    files = await channel.fetch(found.media[0], 1_000)
    assert [(one.content_type, one.data) for one in files] == [("image/png", b"\x89PNG\r\n\x1a\n")] * 2


async def test_typing_marks_the_message_as_read(channel: WhatsApp, sandbox: Sandbox) -> None:
    sid = await hears(sandbox, "are you there?")
    await channel.attend(sid)
    rows = (await sandbox.ask("GET", "/control/messages?direction=inbound"))["messages"]
    (row,) = [one for one in rows if one["sid"] == sid]
    assert row["read"]
    assert row["typing_for"] > 0
    await channel.attend("SM" + "0" * 32)  # nothing is raised for a message that is not there


@pytest.mark.parametrize(
    ("media", "words"),
    [
        ({"content": "QUJD" * 400, "content_type": "image/png"}, "larger than"),
        ({"content": "TVo=", "content_type": "application/x-msdownload"}, "type application/x-msdownload are not kept"),
    ],
)
async def test_attachments_that_are_too_large_or_of_a_strange_type_are_not_kept(
    channel: WhatsApp, sandbox: Sandbox, media: dict[str, str], words: str
) -> None:
    sid = await hears(sandbox, "", media=[media])
    (row,) = [
        one
        for one in (await sandbox.ask("GET", "/control/messages?direction=inbound"))["messages"]
        if one["sid"] == sid
    ]
    base = f"{sandbox.url}/2010-04-01/Accounts/{ACCOUNT_SID}/Messages/{sid}/Media/"
    with pytest.raises(Undeliverable, match=words) as refused:
        await channel.fetch(Media(base + row["media"][0]["url"].rpartition("/")[2]), 500)
    assert not refused.value.retry


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest/meta-data", "https://api.twilio.com.evil.example/x", "file:///etc/passwd",
        "https://api.twilio.com@evil.example/x", "http://127.0.0.1:1/x", "",
    ],
)  # fmt: skip
async def test_our_credentials_go_to_the_carriers_api_alone(channel: WhatsApp, url: str) -> None:
    with pytest.raises(Undeliverable, match="not at an address of Twilio's"):
        await channel.fetch(Media(url), 500)
