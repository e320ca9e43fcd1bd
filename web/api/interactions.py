"""Interactions: begin one, find them, end one, tag one."""

import json
from typing import Annotated, Any
from uuid import UUID

from litestar import Controller, Response, get, patch, post, put
from litestar.params import JSONBody, QueryParameter
from pydantic import ValidationError

from hub.core.known import known
from hub.core.templates import filled
from hub.dialogue.asked import unfilled, unused
from hub.models import Address, Agent, AgentDefinition, Skill, Team
from hub.models.interaction import Owner, Status
from hub.overrides import overridden, paths
from hub.store import agents, interactions, listing, teams
from hub.store.listing import Wanted
from web.api.addresses import ChannelName
from web.api.agents import check, settled
from web.api.interaction_shapes import (
    InteractionBegun,
    InteractionCreate,
    InteractionPage,
    InteractionPublic,
    InteractionUpdate,
    TagsUpdate,
    interaction_public,
    outcomes_of,
)
from web.api.messages import carried
from web.api.paging import Cursor, Limit, Time, before, page, time
from web.api.refusals import Refusal, missing, pointer
from web.api.request import ApiRequest, invalid
from web.api.shapes import PathId

Direction = Annotated[str, QueryParameter(pattern="^(|inbound|outbound)$", description="inbound or outbound.")]


class Interactions(Controller):
    """Interactions."""

    path = "/interactions"
    tags = ["Interactions"]

    @post(opt={"scope": "write"}, summary="Begin an interaction")
    async def create_interaction(
        self, request: ApiRequest, data: JSONBody[InteractionCreate]
    ) -> Response[InteractionBegun]:
        """Write to a person, or call them. What is said first is `text`, else the agent's opening message.

        The answer comes once it is stored; delivery follows and shows in the events. A call is `queued` until the
        carrier rings; it takes no `text`. A `web_call` waits for the person's browser: give it a ticket.

        With `agent` or `overrides` it is always a new one: 409 while another with the same person is open.
        """
        agent, team, address, skills = await _chosen(request, data)
        given = await _definition(request, data, agent, address)
        text, (media, content) = data.text, await carried(request, data.channel, data, data.text)
        if not (text or media) and content:
            raise Refusal(422, "Write the text that goes with it.", pointer=pointer("text"), code="empty")
        if data.template is not None:
            context = request.hub.context
            text, content = await filled(context, data.channel, data.template.id, data.template.variables)
        begun = await request.hub.start(
            request.workspace_id, data.channel, data.to, agent=agent, team=team, address=address, skills=skills,
            text=text, content=content, media=media, name=data.name, parameters=dict(data.parameters),
            meta=data.metadata, retry=data.retry_context, **given,
        )  # fmt: skip
        async with request.store.read() as db:
            about = await known(db, begun)
        shown = InteractionBegun(
            **interaction_public(begun).model_dump(),
            missing_parameters=unfilled(begun.agent, about.values),
            unused_parameters=unused(begun.agent, data.parameters),
        )
        return Response(shown, headers={"location": f"/v1/interactions/{begun.id}"})

    @get(opt={"scope": "read"}, summary="List interactions")
    async def list_interactions(
        self,
        request: ApiRequest,
        status: Annotated[Status | None, QueryParameter(description="Only with this status.")] = None,
        channel: Annotated[ChannelName | None, QueryParameter(description="Only on this channel.")] = None,
        direction: Direction = "",
        owner: Annotated[Owner | None, QueryParameter(description="Only those that this one answers.")] = None,
        agent_id: Annotated[UUID | None, QueryParameter(description="Only of this agent.")] = None,
        customer_id: Annotated[UUID | None, QueryParameter(description="Only with this customer.")] = None,
        tag: Annotated[str, QueryParameter(max_length=40, description="Only with this tag.")] = "",
        created_after: Time = None,
        created_before: Time = None,
        q: Annotated[
            str, QueryParameter(max_length=200, description="Words said, or part of a name or identity.")
        ] = "",
        limit: Limit = 50,
        cursor: Cursor = "",
    ) -> InteractionPage:
        """The newest first."""
        wanted = Wanted(
            status=status or "", channel=channel or "", direction=direction, owner=owner or "",
            agent_id=agent_id, customer_id=customer_id, tag=tag, text=q.strip(),
            created_after=time("created_after", created_after),
            created_before=time("created_before", created_before),
        )  # fmt: skip
        async with request.store.read() as db:
            rows = await listing.interactions(db, request.workspace_id, wanted, before=before(cursor), limit=limit + 1)
            beside = await outcomes_of(db, rows)
        return InteractionPage(**page(rows, limit, lambda row: interaction_public(row, beside), lambda row: row.id))

    @get("/{interaction_id:uuid}", opt={"scope": "read"}, summary="Get an interaction")
    async def get_interaction(self, request: ApiRequest, interaction_id: PathId) -> InteractionPublic:
        """How it stands now."""
        async with request.store.read() as db:
            found = await interactions.interaction(db, request.workspace_id, interaction_id)
            if found is None:
                raise missing("interaction")
            return interaction_public(found, await outcomes_of(db, [found], costs=True))

    @patch("/{interaction_id:uuid}", opt={"scope": "write"}, summary="Switch who thinks in an interaction")
    async def update_interaction(
        self, request: ApiRequest, interaction_id: PathId, data: JSONBody[InteractionUpdate]
    ) -> InteractionPublic:
        """From its next turn on, also in the midst of a call; all else of its agent stays as it was frozen."""
        hub, by = request.hub, request.user.name
        return interaction_public(await hub.switch(request.workspace_id, interaction_id, data.voice_mode, by=by))

    @post("/{interaction_id:uuid}/end", opt={"scope": "write"}, status_code=200, summary="End an interaction")
    async def end_interaction(self, request: ApiRequest, interaction_id: PathId) -> InteractionPublic:
        """The person's next message opens a new one. Ending what has ended changes nothing."""
        return interaction_public(await request.hub.end(request.workspace_id, interaction_id))

    @put("/{interaction_id:uuid}/tags", opt={"scope": "write"}, summary="Set the tags")
    async def set_tags(
        self, request: ApiRequest, interaction_id: PathId, data: JSONBody[TagsUpdate]
    ) -> InteractionPublic:
        """Replaces all tags; they are trimmed and kept once each."""
        return interaction_public(await request.hub.tag(request.workspace_id, interaction_id, data.tags, None))


async def _definition(
    request: ApiRequest, data: InteractionCreate, agent: Agent | None, address: Address | None
) -> dict[str, Any]:
    """The definition for this interaction alone, as `hub.start` takes it. Raises `Refusal`, `Malformed`."""
    if data.agent is not None:
        async with request.store.write() as db:
            own = await settled(request, db, data.agent, None, "agent")
        return {"agent_definition": own.model_dump(mode="json")}
    if not data.overrides:
        return {}
    async with request.store.read() as db:
        if agent is None:
            at = address or next(iter(await agents.addresses(db, request.workspace_id, data.channel)), None)
            agent = await agents.agent(db, request.workspace_id, at.agent_id) if at and at.agent_id else None
    if agent is None:
        words = "There is no agent to override: give agent_id, or an address that has one."
        raise Refusal(422, words, pointer=pointer("overrides"), code="no_agent")
    try:
        text = json.dumps(overridden(agent.definition, data.overrides))
        made = AgentDefinition.model_validate_json(text, strict=True)
    except ValidationError as error:
        raise invalid(error, "overrides") from None
    check(made, "overrides")
    async with request.store.write() as db:
        made = await settled(request, db, made, agent.definition, "overrides")
    return {
        "agent_definition": made.model_dump(mode="json"), "version": agent.version,
        "overridden": sorted(paths(data.overrides)),
    }  # fmt: skip


async def _chosen(
    request: ApiRequest, data: InteractionCreate
) -> tuple[Agent | None, Team | None, Address | None, list[Skill]]:
    """The agent, the team, the address and the skills that were asked for. Raises `Refusal`."""
    if data.channel not in request.hub.context.channels:
        raise Refusal(
            422, f"The channel {data.channel} is not set up here.", pointer=pointer("channel"), code="channel"
        )
    is_live = request.hub.context.channels[data.channel].limits.live
    if is_live and (data.text or data.media):
        words = "A call begins with the agent's opening message. Change that, or use POST .../say during the call."
        raise Refusal(422, words, pointer=pointer("text"), code="live")
    who = [name for name in ("agent_id", "agent", "team_id") if getattr(data, name) is not None]
    if len(who) > 1:
        raise Refusal(422, f"Give {' or '.join(who)}, not both.", pointer=pointer(who[1]), code="ambiguous")
    if data.agent is not None:
        if data.overrides:
            words = "Write it into agent: overrides are for a stored one."
            raise Refusal(422, words, pointer=pointer("overrides"), code="ambiguous")
        check(data.agent, "agent")
    async with request.store.read() as db:
        agent = await agents.agent(db, request.workspace_id, data.agent_id) if data.agent_id else None
        team = await teams.team(db, request.workspace_id, data.team_id) if data.team_id else None
        address = await agents.address(db, request.workspace_id, data.address_id) if data.address_id else None
        others = [] if address else await agents.addresses(db, request.workspace_id, data.channel)
        skills = [found for one in data.skill_ids if (found := await agents.skill(db, request.workspace_id, one))]
    if data.agent_id and agent is None:
        raise missing("agent")
    if data.team_id and team is None:
        raise missing("team")
    if data.team_id and data.overrides:
        words = "Overrides are for one agent: give agent_id in place of team_id."
        raise Refusal(422, words, pointer=pointer("overrides"), code="ambiguous")
    if len(skills) != len(data.skill_ids):
        raise missing("skill")
    if agent is not None and agent.archived_at is not None:
        raise Refusal(409, "This agent is archived.", pointer=pointer("agent_id"), code="archived")
    if team is not None and team.archived_at is not None:
        raise Refusal(409, "This team is archived.", pointer=pointer("team_id"), code="archived")
    if data.address_id and address is None:
        raise missing("address")
    if address is not None and address.channel != data.channel:
        raise Refusal(
            422, f"This address is for {address.channel}, not for {data.channel}.",
            pointer=pointer("address_id"), code="wrong_channel",
        )  # fmt: skip
    if address is None and not others and not request.hub.context.channels[data.channel].limits.pulled:
        raise Refusal(
            422, f"You have no {data.channel} address to send from. Add one by POST /v1/addresses.",
            pointer=pointer("channel"), code="no_address",
        )  # fmt: skip
    answered = any(one.answered for one in [address, *others[:1]] if one)
    if is_live and not (who or answered):
        words = "Nobody would speak: give agent_id, agent or team_id."
        raise Refusal(422, words, pointer=pointer("agent_id"), code="no_agent")
    return agent, team, address, skills
