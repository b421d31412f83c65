"""How good translations are. A score always travels with the signature of how it was made."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from nmt.errors import InvalidInput, MissingDependency

if TYPE_CHECKING:
    from sacrebleu.metrics.base import Metric
    from sacrebleu.significance import Result

    from nmt.text.langid import LanguageIdentifier  # training scores without one

BOOTSTRAP_SAMPLES = 1000
INSTALL = "install it with: pip install 'macaronic[evaluate]'"


@dataclass(frozen=True)
class Score:
    """A value and how it was computed: BLEU and chrF from 0 to 100, off-target rate from 0 to 1."""

    value: float
    signature: str


@dataclass(frozen=True)
class Interval:
    """The score of one system with its 95 % confidence interval, mean ± margin of the resamples."""

    score: float
    mean: float
    margin: float


@dataclass(frozen=True)
class PairedScore:
    """One metric of two systems on the same sentences.

    `p_value` is the probability of a difference at least as large if the systems were equally good.
    """

    system: Interval
    baseline: Interval
    p_value: float
    signature: str


def bleu(target: str) -> Metric:
    """BLEU by sacreBLEU with the tokeniser of the target language: 13a unless it needs its own."""
    try:
        from sacrebleu.metrics.bleu import BLEU

        return BLEU(trg_lang=target.partition("-")[0])
    except ImportError:
        raise MissingDependency(f"BLEU needs sacreBLEU: {INSTALL}") from None
    except RuntimeError:  # sacreBLEU is there, the tokeniser is not
        raise MissingDependency(f"BLEU needs a tokeniser for {target}: {INSTALL}") from None


def chrf(target: str) -> Metric:
    """ChrF2 by sacreBLEU, the same for every target language."""
    try:
        from sacrebleu.metrics.chrf import CHRF
    except ImportError:
        raise MissingDependency(f"chrF needs sacreBLEU: {INSTALL}") from None
    return CHRF()


METRICS: dict[str, Callable[[str], Metric]] = {"bleu": bleu, "chrf": chrf}


def check_metrics(names: Sequence[str], targets: Iterable[str]) -> None:
    """Raise before long work what scoring would raise after it.

    InvalidInput for names that are not in METRICS, MissingDependency for what is not installed.
    """
    for name in names:
        if name not in METRICS:
            raise InvalidInput(f"unknown metric {name!r}: choose from {', '.join(METRICS)}")
        for target in dict.fromkeys(targets):
            METRICS[name](target)


def score(name: str, hypotheses: Sequence[str], references: Sequence[str], target: str) -> Score:
    """The corpus score by the metric of that name; one reference for each hypothesis."""
    metric = METRICS[name](target)
    value = metric.corpus_score(hypotheses, [references]).score
    return Score(value, str(metric.get_signature()))


def off_target_rate(
    hypotheses: Sequence[str], target: str, identifier: LanguageIdentifier
) -> Score | None:
    """Share of outputs detected as another language than the target.

    Outputs without letters do not count; None where no output has any. The signature names the
    language identifier, the languages that it chose from, and its version.
    """
    detections = [d for d in identifier.detect_all(hypotheses) if d is not None]
    if not detections:
        return None
    off_target = sum(detection.language != target for detection in detections)
    return Score(off_target / len(detections), identifier.signature)


def paired_bootstrap(
    hypotheses: Sequence[str],
    baseline: Sequence[str],
    references: Sequence[str],
    target: str,
    metrics: Sequence[str] = tuple(METRICS),
) -> dict[str, PairedScore]:
    """Both systems by each metric, and whether their difference could be chance.

    The seed is sacreBLEU's (12345, or $SACREBLEU_SEED) and stands in the signatures.
    """
    by_name = {name: METRICS[name](target) for name in metrics}
    from sacrebleu.significance import PairedTest

    test = PairedTest(
        [("baseline", baseline), ("system", hypotheses)],
        by_name,
        [references],
        test_type="bs",
        n_samples=BOOTSTRAP_SAMPLES,
    )
    signatures, results = test()
    paired = {}
    for name, title in zip(by_name, signatures, strict=True):  # sacreBLEU has titles of its own
        theirs, ours = cast("list[Result]", results[title])
        # sacreBLEU finds equal systems different, as it counts resamples above the difference only.
        p_value = 1.0 if ours.score == theirs.score else cast(float, ours.p_value)
        paired[name] = PairedScore(
            _interval(ours), _interval(theirs), p_value, str(signatures[title])
        )
    return paired


def _interval(result: Result) -> Interval:
    assert result.mean is not None and result.ci is not None, "a bootstrap gives both"
    return Interval(float(result.score), float(result.mean), float(result.ci))
