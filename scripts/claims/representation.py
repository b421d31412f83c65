"""Claim 5: the encoder sees translations at the same place, whatever their language.

Three parts. How often is the nearest of many sentences the translation, for all pairs of languages
and all layers? Does the distance between two languages tell how well the model translates between
them without training? And how do the states move as a target goes from one language to another?
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import numpy as np
import pictures as draw
import zero_shot
from study import Setup, digest, experiment, kept, markdown

from nmt.analyse.explore import explore
from nmt.analyse.representations import (
    SentenceEncoder,
    States,
    between_languages,
    centred,
    distance,
    movement,
    own_sentences,
    retrieval,
)
from nmt.evaluate.testfiles import read_translations
from nmt.options import Command
from nmt.sections import Section, load
from nmt.text.target_mix import TargetMix

Rows = list[dict[str, Any]]
RESAMPLES = 10_000


class Experiment(Section):
    """What is measured."""

    root: str
    tests: str
    target: str
    limit: int
    mixes: tuple[tuple[str, str], ...]
    steps: int
    moved: int
    zero_shot: str
    zero_shot_work: str


@click.command(
    cls=Command,
    epilog="\b\nExample:\n  python scripts/claims/representation.py root=corpora",
)
@experiment("representation")
@click.option("--model", type=click.Path(path_type=Path), metavar="DIR")
def main(
    setup: Setup,
    model: Path | None,
) -> None:
    """Measure the representations of the model DIR, or of the shipped one; prints Markdown."""
    plan = setup.plan(Experiment)
    encoder = SentenceEncoder(model, threads=setup.threads)
    work = setup.work
    explore(encoder, work / "map")
    (work / "map" / "map.png").replace(setup.picture("representation-map"))

    read = {"tests": plan.tests, "target": plan.target, "limit": plan.limit}
    asked = {**read, "model": digest(model)}
    found = kept(work / "result.languages.json", asked, lambda: languages(plan, encoder))
    draw.retrieval(found, setup.picture("representation-retrieval"))
    setup.show("representation-layers", layers_table(found))
    setup.show("representation-pairs", pairs_table(found))

    untrained = zero_shot.shipped(
        load(zero_shot.Experiment, Path(plan.zero_shot), [f"root={plan.root}"]),
        model,
        Path(plan.zero_shot_work),
        setup.threads,
    )
    points = against_distance(untrained, found)
    draw.distance_and_quality(points, setup.picture("representation-distance"))
    setup.show("representation-distance", correlation_table(points))

    asked = {"mixes": plan.mixes, "steps": plan.steps, "moved": plan.moved, "model": digest(model)}
    moves = kept(work / "result.mixes.json", asked, lambda: mixes(plan, encoder))
    draw.moving_states(moves, setup.picture("representation-mixes"))
    setup.show("representation-mixes", mixes_table(moves))


def languages(plan: Experiment, encoder: SentenceEncoder) -> dict[str, Any]:
    """Retrieval, as the states are and around the means, and distances, for all pairs."""
    known = encoder.info.languages
    texts = read_translations(sorted(Path(plan.root).glob(plan.tests)), known, plan.limit)
    states = {code: encoder.states(texts[code], plan.target) for code in known if code in texts}
    around = {code: centred(each) for code, each in states.items()}
    return {
        "languages": list(states),
        "sentences": len(next(iter(texts.values()))),
        "retrieval": between_languages(states, retrieval).tolist(),
        "retrieval_around": between_languages(around, retrieval).tolist(),
        "distance": between_languages(states, distance).tolist(),
    }


def against_distance(rows: Rows, found: Mapping[str, Any]) -> Rows:
    """For each untrained direction its distance after the last layer, and its scores."""
    place = {code: i for i, code in enumerate(found["languages"])}
    pivots = {(row["source"], row["target"]): row for row in rows if row["path"] == "pivot"}
    points = []
    for row in rows:
        way = row["source"], row["target"]
        if row["path"] == "pivot" or not all(code in place for code in way):
            continue
        scores = {name: score["value"] for name, score in row["scores"].items()}
        through = pivots[way]["scores"]["bleu"]["value"] if way in pivots else 0.0
        if through > 0:
            scores["share of pivoting"] = scores["bleu"] / through
        apart = found["distance"][-1][place[way[0]]][place[way[1]]]
        points.append({"direction": ">".join(way), "distance": apart, "scores": scores})
    return points


def correlation(points: Rows, name: str) -> tuple[float, float, float]:
    """Pearson's r of distance and a score, and its 95 % interval by bootstrap of directions."""
    pairs = np.array(
        [(p["distance"], p["scores"][name]) for p in points if name in p["scores"]], float
    )
    drawn = np.random.default_rng(0).integers(len(pairs), size=(RESAMPLES, len(pairs)))
    found = _pearson(pairs[drawn])
    known = found[np.isfinite(found)]  # a sample of one direction alone has no correlation
    low, high = np.percentile(known, [2.5, 97.5]) if len(known) else (np.nan, np.nan)
    return float(_pearson(pairs)), float(low), float(high)


def _pearson(pairs: np.ndarray) -> np.ndarray:
    """Correlation of the two columns [..., N, 2]."""
    around = pairs - pairs.mean(axis=-2, keepdims=True)
    products = (around[..., 0] * around[..., 1]).sum(-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        found: np.ndarray = products / np.sqrt((around**2).sum(-2).prod(-1))
    return found


def mixes(plan: Experiment, encoder: SentenceEncoder) -> Rows:
    """For each pair of targets how far along and beside the line between them the states are."""
    weights = [step / (plan.steps - 1) for step in range(plan.steps)]
    texts = _english(plan, encoder)
    moves = []
    for first, second in plan.mixes:
        targets = [TargetMix.of({first: 1 - w, second: w}) for w in weights]
        states: States = np.stack([encoder.states(texts, target) for target in targets])
        along, beside = movement(states)
        moves.append(
            {
                "languages": [first, second],
                "weights": weights,
                "along": along.T.tolist(),
                "beside": beside.T.tolist(),
                "share": _share_of_spread(states),
            }
        )
    return moves


def _english(plan: Experiment, encoder: SentenceEncoder) -> list[str]:
    paths = sorted(Path(plan.root).glob(plan.tests))
    texts = read_translations(paths, encoder.info.languages, plan.moved)
    return texts.get("en") or own_sentences(encoder.info.languages)["en"]


def _share_of_spread(states_WNKD: States) -> list[float]:
    """How far a change of the target moves a sentence, in distances between sentences [K]."""
    moved_NK = np.linalg.norm(states_WNKD[-1] - states_WNKD[0], axis=-1)
    apart_NK = np.linalg.norm(centred(states_WNKD[0]), axis=-1)
    return [float(share) for share in moved_NK.mean(axis=0) / apart_NK.mean(axis=0)]


def layers_table(found: Mapping[str, Any]) -> str:
    """Means over all pairs of languages, a line for each layer."""
    lines = []
    kinds = ("retrieval", "retrieval_around", "distance")
    for layer, tables in enumerate(zip(*(found[kind] for kind in kinds), strict=True)):
        plain, around, apart = (float(np.nanmean(np.array(t, float))) for t in tables)
        name = str(layer) if layer else "0 (words)"
        lines.append([name, f"{plain:.1%}", f"{around:.1%}", f"{apart:.3f}"])
    head = ["encoder layer", "translation is nearest", "around the language's mean"]
    return markdown([*head, "distance of translations"], lines)


def pairs_table(found: Mapping[str, Any]) -> str:
    """Retrieval around the means after the last layer: sources down, targets across."""
    lines = [
        [code, *("" if share is None or np.isnan(share) else f"{100 * share:.0f}" for share in row)]
        for code, row in zip(found["languages"], found["retrieval_around"][-1], strict=True)
    ]
    return markdown(["from, to (%)", *found["languages"]], lines)


def correlation_table(points: Rows) -> str:
    """Whether languages that are near each other are translated better without training."""
    lines = []
    for name in ("bleu", "chrf", "share of pivoting"):
        count = sum(name in point["scores"] for point in points)
        r, low, high = correlation(points, name)
        lines.append([name, str(count), f"{r:+.2f}", f"{low:+.2f} to {high:+.2f}"])
    return markdown(["zero-shot score", "directions", "Pearson's r", "95 % interval"], lines)


def mixes_table(moves: Rows) -> str:
    """The middle of each mix, layer by layer."""
    lines = []
    for move in moves:
        middle = len(move["weights"]) // 2
        for layer, (along, beside) in enumerate(zip(move["along"], move["beside"], strict=True)):
            if layer:  # before the first layer no piece knows of the target
                pair = ", ".join(move["languages"])
                figures = along[middle], beside[middle], max(beside), move["share"][layer]
                lines.append([pair, str(layer), *(f"{figure:.2f}" for figure in figures)])
    head = ["mix", "encoder layer", "along, at the middle", "beside, at the middle"]
    return markdown([*head, "beside, at most", "whole way, in spreads"], lines, labels=2)


if __name__ == "__main__":
    main()
