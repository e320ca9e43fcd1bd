"""The inbox in Chromium: live messages, ticks, taking over, two people at once, lost connections, hostile texts."""

from collections.abc import Callable
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from playwright.sync_api import Page, expect

from hub.channel import Undeliverable
from hub.segments import GSM_BASIC, GSM_EXTENSION, measure
from tests.desk import Desk, until

Window = Callable[..., Page]
EVIL = '<img src=x onerror="window.pwned=1"><script>window.pwned=1</script>\'"{{7*7}}<hx-partial>'


def live(page: Page) -> None:
    """Wait until the page's stream stands."""
    page.wait_for_selector('html[data-live="on"]')


def open_thread(page: Page, interaction_id: UUID) -> None:
    page.click(f"#r-{interaction_id.hex} .row-link")
    page.wait_for_selector(f'#thread[data-id="{interaction_id.hex}"]')
    live(page)


def bubbles(page: Page) -> list[str]:
    return page.locator("#items .bubble-text").all_inner_texts()


def test_a_message_appears_in_list_and_thread_without_a_reload(desk: Desk, window: Window) -> None:
    first = desk.texts("+12025550101", "Where is my order?", "Priya Nair")
    page = window()
    open_thread(page, first)
    desk.texts("+12025550101", "Hello? Anybody?")
    expect(page.locator("#items .bubble-text").last).to_have_text("Hello? Anybody?")
    expect(page.locator(f"#r-{first.hex} .row-preview")).to_contain_text("Hello? Anybody?")
    second = desk.texts("+12025550102", "I am new here", "Tom Becker")
    page.mouse.move(900, 400)
    expect(page.locator("#rows .row")).to_have_count(2)
    expect(page.locator(f"#r-{second.hex} .row-name")).to_have_text("Tom Becker")
    expect(page.locator('[data-count="all"]').first).to_have_text("2")


def test_somebody_takes_over_answers_and_hands_back(desk: Desk, window: Window) -> None:
    it = desk.texts("+12025550101", "Can a person help me?")
    page = window()
    open_thread(page, it)
    expect(page.locator("#ownership")).to_contain_text("Maya (AI) is answering")
    expect(page.locator("#composer-text")).to_have_attribute("readonly", "")
    page.click("#take-over")
    expect(page.locator("#ownership")).to_contain_text("You are answering")
    page.fill("#composer-text", "Yes, I am here.")
    expect(page.locator("#composer-count")).to_have_text("1 SMS · 145 left · GSM-7")
    page.press("#composer-text", "Enter")
    expect(page.locator("#items .bubble-text").last).to_have_text("Yes, I am here.")
    expect(page.locator("#composer-text")).to_have_value("")
    until(lambda: [out.text for out in desk.sms.sent] == ["Yes, I am here."])
    sent = desk.messages(it)[-1]
    tick = page.locator(f"#m-{sent.id.hex} .tick")
    expect(tick).to_have_attribute("title", "Sent")
    desk.reports(sent, "delivered")
    expect(tick).to_have_attribute("title", "Delivered")
    desk.reports(sent, "read")
    expect(tick).to_have_attribute("title", "Read")
    assert bubbles(page) == ["Can a person help me?", "Yes, I am here."]
    page.click("#hand-back")
    expect(page.locator("#ownership")).to_contain_text("Maya (AI) is answering")
    assert desk.interaction(it).owner == "ai"


def test_a_failed_message_says_why_and_is_sent_again(desk: Desk, window: Window) -> None:
    it = desk.texts("+12025550101", "Hi")
    desk.run(desk.hub.take_over(desk.home, it, desk.user("ana@example.com")))
    desk.sms.troubles.append(Undeliverable("This number is not in service.", code="30005"))
    page = window()
    open_thread(page, it)
    page.fill("#composer-text", "Are you there?")
    page.press("#composer-text", "Enter")
    expect(page.locator(".item-error")).to_contain_text("This number is not in service.")
    page.get_by_role("button", name="Send again").click()
    until(lambda: [out.text for out in desk.sms.sent] == ["Are you there?"])
    expect(page.locator("#items .bubble-text")).to_have_count(3)


def test_of_two_people_at_once_the_loser_sees_who_won(desk: Desk, window: Window) -> None:
    it = desk.texts("+12025550101", "I need somebody")
    ana, ben = window(), window("ben@example.com")
    open_thread(ana, it)
    open_thread(ben, it)
    for page in (ana, ben):
        page.evaluate("document.getElementById('take-over').click()")
    for page in (ana, ben):
        expect(page.locator("#take-over")).to_have_count(0)
    winner = desk.interaction(it).operator_id
    loser, name = (ben, "Ana Lima") if winner == desk.user("ana@example.com").id else (ana, "Ben Sato")
    expect(loser.locator("#ownership")).to_contain_text(f"{name} is answering")
    expect(loser.locator("#composer-text")).to_have_attribute("readonly", "")


def test_who_lost_the_conversation_keeps_the_text(desk: Desk, window: Window) -> None:
    it = desk.texts("+12025550101", "I need somebody")
    desk.run(desk.hub.take_over(desk.home, it, desk.user("ana@example.com")))
    page = window()
    open_thread(page, it)
    page.fill("#composer-text", "a long and careful answer")
    page.evaluate("document.getElementById('live').remove()")
    desk.run(desk.hub.assign(desk.home, it, desk.user("ben@example.com"), desk.user("ben@example.com")))
    page.press("#composer-text", "Enter")
    expect(page.locator("#composer-error")).to_contain_text("Ben Sato is already answering")
    expect(page.locator("#composer-text")).to_have_value("a long and careful answer")
    assert desk.sms.sent == []


def test_a_lost_connection_catches_up_without_doubles(desk: Desk, window: Window) -> None:
    it = desk.texts("+12025550101", "one")
    page = window()
    open_thread(page, it)
    desk.texts("+12025550101", "two")
    expect(page.locator("#items .bubble-text").last).to_have_text("two")
    desk.stop()
    page.wait_for_selector('html[data-live="off"]')
    desk.start()
    desk.texts("+12025550101", "three")
    desk.texts("+12025550101", "four")
    expect(page.locator("#items .bubble-text").last).to_have_text("four", timeout=20_000)
    assert bubbles(page) == ["one", "two", "three", "four"]
    assert page.locator("#rows .row").count() == 1


@pytest.mark.parametrize("path", ["/inbox?view=all", "/inbox?view=search&q=onerror"])
def test_nothing_of_a_customer_runs(desk: Desk, window: Window, path: str) -> None:
    it = desk.texts("+12025550101", EVIL, EVIL)
    desk.run(desk.hub.take_over(desk.home, it, desk.user("ana@example.com")))
    desk.run(desk.hub.tag(desk.home, it, [EVIL[:40]], None))
    desk.logs(it, "field.collected", field=EVIL, value=EVIL, evidence=EVIL)
    desk.logs(it, "tool.called", name=EVIL, arguments={EVIL: EVIL}, result=EVIL, error="", duration_ms=1)
    page = window(path=path)
    open_thread(page, it)
    desk.texts("+12025550101", EVIL + " again")
    expect(page.locator("#items .bubble-text").last).to_have_text(EVIL + " again")
    expect(page.locator(".thread-who h2")).to_have_text(EVIL)
    page.goto(f"/interactions/{it}?tab=events")
    for fold in page.locator("details:not([data-menu])").all():
        fold.evaluate("fold => { fold.open = true }")
    page.goto(f"/interactions/{it}")
    expect(page.locator("#items .bubble-text").first).to_have_text(EVIL)
    assert page.evaluate("window.pwned") is None


def test_rows_stay_where_they_are_under_the_cursor(desk: Desk, window: Window) -> None:
    for number in range(5):
        desk.texts(f"+1202555020{number}", f"question {number}")
    page = window()
    live(page)
    order = [row.get_attribute("id") for row in page.locator("#rows .row").all()]
    page.hover("#rows .row >> nth=1")
    fresh = desk.texts("+12025550209", "the newest question")
    desk.logs(fresh, "interaction.tagged", tags=[], by="")
    expect(page.locator("#rows-pill")).to_have_text("1 new")
    assert [row.get_attribute("id") for row in page.locator("#rows .row").all()] == order
    page.click("#rows-pill")
    expect(page.locator("#rows .row")).to_have_count(6)


def test_the_thread_stays_where_one_reads(desk: Desk, window: Window) -> None:
    it = desk.texts("+12025550101", "first")
    for number in range(30):
        desk.texts("+12025550101", f"line {number}\n" * 3)
    page = window()
    open_thread(page, it)
    expect(page.locator("#items .bubble-text").last).to_be_in_viewport()
    page.evaluate("document.getElementById('thread-scroll').scrollTop = 100")
    desk.texts("+12025550101", "the last word")
    expect(page.locator("#thread-pill")).to_be_visible()
    assert page.evaluate("document.getElementById('thread-scroll').scrollTop") == 100
    page.click("#thread-pill")
    expect(page.locator("#items .bubble-text").last).to_be_in_viewport()


def test_everything_by_keyboard(desk: Desk, window: Window) -> None:
    first = desk.texts("+12025550101", "one")
    desk.texts("+12025550102", "two")
    page = window()
    live(page)
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    page.keyboard.press("Enter")
    page.wait_for_selector(f'#thread[data-id="{first.hex}"]')
    page.keyboard.press("t")
    expect(page.locator("#ownership")).to_contain_text("You are answering")
    page.keyboard.press("n")
    page.keyboard.type("Only for us")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("second line")
    page.keyboard.press("Enter")
    expect(page.locator('[data-role="note"] .bubble-text')).to_have_text("Only for us\nsecond line")
    page.keyboard.press("Escape")
    page.keyboard.press("r")
    page.keyboard.type("By keys alone")
    page.keyboard.press("Enter")
    until(lambda: [out.text for out in desk.sms.sent] == ["By keys alone"])
    page.keyboard.press("Escape")
    page.keyboard.press("l")
    page.keyboard.type("vip")
    page.keyboard.press("Enter")
    expect(page.locator(".thread-tags .tag")).to_contain_text("vip")
    page.keyboard.press("?")
    expect(page.locator("#keys-dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#keys-dialog")).to_be_hidden()
    page.keyboard.press("b")
    expect(page.locator("#ownership")).to_contain_text("Maya (AI)")
    page.keyboard.press("/")
    page.keyboard.type("By keys")
    page.keyboard.press("Enter")
    page.wait_for_url("**q=By+keys**")
    expect(page.locator("#rows .row")).to_have_count(1)


def test_snoozed_and_woken_by_the_customer(desk: Desk, window: Window) -> None:
    it = desk.texts("+12025550101", "later is fine")
    page = window()
    open_thread(page, it)
    page.keyboard.press("s")
    page.get_by_role("button", name="In one hour").click()
    expect(page.locator(".thread-who")).to_contain_text("Snoozed until")
    expect(page.locator('[data-count="snoozed"]').first).to_have_text("1")
    desk.texts("+12025550101", "now, please")
    expect(page.locator(".thread-who")).to_contain_text("Waiting")
    expect(page.locator('[data-count="snoozed"]').first).to_have_text("0")


def test_words_are_looked_for_in_every_view(desk: Desk, window: Window) -> None:
    desk.texts("+12025550101", "the turquoise teapot")
    page = window(path="/inbox?view=mine")
    page.keyboard.press("/")
    page.keyboard.type("teapot")
    page.keyboard.press("Enter")
    page.wait_for_url("**q=teapot**")
    expect(page.locator("#rows .row")).to_have_count(1)
    page.fill("#q", "kettle")
    page.press("#q", "Enter")
    expect(page.locator("#rows-empty")).to_contain_text("Nothing matches")


def test_one_takes_over_from_a_colleague_when_sure(desk: Desk, window: Window) -> None:
    it = desk.texts("+12025550101", "hello")
    desk.run(desk.hub.take_over(desk.home, it, desk.user("ben@example.com")))
    page = window()
    open_thread(page, it)
    page.once("dialog", lambda dialog: dialog.dismiss())
    page.keyboard.press("t")
    assert desk.interaction(it).operator_id == desk.user("ben@example.com").id
    page.once("dialog", lambda dialog: dialog.accept())
    page.keyboard.press("t")
    expect(page.locator("#ownership")).to_contain_text("You are answering")
    assert desk.interaction(it).operator_id == desk.user("ana@example.com").id


def test_a_viewer_reads_and_cannot_act(desk: Desk, window: Window) -> None:
    it = desk.texts("+12025550101", "hello")
    page = window("vera@example.com")
    open_thread(page, it)
    expect(page.locator("#items .bubble-text")).to_have_text(["hello"])
    assert page.locator("#composer, #take-over, #close-button").count() == 0


def test_on_a_phone_one_column_with_a_way_back(desk: Desk, window: Window) -> None:
    it = desk.texts("+12025550101", "hello")
    page = window(width=390)
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    open_thread(page, it)
    expect(page.locator(".list-pane")).to_be_hidden()
    expect(page.locator("#composer-text")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    page.get_by_role("link", name="Back to the list").click()
    expect(page.locator(".list-pane")).to_be_visible()
    page.go_back()
    expect(page.locator("#composer-text")).to_be_visible()


def test_the_transcript_grows_while_it_is_open(desk: Desk, window: Window) -> None:
    it = desk.texts("+12025550101", "one")
    page = window(path=f"/interactions/{it}")
    live(page)
    desk.texts("+12025550101", "two")
    expect(page.locator("#items .bubble-text")).to_have_text(["one", "two"])


@pytest.fixture
def counter(window: Window, desk: Desk) -> Page:
    it = desk.texts("+12025550101", "one")
    return window(path=f"/inbox?view=all&interaction={it}")


def test_the_segment_counter_agrees_with_the_bill(counter: Page) -> None:
    letters = st.characters(exclude_categories=["Cs"])

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.text(st.one_of(st.sampled_from(GSM_BASIC + GSM_EXTENSION), letters), max_size=400))
    def agrees(text: str) -> None:
        counted = counter.evaluate(
            "text => hubMeasure(text, JSON.parse(document.getElementById('composer').dataset.gsm))", text
        )
        bill = measure(text)
        assert counted == {
            "encoding": bill.encoding, "units": bill.units, "segments": bill.segments, "left": bill.left,
        }  # fmt: skip

    agrees()


def test_earlier_conversations_unfold_above(desk: Desk, window: Window) -> None:
    first = desk.texts("+12025550101", "long ago")
    desk.run(desk.hub.end(desk.home, first))
    second = desk.texts("+12025550101", "and now again")
    page = window()
    open_thread(page, second)
    page.click(".earlier summary")
    expect(page.locator(".earlier .bubble-text")).to_have_text(["long ago"])
    page.goto(f"/inbox?view=closed&interaction={first}")
    expect(page.locator("#ownership")).to_contain_text("The customer wrote again")


def test_older_messages_come_on_demand_and_nothing_jumps(desk: Desk, window: Window) -> None:
    it = desk.texts("+12025550101", "number 0")
    for number in range(1, 70):
        desk.texts("+12025550101", f"number {number}")
    page = window()
    open_thread(page, it)
    expect(page.locator("#items .bubble-text")).to_have_count(50)
    page.evaluate("document.getElementById('thread-scroll').scrollTop = 0")
    seen = page.locator("#items .bubble-text", has_text="number 20")
    before = seen.bounding_box()
    page.get_by_role("button", name="Older messages").click()
    expect(page.locator("#items .bubble-text")).to_have_count(70)
    assert bubbles(page) == [f"number {number}" for number in range(70)]
    after = seen.bounding_box()
    assert before is not None
    assert after is not None
    assert abs(after["y"] - before["y"]) < 60


def test_the_list_goes_on_when_scrolled(desk: Desk, window: Window) -> None:
    for number in range(55):
        desk.texts(f"+1202555{6000 + number}", "hello")
    page = window()
    live(page)
    expect(page.locator("#rows .row")).to_have_count(40)
    page.evaluate("document.getElementById('rows-scroll').scrollTop = 100000")
    expect(page.locator("#rows .row")).to_have_count(55)
    ids = [row.get_attribute("id") for row in page.locator("#rows .row").all()]
    assert len(set(ids)) == 55
    page.evaluate("document.getElementById('rows-scroll').scrollTop = 0")
    page.click("#rows .row-link >> nth=0")
    page.wait_for_selector("#composer")
    page.go_back()
    page.wait_for_url("**/inbox?view=all")
    expect(page.locator(".nothing-open")).to_be_visible()
