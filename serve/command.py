"""`macaronic serve`: a flag for each setting."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click

from nmt.options import Command, Group, needs
from serve.keys import SCOPES, Keys
from serve.settings import PREFIX, Settings, describe, gather

# Other names of flags, for what is typed often.
SHORT = {"beam_size": "--beam"}


def setting_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """A flag for each setting; those that are not given are None."""
    for name, field in reversed(Settings.model_fields.items()):
        default = "" if field.default is None else f"[default: {field.default}]"
        option = click.option(
            *[f"--{name.replace('_', '-')}", *filter(None, [SHORT.get(name)]), name],
            metavar="PATH" if "Path" in str(field.annotation) else "VALUE",
            help=" ".join(filter(None, [f"{field.description or ''}", default])),
        )
        command = option(command)
    return command


@click.command(cls=Command)
@setting_options
@click.option(
    "--settings",
    "file",
    type=click.Path(path_type=Path),
    help=f"YAML with settings; variables such as {PREFIX}PORT and flags win over it.",
)
@click.option("--show-settings", is_flag=True, help="Show all settings and where each comes from.")
def serve(file: Path | None, show_settings: bool, **flags: str | None) -> None:
    """Answer translation requests over HTTP; the page is at /, the API reference at /docs.

    SIGTERM finishes what was accepted and stops; SIGHUP loads the model again.

    \b
    Examples:
      macaronic serve --port 9000
      MACARONIC_QUEUE_SIZE=512 macaronic serve --settings service.yaml --show-settings
    """
    settings, origins = gather(flags, os.environ, file)
    if show_settings:
        click.echo(describe(settings, origins))
        return
    with TemporaryDirectory(prefix="macaronic-metrics-") as folder:
        if settings.workers > 1:
            # Where the workers put their metrics together; read when the library is imported.
            os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
        with needs("fastapi", "serve"), needs("uvicorn", "serve"):
            from serve.run import run

        run(settings)


@click.group(cls=Group)
def keys() -> None:
    """Create, list and revoke API keys for `macaronic serve --keys FILE`.

    \b
    Example:
      macaronic keys create --keys keys.db alice --requests-per-minute 60
    """


keys_option = click.option(
    "--keys",
    "path",
    envvar=f"{PREFIX}KEYS",
    required=True,
    type=click.Path(path_type=Path),
    help="The file of keys.",
)


@keys.command()
@click.argument("name")
@keys_option
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    default=("translate",),
    show_default=True,
    type=click.Choice(SCOPES),
    help="What the key is good for; may be repeated.",
)
@click.option("--requests-per-minute", default=0, type=click.IntRange(0), help="0: any number.")
@click.option("--characters-per-month", default=0, type=click.IntRange(0), help="0: any number.")
def create(
    name: str,
    path: Path,
    scopes: tuple[str, ...],
    requests_per_minute: int,
    characters_per_month: int,
) -> None:
    """Make a key for NAME, and show it once."""
    click.echo(Keys(path).create(name, scopes, requests_per_minute, characters_per_month))


@keys.command("list")
@keys_option
def list_keys(path: Path) -> None:
    """Show who has keys, and their limits."""
    for key in Keys(path).all():
        state = "revoked" if key.revoked else "valid"
        click.echo(
            f"{key.name}\t{state}\t{' '.join(key.scopes)}\t"
            f"{key.requests_per_minute or 'any'} requests a minute\t"
            f"{key.characters_per_month or 'any'} characters a month"
        )


@keys.command()
@click.argument("name")
@keys_option
def revoke(name: str, path: Path) -> None:
    """Take back the key of NAME; a running service knows at once."""
    Keys(path).revoke(name)
