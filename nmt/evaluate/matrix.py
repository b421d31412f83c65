"""Every source x target of the tests: trained, zero-shot and pivoted side by side."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from nmt.decode.engine import DecodeOptions
from nmt.decode.sentences import SentenceTranslator, Translation
from nmt.errors import CorpusError, InputTooLong, UnknownLanguage
from nmt.evaluate.metrics import (
    METRICS,
    PairedScore,
    Score,
    check_metrics,
    off_target_rate,
    paired_bootstrap,
    score,
)
from nmt.evaluate.testfiles import DirectionTest
from nmt.progress import Progress
from nmt.text.langid import LanguageIdentifier

PIVOT = "en"
BATCHES_BETWEEN_PROGRESS = 4


@dataclass(frozen=True)
class EvaluateOptions:
    """What to measure, and how.

    Untrained directions are also pivoted, through English where the model knows it; with `via` all
    directions are, through that language. Without `pivot` none is.
    """

    metrics: tuple[str, ...] = tuple(METRICS)
    pivot: bool = True
    via: str | None = None
    decode: DecodeOptions = field(default_factory=DecodeOptions)


@dataclass(frozen=True)
class DirectionResult:
    """One direction, translated in one way: `path` is direct (trained), zero_shot or pivot.

    `off_target` is None where no output has letters; `truncated` counts outputs that were stopped
    at the decoder's length limit; `seconds` is the time of translating.
    """

    test: DirectionTest
    path: str
    via: str | None
    hypotheses: tuple[str, ...] = field(repr=False)
    scores: dict[str, Score]
    off_target: Score | None
    truncated: int
    seconds: float

    @property
    def sentences(self) -> int:
        """How many sentences were translated."""
        return len(self.hypotheses)


@dataclass(frozen=True)
class Comparison:
    """One direction, translated in the same way by two systems; `path` is that of the first."""

    test: DirectionTest
    path: str
    scores: dict[str, PairedScore]


def evaluate(
    translator: SentenceTranslator,
    identifier: LanguageIdentifier,
    tests: Sequence[DirectionTest],
    options: EvaluateOptions | None = None,
) -> list[DirectionResult]:
    """Translate and score each test, directly and as the options ask through a pivot language.

    Raises InvalidInput for an unknown metric, MissingDependency, UnknownLanguage for an unknown
    pivot, and InputTooLong naming the test that holds the sentence.
    """
    options = options or EvaluateOptions()
    check_metrics(options.metrics, [test.target for test in tests])
    if options.via is not None and options.via not in translator.languages:
        raise UnknownLanguage(options.via, translator.languages)
    rows = [(test, via) for test in tests for via in _ways(translator, test, options)]
    total = sum(len(test.sources) for test, _ in rows)
    with Progress("evaluate", total=total, unit="sentences") as progress:
        return [
            _evaluate_row(translator, identifier, test, via, options, progress)
            for test, via in rows
        ]


def compare(
    results: Sequence[DirectionResult], baseline: Sequence[DirectionResult]
) -> list[Comparison]:
    """Paired bootstrap on each test that both systems translated directly, or by the same pivot.

    Raises CorpusError if there is none.
    """
    theirs = {(row.test, row.via): row for row in baseline}
    common = [(row, theirs[row.test, row.via]) for row in results if (row.test, row.via) in theirs]
    if not common:
        raise CorpusError("nothing to compare: no direction of the tests is known to both models")
    return [
        Comparison(
            row.test,
            row.path,
            paired_bootstrap(
                row.hypotheses,
                other.hypotheses,
                row.test.references,
                row.test.target,
                [name for name in row.scores if name in other.scores],
            ),
        )
        for row, other in common
    ]


def write_hypotheses(results: Sequence[DirectionResult], directory: Path) -> None:
    """Write one file for each result, such as `NAME.pt-es.pivot.txt`: one line for each output."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for row in results:
            test = row.test
            path = directory / f"{test.name}.{test.source}-{test.target}.{row.path}.txt"
            lines = (" ".join(text.splitlines()) for text in row.hypotheses)
            path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    except OSError as error:
        raise CorpusError(f"cannot write to {directory}: {error.strerror}") from None


def _ways(
    translator: SentenceTranslator, test: DirectionTest, options: EvaluateOptions
) -> list[str | None]:
    """The languages to go through: None (not any), and a pivot where one is asked for."""
    via = options.via or PIVOT
    is_trained = (test.source, test.target) in translator.directions
    is_asked = options.pivot and (options.via is not None or not is_trained)
    is_possible = via in translator.languages and via not in (test.source, test.target)
    return [None, via] if is_asked and is_possible else [None]


def _evaluate_row(
    translator: SentenceTranslator,
    identifier: LanguageIdentifier,
    test: DirectionTest,
    via: str | None,
    options: EvaluateOptions,
    progress: Progress,
) -> DirectionResult:
    start = time.perf_counter()
    translations = _translate(translator, test, via, options.decode, progress)
    seconds = time.perf_counter() - start
    hypotheses = tuple(translation.text for translation in translations)
    return DirectionResult(
        test=test,
        path=translations[0].path,
        via=via,
        hypotheses=hypotheses,
        scores={
            name: score(name, hypotheses, test.references, test.target) for name in options.metrics
        },
        off_target=off_target_rate(hypotheses, test.target, identifier),
        truncated=sum(translation.truncated for translation in translations),
        seconds=seconds,
    )


def _translate(
    translator: SentenceTranslator,
    test: DirectionTest,
    via: str | None,
    options: DecodeOptions,
    progress: Progress,
) -> list[Translation]:
    translations: list[Translation] = []
    size = BATCHES_BETWEEN_PROGRESS * options.batch_size
    for first in range(0, len(test.sources), size):
        texts = test.sources[first : first + size]
        try:
            translations += translator.translate(
                texts, test.target, source=test.source, via=via, options=options
            )
        except InputTooLong as error:
            raise InputTooLong(
                f"test {test.name} {test.source}>{test.target}, counting from {first + 1}: {error}"
            ) from None
        progress.advance(len(texts))
    return translations
