"""The options of a web chat in the form of its address."""

from typing import Any

from hub import hours
from hub.models import Address
from web.pages.form import Errors, Form
from web.pages.zones import known_zone

FIELDS = ("hours", "time_zone", "call_me", "files")


def values(address: Address) -> dict[str, str]:
    """As the form shows them."""
    options = address.options
    return {
        "hours": str(options.get("hours") or ""),
        "time_zone": str(options.get("time_zone") or ""),
        "call_me": "on" if options.get("call_me") else "",
        "files": "" if options.get("files") is False else "on",
    }


BLANK = {"hours": "", "time_zone": "", "call_me": "", "files": "on"}


def read(form: Form, errors: Errors) -> dict[str, Any]:
    """What the form says; complaints go into `errors`. A form without these fields leaves them alone."""
    if "hours" not in form:
        return {}
    try:
        hours.read(form.text("hours"))
    except hours.NotHours as error:
        errors["hours"] = str(error)
    zone = form.text("time_zone")
    if zone and not known_zone(zone):
        errors["time_zone"] = "Write a time zone such as Europe/Berlin, or leave it empty for the workspace's."
    return {
        "hours": form.text("hours")[:300], "time_zone": zone, "call_me": form.on("call_me"), "files": form.on("files"),
    }  # fmt: skip
