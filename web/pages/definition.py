"""An agent's definition edited by forms: values at dotted paths, validated whole, faults at their paths."""

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from hub.dialogue.asked import asked
from hub.models import AgentDefinition
from web import call_settings
from web.pages.form import Errors, complaints, storable

Tree = dict[str, Any]

_LINES = re.compile(r"\n+")
_EDITABLE = [
    (re.compile(pattern), kind)
    for pattern, kind in {
        r"name|description|engine|language|prompt": "text",
        r"engine_fallbacks|thinking\.model_fallbacks": "lines",
        r"thinking\.(model|tier)": "text",
        r"thinking\.(temperature|top_p)": "decimal or none",
        r"thinking\.max_tokens": "number",
        r"(fallback|human|goodbye|error)_message": "text",
        r"opening_message|credential_id|call\.(hearing|speaking)\.credential_id": "optional",
        r"timing\.idle_close_seconds": "number",
        r"call\.(hearing|speaking)\.engine|call\.speaking\.voice|call\.turn_taking\.end_of_turn": "text",
        r"call\.speaking\.voices\.[a-z0-9-]{1,60}": "entry",
        r"call\.(consent|apology|wrap_up|time_up|screening|voicemail|hold)_message|call\.transfer_to": "text",
        r"call\.hearing\.language|call\.keypad\.end_key": "text",
        r"call\.transfer_(failed_|over_)?message": "text",
        r"call\.(hearing|speaking)\.fallbacks|call\.hearing\.keywords": "lines",
        r"call\.turn_taking\.acknowledgements|call\.goodbye_phrases|call\.(filler|repeat|idle)_messages": "lines",
        r"call\.backchannel_words": "lines",
        r"call\.turn_taking\.(smart|eager)_turn_enabled": "switch",
        r"call\.(opening_interruptible|record|backchannel_enabled|transfer_warm)": "switch",
        r"call\.speaking\.speed|call\.(idle|silence_hangup|opening_delay|filler_after)_seconds": "decimal",
        r"call\.keypad\.timeout_seconds": "decimal",
        r"call\.turn_taking\.(interruption_sensitivity|resume_after_seconds)": "decimal",
        r"call\.turn_taking\.vad_config\.(confidence|start_secs|stop_secs|min_volume)": "decimal",
        r"call\.(max_duration|wrap_up)_seconds": "number",
        r"success_criteria|results\.\d+\.(name|type|description)": "text",
        r"summarize|results\.\d+\.required": "switch",
        r"results\.\d+\.enum": "choices",
        r"call\.idle_checks|call\.keypad\.most_keys|call\.turn_taking\.interruption_words": "number",
        r"flow\.stages\.\d+\.(name|text|instructions|tool)": "text",
        r"flow\.stages\.\d+\.(global_intent|clear)": "lines",
        r"flow\.stages\.\d+\.confirm": "switch",
        r"flow\.stages\.\d+\.fields\.\d+\.(name|type|question|invalid_message|choices_from)": "text",
        r"flow\.stages\.\d+\.fields\.\d+\.(required|confirm|future)": "switch",
        r"flow\.stages\.\d+\.fields\.\d+\.choices": "choices",
        r"flow\.stages\.\d+\.transitions\.\d+\.(to|on|field|outcome)": "text",
        r"flow\.stages\.\d+\.transitions\.\d+\.(values|phrases)": "lines",
    }.items()
]


def apply(tree: Tree, given: Mapping[str, str]) -> None:
    """Write the form's values into the definition. Raises `KeyError` for a place that is not there."""
    for path, text in given.items():
        kind = next((kind for pattern, kind in _EDITABLE if pattern.fullmatch(path)), None)
        if kind is None:
            raise KeyError(path)
        parts = path.split(".")
        holder = _at(tree, parts[:-1])
        if not isinstance(holder, dict):
            raise KeyError(path)
        if kind == "entry" and not text:
            holder.pop(parts[-1], None)
        else:
            holder[parts[-1]] = _value(kind, text, holder.get(parts[-1]))


def _at(tree: Any, parts: list[str]) -> Any:
    for part in parts:
        try:
            tree = tree[int(part)] if isinstance(tree, list) else tree[part]
        except (KeyError, IndexError, TypeError, ValueError):
            raise KeyError(".".join(parts)) from None
    return tree


def _value(kind: str, text: str, before: Any) -> Any:
    if kind == "optional":
        return text or None
    if kind == "number":
        return int(text) if re.fullmatch(r"\d{1,12}", text) else text
    if kind == "decimal or none":
        found = _value("decimal", text, before)
        return text if text and found is None else found
    if kind == "decimal":
        return float(text) if re.fullmatch(r"-?\d{1,12}(\.\d{1,12})?", text) else None
    if kind == "switch":
        return text not in ("", "off")
    if kind == "lines":
        return [line.strip() for line in _LINES.split(text) if line.strip()]
    if kind == "choices":
        return _choices(text, before or [])
    return text


def _choices(text: str, before: list[Tree]) -> list[Tree]:
    """One choice a line, `value = label`; the synonyms of a value that stays are kept."""
    known = {choice["value"]: choice for choice in before}
    made = []
    for line in _LINES.split(text):
        value, _, label = (part.strip() for part in line.partition("="))
        if value:
            made.append({"synonyms": [], **known.get(value, {}), "value": value, "label": label})
    return made


def choices_text(choices: list[Tree]) -> str:
    """Choices as the form shows them."""
    return "\n".join(f"{c['value']} = {c['label']}" if c.get("label") else c["value"] for c in choices)


def check(tree: Any) -> tuple[Tree | None, Errors]:
    """The definition as it is stored, or what is wrong with it, by path."""
    said = "This cannot be stored: characters that are no text, a number without end, or nesting too deep."
    errors = dict.fromkeys(_unstorable(tree, ""), said)
    if errors:
        return None, errors
    try:
        made = AgentDefinition.model_validate(tree)
    except ValidationError as error:
        errors = complaints(error)
        if nowhere := dict(_nowhere(tree)):
            errors = {**{path: text for path, text in errors.items() if path != "flow"}, **nowhere}
        return None, errors
    except RecursionError:
        return None, {"": "This is nested too deeply."}
    errors = dict(_rules(made))
    return (None, errors) if errors else (made.model_dump(mode="json"), {})


def _nowhere(tree: Any) -> Iterator[tuple[str, str]]:
    """Transitions to stages that do not exist, each at its own place."""
    try:
        stages = tree["flow"]["stages"]
        ids = {stage["id"] for stage in stages}
        for s, stage in enumerate(stages):
            for t, transition in enumerate(stage.get("transitions", [])):
                if transition["to"] not in ids:
                    yield f"flow.stages.{s}.transitions.{t}.to", f"There is no step {transition['to']!r}."
    except (KeyError, TypeError, AttributeError):
        return


def _rules(made: AgentDefinition) -> Iterator[tuple[str, str]]:
    if not re.fullmatch(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*", made.language):
        yield "language", "Write a language like en-US."
    for where, words in call_settings.faults(made):
        yield ".".join(map(str, where)), words
    for s, stage in enumerate(made.flow.stages):
        for f, spec in enumerate(stage.fields):
            try:
                re.compile(spec.pattern)
            except re.error as error:
                yield f"flow.stages.{s}.fields.{f}.pattern", f"Not a regular expression: {error}."


def _unstorable(tree: Any, path: str, depth: int = 0) -> Iterator[str]:
    if depth > 60:
        yield path
    elif isinstance(tree, str):
        if not storable(tree):
            yield path
    elif isinstance(tree, float):
        if not math.isfinite(tree):
            yield path
    elif isinstance(tree, dict | list):
        for key, value in tree.items() if isinstance(tree, dict) else enumerate(tree):
            below = f"{path}.{key}".strip(".")
            if isinstance(key, str) and not storable(key):
                yield path
            yield from _unstorable(value, below, depth + 1)


def wanted(definition: Mapping[str, Any]) -> list[str]:
    """The parameters there are, and those that the texts ask for as `{{name}}`."""
    return list(dict.fromkeys([*definition.get("parameters", {}), *asked(definition)]))[:40]


def completions(definition: Mapping[str, Any]) -> list[str]:
    """What may stand between `{{` and `}}` in a text of this agent."""
    fields = [s["name"] for stage in definition["flow"]["stages"] for s in stage.get("fields", [])]
    return sorted({*wanted(definition), *fields, "customer.name", "agent.name"}, key=str.lower)
