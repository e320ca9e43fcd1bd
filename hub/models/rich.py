"""What a message may show beside its text where the person's own client can: quick replies, cards, a form.

It is kept as JSON under `rich` in `Message.content`. Nothing of it is markup: clients show it as text.
"""

import re
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

FormFieldType = Literal["text", "name", "email", "phone", "number", "date", "choice"]
_URL = re.compile(r"https?://[^\s/\"'<>\\]+(/[^\s\"'<>\\]*)?")


def _web_address(value: str) -> str:
    if value and not _URL.fullmatch(value):
        raise ValueError("write a web address that begins with https:// or http://")
    return value


class Button(BaseModel):
    """Opens `url`, or says `say` for the person."""

    model_config = ConfigDict(extra="forbid")
    label: str = Field(min_length=1, max_length=60)
    url: str = Field(default="", max_length=2_000)
    say: str = Field(default="", max_length=200)

    _checked = field_validator("url")(_web_address)

    @model_validator(mode="after")
    def _does_one_thing(self) -> "Button":
        if bool(self.url) == bool(self.say):
            raise ValueError("a button needs either a url to open or something to say")
        return self


class Card(BaseModel):
    """A title with text, picture and buttons."""

    model_config = ConfigDict(extra="forbid")
    title: str = Field(min_length=1, max_length=120)
    text: str = Field(default="", max_length=1_000)
    image: str = Field(default="", max_length=2_000, description="https address of a picture")
    buttons: list[Button] = Field(default=[], max_length=4)

    _checked = field_validator("image")(_web_address)


class FormField(BaseModel):
    """One thing to be filled in; `minimum` and `maximum` bound a number."""

    model_config = ConfigDict(extra="forbid")
    name: str = Field(pattern=r"^[A-Za-z][A-Za-z0-9_ ]{0,63}$")
    label: str = Field(min_length=1, max_length=120)
    type: FormFieldType = "text"
    required: bool = True
    choices: list[str] = Field(default=[], max_length=100)
    minimum: float | None = None
    maximum: float | None = None

    @model_validator(mode="after")
    def _has_choices(self) -> "FormField":
        if (self.type == "choice") != bool(self.choices):
            raise ValueError("a field of type choice needs choices, and no other has them")
        if any(not 0 < len(choice.strip()) <= 200 for choice in self.choices):
            raise ValueError("a choice has 1 to 200 characters")
        return self


class FormSpec(BaseModel):
    """A form that is answered as one message."""

    model_config = ConfigDict(extra="forbid")
    title: str = Field(default="", max_length=120)
    fields: list[FormField] = Field(min_length=1, max_length=12)
    submit: str = Field(default="Send", min_length=1, max_length=40)

    @field_validator("fields")
    @classmethod
    def _named_once(cls, value: list[FormField]) -> list[FormField]:
        if len({field.name for field in value}) < len(value):
            raise ValueError("each field needs a name of its own")
        return value


class Rich(BaseModel):
    """All of it. `choices` are quick replies; they stand in `Message.choices`."""

    model_config = ConfigDict(extra="forbid")
    choices: list[str] = Field(default=[], max_length=20)
    cards: list[Card] = Field(default=[], max_length=10)
    form: FormSpec | None = None

    @field_validator("choices")
    @classmethod
    def _short(cls, value: list[str]) -> list[str]:
        if any(not 0 < len(choice.strip()) <= 200 for choice in value):
            raise ValueError("a quick reply has 1 to 200 characters")
        return value

    def stored(self) -> dict[str, Any]:
        """As `Message.content` keeps it; empty when there is nothing but choices."""
        return self.model_dump(exclude_defaults=True, exclude={"choices"})

    def words(self) -> str:
        """It in words, for lists, search and whoever cannot see it."""
        titles = [card.title for card in self.cards]
        return "\n".join([*titles, *([self.form.title or "Please fill in the form."] if self.form else [])])
