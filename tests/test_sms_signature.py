"""Signatures: the vectors of Twilio's own SDK, and what real requests look like."""

import asyncio
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels._twilio import Account
from hub.channel import Hook, Refused
from tests.world import signed

TOKEN = "12345"
URL = "https://mycompany.com/myapp.php?foo=1&bar=2"
FORM = {
    "CallSid": "CA1234567890ABCDE", "Digits": "1234", "From": "+14158675309", "To": "+18005551212",
    "Caller": "+14158675309",
}  # fmt: skip
HTTP = URL.replace("https", "http")


def believed(url: str, body: str, signature: str, *tokens: str) -> bool:
    now, before = (*(tokens or (TOKEN,)), "")[:2]
    account = Account({"TWILIO_AUTH_TOKEN": now, "TWILIO_AUTH_TOKEN_PREVIOUS": before})
    try:
        account.verify(Hook("POST", url, {"x-twilio-signature": signature}, body.encode()))
    except Refused as refused:
        return refused.status != 403
    return True


@pytest.mark.parametrize(
    ("url", "signature"),
    [
        (URL, "RSOYDt4T1cUTdK1PDd93/VVr8B8="),
        (URL.replace(".com", ".com:1234"), "RSOYDt4T1cUTdK1PDd93/VVr8B8="),
        (HTTP.replace(".com", ".com:1234"), "Zmvh+3yNM1Phv2jhDCwEM3q5ebU="),
        (URL, "kvajT1Ptam85bY51eRf/AJRuM3w="),
        (HTTP, "0ZXoZLH/DfblKGATFgpif+LLRf4="),
    ],
    ids=["as it is", "a port that was not signed", "a port over HTTP", "443 signed", "80 signed"],
)  # fmt: skip
def test_the_sdks_own_vectors_are_believed(url: str, signature: str) -> None:
    assert believed(url, urlencode(FORM), signature)
    assert not believed(url.replace("foo=1", "foo=2"), urlencode(FORM), signature)
    assert not believed(url, urlencode({**FORM, "Digits": "1235"}), signature)


def test_repeated_names_are_signed_as_the_sdk_signs_them() -> None:
    body = "Sid=CA123&SidAccount=AC123&Digits=5678&Digits=1234"
    assert believed(URL, body, "IK+Dwps556ElfBT0I3Rgjkr1wJU=")
    assert not believed(URL, "Sid=CA123&SidAccount=AC123&Digits=5678", "IK+Dwps556ElfBT0I3Rgjkr1wJU=")


def test_the_last_of_repeated_names_counts() -> None:
    url, pairs = "https://hub.example/hooks/sms", [("Body", "first"), ("Body", "second")]
    from twilio.request_validator import RequestValidator

    class Several(dict[str, str]):
        def getall(self, name: str) -> list[str]:
            return [value for key, value in pairs if key == name]

    signature = RequestValidator(TOKEN).compute_signature(url, Several(pairs))
    account = Account({"TWILIO_AUTH_TOKEN": TOKEN})
    hook = Hook("POST", url, {"x-twilio-signature": signature}, urlencode(pairs).encode())
    assert account.verify(hook) == {"Body": "second"}


@pytest.mark.parametrize("text", ["Grüße aus Köln", "صباح الخير", "👩‍👧‍👦 hi", "a+b c%20d&e=f", "line\nbreak", "", " "])
def test_any_text_is_signed_as_it_was_written(text: str) -> None:
    form = {**FORM, "Body": text}
    headers = signed(URL, form, TOKEN)
    assert believed(URL, urlencode(form), headers["x-twilio-signature"])


@given(st.dictionaries(st.text(min_size=1, max_size=8), st.text(max_size=20), min_size=1, max_size=8))
def test_any_form_is_believed_when_signed_and_not_after_a_change(form: dict[str, str]) -> None:
    form = {clean(name): clean(value) for name, value in form.items()}
    signature = signed(URL, form, TOKEN)["x-twilio-signature"]
    assert believed(URL, urlencode(form), signature)
    name = next(iter(form))
    assert not believed(URL, urlencode({**form, name: form[name] + "x"}), signature)


def clean(text: str) -> str:
    return text.encode("utf-8", "ignore").decode()


@given(st.integers(0, 27), st.integers(0, 7))
def test_one_flipped_bit_is_enough_to_be_refused(at: int, bit: int) -> None:
    signature = bytearray(b"RSOYDt4T1cUTdK1PDd93/VVr8B8=")
    signature[at] ^= 1 << bit
    assert not believed(URL, urlencode(FORM), signature.decode("latin-1"))


def test_both_tokens_are_believed_during_a_rotation() -> None:
    old = signed(URL, FORM, "old")["x-twilio-signature"]
    assert believed(URL, urlencode(FORM), old, "new", "old")
    assert not believed(URL, urlencode(FORM), old, "new")


def test_a_get_request_is_signed_by_its_url_alone() -> None:
    signature = signed(URL, {}, TOKEN)["x-twilio-signature"]
    account = Account({"TWILIO_AUTH_TOKEN": TOKEN})
    assert account.verify(Hook("GET", URL, {"x-twilio-signature": signature})) == {}


def test_a_channel_that_is_not_configured_refuses_kindly() -> None:
    from channels.sms import Sms

    with pytest.raises(Refused, match="set TWILIO_AUTH_TOKEN"):
        asyncio.run(Sms({}).receive(Hook("POST", URL, {"x-twilio-signature": "x"}, b"")))
