"""A team in Chromium: made with the keyboard alone, tried live, on a phone's width, and nothing that axe objects to."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from hub.models import Team, User
from tests.browser.test_accessibility import AXE as SOURCE
from tests.browser.test_accessibility import CHECK, RULES, SETTLED
from tests.desk import PASSWORD, Desk
from tests.team_world import BILL, TO_BEN, stored
from web.auth import hash_password

pytestmark = pytest.mark.timeout(120)
BEA = "bea@example.com"


@pytest.fixture
def builder(desk: Desk) -> str:
    async def add() -> None:
        hashed = hash_password(PASSWORD)
        async with desk.hub.context.store.write() as db:
            db.add(User(workspace_id=desk.home, email=BEA, name="Bea", role="builder", password_hash=hashed))

    desk.run(add())
    return BEA


@pytest.fixture
def team(desk: Desk) -> Team:
    made: Team = desk.run(stored(desk.hub.context.store, desk.home))
    return made


def objections(page: Page) -> list[str]:
    """What axe finds, in light and in dark."""
    page.evaluate(SOURCE)
    found = []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        page.evaluate(SETTLED)
        seen = page.evaluate(CHECK, RULES)
        found += [f"{scheme}: {one['id']}: {node['html'][:160]}" for one in seen["violations"] for node in one["nodes"]]
    return found


def press(page: Page, name: str) -> None:
    """Reach the button with the keyboard alone, and press it."""
    button = page.get_by_role("button", name=name).first
    button.focus()
    page.keyboard.press("Enter")


def test_a_team_is_made_with_the_keyboard_and_tried(window: Callable[..., Page], desk: Desk, builder: str) -> None:
    page = window(builder, "/teams")
    press(page, "New team")
    expect(page.get_by_role("heading", name="New team", level=1)).to_be_visible()
    page.get_by_label("Name of the team").fill("Night shift")
    press(page, "Member")
    expect(page.get_by_text("Nothing is saved yet")).to_be_visible()
    expect(page.get_by_text("Not saved yet", exact=True)).to_be_visible()
    page.get_by_label("Agent").nth(1).select_option(label="Maya")
    page.get_by_text("Different in this team").nth(1).click()
    page.get_by_label("Fields of the definition").nth(1).fill('{"name": "Nora", "opening_message": "Nora here."}')
    press(page, "Hand-over")
    expect(page.locator(".team-graph")).to_contain_text("Nora")
    page.get_by_label("The customer says something like").fill("is it dark")
    page.keyboard.press("Control+s")
    expect(page.get_by_text("Saved as version 2.")).to_be_visible()
    expect(page.get_by_text("member_2 hands over to nobody: customers stay with them.")).to_be_visible()
    press(page, "Start chat")
    page.get_by_label("Say as the customer").fill("Tell me, is it dark outside?")
    page.keyboard.press("Enter")
    log = page.get_by_role("log", name="What was said")
    expect(log).to_contain_text("Maya handed over to Nora")
    expect(log).to_contain_text("Nora here.")
    expect(page.locator(".chat-state")).to_contain_text("with Nora")


def test_what_is_wrong_is_shown_where_it_is(window: Callable[..., Page], builder: str, team: Team) -> None:
    page = window(builder, f"/teams/{team.id}")
    page.get_by_text("When, and what is said").first.click()
    page.get_by_label("Name of the function").first.fill("hang_up")
    page.get_by_role("button", name="Save", exact=True).click()
    field = page.get_by_label("Fields of the definition").first
    expect(page.get_by_text("This is not saved yet. Mend what is marked below.")).to_be_visible()
    wrong = page.get_by_label("Name of the function").first
    expect(wrong).to_have_attribute("aria-invalid", "true")
    expect(wrong).to_have_value("hang_up")
    expect(wrong).to_be_visible()
    expect(field).not_to_have_attribute("aria-invalid", "true")


@pytest.mark.parametrize("width", [1440, 390])
def test_axe_objects_to_nothing_and_nothing_is_cut(
    window: Callable[..., Page], desk: Desk, builder: str, team: Team, width: int
) -> None:
    page = window(builder, "/teams", width)
    assert objections(page) == []
    page.goto(f"/teams/{team.id}")
    page.evaluate("document.querySelectorAll('main details').forEach((one) => { one.open = true; })")
    assert objections(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    page.goto(f"/teams/{team.id}/playground")
    page.get_by_role("button", name="Start chat").click()
    page.get_by_label("Say as the customer").fill(BILL)
    page.keyboard.press("Enter")
    expect(page.get_by_role("log", name="What was said")).to_contain_text("What is the number of the bill?")
    assert objections(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_a_hand_over_shows_in_the_inbox(window: Callable[..., Page], desk: Desk, builder: str, team: Team) -> None:
    async def begin() -> str:
        begun = await desk.hub.start(desk.home, "sms", "+12025550141", team=team, text="Hello, this is Maya.")
        return str(begun.id)

    begun = desk.run(begin())
    page = window("ana@example.com", f"/inbox?view=all&interaction={begun}")
    desk.texts("+12025550141", BILL, quiet=False)
    expect(page.locator("#thread")).to_contain_text("Maya handed over to Ben")
    expect(page.get_by_text(TO_BEN).first).to_be_visible()
