"""What people want, beside giving values: phrases of a flow, a person, an end, small talk, a question."""

# ruff: noqa: E501 - tables read better in long lines

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from hub.dialogue.text import close, fold, words

_PERSON = (
    r"(?:(?:live |real |actual |human |another |different |proper |sales |support |service |dental |senior )*(?:human(?: being)?|person|people|someone|somebody|"
    r"agent|representative|rep|operator|colleague|manager|supervisor|staff(?: member)?|team member|receptionist|advis[oe]r|"
    r"assistant|employee|associate|customer (?:service|support|care)|support team|a doctor|the doctor|a dentist|the dentist))"
)
_HUMAN = re.compile(
    rf"\b(?:speak|talk|chat|spk|connect|transfer|trans?fer|switch|hand|pass|put|get|give|escalate|reach|forward|contact|have)"
    rf"(?: me| this| it| us| my call)?(?: over| through| on)?(?: (?:with|to|an?|the|some|your|directly|please|in touch with))* {_PERSON}\b"
    rf"|\b(?:want|need|wanna|prefer|like|rather have|looking for)(?: to (?:have|see|get))?(?: an?| some| the)? (?:live |real |actual )*"
    r"(?:human(?: being)?|real person|live person|(?:live|real|human) (?:agent|operator|rep(?:resentative)?)|representative|operator|agent)\b"
    r"|\b(?:human|real person|live (?:agent|person|chat)|representative|operator|agent) (?:please|pls|plz|now)\b"
    r"|\b(?:call|phone|ring) me back\b|\bpass me (?:on|over)\b"
    r"|\bis there (?:a |an |any )?(?:real )?(?:human|person|someone|anyone|somebody) (?:i can|to|there|available|who)\b"
    r"|\b(?:can|could|may) (?:a|an|some) ?(?:real )?(?:human|person|one|body|agent|colleague) (?:help|call|answer|contact)"
)
_HUMAN_ALONE = re.compile(
    r"^\W*(?:please |an? |real |live |the |just |ok |no,? )*(?:human|agent|person|operator|representative|rep|real person|live agent|"
    r"humans?|colleague|a colleague|customer service|someone real|somebody real|manager|staff|receptionist)(?: please| pls| now| plz|!|\.)*\W*$"
)
_NOT_HUMAN = re.compile(
    r"\b(?:don't|do not|no need to|not|without|never|rather not) (?:\w+ ){0,3}(?:speak|talk|human|person|agent|someone|operator)"
    r"|\b(?:are you|r u|am i|is this|you're|you are|were you)\b"
)
_GOODBYE = re.compile(
    r"\b(?:good ?bye|bye+|bye-bye|see (?:you|ya)|cya|cheerio|farewell|talk (?:to you )?(?:later|soon)|have a (?:nice|good|great|lovely) "
    r"(?:day|one|evening|weekend|night|afternoon)|take care|ciao|so long|good night|ttyl|hang up)\b"
)
_RESTART = re.compile(
    r"\b(?:start (?:over|again|afresh|from (?:the )?(?:beginning|scratch))|restart|reset|begin again|from the (?:top|beginning)|"
    r"forget (?:everything|all that|all of that)|new start)\b"
)
_SKIP = re.compile(
    r"^\W*(?:skip|pass|next|no|nope|none|nothing|n/?a|not applicable|no thanks?|no thank you|not sure|no idea|nah|whatever|leave it)\b"
    r"|\b(?:skip (?:it|this|that)|rather not|prefer not|(?:don't|do not) (?:know|have (?:one|any|it|that)|want to|wanna|remember)|"
    r"can't (?:say|remember)|not (?:sure|comfortable)|none of your business|no comment|leave (?:it|that) (?:out|blank|empty))\b"
)
_CORRECTION = re.compile(
    r"^\W*(?:no+|nope|wait|oops|sorry|hold on|hang on|hmm)\b|\b(?:actually|i meant?|i mean|make (?:it|that|this)|change|instead|rather|"
    r"correction|correct (?:it|that|the|my)|wrong|mistake|should (?:be|have been)|switch (?:it|that|to)|move (?:it|that)|not \w+,? but|typo|"
    r"misspelled|better|update)\b"
)
_QUESTION = re.compile(
    r"^(?:(?:and|but|so|ok(?:ay)?|well|hi|hello|hey|also|oh|um|btw|by the way|before that|first|wait|one more thing|quick question|"
    r"i have a question|question)[,.:!-]* )*"
    r"(?:what|when|where|who|whom|why|which|how|do you|does|did you|is there|is it|is the|is your|is my|is parking|are there|are you|are the|"
    r"are your|can i|can you|can my|can we|could i|could you|may i|would you|will you|will it|will i|should i|shall i|do i|have you|has|"
    r"tell me|i wonder|i was wondering|i'd like to know|i want to know|any idea|what's|where's|how's|who's)\b"
)
_INFORMATION = re.compile(
    r"\b(?:what|when|where|who|why|which|how|do you|does|is there|is it|(?:can|could|may) (?:i|we|my)|is my|are there|are you|do i|can i pay|can you tell|tell me about|"
    r"is your|is the|are your|are the|is parking|i wonder|wondering|like to know|want to know)\b"
)
_REQUEST = re.compile(r"\b(?:(?:can|could|may) (?:i|you|we)|i want|i need|i'd like|i would like|please|help me)\b")
_DONE = re.compile(
    r"^\W*(?:(?:no|ok(?:ay)?|thanks|thank you|great|perfect)[,.! ]+)*(?:that's (?:all|it|everything)|that is all|that will be all|"
    r"that'll be all|nothing else|nothing more|i'm (?:good|done|all set)|all good|no thanks?|no thank you|we're done)(?:[,.! ]+(?:thanks|thank you))?\W*$"
)
_GIVE_UP = re.compile(
    r"^\W*(?:(?:no|ok(?:ay)?|oh|well|actually|thanks)[,.! ]+)*(?:never ?mind|nvm|forget (?:it|about it|that)|cancel (?:that|this|it)|stop(?: it| that)?|"
    r"leave it|i changed my mind|no that's (?:all|everything)|that's everything|let's stop(?: here)?|i don't want (?:to|this|it|that)(?: any ?more)?)"
    r"(?:[,.! ]+(?:thanks|thank you|then))?\W*$"
)
_AVAILABLE = re.compile(
    r"\b(?:free|available|availability|slots?|anything|something|any (?:time|appointment|opening)|openings?|fit me in|squeeze|come in|come|"
    r"possible|work for you|work|how about|what about|could we|can we|can i (?:have|get|book|come|do)|could i|earlier|later)\b"
)
_REPEAT = re.compile(
    r"^\W*(?:what|pardon|huh|sorry|excuse me|come again|eh|say (?:that|it) again|repeat|"
    r"(?:can|could|would) you (?:please )?(?:repeat|say)(?: (?:that|it|the question))?(?: again)?|i (?:didn't|did not|don't) (?:understand|get|hear|follow)"
    r"(?: that| it| you)?|what do you mean|what did you say|what was the question|(?:when|what(?: time| day)?|where|who) (?:is|was) (?:it|that)(?: for)? again|what do you have (?:so far|down))(?: please)?\W*$"
)
_UPSET = re.compile(
    r"\b(?:useless|stupid|idiot|dumb|terrible|awful|ridiculous|horrible|sucks?|crap|hate (?:this|you)|waste of time|wtf|fuck\w*|shit\w*|"
    r"bullshit|annoying|frustrat\w+|unacceptable|furious|fed up|worst)\b"
)

_GREETING = (
    r"^\W*(?:hi+|hello+|hey+|hiya|howdy|yo|good (?:morning|afternoon|evening|day)|greetings|hallo|hola|sup|morning|evening|hi there|"
    r"hello there|hey there)\b"
)
GREETING = re.compile(_GREETING)
_GREETING_ALONE = re.compile(_GREETING + r"(?:[\s,!.]+(?:there|everyone|team|again|[a-z]+))?\W*$")

SMALL_TALK: tuple[tuple[str, re.Pattern[str], tuple[str, ...]], ...] = (
    (
        "bot",
        re.compile(
            r"\b(?:are you|r u|am i (?:talking|speaking|chatting) (?:to|with)|is this|you're|you are)\b[^.?!]{0,30}"
            r"\b(?:bot|robot|human|person|real|ai|machine|computer|chatgpt|automated|program|chatbot)\b"
        ),
        (
            "I'm an AI assistant, so not a person. If you'd rather have one, just say so and I'll pass you on.",
            "Honestly: I'm an AI assistant. A colleague made of flesh and blood is one word away, though.",
        ),
    ),
    (
        "who",
        re.compile(
            r"\bwho (?:are you|is this|am i (?:talking|speaking|chatting))|\bwhat(?:'s| is) your name\b|\bwhat are you\b"
        ),
        ("I'm {name}, an AI assistant.", "My name is {name}, and I'm an AI assistant."),
    ),
    (
        "how",
        re.compile(
            r"\bhow(?: are|'re| r) (?:you|u|things)\b|\bhow(?:'s| is) it going\b|\bhow do you do\b|\bwhat'?s up\b|\bhow(?:'s| is) your day\b"
        ),
        ("I'm doing well, thank you for asking!", "Very well, thanks!", "All good here, thanks!"),
    ),
    (
        "can",
        re.compile(
            r"\b(?:what|how) (?:can|do) you (?:do|offer|help)\b|^\W*(?:hi,? |hello,? |please,? )?(?:can|could) you help(?: me)?(?: please| out)?\W*$|\bhow (?:can|do) you (?:help|work)\b|\bwhat can i (?:ask|do)\b|^\W*help\W*$"
        ),
        ("{help}",),
    ),
    (
        "privacy",
        re.compile(
            r"\bwhy (?:do|would|are|should) (?:you|i)\b[^.?!]{0,40}\b(?:need|ask|want|know|give|tell|say)\b|^\W*why\W*$|\bwhat (?:do you need|is) (?:it|that|this) for\b"
        ),
        ("I only need it to get this done for you.", "Just so that I can take care of this for you."),
    ),
    (
        "joke",
        re.compile(r"\b(?:tell (?:me )?(?:a|another)|know (?:a|any)) jokes?\b"),
        (
            "My best ones are still in testing, I'm afraid.",
            "I'd tell you one, but my timing is only measured in milliseconds.",
        ),
    ),
    (
        "love",
        re.compile(
            r"\b(?:i love you|i like you|you're (?:great|awesome|amazing|the best|funny|nice|helpful|so helpful)|you rock|good (?:bot|job)|well done|nice work|brilliant)\b"
        ),
        ("That's kind of you!", "Thank you, that makes my day.", "How nice of you to say!"),
    ),
    (
        "thanks",
        re.compile(r"\b(?:thanks|thank you|thank u|thx|ty|cheers|much appreciated|appreciate it|many thanks)\b"),
        ("You're welcome!", "My pleasure!", "Happy to help!", "Any time!"),
    ),
    (
        "sorry",
        re.compile(r"^\W*(?:i'm |i am |so |oh )*sorry\W*$|\bmy bad\b|\bi apologi[sz]e\b"),
        ("No worries at all.", "No problem!"),
    ),
    ("greeting", _GREETING_ALONE, ("Hello!", "Hi there!", "Hi!")),
    (
        "laugh",
        re.compile(r"^\W*(?:(?:ha){2,}h?|lol|haha\w*|hehe\w*|rofl|lmao)\W*$|^[\s😀-😂🤣😊🙂]+$"),
        ("Glad that made you smile.", "Ha!"),
    ),
    (
        "wait",
        re.compile(
            r"^\W*(?:(?:one|just a|a|1) (?:moment|second|sec|minute|min)|hold on|hang on|wait|let me (?:think|check|see)|brb|give me a (?:moment|minute|sec|second))(?: please)?\W*$"
        ),
        ("Of course, take your time.", "No rush, I'm here."),
    ),
)


def wants_human(low: str) -> bool:
    """Asks for a person ("agent please"), and not whether we are one."""
    if _HUMAN_ALONE.match(low):
        return True
    return bool(_HUMAN.search(low)) and not _NOT_HUMAN.search(low)


def says_goodbye(low: str) -> bool:
    return len(low) < 120 and bool(_GOODBYE.search(low)) and "?" not in low


def is_done(low: str) -> bool:
    """Wants nothing more."""
    return bool(_DONE.match(low))


def gives_up(low: str) -> bool:
    """Does not want to go on with what is being asked."""
    return is_done(low) or bool(_GIVE_UP.match(low))


def starts_over(low: str) -> bool:
    return bool(_RESTART.search(low)) and not re.search(r"\bdon'?t (?:\w+ )?(?:start|restart|reset)", low)


def skips(low: str) -> bool:
    return len(low) < 120 and bool(_SKIP.search(low))


def corrects(low: str) -> bool:
    return bool(_CORRECTION.search(low))


def asks_to_repeat(low: str) -> bool:
    return bool(_REPEAT.match(low))


def is_upset(low: str) -> bool:
    return bool(_UPSET.search(low))


def is_question(sentence: str) -> bool:
    """A sentence that wants an answer, with or without its mark."""
    return "?" in sentence or bool(_QUESTION.match(sentence.strip()))


def wants_information(sentence: str) -> bool:
    """Asks to be told something, rather than to have something done."""
    return bool(_INFORMATION.search(sentence))


def asks_to_act(sentence: str) -> bool:
    """Asks to have something done: "can I ...", "I'd like to ..."."""
    return bool(_REQUEST.search(sentence))


def asks_for_a_slot(sentence: str) -> bool:
    """Asks whether something is free, which names a wish as well."""
    return bool(_AVAILABLE.search(sentence))


def small_talk(low: str) -> tuple[str, tuple[str, ...]] | None:
    """The kind of small talk and what can be answered."""
    if len(low) > 200:
        return None
    for kind, pattern, answers in SMALL_TALK:
        if pattern.search(low):
            return kind, answers
    return None


_FILLER = frozenset(
    """a an and are at be but by can could d did do does for from get give go going gonna got had has have
        hello help hey hi how i i'd i'll i'm i've if in is it it's just let like ll m me my need of off ok
        okay on one or our out please pls re s so some that that's the their them there they this to today
        too up us ve very wanna want wanted was way we what what's when where which will with would yes you
        your one's""".split()  # noqa: SIM905
)


@dataclass(frozen=True, slots=True)
class Meant:
    """A set of phrases, cut for comparison."""

    phrases: tuple[tuple[str, tuple[str, ...]], ...]


def meant(phrases: Iterable[str]) -> Meant:
    """Phrases ready to be compared with what is said."""
    return Meant(
        tuple((" ".join(words(phrase)), _content(tuple(words(phrase)))) for phrase in phrases if words(phrase))
    )


def closeness(said: Sequence[str], intent: Meant) -> float:
    """How close the folded words of a sentence are to the nearest phrase; 0 is not at all.

    A phrase that stands in the sentence as it is counts its words and one more; else all of one or two
    meaning words must be there, or two thirds of more, slips of the finger forgiven.
    """
    line, content = f" {' '.join(said)} ", _content(tuple(said))
    best = 0.0
    for phrase, needed in intent.phrases:
        if f" {phrase} " in line:
            if not needed and len(said) > phrase.count(" ") + 4:
                continue
            score = phrase.count(" ") + 2.0
        elif not needed:
            continue
        else:
            hits = sum(any(_same(word, wanted) for word in content) for wanted in needed)
            score = hits * hits / len(needed) if hits >= (len(needed) if len(needed) < 3 else len(needed) * 0.66) else 0
        if score > best and not _denied(said, needed or tuple(phrase.split())):
            best = score
    return best


def _denied(said: Sequence[str], needed: Sequence[str]) -> bool:
    """ "I don't want to cancel": a no shortly before the word it denies."""
    for at, word in enumerate(said):
        if _same(_root(word), needed[0]):
            return any(w in ("don't", "dont", "not", "never", "won't", "isn't") for w in said[max(0, at - 4) : at])
    return False


@lru_cache(2048)
def _content(said: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(_root(word) for word in said[:200] if word not in _FILLER))


def _root(word: str) -> str:
    for ending in ("ing", "ed", "s"):
        if word.endswith(ending) and len(word) - len(ending) >= 4 and not word.endswith("ss"):
            word = word[: -len(ending)]
            break
    return word[:-1] if word.endswith("e") and len(word) > 4 else word


def _same(word: str, wanted: str) -> bool:
    return word == wanted or (len(wanted) > 4 and close(word, wanted))


def line(said: str) -> list[str]:
    """The folded words of what was said, for `closeness`."""
    return words(fold(said))[:200]
