"""Email by Twilio SendGrid: Inbound Parse, the Event Webhook, and the Mail Send API.

https://www.twilio.com/docs/sendgrid/for-developers/parsing-email/setting-up-the-inbound-parse-webhook
"""

from collections.abc import Mapping
from uuid import UUID

from channels import _email_compose as compose
from channels import _email_unsubscribe as unsubscribe
from channels._email_events import Signature, reports
from channels._email_letter import Letter
from channels._email_reader import Reader
from channels._email_send import Sending
from channels._email_tokens import Tokens, is_reply_address
from hub.channel import Channel, Hook, Inbound, Limits, Outbound, Refused, Reply

MOST_ATTACHED_BYTES = 20_000_000
"""A mail may have 30 MB, and what is attached grows by a third on its way.

https://www.twilio.com/docs/sendgrid/api-reference/mail-send/limitations
"""
_ROOT = "/hooks/email/"


class Email(Channel):
    """Mail to and from mailboxes."""

    name = "email"
    label = "Email"
    identity = "email"
    limits = Limits(
        length=50_000, media_count=20, media_bytes=MOST_ATTACHED_BYTES, receipts=True, inline_files=True, letters=True,
        billed_by="sendgrid",
    )  # fmt: skip
    settings = ("SENDGRID_API_KEY", "SENDGRID_EVENT_PUBLIC_KEY")

    def __init__(self, settings: Mapping[str, str]) -> None:
        self._tokens = Tokens(settings["HUB_SECRET_KEY"])
        self._signature = Signature(settings.get("SENDGRID_EVENT_PUBLIC_KEY", ""))
        self._sending, self._reader = Sending(settings), Reader()
        self._public_url = settings.get("HUB_PUBLIC_URL", "").rstrip("/")
        self._domain = settings.get("HUB_EMAIL_DOMAIN", "").strip().lower().lstrip("@")

    def hook_path(self, address_id: UUID) -> str:
        return _ROOT + self._tokens.of("parse", address_id)

    def keeps(self, hook: Hook) -> str:
        rest = hook.path.removeprefix(_ROOT)
        if hook.method != "POST" or rest == "events" or rest.startswith("unsubscribe/"):
            return ""
        return self._address(rest)

    async def receive(self, hook: Hook) -> Reply:
        """`/hooks/email/{token}` takes mail, `/events` reports of what we sent, `/unsubscribe/{token}` refusals."""
        rest = hook.path.removeprefix(_ROOT) if hook.path.startswith(_ROOT) else ""
        if rest == "events":
            self._signature.verify(hook)
            return Reply(events=tuple(reports(hook.body)), status=204)
        if rest.startswith("unsubscribe/"):
            return self._unsubscribe(hook, rest.removeprefix("unsubscribe/"))
        self._address(rest)
        if hook.method != "POST":
            raise Refused("SendGrid posts mail here.", 405)
        return Reply(events=(self._inbound(await self._reader.read(hook.headers.get("content-type", ""), hook.body)),))

    async def send(self, outbound: Outbound) -> str:
        domain = self._domain or outbound.sender.rpartition("@")[2]
        self._sending.must_be_configured()
        mail = compose.mail(
            outbound,
            domain=domain,
            reply_to=self._tokens.reply_address(outbound.interaction_id, domain),
            unsubscribe=f"{self._public_url}{_ROOT}unsubscribe/{self._tokens.of('unsubscribe', outbound.id)}",
        )
        await self._sending.send(mail)
        return compose.message_id(outbound, domain)

    async def warm_up(self) -> None:
        await self._sending.warm_up()

    def _address(self, token: str) -> str:
        """The address that a Parse URL is of. Raises `Refused(404)`."""
        found = self._tokens.read("parse", token)
        if not found:
            raise Refused("There is no mailbox at this URL. Copy it from Settings, Addresses.", 404)
        return found

    def _inbound(self, letter: Letter) -> Inbound:
        to = [address for address in letter.recipients if not is_reply_address(address)]
        plain = [_without_tag(address) for address in to if "+" in address]
        first, *others = dict.fromkeys([*to, *plain]) or [""]
        return Inbound(
            channel=self.name,
            kind="message",
            external_id=letter.id,
            sender=letter.sender.address,
            sender_name=letter.sender.name,
            recipient=first,
            also=tuple(others),
            subject=letter.subject,
            text=letter.text,
            html=letter.html,
            files=letter.files,
            thread=f"{letter.sender.address}:{letter.id}",
            about=self._tokens.answered(letter.recipients),
            replies_to=letter.answers,
            proven=letter.proven,
            automatic=letter.automatic,
            content={"mail": dict(letter.mail)},
            data={"message_id": letter.id, "recipients": list(letter.recipients)},
        )

    def _unsubscribe(self, hook: Hook, token: str) -> Reply:
        message_id = self._tokens.read("unsubscribe", token)
        if not message_id:
            raise Refused("This link is not valid. Use the one in the newest mail you got.", 404)
        if hook.method != "POST":
            return unsubscribe.ask()
        refusal = Inbound(
            channel=self.name, kind="status", external_id=f"unsubscribe:{message_id}", about=message_id,
            opted_out=True, source="unsubscribe", words="The customer used the unsubscribe link.",
        )  # fmt: skip
        return Reply(events=(refusal,), body=unsubscribe.done(), media_type="text/html; charset=utf-8")


def _without_tag(address: str) -> str:
    local, _, domain = address.rpartition("@")
    return f"{local.partition('+')[0]}@{domain}"
