"""Settings, read from the environment."""

import secrets
import socket
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from hub.engine import Account


class Settings(BaseSettings):
    """Every setting there is. Names are the environment's, in lower case."""

    model_config = SettingsConfigDict(extra="ignore")

    hub_public_url: str = Field(default="", description="URL as providers see it; signatures are checked against it")
    hub_data_dir: Path = Field(default=Path("data"), description="folder of the embedded database and the secret key")
    hub_database_url: str = Field(default="", description="PostgreSQL; default SQLite in the data folder")
    hub_redis_url: str = Field(default="", description="Redis, needed when more than one process serves")
    hub_secret_key: str = Field(default="", description="seals credentials and signs links; kept in the data folder")
    hub_secret_key_previous: str = Field(
        default="", description="the secret key before this one, until `hub reseal` has run"
    )
    hub_webhook_allow_private: bool = Field(default=False, description="outbound requests may reach private addresses")
    hub_node: str = Field(default="", description="this process's name; stable over restarts")
    hub_ice_servers: str = Field(
        default="", description="stun:, turn: and turns: URLs for browser calls, separated by commas; none by default"
    )
    hub_turn_secret: str = Field(default="", description="secret shared with the TURN server, for passwords of an hour")
    hub_sandbox_url: str = Field(default="", description="the sandbox carrier's own pages, for `hub demo`")
    hub_work: bool = Field(default=True, description="carry out background work in this process")
    hub_max_calls: int = Field(
        default=100, ge=1, description="calls that this process takes at once; who calls then is asked to wait"
    )
    hub_api_rate: float = Field(default=50, gt=0, description="API requests a second that one key may make")
    hub_api_burst: int = Field(default=200, ge=1, description="API requests that one key may make at once")
    hub_email_domain: str = Field(
        default="", description="domain of reply addresses, where SendGrid takes mail; default the mailbox's own"
    )
    openai_api_key: str = Field(default="", description="not needed for a local model server")
    openai_base_url: str = Field(
        default="", description="any OpenAI-compatible endpoint, like http://127.0.0.1:11434/v1"
    )
    deepgram_api_key: str = ""
    deepgram_base_url: str = ""
    elevenlabs_api_key: str = ""
    elevenlabs_base_url: str = ""
    sendgrid_api_key: str = ""
    sendgrid_base_url: str = ""
    sendgrid_event_public_key: str = Field(default="", description="verification key of the Event Webhook")
    sendgrid_timeout_seconds: float = Field(default=10, gt=0, description="how long SendGrid may take to answer")
    twilio_account_sid: str = ""
    twilio_auth_token: str = ""
    twilio_auth_token_previous: str = ""
    twilio_base_url: str = ""
    twilio_timeout_seconds: float = Field(default=10, gt=0, description="how long Twilio may take to answer")

    @field_validator("hub_public_url")
    @classmethod
    def _a_url(cls, value: str) -> str:
        parts = urlsplit(value)
        if value and (parts.scheme not in ("http", "https") or not parts.netloc):
            raise ValueError("write it like https://hub.example.com")
        return value.rstrip("/")

    @property
    def database_url(self) -> str:
        return self.hub_database_url or f"sqlite:///{self.hub_data_dir.absolute() / 'hub.db'}"

    @property
    def secure(self) -> bool:
        """Whether people reach us over TLS, so cookies are for TLS alone."""
        return self.hub_public_url.startswith("https:")

    @property
    def node(self) -> str:
        return self.hub_node or socket.gethostname()

    def secret_key(self) -> str:
        """The secret key; made on first use and kept in the data folder, for its owner's eyes only."""
        if self.hub_secret_key:
            return self.hub_secret_key
        path = self.hub_data_dir / "secret_key"
        self.hub_data_dir.mkdir(parents=True, exist_ok=True)
        try:
            with path.open("x") as file:
                path.chmod(0o600)
                file.write(secrets.token_urlsafe(48))
        except FileExistsError:
            pass
        return path.read_text().strip()

    def accounts(self) -> Mapping[str, Account]:
        """Our own accounts with the vendors of engines, by vendor: those that have a key or an address of their own."""
        given = {
            "openai": Account(self.openai_api_key, self.openai_base_url),
            "deepgram": Account(self.deepgram_api_key, self.deepgram_base_url),
            "elevenlabs": Account(self.elevenlabs_api_key, self.elevenlabs_base_url),
        }
        return {vendor: account for vendor, account in given.items() if account.key or account.base_url}

    def for_channels(self) -> Mapping[str, str]:
        """What channels may know, by environment name."""
        given = {name.upper(): str(value) for name, value in self.model_dump().items()}
        return given | {"HUB_SECRET_KEY": self.secret_key()}
