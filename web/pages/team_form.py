"""A team's form: its fields by dotted paths, and buttons that add or remove members and the ways between them."""

import json
import re
from collections.abc import Callable
from typing import Any

from pydantic import ValidationError

from hub.models.team import TeamFields
from web.pages.form import Errors, Form, complaints

Tree = dict[str, Any]

MOST = 60
_MEMBER = re.compile(r"members\.(\d{1,2})\.(key|agent_id|agent)")
_WAY = re.compile(r"members\.(\d{1,2})\.transitions\.(\d{1,2})\.(to|function|description|message|phrases)")
_NO_JSON = 'This is no JSON object. Write one like {"name": "Ben"}, or leave it empty.'


def tree_of(form: Form) -> Tree:
    """What the form says, as it was typed: `agent` is a text, `phrases` are lines."""
    tree: Tree = {name: form.text(name) for name in ("name", "description", "first")}
    members: dict[int, Tree] = {}
    ways: dict[tuple[int, int], Tree] = {}
    for name in form.names():
        if found := _MEMBER.fullmatch(name):
            members.setdefault(int(found[1]), {})[found[2]] = form.text(name)
        elif found := _WAY.fullmatch(name):
            ways.setdefault((int(found[1]), int(found[2])), {})[found[3]] = form.text(name)
    tree["members"] = []
    for at in sorted(members)[:MOST]:
        own = [ways[place] for place in sorted(ways) if place[0] == at]
        tree["members"].append({"key": "", "agent_id": "", "agent": "", **members[at], "transitions": own[:MOST]})
    return tree


def tree_from(definition: Tree) -> Tree:
    """A stored definition as the form shows it."""
    members = [
        {
            "key": member["key"],
            "agent_id": member["agent_id"] or "",
            "agent": json.dumps(member["agent"], indent=2, ensure_ascii=False) if member["agent"] else "",
            "transitions": [{**way, "phrases": "\n".join(way["phrases"])} for way in member["transitions"]],
        }
        for member in definition["members"]
    ]
    return {"name": definition["name"], "description": definition["description"], "first": definition["first"],
            "members": members}  # fmt: skip


def check(tree: Tree) -> tuple[TeamFields | None, Errors]:
    """The team that the form says, or what is wrong with it by path."""
    errors: Errors = {}
    members = []
    for at, member in enumerate(tree["members"]):
        own, fault = _overrides(member["agent"])
        if fault:
            errors[f"members.{at}.agent"] = fault
        elif not own and not member["agent_id"]:
            errors[f"members.{at}.agent_id"] = "Choose an agent, or write a definition."
        ways = [{**way, "phrases": way.get("phrases", "").splitlines()} for way in member["transitions"]]
        members.append({**member, "agent_id": member["agent_id"] or None, "agent": own, "transitions": ways})
    if not members:
        errors[""] = "A team has at least one member. Add one."
    if errors:
        return None, errors
    try:
        made = TeamFields.model_validate({**tree, "members": members})
    except ValidationError as error:
        return None, _placed(complaints(error))
    return made, {".".join(map(str, where)): words for where, words in made.faults()}


def _overrides(text: str) -> tuple[Tree, str]:
    if not text:
        return {}, ""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}, _NO_JSON
    return (found, "") if isinstance(found, dict) else ({}, _NO_JSON)


def overrides(text: str) -> Tree:
    """The definition that was typed, as far as it is one."""
    return _overrides(text)[0]


def _placed(errors: Errors) -> Errors:
    """Complaints about a whole member stand at its definition; about one of several phrases, at all of them."""
    placed = {re.sub(r"^(members\.\d+)$", r"\1.agent", path): words for path, words in errors.items()}
    return {re.sub(r"\.phrases\.\d+$", ".phrases", path): words for path, words in placed.items()}


def change(tree: Tree, act: str) -> str:
    """Carry out a button's `verb[:member[:way]]`; gives what was done. Raises `KeyError` for nonsense."""
    verb, *numbers = act.split(":")
    try:
        return _ACTS[verb](tree, *map(int, numbers))
    except (ValueError, IndexError, TypeError):
        raise KeyError(act) from None


def _add_member(tree: Tree) -> str:
    taken = {member["key"] for member in tree["members"]}
    key = next(f"member_{number}" for number in range(len(taken) + 1, 200) if f"member_{number}" not in taken)
    tree["members"].append({"key": key, "agent_id": "", "agent": "", "transitions": []})
    return "A member was added at the end. Choose their agent, and let somebody hand over to them."


def _remove_member(tree: Tree, at: int) -> str:
    gone = tree["members"].pop(at)["key"]
    for member in tree["members"]:
        member["transitions"] = [way for way in member["transitions"] if way.get("to") != gone]
    if tree["first"] == gone:
        tree["first"] = ""
    return f"{gone} was taken out, with all that led to them."


def _add_way(tree: Tree, at: int) -> str:
    member = tree["members"][at]
    led = {way.get("to") for way in member["transitions"]}
    others = [one["key"] for one in tree["members"] if one["key"] != member["key"]]
    to = next((key for key in others if key not in led), others[0] if others else "")
    member["transitions"].append(
        {"to": to, "function": f"hand_over_to_{to}", "description": "", "message": "", "phrases": ""}
    )
    return "A way was added. Say when it is taken."


def _remove_way(tree: Tree, at: int, way: int) -> str:
    tree["members"][at]["transitions"].pop(way)
    return "The way was removed."


_ACTS: dict[str, Callable[..., str]] = {
    "add_member": _add_member,
    "remove_member": _remove_member,
    "add_way": _add_way,
    "remove_way": _remove_way,
}
