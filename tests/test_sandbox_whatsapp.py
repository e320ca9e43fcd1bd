"""The sandbox's WhatsApp: its window, templates, buttons and read marks as Twilio has them."""

from typing import Any

import pytest
from twilio.base.exceptions import TwilioRestException

from tests.test_sandbox import OURS, PERSON, SID, TOKEN, World, world
from tests.world import eventually

pytestmark = pytest.mark.anyio
SENDER, WHO = f"whatsapp:{OURS}", f"whatsapp:{PERSON}"


async def say(w: World, **more: Any) -> Any:
    given = {"from_": SENDER, "to": WHO, "status_callback": w.hub.url + "/hooks/whatsapp/status"}
    return await w.twilio.messages.create_async(
        **given | ({"body": "hello"} if "content_sid" not in more else {}) | more
    )


async def heard(w: World, body: str = "hi", **more: Any) -> dict[str, str]:
    """The person writes; the parameters of the webhook."""
    await w.text(body, **{"from": WHO, "to": SENDER, "profile_name": "Ana Lima", **more})
    return dict(w.hub.received[-1][1])


async def reported(w: World, status: str) -> dict[str, str]:
    """The newest status callback of this kind; waits for one."""

    async def params() -> list[dict[str, str]]:
        rows = (await w.control("GET", "requests?kind=status"))["requests"]
        return [row["params"] for row in rows if row["params"]["MessageStatus"] == status]

    return (await eventually(params, len))[-1]


async def content(w: World, name: str) -> str:
    rows = (await w.http.get("/v1/ContentAndApprovals", auth=(SID, TOKEN))).json()["contents"]
    return str(next(row["sid"] for row in rows if row["friendly_name"] == name))


async def test_the_webhook_has_whatsapps_parameters() -> None:
    async with world() as w:
        params = await heard(w, "hi", params={"ButtonText": "Yes", "ButtonPayload": "yes", "MessageType": "button"})
        assert (params["From"], params["To"], params["ProfileName"]) == (WHO, SENDER, "Ana Lima")
        assert (params["WaId"], params["ButtonPayload"], params["MessageType"]) == (PERSON[1:], "yes", "button")
        assert "FromCity" not in params
        assert w.hub.received[-1][0].endswith("/hooks/whatsapp")


async def test_free_text_arrives_within_the_window_and_fails_with_63016_outside_it() -> None:
    async with world(whatsapp_window_seconds=60) as w:
        await say(w)
        assert (await reported(w, "failed"))["ErrorCode"] == "63016"
        await heard(w)
        await say(w)
        told = await reported(w, "delivered")
        assert (told["ChannelPrefix"], told["To"]) == ("whatsapp", WHO)
        window = {"from": WHO, "to": SENDER, "seconds_ago": 61}
        assert (await w.control("POST", "window", **window))["open"] is False


async def test_an_approved_template_arrives_at_any_time_and_another_does_not() -> None:
    async with world() as w:
        variables = '{"1": "Ana", "2": "A7"}'
        sent = await say(w, content_sid=await content(w, "order_update"), content_variables=variables)
        assert sent.body.startswith("Hi Ana, your order A7 is on its way.")
        await reported(w, "delivered")
        await say(w, content_sid=await content(w, "win_a_prize"))
        assert (await reported(w, "failed"))["ErrorCode"] == "63016"


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"from_": OURS}, 21910),
        ({"from_": "whatsapp:+15005559999"}, 63007),
        ({"to": "whatsapp:nobody"}, 21211),
        ({"to": SENDER}, 63031),
        ({"content_sid": "HX" + "0" * 32}, 21655),
        ({"content_variables": "{}"}, 21654),
        ({"body": ""}, 21602),
        ({"body": "x" * 1601}, 21617),
    ],
)
async def test_what_twilio_refuses_is_refused(more: dict[str, str], code: int) -> None:
    async with world() as w:
        with pytest.raises(TwilioRestException) as refused:
            await say(w, **more)
        assert refused.value.code == code


@pytest.mark.parametrize("variables", ["{", "[]", '{"1": ""}', '{"1": null}'])
async def test_values_that_are_none_are_refused(variables: str) -> None:
    async with world() as w:
        with pytest.raises(TwilioRestException) as refused:
            await say(w, content_sid=await content(w, "order_update"), content_variables=variables)
        assert refused.value.code == 21656


async def test_the_content_api_asks_for_credentials_pages_and_makes() -> None:
    async with world() as w:
        assert (await w.http.get("/v1/ContentAndApprovals")).status_code == 401
        auth = (SID, TOKEN)
        page = (await w.http.get("/v1/ContentAndApprovals?PageSize=3", auth=auth)).json()
        assert (len(page["contents"]), page["meta"]["key"]) == (3, "contents")
        assert page["meta"]["next_page_url"].startswith("https://content.twilio.com/v1/ContentAndApprovals?")
        actions = [{"type": "QUICK_REPLY", "title": "Yes", "id": "1"}]
        given = {"friendly_name": "x", "language": "en", "variables": {"1": "text"},
                 "types": {"twilio/quick-reply": {"body": "{{1}}", "actions": actions}}}  # fmt: skip
        made = (await w.http.post("/v1/Content", json=given, auth=auth)).json()
        assert (await w.http.get(f"/v1/Content/{made['sid']}", auth=auth)).json()["friendly_name"] == "x"
        for wrong in ({}, {"types": {}}, {"types": {"twilio/quick-reply": {"actions": [{"title": "x" * 21}]}}}):
            assert (await w.http.post("/v1/Content", json=wrong, auth=auth)).status_code == 400


async def test_a_refusal_at_once_and_one_of_the_network_behind() -> None:
    async with world() as w:
        await heard(w)
        await w.behave(mode="refuse", code=63016, at_once=True, count=1)
        with pytest.raises(TwilioRestException) as refused:
            await say(w)
        assert refused.value.code == 63016
        await w.behave(mode="refuse", code=63024, count=1)
        await say(w)
        assert (await reported(w, "undelivered"))["ErrorCode"] == "63024"


async def test_reading_the_conversation_reports_it_as_read() -> None:
    async with world() as w:
        await heard(w)
        await say(w)
        await reported(w, "delivered")
        await w.http.post("/handset/read", json={"person": WHO, "ours": SENDER})
        assert (await reported(w, "read"))["EventType"] == "READ"


async def test_the_phone_sees_a_picture_without_credentials_and_nobody_else_does() -> None:
    async with world() as w:
        params = await heard(w, media=[{"content": "iVBORw0KGgo=", "content_type": "image/png"}])
        assert (await w.http.get(params["MediaUrl0"])).status_code == 401
        (row,) = (await w.control("GET", "messages?direction=inbound"))["messages"]
        shown = await w.http.get(row["media"][0]["url"])
        assert (shown.status_code, shown.content) == (200, b"\x89PNG\r\n\x1a\n")
        elsewhere = await w.http.get(row["media"][0]["url"], headers={"sec-fetch-site": "cross-site"})
        assert elsewhere.status_code == 403
