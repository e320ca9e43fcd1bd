"""One spelling of an identity, whatever was written."""

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.identity import NotAnIdentity, normal


@pytest.mark.parametrize(
    ("kind", "value", "region", "expected"),
    [
        ("phone", "+12025550101", "US", "+12025550101"),
        ("phone", " +1 (202) 555-0101 ", "US", "+12025550101"),
        ("phone", "(202) 555-0101", "US", "+12025550101"),
        ("phone", "0171 2345678", "DE", "+491712345678"),
        ("phone", "12345", "US", "12345"),
        ("whatsapp", "whatsapp:+12025550101", "US", "+12025550101"),
        ("email", " Ana@Example.COM ", "US", "ana@example.com"),
        ("visitor", " 7a6e ", "US", "7a6e"),
    ],
)
def test_the_one_spelling(kind: str, value: str, region: str, expected: str) -> None:
    assert normal(kind, value, region) == expected


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("phone", ""), ("phone", "  "), ("phone", "ana"), ("phone", "+1"), ("phone", "+" + "1" * 400),
        ("phone", "+1202555010101010101"), ("email", "ana"), ("email", "@example.com"), ("email", "ana@localhost"),
        ("email", "a b@example.com"), ("visitor", ""),
        ("crm", "x" * 321),
    ],
)  # fmt: skip
def test_what_is_none_is_refused_with_a_reason(kind: str, value: str) -> None:
    with pytest.raises(NotAnIdentity, match=r"\w+ \w+"):
        normal(kind, value)


@given(st.sampled_from(sorted(phonenumbers.SUPPORTED_REGIONS)))
def test_every_way_of_writing_a_number_is_one_number(region: str) -> None:
    example = phonenumbers.example_number(region)
    if example is None:
        return
    written = {
        normal("phone", phonenumbers.format_number(example, form), region)
        for form in (
            phonenumbers.PhoneNumberFormat.E164,
            phonenumbers.PhoneNumberFormat.INTERNATIONAL,
        )
    }
    assert written == {phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)}


@given(st.sampled_from(["phone", "email", "whatsapp", "visitor", "crm"]), st.text(max_size=60))
def test_the_one_spelling_is_its_own_spelling(kind: str, value: str) -> None:
    try:
        once = normal(kind, value)
    except NotAnIdentity:
        return
    assert normal(kind, once) == once
