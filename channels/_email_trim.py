"""What a person wrote anew in a reply: without quoted history, signatures and the advertising of mail programs.

Lines are looked at, never sentences: what is cut can be unfolded on the page, so in doubt it stays.
"""

import re
from dataclasses import dataclass

from channels import _email_words as known
from channels._email_html import QUOTE_MARK

_MOST_LINES = 5_000
_HEADER_LINES = 8
_ATTRIBUTION_LINES = 5


@dataclass(frozen=True, slots=True)
class Trimmed:
    """`text` is what was written anew, `rest` whether anything was taken away."""

    text: str
    rest: bool


def trimmed(text: str) -> Trimmed:
    """The new part of a mail's text; the whole of it when nothing would be left."""
    lines = text.split("\n")[:_MOST_LINES]
    plain = [line for line in lines if line != QUOTE_MARK]
    whole = "\n".join(plain).strip()
    kept = _without_signature(_answer(_until_history(lines)))
    answer = "\n".join(kept).strip()
    answer = answer or whole
    return Trimmed(re.sub(r"\n{3,}", "\n\n", answer), answer != whole)


def without_marks(text: str) -> str:
    """The whole text, as it is to be unfolded."""
    return text.replace(QUOTE_MARK + "\n", "").replace(QUOTE_MARK, "").strip()


def _until_history(lines: list[str]) -> list[str]:
    """The lines before the quoted history, when what follows it is history to the end."""
    for at, line in enumerate(lines):
        if not _something(lines[:at]):
            if line == QUOTE_MARK or known.separator(line):
                continue
        elif line == QUOTE_MARK or known.separator(line) or _header_block(lines, at) or _rule_of_outlook(lines, at):
            return lines[:at]
        end = _attribution(lines, at)
        if end and _all_quoted(lines[end:]) and (_something(lines[:at]) or any(lines[end:])):
            return lines[:at]
    return lines


def _something(lines: list[str]) -> bool:
    """Whether somebody wrote something there that is no quote."""
    return any(line.strip() and not line.startswith(">") and line != QUOTE_MARK for line in lines)


def _attribution(lines: list[str], at: int) -> int:
    """Where "On Monday, Ana wrote:" that begins here ends, wrapped or not; 0 when it is none."""
    if not known.names_when_or_who(lines[at]) or lines[at].startswith(">"):
        return 0
    joined = ""
    for end in range(at, min(at + _ATTRIBUTION_LINES, len(lines))):
        if not lines[end].strip() or lines[end] == QUOTE_MARK or (end > at and known.introduces(lines[end])):
            return 0
        joined = f"{joined} {lines[end].strip()}".strip()
        if known.attribution(joined, quote_follows=_quote_follows(lines, end + 1)):
            return end + 1
    return 0


def _quote_follows(lines: list[str], at: int) -> bool:
    following = next((line for line in lines[at : at + 3] if line.strip()), "")
    return following.startswith((">", QUOTE_MARK))


def _all_quoted(lines: list[str]) -> bool:
    """Whether nothing new stands among the quotes: only quotes, or text without any quote mark at all."""
    marked = [line for line in lines if line.strip() and line != QUOTE_MARK]
    quoted = [line.startswith(">") for line in marked]
    if not any(quoted):
        return True
    last = len(quoted) - 1 - quoted[::-1].index(True)
    return all(_is_quote_or_wrap(marked, i) for i in range(last)) and not _new_text(marked[last + 1 :])


def _is_quote_or_wrap(lines: list[str], at: int) -> bool:
    """A quoted line, or the broken-off end of one."""
    if lines[at].startswith(">"):
        return True
    around = at > 0 and lines[at - 1].startswith(">") and lines[at + 1].startswith(">")
    return around and len(lines[at]) < 30 and not lines[at].rstrip().endswith((".", "!", "?"))


def _new_text(lines: list[str]) -> bool:
    return bool("".join(_without_signature([*lines])).strip())


def _header_block(lines: list[str], at: int) -> bool:
    """From, Sent, To and Subject of a quoted mail, in any order and in one of many languages."""
    if not (known.header_name(lines[at], "from") or known.header_name(lines[at], "other")):
        return False
    block = [line for line in lines[at : at + _HEADER_LINES] if line.strip()]
    named = sum(known.header_name(line, "from") or known.header_name(line, "other") for line in block)
    return named >= 3 and any(known.header_name(line, "from") for line in block)


def _rule_of_outlook(lines: list[str], at: int) -> bool:
    rule = re.fullmatch(r"\s*(_{10,}|-{10,}|\*{10,})\s*", lines[at]) or known.original(lines[at])
    following = [offset for offset in range(at + 1, min(at + 4, len(lines))) if lines[offset].strip()]
    return bool(rule and following and _header_block(lines, following[0]))


def _answer(lines: list[str]) -> list[str]:
    """Without quotes that stand wholly before or after the answer; answers between quotes keep them."""
    quoted = [at for at, line in enumerate(lines) if line.startswith(">")]
    if not quoted:
        return [line for line in lines if line != QUOTE_MARK]
    first, last = quoted[0], quoted[-1]
    before, between, after = lines[:first], lines[first : last + 1], lines[last + 1 :]
    begin = next((at for at in range(first) if _attribution(lines, at)), None)
    if begin is not None and not _something(before[:begin]):
        before = before[_attribution(lines, begin) :]
    interleaved = _something([line for at, line in enumerate(between[:-1]) if not _is_quote_or_wrap(between, at)])
    if interleaved or (_something(before) and _new_text(after)):
        return [line for line in [*before, *between, *after] if line != QUOTE_MARK]
    return before if _something(before) else after


def _without_signature(lines: list[str]) -> list[str]:
    """Without what follows "-- ", and without what the program adds of itself at the end."""
    for at, line in enumerate(lines):
        if line in ("-- ", "--", "—", "-- \u200b", "--\u00a0") and _something(lines[:at]) and len(lines) - at < 30:
            lines = lines[:at]
            break
    while lines:
        last = lines[-1].strip()
        if not last or known.advertising(last) or re.fullmatch(r"[-_*=]{2,}", last):
            lines = lines[:-1]
            continue
        break
    for at in range(max(0, len(lines) - 12), len(lines)):
        if known.advertising(lines[at].strip()) and not any(line.strip() and not _of_signature(line)
                                                            for line in lines[at + 1 :]):  # fmt: skip
            return _without_signature(lines[:at])
    return lines


def _of_signature(line: str) -> bool:
    """A link, a number or another line of advertising below it."""
    return bool(known.advertising(line.strip()) or re.fullmatch(r"\s*(<?https?://\S+>?|[+\d][\d ()/-]{6,})\s*", line))
