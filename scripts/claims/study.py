"""What the experiments share: settings, steps that are kept, trained models and their scores."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import wraps
from itertools import dropwhile
from pathlib import Path
from typing import Any, TypeVar

import click

from nmt.config import Config, load_config
from nmt.decode.engine import DecodeOptions
from nmt.decode.sentences import SentenceTranslator
from nmt.decode.translator import SHIPPED_MODEL
from nmt.errors import CheckpointError, InvalidInput
from nmt.evaluate.matrix import DirectionResult, EvaluateOptions, evaluate
from nmt.evaluate.report import Report, to_json
from nmt.evaluate.testfiles import DirectionTest
from nmt.model.model_dir import WEIGHTS, load_info
from nmt.sections import Section, load
from nmt.text.langid import LanguageIdentifier

SIGNIFICANT = 0.05
Plan = TypeVar("Plan", bound=Section)


def kept(path: Path, made_with: Mapping[str, Any], make: Callable[[], Any]) -> Any:
    """What `make` gives, as JSON has it; taken from the file if it was made with the same before.

    An experiment that was stopped so goes on with the first step that is missing.
    """
    settings = json.loads(json.dumps(made_with))
    if path.exists():
        tree = json.loads(path.read_text(encoding="utf-8"))
        if tree["made_with"] == settings:
            return tree["result"]
    tree = {"made_with": settings, "result": make()}
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_text(json.dumps(tree, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    part.replace(path)
    return json.loads(json.dumps(tree["result"]))


def digest(model: Path | None) -> str:
    """What tells the weights of a model directory, or of the shipped model, from others."""
    weights = ((model or SHIPPED_MODEL) / WEIGHTS).read_bytes()
    return hashlib.sha256(weights).hexdigest()[:16]


def trained(config: Config, init: Path | None = None) -> Path:
    """The model directory of a configuration: trained now, to its end, or kept from before.

    Raises CheckpointError if the folder holds a model that was made with other settings.
    """
    from nmt.train.loop import train

    folder = Path(config.training.directory)
    if not (folder / "model" / WEIGHTS).exists():
        return train(config, resume=True, init=init)
    if load_config(folder / "config.yaml") != config:
        raise CheckpointError(
            f"{folder} holds a model that was trained with other settings: delete the folder, or "
            "give another --work"
        )
    return folder / "model"


def judged(
    sentences: SentenceTranslator,
    identifier: LanguageIdentifier,
    tests: Sequence[DirectionTest],
    beam: int,
    via: str | None = None,
) -> tuple[list[DirectionResult], list[dict[str, Any]]]:
    """Results of tests, as objects and as `macaronic evaluate --json` has them.

    Without `via` nothing is pivoted; with it all directions are as well, where that is possible.
    """
    options = EvaluateOptions(pivot=via is not None, via=via, decode=DecodeOptions(beam))
    results = evaluate(sentences, identifier, tests, options)
    report = to_json(Report(sentences.info.name, options, results))
    return results, json.loads(report)["results"]


def compute(models: Sequence[Path]) -> dict[str, float]:
    """Minutes of training and target pieces that some models took together."""
    known = [load_info(model).provenance for model in models]
    return {
        "minutes": sum(each["training_minutes"] for each in known),
        "target_tokens": sum(each["target_tokens"] for each in known),
    }


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]], labels: int = 1) -> str:
    """A table whose first columns are labels and whose others are figures."""
    rule = ["---"] * labels + ["---:"] * (len(head) - labels)
    return "\n".join(f"| {' | '.join(row)} |" for row in [list(head), rule, *rows])


@dataclass(frozen=True)
class Setup:
    """What an experiment is told on the command line: what to measure, and where results go."""

    overrides: tuple[str, ...]
    config: Path
    work: Path
    pictures: Path | None
    page: Path | None
    threads: int

    def plan(self, kind: type[Plan]) -> Plan:
        """The configuration of the experiment."""
        return load(kind, self.config, self.overrides)

    def picture(self, name: str) -> Path:
        """Where to draw a picture."""
        folder = self.pictures or self.work
        folder.mkdir(parents=True, exist_ok=True)
        return folder / f"{name}.png"

    def show(self, name: str, table: str) -> None:
        """Print a table; in the page, if there is one, it replaces that below `<!-- NAME -->`.

        Raises InvalidInput if the page has no such mark.
        """
        click.echo(table + "\n")
        if self.page is None:
            return
        text = self.page.read_text(encoding="utf-8")
        before, mark, behind = text.partition(f"<!-- {name} -->\n")
        if not mark:
            raise InvalidInput(f"{self.page} has no line <!-- {name} --> to put a table below")
        lines = behind.splitlines(keepends=True)
        rest = dropwhile(lambda line: line.startswith("|"), lines)
        self.page.write_text(f"{before}{mark}{table}\n{''.join(rest)}", encoding="utf-8")


def experiment(name: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """The options that every experiment has; the command gets them as its first argument."""
    options = (
        click.argument("overrides", nargs=-1, metavar="[KEY=VALUE]..."),
        click.option(
            "--config",
            type=click.Path(path_type=Path),
            default=Path(f"configs/claims/{name}.yaml"),
            show_default=True,
            help="The experiment; KEY=VALUE changes what it says.",
        ),
        click.option(
            "--work",
            type=click.Path(path_type=Path),
            default=Path(f"runs/claims/{name.replace('_', '-')}"),
            show_default=True,
            help="Folder for all that is made; what is there already is not made again.",
        ),
        click.option(
            "--pictures",
            type=click.Path(path_type=Path, file_okay=False),
            help="Folder for the pictures; that of --work if not given.",
        ),
        click.option(
            "--page",
            type=click.Path(path_type=Path, exists=True, dir_okay=False),
            help="A page of Markdown whose tables are renewed, each below <!-- its name -->.",
        ),
        click.option("--threads", default=1, show_default=True, help="CPU threads."),
    )

    def with_options(command: Callable[..., None]) -> Callable[..., None]:
        @wraps(command)
        def run(**given: Any) -> None:
            common = {each.name: given.pop(each.name) for each in fields(Setup)}
            command(Setup(**common), **given)

        for option in reversed(options):
            run = option(run)
        return run

    return with_options
