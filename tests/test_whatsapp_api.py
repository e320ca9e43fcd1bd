"""Templates by the API: list them, begin a conversation with one, say one, and be refused in words."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from hub.models import Message
from tests.whatsapp_world import ANA, BEN, StillClock, only_interaction, sent, whatsapp_house, writes
from tests.world import QUESTION, House, Sandbox
from web.auth import new_api_key

pytestmark = pytest.mark.anyio


@pytest.fixture
def still() -> StillClock:
    return StillClock()


@pytest.fixture
async def hub(
    sqlite_url: str, sandbox: Sandbox, still: StillClock, tmp_path: Path, anyio_backend: str
) -> AsyncIterator[House]:
    async with whatsapp_house(sqlite_url, sandbox, still, tmp_path) as made:
        yield made


@pytest.fixture
async def api(hub: House) -> AsyncIterator[httpx.AsyncClient]:
    key, secret = new_api_key(hub.home.workspace_id, "Tests", ["read", "write"])
    async with hub.store.write() as db:
        db.add(key)
    async with httpx.AsyncClient(base_url=hub.url, headers={"authorization": f"Bearer {secret}"}, timeout=30) as client:
        yield client


async def template(api: httpx.AsyncClient, name: str) -> dict[str, Any]:
    rows = (await api.get("/v1/templates?channel=whatsapp")).json()["data"]
    return dict(next(row for row in rows if row["name"] == name))


async def test_templates_are_listed_those_that_can_be_sent_first(api: httpx.AsyncClient) -> None:
    answer = await api.get("/v1/templates?channel=whatsapp&refresh=true")
    assert answer.status_code == 200
    statuses = [row["status"] for row in answer.json()["data"]]
    assert statuses == sorted(statuses, key=lambda status: status != "approved")
    assert {"approved", "rejected", "pending"} == set(statuses)
    assert (await api.get("/v1/templates?channel=sms")).json()["data"] == []
    assert (await api.get("/v1/templates?channel=pigeon")).status_code == 400


async def test_a_conversation_begins_with_a_template_and_with_nothing_else(api: httpx.AsyncClient, hub: House) -> None:
    begun = {"channel": "whatsapp", "to": BEN}
    for more in ({"text": "Hello"}, {}):
        refused = await api.post("/v1/interactions", json=begun | more)
        assert (refused.status_code, refused.json()["code"]) == (422, "window")
    order = await template(api, "order_update")
    given = {"template": {"id": order["id"], "variables": {"1": "Ben", "2": "A9"}}}
    answer = await api.post("/v1/interactions", json=begun | given)
    assert answer.status_code == 201
    await hub.settled()
    (message,) = await sent(hub, BEN, at_least=1)
    assert message["body"].startswith("Hi Ben, your order A9 is on its way.")
    said = (await api.get(f"/v1/interactions/{answer.json()['id']}/messages")).json()["data"][0]
    assert said["content"]["template"]["variables"] == {"1": "Ben", "2": "A9"}
    both = await api.post("/v1/interactions", json=begun | given | {"text": "and this"})
    assert (both.status_code, both.json()["code"]) == (422, "ambiguous")


async def test_outside_the_window_a_message_is_a_template(
    api: httpx.AsyncClient, hub: House, still: StillClock
) -> None:
    await writes(hub, ANA, QUESTION)
    await hub.settled()
    place = f"/v1/interactions/{(await only_interaction(hub)).id}/messages"
    assert (await api.post(place, json={"text": "in time"})).status_code == 201
    still.forward(hours=24)
    refused = await api.post(place, json={"text": "too late"})
    assert (refused.status_code, refused.json()["code"]) == (422, "window")
    assert "only an approved template may be sent" in refused.json()["detail"]
    resume = await template(api, "conversation_resume")
    assert (await api.post(place, json={"template": {"id": resume["id"]}})).status_code == 201
    await hub.settled()
    assert (await hub.records.all(Message))[-1].content["template"]["name"] == "conversation_resume"


@pytest.mark.parametrize(
    ("name", "variables", "code", "words"),
    [
        ("order_update", {"1": "Ana"}, "variables", "Fill in {{2}}"),
        ("order_update", {"1": "Ana", "2": "a\nb"}, "variables", "one line"),
        ("win_a_prize", {"1": "Ana"}, "template", "rejected"),
        ("", {}, "template", "no template with this id"),
    ],
)
async def test_a_template_that_cannot_be_sent_is_refused_in_words(
    api: httpx.AsyncClient, hub: House, name: str, variables: dict[str, str], code: str, words: str
) -> None:
    await writes(hub, ANA, QUESTION)
    await hub.settled()
    chosen = (await template(api, name))["id"] if name else "HX" + "0" * 32
    place = f"/v1/interactions/{(await only_interaction(hub)).id}/messages"
    refused = await api.post(place, json={"template": {"id": chosen, "variables": variables}})
    assert (refused.status_code, refused.json()["code"]) == (422, code)
    assert words in refused.json()["detail"]
