"""All steps on the way between target languages, and where the output switches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from nmt.decode.engine import DecodeOptions
from nmt.decode.sentences import Translation
from nmt.decode.translator import Translator
from nmt.errors import InvalidMix, UnknownLanguage
from nmt.text.langid import Detection
from nmt.text.target_mix import TargetMix

WEIGHT_DIGITS = 4


@dataclass(frozen=True)
class Step:
    """One mix of the target languages and what it gives."""

    weights: dict[str, float]
    translation: Translation


@dataclass(frozen=True)
class Sweep:
    """A text translated to one mix of languages after the other."""

    text: str
    languages: tuple[str, ...]
    steps: tuple[Step, ...]

    @property
    def switches(self) -> tuple[tuple[int, int], ...]:
        """Indices of neighbouring steps whose translations differ."""
        texts = [step.translation.text for step in self.steps]
        return tuple((i, i + 1) for i, (a, b) in enumerate(pairwise(texts)) if a != b)

    def as_dict(self) -> dict[str, Any]:
        """The sweep as plain values, in the shape of `POST /mix` without words; in per cent."""
        return {
            "q": self.text,
            "languages": list(self.languages),
            "steps": [_step_as_dict(step) for step in self.steps],
            "switches": [{"after": after, "before": before} for after, before in self.switches],
        }


def sweep_weights(languages: Sequence[str], steps: int) -> list[dict[str, float]]:
    """Evenly spaced weights from all of the first of two languages to all of the second.

    Raises InvalidMix unless there are two languages and at least two steps.
    """
    if len(languages) != 2 or languages[0] == languages[1]:
        raise InvalidMix(
            f"steps go between two different languages, received {', '.join(languages) or 'none'};"
            " for others give the weights of each step"
        )
    if steps < 2:
        raise InvalidMix(f"steps is {steps}: a sweep has at least 2, its two ends")
    first, second = languages
    shares = [round(i / (steps - 1), WEIGHT_DIGITS) for i in range(steps)]
    return [{first: round(1 - share, WEIGHT_DIGITS), second: share} for share in shares]


def sweep(
    translator: Translator,
    text: str,
    weights: Sequence[Mapping[str, float]],
    *,
    source: str | None = None,
    options: DecodeOptions | None = None,
) -> Sweep:
    """Translate a text to each mix of languages, all in one batch.

    The weights of a step are scaled to sum to one; a language that a step does not name has 0.
    Raises InvalidMix and UnknownLanguage.
    """
    if not weights:
        raise InvalidMix("a sweep needs the weights of at least one step, received none")
    mixes = [TargetMix.of(step) for step in weights]
    languages = tuple(dict.fromkeys(code.strip() for step in weights for code in step))
    for code in languages:  # those of weight zero too, which no mix holds
        if code not in translator.languages:
            raise UnknownLanguage(code, translator.languages)
    translations = translator.translate([text] * len(mixes), mixes, source=source, options=options)
    steps = (
        Step(dict(zip(languages, mix.row(languages), strict=True)), translation)
        for mix, translation in zip(mixes, translations, strict=True)
    )
    return Sweep(text, languages, tuple(steps))


def weight_digits(sweep: Sweep) -> int:
    """Decimals that show each weight of a sweep as it is: 2, or more up to WEIGHT_DIGITS."""
    weights = (weight for step in sweep.steps for weight in step.weights.values())
    shown = (f"{weight:.{WEIGHT_DIGITS}f}".rstrip("0") for weight in weights)
    return max([2, *(len(text.partition(".")[2]) for text in shown)])


def format_table(sweep: Sweep) -> str:
    """The sweep as lines of text: weights, language detected, a mark at a switch, translation."""
    # Between two languages the weight of the second says it all.
    shown = sweep.languages[1:] if len(sweep.languages) == 2 else sweep.languages
    digits = weight_digits(sweep)
    switched = {before for _, before in sweep.switches}
    rows = [[*(f"w_{code}" for code in shown), "detected", "", _one_line(sweep.text)]]
    for index, step in enumerate(sweep.steps):
        weights = [f"{step.weights[code]:.{digits}f}" for code in shown]
        mark = "*" if index in switched else ""
        rows.append([*weights, _detected(step), mark, _one_line(step.translation.text)])
    # The translation comes last: its width, unknown for wide scripts, moves nothing.
    widths = [max(map(len, column)) for column in list(zip(*rows, strict=True))[:-1]] + [0]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    return "\n".join([*lines, "", "*: the translation differs from the one above"])


def _step_as_dict(step: Step) -> dict[str, Any]:
    found = step.translation.detected
    return {
        "weights": {code: round(weight, WEIGHT_DIGITS) for code, weight in step.weights.items()},
        "translatedText": step.translation.text,
        "detectedLanguage": found and {"language": found.language, "confidence": _percent(found)},
    }


def _detected(step: Step) -> str:
    found = step.translation.detected
    return f"{found.language} {_percent(found):3d} %" if found else "-"


def _percent(detection: Detection) -> int:
    return round(100 * detection.confidence)


def _one_line(text: str) -> str:
    return " ".join(text.split())
