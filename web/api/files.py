"""Files to attach to messages, and those that came with them."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from litestar import Controller, Response, get, post
from litestar.params import QueryParameter
from pydantic import Field

from hub.channel import File
from hub.core.files import MOST_NAME_CHARACTERS, take_up
from web.api.refusals import Malformed
from web.api.request import ApiRequest
from web.api.shapes import PathId, Shape, shown
from web.files import answer

MOST_FILE_BYTES = 10_000_000


class FilePublic(Shape):
    """A file of yours."""

    model_config = shown(
        {
            "id": "0198c0de-0000-7000-8000-000000000023",
            "name": "map.png",
            "content_type": "image/png",
            "size_bytes": 48_213,
            "created_at": "2026-01-31T09:00:00Z",
        }
    )
    id: UUID
    name: str
    content_type: str = Field(description="As you said.")
    size_bytes: int
    created_at: datetime


class Files(Controller):
    """Files of a workspace."""

    path = "/files"
    tags = ["Interactions"]

    @post(opt={"scope": "write"}, request_max_body_size=MOST_FILE_BYTES, summary="Upload a file")
    async def upload_file(
        self,
        request: ApiRequest,
        name: Annotated[
            str, QueryParameter(min_length=1, max_length=MOST_NAME_CHARACTERS, description="What it is called.")
        ],
    ) -> FilePublic:
        """The body is the file itself. Its `id`, as `file_id` in `media`, attaches it to any number of messages."""
        data = await request.body()
        if not data:
            raise Malformed("The file is empty: send its bytes as the body.")
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        row = await take_up(request.hub.context, request.workspace_id, File(name, kind, data))
        return FilePublic(**{field: getattr(row, field) for field in FilePublic.model_fields})

    @get("/{file_id:uuid}", opt={"scope": "read"}, summary="Download a file")
    async def download_file(self, request: ApiRequest, file_id: PathId) -> Response[bytes]:
        """One you uploaded, or the `file_id` in the `media` of a message. What may run as a page has no type."""
        return await answer(request, request.workspace_id, file_id, download=True)
