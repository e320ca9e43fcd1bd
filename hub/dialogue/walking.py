"""Walking through the flow: entering stages, asking, reading back, calling tools."""

import time
from collections.abc import AsyncIterator, Collection
from typing import Any

from hub.dialogue.asking import form_for
from hub.dialogue.exchange import Exchange
from hub.dialogue.flow import HOPS, depends_on, follow, names_another_fault, open_fields
from hub.dialogue.phrasing import returning
from hub.dialogue.template import fill_tree
from hub.dialogue.turn import Collected, Finish, HandToHuman, Piece, Say, Toolbox, ToolResult, UsedTool
from hub.models.flow import FieldSpec, Stage

_HUMAN_TOOLS = ("hand_to_human", "transfer")
_END_TOOLS = ("hang_up", "end")


async def walk(talk: Exchange, tools: Toolbox) -> AsyncIterator[Piece]:
    """Goes on until something has to be said by the customer, or it is over."""
    for _ in range(HOPS):
        stage = talk.stage
        if not talk.memory.entered:
            arrive(talk, stage)
        if stage.type == "tool":
            async for piece in _use_tool(talk, tools, stage):
                yield piece
            if talk.over:
                return
            continue
        if stage.type == "end":
            _end(talk, stage)
            return
        if _waits(talk, stage):
            return
        to = follow(stage, talk.facts())
        talk.heard = stage.type in ("internal", "verbatim") and talk.heard
        if to is None:
            return
        talk.memory.entered = False
        talk.memory.stage = to


def arrive(talk: Exchange, stage: Stage) -> None:
    """Enters a stage and says its text, unless the text only leads to questions that are answered already."""
    text = talk.write(stage.text)
    talk.enter(stage.id)
    answered = bool(stage.fields) and not open_fields(stage, talk.facts())
    spoken = ("start", "dialogue", "verbatim", "tool") if talk.asks else ("verbatim", "tool")
    if stage.type in spoken and not stage.confirm and not answered:
        talk.say(text)


def _waits(talk: Exchange, stage: Stage) -> bool:
    """Asks what is open in a stage; whether anything is."""
    if stage.type == "internal":
        return not talk.asks and _undecided(talk, stage)
    if stage.type not in ("start", "dialogue"):
        return False
    while fields := open_fields(stage, talk.facts()):
        spec = fields[0]
        known = talk.known_already(spec)
        if known is None:
            ask(talk, spec)
            return True
        talk.keep(spec, known, "")
    if stage.fields and (other := _not_offered(talk, stage)):
        ask(talk, other)
        return True
    if stage.confirm and not talk.memory.reviewed:
        read_back(talk, stage)
        return True
    return False


def _undecided(talk: Exchange, stage: Stage) -> bool:
    """Whether it is for the model to decide where an internal stage leads."""
    if not talk.raw or stage.id in talk.left_open:
        return False
    certain = [one for one in stage.transitions if one.on not in ("intent", "always")]
    by_rule = follow(stage.model_copy(update={"transitions": certain}), talk.facts())
    return by_rule is None and any(one.on == "intent" for one in stage.transitions)


def _not_offered(talk: Exchange, stage: Stage) -> FieldSpec | None:
    """A field filled before its choices were known, with a value that is none of them; it is asked again."""
    for spec in stage.fields:
        value = talk.memory.fields.get(spec.name)
        offers = talk.offers(spec) if spec.choices_from else ()
        if value is None or not offers or any(option.value == value for option in offers):
            continue
        talk.memory.forget(spec.name)
        if spec.type == "time":
            problem = talk.reader.not_offered(str(value), offers)
            talk.memory.asked = spec.name
            if not talk.asks:
                return spec
            talk.say(f"{problem.message} Which would you like?", problem.choices)
            return spec
        return spec
    return None


def ask(talk: Exchange, spec: FieldSpec, *, again: bool = False) -> None:
    """Asks for a field, in other words when it is asked again; says nothing if it was just asked."""
    memory = talk.memory
    if talk.just_asked == spec.name:
        return
    talk.just_asked = spec.name
    memory.asked = spec.name
    if not talk.asks:
        return
    partial = memory.partial.get(spec.name)
    if isinstance(partial, dict) and partial:
        half = "What time would suit you?" if "date" in partial else "And on which day?"
        talk.say(half)
        return
    text, labels = talk.question(spec)
    talk.form = form_for(spec, labels, talk.turn.channel)
    talk.say(returning(text, memory.turns) if again and talk.parts else text, labels)


def read_back(talk: Exchange, stage: Stage) -> None:
    memory = talk.memory
    memory.reviewing, memory.asked = True, ""
    if not talk.asks:
        return
    talk.say(stage.text or "Is everything right?", ("Yes", "No"))


def ask_pending(talk: Exchange, *, again: bool = True) -> bool:
    """Puts the open question again; whether there is one."""
    memory, stage = talk.memory, talk.stage
    if memory.confirming and (spec := talk.plan.specs.get(memory.confirming)):
        talk.say(f"I have {talk.spoken(spec, memory.proposed)}. Is that right?", ("Yes", "No"))
        return True
    if memory.reviewing and memory.changing:
        talk.say("What would you like to change?", changeable(talk))
        return True
    if memory.reviewing:
        read_back(talk, stage)
        return True
    spec = talk.spec(memory.asked)
    if spec is not None:
        ask(talk, spec, again=again)
    return spec is not None


def look_up_again(talk: Exchange, changed: Collection[str]) -> None:
    """After corrections: what was looked up with the old values is looked up again, from its stage on."""
    for stage in talk.plan.flow.stages:
        tool = talk.plan.tools.get(stage.tool)
        reading = stage.type == "tool" and tool is not None and tool.reads and stage.id in talk.memory.called
        if reading and any(depends_on(stage, tool, name) for name in changed):
            talk.memory.stage, talk.memory.entered = stage.id, False
            return


def changeable(talk: Exchange) -> tuple[str, ...]:
    """The names of the fields that are known, as buttons."""
    known = [name for name in talk.plan.specs if name in talk.memory.fields]
    return tuple(f"The {name.replace('_', ' ')}" for name in known)


def _end(talk: Exchange, stage: Stage) -> None:
    talk.say(stage.text or talk.plan.text("goodbye_message"))
    talk.flush()
    talk.pieces.append(Finish("goodbye"))
    talk.over = True


async def _use_tool(talk: Exchange, tools: Toolbox, stage: Stage) -> AsyncIterator[Piece]:
    """Calls the stage's tool, says what has to be said around it, and moves on by its result."""
    if 0 <= talk.ack_at < len(talk.parts):
        talk.parts[talk.ack_at] = ""
    tool = talk.plan.tools.get(stage.tool)
    arguments: dict[str, Any] = fill_tree(stage.arguments, talk.values())
    if stage.tool in (*_HUMAN_TOOLS, *_END_TOOLS) and (tool is None or tool.kind == "builtin"):
        _builtin(talk, stage, arguments)
        return
    if tool and tool.waiting_message and tool.speak_during_execution:
        yield Say(talk.write(tool.waiting_message), waiting=True)
    for piece in talk.take():
        yield piece
    began = time.perf_counter()
    result = await tools.call(stage.tool, arguments)
    took = int((time.perf_counter() - began) * 1000)
    yield UsedTool(stage.tool, arguments, result, took)
    talk.memory.results[stage.tool] = bounded(result.data)
    talk.memory.called = [*(name for name in talk.memory.called if name != stage.id), stage.id]
    if tool and not tool.reads and not result.error:
        talk.memory.sealed = sorted(talk.memory.fields)
    if _follows(talk, result):
        return
    facts = talk.facts()
    facts.result = result
    to = follow(stage, facts)
    talk.heard = False
    _after_tool(talk, stage, result, to)


def _follows(talk: Exchange, result: ToolResult) -> bool:
    """Does what follows from a tool's result for the turn; whether it is over."""
    for piece in result.pieces:
        if isinstance(piece, Collected):
            talk.memory.fields[piece.field] = piece.value
        elif isinstance(piece, Finish | HandToHuman):
            talk.flush()
            talk.over = True
        talk.pieces.append(piece)
    return talk.over


def _after_tool(talk: Exchange, stage: Stage, result: ToolResult, to: str | None) -> None:
    tool = talk.plan.tools.get(stage.tool)
    if result.error and not names_another_fault(stage, result, to):
        talk.say((tool and tool.fallback_message) or talk.plan.text("error_message"))
    if to is None:
        talk.flush()
        if result.error:
            talk.pieces.append(HandToHuman(f"The tool {stage.tool} failed: {result.error[:200]}"))
        talk.over = True
        return
    talk.memory.stage, talk.memory.entered = to, False


def _builtin(talk: Exchange, stage: Stage, arguments: dict[str, Any]) -> None:
    if stage.tool in _HUMAN_TOOLS:
        if not stage.text:
            talk.say(talk.plan.text("human_message"))
        talk.flush()
        talk.pieces.append(HandToHuman(str(arguments.get("reason") or stage.name or "The flow passes on to a person.")))
    else:
        talk.flush()
        talk.pieces.append(Finish(str(arguments.get("reason") or "goodbye")))
    talk.over = True


def bounded(data: Any, depth: int = 0) -> Any:
    """What of a result is kept with the conversation: not too deep, not too long."""
    if isinstance(data, str):
        return data[:2_000]
    if depth > 5:
        return None
    if isinstance(data, dict):
        return {str(key)[:100]: bounded(value, depth + 1) for key, value in list(data.items())[:60]}
    if isinstance(data, list):
        return [bounded(value, depth + 1) for value in data[:60]]
    return data
