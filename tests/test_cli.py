"""The `hub` command: what it says, and what it answers when something is missing."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

PASSWORD = "correct horse battery"


def hub(folder: Path, *words: str, **settings: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("HUB_", "TWILIO_"))}
    environment |= {"HUB_DATA_DIR": str(folder), **settings}
    command = [sys.executable, "-m", "web.cli", *words]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, "HUB_PUBLIC_URL is not set. Give the URL that people and providers reach this server at."),
        ({"TWILIO_ACCOUNT_SID": "AC1"}, "TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN belong together"),
    ],
)
def test_the_server_does_not_start_half_configured(tmp_path: Path, settings: dict[str, str], words: str) -> None:
    ended = hub(tmp_path, "serve", "--port", "0", **settings)
    assert ended.returncode == 1
    assert "does not start half configured" in ended.stdout
    assert words in ended.stdout


def test_several_processes_need_redis(tmp_path: Path) -> None:
    ended = hub(tmp_path, "serve", "--processes", "2", HUB_PUBLIC_URL="http://127.0.0.1:9")
    assert ended.returncode == 1
    assert "HUB_REDIS_URL" in ended.stdout


@pytest.mark.parametrize("url", ["example.com", "ftp://example.com", "https://"])
def test_a_public_url_that_is_none_is_explained(tmp_path: Path, url: str) -> None:
    ended = hub(tmp_path, "check", HUB_PUBLIC_URL=url)
    assert ended.returncode != 0
    assert "https://hub.example.com" in ended.stdout + ended.stderr


def test_check_goes_from_nothing_to_ready(tmp_path: Path) -> None:
    public = {"HUB_PUBLIC_URL": "https://hub.example.com"}
    first = hub(tmp_path, "check")
    assert first.returncode == 1
    assert "MISSING HUB_PUBLIC_URL" in first.stdout
    assert "run `hub migrate`" in first.stdout
    assert "Channel sms is off. To switch it on set TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN." in first.stdout
    migrated = hub(tmp_path, "migrate")
    assert (migrated.returncode, migrated.stdout.split(":")[0]) == (0, "The database is up to date")
    assert "No user yet" in hub(tmp_path, "check", **public).stdout
    added = hub(tmp_path, "user", "add", "Ana@Example.com", "--role", "admin", "--password", PASSWORD)
    assert "ana@example.com may sign in to 'My workspace' as admin." in added.stdout
    twilio = {"TWILIO_ACCOUNT_SID": "AC1", "TWILIO_AUTH_TOKEN": "secret-token"}
    ready = hub(tmp_path, "check", **public, **twilio)
    assert ready.returncode == 0
    assert "1 users" in ready.stdout
    assert "Its webhook: https://hub.example.com/hooks/sms" in ready.stdout
    assert "Ready: start it with `hub serve`." in ready.stdout
    assert "secret-token" not in ready.stdout


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"HUB_DATABASE_URL": "postgresql://nobody:secret@127.0.0.1:9/hub"}, "Cannot reach the database"),
        ({"HUB_REDIS_URL": "redis://127.0.0.1:9"}, "Cannot reach Redis"),
    ],
)
def test_check_says_what_cannot_be_reached(tmp_path: Path, settings: dict[str, str], words: str) -> None:
    ended = hub(tmp_path, "check", HUB_PUBLIC_URL="https://hub.example.com", **settings)
    assert ended.returncode == 1
    assert words in ended.stdout
    assert "secret" not in ended.stdout + ended.stderr


def test_users_and_keys_are_kept_from_the_command_line(tmp_path: Path) -> None:
    assert "No users yet" in hub(tmp_path, "user", "list").stdout
    short = hub(tmp_path, "user", "add", "ana@example.com", "--password", "short")
    assert (short.returncode, "at least 10 characters" in short.stderr) == (1, True)
    odd = hub(tmp_path, "user", "add", "nonsense", "--password", PASSWORD)
    assert (odd.returncode, "is not an email address" in odd.stderr) == (1, True)
    hub(tmp_path, "user", "add", "ana@example.com", "--password", PASSWORD)
    assert "can no longer sign in" in hub(tmp_path, "user", "disable", "ana@example.com").stdout
    assert hub(tmp_path, "user", "list").stdout == "ana@example.com  support  (disabled)\n"
    shown = hub(tmp_path, "key", "add", "reports", "--scope", "read").stdout.strip()
    assert shown.startswith("hub_")
    listed = hub(tmp_path, "key", "list").stdout
    assert "reports  read" in listed
    assert shown.split("_")[2] not in listed
    key_id = listed.split()[0]
    assert "no longer works" in hub(tmp_path, "key", "revoke", key_id).stdout
    assert "(revoked)" in hub(tmp_path, "key", "list").stdout
    wrong = hub(tmp_path, "key", "revoke", "nonsense")
    assert (wrong.returncode, "hub key list" in wrong.stderr) == (1, True)


def test_every_command_explains_itself(tmp_path: Path) -> None:
    for words in ((), ("serve",), ("demo",), ("worker",), ("migrate",), ("check",), ("user", "add"), ("key", "add")):
        told = hub(tmp_path, *words, "--help")
        assert (told.returncode, told.stdout.startswith("Usage:")) == (0, True)
    assert hub(tmp_path, "serve", "--port", "70000").returncode == 2
