"""Templates: the texts that may go out when free text may not."""

from typing import Annotated, Literal

from litestar import Controller, get
from litestar.params import QueryParameter
from pydantic import Field

from hub.channel import Template
from hub.core import templates
from web.api.addresses import ChannelName
from web.api.paging import Page
from web.api.request import ApiRequest
from web.api.shapes import Shape, shown

_TEMPLATE = {
    "id": "HX9f86d081884c7d659a2feaa0c55ad015",
    "name": "order_update",
    "language": "en",
    "body": "Hi {{1}}, your order {{2}} is on its way.",
    "variables": {"1": "Ada", "2": "A1001"},
    "category": "utility",
    "status": "approved",
    "buttons": [],
    "reason": "",
    "media": "",
}


class TemplatePublic(Shape):
    """A text that the provider has looked at beforehand; `{{name}}` stands for the places to fill in."""

    model_config = shown(_TEMPLATE)
    id: str
    name: str
    language: str
    body: str
    variables: dict[str, str] = Field(description="Each place, with an example of its value.")
    category: str
    status: str = Field(description="Only `approved` ones can be sent.")
    buttons: list[str]
    reason: str = Field(description="Why it is not approved.")
    media: str = Field(description="The address of the picture that belongs to it.")


class TemplatePage(Page[TemplatePublic]):
    """All of them: there is no next page."""


class Templates(Controller):
    """Templates."""

    path = "/templates"
    tags = ["Addresses"]

    @get(opt={"scope": "read"}, summary="List templates")
    async def list_templates(
        self,
        request: ApiRequest,
        channel: Annotated[ChannelName, QueryParameter(description="Of this channel.")] = "whatsapp",
        refresh: Annotated[
            Literal["true", "false"], QueryParameter(description="true: ask the provider anew.")
        ] = "false",
    ) -> TemplatePage:
        """Those that can be sent first, then by name; what the provider told within the last minutes."""
        if channel not in request.hub.context.channels or not request.hub.context.channels[channel].limits.templates:
            return TemplatePage(data=[], next_cursor=None)
        found = await templates.listed(request.hub.context, channel, anew=refresh == "true")
        return TemplatePage(data=[public(one) for one in found], next_cursor=None)


def public(found: Template) -> TemplatePublic:
    return TemplatePublic(**{name: getattr(found, name) for name in TemplatePublic.model_fields})
