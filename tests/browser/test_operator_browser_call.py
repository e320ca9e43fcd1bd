"""An operator in a live browser call: two browsers, and what each of them hears of the other is measured."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, Locator, Page, Playwright, expect, sync_playwright
from sqlmodel import col, select

from hub.models import Interaction, Message
from tests.browser import CHROMIUM
from tests.browser.spoken_world import (
    MICROPHONE,
    Demo,
    ended,
    events,
    loudness,
    newest_call,
    recording_of,
    say,
    wait,
    windows,
)
from tests.browser.test_web_call import FLAGS

pytestmark = pytest.mark.timeout(180)
EARS = """(() => {
  const peers = [];
  window.RTCPeerConnection = class extends RTCPeerConnection {
    constructor(...given) { super(...given); peers.push(this); }
  };
  window.heardEnergy = async () => {
    const stats = await Promise.all(peers.map((peer) => peer.getStats()));
    return stats.flatMap((all) => [...all.values()]).filter(({ type }) => type === "inbound-rtp")
      .reduce((sum, { totalAudioEnergy = 0 }) => sum + totalAudioEnergy, 0);
  };
})();"""
"""Tells how much sound the caller's browser has played; it grows while something is heard (webrtc-stats, 8.3)."""
SPEECH = 0.002
"""Energy that a spoken sentence has at least, and a breath of noise has not."""
WITHIN_SECONDS = 40
LOUD = 0.3


@pytest.fixture
def browsers() -> Iterator[Callable[[], Browser]]:
    """Opens a Chromium of its own at each call."""
    with sync_playwright() as playwright:
        yield lambda: launched(playwright)


def launched(playwright: Playwright) -> Browser:
    return playwright.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS, "--use-fake-ui-for-media-stream"])


@dataclass
class Talk:
    """A visitor who calls from the web chat, and Sam of support with the call's thread open."""

    demo: Demo
    caller: Page
    operator: Page
    call: Interaction

    def part(self, name: str) -> Locator:
        return self.operator.locator(f'[data-call="{name}"]')

    def caption(self, role: str) -> Locator:
        return self.part("captions").locator(f'[data-role="{role}"]')

    def until(self, condition: Callable[[], object]) -> None:
        wait(self.caller, condition, WITHIN_SECONDS)

    def happened(self, type: str) -> None:
        self.until(lambda: events(self.demo, self.call.id, type))

    def said(self, role: str) -> list[Message]:
        query = select(Message).where(Message.interaction_id == self.call.id, Message.role == role)
        return self.demo.rows(query.order_by(col(Message.seq)))

    def level(self, name: str) -> float:
        """How loud the operator's panel shows what they hear, or their own microphone."""
        return float(self.operator.evaluate("(name) => document.querySelector('call-panel').level[name]", name))

    def energy(self) -> float:
        return float(self.caller.evaluate("heardEnergy()"))

    def settled_energy(self) -> float:
        """All that the caller has heard, as soon as they hear nothing more."""
        before = self.energy()
        while True:
            self.caller.wait_for_timeout(500)
            if (now := self.energy()) - before < SPEECH / 20:
                return now
            before = now


def test_an_operator_listens_takes_over_speaks_and_hands_back_in_a_browser_call(
    demo: Demo, browsers: Callable[[], Browser]
) -> None:
    with windows(browsers(), demo) as caller, windows(browsers(), demo) as operator:
        page = caller("/chat/clinic", microphone=MICROPHONE + ";" + EARS)
        page.get_by_role("button", name="start a call").click()
        expect(page.locator("#call-state")).to_have_text("Speak now", timeout=WITHIN_SECONDS * 1000)
        call = newest_call(demo)
        talk = Talk(demo, page, operator(f"/inbox?view=all&interaction={call.id}", "sam@example.com"), call)
        listens(talk)
        takes_over_and_speaks(talk)
        has_the_call_alone(talk)
        hands_back(talk)
        page.get_by_role("button", name="Hang up").click()
        ended(demo, page, call)
        the_recording_has_the_operator(talk)


def listens(talk: Talk) -> None:
    """What customer and agent say comes to the second browser as sound; the customer hears nothing of it."""
    talk.part("listen").click()
    talk.happened("call.joined")
    assert talk.level("heard") < LOUD
    say(talk.demo, talk.caller, "Hello, I'd like to book an appointment.")
    talk.until(lambda: talk.level("heard") > LOUD)
    expect(talk.caption("customer")).to_contain_text("book an appointment")
    expect(talk.caption("agent")).to_contain_text("What would you like to come in for?")
    assert talk.level("mine") == 0


def takes_over_and_speaks(talk: Talk) -> None:
    """The operator's microphone is what the caller hears, and there is nothing else."""
    talk.part("take").click()
    talk.happened("interaction.taken_over")
    expect(talk.part("hint")).to_contain_text("You are heard")
    before, agent_said = talk.settled_energy(), len(talk.said("agent"))
    say(talk.demo, talk.operator, "Good morning. What would you like to come in for?")
    talk.until(lambda: talk.energy() - before > SPEECH)
    talk.until(lambda: talk.said("operator"))
    assert len(talk.said("agent")) == agent_said


def has_the_call_alone(talk: Talk) -> None:
    """The customer is heard by the operator, and the agent does not answer."""
    before, agent_said = talk.settled_energy(), len(talk.said("agent"))
    said = len(talk.said("customer"))
    say(talk.demo, talk.caller, "A cleaning, please.")
    talk.until(lambda: len(talk.said("customer")) > said)
    expect(talk.caption("customer")).to_contain_text("cleaning")
    assert talk.settled_energy() - before < SPEECH
    assert len(talk.said("agent")) == agent_said


def hands_back(talk: Talk) -> None:
    """The agent goes on and answers; the operator's microphone is let go."""
    agent_said, before = len(talk.said("agent")), talk.energy()
    talk.part("back").click()
    talk.happened("interaction.handed_back")
    talk.until(lambda: len(talk.said("agent")) > agent_said and talk.energy() - before > SPEECH)
    expect(talk.part("take")).to_have_text("Take over")
    before, agent_said = talk.settled_energy(), len(talk.said("agent"))
    say(talk.demo, talk.caller, "A cleaning, please.")
    talk.until(lambda: len(talk.said("agent")) > agent_said and talk.energy() - before > SPEECH)
    assert talk.level("mine") == 0


def the_recording_has_the_operator(talk: Talk) -> None:
    """Where the operator spoke, the lane of us is loud and the customer's is not."""
    talk.until(lambda: recording_of(talk.demo, talk.call).finished_at)
    spoken = talk.said("operator")[0]
    assert spoken.from_ms is not None
    path = talk.demo.folder / recording_of(talk.demo, talk.call).path
    customer, ours = loudness(path, spoken.from_ms, spoken.to_ms)
    assert ours > 200, (customer, ours)
    assert customer < ours / 10, (customer, ours)
