"""What an interaction is asked to do while somebody is on the line: say, press keys, transfer, mute, pause."""

from datetime import datetime, timedelta
from typing import Annotated, Any, Literal
from uuid import UUID

from litestar import Controller, Response, get, post
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import JSONBody
from pydantic import AfterValidator, Field
from sqlmodel import col

from channels.web_call import WebCall
from hub import identity
from hub.models import Command
from hub.models.call import Verb
from hub.store import agents, interactions, listing
from web.api.paging import Cursor, Limit, Page, before, page
from web.api.refusals import Refusal, missing, pointer
from web.api.request import ApiRequest
from web.api.shapes import PathId, Shape, shown

TICKET_SECONDS = 60
KEYS = r"^[0-9*#w]+$"
_COMMAND: dict[str, Any] = {
    "id": "0198c0de-0000-7000-8000-000000000040",
    "interaction_id": "0198c0de-0000-7000-8000-000000000020",
    "verb": "digits",
    "arguments": {"digits": "1w2#"},
    "by": "My script",
    "created_at": "2026-01-31T09:00:00Z",
    "done_at": "2026-01-31T09:00:00.020Z",
    "fault": "",
}


def _words(value: str) -> str:
    if not value.strip():
        raise ValueError("write at least one word")
    return value


def _keys(value: str) -> str:
    if not value or set(value) - set("0123456789*#w"):
        raise ValueError("give keys of a phone: 0-9, * and #; a w waits half a second")
    return value


Words = Annotated[str, AfterValidator(_words), Field(json_schema_extra={"pattern": r"\S"})]
Keys = Annotated[str, AfterValidator(_keys), Field(json_schema_extra={"pattern": KEYS, "minLength": 1})]


class SayGiven(Shape):
    """Words to be spoken."""

    model_config = shown({"text": "I am putting you through to our workshop."})
    text: Words = Field(max_length=4_000, description="Spoken by the agent's voice, behind what it is saying now.")


class WhisperGiven(Shape):
    """Words for the agent alone."""

    model_config = shown({"text": "This customer is a member; offer the discount."})
    text: Words = Field(max_length=4_000, description="The agent knows it from its next turn on; nobody hears it.")


class DigitsGiven(Shape):
    """Keys to be pressed."""

    model_config = shown({"digits": "1w2#"})
    digits: Keys = Field(max_length=100, description="0-9, * and #; a w waits half a second.")


class TransferGiven(Shape):
    """Where to, and whether they are briefed before they get the customer."""

    model_config = shown({"to": "+12025550177", "warm": True, "briefing": "She wants a refund for order A1004."})
    to: str = Field(min_length=1, max_length=40, description="A phone number, best as +12025550177.")
    warm: bool = Field(
        default=False, description="We call and brief them, and the customer holds until they take the call or do not."
    )
    briefing: str = Field(
        default="", max_length=2_000, description="What they are told; empty: who calls, and what was said last."
    )


class MuteGiven(Shape):
    """Whom to silence."""

    model_config = shown({"direction": "both"})
    direction: Literal["in", "out", "both"] = Field(
        default="both", description="in: the agent does not hear the customer; out: the customer does not hear it."
    )


class CommandPublic(Shape):
    """Something a live interaction was asked to do. `done_at` is when that was done or refused, `fault` why not."""

    model_config = shown(_COMMAND)
    id: UUID
    interaction_id: UUID
    verb: str
    arguments: dict[str, Any]
    by: str
    created_at: datetime
    done_at: datetime | None
    fault: str


class CommandPage(Page[CommandPublic]):
    """Some of the commands."""


def command_public(asked: Command) -> CommandPublic:
    return CommandPublic(**{name: getattr(asked, name) for name in CommandPublic.model_fields})


class TicketPublic(Shape):
    """What a browser opens one call with. `POST` the WebRTC offer with it to `offer_url`."""

    model_config = shown(
        {
            "ticket": "WyJ2aXNpdG9yLTciLCIiLC...",
            "expires_at": "2026-01-31T09:01:00Z",
            "offer_url": "https://hub.example.com/hooks/web_call",
            "ice_servers": [{"urls": ["stun:stun.example.com:3478"]}],
        }
    )
    ticket: str
    expires_at: datetime
    offer_url: str = Field(description="Takes {sdp, type: offer, ticket}; gives {sdp, type: answer, call}.")
    ice_servers: list[dict[str, Any]] = Field(description="As `RTCPeerConnection` takes them.")


_LATER = ResponseSpec(
    CommandPublic, generate_examples=False, description="Asked for; not done yet. Look in the list of commands."
)
_COMMANDED: dict[str, Any] = {"opt": {"scope": "write"}, "status_code": 200, "responses": {202: _LATER}}


async def _ask(request: ApiRequest, interaction_id: UUID, verb: Verb, **arguments: Any) -> Response[CommandPublic]:
    """What came of it: 200 when it was done, 202 when that is not known yet. Raises `Refusal` when it was refused."""
    asked = await request.hub.command(
        request.workspace_id, interaction_id, verb, by=request.user.name, **arguments
    )  # fmt: skip
    if asked.fault:
        raise Refusal(409, asked.fault, code="not_done")
    if asked.done_at is not None:
        return Response(command_public(asked))
    location = f"/v1/interactions/{interaction_id}/commands"
    return Response(command_public(asked), status_code=202, headers={"location": location})


class Calls(Controller):
    """Commands of live interactions."""

    path = "/interactions/{interaction_id:uuid}"
    tags = ["Calls"]

    @post("/say", summary="Say something on the call", **_COMMANDED)
    async def say_on_call(
        self, request: ApiRequest, interaction_id: PathId, data: JSONBody[SayGiven]
    ) -> Response[CommandPublic]:
        """The agent speaks these words as they are. The customer may interrupt; the transcript says what was heard."""
        return await _ask(request, interaction_id, "say", text=data.text)

    @post("/whisper", summary="Whisper to the agent", **_COMMANDED)
    async def whisper(
        self, request: ApiRequest, interaction_id: PathId, data: JSONBody[WhisperGiven]
    ) -> Response[CommandPublic]:
        """Something the agent shall know. The customer does not hear it. Engines without a model pass over it."""
        return await _ask(request, interaction_id, "whisper", text=data.text)

    @post("/digits", summary="Press keys", **_COMMANDED)
    async def send_digits(
        self, request: ApiRequest, interaction_id: PathId, data: JSONBody[DigitsGiven]
    ) -> Response[CommandPublic]:
        """Sends the tones of a phone's keys. 409 where the line has none, as from a browser."""
        return await _ask(request, interaction_id, "digits", digits=data.digits)

    @post("/transfer", summary="Transfer the call", **_COMMANDED)
    async def transfer(
        self, request: ApiRequest, interaction_id: PathId, data: JSONBody[TransferGiven]
    ) -> Response[CommandPublic]:
        """The carrier connects the customer with this number; or `warm`: we call it, and the customer stays with us.

        200 says that it was asked to. `call.transferred` in the events says what came of it, its `outcome` being
        completed, declined, voicemail, busy, no_answer, customer_gone or failed: when nobody took the call, the
        agent goes on with the customer. Calls from a browser can be transferred `warm` only.
        """
        async with request.store.read() as db:
            workspace = await agents.workspace(db, request.workspace_id)
            found = await interactions.interaction(db, request.workspace_id, interaction_id)
        if found is None or workspace is None:
            raise missing("interaction")
        try:
            to = identity.normal("phone", data.to, workspace.default_region)
        except identity.NotAnIdentity as error:
            raise Refusal(422, str(error), pointer=pointer("to"), code="not_an_identity") from None
        more = {"warm": True, "briefing": data.briefing} if data.warm else {}
        return await _ask(request, interaction_id, "transfer", to=to, **more)

    @post("/mute", summary="Mute", **_COMMANDED)
    async def mute(
        self, request: ApiRequest, interaction_id: PathId, data: JSONBody[MuteGiven]
    ) -> Response[CommandPublic]:
        """One of them or both do not hear the other, until `unmute`. The recording keeps both."""
        return await _ask(request, interaction_id, "mute", direction=data.direction)

    @post("/unmute", summary="Unmute", **_COMMANDED)
    async def unmute(self, request: ApiRequest, interaction_id: PathId) -> Response[CommandPublic]:
        """Both hear each other again."""
        return await _ask(request, interaction_id, "unmute", direction="both")

    @post("/pause", summary="Pause the agent", **_COMMANDED)
    async def pause(self, request: ApiRequest, interaction_id: PathId) -> Response[CommandPublic]:
        """The agent stops speaking and answers nothing until `resume`; the line stays open and is written down."""
        return await _ask(request, interaction_id, "pause")

    @post("/resume", summary="Let the agent go on", **_COMMANDED)
    async def resume(self, request: ApiRequest, interaction_id: PathId) -> Response[CommandPublic]:
        """The agent answers again, from the customer's next words on."""
        return await _ask(request, interaction_id, "resume")

    @post("/recording/pause", summary="Pause the recording", **_COMMANDED)
    async def pause_recording(self, request: ApiRequest, interaction_id: PathId) -> Response[CommandPublic]:
        """Nothing is kept of what is said until it is resumed, such as a card number; silence stands there."""
        return await _ask(request, interaction_id, "recording_pause")

    @post("/recording/resume", summary="Resume the recording", **_COMMANDED)
    async def resume_recording(self, request: ApiRequest, interaction_id: PathId) -> Response[CommandPublic]:
        """It is recorded again."""
        return await _ask(request, interaction_id, "recording_resume")

    @post("/ticket", opt={"scope": "write", "secret": True}, summary="Get a ticket for a browser call")
    async def sell_ticket(self, request: ApiRequest, interaction_id: PathId) -> TicketPublic:
        """For the browser of the person whom an interaction of channel `web_call` waits for; good once, for a minute.

        Hand `ticket` and `ice_servers` to your page; the key stays with you.
        """
        async with request.store.read() as db:
            found = await interactions.interaction(db, request.workspace_id, interaction_id)
        if found is None:
            raise missing("interaction")
        channel = request.hub.context.channels.get(found.channel)
        if not isinstance(channel, WebCall):
            words = f"This is an interaction by {found.channel}; browser calls are begun with channel web_call."
            raise Refusal(409, words, code="wrong_channel")
        if found.ended_at is not None:
            raise Refusal(409, "This interaction has ended. Begin a new one.", code="ended")
        public_url = request.app.state.settings.hub_public_url or str(request.base_url).rstrip("/")
        return TicketPublic(
            ticket=channel.ticket(found.person, str(found.agent_id or ""), str(found.id), TICKET_SECONDS),
            expires_at=request.clock.now() + timedelta(seconds=TICKET_SECONDS),
            offer_url=f"{public_url}/hooks/web_call",
            ice_servers=channel.ice_servers(found.person),
        )

    @get("/commands", opt={"scope": "read"}, summary="List commands")
    async def list_commands(
        self, request: ApiRequest, interaction_id: PathId, limit: Limit = 50, cursor: Cursor = ""
    ) -> CommandPage:
        """All it was asked to do and what came of it, the newest first."""
        async with request.store.read() as db:
            if await interactions.interaction(db, request.workspace_id, interaction_id) is None:
                raise missing("interaction")
            rows = await listing.newest(
                db, Command, request.workspace_id, col(Command.interaction_id) == interaction_id,
                before=before(cursor), limit=limit + 1,
            )  # fmt: skip
        return CommandPage(**page(rows, limit, command_public, lambda row: row.id))
