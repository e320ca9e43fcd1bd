"""How an interaction went as a whole, by rules: a summary, the customer's mood, whether it was a success."""

from collections.abc import Mapping, Sequence
from typing import Any

from hub.dialogue.intents import wants_human
from hub.dialogue.phrasing import humane
from hub.dialogue.results import Extraction, Line, Sentiment, Story, Success, Taken
from hub.dialogue.text import fold, sentences, words

_GOOD = frozenset(
    """
    great good perfect excellent wonderful lovely thanks thank appreciate happy glad awesome amazing fantastic
    nice brilliant helpful love pleased super delighted cheers fine gracias perfecto genial excelente danke
    prima toll wunderbar merci parfait
    """.split()  # noqa: SIM905
)
_BAD = frozenset(
    """
    bad terrible awful horrible angry annoyed frustrated frustrating ridiculous unacceptable worst useless
    disappointed disappointing upset furious broken damaged wrong late complaint complain rude hate
    unhappy scam disgusting waste waited problem fed sick mal enfadado schlecht kaputt wuetend enttauscht
    furchtbar unverschamt inacceptable nul decu colere mauvais
    """.split()  # noqa: SIM905
)
_STRONG = frozenset(
    """
    ridiculous unacceptable furious worst terrible awful horrible disgusting useless inacceptable unverschamt
    """.split()  # noqa: SIM905
)
_NOT = frozenset(
    """
    not no never don't isn't wasn't didn't hardly nicht kein nunca pas
    """.split()  # noqa: SIM905
)
_FAINT = frozenset(
    """
    thanks thank merci danke gracias good fine nice late problem wrong broken damaged
    """.split()  # noqa: SIM905
)
"""Words of politeness, or of what it is about: they say little of the mood."""
_PAINS = frozenset({"pain", "pains", "toothache", "headache", "ache"})
_CLEAR = 0.75
_NO_TALK = {
    "no_answer": "Nobody answered.", "busy": "The line was busy.", "voicemail": "An answering machine took it.",
    "canceled": "It was canceled before it began.", "unreachable": "They could not be reached.",
    "expired": "It was not tried in time.", "failed": "It failed.",
}  # fmt: skip
_ENDS = {
    "goodbye": "It ended with a goodbye.",
    "customer_hangup": "The customer hung up.",
    "agent_hangup": "The agent ended it.",
    "operator_hangup": "An operator ended it.",
    "transfer": "It was transferred.",
    "silence": "The customer was silent.",
    "idle": "The customer wrote no more.",
    "max_duration": "The longest time allowed was over.",
    "error": "It broke off.",
}
_MOST_QUOTED = 160
_MOST_NOTED = 8
_VERBS = {"call": "called", "web_call": "called", "email": "wrote", "sms": "wrote", "whatsapp": "wrote"}


def judged(story: Story, values: Mapping[str, Taken]) -> Extraction:
    """The extraction of these values, with all that is said of the whole."""
    success, why = succeeded(story, values)
    summary = summed_up(story, values) if story.summary else ""
    return Extraction(values, summary, mood(story.lines), success, why)


def succeeded(story: Story, values: Mapping[str, Taken]) -> tuple[Success, str]:
    """Yes, no or unknown, and why."""
    if story.status in _NO_TALK:
        return "no", _NO_TALK[story.status]
    if not any(line.role == "customer" for line in story.lines):
        return "no", "The customer said nothing."
    required = [field.name for field in story.fields if field.required]
    missing = [name for name in required if name not in values or not values[name].proven]
    if missing:
        return "no", f"Not found out: {', '.join(name.replace('_', ' ') for name in missing)}."
    if story.reason == "error":
        return "no", "It broke off because of a fault."
    if required:
        return "yes", "All that was required was found out."
    if story.reached_end:
        return "yes", "The flow was gone through to its end."
    if story.handed_over or any(line.role == "customer" and wants_human(fold(line.text)) for line in story.lines):
        return "unknown", "A person went on from there."
    return "unknown", "Nothing says when it is a success: mark a result as required, or let the flow end."


def mood(lines: Sequence[Line]) -> Sentiment:
    """By the words of the customer; the later ones weigh more."""
    theirs = [line for line in lines if line.role == "customer"]
    if not theirs:
        return ""
    score = 0.0
    for at, line in enumerate(theirs, 1):
        score += (0.5 + at / len(theirs)) * _score(line.text)
    return "positive" if score >= _CLEAR else "negative" if score <= -_CLEAR else "neutral"


def _score(text: str) -> float:
    said, score = words(text), 0.0
    for at, word in enumerate(said):
        worth = 1.0 if word in _GOOD else -2.0 if word in _STRONG else -1.0 if word in _BAD else 0.0
        if not worth or _PAINS & set(said[at + 1 : at + 2]):
            continue
        denied = bool(_NOT & set(said[max(0, at - 3) : at]))
        if word in _FAINT:
            score += 0.25 * worth * (word in _GOOD or not denied)
        else:
            score += -0.8 * worth if denied else worth
    return score


def summed_up(story: Story, values: Mapping[str, Taken]) -> str:
    """What it was about, what was noted, how it ended."""
    if story.status in _NO_TALK:
        return story.failure or _NO_TALK[story.status]
    theirs = [line.text for line in story.lines if line.role == "customer" and line.text.strip()]
    if not theirs:
        return "The customer said nothing."
    if story.direction == "outbound":
        begin = f"We {_VERBS.get(story.channel, 'wrote to')} the customer, who said"
        begin = begin.replace("wrote the", "wrote to the")
    else:
        begin = f"The customer {_VERBS.get(story.channel, 'wrote')} and said"
    parts = [f"{begin}: “{_gist(theirs)}”."]
    told = [
        f"{name.replace('_', ' ')}: {_told(value.value, story)}"
        for name, value in list(values.items())[:_MOST_NOTED]
        if value.proven
    ]
    if told:
        parts.append(f"Found out: {'; '.join(told)}.")
    if story.handed_over and story.reason != "transfer":
        parts.append("A person took part.")
    parts.append(_ENDS.get(story.reason, ""))
    return " ".join(part for part in parts if part)


def _gist(theirs: list[str]) -> str:
    """The first sentence of the customer that says more than hello."""
    for text in theirs[:4]:
        for sentence in sentences(text):
            if len(words(sentence)) >= 4:
                return _cut(sentence)
    return _cut(theirs[0])


def _cut(text: str) -> str:
    text = " ".join(text.split()).rstrip(".")
    return text if len(text) <= _MOST_QUOTED else text[:_MOST_QUOTED].rsplit(" ", 1)[0] + " …"


def _told(value: Any, story: Story) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return humane(value, story.now, story.language)
