"""Logging: one line per entry on standard error, without personal data."""

import logging

QUIET = ("twilio", "httpx", "aiohttp", "alembic", "sqlalchemy")


def configure(level: str = "INFO") -> None:
    """Set up logging for this process."""
    logging.basicConfig(format="%(asctime)s %(levelname)-7s %(name)s  %(message)s", level=logging.WARNING)
    logging.getLogger("hub").setLevel(level)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
