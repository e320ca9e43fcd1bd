"""Passages found for a question, with a score that tells an answer from a guess."""

# ruff: noqa: E501 - tables read better in long lines

import json
import time
from importlib import resources

import pytest

from hub.dialogue.knowledge import KNOWN, Index, answer
from hub.dialogue.turn import Passage


def index(name: str) -> Index:
    return Index(
        json.loads(resources.files("fixtures.agents").joinpath(f"{name}.json").read_text("utf-8"))["knowledge"]
    )


CLINIC, SHOP, LEADS = index("clinic"), index("shop"), index("leads")


@pytest.mark.parametrize(
    ("base", "question", "title"),
    [
        (CLINIC, "what time do you close?", "Opening hours"), (CLINIC, "are you open on weekends", "Opening hours"),
        (CLINIC, "how much is a cleaning?", "Price of a cleaning"), (CLINIC, "What does whitening cost", "Price of whitening"),
        (CLINIC, "where are you?", "Location and directions"), (CLINIC, "is there a place to park", "Parking"),
        (CLINIC, "do you accept Cigna?", "Insurance"), (CLINIC, "can I pay with cash", "Payment"),
        (CLINIC, "what happens if I cancel", "Cancellation policy"), (CLINIC, "do you see kids", "Children"),
        (CLINIC, "I'm terrified of dentists", "Fear of the dentist"), (CLINIC, "do you speak spanish", "Languages"),
        (SHOP, "how long do I have to return something", "Returns policy"), (SHOP, "how much is shipping", "Shipping cost"),
        (SHOP, "do you deliver to Canada?", "International shipping"), (SHOP, "is there a guarantee", "Warranty"),
        (SHOP, "can I pay with paypal", "Payment methods"), (SHOP, "do you have gift cards", "Gift cards and gift wrapping"),
        (SHOP, "how do I wash linen", "Washing and care instructions"),
        (LEADS, "what does it cost", "Pricing and plans"), (LEADS, "does it work with xero", "Integrations"),
        (LEADS, "are you gdpr compliant", "Where data is stored, GDPR"), (LEADS, "is there a free trial?", "Free trial"),
        (LEADS, "does the app work offline", "Mobile app, works offline"),
    ],
)  # fmt: skip
def test_the_right_passage_answers(base: Index, question: str, title: str) -> None:
    best = base.search(question, 1)[0]
    assert (best.title, best.score >= KNOWN) == (title, True)


@pytest.mark.parametrize(
    "question",
    ["do you sell pizza?", "who won the world cup", "what is the meaning of life", "can you fix my car", "asdf qwerty",
     "what's the weather like", "tell me about quantum physics", "", "???", "the of and to"],
)  # fmt: skip
@pytest.mark.parametrize("base", [CLINIC, SHOP, LEADS])
def test_what_is_not_known_stays_below_the_threshold(base: Index, question: str) -> None:
    assert all(passage.score < KNOWN for passage in base.search(question))


def test_scores_lie_between_nothing_and_one_and_come_best_first() -> None:
    found = CLINIC.search("price of a cleaning and parking at the clinic", 10)
    scores = [passage.score for passage in found]
    assert scores == sorted(scores, reverse=True)
    assert all(0 < score <= 1 for score in scores)


def test_no_more_than_the_limit_is_given() -> None:
    assert len(CLINIC.search("price", 2)) == 2
    assert list(CLINIC.search("price", 0)) == []


def test_an_empty_base_knows_nothing() -> None:
    assert list(Index([]).search("anything")) == []


def test_of_a_long_passage_the_nearest_sentences_are_said_in_their_order() -> None:
    text = " ".join(f"Rule number {n} is about topic{n}." for n in range(60)) + " Dogs are welcome. Cats are not."
    said = answer(Passage("Rules", text), "are dogs and cats allowed?")
    assert "Dogs are welcome." in said
    assert len(said) <= 420


def test_thousands_of_passages_are_searched_quickly() -> None:
    big = Index(
        [Passage(f"Item {n}", f"The thing{n} costs {n} dollars and is kept in hall {n % 7}.") for n in range(3_000)]
    )
    began = time.process_time()
    for n in range(20):
        assert big.search(f"where is thing{n} kept", 3)[0].title == f"Item {n}"
    assert (time.process_time() - began) / 20 < 0.05
