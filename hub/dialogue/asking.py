"""The form that goes with a question, where the person's client can show one."""

from collections.abc import Sequence
from typing import Any

from hub.dialogue.phrasing import BUTTONS
from hub.models.flow import FieldSpec

MOST_BUTTONS = 8
"""So many choices are buttons; more are a list to choose from."""
_TYPES = {"name": "name", "email": "email", "phone": "phone", "number": "number", "amount": "number", "date": "date"}
_SHOWN = {"name": "Your name", "email": "Your email address", "phone": "Your phone number"}


def form_for(spec: FieldSpec, labels: Sequence[str], channel: str) -> dict[str, Any] | None:
    """A form of one field as `hub.models.rich.FormSpec` has it; None where plain words or buttons do."""
    if channel not in BUTTONS or (labels and len(labels) <= MOST_BUTTONS):
        return None
    kind = "choice" if labels else _TYPES.get(spec.type)
    if kind is None:
        return None
    field: dict[str, Any] = {"name": spec.name, "type": kind, "label": _SHOWN.get(spec.type, _label(spec.name))}
    if labels:
        field["choices"] = [label[:200] for label in labels[:100]]
    if kind == "number":
        field |= {key: value for key in ("minimum", "maximum") if (value := getattr(spec, key)) is not None}
    return {"fields": [field]}


def _label(name: str) -> str:
    words = name.replace("_", " ").strip()
    return words[:1].upper() + words[1:]
