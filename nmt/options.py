"""What the sub-commands of `macaronic` share: options, and errors shown without a traceback."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click

from nmt.decode.engine import MAX_BEAM_SIZE, EngineName
from nmt.errors import ConfigError, InvalidMix, MacaronicError, MissingDependency, UnknownLanguage

if TYPE_CHECKING:
    from nmt.decode.translator import Translator

BEAM = click.IntRange(1, MAX_BEAM_SIZE)
# Wrong usage (exit status 2) as against failure (1): what the caller typed, not what he gave.
USAGE_ERRORS = (ConfigError, InvalidMix, UnknownLanguage)


class Command(click.Command):
    """A command that shows an error meant for users as one message, without a traceback."""

    def invoke(self, context: click.Context) -> Any:
        """Run the command; what it cannot do becomes click's kind of error."""
        try:
            return super().invoke(context)
        except USAGE_ERRORS as error:
            raise click.UsageError(str(error), context) from None
        except MacaronicError as error:
            raise click.ClickException(str(error)) from None


class Group(click.Group):
    """A group whose commands are of the kind above."""

    command_class = Command


def model_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """The `--model` option that all commands share."""
    return click.option(
        "--model",
        type=click.Path(path_type=Path),
        metavar="DIR",
        help="Model directory; the shipped model if not given.",
    )(command)


def decoding_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of every command that translates; it gets `beam`, and `load` for a translator.

    `load()` takes the model that was asked for, `load(directory)` another one.
    """

    @wraps(command)
    def with_loader(
        *arguments: Any,
        model: Path | None,
        engine: EngineName,
        device: str,
        precision: str,
        threads: int,
        **others: Any,
    ) -> None:
        def load(directory: Path | None = model) -> Translator:
            from nmt.decode.translator import load_translator

            return load_translator(
                directory, engine=engine, device=device, precision=precision, threads=threads
            )

        command(*arguments, load=load, **others)

    options = (
        click.option(
            "--beam", default=5, show_default=True, type=BEAM, help="Beam size; 1 is greedy."
        ),
        click.option(
            "--threads",
            default=0,
            type=click.IntRange(0),
            help="CPU threads; all cores if not given.",
        ),
        click.option(
            "--engine",
            default="ctranslate2",
            show_default=True,
            type=click.Choice(get_args(EngineName)),
            help="torch is the reference, and slow.",
        ),
        click.option("--device", default="cpu", show_default=True, help="cpu, cuda or cuda:1."),
        click.option(
            "--precision",
            default="default",
            help="Of products, such as float32; int8 on a CPU if not given.",
        ),
        model_option,
    )
    wrapped: Callable[..., Any] = with_loader
    for option in options:
        wrapped = option(wrapped)
    return wrapped


@contextmanager
def needs(module: str, extra: str) -> Iterator[None]:
    """Turn a missing optional dependency into a message that says how to get it."""
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != module:
            raise
        raise MissingDependency(
            f"this command needs {module}: pip install 'macaronic[{extra}]'"
        ) from None
