"""Text in, text out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from nmt.decode.engine import Decoded, DecodeOptions, Engine, Source, load_engine, max_source_pieces
from nmt.errors import InputTooLong, InvalidInput, UnknownLanguage
from nmt.model.model_dir import ModelInfo
from nmt.text.target_mix import TargetLike, TargetMix
from nmt.text.tokenizer import Tokenizer

SHIPPED_MODEL = Path(__file__).parent.parent / "pretrained"

# How a translation was made; unknown where the caller does not say what the source language is.
TranslationPath = Literal["direct", "zero_shot", "pivot", "unknown"]


@dataclass(frozen=True)
class Hypothesis:
    """A translation and its length-normalised log-probability."""

    text: str
    score: float


@dataclass(frozen=True)
class Translation:
    """What came of one sentence: hypotheses, best first, and how they were made."""

    hypotheses: tuple[Hypothesis, ...]
    path: TranslationPath
    source: str | None
    target: TargetMix
    truncated: bool

    @property
    def text(self) -> str:
        """The best hypothesis."""
        return self.hypotheses[0].text

    @property
    def score(self) -> float:
        """Length-normalised log-probability of the best hypothesis."""
        return self.hypotheses[0].score

    def as_dict(self) -> dict[str, Any]:
        """The translation as plain values, for JSON."""
        return {
            "text": self.text,
            "score": self.score,
            "path": self.path,
            "source": self.source,
            "target": dict(self.target.weights),
            "truncated": self.truncated,
            "hypotheses": [asdict(hypothesis) for hypothesis in self.hypotheses],
        }


class Translator:
    """Translates sentences between all languages of one model, and in between them."""

    def __init__(self, info: ModelInfo, tokenizer: Tokenizer, engine: Engine) -> None:
        self.info = info
        self._tokenizer = tokenizer
        self._engine = engine

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages of the model."""
        return self.info.languages

    @property
    def directions(self) -> frozenset[tuple[str, str]]:
        """Trained (source, target) pairs; all others are zero-shot."""
        return self.info.trained_pairs

    @property
    def max_pieces(self) -> int:
        """Pieces that a sentence may have."""
        return max_source_pieces(self.info.architecture)

    def count_pieces(self, text: str) -> int:
        """How many pieces a text has; a sentence may have up to `max_pieces`."""
        return len(self._tokenizer.encode(text))

    def translate(
        self,
        texts: Sequence[str],
        target: TargetLike | Sequence[TargetLike],
        *,
        source: str | None = None,
        via: str | None = None,
        options: DecodeOptions | None = None,
    ) -> list[Translation]:
        """One translation for each sentence, in order; a blank one stays blank.

        `target` is one for all or one for each. With `via`, translates to that language first.
        Raises UnknownLanguage, InvalidMix, and InputTooLong if a sentence has more than
        `max_pieces` pieces: nothing is ever cut.
        """
        options = options or DecodeOptions()
        mixes = _per_text(target, len(texts))
        rows = [mix.row(self.languages) for mix in mixes]
        for code in (source, via):
            if code is not None and code not in self.languages:
                raise UnknownLanguage(code, self.languages)
        if via is None:
            paths = [self._path(source, mix) for mix in mixes]
            return self._translate(texts, mixes, rows, source, paths, options)
        between = self.translate(texts, via, source=source, options=replace(options, n_best=1))
        middle = [t.text for t in between] if source != via else list(texts)
        paths = [
            "pivot" if via not in (source, *mix.languages) else self._path(source, mix)
            for mix in mixes
        ]
        final = self._translate(middle, mixes, rows, source, paths, options)
        return [
            replace(last, truncated=first.truncated or last.truncated)
            for first, last in zip(between, final, strict=True)
        ]

    def _translate(
        self,
        texts: Sequence[str],
        mixes: Sequence[TargetMix],
        rows: Sequence[list[float]],
        source: str | None,
        paths: Sequence[TranslationPath],
        options: DecodeOptions,
    ) -> list[Translation]:
        pieces = self._tokenizer.encode_all(texts)
        self._check_lengths(pieces)
        filled = [i for i, ids in enumerate(pieces) if ids]
        found = self._engine.translate([Source(pieces[i], rows[i]) for i in filled], options)
        hypotheses = dict(zip(filled, found, strict=True))
        nothing = [Decoded((), 0.0, is_complete=True)]
        return [
            Translation(
                hypotheses=tuple(
                    Hypothesis(self._tokenizer.decode(h.pieces), h.score)
                    for h in hypotheses.get(i, nothing)
                ),
                path=paths[i],
                source=source,
                target=mixes[i],
                truncated=not hypotheses.get(i, nothing)[0].is_complete,
            )
            for i in range(len(texts))
        ]

    def _path(self, source: str | None, mix: TargetMix) -> TranslationPath:
        if source is None:
            return "unknown"
        trained = all((source, code) in self.directions for code in mix.languages)
        return "direct" if trained else "zero_shot"

    def _check_lengths(self, pieces: Sequence[Sequence[int]]) -> None:
        for number, ids in enumerate(pieces, start=1):
            if len(ids) > self.max_pieces:
                raise InputTooLong(
                    f"sentence {number} has {len(ids)} pieces: this model takes up to "
                    f"{self.max_pieces} (about {self.max_pieces * 2 // 3} words); split it"
                )


def load_translator(
    model_dir: Path | None = None, *, device: str = "cpu", threads: int = 0
) -> Translator:
    """A translator for a model directory, the shipped one by default; ModelError if it is unfit."""
    return Translator(*load_engine(model_dir or SHIPPED_MODEL, device, threads))


def _per_text(target: TargetLike | Sequence[TargetLike], count: int) -> list[TargetMix]:
    if isinstance(target, (str, Mapping, TargetMix)):
        return [TargetMix.of(target)] * count
    if len(target) != count:
        raise InvalidInput(f"{len(target)} targets for {count} texts: give one, or one for each")
    return [TargetMix.of(item) for item in target]
