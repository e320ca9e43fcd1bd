"""Nasty mail: everything is read as far as it goes or refused with a reason, and nothing stops the reading of mail."""

import time

from channels._email_letter import Letter, read_letter
from channels._email_mime import Unreadable
from fixtures.email.corpus import Nasty, bodies
from hub.channel import Refused
from hub.storable import storable

NASTY = list(bodies())


def outcome(nasty: Nasty) -> Letter | str:
    try:
        return read_letter(nasty.content_type, nasty.body)
    except (Refused, Unreadable) as error:
        return str(error) or "without a word"


def complaint(nasty: Nasty) -> str:
    """What is wrong with how it was read; empty when nothing is."""
    began = time.process_time()
    made = outcome(nasty)
    took = time.process_time() - began
    if took > 5:
        return f"took {took:.1f} s"
    if isinstance(made, str):
        return "" if nasty.refused and len(made) > 15 else f"refused: {made}"
    if nasty.refused:
        return "was read"
    if nasty.says not in made.text:
        return f"says {made.text[:80]!r}, not {nasty.says!r}"
    told = [
        made.text,
        made.html,
        made.subject,
        *made.recipients,
        *made.answers,
        made.sender.name,
        *(f.name for f in made.files),
    ]
    if any(storable(text) != text for text in told) or storable(dict(made.mail)) != dict(made.mail):
        return "holds what no database keeps"
    if not (0 < len(made.id) <= 500 and "@" in made.sender.address):
        return f"id {made.id[:40]!r}, sender {made.sender.address[:40]!r}"
    return ""


def test_there_are_many_and_each_has_a_name_of_its_own() -> None:
    assert len(NASTY) >= 300
    assert len({nasty.name for nasty in NASTY}) == len(NASTY)


def test_every_nasty_mail_is_read_or_refused_with_a_reason() -> None:
    wrong = {}
    for nasty in NASTY:
        try:
            told = complaint(nasty)
        except Exception as error:
            told = f"raised {type(error).__name__}: {error}"
        if told:
            wrong[nasty.name] = told
    assert not wrong, "\n".join(f"{name}: {told}" for name, told in wrong.items())
