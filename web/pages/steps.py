"""The flow as people read it: steps in words, and the changes that buttons make to its order and parts."""

from collections.abc import Callable
from typing import Any

from hub.models.flow import Flow, Stage, Transition

Tree = dict[str, Any]

STAGE_TYPES = {
    "start": "Start",
    "dialogue": "Talk",
    "verbatim": "Say word for word",
    "tool": "Use a tool",
    "internal": "Decide silently",
    "end": "End",
}
FIELD_TYPES = {
    "text": "Text", "name": "Name", "phone": "Phone number", "email": "Email address", "number": "Number",
    "amount": "Amount of money", "date": "Date", "time": "Time", "datetime": "Date and time",
    "yes_no": "Yes or no", "choice": "One of these choices",
}  # fmt: skip
MEANINGS = {
    "always": "in any other case",
    "field": "when an answer is ...",
    "intent": "when the customer says something like ...",
    "tool": "when the tool ended ...",
    "language": "when the language is ...",
}


def title(stage: Stage) -> str:
    return stage.name or stage.id.replace("_", " ").capitalize()


def in_words(flow: Flow, stage: Stage, transition: Transition) -> str:
    """The condition of a transition, such as "when reason is cleaning"."""
    values = " or ".join(transition.values)
    bounds = _bounds(transition)
    match transition.on:
        case "field":
            name = transition.field.replace("_", " ") or "an answer"
            return f"when “{name}” is {values or bounds or 'known'}"
        case "intent":
            said = [f"“{phrase}”" for phrase in transition.phrases[:3]]
            more = f" (and {len(transition.phrases) - 3} more)" if len(transition.phrases) > 3 else ""
            return f"when the customer says something like {', '.join(said) or '...'}{more}"
        case "tool":
            return _after_tool(transition, values, bounds)
        case "language":
            return f"when the language is {values or '...'}"
    others = any(other.on != "always" for other in stage.transitions)
    if others:
        return "in any other case"
    return "after that"


def _bounds(transition: Transition) -> str:
    low, high = transition.minimum, transition.maximum
    if low is not None and high is not None:
        return f"between {low:g} and {high:g}"
    if low is not None:
        return f"at least {low:g}"
    return f"at most {high:g}" if high is not None else ""


def _after_tool(transition: Transition, values: str, bounds: str) -> str:
    if transition.path:
        return f"when the tool's “{transition.path}” is {values or bounds or 'there'}"
    if values:
        return f"when the tool answers {values}"
    return {"ok": "when the tool went well", "error": "when the tool failed"}.get(transition.outcome, "after the tool")


def view(flow: Flow) -> list[dict[str, Any]]:
    """The steps for the template: number, title, type in words, where each way leads."""
    titles = {stage.id: title(stage) for stage in flow.stages}
    numbers = {stage.id: number for number, stage in enumerate(flow.stages, 1)}
    return [
        {
            "number": number,
            "stage": stage,
            "title": title(stage),
            "type": STAGE_TYPES[stage.type],
            "asks": [FIELD_TYPES[spec.type] for spec in stage.fields],
            "ways": [
                {"words": in_words(flow, stage, way), "to": titles[way.to], "number": numbers[way.to]}
                for way in stage.transitions
            ],
        }
        for number, stage in enumerate(flow.stages, 1)
    ]


def change(tree: Tree, act: str) -> str:
    """Carry out a button's `verb:stage[:part]`; gives what was done. Raises `KeyError` for nonsense."""
    verb, *numbers = act.split(":")
    if verb not in _ACTS:
        raise KeyError(act)
    try:
        at = [int(number) for number in numbers]
        if any(number < 0 for number in at):
            raise KeyError(act)
        return _ACTS[verb](tree["flow"]["stages"], *at)
    except (ValueError, IndexError, TypeError):
        raise KeyError(act) from None


def _unused(taken: set[str], stem: str) -> str:
    number = 1
    while f"{stem}_{number}" in taken:
        number += 1
    return f"{stem}_{number}"


def _add_stage(stages: list[Tree], after: int) -> str:
    made = _unused({stage["id"] for stage in stages}, "step")
    stages.insert(after, {"id": made, "type": "dialogue" if stages else "start", "name": "New step", "text": ""})
    return "A step was added. Write what it says."


def _remove_stage(stages: list[Tree], at: int) -> str:
    gone = stages.pop(at)["id"]
    ways = 0
    for stage in stages:
        kept = [way for way in stage.get("transitions", []) if way["to"] != gone]
        ways += len(stage.get("transitions", [])) - len(kept)
        stage["transitions"] = kept
    return f"The step was removed, with {ways} way{'s' if ways != 1 else ''} that led to it."


def _move(things: list[Tree], at: int, by: int) -> None:
    if not 0 <= at + by < len(things):
        return
    things[at], things[at + by] = things[at + by], things[at]


def _move_stage(stages: list[Tree], at: int, by: int) -> str:
    _move(stages, at, by)
    return "The order was changed. Ways between the steps are as before."


def _add_field(stages: list[Tree], at: int) -> str:
    taken = {spec["name"] for stage in stages for spec in stage.get("fields", [])}
    stages[at].setdefault("fields", []).append(
        {"name": _unused(taken, "answer"), "type": "text", "question": "What would you like to tell us?"}
    )
    return "A question was added. Write what to ask and name the answer."


def _remove_field(stages: list[Tree], at: int, field: int) -> str:
    stages[at]["fields"].pop(field)
    return "The question was removed."


def _move_field(stages: list[Tree], at: int, field: int, by: int) -> str:
    _move(stages[at]["fields"], field, by)
    return "The order of the questions was changed."


def _add_way(stages: list[Tree], at: int) -> str:
    other = stages[at + 1] if at + 1 < len(stages) else stages[0]
    stages[at].setdefault("transitions", []).append({"to": other["id"], "on": "always"})
    return "A way on was added. Choose when it is taken and where it leads."


def _remove_way(stages: list[Tree], at: int, way: int) -> str:
    stages[at]["transitions"].pop(way)
    return "The way was removed."


_ACTS: dict[str, Callable[..., str]] = {
    "add_stage": _add_stage,
    "remove_stage": _remove_stage,
    "stage_up": lambda stages, at: _move_stage(stages, at, -1),
    "stage_down": lambda stages, at: _move_stage(stages, at, 1),
    "add_field": _add_field,
    "remove_field": _remove_field,
    "field_up": lambda stages, at, field: _move_field(stages, at, field, -1),
    "field_down": lambda stages, at, field: _move_field(stages, at, field, 1),
    "add_way": _add_way,
    "remove_way": _remove_way,
}
