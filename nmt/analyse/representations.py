"""How the encoder sees sentences, and whether it sees translations at the same place.

Johnson et al. 2017 (section 5) look at translations in a plane. Here they are measured as well: a
sentence is the mean of its encoder states, and the question is whether its nearest neighbour in
another language is its translation.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from nmt.decode.engine import Source, load_engine, max_source_pieces
from nmt.decode.translator import SHIPPED_MODEL
from nmt.errors import InvalidInput, MissingDependency
from nmt.text.target_mix import TargetLike, TargetMix

# N sentences, K states of a sentence (before the first encoder layer, and after each), D model
# width, L languages, W weights of a mix

States = npt.NDArray[np.float32]
Figures = npt.NDArray[np.float64]
Method = Literal["tsne", "pca"]
# Neighbours that t-SNE keeps near (its perplexity): about as many as a sentence has translations.
NEAR = 8.0


class SentenceEncoder:
    """Sentences in, encoder states out: the reference engine, in float32."""

    def __init__(
        self, directory: Path | None = None, device: str = "cpu", threads: int = 0
    ) -> None:
        """Of a model directory, or of the shipped model. Raises ModelError, MissingDependency."""
        self.info, self._tokenizer, self._engine = load_engine(
            directory or SHIPPED_MODEL, "torch", device, threads
        )

    def states(self, texts: Sequence[str], target: TargetLike) -> States:
        """Mean encoder states [N, K, D] of sentences that are to be translated to a target.

        Raises InvalidInput for a sentence that is empty or longer than the model's limit, and
        UnknownLanguage for a target that the model does not have.
        """
        from nmt.decode.torch_engine import TorchEngine

        mix = TargetMix.of(target).row(self.info.languages)
        encoded = self._tokenizer.encode_all(texts)
        limit = max_source_pieces(self.info.architecture)
        for text, pieces in zip(texts, encoded, strict=True):
            if not 1 <= len(pieces) <= limit:
                raise InvalidInput(
                    f"a sentence has {len(pieces)} pieces, it may have 1 to {limit}: {text[:60]!r}"
                )
        assert isinstance(self._engine, TorchEngine)
        return self._engine.represent([Source(pieces, mix) for pieces in encoded])


def own_sentences(languages: Sequence[str]) -> dict[str, list[str]]:
    """Two dozen everyday sentences, in those of these languages that they were translated to."""
    table = files("nmt.analyse").joinpath("sentences.tsv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(table.splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE))
    known = [code for code in languages if code in rows[0]]
    if len(known) < 2:
        raise InvalidInput(
            f"there are own sentences in {', '.join(rows[0])}, of which this model knows "
            f"{', '.join(known) or 'none'}: give aligned test files"
        )
    return {code: [row[code] for row in rows] for code in known}


def centred(states: States) -> States:
    """States of one language around their mean: what tells the language itself is taken away."""
    around: States = states - states.mean(axis=0)
    return around


def retrieval(sources: States, targets: States) -> Figures:
    """How often the nearest sentence by cosine is the translation: a share for each state [K]."""
    sources_KND, targets_KND = _unit(sources).swapaxes(0, 1), _unit(targets).swapaxes(0, 1)
    nearest_KN = (sources_KND @ targets_KND.swapaxes(1, 2)).argmax(axis=2)
    return np.asarray((nearest_KN == np.arange(len(sources))).mean(axis=1), np.float64)


def distance(sources: States, targets: States) -> Figures:
    """One less the mean cosine between sentences and their translations, for each state [K]."""
    cosines_NK = (_unit(sources) * _unit(targets)).sum(axis=2)
    return np.asarray(1 - cosines_NK.mean(axis=0), np.float64)


def between_languages(
    states: Mapping[str, States], measure: Callable[[States, States], Figures]
) -> Figures:
    """A measure of two languages for all pairs of them [K, L, L]; not a number on the diagonal."""
    layers = next(iter(states.values())).shape[1]
    table = np.full((layers, len(states), len(states)), np.nan)
    for row, sources in enumerate(states.values()):
        for column, targets in enumerate(states.values()):
            if row != column:
                table[:, row, column] = measure(sources, targets)
    return table


def movement(states_WNKD: States) -> tuple[Figures, Figures]:
    """How the states move as a target goes from one language (first weight) to another (last).

    How far along the straight line between the two ends, and how far beside it, both in lengths
    of that line: means over the sentences [W, K].
    """
    start, end = states_WNKD[0], states_WNKD[-1]
    line = end - start
    length = np.maximum(np.linalg.norm(line, axis=-1), 1e-9)
    along_WNK = ((states_WNKD - start) * line).sum(-1) / length**2
    beside = states_WNKD - start - along_WNK[..., None] * line
    beside_WNK = np.linalg.norm(beside, axis=-1) / length
    return along_WNK.mean(axis=1, dtype=np.float64), beside_WNK.mean(axis=1, dtype=np.float64)


def project(states_ND: States, method: Method = "tsne") -> Figures:
    """Points in a plane [N, 2], from -1 to 1; the same ones for the same states.

    Raises MissingDependency without scikit-learn.
    """
    try:
        from sklearn.decomposition import PCA
        from sklearn.manifold import TSNE
    except ImportError:
        raise MissingDependency(
            "projections need scikit-learn: pip install 'macaronic[explore]'"
        ) from None
    if method == "pca":
        points = PCA(n_components=2, random_state=0).fit_transform(states_ND)
    else:
        near = min(NEAR, (len(states_ND) - 1) / 3)
        options = {"metric": "cosine", "init": "random", "learning_rate": "auto"}
        points = TSNE(2, perplexity=near, random_state=0, **options).fit_transform(states_ND)
    points = points - (points.max(axis=0) + points.min(axis=0)) / 2
    scaled: Figures = np.asarray(points, np.float64) / max(np.abs(points).max(), 1e-9)
    return scaled


def sentence_map(
    states: Mapping[str, States], texts: Mapping[str, Sequence[str]], method: Method = "tsne"
) -> dict[str, Any]:
    """Sentences of all languages in one plane, by their states after the last encoder layer.

    Translations of each other have the same `group`.
    """
    points = iter(project(np.concatenate([each[:, -1] for each in states.values()]), method))
    return {
        "method": method,
        "languages": list(states),
        "points": [
            {
                "x": round(float(x), 4),
                "y": round(float(y), 4),
                "language": code,
                "text": text,
                "group": group,
            }
            for code in states
            for group, (text, (x, y)) in enumerate(zip(texts[code], points, strict=False))
        ],
    }


def _unit(states: States) -> States:
    unit: States = states / np.maximum(np.linalg.norm(states, axis=-1, keepdims=True), 1e-9)
    return unit
