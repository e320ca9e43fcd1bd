"""How an agent speaks and listens on a call: engines, patience, interruption, quiet, limits."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

Options = dict[str, str | int | float | bool]


class Hearing(BaseModel):
    """The engine that turns the customer's speech into words; `auto`: the best there is, see `hub.engines.choice`.

    `fallbacks` are tried in their order when it fails; without any, what else there is. `language` is what it listens
    for, where that is not the agent's own (`multi`, where an engine knows several). `credential_id` is the account of
    yours that it uses; null: ours.
    """

    model_config = ConfigDict(extra="forbid")
    engine: str = "auto"
    credential_id: UUID | None = None
    fallbacks: list[str] = []
    language: str = Field(default="", max_length=35)
    keywords: list[str] = Field(default=[], max_length=200)
    options: Options = {}


class Speaking(BaseModel):
    """The engine that speaks; `auto`, `fallbacks` and `credential_id` as for hearing.

    `voices` says with which of its voices each engine speaks, by the engine's name; `voice` is the named engine's own.
    """

    model_config = ConfigDict(extra="forbid")
    engine: str = "auto"
    credential_id: UUID | None = None
    fallbacks: list[str] = []
    voice: str = Field(default="", max_length=200)
    voices: dict[str, Annotated[str, Field(max_length=200)]] = Field(default={}, max_length=20)
    speed: float = Field(default=1.0, ge=0.5, le=2.0)
    options: Options = {}


class VadConfig(BaseModel):
    """Voice activity detection.

    `confidence` is how sure it must be that a sound is speech, `min_volume` how loud it must be (0 to 1 each);
    `start_secs` of it begin speech, `stop_secs` of quiet end it.
    """

    model_config = ConfigDict(extra="forbid")
    confidence: float = Field(default=0.7, ge=0, le=1)
    start_secs: float = Field(default=0.1, ge=0.02, le=2)
    stop_secs: float = Field(default=0.6, ge=0.1, le=5)
    min_volume: float = Field(default=0.3, ge=0, le=1)


class TurnTaking(BaseModel):
    """When the customer has finished, and when they interrupt.

    `end_of_turn`: the engine's own sign where it gives one (`engine`), or quiet (`silence`).
    `smart_turn_enabled`: patience depends on what was said. `eager_turn_enabled`: think on a likely end already.
    `interruption_sensitivity`: 0 never, 1 at once; with `interruption_words` not before so many were understood.
    `acknowledgements` never interrupt; empty: those of the language.
    `resume_after_seconds`: an interruption without words was none, the agent goes on.
    """

    model_config = ConfigDict(extra="forbid")
    vad_config: VadConfig = VadConfig()
    end_of_turn: Literal["engine", "silence"] = "engine"
    smart_turn_enabled: bool = True
    eager_turn_enabled: bool = True
    interruption_sensitivity: float = Field(default=0.8, ge=0, le=1)
    interruption_words: int = Field(default=0, ge=0, le=10)
    acknowledgements: list[str] = Field(default=[], max_length=100)
    resume_after_seconds: float = Field(default=1.0, ge=0.3, le=10)


class Keypad(BaseModel):
    """When the keys that a customer presses are one answer: at `end_key`, after so many, or so long after the last."""

    model_config = ConfigDict(extra="forbid")
    end_key: Literal["#", "*", ""] = "#"
    timeout_seconds: float = Field(default=1.5, ge=0.3, le=20)
    most_keys: int = Field(default=64, ge=1, le=64)


class Call(BaseModel):
    """All that concerns sound; texts do not see it. Its messages may hold `{{name}}`.

    `consent_message` is said first and cannot be interrupted. The agent's first words come `opening_delay_seconds`
    after that, or when the customer has said something. `filler_messages` are said when an answer takes longer than
    `filler_after_seconds`, `apology_message` when none can be given. `idle_seconds` of quiet make the agent ask
    whether somebody is there, with `idle_messages`, else in its own words, `idle_checks` times in a row at most;
    `silence_hangup_seconds` of it end the call. `goodbye_phrases` of the customer end it politely.
    `screening_message` is said when a phone's call screening asks who calls and why.
    `transfer_to` is a number for who wants a person; `transfer_warm`: its owner is briefed first, and takes the call
    or not. `transfer_message` is said when an operator or a program asks for such a transfer,
    `transfer_failed_message` when nobody took the call, `transfer_over_message` after the person has hung up.
    """

    model_config = ConfigDict(extra="forbid")
    hearing: Hearing = Hearing()
    speaking: Speaking = Speaking()
    turn_taking: TurnTaking = TurnTaking()
    keypad: Keypad = Keypad()
    opening_delay_seconds: float = Field(default=0, ge=0, le=30)
    opening_interruptible: bool = True
    consent_message: str = Field(default="", max_length=1_000)
    record: bool = True
    backchannel_enabled: bool = False
    backchannel_words: list[str] = Field(default=["mm-hm", "I see", "right"], max_length=20)
    filler_after_seconds: float = Field(default=1.5, ge=0.3, le=4)
    filler_messages: list[str] = Field(default=["One moment, please.", "Let me see."], max_length=20)
    repeat_messages: list[str] = Field(
        default=["Sorry, I did not catch that. Could you say it again?", "Could you repeat that, please?"],
        max_length=20,
    )
    apology_message: str = Field(
        default="I am sorry, I have trouble answering just now. Please stay on the line, or call again in a moment.",
        max_length=1_000,
    )
    idle_seconds: float = Field(default=10, ge=2, le=600)
    idle_messages: list[str] = Field(default=[], max_length=20)
    idle_checks: int = Field(default=5, ge=0, le=50)
    silence_hangup_seconds: float = Field(default=60, ge=5, le=3_600)
    goodbye_phrases: list[str] = Field(default=[], max_length=50)
    max_duration_seconds: int = Field(default=1_800, ge=10, le=4 * 3_600)
    wrap_up_seconds: int = Field(default=60, ge=0, le=600)
    wrap_up_message: str = Field(default="We are almost out of time for this call.", max_length=500)
    time_up_message: str = Field(default="Our time is up, so I have to end the call here. Goodbye!", max_length=500)
    screening_message: str = Field(default="", max_length=500)
    voicemail_message: str = Field(default="", max_length=2_000)
    hold_message: str = Field(default="A colleague will be with you shortly. Please stay on the line.", max_length=500)
    transfer_to: str = Field(default="", max_length=40)
    transfer_warm: bool = False
    transfer_message: str = Field(default="I connect you, one moment.", max_length=500)
    transfer_failed_message: str = Field(
        default="I could not reach them just now. I am still here: how would you like to go on?", max_length=500
    )
    transfer_over_message: str = Field(
        default="You are with me again. Is there anything else I can do for you?", max_length=500
    )
