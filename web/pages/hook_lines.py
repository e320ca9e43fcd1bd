"""Instructions of hooks as lines that people write, such as "say: Welcome!" and "hang_up"."""

import json
from typing import Any, get_args

from pydantic import ValidationError

from hub.models.hook import Instruction, Verb
from web.pages.form import complaints

VERBS: tuple[str, ...] = get_args(Verb)
EXAMPLES = (
    "say: Refunds take a week, {{name}}.",
    "note 3: She is in a hurry.",
    "hang_up",
    "hand_to_human: She complains.",
    "transfer +12025550177 warm: She wants a refund.",
    "pause",
    "resume",
    "set_parameter tier: gold",
    "send_text: Here is our address: Oak Lane 4.",
    'tool file_lead: {"name": "{{name}}"}',
    "webhook: https://example.com/told",
)


class BadLine(ValueError):
    """A line that says nothing we can do; the text says which and why."""


def written(instruction: Instruction) -> str:
    """An instruction as its line."""
    turns = str(instruction.turns) if instruction.action == "note" and instruction.turns > 1 else ""
    head = [instruction.action, turns, instruction.name or instruction.to, "warm" if instruction.warm else ""]
    if instruction.action == "tool":
        rest = json.dumps(instruction.arguments, ensure_ascii=False) if instruction.arguments else ""
    elif instruction.action == "set_parameter":
        rest = instruction.text or ("" if instruction.value is None else str(instruction.value))
    else:
        rest = instruction.url or instruction.text
    said = " ".join(part for part in head if part)
    return f"{said}: {rest}".replace("\n", "\\n") if rest else said


def read(text: str) -> list[dict[str, Any]]:
    """The instructions of some lines. Raises `BadLine`."""
    return [_instruction(line.strip()) for line in text.split("\n") if line.strip()]


def _instruction(line: str) -> dict[str, Any]:
    head, _, rest = line.partition(":")
    words, rest = head.split(), rest.strip().replace("\\n", "\n")
    verb = words[0] if words else ""
    if verb not in VERBS:
        raise BadLine(f"“{line[:60]}” begins with none of: {', '.join(VERBS)}.")
    made: dict[str, Any] = {"action": verb}
    if len(words) > 1 and words[-1] == "warm" and verb == "transfer":
        made["warm"], words = True, words[:-1]
    if verb in ("transfer", "send_text") and len(words) > 1:
        made["to"] = " ".join(words[1:])
    elif verb in ("set_parameter", "tool"):
        made["name"] = " ".join(words[1:])
    elif verb == "note" and len(words) == 2 and words[1].isdecimal():
        made["turns"] = int(words[1])
    elif len(words) > 1:
        raise BadLine(f"“{line[:60]}”: write a colon behind {verb}.")
    if verb == "tool":
        made["arguments"] = _arguments(line, rest)
    elif verb == "set_parameter" and "{{" not in rest:
        made["value"] = rest
    else:
        made["url" if verb == "webhook" else "text"] = rest
    try:
        return Instruction.model_validate(made).model_dump()
    except ValidationError as error:
        raise BadLine(f"“{line[:60]}”: {next(iter(complaints(error).values()))}") from None


def _arguments(line: str, text: str) -> dict[str, Any]:
    try:
        made = json.loads(text or "{}")
    except (ValueError, RecursionError):
        made = None
    if not isinstance(made, dict):
        raise BadLine(f'“{line[:60]}”: write the arguments as JSON, such as {{"order": "A1"}}.')
    return made
