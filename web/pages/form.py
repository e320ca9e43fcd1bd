"""What a browser's form says: text that can be stored, files, and complaints by field in plain words."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, TypeVar
from uuid import UUID

from litestar.datastructures import UploadFile
from litestar.exceptions import ClientException, HTTPException, NotFoundException
from litestar.params import QueryParameter
from pydantic import ValidationError

from web.pages.page import AnyRequest

Thing = TypeVar("Thing")
Place = Annotated[int, QueryParameter(ge=0, le=2**31 - 1)]
"""A place in the log of an interaction, in an address."""
Errors = dict[str, str]
"""Complaints by the name of the field they are about; "" is about the whole form."""


class Form:
    """The fields of a form, with Unix line ends."""

    def __init__(
        self, texts: Mapping[str, list[str]], files: Mapping[str, UploadFile], uploads: Sequence[UploadFile] = ()
    ) -> None:  # fmt: skip
        self._texts, self.files, self.uploads = texts, files, list(uploads)

    def __contains__(self, name: str) -> bool:
        return name in self._texts

    def names(self) -> list[str]:
        return list(self._texts)

    def raw(self, name: str, default: str = "") -> str:
        """The last value of this name as it was typed."""
        return self._texts[name][-1] if name in self._texts else default

    def text(self, name: str, default: str = "") -> str:
        """The last value of this name, trimmed."""
        return self.raw(name, default).strip()

    def all(self, name: str) -> list[str]:
        """Every value of this name, such as of ticked boxes."""
        return self._texts.get(name, [])

    def on(self, name: str) -> bool:
        """Whether a checkbox is ticked."""
        return self.text(name) not in ("", "off", "0")

    def under(self, prefix: str) -> dict[str, str]:
        """The fields whose name begins so, without the beginning."""
        return {name[len(prefix) :]: self.text(name) for name in self._texts if name.startswith(prefix)}


async def read(request: AnyRequest) -> Form:
    """The form of a request. Raises `ClientException` (400) when it is none or holds what is no text."""
    try:
        given = await request.form()
    except HTTPException:
        raise
    except Exception as error:
        raise ClientException(f"The form cannot be read: {type(error).__name__}. Send it again.") from error
    texts: dict[str, list[str]] = {}
    files: dict[str, UploadFile] = {}
    uploads: list[UploadFile] = []
    for name, value in given.multi_items():
        if isinstance(value, UploadFile):
            files[name] = value
            uploads.append(value)
        else:
            text = str(value).replace("\r\n", "\n")
            if not storable(name + text):
                raise ClientException(f"The field {name[:60]!r} holds characters that are no text. Remove them.")
            texts.setdefault(name, []).append(text)
    return Form(texts, files, uploads)


def storable(text: str) -> bool:
    """Whether every database takes it: no NUL, no lone surrogates."""
    return "\0" not in text and not any("\ud800" <= char <= "\udfff" for char in text)


def uuid_or_404(given: str) -> UUID:
    """An id out of a URL. Raises `NotFoundException` for what cannot be one."""
    try:
        return UUID(given)
    except ValueError:
        raise NotFoundException("There is nothing at this address.") from None


def found(thing: Thing | None, what: str) -> Thing:
    """The thing, which must be there: else a page that says that it is not."""
    if thing is None:
        raise NotFoundException(f"There is no such {what}. It may have been removed.")
    return thing


def complaints(error: ValidationError) -> Errors:
    """What is wrong with data, by dotted path, in words for people."""
    return {".".join(map(str, fault["loc"])): words(fault) for fault in reversed(error.errors())}


def words(fault: Any) -> str:
    """One complaint of Pydantic in plain words."""
    context = fault.get("ctx") or {}
    match fault["type"]:
        case "string_too_short" | "missing":
            return "This is needed: fill it in."
        case "string_too_long":
            return f"At most {context['max_length']:,} characters; this has {len(fault['input']):,}."
        case "string_pattern_mismatch":
            return "Use letters, digits and _ only, beginning with a letter, at most 64."
        case "extra_forbidden":
            return f"There is no setting called {fault['loc'][-1]!r} here. Remove it or check its spelling."
        case "greater_than_equal":
            return f"At least {context['ge']:,}."
        case "less_than_equal":
            return f"At most {context['le']:,}."
        case "literal_error":
            return f"One of {context['expected']} is expected."
        case "int_parsing" | "int_type" | "int_from_float":
            return "A whole number is expected."
        case "float_parsing" | "float_type" | "finite_number":
            return "A number is expected."
        case "bool_parsing" | "bool_type":
            return "true or false is expected."
        case "string_type":
            return "A text is expected."
        case "list_type":
            return "A list [ ... ] is expected."
        case "dict_type" | "model_type" | "model_attributes_type":
            return "An object { ... } is expected."
        case "too_long":
            return f"At most {context['max_length']} are possible."
        case "value_error":
            text = str(context.get("error", fault["msg"]))
            return text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".")
    return str(fault["msg"])
