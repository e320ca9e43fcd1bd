"""Templates: what may go out when free text may not, chosen and filled in before it is said."""

import re
from collections.abc import Mapping
from typing import Any

from hub.channel import Template, Undeliverable
from hub.core.context import Context
from hub.policy import NotAllowed

MOST_CHARACTERS = 1024
"""Of a template with its places filled in: https://www.twilio.com/docs/api/errors/63021"""
_BROKEN = re.compile(r"[\n\r\t]| {4}")
_REFUSED = {
    "rejected": "it was rejected", "pending": "it is still being looked at", "paused": "it is paused",
    "disabled": "it is disabled", "unsubmitted": "it was never submitted for approval",
}  # fmt: skip


async def listed(hub: Context, channel_name: str, *, anew: bool = False) -> list[Template]:
    """All of a channel: those that can be sent first, by name. Raises `NotAllowed`."""
    channel = hub.channels.get(channel_name)
    if channel is None or not channel.limits.templates:
        raise NotAllowed(f"The channel {channel_name!r} has no templates.", "no_templates")
    try:
        found = await channel.templates(anew=anew)
    except Undeliverable as error:
        raise NotAllowed(f"The templates cannot be read just now: {error.words}", "templates_unavailable") from error
    return sorted(found, key=lambda one: (one.status != "approved", one.name.casefold(), one.language))


async def filled(
    hub: Context, channel_name: str, template_id: str, variables: Mapping[str, str]
) -> tuple[str, dict[str, Any]]:
    """The text as the person will read it, and the content that `Hub.say` and `Hub.start` take with it.

    Raises `NotAllowed`: what is wrong with the template or a value, and what to do.
    """
    known = await listed(hub, channel_name)
    chosen = next((one for one in known if one.id == template_id), None)
    if chosen is None:
        known = await listed(hub, channel_name, anew=True)
        chosen = next((one for one in known if one.id == template_id), None)
    if chosen is None:
        raise NotAllowed("There is no template with this id. Choose one of the list.", "template")
    if chosen.status != "approved":
        why = _REFUSED.get(chosen.status, f"its status is {chosen.status}")
        raise NotAllowed(f"The template {chosen.name} cannot be sent: {why}. Choose another one.", "template")
    values = _values(chosen, variables)
    text = chosen.filled(chosen.body, values)
    if len(text) > MOST_CHARACTERS:
        raise NotAllowed(
            f"With these values the template has {len(text)} characters; {MOST_CHARACTERS} are allowed. Shorten them.",
            "variables",
        )
    template: dict[str, Any] = {"id": chosen.id, "name": chosen.name, "language": chosen.language, "variables": values}
    if chosen.buttons:
        template["buttons"] = [chosen.filled(one, values) for one in chosen.buttons]
    if chosen.media:
        template["media"] = chosen.filled(chosen.media, values)
    return text, {"template": template}


def _values(chosen: Template, given: Mapping[str, str]) -> dict[str, str]:
    """A value for each place. Raises `NotAllowed`.

    Rules: https://www.twilio.com/docs/content/using-variables-with-content-api
    """
    if unknown := sorted(set(given) - set(chosen.variables)):
        raise NotAllowed(f"The template {chosen.name} has no place {unknown[0]!r}.", "variables")
    values = {name: given.get(name, "").strip() for name in chosen.variables}
    for name, value in values.items():
        if not value:
            raise NotAllowed(f"Fill in {{{{{name}}}}}: every place of a template needs a value.", "variables")
        if _BROKEN.search(value):
            raise NotAllowed(
                f"The value of {{{{{name}}}}} must be one line, without tabs and without four spaces in a row.",
                "variables",
            )
    return values
