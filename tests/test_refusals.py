"""Refusals in people's own words are understood, and what only sounds like one is not."""

import pytest

from hub.dialogue.refusals import refuses
from hub.dialogue.text import fold

SAID = [
    ("calls", "Don't call me again."),
    ("calls", "Do not call me again, please"),
    ("calls", "please don't call me anymore"),
    ("calls", "Never call this number again!"),
    ("calls", "Stop calling me"),
    ("calls", "stop calling"),
    ("calls", "Would you please stop phoning me?"),
    ("calls", "Put me on your do not call list"),
    ("calls", "I don't want any more calls from you."),
    ("calls", "I do not want to be called"),
    ("calls", "No more calls, thank you."),
    ("calls", "Hey, quit calling my phone"),
    ("calls", "don't ring me again"),
    ("texts", "Stop texting me"),
    ("texts", "don't text me again"),
    ("texts", "Please stop sending me messages."),
    ("texts", "I don't want to receive any more texts"),
    ("texts", "no more messages please"),
    ("texts", "Don't message me any more"),
    ("everything", "Take me off your list"),
    ("everything", "take me off of your mailing list"),
    ("everything", "Remove my number from your list."),
    ("everything", "please remove me from your calling list"),
    ("everything", "Don't contact me again"),
    ("everything", "stop contacting me"),
    ("everything", "Leave me alone!"),
    ("everything", "I'd like to opt out"),
    ("everything", "I don't want to hear from you any more"),
    ("everything", "Stop calling me and stop texting me."),
    ("everything", "Lose my number"),
    ("everything", "delete me from your database"),
    ("recording", "Don't record me"),
    ("recording", "please stop recording this call"),
    ("recording", "I don't want to be recorded"),
    ("recording", "I do not consent to being recorded"),
    (None, "Don't call me Bob, call me Robert"),
    (None, "Don't call me before nine"),
    (None, "please don't call me on Monday, Tuesday is fine"),
    (None, "Why don't you call me again tomorrow?"),
    (None, "Can you call me back?"),
    (None, "I never got your call"),
    (None, "Stop, wait, I have to find my card"),
    (None, "I don't want to cancel"),
    (None, "call me again in an hour"),
    (None, "What is on your list?"),
    (None, "take the soup off the list"),
    (None, "I want to text you a picture"),
    (None, "If I don't call you, please ring me"),
    (None, "Don't text me the code, mail it"),
    (None, "You never call me"),
    (None, "do you record calls?"),
    (None, "stop it"),
]


@pytest.mark.parametrize(("what", "said"), SAID)
def test_it_is_understood(what: str | None, said: str) -> None:
    assert refuses(fold(said)) == what
