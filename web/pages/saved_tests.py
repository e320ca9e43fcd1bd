"""Conversations kept as tests of an agent: saving one from the live test, saying it again."""

import asyncio
import contextlib
import secrets
from collections.abc import Sequence
from typing import Any

from litestar import Response, get, post
from litestar.response import Template

from hub.channel import Inbound, Refused
from hub.models import Interaction, SavedTest
from hub.store import interactions
from hub.store import saved_tests as stored
from web import auth
from web.pages import chat
from web.pages.editor import agent_of, show
from web.pages.form import found, read, uuid_or_404
from web.pages.page import AnyRequest, go
from web.pages.playground import begin, chat_of, trial_of

MOST_NAME, MOST_EXPECTATIONS, MOST_WORDS = 120, 20, 500
MOST_SAID = 100
LONGEST_TURN_SECONDS = 20


@get("/agents/{agent_id:str}/tests", opt={"roles": auth.BUILDERS})
async def listing(request: AnyRequest, agent_id: str) -> Template:
    """What was kept, the newest first."""
    agent = await agent_of(request, agent_id)
    async with request.app.state.store.read() as db:
        rows = await stored.saved_tests(db, agent.workspace_id, agent.id)
    return await show(request, agent, "tests", rows=rows)


@post("/agents/{agent_id:str}/tests", opt={"roles": auth.TESTERS}, status_code=200)
async def keep(request: AnyRequest, agent_id: str) -> Response[Any]:
    """Keep what was said in this test chat, and what a person expects of it."""
    form = await read(request)
    running = await chat_of(request, agent_id, form.text("chat"))
    back = f"/agents/{agent_id}/playground?chat={running.id}"
    name = form.text("name")[:MOST_NAME]
    expectations = [line.strip()[:MOST_WORDS] for line in form.text("expectations").split("\n") if line.strip()]
    async with request.app.state.store.write() as db:
        said = await interactions.messages(db, running.workspace_id, running.id, limit=MOST_SAID)
        view = await chat.view(db, running)
        told = [{"role": one.role, "text": one.text} for one in said if one.role in ("customer", "agent")]
        if not any(one["role"] == "customer" for one in told):
            return go(request, back, "Say something first: a test is what the customer says.", "error")
        db.add(
            SavedTest(
                workspace_id=running.workspace_id, agent_id=uuid_or_404(agent_id), said=told,
                name=name or told[0]["text"][:MOST_NAME], parameters=running.parameters, found=_found(view),
                expectations=expectations[:MOST_EXPECTATIONS], agent_version=running.agent_version,
                by=request.user.name, created_at=request.app.state.clock.now(),
            )
        )  # fmt: skip
    return go(request, back, f"Kept as a test{': ' + name if name else ''}.")


def _found(view: chat.View) -> dict[str, Any]:
    """What the agent made of it."""
    tools = [item["name"] for item in view.items if item["kind"] == "tool"]
    return {"fields": view.known, "tools": tools, "ended_reason": view.interaction.ended_reason}


@post("/agents/{agent_id:str}/tests/{test_id:str}/run", opt={"roles": auth.BUILDERS}, status_code=200)
async def run(request: AnyRequest, agent_id: str, test_id: str) -> Response[Any]:
    """Say all that the customer said in a fresh chat, with what is being worked on."""
    test = await _test(request, agent_id, test_id)
    this = await trial_of(request, agent_id)
    begun = await begin(request, this, {name: str(value) for name, value in test.parameters.items()})
    texts = [str(one["text"]) for one in test.said if one["role"] == "customer"]
    request.app.state.hub.context.spawn(_say_all(request.app.state, begun, texts))
    return go(request, f"/agents/{agent_id}/tests?chat={begun.id}", f"“{test.name}” is being said again.")


@post("/agents/{agent_id:str}/tests/{test_id:str}/remove", opt={"roles": auth.BUILDERS}, status_code=200)
async def remove(request: AnyRequest, agent_id: str, test_id: str) -> Response[Any]:
    """It is not needed any more."""
    test = await _test(request, agent_id, test_id)
    async with request.app.state.store.write() as db:
        await db.delete(await db.merge(test))
    return go(request, f"/agents/{agent_id}/tests", f"The test “{test.name}” was removed.")


async def _test(request: AnyRequest, agent_id: str, test_id: str) -> SavedTest:
    async with request.app.state.store.read() as db:
        return found(
            await stored.saved_test(db, request.user.workspace_id, uuid_or_404(agent_id), uuid_or_404(test_id)), "test"
        )


async def _say_all(state: Any, begun: Interaction, texts: Sequence[str]) -> None:
    """One after the other, each when the agent has had its turn."""
    async with state.bus.subscribe(f"interaction:{begun.id}") as hints:
        for text in texts:
            await _answered(state, begun, hints)
            inbound = Inbound("webchat", "message", f"saved:{secrets.token_hex(12)}", sender=begun.person, text=text)
            with contextlib.suppress(Refused):  # it has ended; that is what the test shows
                await state.hub.receive(inbound, within=begun)


async def _answered(state: Any, begun: Interaction, hints: Any) -> None:
    """Wait until the agent has had its turn, or for as long as a person would."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(LONGEST_TURN_SECONDS):
            while True:
                async with state.store.read() as db:
                    now = await interactions.interaction(db, begun.workspace_id, begun.id)
                if now is None or chat.light(now) != "thinking":
                    return
                await hints.wait(1)


HANDLERS = [listing, keep, run, remove]
