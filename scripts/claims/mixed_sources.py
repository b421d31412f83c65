"""Claim 4: a source in two languages is translated as well as its parts.

Held-out sentences with their translations into a second language are cut in the middle, at a place
that no word link crosses; the beginning of one goes with the end of the other. A harder mix takes
turns at every such place. All are translated, and compared with the unmixed ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import click
import pictures as draw
from code_switching import Triple, find_cuts, joined, middle, mirrored, switched
from study import SIGNIFICANT, Setup, digest, experiment, judged, kept, markdown

from nmt.decode.translator import Translator, load_translator
from nmt.errors import CorpusError
from nmt.evaluate.metrics import paired_bootstrap
from nmt.evaluate.testfiles import DirectionTest
from nmt.options import Command
from nmt.sections import Section

METRICS = ("bleu", "chrf")
UNMIXED = ("first alone", "second alone")
HALVES = ("first, then second", "second, then first")


class Case(Section):
    """Two source languages, a target, and patterns of files that have sentences in all three."""

    first: str
    second: str
    target: str
    tests: tuple[str, ...]

    @property
    def name(self) -> str:
        """What tables and pictures call it."""
        return f"{self.first}, {self.second} → {self.target}"


class Experiment(Section):
    """What is measured."""

    root: str
    beam: int
    limit: int
    cases: tuple[Case, ...]


@click.command(
    cls=Command,
    epilog="\b\nExample:\n  python scripts/claims/mixed_sources.py root=corpora limit=100",
)
@experiment("mixed_sources")
@click.option("--model", type=click.Path(path_type=Path), metavar="DIR")
def main(
    setup: Setup,
    model: Path | None,
) -> None:
    """Measure mixed sources with the model DIR, or the shipped one; prints Markdown."""
    plan = setup.plan(Experiment)
    translator = load_translator(model, threads=setup.threads)
    results = []
    for number, case in enumerate(plan.cases):
        asked = {
            "case": case.model_dump(),
            "limit": plan.limit,
            "beam": plan.beam,
            "model": digest(model),
        }

        def make(case: Case = case) -> dict[str, Any]:
            return measure(plan, case, translator)

        results.append(kept(setup.work / f"result.{number}.json", asked, make))
    draw.mixed_sources(results, setup.picture("mixed-sources"))
    setup.show("mixed-sources", table(results))
    click.echo(f"*: p < {SIGNIFICANT} (paired bootstrap)")


def measure(plan: Experiment, case: Case, translator: Translator) -> dict[str, Any]:
    """Scores of the unmixed and the mixed sources of a case, and whether mixing costs anything."""
    root = Path(plan.root)
    paths = sorted(path for pattern in case.tests for path in root.glob(pattern))
    triples = joined(paths, case.first, case.second, case.target)
    sources, chosen = build(triples, case, translator, plan.limit)
    references = tuple(triple.reference for triple in chosen)
    # Of a mixed source the first language stands for the direction; it only names it.
    tests = [
        DirectionTest(
            kind,
            case.second if kind == UNMIXED[1] else case.first,
            case.target,
            tuple(texts),
            references,
        )
        for kind, texts in sources.items()
    ]
    results, rows = judged(translator.sentences, translator.identifier, tests, plan.beam)
    outputs = {result.test.name: result.hypotheses for result in results}
    scores = {row["test"]: row["scores"] for row in rows}
    # Each mix against the unmixed source that it begins with: all sentences twice.
    pair = paired_bootstrap(
        outputs[HALVES[0]] + outputs[HALVES[1]],
        outputs[UNMIXED[0]] + outputs[UNMIXED[1]],
        references * 2,
        case.target,
        METRICS,
    )
    return {
        "name": case.name,
        "sentences": len(chosen),
        "known": len(triples),
        "bleu": {kind: scores[kind]["bleu"]["value"] for kind in sources},
        "chrf": {kind: scores[kind]["chrf"]["value"] for kind in sources},
        "off_target": {
            row["test"]: row["off_target"]["value"] for row in rows if row["off_target"]
        },
        "unmixed": {metric: pair[metric].baseline.score for metric in METRICS},
        "mixed": {metric: pair[metric].system.score for metric in METRICS},
        "p_value": {metric: pair[metric].p_value for metric in METRICS},
        "signatures": {metric: pair[metric].signature for metric in METRICS},
    }


def build(
    triples: Sequence[Triple], case: Case, translator: Translator, limit: int
) -> tuple[dict[str, list[str]], list[Triple]]:
    """Sources of each kind, and the sentences that they are made of: those with such a cut.

    Raises CorpusError if there are none.
    """
    links = translator.sentences.align(
        [triple.first for triple in triples],
        [triple.second for triple in triples],
        case.second,
        source=case.first,
    )
    sources: dict[str, list[str]] = {kind: [] for kind in (*UNMIXED, *HALVES, "in turns")}
    chosen: list[Triple] = []
    for triple, own in zip(triples, links, strict=True):
        cuts = find_cuts(triple.first, triple.second, own)
        cut = middle(cuts)
        if cut is None or len(chosen) == limit:
            continue
        chosen.append(triple)
        first, second = triple.first, triple.second
        sources[UNMIXED[0]].append(first)
        sources[UNMIXED[1]].append(second)
        sources[HALVES[0]].append(switched(first, second, [cut]))
        sources[HALVES[1]].append(switched(second, first, mirrored([cut])))
        sources["in turns"].append(switched(first, second, cuts))
    if not chosen:
        raise CorpusError(
            f"{case.name}: none of the {len(triples)} sentences that the files hold in all three "
            "languages can be cut in its middle"
        )
    return sources, chosen


def table(results: Sequence[dict[str, Any]]) -> str:
    """Markdown: BLEU of all kinds, then both halves of mixes against what they are made of."""
    kinds = list(results[0]["bleu"])
    head = ["sources", "sentences", *kinds, "unmixed", "halves", "difference", "chrF difference"]
    rows = [
        [
            result["name"],
            f"{result['sentences']} of {result['known']}",
            *(f"{result['bleu'][kind]:.1f}" for kind in kinds),
            f"{result['unmixed']['bleu']:.1f}",
            f"{result['mixed']['bleu']:.1f}",
            *(_difference(result, metric) for metric in METRICS),
        ]
        for result in results
    ]
    means = [fmean(result[key]["bleu"] for result in results) for key in ("unmixed", "mixed")]
    blank = [""] * (len(kinds) + 1)
    change = f"{means[1] - means[0]:+.1f}"
    rows.append(["mean", *blank, *(f"{mean:.1f}" for mean in means), change, ""])
    return markdown(head, rows)


def _difference(result: dict[str, Any], metric: str) -> str:
    mark = " *" if result["p_value"][metric] < SIGNIFICANT else ""
    return f"{result['mixed'][metric] - result['unmixed'][metric]:+.1f}{mark}"


if __name__ == "__main__":
    main()
