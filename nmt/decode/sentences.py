"""Sentences in, sentences out: exactly what the model says, as evaluation needs it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

import numpy as np

from nmt.decode.engine import Decoded, DecodeOptions, Engine, Source, max_source_pieces
from nmt.decode.flags import Flag
from nmt.errors import InputTooLong, InvalidInput, UnknownLanguage
from nmt.model.model_dir import ModelInfo
from nmt.text.alignment import Link, link_words
from nmt.text.langid import Detection
from nmt.text.target_mix import TargetLike, TargetMix
from nmt.text.tokenizer import Tokenizer

# How a translation was made; unknown where the caller does not say what the source language is.
TranslationPath = Literal["direct", "zero_shot", "pivot", "unknown", "unchanged"]
# What helped when the first output was wrong.
Retry = Literal["hypothesis", "pivot", "parts", "term"]


@dataclass(frozen=True)
class Hypothesis:
    """A translation and its length-normalised log-probability."""

    text: str
    score: float
    is_complete: bool = True


@dataclass(frozen=True)
class Translation:
    """What came of one text: hypotheses, best first, how they were made, and what is wrong.

    `detected` is the language that the best one is in, None without letters to judge by; `shares`
    are the shares of its letters in each language, for a mix; `links` say which of its words come
    from which of the source's, if that was asked for.
    """

    hypotheses: tuple[Hypothesis, ...]
    path: TranslationPath
    source: str | None
    target: TargetMix
    flags: tuple[Flag, ...] = ()
    detected: Detection | None = None
    shares: dict[str, float] = field(default_factory=dict)
    retry: Retry | None = None
    links: tuple[Link, ...] = ()

    @property
    def text(self) -> str:
        """The best hypothesis."""
        return self.hypotheses[0].text

    @property
    def score(self) -> float:
        """Length-normalised log-probability of the best hypothesis."""
        return self.hypotheses[0].score

    @property
    def truncated(self) -> bool:
        """Whether the length limit came before the end."""
        return "truncated" in self.flags

    def as_dict(self) -> dict[str, Any]:
        """The translation as plain values, for JSON."""
        return {
            "text": self.text,
            "score": self.score,
            "path": self.path,
            "source": self.source,
            "target": dict(self.target.weights),
            "flags": list(self.flags),
            "detected": asdict(self.detected) if self.detected else None,
            "shares": self.shares,
            "retry": self.retry,
            "hypotheses": [{"text": h.text, "score": h.score} for h in self.hypotheses],
        }


class SentenceTranslator:
    """Translates sentences between all languages of one model, and in between them.

    Once, and as they are: nothing is split, judged or tried again.
    """

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

    @property
    def best_pieces(self) -> int:
        """Pieces up to which the model has learnt to translate."""
        return min(self.info.trained_pieces or self.max_pieces, self.max_pieces)

    def is_known(self, word: str) -> bool:
        """Whether the vocabulary has all characters of a word."""
        return not self._tokenizer.has_bytes(word)

    def fits(self, text: str) -> bool:
        """Whether a text has no more than `best_pieces`."""
        longest = self.best_pieces
        # A piece is no less than a letter, and a space in front may be one more.
        is_short = text.isascii() and len(text) < longest
        return is_short or len(self._tokenizer.encode(text)) <= longest

    def count_pieces(self, text: str) -> int:
        """Pieces that a sentence is encoded as."""
        return len(self._tokenizer.encode(text))

    def translate(
        self,
        texts: Sequence[str],
        target: TargetLike | Sequence[TargetLike],
        *,
        source: str | Sequence[str | None] | None = None,
        via: str | None = None,
        options: DecodeOptions | None = None,
    ) -> list[Translation]:
        """One translation for each sentence, in order; a blank one stays blank.

        `target` and `source` are one for all or one for each. With `via`, translates to that
        language first.
        Raises UnknownLanguage, InvalidMix, and InputTooLong if a sentence has more than
        `max_pieces` pieces: nothing is ever cut.
        """
        options = options or DecodeOptions()
        mixes = targets_of(target, len(texts))
        sources = sources_of(source, len(texts))
        rows = [mix.row(self.languages) for mix in mixes]
        for code in {*sources, via} - {None, *self.languages}:
            raise UnknownLanguage(str(code), self.languages)
        if via is None:
            return self._translate(texts, mixes, rows, sources, options)
        first = [i for i, code in enumerate(sources) if code != via]
        between = self.translate(
            [texts[i] for i in first],
            via,
            source=[sources[i] for i in first],
            options=replace(options, n_best=1),
        )
        middle = dict(zip(first, map(self._fitting, between), strict=True))
        final = self._translate(
            [middle[i].text if i in middle else text for i, text in enumerate(texts)],
            mixes,
            rows,
            sources,
            options,
        )
        return [
            self._through(last, middle[i], via) if i in middle else last
            for i, last in enumerate(final)
        ]

    def align(
        self,
        texts: Sequence[str],
        translations: Sequence[str],
        target: TargetLike | Sequence[TargetLike],
        *,
        source: str | Sequence[str | None] | None = None,
    ) -> list[tuple[Link, ...]]:
        """Which words of each translation come from which of its source.

        Where the source language is known, the way back is asked as well: a word pair counts as
        much as both directions see it. A pair of sentences that is too long has no links.
        """
        if not texts:
            return []
        mixes = targets_of(target, len(texts))
        sources = sources_of(source, len(texts))
        encoded = [
            (self._tokenizer.encode_with_spans(text), self._tokenizer.encode_with_spans(other))
            for text, other in zip(texts, translations, strict=True)
        ]
        short = [
            i
            for i, pair in enumerate(encoded)
            if max(len(ids) for ids, _ in pair) <= self.max_pieces
        ]
        attention = self._engine.align(
            [Source(encoded[i][0][0], mixes[i].row(self.languages)) for i in short],
            [encoded[i][1][0] for i in short],
        )
        there = dict(zip(short, attention, strict=True))
        known = [i for i in short if sources[i] is not None and mixes[i].is_plain]
        attention = self._engine.align(
            [
                Source(encoded[i][1][0], TargetMix.of(str(sources[i])).row(self.languages))
                for i in known
            ],
            [encoded[i][0][0] for i in known],
        )
        for i, back in zip(known, attention, strict=True):
            there[i] = np.sqrt(there[i] * back.T)
        return [
            link_words(texts[i], translations[i], own[1], other[1], there[i]) if i in there else ()
            for i, (own, other) in enumerate(encoded)
        ]

    def _translate(
        self,
        texts: Sequence[str],
        mixes: Sequence[TargetMix],
        rows: Sequence[list[float]],
        sources: Sequence[str | None],
        options: DecodeOptions,
    ) -> list[Translation]:
        pieces = self._tokenizer.encode_all(texts)
        self._check_lengths(pieces)
        filled = [i for i, ids in enumerate(pieces) if ids]
        found = self._engine.translate([Source(pieces[i], rows[i]) for i in filled], options)
        decoded = dict(zip(filled, found, strict=True))
        nothing = [Decoded((), 0.0, is_complete=True)]
        return [
            Translation(
                hypotheses=(
                    hypotheses := tuple(
                        Hypothesis(self._tokenizer.decode(h.pieces), h.score, h.is_complete)
                        for h in decoded.get(i, nothing)
                    )
                ),
                path=self._path(sources[i], mixes[i]),
                source=sources[i],
                target=mixes[i],
                flags=() if hypotheses[0].is_complete else ("truncated",),
            )
            for i in range(len(texts))
        ]

    def _fitting(self, middle: Translation) -> Translation:
        """A translation short enough to be translated again: a cut one is flagged."""
        text, keep = middle.text, self.max_pieces
        while len(ids := self._tokenizer.encode(text)) > self.max_pieces:
            text = self._tokenizer.decode(ids[:keep])
            keep -= 1
        if text == middle.text:
            return middle
        cut = replace(middle.hypotheses[0], text=text, is_complete=False)
        return replace(middle, hypotheses=(cut,), flags=("truncated",))

    def _through(self, last: Translation, middle: Translation, via: str) -> Translation:
        """A translation that came of another one."""
        path = last.path if via in last.target.languages else "pivot"
        return replace(last, path=path, flags=last.flags or middle.flags)

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


def targets_of(target: TargetLike | Sequence[TargetLike], count: int) -> list[TargetMix]:
    """A target for each text, where one may stand for all."""
    if isinstance(target, (str, Mapping, TargetMix)):
        return [TargetMix.of(target)] * count
    if len(target) != count:
        raise InvalidInput(f"{len(target)} targets for {count} texts: give one, or one for each")
    return [TargetMix.of(item) for item in target]


def sources_of(source: str | Sequence[str | None] | None, count: int) -> list[str | None]:
    """A source language for each text, where one may stand for all."""
    if source is None or isinstance(source, str):
        return [source] * count
    if len(source) != count:
        raise InvalidInput(f"{len(source)} sources for {count} texts: give one, or one for each")
    return list(source)
