"""What our Deepgram engines share: where it is reached, which of the agent's words it is told, what its refusals mean.

https://developers.deepgram.com/reference
"""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from deepgram.environment import DeepgramClientEnvironment

from hub.engine import Account, EngineFailed, Fault

VENDOR = "Deepgram"
ENCODINGS = {"mulaw": "mulaw", "pcm16": "linear16"}
MOST_KEYTERMS, MOST_KEYTERM_LETTERS = 100, 1_500
"""Deepgram takes 500 tokens: https://developers.deepgram.com/docs/keyterm"""
_MOST_WORDS = 200


def environment(account: Account) -> DeepgramClientEnvironment:
    """Where this account is: Deepgram's own hosts, or its `base_url` for everything."""
    if not account.base_url:
        return DeepgramClientEnvironment.PRODUCTION
    base = account.base_url.rstrip("/")
    live = "ws" + base.removeprefix("http")
    return DeepgramClientEnvironment(base=base, production=live, agent=live, agent_rest=base)


def live_url(account: Account, path: str, query: Mapping[str, Any]) -> str:
    """The URL of a live connection; a list becomes repeated parameters, `None` is left out."""
    pairs = []
    for name, value in query.items():
        for one in value if isinstance(value, list) else [value]:
            if one is not None:
                pairs.append((name, str(one).lower() if isinstance(one, bool) else one))
    return f"{environment(account).production}{path}?{urlencode(pairs)}"


def keyterms(words: Sequence[str]) -> list[str]:
    """As many of them as Deepgram takes."""
    taken, letters = [], 0
    for word in words[:MOST_KEYTERMS]:
        letters += len(word)
        if letters > MOST_KEYTERM_LETTERS:
            break
        taken.append(word)
    return taken


def closed(code: int | None, words: str) -> EngineFailed:
    """The failure that the end of a live connection means.

    https://developers.deepgram.com/docs/stt-troubleshooting-websocket-data-and-net-errors
    """
    fault: Fault = "invalid" if code in (1003, 1007, 1008) else "broken"
    return EngineFailed(f"{VENDOR} ended the connection ({_said(str(code or 1006), words)}).", fault)


def told(message: Mapping[str, Any]) -> EngineFailed:
    """The failure that an `Error` message means."""
    code = str(message.get("code") or message.get("variant") or "")
    words = str(message.get("description") or message.get("message") or "")
    fault: Fault = "invalid" if code.startswith(("DATA", "Schema", "UNPARSABLE", "INVALID")) else "broken"
    return EngineFailed(f"{VENDOR} reports an error ({_said(code, words)}).", fault)


def _said(*words: str) -> str:
    return ": ".join(" ".join(one.split()) for one in words if one)[:_MOST_WORDS].rstrip(".")
