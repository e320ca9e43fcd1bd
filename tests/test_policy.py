"""Which texts are opt-out words, however they are spelled, and which are not."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.policy import keyword

STOPS = (
    "STOP", "stop", "Stop.", "  stop  ", "STOP!!!", "ＳＴＯＰ", "s t o p", '"stop"', "Stop\n", "STOPALL", "stop all",
    "Unsubscribe", "CANCEL", "cancel.", "End", "QUIT", "quit!", "REVOKE", "opt-out", "OPT OUT", "OptOut", "(stop)",
)  # fmt: skip
WORDS = ("stop", "stopall", "unsubscribe", "cancel", "end", "quit", "revoke", "optout")
NOISE = " \t\n.,!?-'\"()…。 "


@pytest.mark.parametrize("text", STOPS)
def test_it_means_stop(text: str) -> None:
    assert keyword(text) == "stop"


@pytest.mark.parametrize(
    "text",
    [
        "stop it", "please stop", "don't stop", "the end", "ending", "cancellation", "I want to cancel my appointment",
        "quite", "", " ", "...", "nonstop", "stop stop stop", "help me stop", "x" * 100 + "stop",
    ],
)  # fmt: skip
def test_it_is_for_the_agent(text: str) -> None:
    assert keyword(text) is None


def test_start_and_help_have_words_of_their_own() -> None:
    assert [keyword(text) for text in ("START", "unstop", "Opt in", "HELP", "info?")] == [
        "start", "start", "start", "help", "help",
    ]  # fmt: skip


@given(st.sampled_from(WORDS), st.data())
def test_case_width_and_punctuation_do_not_count(word: str, data: st.DataObject) -> None:
    noise = st.text(alphabet=NOISE, max_size=3)
    spelled = data.draw(noise)
    for letter in word:
        wide = chr(ord(letter) - 0x20 + 0xFF00) if data.draw(st.booleans()) else letter
        spelled += (wide.upper() if data.draw(st.booleans()) else wide) + data.draw(noise)
    assert keyword(spelled) == ("stop" if len(spelled) <= 64 else None)


@given(st.text(max_size=80))
def test_a_keyword_is_the_whole_message(text: str) -> None:
    folded = unicodedata.normalize("NFKC", text).casefold()
    word = "".join(character for character in folded if character.isalnum())
    assert (keyword(text) == "stop") == (word in WORDS and len(text) <= 64)
