"""What an operator asks of a live call: the buttons of the call panel, each answered with a line of what came of it."""

import html
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from litestar import Response, post
from litestar.exceptions import NotFoundException

from hub.core.hub import Hub, NotFound
from hub.core.live.commands import NotLive
from hub.dialogue.contacts import e164
from hub.models.call import Verb
from web import auth
from web.pages import form as forms
from web.pages.page import AnyRequest
from web.pages.thread import interaction_of

MOST_CHARACTERS = 1_000
MOST_KEYS = 40
KEYS = set("0123456789*#w")
BRIEFED = "We are calling {to}. The customer holds until they take the call or decline."
LATER = "Asked for. The call has not answered yet; look again in a moment."


class BadInput(ValueError):
    """What was typed cannot be done; the text says how to mend it."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One button: what it needs of the form, and what to say when it is done."""

    verb: Verb
    arguments: Callable[[forms.Form], dict[str, Any]]
    done: str


def _nothing(given: forms.Form) -> dict[str, str]:
    return {}


def _text(given: forms.Form) -> dict[str, str]:
    text = given.text("text")
    if not text:
        raise BadInput("Write what the agent should know or say.")
    if len(text) > MOST_CHARACTERS:
        raise BadInput(f"At most {MOST_CHARACTERS:,} characters at once; this has {len(text):,}. Send it in parts.")
    return {"text": text}


def _digits(given: forms.Form) -> dict[str, str]:
    digits = "".join(given.text("digits").lower().split())
    if not digits:
        raise BadInput("Press a key, or type several: 0 to 9, * and #.")
    if wrong := set(digits) - KEYS:
        raise BadInput(f"A phone has no key “{min(wrong)}”. Use 0 to 9, * and #; w waits half a second.")
    if len(digits) > MOST_KEYS:
        raise BadInput(f"At most {MOST_KEYS} keys at once; this has {len(digits)}.")
    return {"digits": digits}


def _number(given: forms.Form) -> dict[str, Any]:
    written = given.text("to")
    if not written:
        raise BadInput("Type the number to transfer to, such as +12025550177.")
    if not written.startswith(("+", "00")):
        raise BadInput("Begin the number with + and the country code, such as +12025550177.")
    number = e164(written, "US") if len(written) <= MOST_KEYS else ""
    if not number:
        raise BadInput("That is no phone number. Write it as +12025550177: country code and number, nothing else.")
    if not given.text("warm"):
        return {"to": number}
    briefing = given.text("briefing")
    if len(briefing) > MOST_CHARACTERS:
        raise BadInput(f"At most {MOST_CHARACTERS:,} characters of briefing; this has {len(briefing):,}.")
    return {"to": number, "warm": True, "briefing": briefing}


def _direction(given: forms.Form) -> dict[str, str]:
    direction = given.text("direction", "both")
    if direction not in ("in", "out", "both"):
        raise BadInput("Mute in (the agent is deaf), out (the customer does not hear us) or both.")
    return {"direction": direction}


def _by_operator(given: forms.Form) -> dict[str, str]:
    return {"reason": "operator_hangup"}


BUTTONS = {
    "say": Asked("say", _text, "The agent says it."),
    "whisper": Asked(
        "whisper",
        _text,
        "The agent knows it from its next answer on; one that only follows its flow passes over it. Nobody hears it.",
    ),
    "digits": Asked("digits", _digits, "Pressed {digits}."),
    "transfer": Asked("transfer", _number, "The call goes to {to}."),
    "mute": Asked("mute", _direction, "Muted."),
    "unmute": Asked("unmute", _direction, "No longer muted."),
    "pause": Asked("pause", _nothing, "The agent is on hold. It hears and says nothing."),
    "resume": Asked("resume", _nothing, "The agent goes on."),
    "recording-pause": Asked(
        "recording_pause", _nothing, "The recording is paused. Nothing is kept until you resume it."
    ),
    "recording-resume": Asked("recording_resume", _nothing, "The recording goes on."),
    "hang-up": Asked("hang_up", _by_operator, "Hung up."),
}
"""By the last part of the address."""


@post("/interactions/{interaction_id:uuid}/call/{act:str}", opt={"roles": auth.SUPPORT}, status_code=200)
async def command(request: AnyRequest, interaction_id: UUID, act: str) -> Response[str]:
    """Do it, and answer with the line that says what came of it: 409 when the call refused, 422 for bad input."""
    asked = BUTTONS.get(act)
    if asked is None:
        raise NotFoundException("A call has no such button.")
    async with request.app.state.store.read() as db:
        await interaction_of(db, request, interaction_id)
    given = await forms.read(request)
    hub: Hub = request.app.state.hub
    try:
        arguments = asked.arguments(given)
        done = await hub.command(
            request.user.workspace_id, interaction_id, asked.verb, by=request.user.user.name, **arguments
        )
    except BadInput as error:
        return _line(str(error), "danger", 422)
    except NotLive as error:
        return _line(str(error), "danger", 409)
    except NotFound as error:
        raise NotFoundException(str(error)) from None
    if done.fault:
        return _line(done.fault, "danger", 409)
    if done.done_at is None:
        return _line(LATER, "warn", 202)
    words = BRIEFED if arguments.get("warm") else asked.done
    return _line(words.format(**arguments), "ok", 200, act)


def _line(words: str, tone: str, status: int, done: str = "") -> Response[str]:
    headers = {"HX-Trigger": json.dumps({"call:done": {"act": done}})} if done else {}
    body = f'<span data-tone="{tone}">{html.escape(words)}</span>'
    return Response(body, status_code=status, media_type="text/html", headers=headers)


HANDLERS = [command]
