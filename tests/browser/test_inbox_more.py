"""Canned answers, mentions, saved views, many at once and the palette, in Chromium and by the keyboard."""

from collections.abc import Callable
from uuid import UUID

from playwright.sync_api import Page, expect
from sqlmodel import select

from hub.models import CannedAnswer, Mention, SavedView
from tests.desk import Desk, until

Window = Callable[..., Page]


def can(desk: Desk, name: str, text: str) -> None:
    async def add() -> None:
        async with desk.hub.context.store.write() as db:
            db.add(CannedAnswer(workspace_id=desk.home, name=name, text=text))

    desk.run(add())


def mine(desk: Desk, person: str = "+12025550101", name: str = "Rosa Diaz") -> UUID:
    it = desk.texts(person, "When are you open?", name)
    desk.run(desk.hub.take_over(desk.home, it, desk.user("ana@example.com")))
    return it


def test_a_canned_answer_is_chosen_filled_and_sent_without_the_mouse(desk: Desk, window: Window) -> None:
    can(desk, "hours", "Dear {{customer.name}}, we are open from 9 to 5. {{operator}}")
    can(desk, "refund", "Your {{customer.plan}} is refunded.")
    it = mine(desk)
    page = window(path=f"/inbox?view=all&interaction={it}")
    box = page.locator("#composer-text")
    page.keyboard.press("r")
    box.press_sequentially("/")
    expect(page.get_by_role("listbox", name="Canned answers").get_by_role("option")).to_have_count(2)
    box.press_sequentially("ho")
    expect(page.locator("#suggestions li")).to_have_count(1)
    page.keyboard.press("Enter")
    expect(box).to_have_value("Dear Rosa Diaz, we are open from 9 to 5. Ana Lima")
    page.keyboard.press("Enter")
    until(lambda: any(sent.text.startswith("Dear Rosa") for sent in desk.sms.sent))
    box.press_sequentially("/refund")
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    expect(page.locator("#composer-error")).to_contain_text("{{customer.plan}}")
    assert len(desk.sms.sent) == 1


def test_a_colleague_named_in_a_note_finds_it_under_mentions(desk: Desk, window: Window) -> None:
    it = mine(desk)
    page, bens = window(path=f"/inbox?view=all&interaction={it}"), window("ben@example.com", "/inbox?view=mentions")
    expect(bens.locator("#rows-empty")).to_contain_text("Nobody has mentioned you")
    page.keyboard.press("n")
    page.locator("#composer-text").press_sequentially("Look, @be")
    expect(page.get_by_role("listbox", name="Colleagues")).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.locator("#composer-text")).to_have_value("Look, @Ben Sato ")
    page.keyboard.press("Enter")
    expect(bens.locator('.views [data-count="mentions"]')).to_have_text("1")
    bens.locator("#rows .row-link").first.click()
    until(lambda: desk.rows(select(Mention))[0].seen_at is not None)
    expect(bens.locator('.views [data-count="mentions"]')).to_have_text("0")


def test_filters_are_saved_under_a_name_and_shared(desk: Desk, window: Window) -> None:
    it = desk.texts("+12025550101", "hello")
    desk.run(desk.hub.tag(desk.home, it, ["vip"], None))
    page = window(path="/inbox?view=all&tag=vip")
    page.get_by_role("button", name="Save this view").click()
    page.get_by_label("Name").fill("Our best")
    page.get_by_label("Share it").check()
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".saved-view a[aria-current]")).to_contain_text("Our best")
    bens = window("ben@example.com", "/inbox?view=all")
    bens.get_by_role("link", name="Our best").click()
    expect(bens.locator("#rows .row")).to_have_count(1)
    expect(bens.locator(".saved-remove")).to_have_count(0)
    page.on("dialog", lambda dialog: dialog.accept())
    page.locator(".saved-view").hover()
    page.get_by_role("button", name="Remove the view Our best").click()
    expect(page.locator(".saved-view")).to_have_count(0)
    assert desk.rows(select(SavedView)) == []


def test_many_conversations_are_tagged_taken_back_and_closed_at_once(desk: Desk, window: Window) -> None:
    ids = [desk.texts(f"+1202555010{number}", f"hello {number}") for number in range(4)]
    page = window()
    expect(page.locator("#rows .row")).to_have_count(4)
    page.keyboard.press("j")
    page.keyboard.press("x")
    page.locator("#rows .row-link").nth(2).click(modifiers=["Shift"])
    expect(page.locator("#bulk-count")).to_have_text("3 selected")
    page.get_by_label("Tag the selected").click()
    page.locator("#bulk-tag-name").fill("later")
    page.keyboard.press("Enter")
    expect(page.locator(".toast")).to_contain_text("Tagged: 3.")
    assert sum(desk.interaction(it).tags == ["later"] for it in ids) == 3
    page.get_by_role("button", name="Undo").click()
    until(lambda: all(desk.interaction(it).tags == [] for it in ids))
    for number in range(4):
        page.locator("#rows .row").nth(number).hover()
        page.locator("#rows .row-pick").nth(number).check()
    page.on("dialog", lambda dialog: dialog.accept())
    page.get_by_label("Close the selected").click()
    until(lambda: all(desk.interaction(it).status == "completed" for it in ids))
    expect(page.locator("#bulk")).to_be_hidden()


def test_the_palette_does_goes_and_finds_by_the_keyboard_alone(desk: Desk, window: Window) -> None:
    can(desk, "hours", "Open from 9 to 5.")
    it = desk.texts("+12025550101", "the turquoise teapot", "Rosa Diaz")
    page = window(path=f"/inbox?view=all&interaction={it}")
    page.keyboard.press("Control+k")
    box = page.get_by_role("combobox", name="Commands, people and conversations")
    expect(box).to_be_focused()
    page.keyboard.type("take over")
    expect(page.locator('#palette-list [aria-selected="true"]')).to_contain_text("Take over")
    page.keyboard.press("Enter")
    until(lambda: desk.interaction(it).owner == "operator")
    expect(page.locator("#hand-back")).to_be_visible()
    page.keyboard.press("Control+k")
    page.keyboard.type("hours")
    expect(page.locator('#palette-list [aria-selected="true"]')).to_contain_text("/hours")
    page.keyboard.press("Enter")
    expect(page.locator("#composer-text")).to_have_value("Open from 9 to 5.")
    page.keyboard.press("Control+k")
    page.keyboard.type("Rosa")
    expect(page.get_by_role("group", name="People").get_by_role("option")).to_have_count(1)
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Escape")
    expect(page.locator("#palette")).to_be_hidden()
    page.keyboard.press("Control+k")
    page.keyboard.type("qqqqq")
    expect(page.locator("#palette-none")).to_contain_text("Nothing is called so")
    page.keyboard.press("Escape")
    page.keyboard.press("Control+k")
    page.keyboard.type("snoozed")
    page.keyboard.press("Enter")
    page.wait_for_url("**view=snoozed**")
