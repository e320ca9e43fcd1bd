"""Credentials: accounts of yours with the vendors of engines."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from litestar import Controller, delete, get, patch, post
from litestar.params import JSONBody
from pydantic import Field

from hub.core import credentials as acts
from hub.models import Credential
from hub.models.credential import Vendor
from hub.store import credentials, listing
from web.api.paging import Cursor, Limit, Page, before, page
from web.api.refusals import Refusal, missing, pointer
from web.api.request import ApiRequest
from web.api.shapes import Name, PathId, Shape, patching, shown

_EXAMPLE = {"vendor": "deepgram", "name": "Our Deepgram", "key": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b"}
_STORED = {
    "id": "0198c0de-0000-7000-8000-000000000050",
    "vendor": "deepgram",
    "name": "Our Deepgram",
    "base_url": "",
    "last_four": "4f1b",
    "created_at": "2026-01-31T09:00:00Z",
    "used_at": "2026-01-31T10:00:00Z",
    "failed_at": None,
    "failure": "",
}
Key = Annotated[str, Field(min_length=acts.FEWEST_KEY, max_length=acts.MOST_KEY, description="Never shown again.")]
BaseUrl = Annotated[str, Field(max_length=500, description="Only where it is not the vendor's own; https.")]


class CredentialCreate(Shape):
    """An account to keep. Its key is sealed and never given back."""

    model_config = shown(_EXAMPLE)
    vendor: Vendor
    name: Name
    key: Key
    base_url: BaseUrl = ""


class CredentialUpdate(Shape):
    """What to change; a field left out stays as it is. Another `base_url` wants the `key` again."""

    model_config = patching({"name": "Our Deepgram, EU"}, {"key": "a3bf4f1b2b0b822cd15d6c15b0f00a089f86d081"})
    name: Name = ""
    key: Key = ""
    base_url: BaseUrl = ""


class CredentialPublic(Shape):
    """An account, without its key."""

    model_config = shown(_STORED)
    id: UUID
    vendor: str
    name: str
    base_url: str
    last_four: str = Field(description="The end of the key, by which people know it.")
    created_at: datetime
    used_at: datetime | None = Field(description="Noted once a minute at most.")
    failed_at: datetime | None
    failure: str = Field(description="Why it failed last; a key that is replaced or works in a test clears it.")


class CredentialPage(Page[CredentialPublic]):
    """Some of the accounts."""


class CredentialTested(Shape):
    """What the vendor says of an account."""

    model_config = shown({"works": True, "words": "deepgram accepts this account."})
    works: bool
    words: str


def public(row: Credential) -> CredentialPublic:
    return CredentialPublic(**{name: getattr(row, name) for name in CredentialPublic.model_fields})


class Credentials(Controller):
    """Credentials."""

    path = "/credentials"
    tags = ["Credentials"]

    @post(opt={"scope": "write"}, summary="Keep an account with a vendor")
    async def create_credential(self, request: ApiRequest, data: JSONBody[CredentialCreate]) -> CredentialPublic:
        """Then choose it by its id: `credential_id` of an agent, of its `call.hearing` and of its `call.speaking`."""
        try:
            made = await acts.add(
                request.hub.context, request.workspace_id, vendor=data.vendor, name=data.name, key=data.key,
                base_url=data.base_url, by=request.user.name,
            )  # fmt: skip
        except acts.BadCredential as error:
            raise _bad(error) from None
        return public(made)

    @get(opt={"scope": "read"}, summary="List accounts with vendors")
    async def list_credentials(self, request: ApiRequest, limit: Limit = 50, cursor: Cursor = "") -> CredentialPage:
        """The newest first."""
        async with request.store.read() as db:
            rows = await listing.newest(db, Credential, request.workspace_id, before=before(cursor), limit=limit + 1)
        return CredentialPage(**page(rows, limit, public, lambda row: row.id))

    @get("/{credential_id:uuid}", opt={"scope": "read"}, summary="Get an account with a vendor")
    async def get_credential(self, request: ApiRequest, credential_id: PathId) -> CredentialPublic:
        """One account, without its key."""
        async with request.store.read() as db:
            found = await credentials.credential(db, request.workspace_id, credential_id)
        if found is None:
            raise missing("credential")
        return public(found)

    @patch("/{credential_id:uuid}", opt={"scope": "write"}, summary="Rename an account or replace its key")
    async def update_credential(
        self, request: ApiRequest, credential_id: PathId, data: JSONBody[CredentialUpdate]
    ) -> CredentialPublic:
        """What is going on uses a new key within moments."""
        given = data.model_dump(exclude_unset=True)
        try:
            row = await acts.change(
                request.hub.context, request.workspace_id, credential_id, by=request.user.name, **given
            )  # fmt: skip
        except acts.BadCredential as error:
            raise _bad(error) from None
        except acts.NoCredential:
            raise missing("credential") from None
        return public(row)

    @delete("/{credential_id:uuid}", opt={"scope": "write"}, summary="Remove an account")
    async def delete_credential(self, request: ApiRequest, credential_id: PathId) -> None:
        """Refused while an agent uses it; the answer names those."""
        try:
            await acts.remove(request.hub.context, request.workspace_id, credential_id, request.user.name)
        except acts.NoCredential:
            raise missing("credential") from None

    @post("/{credential_id:uuid}/test", opt={"scope": "write"}, status_code=200, summary="Try an account")
    async def try_credential(self, request: ApiRequest, credential_id: PathId) -> CredentialTested:
        """Asks the vendor for something small that costs nothing."""
        try:
            tested = await acts.test(request.hub.context, request.workspace_id, credential_id)
        except acts.NoCredential:
            raise missing("credential") from None
        return CredentialTested(works=tested.works, words=tested.words)


def _bad(error: acts.BadCredential) -> Refusal:
    return Refusal(422, str(error), pointer=pointer(error.field), code="bad_credential")
