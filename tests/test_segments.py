"""Counting and cutting texts, against a second opinion written from the tables of 3GPP TS 23.038."""

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from hub.segments import GSM_BASIC, GSM_EXTENSION, measure, split

# By code point, as the standard prints its tables (6.2.1 and 6.2.1.1), not as the hub spells them.
BASIC = {
    *range(0x20, 0x5B), 0x5F, *range(0x61, 0x7B), 0x0A, 0x0D,
    0xA1, 0xA3, 0xA4, 0xA5, 0xA7, 0xBF, 0xC4, 0xC5, 0xC6, 0xC7, 0xC9, 0xD1, 0xD6, 0xD8, 0xDC, 0xDF,
    0xE0, 0xE4, 0xE5, 0xE6, 0xE8, 0xE9, 0xEC, 0xF1, 0xF2, 0xF6, 0xF8, 0xF9, 0xFC,
    0x393, 0x394, 0x398, 0x39B, 0x39E, 0x3A0, 0x3A3, 0x3A6, 0x3A8, 0x3A9,
} | {ord("@")}  # fmt: skip
EXTENDED = {0x0C, 0x5B, 0x5C, 0x5D, 0x5E, 0x7B, 0x7C, 0x7D, 0x7E, 0x20AC}

gsm = st.text(alphabet=[chr(point) for point in sorted(BASIC | EXTENDED)], max_size=700)
anything = st.text(max_size=400).map(lambda text: unicodedata.normalize("NFC", text))


def counted(text: str) -> tuple[str, int]:
    """Encoding and segments, by laying the units of the text into segments one by one."""
    points = [ord(character) for character in text]
    if all(point in BASIC | EXTENDED for point in points):
        encoding, alone, joined = "GSM-7", 160, 153
        units = [b"xx" if point in EXTENDED else b"x" for point in points]
    else:
        encoding, alone, joined = "UCS-2", 70, 67
        units = [b"x" * (len(character.encode("utf-16-be")) // 2) for character in text]
    if sum(map(len, units)) <= alone:
        return encoding, 1 if text else 0
    segments = [b""]
    for unit in units:
        if len(segments[-1] + unit) > joined:
            segments.append(b"")
        segments[-1] += unit
    return encoding, len(segments)


def test_the_tables_are_the_standards() -> None:
    assert {ord(character) for character in GSM_BASIC} == BASIC
    assert {ord(character) for character in GSM_EXTENSION} == EXTENDED


@given(gsm)
def test_gsm_texts_cost_what_the_standard_says(text: str) -> None:
    found = measure(text)
    assert (found.encoding, found.segments) == counted(text)


@given(anything)
def test_any_text_costs_what_the_standard_says(text: str) -> None:
    found = measure(text)
    assert (found.encoding, found.segments) == counted(text)


@given(gsm)
def test_what_is_left_is_what_still_fits(text: str) -> None:
    found = measure(text)
    assert measure(text + "x" * found.left).segments == max(found.segments, 1 if found.left else 0)
    assert measure(text + "x" * (found.left + 1)).segments == max(found.segments, 1) + 1 or found.segments == 1


def test_the_edges_of_one_and_two_segments() -> None:
    assert [measure("x" * n).segments for n in (0, 1, 160, 161, 306, 307)] == [0, 1, 1, 2, 2, 3]
    assert [measure("€" * n).segments for n in (80, 81)] == [1, 2]
    assert [measure("ж" * n).segments for n in (70, 71, 134, 135)] == [1, 2, 2, 3]
    assert [measure("😀" * n).segments for n in (35, 36, 66, 67)] == [1, 2, 2, 3]
    assert measure("x" * 152 + "€" + "x" * 152).segments == 3


@given(st.text(max_size=2000), st.integers(1, 400))
def test_a_cut_text_keeps_its_words_in_order_and_its_parts_short(text: str, over: int) -> None:
    parts = split(text, over)
    assert all(len(part) <= over for part in parts)
    assert "".join("".join(parts).split()) == "".join(text.split())


def test_a_text_is_cut_at_sentence_ends_where_it_can_be() -> None:
    assert split("One two. Three four! Five?", 12) == ["One two.", "Three four!", "Five?"]
    assert split("short", 320) == ["short"]
    assert split("abcdefgh", 3) == ["abc", "def", "gh"]
