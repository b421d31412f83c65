"""Claim 2: a model translates between languages of which it saw no pair.

Three parts. `slide`: English to French, French to English and English to Spanish are trained, and
French is translated to Spanish. `shipped`: a finished model on all untrained pairs, directly and
through English. `gap`: what brings the direct way nearer to the one through English.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import click
import pictures as draw
from pydantic import Field
from study import Setup, compute, digest, experiment, judged, kept, markdown, trained

from nmt.config import load_config
from nmt.data.prepare import prepare
from nmt.decode.translator import Translator, load_translator
from nmt.evaluate.testfiles import DirectionTest, read_tests
from nmt.options import Command
from nmt.sections import Section

PIVOT = "en"
PARTS = ("slide", "shipped", "gap")
Rows = list[dict[str, Any]]


class Slide(Section):
    """One model, and the directions that it is tested in."""

    config: str
    tests: tuple[str, ...]
    directions: tuple[str, ...]
    limit: int


class Shipped(Section):
    """Test files of pairs without English."""

    tests: tuple[str, ...]
    limit: int


class Cell(Section):
    """A model: settings that differ, and the cell whose model it starts from."""

    settings: tuple[str, ...]
    start: str | None = Field(None, alias="from")


class Gap(Section):
    """Models of one corpus that differ in a setting, and what they are tested on."""

    config: str
    tests: tuple[str, ...]
    supervised: tuple[str, ...]
    limit: int
    cells: dict[str, Cell]


class Experiment(Section):
    """What is measured."""

    root: str
    beam: int
    slide: Slide
    shipped: Shipped
    gap: Gap


@click.command(
    cls=Command,
    epilog="\b\nExamples:\n"
    "  python scripts/claims/zero_shot.py --part shipped root=corpora\n"
    "  python scripts/claims/zero_shot.py --part slide root=corpora",
)
@experiment("zero_shot")
@click.option(
    "--part", "parts", type=click.Choice(PARTS), multiple=True, help="All if none is named."
)
@click.option("--model", type=click.Path(path_type=Path), metavar="DIR")
def main(
    setup: Setup,
    parts: Sequence[str],
    model: Path | None,
) -> None:
    """Measure zero-shot translation; prints Markdown.

    The model DIR, or the shipped one, is that of the part `shipped`; the others train their own.
    """
    plan = setup.plan(Experiment)
    for part in parts or PARTS:
        if part == "slide":
            table, note = slide(plan, setup.work, setup.threads)
            setup.show("slide", table)
            click.echo(note + "\n")
        elif part == "shipped":
            rows = shipped(plan, model, setup.work, setup.threads)
            draw.zero_shot(rows, setup.picture("zero-shot"))
            setup.show("zero-shot", directions_table(rows))
            setup.show("zero-shot-means", means_table(rows))
        else:
            setup.show("gap", gap(plan, setup.work, setup.threads))


def slide(plan: Experiment, work: Path, threads: int) -> tuple[str, str]:
    """Train the slide's model and translate all its directions: a table, and what it cost."""
    folder = work / "slide"
    config = load_config(
        Path(plan.slide.config), [f"data.root={plan.root}", f"training.directory={folder}"]
    )
    prepare(config)
    model = trained(config)

    def measure() -> Rows:
        translator = load_translator(model, threads=threads)
        found: Rows = []
        for test in _tests(plan.root, plan.slide.tests, translator.languages, plan.slide.limit):
            direction = f"{test.source}>{test.target}"
            if direction in plan.slide.directions:
                is_trained = direction in (config.training.directions or ())
                via = None if is_trained else PIVOT
                found += _judged(translator, [test], plan.beam, via)
        return found

    asked = {"plan": plan.slide.model_dump(), "beam": plan.beam, "model": digest(model)}
    rows: Rows = kept(work / "result.slide.json", asked, measure)
    used = compute([model])
    note = f"{used['minutes']:.1f} minutes of training, {used['target_tokens']:,.0f} target pieces"
    return directions_table(rows), note


def shipped(plan: Experiment, model: Path | None, work: Path, threads: int) -> Rows:
    """Every direction of the test files, directly and through English."""
    translator = load_translator(model, threads=threads)
    rows: Rows = []
    for name in plan.shipped.tests:
        asked = {"test": name, "limit": plan.shipped.limit, "beam": plan.beam}

        def measure(name: str = name) -> Rows:
            tests = _tests(plan.root, [name], translator.languages, plan.shipped.limit)
            return _judged(translator, tests, plan.beam, PIVOT)

        path = work / "shipped" / f"{Path(name).name.partition('.tsv')[0]}.json"
        rows += kept(path, {**asked, "model": digest(model)}, measure)
    return rows


def gap(plan: Experiment, work: Path, threads: int) -> str:
    """Train and judge every cell; a Markdown table of means over directions."""
    lines = []
    models: dict[str, Path] = {}
    for name, cell in plan.gap.cells.items():
        folder = work / "gap" / name.replace(" ", "-")
        config = load_config(
            Path(plan.gap.config),
            [*cell.settings, f"data.root={plan.root}", f"training.directory={folder}"],
        )
        prepare(config)
        models[name] = trained(config, models[cell.start] if cell.start else None)

        def measure(model: Path = models[name]) -> dict[str, Rows]:
            translator = load_translator(model, threads=threads)
            return {
                kind: _judged(
                    translator,
                    _tests(plan.root, files, translator.languages, plan.gap.limit),
                    plan.beam,
                    via,
                )
                for kind, files, via in (
                    ("supervised", plan.gap.supervised, None),
                    ("between", plan.gap.tests, PIVOT),
                )
            }

        asked = {"plan": plan.gap.model_dump(exclude={"cells"}), "model": digest(models[name])}
        found = kept(work / f"result.gap.{folder.name}.json", asked, measure)
        supervised = _mean(found["supervised"], "bleu")
        lines.append([name, cell.start or "nothing", f"{supervised:.1f}", *_way_cells(found)])
    head = ["model", "started from", "supervised BLEU"]
    head += ["BLEU", "by way of English", "chrF", "by way of English", "off-target"]
    return markdown(head, lines, labels=2)


def directions_table(rows: Rows) -> str:
    """Markdown of every direction: the direct way, and through English where that was done."""
    lines = []
    for row in rows:
        if row["path"] == "pivot":
            continue
        through = [other for other in rows if _is_pivot_of(other, row)]
        lines.append(
            [
                f"{row['source']}→{row['target']}",
                row["path"].replace("_", "-"),
                *_scores(row),
                *(_scores(through[0]) if through else ["-"] * 3),
            ]
        )
    head = ["direction", "path", "BLEU", "chrF", "off-target"]
    return markdown([*head, *(f"{name}, via en" for name in head[2:])], lines, labels=2)


def means_table(rows: Rows) -> str:
    """Markdown of the means over all directions of both ways."""
    ways = {"zero-shot": [r for r in rows if r["path"] != "pivot"]}
    ways["by way of English"] = [r for r in rows if r["path"] == "pivot"]
    head = ["mean of all directions", "directions", "BLEU", "chrF", "off-target"]
    return markdown(head, [[name, str(len(own)), *_mean_cells(own)] for name, own in ways.items()])


def _way_cells(found: dict[str, Rows]) -> list[str]:
    """BLEU and chrF of both ways, and how often the direct one is in the wrong language."""
    direct = [row for row in found["between"] if row["path"] != "pivot"]
    pivot = [row for row in found["between"] if row["path"] == "pivot"]
    cells = [f"{_mean(way, m):.1f}" for m in ("bleu", "chrf") for way in (direct, pivot)]
    return [*cells, _mean_cells(direct)[-1]]


def _mean(rows: Rows, metric: str) -> float:
    return fmean(row["scores"][metric]["value"] for row in rows)


def _mean_cells(rows: Rows) -> list[str]:
    rates = [row["off_target"]["value"] for row in rows if row["off_target"]]
    rate = f"{100 * fmean(rates):.1f} %" if rates else "-"
    return [f"{_mean(rows, 'bleu'):.1f}", f"{_mean(rows, 'chrf'):.1f}", rate]


def _scores(row: dict[str, Any]) -> list[str]:
    return _mean_cells([row])


def _is_pivot_of(other: dict[str, Any], row: dict[str, Any]) -> bool:
    same = all(other[key] == row[key] for key in ("test", "source", "target"))
    return same and other["path"] == "pivot"


def _judged(
    translator: Translator, tests: Sequence[DirectionTest], beam: int, via: str | None
) -> Rows:
    return judged(translator.sentences, translator.identifier, tests, beam, via)[1]


def _tests(
    root: str, names: Sequence[str], languages: Sequence[str], limit: int
) -> list[DirectionTest]:
    return read_tests([Path(root) / name for name in names], languages, limit=limit)


if __name__ == "__main__":
    main()
