"""What was said while the recording paused, and what of it must not be written in the rest of the call."""

from typing import Any

from hub.core.live.withheld import NOT_KEPT, Withheld


def paused() -> Withheld:
    withheld = Withheld()
    withheld.begin(1_000)
    withheld.learn("My card is 4111 1111-1111 1111, code 123")
    withheld.learn("Sally", "holder")
    withheld.end(9_000)
    return withheld


def test_what_was_said_at_least_partly_in_a_pause_is_withheld() -> None:
    withheld = paused()
    spans = [(0, 999), (500, 1_500), (2_000, 3_000), (8_000, 10_000), (9_001, 9_500)]
    assert [withheld.covers(*span) for span in spans] == [False, True, True, True, False]
    withheld.begin(20_000)
    assert withheld.covers(25_000, 26_000)


def test_a_long_number_is_hidden_for_good_however_it_is_written() -> None:
    hide = paused().hide
    assert hide("It is 4111111111111111.") == "It is ••••."
    assert hide({"a": ["4111 1111 1111 1111", 4111111111111111, 17, True, None]}) == {
        "a": ["••••", "••••", 17, True, None]
    }
    assert hide("At 12:30 on 2026-11-27, room 123") == "At 12:30 on 2026-11-27, room 123"


def test_a_field_found_out_in_a_pause_is_named_and_its_value_is_not() -> None:
    withheld = paused()
    assert withheld.hide({"holder": "Sally", "day": "Monday"}) == {"holder": NOT_KEPT, "day": "Monday"}


def test_a_memory_is_kept_without_it_so_that_it_is_asked_for_again() -> None:
    state: dict[str, Any] = {"fields": {"holder": "Sally", "day": "Monday"}, "proposed": "4111111111111111"}
    assert paused().without(state) == {"fields": {"day": "Monday"}, "proposed": "••••"}
    assert state["fields"]["holder"] == "Sally"


def test_without_a_pause_nothing_is_touched() -> None:
    value = {"number": "4111111111111111"}
    assert Withheld().hide(value) is value
