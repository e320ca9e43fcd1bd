"""Names, phone numbers and e-mail addresses in what people say."""

# ruff: noqa: E501 - patterns read better in one piece

import re
from functools import lru_cache

from hub.dialogue.numbers import spoken_digits
from hub.dialogue.text import Found, Problem, fold, title_case

_EMAIL = re.compile(r"[A-Za-z0-9._%+'-]{1,64}@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,62})\.){1,8}[A-Za-z]{2,24}\b")
_SPOKEN_AT = re.compile(r"\s+(?:at|\(at\)|\[at\])\s+|\s*@\s*", re.IGNORECASE)
_SPOKEN_DOT = re.compile(
    r"\s+(?:dot|point)\s+|\s*\.\s*(?=(?:com|net|org|io|co|edu|gov|info|[a-z]{2})\b)", re.IGNORECASE
)
_PHONE = re.compile(r"(?<![\w.@/-])(?:\+|00)?\(?\d(?:[ ()./-]{0,2}\d){5,17}(?!\w|[:/]\d)")
_PHONE_WORD = re.compile(r"\b(?:phone|number|cell|mobile|call|text|reach|tel|telephone|whatsapp)\b", re.IGNORECASE)

_PERSON = r"[^\W\d_]+(?:['.-][^\W\d_]+)*\.?"
_FULL = rf"(?P<name>{_PERSON}(?: {_PERSON}){{0,3}})"
_INTRODUCED = re.compile(
    rf"\b(?:my (?:full |first |last )?name(?:'s| is| was|:)?|(?:the )?name(?:'s| is|:)|(?:you can |please )?call me|"
    rf"(?:it's|it is|book(?:ed)? (?:it |that )?(?:for|under)|put (?:it )?(?:under|down as)|under the name(?: of)?))"
    rf" (?:actually |really |not \S+ but )?{_FULL}",
    re.IGNORECASE,
)
_I_AM = re.compile(rf"\b(?:i'm|i am|im|this is|it's|i’m|here is)(?: called)? {_FULL}", re.IGNORECASE)
_SIGNED = re.compile(rf"(?:^|[.!?,\n] ?){_FULL} here\b", re.IGNORECASE)
_FOR = re.compile(r"\b(?:for|under|name(?:d)?) (?P<name>[A-Z][a-z'-]+(?: [A-Z]\.)?(?: [A-Z][\w'-]+){1,2})")
_LEAD = re.compile(
    r"^(?:(?:hi|hello|hey|sure|yes|yeah|yep|ok|okay|well|oh|of course|certainly|no problem|um+|uh+|er+|so|it's|it is|"
    r"this is|i'm|i am|the name is|name is|that's|that would be|just|please|sorry|no|actually|you can put|put)[,.!:]* )+",
    re.IGNORECASE,
)
_TAIL = re.compile(
    r"[,. ]+(?:please|thanks|thank you|here|by the way|if (?:that|it)'?s ok(?:ay)?)[.! ]*$", re.IGNORECASE
)

NOT_NAMES = frozenset(
    """a able about actually afraid after again agent all alright also always am an and another any anyone
        anything appointment are as asap ask asking at available away back bad be because been before best
        better bit book booking both bot busy but by bye call calling can cancel car care change check
        checking cleaning cool could curious day did do does doing done don't during each email every
        everything fine first for free friday from full get getting glad go going gonna good goodbye got
        great had happy has have having he hello help her here hey hi him his hoping hours how however human
        hurt i if in indeed information insurance interested into invalid is it its it's just keen know last
        late later let like little long looking lot lots lovely machine make maybe me monday more morning
        much my name need needs never new next nice no nobody none nope not nothing now number of off ok
        okay old on one only open or order our out over pain parking patient pay person phone please
        possible price problem question ready real really regular reschedule return right robot running sad
        same saturday schedule see seeing send she shipping should sick skip so some someone something
        somewhere soon sorry speak still stop stuck sunday sure talk talking tell terrible test testing than
        thank thanks that that's the their them then there these they thing think this those thursday time
        tired to today tomorrow too toothache trying tuesday ugh under unsure until up urgent us used using
        very visit visiting wait waiting want wanted wanting was we wednesday week well were what what's
        when where which who whole why will wish with without wondering work working would wrong yeah yep
        yes yesterday yet you your new afternoon evening am pm whatever whenever anytime around half past
        quarter i'm i'd i'll isn't won't can't confused annoyed angry upset scared nervous anxious hungry
        excited pleased surprised concerned worried wondering based located from calling writing reaching
        contacting texting messaging ringing only mainly mostly purely especially currently previously""".split()  # noqa: SIM905
)


def find_email(raw: str) -> Found | None:
    """An address; also as people say it aloud: "ana at example dot com"."""
    match = _EMAIL.search(raw)
    if match:
        return Found(match[0].lower(), match.start(), match.end())
    low = raw.lower()
    if " dot " not in low and " at " not in low and "@ " not in low and " @" not in low:
        return None
    joined = _SPOKEN_DOT.sub(".", _SPOKEN_AT.sub("@", raw))
    match = _EMAIL.search(joined)
    return Found(match[0].lower(), 0, len(raw), sure="@" in raw or " dot " in low) if match else None


def email_problem(raw: str) -> Problem | None:
    """What is wrong with something that was meant as an address."""
    if "@" not in raw:
        return None
    return Problem("That address doesn't look complete. It should be something like ana@example.com.")


def find_phone(raw: str, region: str, *, asked: bool) -> Found | Problem | None:
    """A phone number in E.164. Numbers no longer than an order number count only when asked for or named."""
    text = raw
    if asked and not any(char.isdigit() for char in raw):
        text = spoken_digits(raw)
        if sum(char.isdigit() for char in text) < 5:
            return None
        text = re.sub(r"(?<=\d)\s+(?=\d)", "", text)
    worst: Problem | None = None
    for match in _PHONE.finditer(text):
        number = e164(match[0], region)
        digits = sum(char.isdigit() for char in match[0])
        named = asked or match[0].startswith(("+", "00", "(")) or bool(_PHONE_WORD.search(raw)) or digits >= 10
        if number and named:
            return Found(number, match.start(), match.end()) if text is raw else Found(number, 0, len(raw))
        if asked and not number:
            worst = Problem(_phone_problem(digits))
    digits = sum(char.isdigit() for char in text)
    if asked and worst is None and digits >= 3 and ":" not in text and not re.search(r"[ap]m\b", text):
        worst = Problem(_phone_problem(digits))
    return worst


def _phone_problem(digits: int) -> str:
    fault = "seems a few digits short" if digits < 9 else "has too many digits" if digits > 12 else "doesn't look right"
    return f"That phone number {fault}. Could you send it again, with the area code?"


@lru_cache(2048)
def e164(written: str, region: str) -> str:
    """A written number as +1..., or "" when it cannot be one."""
    import phonenumbers

    if written.startswith("00"):
        written = "+" + written[2:]
    try:
        number = phonenumbers.parse(written, region)
    except phonenumbers.NumberParseException:
        return ""
    if phonenumbers.is_possible_number_with_reason(number) != phonenumbers.ValidationResult.IS_POSSIBLE:
        return ""
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


@lru_cache(2048)
def phone_spoken(number: str, region: str) -> str:
    """A number as people there write it: (212) 555-0123 at home, +49 30 123456 abroad."""
    import phonenumbers

    try:
        parsed = phonenumbers.parse(number, None)
    except phonenumbers.NumberParseException:
        return number
    home = phonenumbers.country_code_for_region(region) == parsed.country_code
    style = phonenumbers.PhoneNumberFormat.NATIONAL if home else phonenumbers.PhoneNumberFormat.INTERNATIONAL
    return phonenumbers.format_number(parsed, style)


def find_name(raw: str, *, asked: bool) -> Found | None:
    """A person's name: introduced ("I'm Ana Ruiz"), or on its own when it was asked for."""
    for pattern in (_INTRODUCED, _I_AM, _SIGNED, _FOR):
        for match in pattern.finditer(raw):
            careful = pattern is not _INTRODUCED or not re.match(
                r"my|call|the|name|you|please", match[0], re.IGNORECASE
            )
            found = _trim(match["name"], match.start("name"), careful=careful and not asked, capital=careful)
            if found:
                return found
    return _bare_name(raw) if asked else None


def _trim(name: str, start: int, *, careful: bool, capital: bool = False) -> Found | None:
    """The leading words that can be a name; where in doubt they must be capitalised or stand alone."""
    kept: list[str] = []
    for word in name.split(" "):
        if fold(word).strip(".'") in NOT_NAMES or (kept and capital and kept[0][0].isupper() and word[0].islower()):
            break
        kept.append(word)
        if word.endswith(".") and len(word) > 3:
            break
    if not kept:
        return None
    text = " ".join(kept).rstrip(".")
    alone = len(kept) == len(name.split(" "))
    if careful and not (kept[0][0].isupper() or (alone and len(kept) <= 2)):
        return None
    if not kept[0][0].isupper() and len(kept) < len(name.split(" ")) and careful:
        return None
    return Found(title_case(text), start, start + len(text))


def _bare_name(raw: str) -> Found | None:
    line = next((line for line in raw.split("\n") if line.strip()), "")
    offset = raw.find(line)
    lead = _LEAD.match(line)
    begin = lead.end() if lead else 0
    rest = _TAIL.sub("", line[begin:])
    rest = re.split(r"[,;:!?(]| - |(?<=\w{4})\. ", rest, maxsplit=1)[0].strip().rstrip(".")
    parts = rest.split()
    if not 1 <= len(parts) <= 5 or len(rest) > 60 or any(char.isdigit() for char in rest) or "?" in line:
        return None
    if any(fold(part).strip(".'") in NOT_NAMES for part in parts) or not re.fullmatch(
        rf"{_PERSON}(?: {_PERSON})*\.?", rest
    ):
        return None
    start = offset + begin
    return Found(title_case(rest), start, start + len(rest), sure=False)
