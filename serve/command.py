"""`macaronic serve`: a flag for each setting."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click

from nmt.options import Command, needs
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
