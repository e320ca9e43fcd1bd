"""Script and markup in everything a person can write, on the chat page and in the inbox: nothing of it runs."""

from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlmodel import col, select

from channels.webchat import Visitor
from channels.webchat import thread as thread_name
from hub.channel import Inbound, Media
from hub.core import chatting
from hub.models import CannedAnswer, Customer, Interaction, SavedView, User
from hub.models.rich import Rich
from tests.desk import PASSWORD
from tests.webchat import Site, running
from web.auth import hash_password

RUN = "window.pwned=1"
NASTY = [
    f"<script>{RUN}</script>",
    f'<img src=x onerror="{RUN}">',
    f"<svg/onload={RUN}>",
    f'"><script>{RUN}</script>',
    f"'><img src=x onerror='{RUN}'>",
    f'" onmouseover="{RUN}" x="',
    f"' autofocus onfocus='{RUN}",
    f"javascript:{RUN}",
    f'https://x.example/"onclick="{RUN}',
    f"</textarea><script>{RUN}</script>",
    f"</template><img src=x onerror={RUN}>",
    f"<iframe srcdoc='<script>parent.{RUN}</script>'>",
    f"<a href='javascript:{RUN}'>click</a>",
    f"<details open ontoggle={RUN}>",
    f"{{{{constructor.constructor('{RUN}')()}}}}",
    f"${{{RUN}}}",
    f"<math><mi xlink:href='data:x,<script>{RUN}</script>'>",
    f"\u202e<script>{RUN}</script>",
    f"<div hx-get='/x' hx-trigger='load' hx-on::load='{RUN}'>",
    f"&lt;script&gt;{RUN}&lt;/script&gt;",
]
PLACES = 11
"""Texts of both sides, notes, cards (title, text, label), forms (title, label, choice), file names, answers."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with running(Path(tmp_path_factory.mktemp("nasty"))) as made:
        yield made


def opened(chromium: Browser, address: str) -> tuple[Page, list[str]]:
    page, faults = chromium.new_page(), []
    page.set_default_timeout(15_000)
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda said: faults.append(said.text) if "Content Security" in said.text else None)
    page.on("dialog", lambda dialog: (faults.append(dialog.message), dialog.dismiss()))
    page.goto(address)
    return page, faults


def unharmed(page: Page, faults: list[str]) -> None:
    assert page.evaluate("window.pwned") is None
    assert page.locator("script:not([src]), iframe, [onerror], [onload], [onclick], [onfocus], [ontoggle]").count() == 0
    assert faults == []


async def say_all(site: Site, visitor: Visitor, interaction_id: UUID) -> None:
    """Each payload in each place."""
    home, sam, hub = site.operator.workspace_id, site.operator, site.hub
    for number, bad in enumerate(NASTY):
        media = (Media(f"/files/{UUID(int=number)}", "application/pdf", bad), Media(bad, bad[:90], bad))
        await hub.receive(
            Inbound(
                "webchat", "message", f"{visitor.id}:n{number}", sender=visitor.id, recipient=visitor.widget,
                thread=thread_name(visitor), text=bad, media=media, sender_name=bad,
                content={"rich": {"answer": {"form": bad, "values": {bad: bad}}}},
            )
        )  # fmt: skip
        label = bad[:60]
        rich = Rich(
            cards=[{"title": bad[:120], "text": bad, "buttons": [{"label": label, "say": bad[:200]}]}],
            form={"title": bad[:120], "submit": label[:40], "fields": [
                {"name": "a", "label": bad[:120]}, {"name": "b", "label": label, "type": "choice", "choices": [bad]},
            ]},
            choices=[bad[:200]],
        )  # type: ignore[arg-type]  # fmt: skip
        content = {"rich": rich.stored()}
        await hub.say(home, interaction_id, bad, operator=sam, content=content, choices=rich.choices)
        await hub.say(home, interaction_id, f"@{bad} {bad}", operator=sam, note=True)
        await hub.tag(home, interaction_id, [bad], sam)


async def furnish(site: Site) -> None:
    """Somebody with a password, a colleague of a bad name, canned answers and views."""
    async with site.hub.context.store.write() as db:
        sam = (await db.exec(select(User))).one()
        sam.password_hash = hash_password(PASSWORD)
        home = sam.workspace_id
        db.add(User(workspace_id=home, email="eve@x.test", name=NASTY[1], role="support", password_hash="x"))
        for number, bad in enumerate(NASTY):
            db.add(CannedAnswer(workspace_id=home, name=f"bad-{number}", text=bad))
            db.add(SavedView(workspace_id=home, user_id=sam.id, name=bad[:60], filters={"view": "all", "q": bad}))


async def rename(site: Site, interaction_id: UUID) -> None:
    async with site.hub.context.store.write() as db:
        found = await db.get(Interaction, interaction_id)
        assert found is not None
        customer = await db.get(Customer, found.customer_id)
        assert customer is not None
        customer.name, customer.custom_fields = NASTY[3], {bad[:40]: bad for bad in NASTY}


def test_nothing_runs_that_anybody_writes(site: Site, chromium: Browser) -> None:
    chat, chat_faults = opened(chromium, f"{site.url}/chat/shop")
    chat.get_by_label("Your message").fill(NASTY[0])
    chat.keyboard.press("Enter")
    expect(chat.locator(".ours .tick.sent")).to_have_count(1)
    it = site.rows(select(Interaction).order_by(col(Interaction.created_at).desc()))[0]
    visitor = Visitor("shop", it.person)
    site.take_over(str(it.id))
    site.run(furnish(site))
    site.run(say_all(site, visitor, it.id))
    site.run(rename(site, it.id))
    expect(chat.locator(".card")).to_have_count(len(NASTY))
    expect(chat.locator(".form")).to_have_count(len(NASTY))
    assert len(NASTY) * PLACES >= 200
    chat.locator(".card-acts button").last.click()
    unharmed(chat, chat_faults)

    inbox, faults = opened(chromium, f"{site.url}/signin?next=/inbox?view=all")
    inbox.fill("#email", site.operator.email)
    inbox.fill("#password", PASSWORD)
    inbox.click("button[type=submit]")
    inbox.wait_for_url("**/inbox**")
    inbox.locator("#rows .row-link").first.click()
    expect(inbox.locator("#items .rich-card").first).to_be_visible()
    inbox.locator("#composer-text").fill("/bad")
    inbox.locator("#composer-text").press("End")
    expect(inbox.locator("#suggestions li").first).to_be_visible()
    inbox.keyboard.press("Escape")
    inbox.keyboard.press("Control+k")
    inbox.locator("#palette-input").fill("script")
    expect(inbox.locator('#palette-list [role="group"][aria-label="Conversations"]')).to_be_visible()
    unharmed(inbox, faults)
    inbox.keyboard.press("Escape")
    site.run(site.hub.end(site.operator.workspace_id, it.id, "operator_hangup"))
    for bad in NASTY:
        site.run(chatting.rate(site.hub.context, site.operator.workspace_id, it.id, 1, bad))
    for path in (f"/interactions/{it.id}", f"/customers/{it.customer_id}", "/settings/canned", "/inbox?view=mentions"):
        inbox.goto(site.url + path)
        unharmed(inbox, faults)
    chat.reload()
    expect(chat.locator("#over")).to_be_visible()
    unharmed(chat, chat_faults)
