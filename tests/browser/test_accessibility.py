"""No page breaks a rule of WCAG 2.2 A or AA that axe can check, in light and in dark, with calls going on."""

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright
from sqlmodel import col, select

from hub.models import Interaction
from tests.browser import CHROMIUM
from tests.browser.spoken_world import (
    Demo,
    Opened,
    ended,
    recording_of,
    wait,
    windows,
)
from tests.browser.test_web_call import FLAGS

pytestmark = pytest.mark.timeout(120)
AXE = (Path(__file__).parent / "axe" / "axe.min.js").read_text("utf-8")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
SETTLED = """async () => {
  const frame = () => new Promise((drawn) => requestAnimationFrame(drawn));
  const ends = (one) => one.playState === "running" && one.effect.getTiming().iterations < 2;
  const moving = () => document.getAnimations().filter(ends);
  do {
    await frame();
    moving().forEach((one) => one.finish());
  } while (moving().length);
}"""
CHECK = "(rules) => axe.run({ runOnly: { type: 'tag', values: rules }, resultTypes: ['violations'] })"


def violations(page: Page) -> list[str]:
    """What axe finds on the page as it stands, in light and in dark: rule, what it asks for, and where."""
    page.evaluate(AXE)
    found = []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        page.evaluate(SETTLED)
        seen: dict[str, Any] = page.evaluate(CHECK, RULES)
        found += [
            f"{scheme}: {rule['id']}: {rule['help']}: {node['html'][:160]} ({node['failureSummary']})"
            for rule in seen["violations"]
            for node in rule["nodes"]
        ]
    return found


@dataclass
class World:
    """The demo with a call that has ended and one that goes on, and an admin's window.

    That window lets axe try inline styles; what pages really may do is looked at in the other tests.
    """

    demo: Demo
    ended: Interaction
    live: Interaction
    page: Page
    open: Opened

    @property
    def agent(self) -> str:
        return f"/agents/{self.demo.agent().id}"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS, "--use-fake-ui-for-media-stream"])
        yield made
        made.close()


@pytest.fixture(scope="module")
def world(chromium: Browser, demo: Demo) -> Iterator[World]:
    with windows(chromium, demo) as opened:
        demo.changes("Maya", idle_seconds=600, silence_hangup_seconds=3_600)
        page = opened("/chat/clinic")
        over = called(demo, page)
        page.get_by_role("button", name="Hang up").click()
        ended(demo, page, over)
        wait(page, lambda: recording_of(demo, over).finished_at)
        live = called(demo, page, but=over)
        yield World(demo, over, live, opened("/agents", "admin@example.com", bypass_csp=True), opened)


def called(demo: Demo, page: Page, but: Interaction | None = None) -> Interaction:
    """A call from the web chat, when it is the visitor's turn to speak."""
    page.get_by_role("button", name="start a call").click()
    wait(page, lambda: (found := calls(demo)) and (but is None or found[0].id != but.id))
    expect(page.locator("#call-state")).to_have_text("Speak now", timeout=40_000)
    return calls(demo)[0]


def calls(demo: Demo) -> list[Interaction]:
    query = select(Interaction).where(Interaction.channel == "web_call", col(Interaction.answered_at).is_not(None))
    return demo.rows(query.order_by(col(Interaction.created_at).desc()))


def interaction(world: World, page: Page) -> None:
    page.goto(f"/interactions/{world.ended.id}")
    page.wait_for_selector('#player[data-drawn="1"]')


def sharing(world: World, page: Page) -> None:
    interaction(world, page)
    page.get_by_role("button", name="Share").click()
    page.get_by_role("button", name="Make link").click()
    expect(page.get_by_role("textbox", name="Link 1")).to_be_visible()
    expect(page.get_by_role("button", name="Make link")).to_be_focused()


def shared(world: World, page: Page) -> None:
    sharing(world, page)
    page.goto(page.get_by_role("textbox", name="Link 1").input_value())
    page.wait_for_selector('#player[data-drawn="1"]')


def call_panel(world: World, page: Page) -> None:
    page.goto(f"/interactions/{world.live.id}")
    expect(page.locator('[data-call="who"]')).to_have_text("Nobody speaks")
    page.locator('[data-call="more"]').click()
    expect(page.locator("#call-text")).to_be_visible()


def call_in_the_inbox(world: World, page: Page) -> None:
    page.goto(f"/inbox?view=all&interaction={world.live.id}")
    expect(page.locator('[data-call="who"]')).to_have_text("Nobody speaks")


def playground_call(world: World, page: Page) -> None:
    page.goto(f"{world.agent}/playground?mode=call")
    page.get_by_role("button", name="Call Maya").click()
    expect(page.locator(".voice-items .bubble")).to_have_count(1)
    page.get_by_role("button", name="Keypad").click()


def chat_in_a_call(world: World, page: Page) -> None:
    page.goto("/chat/clinic")
    page.get_by_label("Your message").fill("What are your opening hours?")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="start a call").click()
    expect(page.locator(".row.spoken .bubble").first).to_be_visible()


def sending(world: World, page: Page) -> None:
    page.goto(f"/customers/{world.ended.customer_id}")
    page.get_by_role("button", name="Send a message").click()
    page.get_by_label("Message", exact=True).fill("Your parcel is here.")
    page.get_by_text("Options").click()
    expect(page.locator("#send-preview")).to_contain_text("way to reach them")


def merging(world: World, page: Page) -> None:
    page.goto(f"/customers/{world.ended.customer_id}")
    page.get_by_role("button", name="Merge").click()
    page.get_by_role("button", name="Search").click()
    page.get_by_role("button", name="Compare").first.click()
    expect(page.locator("#merge-found")).to_contain_text("It can be undone.")


def noting(world: World, page: Page) -> None:
    page.goto(f"/customers/{world.ended.customer_id}")
    for summary in page.locator("main details.more > summary").all():
        summary.click()
    page.get_by_role("button", name="Erase this customer").click()
    expect(page.get_by_label("Type ERASE to confirm")).to_be_visible()


def importing(world: World, page: Page, row: bytes = b"Dora,(202) 555-0111") -> None:
    page.goto("/customers/import")
    file = b"Name,Phone\n" + row + b"\nEgon,12\n"
    page.get_by_label("CSV file").set_input_files([{"name": "a.csv", "mimeType": "text/csv", "buffer": file}])
    page.get_by_role("button", name="Read the file").click()
    expect(page.get_by_role("button", name="Import 1 customer")).to_be_visible()


def imported(world: World, page: Page) -> None:
    importing(world, page, f"Frida,(202) 555-{secrets.randbelow(10_000):04}".encode())  # once in each kind of light
    page.get_by_role("button", name="Import 1 customer").click()
    expect(page.get_by_role("heading", name="a.csv is imported")).to_be_visible()


def at(path: str) -> Callable[[World, Page], None]:
    def go(world: World, page: Page) -> None:
        page.goto(path.format(agent=world.agent, customer=world.ended.customer_id, ended=world.ended.id))

    return go


PAGES: dict[str, Callable[[World, Page], None]] = {
    "interaction": interaction,
    "sharing": sharing,
    "shared": shared,
    "call panel": call_panel,
    "call in the inbox": call_in_the_inbox,
    "playground call": playground_call,
    "chat in a call": chat_in_a_call,
    "events": at("/interactions/{ended}?tab=events"),
    "home": at("/"),
    "inbox": at("/inbox?view=all"),
    "agents": at("/agents"),
    "agent": at("{agent}"),
    "voice": at("{agent}/voice"),
    "flow": at("{agent}/flow"),
    "tools": at("{agent}/tools"),
    "knowledge": at("{agent}/knowledge"),
    "playground": at("{agent}/playground"),
    "customers": at("/customers"),
    "customer": at("/customers/{customer}"),
    "customer, sending": sending,
    "customer, merging": merging,
    "customer, noting": noting,
    "customers, a file": at("/customers/import"),
    "customers, imported": imported,
    "customers, importing": importing,
    "question that is over": at("/a/nothing"),
    "audit log": at("/settings/audit"),
    "settings": at("/settings"),
    "addresses": at("/settings/addresses"),
    "users": at("/settings/users"),
    "keys": at("/settings/keys"),
    "skills": at("/settings/skills"),
    "chat": at("/chat/clinic"),
    "nothing here": at("/nothing/here"),
}


@pytest.mark.parametrize("name", PAGES)
def test_a_page_has_no_barrier_in_light_and_in_dark(world: World, name: str) -> None:
    PAGES[name](world, world.page)
    assert violations(world.page) == []


def test_axe_sees_what_is_wrong(world: World) -> None:
    page = world.open("/signin", bypass_csp=True)
    assert violations(page) == []
    page.evaluate("document.querySelector('label[for=email]').remove()")
    assert {one.split(":")[1] for one in violations(page)} == {" label"}
