"""Every setting of a call does what its words say. In virtual time."""

import asyncio

import pytest

from hub.dialogue.turn import Say
from hub.voice.screening import asks_who_calls
from hub.voice.speech import SpeechBegan, Words
from tests.virtual import run
from tests.voice_world import TestMind, talk

FIVE = "One two three. Four five six. Seven eight nine ten. Eleven twelve. Thirteen fourteen."


def test_the_first_words_wait_as_long_as_they_should() -> None:
    async def call() -> None:
        t = talk(TestMind([Say("Hello there.")]), cue="opened", opening_delay_seconds=3)
        began = asyncio.get_running_loop().time()
        await t.quiet()
        assert 2.99 < t.phone.first_sound_at - began < 3.2
        assert t.mind.asked == [("opened", "")]

    run(call())


def test_who_says_hello_first_hears_the_opening_at_once_and_no_second_greeting() -> None:
    async def call() -> None:
        t = talk(TestMind([Say("Hello there.")]), cue="opened", opening_delay_seconds=10)
        await asyncio.sleep(1)
        await t.says("hello")
        await t.quiet()
        assert t.phone.first_sound_at - t.conversation.began_at < 3
        await asyncio.sleep(9)
        assert t.mind.asked == [("opened", "")]
        assert t.mind.memory[0] == ("customer", "hello")
        assert t.notes.heard == ["Hello there."]

    run(call())


def test_who_is_speaking_when_the_time_is_over_is_let_finish() -> None:
    async def call() -> None:
        t = talk(TestMind([Say("Hello there.")]), cue="opened", opening_delay_seconds=1)
        await asyncio.sleep(0.6)
        await t.says("hello who is this", 1_500)
        said_until = asyncio.get_running_loop().time()
        await t.quiet()
        assert t.phone.first_sound_at >= said_until - 0.01
        assert t.mind.asked == [("opened", "")]

    run(call())


def test_quiet_before_the_first_words_is_not_asked_about() -> None:
    async def call() -> None:
        t = talk(TestMind([Say("Hello there.")]), cue="opened", opening_delay_seconds=20, idle_seconds=3)
        await asyncio.sleep(15)
        assert t.mind.asked == []

    run(call())


@pytest.mark.parametrize(("words", "stopped"), [("wait", 0), ("wait a", 0), ("wait a moment", 1)])
def test_so_many_words_stop_the_agent_and_fewer_do_not(words: str, stopped: int) -> None:
    async def call() -> None:
        t = talk(TestMind([Say(FIVE)]), turn_taking={"interruption_words": 3})
        await asyncio.sleep(0.2)
        await t.says("tell me")
        await asyncio.sleep(0.5)
        t.ears.hear(SpeechBegan(), Words(words))
        await t.phone.speak(1_000)
        assert t.phone.cleared == stopped

    run(call())


def test_somebody_who_is_quiet_is_asked_so_often_and_no_more() -> None:
    async def call() -> None:
        t = talk(TestMind(), idle_seconds=4, idle_checks=2, silence_hangup_seconds=60)
        await asyncio.sleep(50)
        assert t.mind.asked == [("silence", ""), ("silence", "")]
        assert await t.ended() == "silence"
        assert 60 <= t.conversation.now - t.conversation.began_at < 70

    run(call())


def test_after_a_word_of_theirs_the_count_begins_anew() -> None:
    async def call() -> None:
        t = talk(TestMind(), idle_seconds=4, idle_checks=1, silence_hangup_seconds=60)
        await asyncio.sleep(12)
        await t.says("one moment please")
        await asyncio.sleep(15)
        assert [cue for cue, _ in t.mind.asked] == ["silence", "message", "silence"]

    run(call())


def test_nobody_is_asked_who_should_not_be() -> None:
    async def call() -> None:
        t = talk(TestMind(), idle_seconds=4, idle_checks=0, silence_hangup_seconds=30)
        assert await t.ended() == "silence"
        assert t.mind.asked == []
        assert t.notes.heard == []

    run(call())


def test_it_asks_in_the_words_given() -> None:
    async def call() -> None:
        words = ["Are you there?", "Hello?"]
        t = talk(TestMind(), idle_seconds=4, idle_messages=words, silence_hangup_seconds=60)
        await asyncio.sleep(16)
        assert t.notes.heard[:3] == ["Are you there?", "Hello?", "Are you there?"]
        assert t.mind.asked == []

    run(call())


@pytest.mark.parametrize(
    ("keypad", "pressed", "answers"),
    [
        ({}, "12#", ["12"]), ({"end_key": "*"}, "12#3*", ["12#3"]), ({"end_key": ""}, "12#", ["12#"]),
        ({"most_keys": 3}, "123456", ["123", "456"]),
    ],
)  # fmt: skip
def test_keys_are_one_answer_when_they_should_be(
    keypad: dict[str, object], pressed: str, answers: list[str]
) -> None:  # fmt: skip
    async def call() -> None:
        t = talk(TestMind(), keypad=keypad)
        await asyncio.sleep(0.2)
        for key in pressed:
            t.phone.press(key)
            await asyncio.sleep(0.2)
        await asyncio.sleep(3)
        assert t.notes.customer == answers

    run(call())


def test_keys_wait_for_more_of_them_as_long_as_they_should() -> None:
    async def call() -> None:
        t = talk(TestMind(), keypad={"timeout_seconds": 5})
        await asyncio.sleep(0.2)
        t.phone.press("1")
        await asyncio.sleep(4)
        t.phone.press("2")
        await asyncio.sleep(4)
        assert t.notes.customer == []
        await asyncio.sleep(1.5)
        assert t.notes.customer == ["12"]

    run(call())


@pytest.mark.parametrize("after", [0.5, 3.0])
def test_a_filler_comes_after_as_long_as_it_should(after: float) -> None:
    async def call() -> None:
        t = talk(TestMind([Say("Done.")]), filler_after_seconds=after, filler_messages=["Let me see."])
        t.mind.answers = [slow]
        await asyncio.sleep(0.3)
        await t.says("look it up")
        asked = asyncio.get_running_loop().time()
        await t.quiet()
        assert after - 0.1 <= t.phone.sounds_after(asked) - asked <= after + 0.4
        assert t.notes.heard == ["Let me see.", "Done."]

    async def slow(said: str, sure: asyncio.Event):  # type: ignore[no-untyped-def]
        await asyncio.sleep(3.8)
        yield Say("Done.")

    run(call())


@pytest.mark.parametrize(
    "said",
    [
        "Hi. If you record your name and reason for calling, I'll see if this person is available.",
        "Hi, the person you're calling is using a screening service from Google and will get a copy of this "
        "conversation. Go ahead and say your name and why you're calling.",
        "Please state your name after the tone.", "May I ask who is calling?", "Who’s calling, please?",
        "Bitte nennen Sie den Grund Ihres Anrufs.", "Diga su nombre y el motivo de su llamada.",
    ],
)  # fmt: skip
def test_the_voice_of_a_phone_that_asks_who_calls_is_known(said: str) -> None:
    assert asks_who_calls(said)


@pytest.mark.parametrize(
    "said", ["Hello?", "Yes, this is Ana.", "What is your name?", "I am calling about my tooth", "I can't talk now"]
)
def test_a_person_is_not_taken_for_it(said: str) -> None:
    assert not asks_who_calls(said)
