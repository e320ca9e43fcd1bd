"""The `hub` command. Everything heavy is imported by the command that needs it."""

import sys
from pathlib import Path
from typing import Any

import click


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """One server on which AI agents and people talk with customers on every channel."""


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(0, 65535), help="Port to listen on.")
@click.option("--processes", default=1, show_default=True, type=click.IntRange(1, 64), help="Server processes.")
def serve(host: str, port: int, processes: int) -> None:
    """Run the server with what the environment configures."""
    from web.serve import serve as run

    sys.exit(run(host, port, processes))


@main.command()
@click.option("--port", default=8000, show_default=True, type=click.IntRange(0, 65535), help="0 takes a free one.")
@click.option("--data-dir", type=click.Path(path_type=Path), default=Path("data/demo"), show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print one line of JSON once ready.")
def demo(port: int, data_dir: Path, as_json: bool) -> None:
    """Try it: no key, no network. Sample agents and data, a sandbox in the carrier's place."""
    from web.demo import demo as run

    sys.exit(run(port, data_dir, as_json))


@main.command()
def worker() -> None:
    """Carry out background work without serving: retries, idle closing, pollers, recovery."""
    from web.serve import worker as run

    sys.exit(run())


@main.command()
def migrate() -> None:
    """Bring the database to the newest schema."""
    from web.serve import migrate as run

    click.echo(run())


@main.command()
def reseal() -> None:
    """Seal credentials and secrets again after HUB_SECRET_KEY was changed; HUB_SECRET_KEY_PREVIOUS opens them."""
    from web.sealed import reseal as run

    click.echo(run())


@main.command()
def check() -> None:
    """Say what is configured, what is missing and what to do. Exit code 1 when something is missing."""
    from web.check import check as run

    sys.exit(run())


@main.group()
def user() -> None:
    """Add, list and change the people who sign in."""


@user.command("add")
@click.argument("email")
@click.option("--name", default="", help="Shown to colleagues and customers.")
@click.option("--role", default="support", type=click.Choice(["admin", "builder", "support", "viewer"]))
@click.option("--workspace", default="", help="Name of the workspace; made when it does not exist.")
@click.password_option(help="Asked for when not given.")
def user_add(**given: Any) -> None:
    """Add a user, or set a new password for one there is."""
    from web.accounts import add_user

    click.echo(add_user(**given))


@user.command("list")
def user_list() -> None:
    """List users."""
    from web.accounts import list_users

    click.echo(list_users())


@user.command("disable")
@click.argument("email")
def user_disable(email: str) -> None:
    """Sign a user out and let them in no more."""
    from web.accounts import disable_user

    click.echo(disable_user(email))


@main.group()
def key() -> None:
    """Make, list and revoke API keys."""


@key.command("add")
@click.argument("name")
@click.option("--scope", "scopes", multiple=True, type=click.Choice(["read", "write"]), default=("read", "write"))
@click.option("--workspace", default="", help="Name of the workspace; the only one when not given.")
def key_add(name: str, scopes: tuple[str, ...], workspace: str) -> None:
    """Make an API key; it is shown this once."""
    from web.accounts import add_key

    click.echo(add_key(name, list(scopes), workspace))


@key.command("list")
def key_list() -> None:
    """List API keys."""
    from web.accounts import list_keys

    click.echo(list_keys())


@key.command("revoke")
@click.argument("key_id")
def key_revoke(key_id: str) -> None:
    """Revoke an API key at once."""
    from web.accounts import revoke_key

    click.echo(revoke_key(key_id))


if __name__ == "__main__":
    main()
