"""What differs between two definitions, as people read it."""

from typing import Any

import pytest

from hub.differences import MOST_LINES, differences

STAGES = [{"id": "start", "text": "Hello"}, {"id": "ask", "text": "What is it?"}, {"id": "end", "text": "Bye"}]


def told(old: dict[str, Any], new: dict[str, Any]) -> list[tuple[str, str]]:
    return [(".".join(one.path), one.kind) for one in differences(old, new)]


def test_the_same_has_no_difference() -> None:
    assert differences({"name": "Maya", "flow": {"stages": STAGES}}, {"name": "Maya", "flow": {"stages": STAGES}}) == []


def test_a_text_is_compared_line_by_line() -> None:
    (found,) = differences({"prompt": "Be kind.\nBe long.\nEnd."}, {"prompt": "Be kind.\nBe brief.\nEnd."})
    assert found.lines == (("same", "Be kind."), ("removed", "Be long."), ("added", "Be brief."), ("same", "End."))


def test_of_a_long_text_only_the_surroundings_of_a_change_are_shown() -> None:
    lines = [f"line {n}" for n in range(100)]
    (found,) = differences({"prompt": "\n".join(lines)}, {"prompt": "\n".join([*lines[:50], "new", *lines[50:]])})
    assert [kind for kind, _ in found.lines] == ["skipped", "same", "same", "added", "same", "same", "skipped"]
    assert found.lines[0] == ("skipped", "48 lines that are the same")


def test_a_text_beyond_measure_is_not_compared_for_ever() -> None:
    old, new = "\n".join("ab" for _ in range(MOST_LINES * 20)), "\n".join("ba" for _ in range(MOST_LINES * 20))
    (found,) = differences({"prompt": old}, {"prompt": new})
    assert len(found.lines) == 2 * MOST_LINES


def test_a_step_put_in_between_changes_nothing_behind_it() -> None:
    new = [STAGES[0], {"id": "extra", "text": "One more"}, *STAGES[1:]]
    assert told({"flow": {"stages": STAGES}}, {"flow": {"stages": new}}) == [("flow.stages.extra", "added")]


def test_a_step_that_is_gone_and_one_that_says_something_else_are_told_by_name() -> None:
    new = [STAGES[0] | {"text": "Hi"}, STAGES[2]]
    found = told({"flow": {"stages": STAGES}}, {"flow": {"stages": new}})
    assert found == [("flow.stages.start.text", "changed"), ("flow.stages.ask", "removed")]


def test_another_order_is_told_as_such() -> None:
    found = told({"stages": STAGES}, {"stages": [STAGES[1], STAGES[0], STAGES[2]]})
    assert found == [("stages", "reordered")]


def test_entries_without_a_name_are_told_by_their_place() -> None:
    old = [{"to": "a", "on": "always"}, {"to": "b", "on": "always"}]
    assert told({"ways": old}, {"ways": [{"to": "new"}, *old]}) == [("ways.1", "added")]
    assert told({"ways": old}, {"ways": [old[0], old[1] | {"to": "c"}]}) == [("ways.2.to", "changed")]


def test_words_of_a_list_are_compared_like_lines() -> None:
    (found,) = differences({"keywords": ["Ruiz", "Delta"]}, {"keywords": ["Ruiz", "Oak"]})
    assert found.lines == (("same", "Ruiz"), ("removed", "Delta"), ("added", "Oak"))


@pytest.mark.parametrize(("old", "new"), [(None, "Hello"), ("Hello", None), (1, 2), (True, 1), ([], [{"id": "x"}])])
def test_a_value_that_becomes_another_is_one_difference(old: object, new: object) -> None:
    assert len(differences({"x": old}, {"x": new})) == 1
