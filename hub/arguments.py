"""What a tool is called with, held against its JSON Schema."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import msgspec

MOST_BYTES = 64_000
MOST_COMPLAINTS = 5
_SCALARS = (str, int, float, bool)


class NotASchema(ValueError):
    """It is no JSON Schema of an object; the text says why."""


def check_schema(schema: Mapping[str, Any]) -> None:
    """Raises `NotASchema`."""
    if schema and schema.get("type", "object") != "object":
        raise NotASchema('Arguments are an object: write {"type": "object", "properties": {...}}.')
    if not isinstance(schema.get("properties", {}), Mapping):
        raise NotASchema("`properties` is an object: the name of each argument, and its schema.")
    _validator(msgspec.json.encode(schema))


def checked(schema: Mapping[str, Any], given: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
    """The arguments as the schema wants them, and what is wrong with them, in words that a model can mend them by.

    What is None was not given. A number that came as its digits is taken as one, and the other way round.
    """
    arguments = {str(name): value for name, value in given.items() if value is not None}
    if len(msgspec.json.encode(arguments, enc_hook=str)) > MOST_BYTES:
        return arguments, f"The arguments are too long: more than {MOST_BYTES:,} bytes."
    if not schema:
        return arguments, ""
    if lacking := [name for name in schema.get("required", []) if arguments.get(name) in (None, "")]:
        return arguments, f"Arguments are missing: {', '.join(map(str, lacking))}."
    properties = schema.get("properties", {})
    arguments = {name: _as_wanted(value, properties.get(name)) for name, value in arguments.items()}
    try:
        faults = list(_validator(msgspec.json.encode(schema)).iter_errors(arguments))
    except NotASchema as error:
        return arguments, f"The tool cannot be called: {error}"
    said = [_complaint(fault) for fault in faults[:MOST_COMPLAINTS]]
    return arguments, f"The arguments do not fit. {' '.join(said)}" if said else ""


def _complaint(fault: Any) -> str:
    where = ".".join(str(part) for part in fault.instance_path)
    return f"{where}: {fault.message[:300]}." if where else f"{fault.message[:300]}."


def _as_wanted(value: Any, schema: Any) -> Any:
    wanted = schema.get("type") if isinstance(schema, Mapping) else None
    if not isinstance(wanted, str) or not isinstance(value, _SCALARS):
        return value
    text = ("true" if value else "false") if isinstance(value, bool) else str(value)
    if wanted == "string":
        return text
    if wanted == "boolean" and isinstance(value, str):
        return {"true": True, "yes": True, "false": False, "no": False}.get(text.strip().lower(), value)
    if wanted in ("integer", "number") and isinstance(value, str):
        try:
            return int(text) if wanted == "integer" or text.strip().lstrip("-").isdigit() else float(text)
        except ValueError:
            return value
    return value


@lru_cache(maxsize=1_000)
def _validator(schema: bytes) -> Any:
    """Of a schema as JSON. It fetches nothing, and its patterns take linear time."""
    import jsonschema_rs

    try:
        return jsonschema_rs.validator_for(
            msgspec.json.decode(schema), offline=True, pattern_options=jsonschema_rs.RegexOptions()
        )
    except (ValueError, jsonschema_rs.ReferencingError) as error:
        raise NotASchema(f"It is no JSON Schema: {str(error).splitlines()[0][:300]}") from error
