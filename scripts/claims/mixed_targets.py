"""Claim 3: a target between languages gives text between languages.

For sentences of the lecture, and for many held-out ones: the way from one language to another in
steps, what language comes out at each, and how likely the model finds it under each pure target.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path
from statistics import fmean
from typing import Any

import click
import pictures as draw
import target_measures as measures
import target_tables as tables
from study import Setup, digest, experiment, kept, markdown

from nmt.analyse.plots import plot_sweep
from nmt.decode.engine import DecodeOptions, Source, load_engine
from nmt.decode.sweep import Sweep, sweep, sweep_weights
from nmt.decode.translator import SHIPPED_MODEL, load_translator
from nmt.evaluate.testfiles import read_tests
from nmt.options import Command
from nmt.progress import Progress
from nmt.sections import Section
from nmt.text.target_mix import TargetMix

SOURCE = "en"


class Table(Section):
    """A sentence of the lecture: its translations by weight of the second language."""

    text: str
    languages: tuple[str, str]
    lecture: dict[float, str]


class Third(Section):
    """A language that may come out between two, letters that neither of them has, and its text."""

    language: str
    letters: str
    test: str


class Pair(Section):
    """Two languages, and files whose English sentences are translated."""

    languages: tuple[str, str]
    tests: tuple[str, ...]
    third: Third | None = None


class Triangle(Section):
    """Three languages: mixes of multiples of 1 / `parts`."""

    languages: tuple[str, str, str]
    tests: tuple[str, ...]
    parts: int
    limit: int


class Experiment(Section):
    """What is measured."""

    root: str
    beam: int
    tables: tuple[Table, ...]
    steps: int
    limit: int
    pairs: tuple[Pair, ...]
    triangle: Triangle | None = None


@click.command(
    cls=Command,
    epilog="\b\nExample:\n  python scripts/claims/mixed_targets.py root=corpora limit=100",
)
@experiment("mixed_targets")
@click.option("--model", type=click.Path(path_type=Path), metavar="DIR")
def main(
    setup: Setup,
    model: Path | None,
) -> None:
    """Measure mixed targets of the model DIR, or the shipped one; prints Markdown."""
    plan = setup.plan(Experiment)
    study = Study(plan, setup, model)
    for table in plan.tables:
        setup.show("lecture-" + "-".join(table.languages), study.table(table))
    found = [study.pair(pair) for pair in plan.pairs]
    draw.mixed_targets(found, setup.picture("mixed-targets"))
    setup.show("mixed-targets", tables.overview(found))
    if plan.triangle:
        points = study.triangle(plan.triangle)
        draw.triangle(points, plan.triangle.languages, setup.picture("mixed-triangle"))
        setup.show("mixed-triangle", tables.triangle(points, plan.triangle.languages))


class Study:
    """A model, and what is measured of it."""

    def __init__(self, plan: Experiment, setup: Setup, model: Path | None) -> None:
        self.plan = plan
        self.setup = setup
        self.translator = load_translator(model, threads=setup.threads)
        self.options = DecodeOptions(plan.beam)
        self._model = model or SHIPPED_MODEL
        self._made_with: dict[str, Any] = {"model": digest(model), "beam": plan.beam}

    def table(self, table: Table) -> str:
        """The lecture's translations and ours; draws the whole way between the languages."""
        first, second = table.languages
        weights = [{first: 1 - w, second: w} for w in table.lecture]
        ours = self._sweep(table.text, weights)
        steps = self._sweep(table.text, sweep_weights(table.languages, self.plan.steps))
        plot_sweep(steps, self.setup.picture(f"mixed-{first}-{second}"))
        rows = [
            [f"{weight:.2f}", said, step.translation.text]
            for (weight, said), step in zip(table.lecture.items(), ours.steps, strict=True)
        ]
        head = [f"w_{second}", f"lecture: {table.text}", "ours"]
        return markdown(head, rows, labels=3)

    def pair(self, pair: Pair) -> dict[str, Any]:
        """What comes out on the way between two languages."""
        weights = sweep_weights(pair.languages, self.plan.steps)
        sources = english(Path(self.plan.root), pair.tests, self.plan.limit)
        asked = {**self._made_with, "sources": sources, "weights": weights}
        third = pair.third.model_dump() if pair.third else None
        name = "-".join(pair.languages)
        outputs = kept(
            self.setup.work / f"outputs.{name}.json", asked, lambda: self._outputs(sources, weights)
        )

        def measure() -> dict[str, Any]:
            judged = measures.judge(
                sources, outputs, pair.languages, self.translator.identifier, self._score
            )
            shares = [step[pair.languages[1]] for step in weights]
            found = measures.summary(judged, pair.languages, shares)
            if pair.third:
                real = references(Path(self.plan.root), pair.third)
                found["telltale"] = measures.telltale(
                    judged, pair.third.language, pair.third.letters, real
                )
            return found

        found: dict[str, Any] = kept(
            self.setup.work / f"result.{name}.json", {**asked, "third": third}, measure
        )
        return found

    def triangle(self, plan: Triangle) -> list[dict[str, Any]]:
        """For each mix of three languages: shares of words, and how often languages stand together.

        In the order of `triangle_weights`.
        """
        weights = triangle_weights(plan.languages, plan.parts)
        sources = english(Path(self.plan.root), plan.tests, plan.limit)
        asked = {**self._made_with, "sources": sources, "weights": weights}

        def measure() -> list[dict[str, Any]]:
            outputs = self._outputs(sources, weights)
            identifier = self.translator.identifier
            points = []
            for i, mix in enumerate(weights):
                found = [measures.word_shares(texts[i], identifier) for texts in outputs]
                codes = dict.fromkeys([*plan.languages, *(c for shares in found for c in shares)])
                words = {code: fmean(own.get(code, 0.0) for own in found) for code in codes}
                together = [
                    sum(s.get(code, 0.0) >= measures.MIXED_SHARE for code in plan.languages) > 1
                    for s in found
                ]
                points.append({"weights": mix, "words": words, "mixed": fmean(together)})
            return points

        result: list[dict[str, Any]] = kept(
            self.setup.work / "result.triangle.json", asked, measure
        )
        return result

    def _sweep(self, text: str, weights: Sequence[dict[str, float]]) -> Sweep:
        return sweep(self.translator, text, weights, source=SOURCE, options=self.options)

    def _outputs(
        self, sources: Sequence[str], weights: Sequence[dict[str, float]]
    ) -> list[list[str]]:
        outputs = []
        with Progress("sweeps", len(sources), "sentences") as progress:
            for text in sources:
                steps = self._sweep(text, weights).steps
                outputs.append([step.translation.text for step in steps])
                progress.advance()
        return outputs

    def _score(
        self, sources: Sequence[str], targets: Sequence[str], languages: Sequence[str]
    ) -> list[float]:
        """Mean log-probability a piece of translations, by the reference engine."""
        from nmt.decode.torch_engine import TorchEngine

        info, tokenizer, engine = load_engine(self._model, "torch", threads=self.setup.threads)
        assert isinstance(engine, TorchEngine)
        rows = {code: TargetMix.of(code).row(info.languages) for code in set(languages)}
        encoded = tokenizer.encode_all(sources)
        asked = [Source(ids, rows[code]) for ids, code in zip(encoded, languages, strict=True)]
        return engine.score(asked, tokenizer.encode_all(targets))


def english(root: Path, tests: Sequence[str], limit: int) -> list[str]:
    """Different English sentences of some test files, of each in turn."""
    columns = []
    for name in tests:
        codes = name.rpartition(".en-")[2].partition(".")[0]
        (test,) = read_tests([root / name], [SOURCE, codes], source=SOURCE)
        columns.append(test.sources)
    turns = (text for texts in zip_longest(*columns) for text in texts if text is not None)
    return list(dict.fromkeys(turns))[:limit]


def references(root: Path, third: Third) -> list[str]:
    """What people wrote in a language."""
    (test,) = read_tests([root / third.test], [SOURCE, third.language], target=third.language)
    return list(test.references)


def triangle_weights(languages: Sequence[str], parts: int) -> list[dict[str, float]]:
    """All mixes of three languages whose weights are multiples of 1 / `parts`."""
    first, second, third = languages
    return [
        {first: a / parts, second: b / parts, third: (parts - a - b) / parts}
        for a in range(parts + 1)
        for b in range(parts + 1 - a)
    ]


if __name__ == "__main__":
    main()
