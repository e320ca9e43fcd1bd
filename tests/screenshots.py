"""Pictures of every page at three widths into docs/screenshots, from a fresh demo: `make screenshots`."""

import json
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.browser import CHROMIUM
from tests.browser.spoken_world import MICROPHONE, speak, synthesised
from tests.browser.test_web_call import FLAGS

FOLDER = Path(__file__).parent.parent / "docs" / "screenshots"
WIDTHS = {1440: 900, 1024: 768, 390: 844}
CUSTOMER, CLINIC = "+12025550111", "+15005550006"
TEXTS = (
    "Hi, do you take Delta insurance?",
    "Great. A cleaning next Tuesday at 3pm please",
    "I am Ana Ruiz",
    "Yes please",
)
CALLER = "+12025550122"
WAITING = "+12025550133"
BOOKS = "Hello, I'd like to book an appointment."
SPOKEN = [
    {"wait": "quiet", "within_ms": 20_000},
    {"say": "What are your opening hours?"},
    {"after_played_ms": 2_500},
    {"say": "I would like to book a cleaning"},
    {"wait": "quiet", "within_ms": 20_000},
    {"say": "Monday please"},
    {"wait": "quiet", "within_ms": 25_000},
    {"hang_up": True},
]
ON_THE_LINE = [*SPOKEN[:3], {"wait": "quiet", "within_ms": 20_000}, {"say": BOOKS}]


def ask(url: str, body: Any = None, key: str = "") -> Any:
    data = json.dumps(body).encode() if body is not None else None
    headers = {"content-type": "application/json"} | ({"authorization": f"Bearer {key}"} if key else {})
    with urllib.request.urlopen(urllib.request.Request(url, data=data, headers=headers)) as answer:
        return json.load(answer)


def text_the_clinic(sandbox_url: str) -> None:
    for place, text in enumerate(TEXTS, start=1):
        ask(f"{sandbox_url}/control/inbound", {"from": CUSTOMER, "to": CLINIC, "body": text})
        ask(f"{sandbox_url}/control/messages?to=%2B{CUSTOMER[1:]}&at_least={place}&wait_ms=5000")


def ring_the_clinic(sandbox_url: str) -> None:
    call = ask(f"{sandbox_url}/control/voice/calls", {"from": CALLER, "to": CLINIC, "script": SPOKEN})
    ask(f"{sandbox_url}/control/voice/calls/{call['sid']}?over=true&wait_ms=60000")


def in_a_call(browser: Browser, url: str, path: str, **context: Any) -> Page:
    """A page with somebody at its microphone."""
    made = browser.new_context(base_url=url, permissions=["microphone"], **context)
    made.add_init_script(MICROPHONE)
    page = made.new_page()
    page.goto(path)
    return page


def chat_call(browser: Browser, url: str) -> None:
    """A visitor who wrote first and speaks now."""
    page = in_a_call(browser, url, "/chat/clinic")
    page.get_by_label("Your message").fill("What are your opening hours?")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="start a call").click()
    expect(page.locator("#call-state")).to_have_text("Speak now", timeout=30_000)
    speak(page, synthesised(BOOKS))
    expect(page.locator(".row.spoken .bubble")).to_have_count(3, timeout=30_000)
    expect(page.locator("#call-state")).to_have_text("Speak now", timeout=30_000)
    picture(page, "chat-call")
    page.get_by_role("button", name="Hang up").click()


def playground_call(browser: Browser, url: str, path: str, **context: Any) -> None:
    """A builder who tries the agent by voice."""
    page = in_a_call(browser, url, f"{path}?mode=call", **context)
    page.get_by_role("button", name="Call Maya").click()
    expect(page.locator("[data-part=state]")).to_have_text("Your turn: speak", timeout=30_000)
    speak(page, synthesised(BOOKS))
    expect(page.locator(".voice-items .bubble")).to_have_count(3, timeout=30_000)
    expect(page.locator("[data-part=state]")).to_have_text("Your turn: speak", timeout=30_000)
    picture(page, "playground-call")
    page.get_by_role("button", name="Hang up").click()


def operator_call(page: Page, url: str, sandbox_url: str, key: str) -> None:
    """The call panel, in the inbox and on the call's page, while somebody is on the line."""
    call = ask(f"{sandbox_url}/control/voice/calls", {"from": WAITING, "to": CLINIC, "script": ON_THE_LINE})
    found: list[Any] = []
    while not found:
        listed = ask(f"{url}/v1/interactions?channel=call&status=in_progress", key=key)["data"]
        found = [one for one in listed if one["person"] == WAITING]
    page.goto(f"{url}/inbox?view=all&interaction={found[0]['id']}")
    captions = page.locator('[data-call="captions"]')
    expect(captions.locator('[data-role="customer"]')).to_contain_text("appointment", timeout=60_000)
    expect(captions.locator('[data-role="agent"]')).to_contain_text("come in for", timeout=60_000)
    picture(page, "inbox-call")
    page.goto(f"{url}/interactions/{found[0]['id']}")
    page.locator('[data-call="more"]').click()
    page.wait_for_selector('#player[data-drawn="1"]')
    picture(page, "call-panel")
    ask(f"{sandbox_url}/control/voice/calls/{call['sid']}/hang-up", {})


def share(page: Page, url: str, path: str) -> None:
    """The dialog that makes links, and what is behind one."""
    page.goto(url + path)
    page.get_by_role("button", name="Share").click()
    page.get_by_role("button", name="Make link").click()
    link = page.get_by_role("textbox", name="Link 1")
    expect(link).to_be_visible()
    picture(page, "share")
    page.goto(link.input_value())
    page.wait_for_selector('#player[data-drawn="1"]')
    picture(page, "shared")


def pages(url: str, key: str) -> dict[str, str]:
    agents = {agent["name"]: agent["id"] for agent in ask(f"{url}/v1/agents", key=key)["data"]}
    interactions = {one["person"]: one for one in ask(f"{url}/v1/interactions", key=key)["data"]}
    ana, caller, maya = interactions[CUSTOMER], interactions[CALLER], agents["Maya"]
    return {
        "home": "/",
        "inbox": f"/inbox?view=all&interaction={ana['id']}",
        "interaction": f"/interactions/{ana['id']}",
        "events": f"/interactions/{ana['id']}?tab=events",
        "call": f"/interactions/{caller['id']}",
        "results": f"/interactions/{caller['id']}?tab=results",
        "cost": f"/interactions/{ana['id']}?tab=cost",
        "agents": "/agents",
        "agent": f"/agents/{maya}",
        "voice": f"/agents/{maya}/voice",
        "wanted": f"/agents/{maya}/results",
        "flow": f"/agents/{maya}/flow",
        "tools": f"/agents/{maya}/tools",
        "knowledge": f"/agents/{maya}/knowledge",
        "playground": f"/agents/{maya}/playground",
        "customers": "/customers",
        "customer": f"/customers/{ana['customer_id']}",
        "settings": "/settings",
        "addresses": "/settings/addresses",
        "users": "/settings/users",
        "keys": "/settings/keys",
        "skills": "/settings/skills",
        "prices": "/settings/prices",
        "chat": "/chat/clinic",
    }


def take(page: Page, base: str, name: str, path: str) -> None:
    for width, height in WIDTHS.items():
        page.set_viewport_size({"width": width, "height": height})
        answer = page.goto(base + path)
        assert answer is not None, path
        assert answer.status == 200, (path, answer.status)
        shoot(page, name, width)


def picture(page: Page, name: str) -> None:
    """The page as it stands, at each width."""
    for width, height in WIDTHS.items():
        page.set_viewport_size({"width": width, "height": height})
        shoot(page, name, width)


def shoot(page: Page, name: str, width: int) -> None:
    page.wait_for_load_state("load")
    page.mouse.move(0, 0)
    page.wait_for_timeout(400)
    page.screenshot(path=FOLDER / f"{name}-{width}.png")


def main() -> int:
    FOLDER.mkdir(parents=True, exist_ok=True)
    hub = str(Path(sys.executable).with_name("hub"))
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        command = [hub, "demo", "--port", "0", "--data-dir", folder, "--json"]
        demo = subprocess.Popen(command, stdout=subprocess.PIPE)
        try:
            assert demo.stdout is not None
            ready = json.loads(demo.stdout.readline())
            text_the_clinic(ready["sandbox_url"])
            ring_the_clinic(ready["sandbox_url"])
            browser = playwright.chromium.launch(
                executable_path=CHROMIUM, args=[*FLAGS, "--use-fake-ui-for-media-stream"]
            )
            page = browser.new_page()
            take(page, ready["url"], "signin", "/signin")
            page.fill("[name=email]", ready["email"])
            page.fill("[name=password]", ready["password"])
            page.press("[name=password]", "Enter")
            page.wait_for_url(lambda url: "/signin" not in url)
            listed = pages(ready["url"], ready["api_key"])
            for name, path in listed.items():
                take(page, ready["url"], name, path)
            take(page, ready["sandbox_url"], "phone", "/")
            dark = browser.new_context(color_scheme="dark", storage_state=page.context.storage_state()).new_page()
            take(dark, ready["url"], "inbox-dark", listed["inbox"])
            playground_call(browser, ready["url"], listed["playground"], storage_state=page.context.storage_state())
            chat_call(browser, ready["url"])
            operator_call(page, ready["url"], ready["sandbox_url"], ready["api_key"])
            share(page, ready["url"], listed["call"])
            browser.close()
        finally:
            demo.terminate()
            demo.wait(20)
    return 0


if __name__ == "__main__":
    sys.exit(main())
