"""A builder in Chromium: edits, saves, tries at once; the keyboard; nothing typed is lost."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from playwright.sync_api import Dialog, Page, expect
from sqlmodel import select

from hub.models import Agent, AgentVersion, Knowledge, User
from hub.models.agent import AgentDefinition
from hub.models.flow import Choice, FieldSpec, Flow, Stage, Transition
from tests.desk import PASSWORD, Desk
from web.auth import hash_password

Window = Callable[..., Page]
EVIL = '<img src=x onerror="window.pwned=1"><script>window.pwned=1</script>\'"{{7*7}}'

FLOW = Flow(
    stages=[
        Stage(
            id="start", type="start", name="Welcome",
            transitions=[Transition(to="order", on="intent", phrases=["order a cake", "i want a cake"])],
        ),
        Stage(
            id="order", name="The cake",
            fields=[
                FieldSpec(
                    name="kind", type="choice", question="Which kind?",
                    choices=[Choice(value="apple"), Choice(value="cherry")],
                ),
                FieldSpec(name="name", type="name", question="And your name?"),
            ],
            transitions=[Transition(to="bye")],
        ),
        Stage(id="bye", type="end", text="One {{kind}} cake for {{name}}. Goodbye!"),
    ]
)  # fmt: skip


@pytest.fixture
def agent_id(desk: Desk) -> UUID:
    """A baker with a flow, and Bea, who builds."""

    async def fill() -> UUID:
        async with desk.hub.context.store.write() as db:
            agent = (await db.exec(select(Agent).where(Agent.workspace_id == desk.home))).one()
            definition = AgentDefinition(name="Baker", opening_message="Good morning!", flow=FLOW)
            agent.name, agent.definition = "Baker", definition.model_dump(mode="json")
            first = AgentVersion(
                workspace_id=desk.home, agent_id=agent.id, number=1, definition=agent.definition, published_by="Ana"
            )
            db.add(first)
            db.add(Knowledge(workspace_id=desk.home, agent_id=agent.id, title="Hours", text="We open at seven."))
            hashed = hash_password(PASSWORD)
            db.add(
                User(workspace_id=desk.home, email="bea@example.com", name="Bea", role="builder", password_hash=hashed)
            )
            return agent.id

    found: UUID = desk.run(fill())
    return found


def bubbles(page: Page) -> Any:
    return page.locator(".chat-log .bubble:not(.typing)")


def say(page: Page, text: str) -> None:
    page.fill("#say", text)
    page.press("#say", "Enter")
    expect(page.locator("#say")).to_have_value("")


def test_new_words_are_saved_and_heard_in_the_same_minute(agent_id: UUID, window: Window) -> None:
    page = window("bea@example.com", f"/agents/{agent_id}")
    page.fill("[name=opening_message]", "Fresh bread today!")
    expect(page.locator("[data-dirty-note]")).to_be_visible()
    page.click("text=Save and test")
    expect(bubbles(page)).to_have_text(["Fresh bread today!"])
    expect(page.locator(".version-bar")).to_contain_text("Draft of opening message")
    expect(page.locator("[data-dirty-note]")).to_be_hidden()
    page.click(".page-actions >> text=Playground")
    expect(bubbles(page)).to_have_text(["Fresh bread today!"])


def test_a_whole_order_live_with_buttons_and_what_is_known(agent_id: UUID, window: Window) -> None:
    page = window("bea@example.com", f"/agents/{agent_id}/playground")
    page.click("text=Start chat")
    expect(bubbles(page)).to_have_text(["Good morning!"])
    page.click("text=Order a cake")
    page.click(".chat-choices >> text=cherry")
    expect(page.locator(".chat-known")).to_contain_text("cherry")
    expect(bubbles(page).last).to_contain_text("name?")
    expect(page.locator(".chat-state .latency")).to_contain_text("ms")
    say(page, "Ann Lee")
    expect(bubbles(page).last).to_contain_text("One cherry cake for Ann Lee.")
    expect(page.locator(".chat-state")).to_contain_text("Ended")
    page.fill("#say", "one more thing")
    page.press("#say", "Enter")
    expect(page.locator(".chat-problem")).to_contain_text("has ended")
    expect(page.locator("#say")).to_have_value("one more thing")
    page.click("text=Start over")
    expect(bubbles(page)).to_have_text(["Good morning!"])
    page.reload()
    expect(bubbles(page)).to_have_text(["Good morning!"])


def test_an_earlier_turn_is_edited_and_the_last_answer_made_anew(agent_id: UUID, window: Window) -> None:
    page = window("bea@example.com", f"/agents/{agent_id}/playground")
    page.click("text=Start chat")
    expect(bubbles(page)).to_have_count(1)
    say(page, "I want a cake")
    expect(bubbles(page)).to_have_count(3)
    say(page, "apple")
    expect(bubbles(page)).to_have_count(5)
    first, url = page.locator("[data-edit-turn]").nth(1), page.url
    first.click()
    expect(page.locator("#say")).to_have_value("apple")
    expect(page.locator(".again-hint")).to_be_visible()
    page.press("#say", "Escape")
    expect(page.locator("#say")).to_have_value("")
    expect(page.locator(".again-hint")).to_be_hidden()
    first.click()
    page.fill("#say", "cherry")
    page.press("#say", "Enter")
    expect(page.locator(".chat-known")).to_contain_text("cherry")
    expect(bubbles(page).nth(1)).to_have_text("I want a cake")
    expect(bubbles(page)).to_have_count(5)
    assert page.url != url
    again = page.url
    page.click("text=Answer anew")
    page.wait_for_url(lambda url: url != again)
    expect(bubbles(page)).to_have_count(5)
    expect(bubbles(page).nth(3)).to_have_text("cherry")
    page.locator("[data-edit-turn]").first.click()
    page.fill("#say", "Are you open?")
    page.press("#say", "Enter")
    expect(bubbles(page)).to_have_count(3)
    expect(page.locator(".chat-known")).not_to_contain_text("cherry")


def test_a_chat_is_saved_as_a_test_and_said_again(agent_id: UUID, window: Window) -> None:
    page = window("bea@example.com", f"/agents/{agent_id}/playground")
    page.click("text=Start chat")
    expect(bubbles(page)).to_have_count(1)
    say(page, "I want a cake")
    expect(bubbles(page)).to_have_count(3)
    page.click("text=Save as test")
    page.fill("#keep-name", "Orders a cake")
    page.fill("#keep-expectations", "Asks which kind")
    page.locator("dialog[open] button.primary").click()
    expect(page.locator("#toasts")).to_contain_text("Kept as a test: Orders a cake")
    page.goto(f"/agents/{agent_id}/tests")
    page.click("text=Orders a cake")
    expect(page.locator(".test-list")).to_contain_text("Asks which kind")
    page.get_by_role("button", name="Say it again").click()
    expect(bubbles(page)).to_have_count(3)
    expect(bubbles(page).nth(1)).to_have_text("I want a cake")


def test_a_draft_is_looked_at_published_and_an_old_version_brought_back(agent_id: UUID, window: Window) -> None:
    page = window("bea@example.com", f"/agents/{agent_id}")
    expect(page.locator(".version-bar")).to_contain_text("Version 1 is published")
    page.fill("[name=prompt]", "Be kind.\nBe brief.")
    page.click("text=Save draft")
    expect(page.locator(".version-bar")).to_contain_text("Draft of prompt")
    page.click("text=What changed")
    expect(page.locator(".diff-lines ins")).to_have_text(["added: Be kind.", "added: Be brief."])
    page.click(".version-bar >> text=Publish")
    page.fill("dialog[open] [name=note]", "A prompt at last")
    page.locator("dialog[open] button.primary").click()
    expect(page.locator(".version-bar")).to_contain_text("Version 2 is published")
    expect(page.locator(".version-bar")).to_contain_text("A prompt at last")
    page.click(".tabs >> text=Versions")
    expect(page.locator(".version-list > li")).to_have_count(2)
    page.on("dialog", lambda dialog: dialog.accept())
    page.click("text=Bring back")
    expect(page.locator(".version-bar")).to_contain_text("Version 3 is published")
    expect(page.locator(".version-list > li").first).to_contain_text("version 1 again")
    page.locator("#version-2").get_by_text("Compare").click()
    expect(page.locator(".diff-lines del")).to_have_text(["taken away: Be kind.", "taken away: Be brief."])
    page.goto(f"/agents/{agent_id}")
    expect(page.locator("[name=prompt]")).to_have_value("")


def test_a_draft_is_discarded_only_after_a_question(agent_id: UUID, window: Window) -> None:
    page, asked = window("bea@example.com", f"/agents/{agent_id}"), []
    page.fill("[name=description]", "Bakes")
    page.click("text=Save draft")
    expect(page.locator(".version-bar")).to_contain_text("Draft of description")

    def answer(dialog: Dialog) -> None:
        asked.append(dialog.message)
        (dialog.dismiss if len(asked) == 1 else dialog.accept)()

    page.on("dialog", answer)
    page.click("text=Discard draft")
    expect(page.locator(".version-bar")).to_contain_text("Draft of description")
    page.click("text=Discard draft")
    expect(page.locator(".version-bar")).to_contain_text("Version 1 is published")
    expect(page.locator("[name=description]")).to_have_value("")
    assert asked == ["Throw this draft away? What is published stays."] * 2


def test_of_two_windows_the_second_keeps_what_it_changed_on_top_of_the_first(agent_id: UUID, window: Window) -> None:
    first = window("bea@example.com", f"/agents/{agent_id}")
    second = window("bea@example.com", f"/agents/{agent_id}")
    first.fill("[name=description]", "Bakes at night")
    first.click("text=Save draft")
    expect(first.locator(".version-bar")).to_contain_text("Draft of description")
    second.fill("[name=prompt]", "Be kind.")
    second.click("text=Save draft")
    expect(second.locator(".editor-notice")).to_contain_text("Bea changed this agent while you were editing it")
    expect(second.locator("[name=description]")).to_have_value("Bakes at night")
    expect(second.locator("[name=prompt]")).to_have_value("Be kind.")
    second.click("text=Save draft")
    expect(second.locator(".version-bar")).to_contain_text("Draft of description, prompt")


def test_the_keyboard_saves_and_completes_names(agent_id: UUID, window: Window) -> None:
    page = window("bea@example.com", f"/agents/{agent_id}")
    page.focus("[name=goodbye_message]")
    page.keyboard.press("Control+End")
    page.keyboard.type(" See you, {{na")
    expect(page.locator("#complete [aria-selected=true]")).to_be_visible()
    while page.locator("#complete [aria-selected=true]").inner_text() != "name":
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator("[name=goodbye_message]")).to_have_value("Thank you, and goodbye! See you, {{name}}")
    page.keyboard.press("Control+s")
    expect(page.locator(".version-bar")).to_contain_text("Draft of goodbye message")
    expect(page.locator("[name=goodbye_message]")).to_have_value("Thank you, and goodbye! See you, {{name}}")


def test_leaving_with_changes_is_asked_about(agent_id: UUID, window: Window) -> None:
    page, asked = window("bea@example.com", f"/agents/{agent_id}"), []

    def stay(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    page.on("dialog", stay)
    page.fill("[name=description]", "Bakes")
    page.click(".tabs >> text=Flow")
    page.wait_for_timeout(100)
    assert asked == ["beforeunload"]
    expect(page.locator("[name=description]")).to_have_value("Bakes")


def test_steps_are_edited_where_they_are_read(agent_id: UUID, window: Window) -> None:
    page = window("bea@example.com", f"/agents/{agent_id}/flow")
    expect(page.locator(".step").first).to_contain_text("when the customer says something like “order a cake”")
    page.fill('[name="flow.stages.1.fields.0.question"]', "Apple or cherry?")
    page.locator("#step-2").get_by_role("button", name="Step after this").click()
    expect(page.locator(".step")).to_have_count(4)
    page.on("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Remove step 3").click()
    expect(page.locator(".step")).to_have_count(3)
    page.click("text=Save and test")
    expect(bubbles(page)).to_have_text(["Good morning!"])
    say(page, "I want a cake")
    expect(bubbles(page).last).to_contain_text("Apple or cherry?")


def test_hostile_words_stay_words(agent_id: UUID, desk: Desk, window: Window) -> None:
    async def poison() -> None:
        async with desk.hub.context.store.write() as db:
            agent = await db.get(Agent, agent_id)
            assert agent is not None
            agent.name = EVIL
            agent.definition = {**agent.definition, "name": EVIL, "opening_message": EVIL.replace("{{7*7}}", "")}

    desk.run(poison())
    page = window("bea@example.com", "/agents")
    for path in ("/", f"/agents/{agent_id}", f"/agents/{agent_id}/flow", f"/agents/{agent_id}/playground"):
        page.goto(path)
        assert page.evaluate("window.pwned") is None, path
    page.click("text=Start chat")
    say(page, EVIL)
    expect(bubbles(page).nth(1)).to_have_text(EVIL)
    assert page.evaluate("window.pwned") is None


@pytest.mark.parametrize("width", [1440, 1024, 390])
def test_no_page_is_wider_than_the_screen(agent_id: UUID, desk: Desk, window: Window, width: int) -> None:
    async def lengthen() -> None:
        async with desk.hub.context.store.write() as db:
            agent = await db.get(Agent, agent_id)
            admin = User(workspace_id=desk.home, email="a" * 60 + "@example.com", name="W" * 120, role="admin",
                         password_hash=hash_password(PASSWORD))  # fmt: skip
            db.add(admin)
            assert agent is not None
            agent.name = "Extraordinarilylongname" * 5
            agent.definition = {**agent.definition, "name": agent.name, "description": "x" * 2_000}

    desk.run(lengthen())
    desk.texts("+12025550101", "w" * 300, "N" * 150)
    page = window("a" * 60 + "@example.com", "/", width)
    base = f"/agents/{agent_id}"
    for path in (
        "/", "/agents", "/agents/new", base, f"{base}/flow", f"{base}/tools/new", f"{base}/knowledge", f"{base}/json",
        f"{base}/voice", f"{base}/versions", f"{base}/diff", f"{base}/tests", f"{base}/playground",
        f"{base}/playground?mode=phone", "/customers", "/settings", "/settings/addresses", "/settings/users",
        "/settings/keys", "/settings/skills", "/settings/password",
    ):  # fmt: skip
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
