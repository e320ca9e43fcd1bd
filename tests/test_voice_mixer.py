"""Everybody hears all the others, no louder than sound can be, and nobody's silence costs memory."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.voice.mixer import KEPT_MS, Mixer
from hub.voice.speech import MULAW_8K, PCM_16K, Format

PCM_8K = Format("pcm16", 8000)
PARTIES = ["customer", "agent", "operator"]


def flat(value: int, milliseconds: int = 20, format: Format = PCM_8K) -> bytes:
    return np.full(format.rate * milliseconds // 1000, value, "<i2").tobytes()


def mixer(*parties: str, format: Format = PCM_8K) -> Mixer:
    made = Mixer(format)
    for party in parties:
        made.listen(party)
    return made


@pytest.mark.parametrize("format", [PCM_8K, PCM_16K])
def test_everybody_hears_all_but_themselves(format: Format) -> None:
    three = mixer(*PARTIES, format=format)
    for party, value in zip(PARTIES, (1000, 200, 30), strict=True):
        three.put(party, flat(value, format=format))
    assert three.take(20, "customer") == flat(230, format=format)
    assert three.take(20, "agent") == flat(1030, format=format)
    assert three.take(20, "operator") == flat(1200, format=format)
    assert three.take(20, "operator") == flat(0, format=format)


@pytest.mark.parametrize(
    ("one", "other", "sum_"), [(30000, 30000, 32767), (-30000, -30000, -32768), (30000, -30000, 0)]
)
def test_a_sum_saturates_and_does_not_turn_over(one: int, other: int, sum_: int) -> None:
    three = mixer(*PARTIES)
    three.put("customer", flat(one))
    three.put("agent", flat(other))
    assert three.take(20, "operator") == flat(sum_)


def test_who_only_listens_is_not_heard_and_takes_nothing_from_others() -> None:
    two = mixer("customer", "agent")
    two.put("agent", flat(5))
    assert two.take(20, "supervisor") == flat(0)  # it listens from here on
    two.put("agent", flat(6))
    assert two.take(20, "supervisor") == flat(6)
    assert two.take(40, "customer") == flat(5) + flat(6)
    two.leave("supervisor")
    two.put("agent", flat(7))
    assert two.take(20, "supervisor") == flat(0)


def test_a_listener_who_does_not_fetch_hears_the_newest_and_costs_no_memory() -> None:
    two = mixer("customer", "agent")
    for value in range(50):
        two.put("agent", flat(value))
    assert two.dropped_ms == 1000 - KEPT_MS
    assert two.take(KEPT_MS, "customer") == b"".join(flat(value) for value in range(40, 50))


def test_what_comes_too_late_is_silence_first_and_then_heard_whole() -> None:
    two = mixer("customer", "agent")
    two.put("agent", flat(9, 10))
    assert two.take(20, "customer") == flat(9, 10) + flat(0, 10)
    assert two.missing_ms == 10
    assert two.take(20, "customer") == flat(0)
    two.put("agent", flat(9, 30))
    assert two.take(20, "customer") + two.take(20, "customer") == flat(9, 30) + flat(0, 10)


def test_a_delay_that_is_never_needed_goes_away() -> None:
    two = mixer("customer", "agent")
    two.put("agent", flat(1, 160))
    for _ in range(250):
        two.put("agent", flat(2))
        two.take(20, "customer")
    two.put("agent", flat(3))
    taken = b"".join(two.take(20, "customer") for _ in range(3))
    assert taken.index(flat(3)) <= len(flat(2, 40))
    assert two.missing_ms == 0


def test_who_left_is_not_heard_any_more() -> None:
    three = mixer(*PARTIES)
    three.put("operator", flat(8))
    three.leave("operator")
    assert three.take(20, "customer") == flat(0)


def test_mulaw_cannot_be_summed() -> None:
    with pytest.raises(ValueError, match="mulaw"):
        Mixer(MULAW_8K)


@given(st.lists(st.tuples(st.sampled_from(PARTIES), st.integers(0, 60)), max_size=40))
@settings(max_examples=60, deadline=None)
def test_every_listener_hears_each_party_in_order_and_once(spoken: list[tuple[str, int]]) -> None:
    for listener in PARTIES:
        three, said, got = mixer(listener), np.zeros(0, int), np.zeros(0, int)
        for number, (party, milliseconds) in enumerate(spoken):
            part = flat(number + 1, milliseconds)
            three.put(party, part)
            if party != listener:
                said = np.concatenate([said, np.frombuffer(part, "<i2")])
            got = np.concatenate([got, np.frombuffer(three.take(60, listener), "<i2")])
        assert got[got != 0].tolist() == said.tolist()
        assert three.dropped_ms == 0
