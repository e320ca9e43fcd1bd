"""What all shapes of the API share: strict fields, examples for the OpenAPI document."""

from typing import Annotated, Any
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from litestar.params import PathParameter
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

PathId = Annotated[UUID, PathParameter(description="An id of this workspace.")]
HTTP_URL = r"^https?://[^\s/]+(/\S*)?$"


class Shape(BaseModel):
    """Something that crosses HTTP; unknown fields are refused."""

    model_config = ConfigDict(extra="forbid")


def shown(*examples: dict[str, Any]) -> ConfigDict:
    """The settings of a shape that is explained by examples."""
    return ConfigDict(extra="forbid", json_schema_extra={"examples": list(examples)})


def patching(*examples: dict[str, Any]) -> ConfigDict:
    """The settings of a PATCH: a field left out stays as it is, so its schema shows no default."""

    def without_defaults(schema: dict[str, Any]) -> None:
        for field in schema.get("properties", {}).values():
            field.pop("default", None)
        schema["examples"] = list(examples)

    return ConfigDict(extra="forbid", json_schema_extra=without_defaults)


def _time_zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"{value!r} is not a time zone; write an IANA name like Europe/Berlin") from None
    return value


TimeZone = Annotated[str, Field(min_length=1, max_length=64, description="IANA name"), AfterValidator(_time_zone)]
Name = Annotated[str, Field(min_length=1, max_length=200)]
Language = Annotated[
    str,
    Field(max_length=35, pattern=r"^([A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*)?$", description="BCP 47 tag; empty: unknown"),
]
