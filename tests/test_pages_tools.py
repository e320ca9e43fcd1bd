"""The pages of tools, secrets and hooks: every kind is made, tried and understood there."""

import json
from pathlib import Path
from typing import Any

import pytest

from hub.models import AuditEntry, Customer, Event, Interaction, ToolSecret
from hub.models.columns import new_id, utcnow
from hub.models.hook import Instruction
from hub.store import interactions as stored_interactions
from tests.office import Office, form_of, open_office
from tests.test_tool_kinds import shop
from tests.test_tools import reply, served
from tests.world import Records
from web.pages import hook_lines

pytestmark = pytest.mark.anyio


@pytest.fixture
async def office(sqlite_url: str, tmp_path: Path, anyio_backend: str) -> Any:
    async with open_office(sqlite_url, tmp_path, hub_webhook_allow_private=True) as made:
        yield made


async def saved(office: Office, where: str, **changes: str) -> Any:
    """A form of the agent, filled in and sent as a browser does it."""
    bea, path = await office.person("builder"), f"/agents/{office.agent}/{where}"
    given = form_of((await bea.get(path)).text, path) | changes
    return await bea.post(path, **given)


async def test_each_kind_of_tool_is_made_on_the_page_and_stays_as_it_was(office: Office) -> None:
    kinds = {
        "find_parcel": {"kind": "function", "url": "https://shop.example/calls"},
        "shop": {"kind": "mcp", "url": "https://shop.example/mcp", "only": "find_order\ncancel_order"},
        "send_text": {"kind": "builtin"},
        "quiet": {"kind": "http", "url": "https://shop.example/", "speak_during_execution": ""},
    }
    for name, given in kinds.items():
        answer = await saved(office, "tools/new", name=name, do="save", **given)
        assert answer.status_code == 303, answer.text
    tools = {one["name"]: one for one in (await office.stored()).definition["tools"]}
    assert [tools[name]["kind"] for name in kinds] == ["function", "mcp", "builtin", "http"]
    assert tools["shop"]["only"] == ["find_order", "cancel_order"]
    assert [tools["quiet"]["speak_during_execution"], tools["shop"]["speak_during_execution"]] == [False, True]
    for name in kinds:
        assert (await saved(office, f"tools/{name}", do="save")).status_code == 303
    assert {one["name"]: one for one in (await office.stored()).definition["tools"]} == tools


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"name": "fly", "kind": "builtin"}, "Built in are: hang_up"),
        ({"name": "x", "kind": "mcp", "url": "shop.example"}, "Write the whole address"),
        ({"name": "x", "kind": "http", "url": "https://x.example/", "arguments": '{"type": "array"}'}, "an object"),
        ({"name": "x", "kind": "function", "arguments": '{"properties": {"a": {"type": "no"}}}'}, "JSON Schema"),
    ],
)
async def test_a_tool_that_cannot_work_is_marked(office: Office, given: dict[str, str], words: str) -> None:
    answer = await saved(office, "tools/new", do="save", **given)
    assert (answer.status_code, words in answer.text) == (422, True)


async def test_trying_a_tool_shows_what_was_sent_without_its_secrets_and_what_came_back(office: Office) -> None:
    bea = await office.person("builder")
    await bea.post("/settings/secrets", name="shop", value="sk-very-secret")
    async with served(lambda h, b: reply(200, {"heard": h})) as (port, heard):
        await saved(
            office, "tools/new", name="find", kind="http", method="POST", url=f"http://127.0.0.1:{port}/{{{{order}}}}",
            headers="Authorization: Bearer {{secret.shop}}", do="save",
            arguments='{"properties": {"order": {"type": "string"}}, "required": ["order"]}',
        )  # fmt: skip
        page = (await bea.get(f"/agents/{office.agent}/tools/find")).text
        assert "It really acts" in page
        assert 'name="argument.secret' not in page
        tried = await bea.post(f"/agents/{office.agent}/tools/find/try", **{"argument.order": "A1"})
    assert "Bearer sk-very-secret" in heard[0]
    assert "Went well" in tried.text
    assert f"POST http://127.0.0.1:{port}/A1" in tried.text
    assert "Bearer •••" in tried.text
    assert "sk-very-secret" not in tried.text


async def test_a_real_calls_arguments_are_used_again(office: Office) -> None:
    bea = await office.person("builder")
    await saved(
        office, "tools/new", name="find", kind="http", url="https://x.example/", do="save",
        arguments='{"properties": {"order": {"type": "string"}}}',
    )  # fmt: skip
    async with office.store.write() as db:
        for workspace, agent, order in ((office.home, office.agent, "A1007"), (office.other, office.theirs, "B1")):
            customer = Customer(workspace_id=workspace, name="Ana")
            db.add(customer)
            await db.flush()
            row = Interaction(
                id=new_id(),
                workspace_id=workspace,
                customer_id=customer.id,
                agent_id=agent,
                channel="sms",
                thread=order,
            )
            db.add(row)
            await db.flush()
            stored_interactions.log(
                db, row, "tool.called", utcnow(), name="find", arguments={"order": order}, result=None, error=""
            )
    page = (await bea.get(f"/agents/{office.agent}/tools/find")).text
    assert "A1007" in page
    assert "B1" not in page
    (event,) = await Records(office.store).all(Event, Event.workspace_id == office.home, Event.type == "tool.called")
    chosen = (await bea.get(f"/agents/{office.agent}/tools/find?call={event.id}")).text
    assert form_of(chosen, f"/agents/{office.agent}/tools/find/try")["argument.order"] == "A1007"


async def test_a_servers_tools_are_listed_and_one_is_tried(office: Office) -> None:
    bea = await office.person("builder")
    async with shop() as url:
        await saved(office, "tools/new", name="shop", kind="mcp", url=f"{url}/mcp", do="save")
        page = (await bea.get(f"/agents/{office.agent}/tools/shop")).text
        assert "shop_find_order" in page
        path = f"/agents/{office.agent}/tools/shop/try"
        tried = await bea.post(path, function="shop_find_order", whole='{"number": "A1003"}')
        assert "delivered" in tried.text
        assert "not JSON" in (await bea.post(path, function="shop_find_order", whole='{"number"')).text


async def test_a_function_is_tried_by_a_signed_call_that_says_it_is_a_test(office: Office) -> None:
    bea = await office.person("builder")
    async with served(lambda h, b: reply(200, {"result": "two parcels"})) as (port, heard):
        await saved(office, "tools/new", name="ask", kind="function", url=f"http://127.0.0.1:{port}/", do="save")
        tried = await bea.post(f"/agents/{office.agent}/tools/ask/try")
    assert "two parcels" in tried.text
    assert "webhook-signature: v1," in heard[0].lower()
    assert json.loads(heard[0].split("\r\n\r\n", 1)[1])["data"]["test"] is True


# secrets


async def test_a_secret_is_set_replaced_removed_and_never_shown(office: Office) -> None:
    bea = await office.person("builder")
    for value in ("first-value-of-it", "second-value-of-it"):
        assert (await bea.post("/settings/secrets", name="shop", value=value)).status_code == 303
    page = (await bea.get("/settings/secrets")).text
    assert "{{secret.shop}}" in page
    assert "value-of-it" not in page
    records = Records(office.store)
    assert "value-of-it" not in (await records.one(ToolSecret)).model_dump_json()
    assert [one.action for one in await records.all(AuditEntry)][-2:] == ["secret.set", "secret.set"]
    assert (await bea.post("/settings/secrets", name="2 words", value="x")).status_code == 422
    assert (await bea.post("/settings/secrets", name="x", value="")).status_code == 422
    assert (await bea.post("/settings/secrets/shop/remove")).status_code == 303
    assert await records.all(ToolSecret) == []


async def test_supporters_and_viewers_come_to_no_secrets(office: Office) -> None:
    for role in ("support", "viewer", ""):
        person = await office.person(role)
        assert (await person.get("/settings/secrets")).status_code in (303, 403)
        assert (await person.post("/settings/secrets", name="x", value="y")).status_code in (303, 403)
    assert await Records(office.store).all(ToolSecret) == []


# hooks


async def test_a_hook_is_made_changed_and_removed_on_its_page(office: Office) -> None:
    lines = "say: Refunds take a week, {{name}}.\nhang_up"
    made = await saved(office, "hooks/new", name="Refunds", on="customer.said", phrases="refund", do=lines)
    assert made.status_code == 303, made.text
    (hook,) = (await office.stored()).definition["hooks"]
    assert (hook["phrases"], [one["action"] for one in hook["do"]]) == (["refund"], ["say", "hang_up"])
    bea = await office.person("builder")
    assert "Refunds take a week" in (await bea.get(f"/agents/{office.agent}/hooks")).text
    assert (await saved(office, "hooks/1", on="silence", seconds="20", times="3")).status_code == 303
    (hook,) = (await office.stored()).definition["hooks"]
    assert (hook["on"], hook["seconds"], hook["times"], hook["do"][0]["text"]) == (
        "silence", 20, 3, "Refunds take a week, {{name}}.",
    )  # fmt: skip
    assert (await saved(office, "hooks/1", do_hook="remove")).status_code == 303
    assert (await office.stored()).definition["hooks"] == []
    assert (await bea.get(f"/agents/{office.agent}/hooks/1")).status_code == 404


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"do": ""}, "Write at least one line"),
        ({"do": "dance: wildly"}, "begins with none of"),
        ({"do": "say"}, "Say needs a text"),
        ({"do": "tool look: not json"}, "write the arguments as JSON"),
        ({"do": "say: x", "on": "silence"}, "needs a number of seconds"),
        ({"do": "say: x", "times": "many"}, "A whole number is expected"),
    ],
)
async def test_a_hook_that_cannot_work_is_marked(office: Office, given: dict[str, str], words: str) -> None:
    answer = await saved(office, "hooks/new", **given)
    assert answer.status_code == 422
    assert words.lower() in answer.text.lower()


@pytest.mark.parametrize("line", hook_lines.EXAMPLES)
def test_a_line_of_a_hook_is_written_as_it_was_read(line: str) -> None:
    (made,) = hook_lines.read(line)
    assert hook_lines.written(Instruction.model_validate(made)) == line
