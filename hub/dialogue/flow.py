"""The rules of a flow, whoever does the understanding: what is still open, and where to go next."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from hub.dialogue.template import lookup, names
from hub.dialogue.turn import ToolResult
from hub.models.flow import FieldSpec, Flow, Stage, Transition
from hub.models.tool import Tool

HOPS = 25
"""So many stages are passed at most in one turn; a flow that circles without words stops there."""


@dataclass(slots=True)
class Facts:
    """What transitions are decided by.

    `intent` tells whether a transition's phrases were meant; None where nothing new was said.
    `result` is what the stage's tool gave.
    """

    fields: Mapping[str, Any]
    skipped: Collection[str] = ()
    language: str = ""
    intent: Callable[[Transition], bool] | None = None
    result: ToolResult | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)


def open_fields(stage: Stage, facts: Facts) -> list[FieldSpec]:
    """The fields of a stage that are neither filled nor skipped, in order."""
    return [spec for spec in stage.fields if spec.name not in facts.fields and spec.name not in facts.skipped]


def follow(stage: Stage, facts: Facts) -> str | None:
    """The id of the stage that comes next, or None when the stage waits."""
    waits = any(transition.on == "intent" for transition in stage.transitions)
    for transition in stage.transitions:
        if transition.on == "always" and waits and facts.intent is None and stage.type != "internal":
            continue
        if _holds(transition, facts):
            return transition.to
    return None


def _holds(transition: Transition, facts: Facts) -> bool:
    if transition.on == "always":
        return True
    if transition.on == "field":
        known = transition.field in facts.fields
        return known and _fits(facts.fields[transition.field], transition)
    if transition.on == "intent":
        return facts.intent is not None and facts.intent(transition)
    if transition.on == "language":
        return _speaks(facts.language, transition.values)
    return facts.result is not None and _tool_ended(facts.result, transition)


def _tool_ended(result: ToolResult, transition: Transition) -> bool:
    if transition.outcome and transition.outcome != ("error" if result.error else "ok"):
        return False
    if transition.path:
        found = lookup(transition.path, result.data) if isinstance(result.data, Mapping) else None
        return found not in (None, "", [], {}) and _fits(found, transition)
    if transition.values:
        return result.error.split(" ", 1)[0] in transition.values
    return bool(transition.outcome)


def _fits(value: Any, transition: Transition) -> bool:
    if transition.values:
        return _word(value) in {_word(wanted) for wanted in transition.values}
    if transition.minimum is None and transition.maximum is None:
        return True
    try:
        number = float(value)
    except (TypeError, ValueError):
        return False
    return (transition.minimum is None or number >= transition.minimum) and (
        transition.maximum is None or number <= transition.maximum
    )


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = str(value).strip().lower()
    return {"true": "yes", "false": "no"}.get(text, text)


def _speaks(language: str, values: list[str]) -> bool:
    spoken = language.lower()
    return any(spoken == value.lower() or spoken.split("-")[0] == value.lower() for value in values)


def names_another_fault(stage: Stage, result: ToolResult, to: str | None) -> bool:
    """Whether the way taken after an error was chosen for that very error, and so has words of its own."""
    return any(
        transition.to == to and transition.on == "tool" and transition.values and _tool_ended(result, transition)
        for transition in stage.transitions
    )


def depends_on(stage: Stage, tool: Tool | None, name: str) -> bool:
    """Whether the call that a tool stage makes is built from a field."""
    return name in _mentioned([stage.arguments, tool and (tool.url, tool.query, tool.body)])


def _mentioned(tree: Any) -> set[str]:
    if isinstance(tree, str):
        return set(names(tree))
    if isinstance(tree, Mapping):
        return set().union(*map(_mentioned, tree.values()))
    if isinstance(tree, list | tuple):
        return set().union(*map(_mentioned, tree))
    return set()


def owner(flow: Flow, name: str, visited: Collection[str]) -> Stage | None:
    """The stage that asks for a field, one that was visited if possible."""
    asking = [stage for stage in flow.stages if any(spec.name == name for spec in stage.fields)]
    return next((stage for stage in asking if stage.id in visited), asking[0] if asking else None)
