"""Refusals in people's own words: no more calls, no more texts, off the list, not recorded."""

# ruff: noqa: E501 - patterns read better in one piece

import re
from typing import Literal

What = Literal["calls", "texts", "recording", "everything"]

_NO = r"(?:don'?t|do not|don’t|never|stop|quit|no longer|please don'?t)"
_WHO = r"(?: (?:me|us|here|this number|my (?:phone|number|cell|mobile|house|wife|husband|mother|office)))?"
_END = r"(?=(?: (?:again|any ?more|ever(?: again)?|please|thanks|thank you|at all|from now on))*\s*(?:[.!,;?]|$| and\b| or\b| i\b| just\b))"
_FOR_GOOD = r"(?: (?:again|any ?more|ever(?: again)?|at all|from now on))"

_CALLS = re.compile(
    rf"\b{_NO} (?:ever )?(?:call|calling|phone|phoning|ring|ringing) (?:me|us|here|this number|my (?:phone|number|cell|mobile))(?: up)?{_END}"
    rf"|\b(?:stop|quit|no more) (?:calling|phoning|ringing|(?:the |these |your )?(?:phone )?calls){_WHO}{_END}"
    rf"|\b(?:don'?t|do not|never) (?:ever )?(?:call|phone|ring){_WHO}{_FOR_GOOD}"
    r"|\bdo not call list\b|\bdon'?t call list\b|\bdnc list\b"
    r"|\b(?:don'?t|do not|no longer) (?:want|wish) (?:to (?:get|receive|have) )?(?:any ?more |any |further |your |these |more )*(?:phone )?calls\b"
    r"|\b(?:don'?t|do not|no longer) (?:want|wish) to be (?:called|phoned|rung)\b"
)
_TEXTS = re.compile(
    rf"\b{_NO} (?:ever )?(?:text|texting|message|messaging|sms|write|writing|send|sending)(?: to)? (?:me|us|this number)(?: (?:any ?more |any |these |your |more )*(?:texts?|messages?|sms))?{_END}"
    rf"|\b(?:stop|quit|no more) (?:texting|messaging|(?:the |these |your )?(?:texts|text messages|messages))\b{_WHO}{_END}"
    r"|\b(?:don'?t|do not|no longer) (?:want|wish) (?:to (?:get|receive|have) )?(?:any ?more |any |further |your |these |more )*(?:texts|text messages|messages|sms)\b"
)
_EVERYTHING = re.compile(
    r"\b(?:take|remove|delete|get|strike|cross) (?:me|us|my (?:number|name)|this number) (?:off|from)(?: of)? (?:your|the|this|that|any|all)(?: of your)? (?:\w+ ){0,2}lists?\b"
    r"|\b(?:take|remove|delete) (?:me|us|my (?:number|name)|this number) from (?:your|the) (?:system|database|records)\b"
    rf"|\b{_NO} (?:ever )?(?:contact|contacting|bother|bothering|harass|harassing) (?:me|us){_END}"
    r"|\bleave me alone\b|\bopt me out\b|\b(?:want|wish|like) to opt out\b|\bunsubscribe me\b|\b(?:want|wish|like) to unsubscribe\b"
    r"|\b(?:lose|forget|delete|erase) my number\b"
    r"|\b(?:don'?t|do not|no longer) (?:want|wish) to (?:be contacted|hear from you)\b"
)
_RECORDING = re.compile(
    r"\b(?:don'?t|do not|stop|never|please don'?t) (?:ever )?record(?:ing)? (?:me|us|this|it|the call|this call|our call|my voice|anything)\b"
    r"|\b(?:don'?t|do not) (?:want|wish|consent|agree) (?:for )?(?:this |the |my |me )?(?:call )?to (?:be(?:ing)? recorded|(?:the |this |a )?recording)\b"
    r"|\b(?:stop|turn off|switch off) (?:the |this )?record(?:ing|er)\b"
    r"|\b(?:i )?(?:object to|refuse) (?:being recorded|the recording|this recording)\b"
)
_NOT = re.compile(
    r"\b(?:why|if|when|unless|in case) (?:do |did |would |should )?(?:you|i|they) (?:don'?t|do not|didn'?t|never)\b|\bwhy (?:don'?t|do not|didn'?t)\b|\byou never\b"
)


def refuses(low: str) -> What | None:
    """What somebody refuses for good, out of the folded text of what they said; None when nothing.

    "Don't call me before nine" and "don't call me Bob" refuse nothing.
    """
    low = low.replace("’", "'")
    if len(low) > 400 or _NOT.search(low):
        return None
    if _RECORDING.search(low):
        return "recording"
    if _EVERYTHING.search(low):
        return "everything"
    calls, texts = bool(_CALLS.search(low)), bool(_TEXTS.search(low))
    if calls and texts:
        return "everything"
    return "calls" if calls else "texts" if texts else None
