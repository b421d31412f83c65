"""Claim 1: rare languages gain if common ones are trained along.

A multilingual model against a bilingual one of English with the rare language: same architecture,
vocabulary and pairs of that language, and as many steps of batches of the same size. The bilingual
one is judged at its end and at its best stopping point, by loss on held-out text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import click
import numpy as np
import pictures as draw
from study import Setup, compute, digest, experiment, judged, kept, markdown, trained

from nmt.config import Config, load_config
from nmt.data.corpus import read_pairs
from nmt.data.prepare import prepare
from nmt.decode.engine import load_engine
from nmt.decode.sentences import SentenceTranslator
from nmt.errors import CorpusError
from nmt.evaluate.matrix import compare
from nmt.evaluate.testfiles import read_tests
from nmt.options import Command
from nmt.sections import Section, parse
from nmt.text.langid import LanguageIdentifier

PIVOT = "en"
Row = dict[str, Any]


class Family(Section):
    """Languages that are trained together, or a model of them, and the rare ones among them."""

    config: str
    rare: tuple[str, ...]
    model: str | None = None
    settings: tuple[str, ...] = ()


class Curve(Section):
    """Numbers of pairs that a rare language of a family is cut down to."""

    family: str
    language: str
    pairs: tuple[int, ...]


class Experiment(Section):
    """What is measured."""

    root: str
    beam: int
    limit: int
    seeds: tuple[int, ...]
    test: str
    validation: str
    families: dict[str, Family]
    curves: tuple[Curve, ...] = ()


@dataclass(frozen=True)
class Cell:
    """One comparison: `pairs` of the rare language are used, all if None."""

    family: str
    language: str
    seed: int
    pairs: int | None = None

    @property
    def folder(self) -> Path:
        """Where its models are kept."""
        cut = f"{self.language}-{self.pairs}" if self.pairs else "all"
        return Path(self.family) / cut / f"seed-{self.seed}"


@click.command(
    cls=Command,
    epilog="\b\nExample:\n"
    "  python scripts/claims/rare_languages.py --family shipped root=corpora seeds=[1,2,3]",
)
@experiment("rare_languages")
@click.option("--family", "families", multiple=True, help="All if none is named.")
@click.option(
    "--language", "languages", multiple=True, help="Rare languages; all if none is named."
)
@click.option("--curve", is_flag=True, help="The curves over numbers of pairs, and only these.")
def main(
    setup: Setup,
    families: Sequence[str],
    languages: Sequence[str],
    curve: bool,
) -> None:
    """Train and compare models for rare languages; prints Markdown."""
    plan = setup.plan(Experiment)
    if unknown := sorted(set(families) - set(plan.families)):
        raise click.UsageError(
            f"no family {', '.join(unknown)}; there are {', '.join(plan.families)}"
        )
    cells = [
        cell
        for cell in (curve_cells(plan) if curve else main_cells(plan))
        if (not families or cell.family in families)
        and (not languages or cell.language in languages)
    ]
    rows = [row for cell in cells for row in compared(plan, cell, setup.work, setup.threads)]
    name, picture = (
        ("rare-languages-curve", draw.rare_curve)
        if curve
        else ("rare-languages", draw.rare_languages)
    )
    picture(rows, setup.picture(name))
    setup.show(name, table(rows))


def main_cells(plan: Experiment) -> list[Cell]:
    """All families with all their pairs."""
    return [
        Cell(name, language, seed)
        for name, family in plan.families.items()
        for language in family.rare
        for seed in plan.seeds
    ]


def curve_cells(plan: Experiment) -> list[Cell]:
    """A rare language with fewer and fewer pairs."""
    return [
        Cell(curve.family, curve.language, seed, pairs)
        for curve in plan.curves
        for pairs in curve.pairs
        for seed in plan.seeds
    ]


def compared(plan: Experiment, cell: Cell, work: Path, threads: int) -> list[Row]:
    """Both models of a cell, trained and judged: a row for each direction."""
    family = plan.families[cell.family]
    config = family_config(plan, cell, work)
    prepare(config)
    folder = work / cell.folder
    pair = pair_config(plan, cell, config, folder / f"bilingual-{cell.language}")
    models = {"bilingual, at its end": trained(pair)}
    models["bilingual, at its best"] = Path(pair.training.directory) / "best"
    models["multilingual"] = Path(family.model) if family.model else trained(config)
    asked = {
        "cell": [cell.family, cell.language, cell.seed, cell.pairs],
        "models": {name: digest(model) for name, model in models.items()},
        "beam": plan.beam,
        "limit": plan.limit,
    }
    found: list[Row] = kept(
        folder / f"result.{cell.language}.json",
        asked,
        lambda: judge(plan, cell, models, threads),
    )
    return found


def judge(plan: Experiment, cell: Cell, models: dict[str, Path], threads: int) -> list[Row]:
    """Scores of all models in both directions, and the paired bootstrap against the first ones."""
    path = Path(plan.root) / plan.test.format(language=cell.language)
    tests = read_tests([path], [PIVOT, cell.language], limit=plan.limit)
    identifier = LanguageIdentifier([PIVOT, cell.language])
    results, used = {}, {}
    for name, model in models.items():
        sentences = SentenceTranslator(*load_engine(model, threads=threads))
        results[name] = judged(sentences, identifier, tests, plan.beam)[0]
        used[name] = compute([model])
    found = []
    for place, test in enumerate(tests):
        own = {name: rows[place] for name, rows in results.items()}
        against = {
            name: compare([own["multilingual"]], [row])[0].scores["bleu"].p_value
            for name, row in own.items()
            if name != "multilingual"
        }
        found.append(
            {
                "family": cell.family,
                "language": cell.language,
                "pairs": cell.pairs,
                "seed": cell.seed,
                "direction": f"{test.source}→{test.target}",
                "bleu": {name: row.scores["bleu"].value for name, row in own.items()},
                "chrf": {name: row.scores["chrf"].value for name, row in own.items()},
                "p_value": against,
                "compute": used,
            }
        )
    return found


def family_config(plan: Experiment, cell: Cell, work: Path) -> Config:
    """The multilingual configuration of a cell; the rare language may be cut down."""
    folder = work / cell.folder / "multilingual"
    family = plan.families[cell.family]
    config = load_config(
        Path(family.config),
        [
            f"data.root={plan.root}",
            f"training.directory={folder}",
            f"training.seed={cell.seed}",
            *family.settings,
        ],
    )
    if cell.pairs is None:
        return config
    tree = config.model_dump(mode="json")
    others = [s for s in tree["data"]["sources"] if cell.language not in s["languages"]]
    path = work / cell.folder.parent / f"rare.{PIVOT}-{cell.language}.tsv"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(_sample(config, cell), encoding="utf-8")
    rare = {"path": str(path.resolve()), "languages": [PIVOT, cell.language]}
    tree["data"]["sources"] = [*others, rare]
    tree["data"]["directory"] = str(path.parent / "corpus")
    return parse(Config, tree, family.config)


def _sample(config: Config, cell: Cell) -> str:
    """So many pairs of the rare language; fewer pairs are some of the more."""
    sources = [s for s in config.data.sources if set(s.languages) == {PIVOT, cell.language}]
    lines = []
    for source in sources:
        for pair in read_pairs(source, Path(config.data.root)):
            english = pair if source.languages[0] == PIVOT else pair[::-1]
            lines.append("\t".join(english))
    count = cell.pairs or 0
    if len(lines) < count:
        raise CorpusError(
            f"curves: there are {len(lines):,} pairs of {cell.language}, fewer than {count:,}"
        )
    order = np.random.default_rng(0).permutation(len(lines))[:count]
    return "".join(f"{lines[i]}\n" for i in order)


def pair_config(plan: Experiment, cell: Cell, config: Config, folder: Path) -> Config:
    """The bilingual configuration that goes with a multilingual one: the same corpus."""
    tree = config.model_dump(mode="json")
    tree["name"] = f"{config.name}-{cell.language}"
    tree["languages"] = [PIVOT, cell.language]
    tree["data"]["sources"] = [
        s for s in tree["data"]["sources"] if set(s["languages"]) == {PIVOT, cell.language}
    ]
    tree["training"]["directory"] = str(folder)
    tree["training"]["validation"] = [plan.validation.format(language=cell.language)]
    return parse(Config, tree, str(folder))


def table(rows: Sequence[Row]) -> str:
    """Markdown: BLEU and training of all models, means over seeds, and the paired bootstrap."""
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        key = (row["family"], row["pairs"], row["direction"])
        groups.setdefault(key, []).append(row)
    names = list(rows[0]["bleu"])
    head = ["models", "pairs", "direction", "seeds"]
    head += [f"{name}: BLEU (million pieces)" for name in names]
    lines = [_line(key, own, names) for key, own in groups.items()]
    return markdown([*head, "gain on the best", "p (each seed)"], lines, labels=3)


def _line(key: tuple[Any, ...], own: Sequence[Row], names: Sequence[str]) -> list[str]:
    family, pairs, direction = key
    means = {name: fmean(row["bleu"][name] for row in own) for name in names}
    best = names[1]
    ps = ", ".join(f"{row['p_value'][best]:.3f}" for row in own)
    gain = f"{means['multilingual'] - means[best]:+.1f}"
    pieces = {
        name: fmean(row["compute"][name]["target_tokens"] for row in own) / 1e6 for name in names
    }
    shown = [f"{means[name]:.1f} ({pieces[name]:.1f})" for name in names]
    return [family, f"{pairs:,}" if pairs else "all", direction, str(len(own)), *shown, gain, ps]


if __name__ == "__main__":
    main()
