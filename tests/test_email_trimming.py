"""Replies of common mail programs: what was written anew is shown, history and advertising are folded away.

Each file of fixtures/email/replies is a mail's text, or page, and what a person says is new in it.
"""

from pathlib import Path

import pytest

from channels._email_html import text_of
from channels._email_trim import trimmed, without_marks

REPLIES = sorted(Path("fixtures/email/replies").glob("*.*"))
SHARE = 0.95
KNOWN_WRONG: set[str] = set()


def read(path: Path) -> tuple[str, str]:
    """The mail's text, and what is new in it."""
    mail, _, expected = path.read_text("utf-8").partition("\n======== expected\n")
    return text_of(mail) if path.suffix == ".html" else mail, expected.rstrip("\n")


def test_there_are_replies_of_many_programs_and_languages() -> None:
    assert len(REPLIES) >= 60


def test_replies_are_trimmed_as_a_person_would_and_none_is_empty() -> None:
    wrong = {}
    for path in REPLIES:
        mail, expected = read(path)
        made = trimmed(mail)
        assert made.text.strip(), path.name
        assert made.rest == (made.text != without_marks(mail)), path.name
        if made.text != expected:
            wrong[path.name] = f"{made.text!r}\n     not {expected!r}"
    assert len(REPLIES) - len(wrong) >= SHARE * len(REPLIES), "\n".join(f"{name}: {why}" for name, why in wrong.items())


@pytest.mark.parametrize("path", [path for path in REPLIES if path.stem not in KNOWN_WRONG], ids=lambda path: path.stem)
def test_a_reply_is_trimmed(path: Path) -> None:
    mail, expected = read(path)
    assert trimmed(mail).text == expected


def test_what_a_person_wrote_is_never_lost() -> None:
    """Whatever is cut can be unfolded: the whole text is kept, but for the marks of where quotes begin."""
    for path in REPLIES:
        mail, _ = read(path)
        for line in trimmed(mail).text.split("\n"):
            assert line.strip() in without_marks(mail), path.name
