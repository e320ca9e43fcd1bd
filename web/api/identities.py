"""What customers are known by: taking one away, and proof by a one-time code."""

from datetime import datetime
from uuid import UUID

from litestar import Controller, delete, post
from litestar.params import JSONBody
from pydantic import Field

from hub.core import customers, verifying
from hub.core.deliver import deliver
from hub.models.customer import IdentityKind
from web.api.customers import IdentityPublic, identity_public
from web.api.request import ApiRequest
from web.api.shapes import PathId, Shape, shown


class VerificationCreate(Shape):
    """Where to send a code: a phone number by SMS, or a mailbox."""

    model_config = shown({"kind": "phone", "value": "+12025550141"})
    kind: IdentityKind
    value: str = Field(min_length=1, max_length=320, description="Need not be known to be the customer's.")


class VerificationPublic(Shape):
    """A code on its way. It has six digits, and nobody but the customer sees it."""

    model_config = shown(
        {
            "id": "0198c0de-0000-7000-8000-000000000031",
            "kind": "phone",
            "value": "+12025550141",
            "channel": "sms",
            "interaction_id": "0198c0de-0000-7000-8000-000000000020",
            "expires_at": "2026-01-31T09:10:00Z",
        }
    )
    id: UUID
    kind: str
    value: str
    channel: str
    interaction_id: UUID = Field(description="In which it is sent: its message tells whether it arrived.")
    expires_at: datetime


class CodeGiven(Shape):
    """What the customer typed or said: anything but its digits is passed over."""

    model_config = shown({"code": "123456"})
    code: str = Field(min_length=1, max_length=200)


class Identities(Controller):
    """Identities of one customer."""

    path = "/customers/{customer_id:uuid}"
    tags = ["Customers"]

    @delete("/identities/{identity_id:uuid}", opt={"scope": "write"}, summary="Take an identity away")
    async def remove_identity(self, request: ApiRequest, customer_id: PathId, identity_id: PathId) -> None:
        """They are recognised by it no more; what was said by it stays with them."""
        context = request.hub.context
        await customers.remove_identity(context, request.workspace_id, customer_id, identity_id, by=request.user.name)

    @post("/verifications", opt={"scope": "write"}, summary="Send a one-time code")
    async def send_code(
        self, request: ApiRequest, customer_id: PathId, data: JSONBody[VerificationCreate]
    ) -> VerificationPublic:
        """Six digits, good for 10 minutes and 5 tries; at most 3 in 10 minutes to one customer or address."""
        context = request.hub.context
        sent = await verifying.send_code(
            context, request.workspace_id, customer_id, data.kind, data.value, by=request.user.name
        )
        context.spawn(deliver(context, sent.by_interaction_id))
        made = sent.verification
        return VerificationPublic(
            id=made.id, kind=made.kind, value=made.value, channel=made.channel, expires_at=made.expires_at,
            interaction_id=sent.by_interaction_id,
        )  # fmt: skip

    @post("/verifications/check", opt={"scope": "write"}, status_code=200, summary="Check a one-time code")
    async def check_code(
        self, request: ApiRequest, customer_id: PathId, data: JSONBody[CodeGiven]
    ) -> IdentityPublic:  # fmt: skip
        """The identity that it proves to be theirs; verified from now on. 409 when it is wrong or over.

        If another record is known by it, the two become one, unless both have a verified identity.
        """
        proved = await verifying.check_code(
            request.hub.context, request.workspace_id, customer_id, data.code, by=request.user.name
        )
        return identity_public(proved)
