"""People who write mail, for tests: through the sandbox's own Inbound Parse, to a hub in this process."""

import asyncio
import base64
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from sqlmodel import col, select

from fixtures.sandbox.sendgrid import parse
from hub.models import Address, Mail, Message
from tests.fakes import FakeClock
from tests.world import House, Sandbox, eventually, house

OURS = "help@clinic.example"
ANA = "ana@people.example"
BEN = "ben@people.example"


class Post:
    """The mail of a house: its mailbox, and what people do with theirs."""

    def __init__(self, hub: House, address_id: UUID) -> None:
        self.hub, self.sandbox, self.records = hub, hub.sandbox, hub.records
        self.address_id = address_id
        self.path = hub.hub.context.channels["email"].hook_path(address_id)

    async def writes(self, person: str, text: str = "", *, wait: bool = True, **more: Any) -> dict[str, Any]:
        """A person mails us; what the sandbox knows of it. `wait`: until everything has been answered."""
        asked = {"from": person, "to": [OURS], "text": text, "subject": "Hello", **more}
        if "answers" in more:
            asked = {"from": person, "text": text, **more}
        told = dict(await self.sandbox.ask("POST", "/control/mail/inbound", asked))
        if wait:
            await self.hub.settled()
        return told

    async def posts(self, raw: bytes, *, wait: bool = True, path: str = "", **fields: str) -> int:
        """This very mail is posted, with the form's other fields as given; how it was answered."""
        given = {"dkim": "none", "SPF": "none", "envelope": json.dumps({"to": [OURS], "from": "x@people.example"})}
        pairs = [(name, value.encode()) for name, value in {**given, **fields}.items()]
        content_type, body = parse.multipart([*pairs, ("email", raw)], [])
        return await self.posts_form(content_type, body, wait=wait, path=path)

    async def posts_form(self, content_type: str, body: bytes, *, wait: bool = True, path: str = "") -> int:
        answer = await self.hub.http.post(path or self.path, content=body, headers={"content-type": content_type})
        if wait:
            await self.hub.settled()
        return answer.status_code

    async def gets(self, person: str, at_least: int = 0) -> list[dict[str, Any]]:
        """The mails of ours that this person has; waits for so many."""
        query = urlencode({"to": person, "at_least": at_least, "wait_ms": 10_000})
        return list((await self.sandbox.ask("GET", f"/control/mail/messages?{query}"))["messages"])

    async def tries(self, person: str) -> list[dict[str, Any]]:
        """The requests to send that came, whatever became of them."""
        return list((await self.sandbox.ask("GET", f"/control/mail/calls?{urlencode({'to': person})}"))["calls"])

    async def behave(self, **rule: Any) -> None:
        await self.sandbox.ask("POST", "/control/mail/behaviour", rule)

    async def event(self, mail: dict[str, Any], kind: str, **fields: Any) -> dict[str, Any]:
        """SendGrid tells us something about a mail of ours."""
        asked = {"id": mail["id"], "event": kind, "fields": fields}
        told = dict(await self.sandbox.ask("POST", "/control/mail/events", asked))
        await self.hub.settled()
        return told

    async def letters(self, *conditions: Any) -> list[Message]:
        """Everything that was said by mail, oldest first."""
        async with self.hub.store.read() as db:
            query = select(Message).where(Message.channel == "email", *conditions)
            return list((await db.exec(query.order_by(col(Message.created_at), col(Message.id)))).all())

    async def letter(self, *conditions: Any) -> Message:
        found = await self.letters(*conditions)
        assert len(found) == 1, [(one.role, one.text) for one in found]
        return found[0]

    async def waiting(self) -> list[Mail]:
        """Raw mails that are not dealt with."""
        return list(await self.records.all(Mail))

    async def becomes(self, message: Message, status: str) -> Message:
        async def ask() -> Message:
            return await self.letter(Message.id == message.id)

        return await eventually(ask, lambda found: found.status == status)


def mime(**headers: str) -> bytes:
    """A small plain mail with these headers (`from_` is From) and a body."""
    body = headers.pop("body", "Hello there")
    given = {"From": f"Ana <{ANA}>", "To": OURS, "Subject": "Hello"}
    given |= {name.rstrip("_").replace("_", "-"): value for name, value in headers.items()}
    lines = [f"{name}: {value}" for name, value in given.items() if value]
    return "\r\n".join([*lines, "", body]).encode()


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


async def mailbox(hub: House) -> Post:
    """Give this hub a mailbox, to which the sandbox posts mail."""
    async with hub.store.write() as db:
        address = Address(
            workspace_id=hub.home.workspace_id, channel="email", value=OURS, agent_id=hub.home.agent_id
        )  # fmt: skip
        db.add(address)
    made = Post(hub, address.id)
    await hub.sandbox.ask("POST", "/control/mail/routes", {"address": OURS, "url": hub.url + made.path})
    await hub.sandbox.ask("POST", "/control/mail/hub", {"url": hub.url})
    return made


@contextlib.asynccontextmanager
async def post_office(
    database_url: str, sandbox: Sandbox, clock: FakeClock, folder: Path, **more: Any
) -> AsyncIterator[Post]:
    """A hub with a mailbox, and the sandbox posting mail to it."""
    async with house(database_url, sandbox, clock, folder, **more) as hub:
        yield await mailbox(hub)
        await asyncio.sleep(0)
