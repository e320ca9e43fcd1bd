"""The database schema's history; `upgrade` brings a database to its newest state."""

from pathlib import Path

from alembic import command
from alembic.config import Config


def config(url: str) -> Config:
    """Alembic's configuration for this database; no ini file is needed."""
    made = Config()
    made.set_main_option("script_location", str(Path(__file__).parent))
    made.set_main_option("sqlalchemy.url", url.replace("%", "%%"))
    return made


def upgrade(url: str) -> None:
    """Bring the database at this (async) URL to the newest schema. Must not run inside an event loop."""
    command.upgrade(config(url), "head")
