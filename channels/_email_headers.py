"""Headers of mail as text: encoded words, raw bytes, people, message ids; as robust as mail is broken."""

import base64
import binascii
import quopri
import re
from collections.abc import Iterable
from dataclasses import dataclass

from channels._email_charset import clean, decoded

MOST_PEOPLE = 100
MOST_REFERENCES = 100
_MOST_CHARACTERS = 20_000
_WORD = re.compile(rb"=\?([^?*\s]{1,60})(?:\*[^?\s]{0,40})?\?([bBqQ])\?([^?\r\n]*)\?=")
_ADDRESS = re.compile(r"[^\s@<>()\",;:\\\[\]]{1,200}@[^\s@<>()\",;:\\\[\]]{1,255}")
_ID = re.compile(r"<\s*([^<>\s]{1,500})\s*>")


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody of a From, To or Cc; the address in small letters."""

    address: str
    name: str = ""

    def __str__(self) -> str:
        return f"{self.name} <{self.address}>" if self.name else self.address


class Headers:
    """Name > raw values, in their order; the first of a name counts where only one may be."""

    def __init__(self, pairs: Iterable[tuple[str, bytes]]) -> None:
        self._values: dict[str, list[bytes]] = {}
        for name, value in pairs:
            self._values.setdefault(name.lower(), []).append(value)

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def count(self, name: str) -> int:
        return len(self._values.get(name, []))

    def text(self, name: str) -> str:
        """Decoded, on one line."""
        values = self._values.get(name)
        return " ".join(words(values[0]).split()) if values else ""

    def people(self, name: str) -> list[Person]:
        """Everybody named in all headers of this name."""
        return people(b", ".join(self._values.get(name, [])))

    def ids(self, name: str) -> list[str]:
        """The message ids in it, without their angle brackets, as they stand there."""
        text = clean(b" ".join(self._values.get(name, [])).decode("utf-8", "replace"))
        found = _ID.findall(text)
        return found or [word for word in text.split()[:20] if "@" in word and len(word) <= 500]


def headers_of(block: bytes) -> Headers:
    """Headers out of a block of them, unfolded; lines that are none are passed over."""
    pairs: list[tuple[str, bytes]] = []
    for line in block.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n"):
        if line[:1] in (b" ", b"\t") and pairs:
            pairs[-1] = (pairs[-1][0], pairs[-1][1] + b" " + line.strip())
        elif b":" in line:
            name, _, value = line.partition(b":")
            pairs.append((name.strip().decode("latin-1"), value.strip()))
    return Headers(pairs)


def words(value: bytes) -> str:
    """A header's value: encoded words and raw bytes decoded, neighbours of one charset together."""
    value = value[: 4 * _MOST_CHARACTERS]
    made: list[tuple[bytes, str]] = []
    at, after_word = 0, False
    for match in _WORD.finditer(value):
        between = value[at : match.start()]
        if between.strip() or not after_word:
            made.append((between, ""))
        data, charset = _word(match), match[1].decode("latin-1").lower()
        if after_word and not between.strip() and made and made[-1][1] == charset:
            made[-1] = (made[-1][0] + data, charset)
        else:
            made.append((data, charset))
        at, after_word = match.end(), True
    made.append((value[at:], ""))
    return "".join(decoded(data, charset) for data, charset in made)[:_MOST_CHARACTERS].replace("\n", " ")


def _word(match: re.Match[bytes]) -> bytes:
    text = match[3]
    if match[2] in b"qQ":
        return quopri.decodestring(text.replace(b"_", b"=20"))
    try:
        return base64.b64decode(text + b"=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        return text


def people(value: bytes) -> list[Person]:
    """Everybody in an address header, each once. What stands in angle brackets counts, never what is before them."""
    found: dict[str, Person] = {}
    for entry in _entries(value[:_MOST_CHARACTERS].decode("latin-1")):
        name, bracket, rest = entry.rpartition("<")
        given = rest.partition(">")[0] if bracket else entry
        address = decoded(given.strip(" \t\"'").encode("latin-1")).lower()
        if not _ADDRESS.fullmatch(address):
            inside = _ADDRESS.search(decoded(given.encode("latin-1")).lower())
            address = inside[0] if inside else ""
        if address and address not in found:
            shown = " ".join(words(name.strip().strip('"').encode("latin-1")).split()) if bracket else ""
            found[address] = Person(address, shown.replace('\\"', '"').strip("'\" ")[:200])
        if len(found) >= MOST_PEOPLE:
            break
    return list(found.values())


def _entries(text: str) -> list[str]:
    """The header cut at commas and semicolons that stand outside quotes, brackets and comments, without comments."""
    made: list[str] = []
    now: list[str] = []
    quoted = escaped = bracket = False
    comments = 0
    for at, one in enumerate(text):
        if escaped:
            escaped = False
        elif one == "\\" and (quoted or comments):
            escaped = True
        elif one == '"' and not comments:
            quoted = not quoted and '"' in text[at + 1 :]
        elif quoted:
            pass
        elif one == "(" and not bracket:
            comments += 1
        elif one == ")" and comments:
            comments -= 1
            continue
        elif comments:
            pass
        elif one == "<":
            bracket = True
        elif one == ">":
            bracket = False
        elif one in ",;" and not bracket:
            made.append("".join(now))
            now = []
            continue
        if not comments:
            now.append(one)
    return [entry for entry in [*made, "".join(now)] if entry.strip()]
