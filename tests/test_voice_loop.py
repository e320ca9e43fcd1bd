"""The loop: turns, interruptions, what was heard, dead air. In virtual time, so ten minutes take none."""

import asyncio
import random
from collections.abc import AsyncIterator
from typing import Any

import pytest

from hub.dialogue.turn import Finish, HandToHuman, Piece, Say
from hub.engine import EngineFailed
from hub.voice.speech import EndOfTurn, Resumed, SpeechBegan, Words
from tests.virtual import run
from tests.voice_world import Engines, Talk, TestMind, talk

FIVE = "One two three. Four five six. Seven eight nine ten. Eleven twelve. Thirteen fourteen."


def test_the_agent_opens_hears_and_answers() -> None:
    async def call() -> None:
        t = talk(TestMind([Say("Hello there.")], [Say("We open at nine.")]), cue="opened")
        await asyncio.sleep(1.5)
        await t.says("When do you open")
        await t.quiet()
        assert t.notes.customer == ["When do you open"]
        assert t.notes.heard == ["Hello there.", "We open at nine."]
        assert t.mind.memory == [
            ("agent", "Hello there."), ("customer", "When do you open"), ("agent", "We open at nine."),
        ]  # fmt: skip
        assert t.ears.expected == ["We open at nine.", "ten o'clock"]
        t.phone.hang_up()
        assert await t.ended() == "customer_hangup"
        assert t.engines.closed == 2

    run(call())


def test_the_other_side_reads_what_is_said_as_it_is_said_and_what_was_cut() -> None:
    async def call() -> None:
        t = talk(TestMind([Say("One two three. Four five six.")], [Say("Of course.")]))
        await asyncio.sleep(0.2)
        await t.says("tell me")
        await asyncio.sleep(0.3)
        assert ("agent", "One two three.", False) in captions(t)
        await t.says("wait a moment", 1_000)
        await t.quiet()
        assert ("customer", "wait a moment", True) in captions(t)
        cut = next(note for note in t.phone.told if note.get("unheard"))
        assert cut["final"]
        assert f"{cut['text']} {cut['unheard']}".strip() == "One two three. Four five six."
        assert captions(t)[-1] == ("agent", "Of course.", True)
        t.phone.hang_up()
        await t.ended()

    run(call())


def captions(t: Any) -> list[tuple[str, str, bool]]:
    return [(note["role"], note["text"], note["final"]) for note in t.phone.told if note["type"] == "caption"]


def test_the_answer_comes_at_once_after_the_engine_ends_the_turn() -> None:
    async def call() -> None:
        t = talk(TestMind([Say("Yes.")]))
        await asyncio.sleep(0.5)
        await t.says("hello")
        over = asyncio.get_running_loop().time()
        await t.quiet()
        assert t.phone.sounds_after(over - 0.001) - over < 0.02
        assert t.notes.ours[1]["timing"]["response_ms"] < 100

    run(call())


def test_interrupted_in_the_third_of_five_sentences_only_what_was_heard_is_kept() -> None:
    async def call() -> None:
        t = talk(TestMind([Say(FIVE)], [Say("Of course.")]))
        await asyncio.sleep(0.2)
        await t.says("tell me")
        await asyncio.sleep(0.7 + 0.7 + 0.4)  # two sentences and the first word of the third
        await t.says("wait a moment", 1_000)
        await t.quiet()
        heard = t.engines.said(t.phone.heard())
        assert t.notes.ours[1]["text"] == FIVE
        assert t.notes.ours[1]["heard"].split() == heard[: len(heard) - 2]
        assert t.notes.ours[1]["heard"].startswith("One two three. Four five six. Seven")
        assert "Eleven" not in t.notes.ours[1]["heard"]
        assert t.mind.memory[1] == ("agent", t.notes.ours[1]["heard"])
        assert t.phone.cleared == 1
        assert "call.interrupted" in t.notes.kinds()

    run(call())


def test_two_hundred_interruptions_leave_what_was_really_played() -> None:
    async def call(seed: int) -> None:
        chance = random.Random(seed)
        count = 25
        t = talk(TestMind(*[[Say(FIVE)] for _ in range(count)], [Say("Done.")]), silence_hangup_seconds=3_000)
        await asyncio.sleep(0.3)
        await t.says("begin")
        for _ in range(count):
            await asyncio.sleep(chance.uniform(0.1, 6))
            await t.says("no, something else", chance.randrange(600, 1_500, 20))
            await asyncio.sleep(0.02)
        await t.quiet()
        told = " ".join(t.notes.heard).split()
        assert told == t.engines.said(t.phone.heard())

    for seed in range(8):
        run(call(seed))


def test_an_acknowledgement_does_not_interrupt() -> None:
    async def call() -> None:
        t = talk(TestMind([Say(FIVE)]))
        await asyncio.sleep(0.2)
        await t.says("tell me")
        await asyncio.sleep(1)
        t.ears.hear(SpeechBegan(), Words("okay"))
        await t.says("okay", 360)
        await t.quiet()
        assert t.phone.cleared == 0
        assert t.notes.ours[1]["heard"] == FIVE
        assert t.notes.customer == ["tell me", "okay"]
        assert len(t.mind.asked) == 1

    run(call())


def test_a_noise_without_words_lets_the_agent_go_on_where_it_stopped() -> None:
    async def call() -> None:
        t = talk(TestMind([Say(FIVE)]))
        await asyncio.sleep(0.2)
        await t.says("tell me")
        await asyncio.sleep(1)
        await t.phone.speak(800)
        await asyncio.sleep(0.1)
        assert t.phone.cleared == 1
        await t.quiet()
        assert t.notes.ours[1]["heard"] == FIVE
        heard = t.engines.said(t.phone.heard())
        assert [word for word in FIVE.split() if word not in heard] == []
        assert "call.resumed" in t.notes.kinds()
        assert t.notes.customer == ["tell me"]

    run(call())


def test_a_noise_that_does_not_end_holds_nobody_up() -> None:
    async def call() -> None:
        t = talk(TestMind([Say(FIVE)], [Say("Of course.")]))
        await asyncio.sleep(0.2)
        await t.says("tell me")
        await asyncio.sleep(1)
        noise = asyncio.create_task(t.phone.speak(30_000))
        await t.quiet()
        assert t.notes.ours[1]["heard"] == FIVE
        assert t.phone.cleared == 1  # the same noise stops the agent no second time
        assert max(t.phone.silences()) <= 5
        t.ears.turn("who is open on Sunday")  # words in the noise are heard as ever
        await t.quiet()
        assert t.notes.heard[-1] == "Of course."
        await noise

    run(call())


def test_a_noise_that_does_not_end_costs_no_answer() -> None:
    async def call() -> None:
        async def slow(said: str, sure: asyncio.Event) -> AsyncIterator[Piece]:
            await asyncio.sleep(1)
            yield Say("Never said.")

        t = talk(TestMind(slow, [Say("We open at nine.")]))
        await asyncio.sleep(0.2)
        await t.says("When do you open")
        over = asyncio.get_running_loop().time()
        await asyncio.sleep(0.5)
        noise = asyncio.create_task(t.phone.speak(30_000))
        await asyncio.sleep(8)
        assert t.notes.heard == ["We open at nine."]
        assert t.phone.sounds_after(over) - over < 5.5
        await noise

    run(call())


def test_a_noise_keeps_no_call_open() -> None:
    async def call() -> None:
        t = talk(TestMind([Say("Are you there?")]), idle_seconds=5, silence_hangup_seconds=20)
        noise = asyncio.create_task(t.phone.speak(120_000))
        assert await t.ended() == "silence"
        noise.cancel()

    run(call())


def test_after_a_noise_has_ended_sound_alone_stops_the_agent_again() -> None:
    async def call() -> None:
        t = talk(TestMind([Say(FIVE)], [Say(FIVE)]))
        await asyncio.sleep(0.2)
        await t.says("tell me")
        await asyncio.sleep(1)
        await t.phone.speak(8_000)
        await asyncio.sleep(4)
        await t.says("tell me again")
        await asyncio.sleep(1)
        cleared = t.phone.cleared
        await t.phone.speak(900)
        assert t.phone.cleared == cleared + 1

    run(call())


def test_a_long_answer_that_may_not_be_interrupted_is_said_to_the_end_and_then_the_next() -> None:
    async def call() -> None:
        async def long(said: str, sure: asyncio.Event) -> AsyncIterator[Piece]:
            for number in range(12):
                yield Say(f"This is sentence {number}.")
                await asyncio.sleep(0.2)

        t = talk(TestMind(long, [Say("And now you.")]), turn_taking={"interruption_sensitivity": 0})
        await asyncio.sleep(0.2)
        await t.says("tell me")
        await asyncio.sleep(1)
        await t.says("what about me", 1_200)
        await t.quiet()
        assert t.notes.heard[0].count("sentence") == 12
        assert t.notes.heard[1:] == ["And now you."]

    run(call())


@pytest.mark.parametrize(("sensitivity", "cleared"), [(0.0, 0), (1.0, 1)])
def test_sensitivity_decides_whether_speech_interrupts(sensitivity: float, cleared: int) -> None:
    async def call() -> None:
        t = talk(TestMind([Say(FIVE)], [Say("Yes?")]), turn_taking={"interruption_sensitivity": sensitivity})
        await asyncio.sleep(0.2)
        await t.says("tell me")
        await asyncio.sleep(1)
        await t.says("stop it now", 300)
        await t.quiet()
        assert t.phone.cleared == cleared
        assert t.notes.customer == ["tell me", "stop it now"]
        assert t.mind.asked[-1] == ("message", "stop it now")

    run(call())


def test_an_opening_that_must_be_heard_is_not_interrupted_and_nothing_said_meanwhile_is_lost() -> None:
    async def call() -> None:
        t = talk(TestMind([Say(FIVE)], [Say("Sure.")]), cue="opened", opening_interruptible=False)
        await asyncio.sleep(1)
        await t.says("I want to book", 1_500)
        await t.quiet()
        assert t.phone.cleared == 0
        assert t.notes.heard == [FIVE, "Sure."]
        assert t.mind.asked[-1] == ("message", "I want to book")

    run(call())


def test_a_turn_that_the_engine_never_ends_is_ended_by_silence() -> None:
    async def call() -> None:
        t = talk(TestMind([Say("Yes.")]))
        await asyncio.sleep(0.2)
        t.ears.hear(SpeechBegan())
        await t.phone.speak(900)
        spoken = asyncio.get_running_loop().time()
        t.ears.hear(Words("hello there"))
        await t.quiet()
        assert t.notes.customer == ["hello there"]
        assert t.phone.sounds_after(spoken) - spoken <= 1.6

    run(call())


@pytest.mark.parametrize(
    ("words", "least", "most"),
    [("What time do you close?", 0.3, 0.6), ("My phone number is", 1.3, 1.7), ("five five five one two", 1.0, 1.4)],
)
def test_patience_depends_on_what_was_said(words: str, least: float, most: float) -> None:
    async def call() -> None:
        engines = Engines()
        engines.open_ears = False  # an engine without an opinion about turns
        t = talk(TestMind([Say("Yes.")]), engines=engines)
        await asyncio.sleep(0.2)
        t.ears.on_finish = words
        await t.phone.speak(900)
        spoken = asyncio.get_running_loop().time()
        await t.quiet()
        assert least <= t.phone.sounds_after(spoken) - spoken <= most

    run(call())


def test_what_was_thought_of_too_early_leaves_no_trace() -> None:
    async def call() -> None:
        t = talk(TestMind([Say("Too early.")], [Say("Right.")]))
        await asyncio.sleep(0.2)
        t.ears.hear(SpeechBegan(), Words("I would like"), EndOfTurn(likely=True))
        await asyncio.sleep(0.1)
        t.ears.hear(Resumed(), Words("I would like a cleaning", final=True), EndOfTurn())
        await t.quiet()
        assert t.notes.heard == ["Right."]
        assert t.mind.kept == 1
        assert t.mind.memory == [("customer", "I would like a cleaning"), ("agent", "Right.")]

    run(call())


def test_an_early_thought_that_was_right_is_used() -> None:
    async def call() -> None:
        async def slow(said: str, sure: asyncio.Event) -> AsyncIterator[Piece]:
            await asyncio.sleep(0.4)
            yield Say("Here you are.")

        t = talk(TestMind(slow))
        await asyncio.sleep(0.2)
        t.ears.hear(SpeechBegan(), Words("my order please", final=True), EndOfTurn(likely=True))
        await asyncio.sleep(0.4)
        t.ears.hear(EndOfTurn())
        over = asyncio.get_running_loop().time()
        await t.quiet()
        assert len(t.mind.asked) == 1
        assert t.phone.sounds_after(over - 0.01) - over < 0.05

    run(call())


def test_going_on_before_the_answer_sounds_makes_one_turn_of_both() -> None:
    async def call() -> None:
        async def slow(said: str, sure: asyncio.Event) -> AsyncIterator[Piece]:
            await asyncio.sleep(1)
            yield Say("Never said.")

        t = talk(TestMind(slow, [Say("On Monday.")]))
        await asyncio.sleep(0.2)
        await t.says("I need an appointment")
        await asyncio.sleep(0.3)
        await t.says("on Monday")
        await t.quiet()
        assert t.notes.heard == ["On Monday."]
        assert t.mind.asked[-1] == ("message", "I need an appointment\non Monday")

    run(call())


async def _silent(said: str, sure: asyncio.Event) -> AsyncIterator[Piece]:
    await asyncio.sleep(3_600)
    yield Say("Never.")


async def _raises(said: str, sure: asyncio.Event) -> AsyncIterator[Piece]:
    raise EngineFailed("429")
    yield Say("Never.")


async def _stalls(said: str, sure: asyncio.Event) -> AsyncIterator[Piece]:
    yield Say("Let me look at that.")
    await asyncio.sleep(3_600)


async def _empty(said: str, sure: asyncio.Event) -> AsyncIterator[Piece]:
    return
    yield Say("Never.")


def test_a_mind_that_says_nothing_is_bridged_replaced_and_in_the_end_excused() -> None:
    async def call() -> None:
        t = talk(TestMind(_silent, _silent, others=1))
        await asyncio.sleep(0.2)
        await t.says("hello?")
        over = asyncio.get_running_loop().time()
        await asyncio.sleep(15)
        assert 1.4 <= t.phone.sounds_after(over) - over <= 1.8
        assert len(t.mind.asked) == 2
        assert max(t.phone.silences(), default=0) <= 4
        assert any("trouble answering" in heard for heard in t.notes.heard)
        assert any(isinstance(piece, HandToHuman) for piece in t.decided)

    run(call())


@pytest.mark.parametrize("fault", [_silent, _raises, _stalls, _empty])
@pytest.mark.parametrize("others", [0, 1])
def test_whatever_the_mind_does_the_customer_is_never_long_in_silence(fault: Any, others: int) -> None:
    async def call() -> None:
        t = talk(TestMind(fault, fault, fault, others=others))
        await asyncio.sleep(0.2)
        await t.says("hello?")
        over = asyncio.get_running_loop().time()
        await t.quiet()
        assert t.phone.sounds_after(over) - over <= 4
        assert max(t.phone.silences(), default=0) <= 4
        assert t.notes.heard[-1] != "Never."

    run(call())


@pytest.mark.parametrize("fault", ["refuse", "half-open", "stall", "zero", "garbage", "breaks", "halts"])
def test_whatever_a_voice_does_another_one_says_it(fault: str) -> None:
    async def call() -> None:
        engines = Engines()
        engines.faults["mouth"] = fault
        t = talk(TestMind([Say("One two three four five six.")]), engines=engines, mouths=("mouth", "spare"))
        await asyncio.sleep(4)
        await t.says("hello?")
        over = asyncio.get_running_loop().time()
        await t.quiet()
        assert t.phone.sounds_after(over) - over <= 4
        assert max(t.phone.silences(), default=0) <= 4
        assert engines.said(t.phone.heard())[-2:] == ["five", "six."]
        assert " ".join(t.notes.heard).split()[-6:] == ["One", "two", "three", "four", "five", "six."]
        assert ("mouth", "spare")[len(engines.failures) > 0] == "spare"

    run(call())


def test_ears_that_fail_are_replaced_and_told_what_was_being_said() -> None:
    async def call() -> None:
        t = talk(TestMind([Say("Yes.")]), ears=("ears", "spare"))
        await asyncio.sleep(0.2)
        first = t.ears
        first.hear(SpeechBegan())
        await t.phone.speak(600)
        first.hear(EngineFailed("socket closed"))
        await asyncio.sleep(0.05)
        assert t.ears is not first
        assert len(t.ears.fed) >= 3_000
        t.ears.turn("hello")
        await t.quiet()
        assert t.notes.customer == ["hello"]

    run(call())


@pytest.mark.parametrize("milliseconds", [2_000, 6_000])
def test_deaf_ears_are_replaced_and_the_customer_is_asked_again(milliseconds: int) -> None:
    async def call() -> None:
        t = talk(TestMind([Say("Yes.")]), ears=("ears", "spare"))
        await asyncio.sleep(0.2)
        await t.phone.speak(milliseconds)
        await asyncio.sleep(8)
        assert len(t.engines.ears) == 2
        assert any("again" in heard for heard in t.notes.heard)

    run(call())


def test_ears_that_make_nothing_of_short_answers_are_replaced_too() -> None:
    async def call() -> None:
        t = talk(TestMind([Say("Yes.")]), ears=("ears", "spare"))
        await asyncio.sleep(0.2)
        for _ in range(2):
            await t.phone.speak(800)
            await asyncio.sleep(6)
        assert len(t.engines.ears) == 2

    run(call())


def test_quiet_is_asked_about_and_then_ends_the_call() -> None:
    async def call() -> None:
        t = talk(TestMind([Say("Are you there?")], [Say("Goodbye!"), Finish("silence")]), idle_seconds=5)
        assert await t.ended() == "silence"
        assert t.mind.asked == [("silence", ""), ("silence", "")]
        assert t.notes.heard == ["Are you there?", "Goodbye!"]

    run(call())


def test_a_call_ends_when_its_time_is_up_and_says_so_before() -> None:
    async def call() -> None:
        t = talk(TestMind(), max_duration_seconds=60, wrap_up_seconds=20, idle_seconds=600, silence_hangup_seconds=600)
        began = asyncio.get_running_loop().time()
        assert await t.ended() == "max_duration"
        assert 60 <= asyncio.get_running_loop().time() - began <= 75
        assert "almost out of time" in t.notes.heard[0]
        assert "time is up" in t.notes.heard[1]

    run(call())


def test_the_time_of_a_call_goes_on_when_it_is_taken_up_on_another_line() -> None:
    async def call() -> None:
        limits = {"max_duration_seconds": 60, "idle_seconds": 600, "silence_hangup_seconds": 600}
        t = talk(TestMind(), resumed=True, from_ms=50_000, wrap_up_seconds=0, **limits)
        began = asyncio.get_running_loop().time()
        assert await t.ended() == "max_duration"
        assert 10 <= asyncio.get_running_loop().time() - began <= 25

    run(call())


def test_a_paused_agent_hears_and_stays_silent() -> None:
    async def call() -> None:
        t = talk(TestMind([Say(FIVE)], [Say("Back again.")]))
        await asyncio.sleep(0.2)
        await t.says("tell me")
        await asyncio.sleep(1)
        await t.conversation.be_silent(True)
        at = asyncio.get_running_loop().time()
        await t.says("are you there")
        await asyncio.sleep(5)
        assert t.phone.sounds_after(at + 0.01) == float("inf")
        assert t.notes.customer[-1] == "are you there"
        await t.conversation.be_silent(False)
        await t.says("hello again")
        await t.quiet()
        assert t.notes.heard[-1] == "Back again."

    run(call())


def test_a_silence_that_was_the_pause_of_the_agent_ends_no_call() -> None:
    async def call() -> None:
        t = talk(TestMind([Say("Back again.")]), idle_seconds=20, silence_hangup_seconds=60)
        await asyncio.sleep(1)
        await t.conversation.be_silent(True)
        await asyncio.sleep(300)
        await t.conversation.be_silent(False)
        await asyncio.sleep(15)
        assert not t.conversation.over
        await t.says("hello again")
        await t.quiet()
        assert t.notes.heard[-1] == "Back again."

    run(call())


def test_keys_are_taken_as_said_when_no_more_of_them_come() -> None:
    async def call() -> None:
        t = talk(TestMind([Say("Thank you.")]))
        await asyncio.sleep(0.2)
        t.phone.press("42")
        await asyncio.sleep(0.5)
        t.phone.press("17#")
        await asyncio.sleep(0.3)
        assert t.mind.asked == [("message", "4217")]

    run(call())


def test_who_tells_something_long_hears_that_we_listen() -> None:
    async def call() -> None:
        t = talk(TestMind([Say("I see.")]), backchannel_enabled=True, backchannel_words=["mm-hm"])
        await asyncio.sleep(0.2)
        t.ears.hear(SpeechBegan(), Words("it began last week when"))
        await t.phone.speak(4_000)
        await asyncio.sleep(0.4)
        await t.says("and then it stopped")
        await t.quiet()
        assert t.notes.heard == ["mm-hm", "I see."]
        assert len(t.mind.asked) == 1

    run(call())


def test_a_goodbye_ends_the_call_after_it_was_heard() -> None:
    async def call() -> None:
        t = talk(TestMind([Say("Thank you, goodbye!"), Finish("goodbye")]))
        await asyncio.sleep(0.2)
        await t.says("bye")
        assert await t.ended() == "goodbye"
        assert t.engines.said(t.phone.heard()) == ["Thank", "you,", "goodbye!"]

    run(call())


def test_nothing_of_a_call_is_left_when_it_is_over() -> None:
    async def call() -> None:
        before = len(asyncio.all_tasks())
        for _ in range(20):
            t = talk(TestMind([Say(FIVE)]))
            await asyncio.sleep(0.2)
            await t.says("tell me")
            await asyncio.sleep(random.Random(1).uniform(0, 3))
            t.phone.hang_up()
            await t.ended()
            await asyncio.sleep(0.1)
        assert len(asyncio.all_tasks()) == before

    run(call())


def test_a_cough_while_the_agent_thinks_does_not_cost_the_answer() -> None:
    async def call() -> None:
        async def slow(said: str, sure: asyncio.Event) -> AsyncIterator[Piece]:
            await asyncio.sleep(1)
            yield Say("Never said.")

        t = talk(TestMind(slow, [Say("We open at nine.")]))
        await asyncio.sleep(0.2)
        await t.says("When do you open")
        await asyncio.sleep(0.5)
        await t.phone.speak(400)
        over = asyncio.get_running_loop().time()
        await t.quiet()
        assert t.notes.heard == ["We open at nine."]
        assert t.mind.asked[-1] == ("message", "When do you open")
        assert t.phone.sounds_after(over) - over < 2.5

    run(call())


def test_who_speaks_twice_over_an_opening_that_must_be_heard_hears_all_of_it() -> None:
    async def call() -> None:
        opening = " ".join([FIVE] * 3)
        t = talk(TestMind([Say(opening)], [Say("First.")], [Say("Both.")]), cue="opened", opening_interruptible=False)
        await asyncio.sleep(0.5)
        await t.says("hello there")
        await asyncio.sleep(0.3)
        await t.says("can you hear me")
        await t.quiet()
        assert t.notes.heard == [opening, "Both."]
        assert t.mind.asked[-1] == ("message", "hello there\ncan you hear me")

    run(call())


def test_what_is_to_be_said_before_there_is_a_voice_waits_for_it() -> None:
    async def call() -> None:
        engines = Engines()
        engines.faults["mouth"] = "half-open"
        t = talk(TestMind([Say("We open at nine.")]), mouths=("mouth", "spare"), engines=engines)
        await asyncio.sleep(0.1)
        await t.says("When do you open")
        await t.quiet()
        assert t.notes.heard == ["We open at nine."]
        assert not t.conversation.over

    run(call())


def test_what_must_be_consented_to_is_said_also_when_the_customer_speaks_first() -> None:
    async def call(resumed: bool) -> list[str]:
        t = talk(TestMind(), consent_message="This call is recorded.", resumed=resumed)
        await asyncio.sleep(3)
        return t.notes.heard

    async def calls() -> None:
        assert await call(False) == ["This call is recorded."]
        assert await call(True) == []

    run(calls())


def test_a_sound_that_only_the_ears_take_for_speech_keeps_no_call_open() -> None:
    async def call() -> None:
        t = talk(TestMind([Say("Are you there?")]), idle_seconds=5, silence_hangup_seconds=20)
        await asyncio.sleep(0.5)
        t.ears.hear(SpeechBegan())
        assert await t.ended() == "silence"
        assert ("silence", "") in t.mind.asked

    run(call())


def test_nobody_is_hung_up_on_for_listening_to_a_long_answer() -> None:
    async def call() -> None:
        long = " ".join(["Nothing shorter will do here."] * 12)
        t = talk(TestMind([Say(long)], [Say("Goodbye.")]), idle_seconds=8, silence_hangup_seconds=10)
        await asyncio.sleep(0.2)
        await t.says("tell me everything")
        await t.quiet()
        assert t.notes.heard == [long]
        await asyncio.sleep(5)
        await t.says("thanks for that")
        await t.quiet()
        assert t.notes.heard[-1] == "Goodbye."

    run(call())


def test_a_phrase_kept_ready_is_said_in_the_voice_of_its_own_agent() -> None:
    async def call(voice: str) -> list[tuple[str, str]]:
        engines = Engines()
        engines.voice = voice
        talk(TestMind(), engines=engines, filler_messages=["Just a second."])
        await asyncio.sleep(1)
        return engines.asked

    async def calls() -> None:
        for voice in ("Anna", "Ben"):
            assert ("mouth", "Just a second.") in await call(voice)
        assert ("mouth", "Just a second.") not in await call("Anna")

    run(calls())


async def hangs_up_speaking(**more: Any) -> Talk:
    """They have begun to say something, and are gone."""
    t = talk(TestMind(), **more)
    await asyncio.sleep(0.5)
    t.ears.hear(SpeechBegan(), Words("please cancel"))
    await t.phone.speak(900)
    t.phone.hang_up()
    return t


def test_what_is_said_last_is_kept_although_they_hang_up_before_it_is_understood() -> None:
    async def call() -> None:
        t = await hangs_up_speaking()
        await asyncio.sleep(0.3)  # so long the ears need
        assert t.ears.finished
        t.ears.turn("please cancel it, goodbye")
        assert await t.ended() == "customer_hangup"
        assert t.notes.customer == ["please cancel it, goodbye"]
        assert 0.25 < t.conversation.overtime_seconds < 0.35
        assert t.mind.memory == [("customer", "please cancel it, goodbye")]
        assert not t.mind.asked, "nobody is there to be answered"

    run(call())


def test_the_ears_are_not_waited_for_long_and_half_a_sentence_is_kept() -> None:
    async def call() -> None:
        t = await hangs_up_speaking()
        gone = asyncio.get_running_loop().time()
        assert await t.ended() == "customer_hangup"
        assert 0.5 < asyncio.get_running_loop().time() - gone < 1
        assert t.notes.customer == ["please cancel"]

    run(call())


def test_nobody_waits_for_words_at_the_end_when_none_are_to_come() -> None:
    async def call() -> None:
        t = talk(TestMind([Say("Bye.")]))
        await asyncio.sleep(0.5)
        await t.says("that was all")
        await t.quiet()
        t.phone.hang_up()
        gone = asyncio.get_running_loop().time()
        await t.ended()
        assert asyncio.get_running_loop().time() - gone < 0.1
        assert t.notes.customer == ["that was all"]

    run(call())


def test_what_was_made_ahead_is_let_go_when_it_is_not_wanted_any_more() -> None:
    async def call() -> None:
        first = "One two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen."
        t = talk(TestMind([Say(f"{first} Four five six. Seven eight nine.")]), cue="opened")
        await asyncio.sleep(0.4)
        assert t.conversation.speaking.sounding
        assert ("mouth", "Four five six.") in t.engines.asked, "it is made while the first one sounds"
        t.conversation.give_up()
        t.conversation.speaking.say("Goodbye now.")
        await t.quiet()
        assert t.notes.heard == [first, "Goodbye now."]
        t.phone.hang_up()
        await t.ended()

    run(call())


def test_ears_that_fail_when_the_line_is_gone_are_missed_by_nobody() -> None:
    async def call() -> None:
        t = await hangs_up_speaking(ears=("ears", "others"))
        await asyncio.sleep(0.1)
        gone = asyncio.get_running_loop().time()
        t.ears.hear(EngineFailed("it broke"))
        assert await t.ended() == "customer_hangup"
        assert asyncio.get_running_loop().time() - gone < 0.1
        assert t.notes.customer == ["please cancel"]
        assert len(t.engines.ears) == 1, "no others are opened for a call that is over"

    run(call())


def test_what_would_have_sounded_while_last_words_are_understood_was_not_heard() -> None:
    heard: list[str] = []

    async def call(*words: str) -> None:
        t = talk(TestMind([Say("One two three four five six seven eight nine ten eleven twelve.")]), cue="opened")
        await asyncio.sleep(1)
        for text in words:
            t.ears.hear(SpeechBegan(), Words(text))
        await asyncio.sleep(0.2)
        t.phone.hang_up()
        await t.ended()
        assert (t.conversation.overtime_seconds > 0.5) is bool(words)
        heard.extend(t.notes.heard)

    run(call())
    run(call("okay"))
    assert heard[0] == heard[1] != ""
    assert "twelve" not in heard[1]


def test_a_call_that_we_end_is_not_kept_open_for_last_words() -> None:
    async def call() -> None:
        t = talk(TestMind())
        await asyncio.sleep(0.5)
        t.ears.hear(SpeechBegan(), Words("please cancel"))
        await asyncio.sleep(0.1)
        t.conversation.end("goodbye")
        ending = asyncio.get_running_loop().time()
        assert await t.ended() == "goodbye"
        assert asyncio.get_running_loop().time() - ending < 0.01
        assert t.notes.customer == ["please cancel"]

    run(call())
