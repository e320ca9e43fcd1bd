"""Teams: the list, and one team with its members, the ways between them, and a chat to try it."""

from collections.abc import Sequence
from typing import Any

from litestar import Response, get, post
from litestar.response import Template
from sqlmodel.ext.asyncio.session import AsyncSession

from hub.models import Agent, Team, TeamDefinition
from hub.store import agents, teams
from web import auth
from web.pages import team_chat, team_form
from web.pages.form import Errors, found, read, uuid_or_404
from web.pages.page import AnyRequest, go, page
from web.pages.team_graph import draw

CONFLICT = (
    "Someone saved this team meanwhile: it is version {now} now, you began with version {then}. Nothing of yours is "
    "saved. Copy what you need, then load the page again."
)


@get("/teams", opt={"roles": auth.EVERYONE})
async def listing(request: AnyRequest, archived: bool = False) -> Template:
    """All teams, as cards."""
    workspace_id = request.user.workspace_id
    async with request.app.state.store.read() as db:
        rows = [
            row for row in await teams.teams(db, workspace_id, archived=archived) if bool(row.archived_at) == archived
        ]
        known = {agent.id: agent for agent in await agents.agents(db, workspace_id, archived=True)}
        addresses = await agents.addresses(db, workspace_id)
    bound = {row.id: [one for one in addresses if one.team_id == row.id] for row in rows}
    return page(
        request, "teams/list.html", "agents", teams=rows, archived=archived, bound=bound,
        may_build=request.user.user.role in auth.BUILDERS,
        names={row.id: _names(team_form.tree_from(row.definition)["members"], list(known.values())) for row in rows},
    )  # fmt: skip


@post("/teams", opt={"roles": auth.BUILDERS}, status_code=200)
async def create(request: AnyRequest) -> Response[Any]:
    """A new team of the agents there are, who hand over to nobody yet."""
    workspace_id = request.user.workspace_id
    async with request.app.state.store.write() as db:
        known = await agents.agents(db, workspace_id)
        if not known:
            return go(request, "/agents/new", "A team is made of agents. Make one first.", "error")
        members = [{"key": f"member_{number}", "agent_id": str(one.id)} for number, one in enumerate(known[:2], 1)]
        definition = TeamDefinition(name="New team", members=members).model_dump(mode="json")
        made = Team(workspace_id=workspace_id, name="New team", definition=definition)
        db.add(made)
    return go(request, f"/teams/{made.id}", "Name your team, and say who hands over to whom.")


@get("/teams/{team_id:str}", opt={"roles": auth.BUILDERS})
async def team(request: AnyRequest, team_id: str) -> Template:
    """One team."""
    stored = await _stored(request, team_id)
    return await _show(request, stored, team_form.tree_from(stored.definition))


async def _stored(request: AnyRequest, team_id: str) -> Team:
    async with request.app.state.store.read() as db:
        return found(await teams.team(db, request.user.workspace_id, uuid_or_404(team_id)), "team")


async def _show(
    request: AnyRequest, stored: Team, tree: team_form.Tree, errors: Errors | None = None, status: int = 200,
    notice: str = "", said: str = "",
) -> Template:  # fmt: skip
    async with request.app.state.store.read() as db:
        known = await agents.agents(db, stored.workspace_id)
        test = await team_chat.pane(db, request, stored)
    names = _names(tree["members"], known)
    return page(
        request, "teams/team.html", "agents", status, team=stored, tree=tree, errors=errors or {}, notice=notice,
        said=said, agents=known, names=names, drawing=draw(tree["members"], tree["first"], names), test=test,
        remarks=[] if errors else _remarks(tree),
    )  # fmt: skip


def _names(members: Sequence[team_form.Tree], known: Sequence[Agent]) -> dict[str, str]:
    """What each member is called."""
    agents_by_id = {str(agent.id): agent.name for agent in known}
    return {
        one["key"]: str(
            team_form.overrides(one["agent"]).get("name") or agents_by_id.get(one["agent_id"]) or one["key"]
        )
        for one in members
    }


def _remarks(tree: team_form.Tree) -> list[str]:
    made, errors = team_form.check(tree)
    return made.doubts() if made is not None and not errors else []


@post("/teams/{team_id:str}", opt={"roles": auth.BUILDERS}, status_code=200)
async def save(request: AnyRequest, team_id: str) -> Response[Any] | Template:
    """Save the team; a button may add or remove a part of it, which is not saved yet."""
    form, stored = await read(request), await _stored(request, team_id)
    tree, do = team_form.tree_of(form), form.text("do")
    if do not in ("", "save", "test"):
        try:
            said = team_form.change(tree, do)
        except KeyError:
            return await _show(
                request, stored, tree, status=422, notice="There is no such button. Load the page again."
            )
        return await _show(request, stored, tree, said=f"{said} Nothing is saved yet.")
    made, errors = team_form.check(tree)
    if made is None or errors:
        return await _show(request, stored, tree, errors, 422, "This is not saved yet. Mend what is marked below.")
    async with request.app.state.store.write() as db:
        now = found(await teams.team(db, stored.workspace_id, stored.id), "team")
        errors = {".".join(map(str, where)): words for where, words in await teams.faults(db, now.workspace_id, made)}
        conflict = form.text("version") != str(now.version)
        if not errors and not conflict:
            definition = TeamDefinition.model_validate(made.model_dump()).model_dump(mode="json")
            at = request.app.state.clock.now()
            now = found(await teams.change_definition(db, now.workspace_id, now.id, definition, at), "team")
    if conflict:
        notice = CONFLICT.format(now=now.version, then=form.text("version") or "?")
        return await _show(request, now, tree, status=409, notice=notice)
    if errors:
        return await _show(request, now, tree, errors, 422, "This is not saved yet. Mend what is marked below.")
    if do == "test":
        chat = await team_chat.begin(request, now)
        return go(request, f"/teams/{now.id}?chat={chat.id}", f"Saved as version {now.version}.")
    return go(request, f"/teams/{now.id}", f"Saved as version {now.version}.")


@post("/teams/{team_id:str}/archive", opt={"roles": auth.BUILDERS}, status_code=200)
async def archive(request: AnyRequest, team_id: str) -> Response[Any]:
    """Out of the list, or back into it. A team that answers at an address stays."""
    workspace_id, wanted = request.user.workspace_id, uuid_or_404(team_id)
    async with request.app.state.store.write() as db:
        stored = found(await teams.team(db, workspace_id, wanted), "team")
        if stored.archived_at is not None:
            return await _bring_back(request, db, stored)
        bound = [one.value for one in await agents.addresses(db, workspace_id) if one.team_id == stored.id]
        if bound:
            words = f"{stored.name} answers at {', '.join(bound)}. Let others answer there first, under Settings."
            return go(request, f"/teams/{stored.id}", words, "error")
        stored.archived_at = request.app.state.clock.now()
    return go(request, "/teams", f"{stored.name} was archived.")


async def _bring_back(request: AnyRequest, db: AsyncSession, stored: Team) -> Response[Any]:
    if faults := await teams.faults(db, stored.workspace_id, TeamDefinition.model_validate(stored.definition)):
        return go(request, "/teams?archived=true", f"{stored.name} stays archived. {faults[0][1]}", "error")
    stored.archived_at = None
    return go(request, f"/teams/{stored.id}", f"{stored.name} is back.")


HANDLERS = [listing, create, team, save, archive]
