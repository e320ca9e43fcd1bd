"""Templates and buttons of WhatsApp by Twilio's Content API: https://www.twilio.com/docs/content/content-api-resources"""

import asyncio
import hashlib
import json
import re
import time
from collections.abc import Mapping, Sequence
from typing import Any

from channels._twilio import Account
from channels._twilio_errors import undeliverable, unread
from hub.channel import Template, Undeliverable

_URL = "https://content.twilio.com"
_GOOD_FOR_SECONDS = 300.0
_MOST_PAGES = 20
_OURS = "hub_choices_"
"""How the name of what we make for choices begins; these are no templates that people pick."""
_BUTTONS, _BUTTON_CHARACTERS = 3, 20
_ITEMS, _ITEM_CHARACTERS = 10, 24
_BODY_CHARACTERS = 1024
_LINES = re.compile(r"\n+")
_BROKEN = re.compile(r"[\r\t]| {4}")
_MOST_LINES = 12
_STATUS = {"received": "pending", "in_appeal": "pending"}


class Contents:
    """What the account has of it; asked for anew after some minutes, or when told to."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._rows: list[dict[str, Any]] = []
        self._asked = -_GOOD_FOR_SECONDS
        self._asking = asyncio.Lock()
        self._choices: dict[str, str] = {}

    async def templates(self, *, anew: bool = False) -> list[Template]:
        """Every template but ours. Raises `Undeliverable`."""
        async with self._asking:
            if anew or time.monotonic() - self._asked > _GOOD_FOR_SECONDS:
                self._rows, self._asked = await self._listed(), time.monotonic()
        return [made for row in self._rows if (made := _template(row)) is not None]

    async def _listed(self) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        url = f"{_URL}/v1/ContentAndApprovals?PageSize=500"
        try:
            for _ in range(_MOST_PAGES):
                page = await self._account.ask("GET", url)
                rows += page.get("contents") or []
                url = (page.get("meta") or {}).get("next_page_url") or ""
                if not url:
                    break
        except Exception as error:
            raise unread(error) from error
        self._choices |= {
            str(row["friendly_name"]): str(row["sid"])
            for row in rows
            if str(row.get("friendly_name")).startswith(_OURS)
        }
        return rows

    async def for_choices(self, text: str, choices: Sequence[str]) -> dict[str, Any] | None:
        """Arguments that send the text with these as buttons, or as a list; None where WhatsApp cannot show them so.

        https://www.twilio.com/docs/content/twilio-quick-reply and .../twilio-list-picker
        """
        lines, body = _places(text.strip())
        kinds = _as_buttons(body, choices) or _as_list(body, choices)
        if kinds is None or not _plain(text, lines, choices):
            return None
        try:
            sid = await self._sid_of(kinds, lines)
        except Undeliverable:
            return None
        return {"content_sid": sid, "content_variables": json.dumps(lines)}

    def forget_choices(self) -> None:
        """What was made for choices is not there any more."""
        self._choices, self._asked = {}, -_GOOD_FOR_SECONDS

    async def _sid_of(self, kinds: Mapping[str, Any], lines: Mapping[str, str]) -> str:
        """The content with these buttons and a place for each line of text, made once. Raises `Undeliverable`."""
        name = _OURS + hashlib.sha256(json.dumps(kinds).encode()).hexdigest()[:24]
        if name not in self._choices:
            await self.templates()
        if name not in self._choices:
            examples = dict.fromkeys(lines, "text")
            given = {"friendly_name": name, "language": "en", "variables": examples, "types": kinds}
            try:
                self._choices[name] = str((await self._account.ask("POST", f"{_URL}/v1/Content", given))["sid"])
            except Exception as error:
                raise undeliverable(error) from error
        return self._choices[name]


def _places(text: str) -> tuple[dict[str, str], str]:
    """The lines of a text by the name of their place, and the body that has these places: a place is one line."""
    lines = {str(at): line for at, line in enumerate(_LINES.split(text), 1)}
    at = iter(range(1, len(lines) + 1))
    return lines, "".join(part if "\n" in part else f"{{{{{next(at)}}}}}" for part in re.split(r"(\n+)", text))


def _plain(text: str, lines: Mapping[str, str], choices: Sequence[str]) -> bool:
    """Whether the text can stand in places, and no choice would be taken for one."""
    fits = len(text) <= _BODY_CHARACTERS and len(lines) <= _MOST_LINES and not _BROKEN.search(text)
    named = all(choice.strip() and "{{" not in choice for choice in choices) and len(set(choices)) == len(choices)
    return fits and named and all(line.strip() for line in lines.values())


def _as_buttons(body: str, choices: Sequence[str]) -> dict[str, Any] | None:
    if len(choices) > _BUTTONS or any(len(choice) > _BUTTON_CHARACTERS for choice in choices):
        return None
    actions = [{"type": "QUICK_REPLY", "title": one, "id": str(at)} for at, one in enumerate(choices, 1)]
    return {"twilio/quick-reply": {"body": body, "actions": actions}}


def _as_list(body: str, choices: Sequence[str]) -> dict[str, Any] | None:
    if len(choices) > _ITEMS or any(len(choice) > _ITEM_CHARACTERS for choice in choices):
        return None
    items = [{"item": one, "id": str(at), "description": ""} for at, one in enumerate(choices, 1)]
    return {"twilio/list-picker": {"body": body, "button": "Choose", "items": items}}


def numbered(text: str, choices: Sequence[str]) -> str:
    """The text with its choices in it, to be answered by their number or words."""
    return "\n".join([text, *(f"{at}. {choice}" for at, choice in enumerate(choices, 1))]).strip()


def _template(row: Mapping[str, Any]) -> Template | None:
    """A template as the Content API describes it; None for ours and for kinds that have no words."""
    name = str(row.get("friendly_name") or "")
    kinds = row.get("types") or {}
    kind = next((value for value in kinds.values() if isinstance(value, dict)), {})
    body = str(kind.get("body") or kind.get("title") or "")
    if name.startswith(_OURS) or not body:
        return None
    approval = row.get("approval_requests") or {}
    status = str(approval.get("status") or "unsubmitted")
    buttons = [str(one.get("title") or one.get("item") or "") for one in kind.get("actions") or kind.get("items") or []]
    media = kind.get("media") or []
    return Template(
        id=str(row.get("sid")),
        name=str(approval.get("name") or name),
        language=str(row.get("language") or ""),
        body=body,
        variables={str(place): str(example) for place, example in (row.get("variables") or {}).items()},
        category=str(approval.get("category") or "").lower(),
        status=_STATUS.get(status, status),
        buttons=tuple(button for button in buttons if button),
        reason=str(approval.get("rejection_reason") or ""),
        media=str(media[0]) if media else "",
    )
