"""An agent's definition made ready to be run: parsed once, kept as long as it is in use."""

import json
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from hub.dialogue.choices import Option, options
from hub.dialogue.intents import Meant, meant
from hub.dialogue.turn import Colleague, Turn
from hub.models.flow import FieldSpec, Flow, Stage, Transition
from hub.models.tool import Tool

_KEEP = 256


@dataclass(frozen=True, slots=True)
class Intent:
    """Phrases that lead from one stage (or from anywhere, `source` "") to another."""

    source: str
    to: str
    phrases: Meant
    transition: Transition | None = None


@dataclass(frozen=True, slots=True)
class Reached:
    """A colleague, and the phrases that lead to them."""

    colleague: Colleague
    phrases: Meant


@dataclass(slots=True)
class Plan:
    """The parts of a definition that a conversation needs, by name."""

    agent: Mapping[str, Any]
    flow: Flow
    tools: dict[str, Tool]
    specs: dict[str, FieldSpec] = field(default_factory=dict)
    options: dict[str, tuple[Option, ...]] = field(default_factory=dict)
    intents: list[Intent] = field(default_factory=list)

    @property
    def days(self) -> list[str]:
        """The names of the fields that are days."""
        return [name for name, spec in self.specs.items() if spec.type == "date"]

    def text(self, key: str) -> str:
        """One of the agent's messages, such as `fallback_message`."""
        return str(self.agent.get(key) or "")

    @property
    def language(self) -> str:
        return str(self.agent.get("language") or "en-US")

    def intents_of(self, stage: Stage) -> list[Intent]:
        """What may be meant in a stage: its own intents and those that lead there from anywhere."""
        return [intent for intent in self.intents if intent.source in ("", stage.id)]

    def colleagues_of(self, turn: Turn) -> list[Reached]:
        """Those of the team whom what is said may lead to."""
        return [Reached(one, _meant(one.phrases)) for one in turn.colleagues if one.phrases]


_meant = lru_cache(_KEEP)(meant)


def _build(agent: Mapping[str, Any]) -> Plan:
    flow = Flow.model_validate(agent.get("flow") or {})
    if not flow.stages:
        flow = Flow(stages=[Stage(id="start", type="start")])
    tools = {tool.name: tool for tool in map(Tool.model_validate, agent.get("tools") or [])}
    plan = Plan(agent, flow, tools)
    for stage in flow.stages:
        if stage.global_intent:
            plan.intents.append(Intent("", stage.id, meant(stage.global_intent)))
        for transition in stage.transitions:
            if transition.on == "intent":
                plan.intents.append(Intent(stage.id, transition.to, meant(transition.phrases), transition))
        for spec in stage.fields:
            plan.specs.setdefault(spec.name, spec)
            given = [(choice.value, choice.label, choice.synonyms) for choice in spec.choices]
            plan.options.setdefault(spec.name, options(given))
    return plan


class Plans:
    """Plans by definition, the least used forgotten: the same object at once, an equal one by its text."""

    def __init__(self) -> None:
        self._by_id: OrderedDict[int, Plan] = OrderedDict()
        self._by_text: OrderedDict[str, Plan] = OrderedDict()

    def of(self, agent: Mapping[str, Any]) -> Plan:
        plan = self._by_id.get(id(agent))
        if plan is not None and plan.agent is agent:
            return plan
        text = json.dumps(agent, default=str)
        plan = self._by_text.get(text)
        if plan is None:
            plan = self._by_text[text] = self._by_id[id(agent)] = _build(agent)
            for kept in (self._by_text, self._by_id):
                while len(kept) > _KEEP:
                    kept.popitem(last=False)
        return plan
