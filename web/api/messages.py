"""What is said in an interaction, and who may say it."""

from typing import Any
from uuid import UUID

from litestar import Controller, get, post
from litestar.params import JSONBody

from hub.channel import Media
from hub.core import letters
from hub.core.files import media_of
from hub.core.templates import filled
from hub.models import Message, User
from hub.store import access, files, interactions, listing
from web.api.interaction_shapes import (
    ByUser,
    HandBack,
    InteractionPublic,
    MediaGiven,
    MessageCreate,
    MessagePage,
    MessagePublic,
    NoteCreate,
    Said,
    interaction_public,
    message_public,
)
from web.api.paging import Cursor, Limit, after, page
from web.api.refusals import Refusal, missing, pointer
from web.api.request import ApiRequest
from web.api.shapes import PathId
from web.auth import SUPPORT

_OF_LETTERS = ("subject", "cc", "bcc", "quote")


async def _user(request: ApiRequest, user_id: UUID) -> User:
    """This user of the workspace. Raises `Refusal`."""
    async with request.store.read() as db:
        found = await access.user(db, request.workspace_id, user_id)
    if found is None:
        raise missing("user")
    if found.disabled_at is not None:
        raise Refusal(422, f"{found.name} may no longer sign in.", pointer=pointer("user_id"), code="disabled")
    return found


async def operator_of(request: ApiRequest, user_id: UUID) -> User:
    """A user who may answer customers. Raises `Refusal`."""
    found = await _user(request, user_id)
    if found.role not in SUPPORT:
        raise Refusal(
            422, f"{found.name} is a {found.role}; only {' and '.join(sorted(SUPPORT))} users answer customers.",
            pointer=pointer("user_id"), code="role",
        )  # fmt: skip
    return found


async def _channel_of(request: ApiRequest, interaction_id: UUID) -> str:
    async with request.store.read() as db:
        found = await interactions.interaction(db, request.workspace_id, interaction_id)
    if found is None:
        raise missing("interaction")
    return found.channel


async def carried(
    request: ApiRequest, channel: str, data: Said, text: str
) -> tuple[tuple[Media, ...], dict[str, Any]]:  # fmt: skip
    """The attachments of something to say, and what it carries as a letter. Raises `Refusal`, `NotAllowed`."""
    given = data.model_fields_set
    if data.template is not None and (text or data.media):
        raise Refusal(422, "A template has its own text.", pointer=pointer("template"), code="ambiguous")
    named = [name for name in _OF_LETTERS if name in given and getattr(data, name) not in ("", [], None)]
    if named and not request.hub.context.channels[channel].limits.letters:
        words = f"This channel carries no {named[0]}; it is for email."
        raise Refusal(422, words, pointer=pointer(named[0]), code="letters")
    content = letters.around(data.subject, data.cc, data.bcc, quote=data.quote is not False) if named else {}
    return tuple([await _media(request, place, one) for place, one in enumerate(data.media)]), content


async def _media(request: ApiRequest, place: int, given: MediaGiven) -> Media:
    if given.file_id is None:
        return Media(url=given.url or "", content_type=given.content_type, name=given.name)
    async with request.store.read() as db:
        row = await files.file(db, request.workspace_id, given.file_id)
    if row is None:
        words = "There is no file with this id in this workspace."
        raise Refusal(404, words, pointer=pointer("media", place, "file_id"), code="not_found")
    return media_of(row)


class Messages(Controller):
    """The messages of one interaction."""

    path = "/interactions/{interaction_id:uuid}"
    tags = ["Interactions"]

    @get("/messages", opt={"scope": "read"}, summary="List messages")
    async def list_messages(
        self, request: ApiRequest, interaction_id: PathId, limit: Limit = 50, cursor: Cursor = ""
    ) -> MessagePage:
        """In the order they were said, notes among them."""
        async with request.store.read() as db:
            if await interactions.interaction(db, request.workspace_id, interaction_id) is None:
                raise missing("interaction")
            rows = await listing.logged(
                db, Message, request.workspace_id, interaction_id, after=after(cursor), limit=limit + 1
            )
        return MessagePage(**page(rows, limit, message_public, lambda row: row.seq))

    @post("/messages", opt={"scope": "write"}, summary="Say something")
    async def say(self, request: ApiRequest, interaction_id: PathId, data: JSONBody[MessageCreate]) -> MessagePublic:
        """For the agent; or, with `user_id`, as the operator who has taken over. 409 when it has ended.

        Where only a template may go out (WhatsApp, a day after the person last wrote) free text is refused with the
        code `window`.
        """
        operator = await operator_of(request, data.user_id) if data.user_id else None
        text = data.text or (data.content.words() if data.content else "")
        channel = await _channel_of(request, interaction_id)
        media, content = await carried(request, channel, data, text)
        if data.content is not None and (rich := data.content.stored()):
            content["rich"] = rich
        if data.template is not None:
            text, content = await filled(request.hub.context, channel, data.template.id, data.template.variables)
        said = await request.hub.say(
            request.workspace_id, interaction_id, text, operator=operator, media=media,
            choices=data.content.choices if data.content else (), content=content,
        )  # fmt: skip
        return message_public(said)

    @post("/notes", opt={"scope": "write"}, summary="Add a note")
    async def add_note(self, request: ApiRequest, interaction_id: PathId, data: JSONBody[NoteCreate]) -> MessagePublic:
        """For colleagues; the customer never sees it."""
        author = await _user(request, data.user_id) if data.user_id else None
        said = await request.hub.say(request.workspace_id, interaction_id, data.text, operator=author, note=True)
        return message_public(said)

    @post("/take_over", opt={"scope": "write"}, status_code=200, summary="Take over")
    async def take_over(self, request: ApiRequest, interaction_id: PathId, data: JSONBody[ByUser]) -> InteractionPublic:
        """This user answers from now on; the agent is silent. 409 when somebody else does or it has ended."""
        operator = await operator_of(request, data.user_id)
        return interaction_public(await request.hub.take_over(request.workspace_id, interaction_id, operator))

    @post("/hand_back", opt={"scope": "write"}, status_code=200, summary="Hand back")
    async def hand_back(
        self, request: ApiRequest, interaction_id: PathId, data: JSONBody[HandBack]
    ) -> InteractionPublic:
        """The agent answers again, knowing all that was said; an internal note sums it up for colleagues.

        409 when somebody else is answering.
        """
        operator = await operator_of(request, data.user_id)
        return interaction_public(
            await request.hub.hand_back(request.workspace_id, interaction_id, operator, data.note)
        )
