"""What the outputs on the way between target languages are: languages, switches, fluency."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from nmt.text.langid import LanguageIdentifier

# An output is mixed if at least this share of its words is in each of the two languages.
MIXED_SHARE = 0.25

# The mean log-probability a piece of translations, given sources and target languages.
Scorer = Callable[[Sequence[str], Sequence[str], Sequence[str]], list[float]]


@dataclass(frozen=True)
class Judged:
    """An output: its language, the share of its words in each, and how fluent it is.

    `scores` are mean log-probabilities a piece under the two pure targets.
    """

    text: str
    language: str | None
    shares: dict[str, float]
    scores: tuple[float, float]

    def is_mixed(self, languages: Sequence[str]) -> bool:
        """Whether words of both languages stand in it."""
        return all(self.shares.get(code, 0.0) >= MIXED_SHARE for code in languages)

    def is_second(self, languages: Sequence[str]) -> bool:
        """Whether it has more words of the second language than of the first."""
        first, second = (self.shares.get(code, 0.0) for code in languages)
        return second > first


def word_shares(text: str, identifier: LanguageIdentifier) -> dict[str, float]:
    """The share of the words of a text in each language of the identifier."""
    counts = Counter(word.language for word in identifier.words(text))
    return {code: count / counts.total() for code, count in counts.items()}


def judge(
    sources: Sequence[str],
    outputs: Sequence[Sequence[str]],
    languages: Sequence[str],
    identifier: LanguageIdentifier,
    scorer: Scorer,
) -> list[list[Judged]]:
    """Every output of every sweep, judged; an output that comes again is judged once."""
    known = list({(s, text) for s, texts in zip(sources, outputs, strict=True) for text in texts})
    asked = [source for source, _ in known], [text for _, text in known]
    scores = [scorer(*asked, [code] * len(known)) for code in languages]
    found = {}
    for (source, text), first, second in zip(known, *scores, strict=True):
        detection = identifier.detect(text)
        language = detection.language if detection else None
        shares = word_shares(text, identifier)
        found[source, text] = Judged(text, language, shares, (first, second))
    return [
        [found[source, text] for text in texts]
        for source, texts in zip(sources, outputs, strict=True)
    ]


def summary(
    sweeps: Sequence[Sequence[Judged]], languages: Sequence[str], weights: Sequence[float]
) -> dict[str, Any]:
    """All numbers of one pair of languages, as plain values."""
    steps = [_step([sweep[i] for sweep in sweeps], languages) for i in range(len(weights))]
    places = [_switch(sweep, languages) for sweep in sweeps]
    switched = [sweep for sweep, place in zip(sweeps, places, strict=True) if place is not None]
    ends = [end for sweep in sweeps for end in (sweep[0], sweep[-1])]
    return {
        "languages": list(languages),
        "sentences": len(sweeps),
        "weights": list(weights),
        "steps": steps,
        "switches": [sum(place == i for place in places) for i in range(len(weights))],
        "never_switch": sum(place is None for place in places) / len(sweeps),
        "different_outputs": fmean(len({one.text for one in sweep}) for sweep in sweeps),
        "pass_a_mixed_output": _share_with(switched, lambda one: one.is_mixed(languages)),
        "mixed_ends": fmean(one.is_mixed(languages) for one in ends),
        "third_language": _third(sweeps, languages),
        "third_language_at_the_ends": fmean(_is_third(one, languages) for one in ends),
        "fluency": _fluency(sweeps, languages),
    }


def _step(outputs: Sequence[Judged], languages: Sequence[str]) -> dict[str, Any]:
    """Means over the sentences at one weight."""
    codes = sorted({code for one in outputs for code in one.shares} | set(languages))
    shares = {code: fmean(one.shares.get(code, 0.0) for one in outputs) for code in codes}
    detected = Counter(one.language for one in outputs if one.language)
    return {
        "words": shares,
        "detected": {code: count / len(outputs) for code, count in sorted(detected.items())},
        "mixed": fmean(one.is_mixed(languages) for one in outputs),
        "score_first": fmean(one.scores[0] for one in outputs),
        "score_second": fmean(one.scores[1] for one in outputs),
        "score_better": fmean(max(one.scores) for one in outputs),
    }


def _switch(sweep: Sequence[Judged], languages: Sequence[str]) -> int | None:
    """The first step whose output has more words of the second language.

    None if there is none, or if the output for the first language has them too: then nothing tells.
    """
    if sweep[0].is_second(languages):
        return None
    return next((i for i, one in enumerate(sweep) if i and one.is_second(languages)), None)


def _share_with(sweeps: Sequence[Sequence[Judged]], is_so: Callable[[Judged], bool]) -> float:
    """The share of sweeps of which an output between the ends is so."""
    return fmean(any(is_so(one) for one in sweep[1:-1]) for sweep in sweeps) if sweeps else 0.0


def _is_third(one: Judged, languages: Sequence[str]) -> bool:
    return one.language is not None and one.language not in languages


def _third(sweeps: Sequence[Sequence[Judged]], languages: Sequence[str]) -> dict[str, Any]:
    """How often an output between the ends is in a third language, and in which."""
    inner = [one for sweep in sweeps for one in sweep[1:-1]]
    found = Counter(one.language for one in inner if _is_third(one, languages))
    return {
        "sentences": _share_with(sweeps, lambda one: _is_third(one, languages)),
        "outputs": {str(code): count / len(inner) for code, count in found.most_common()},
    }


def telltale(
    sweeps: Sequence[Sequence[Judged]], language: str, letters: str, real: Sequence[str]
) -> dict[str, Any]:
    """Of outputs between the ends in a language, and of its real text: how many have its letters.

    The letters are those that only this language has, so that a blend of its neighbours, which an
    identifier may take for it, has none.
    """
    found = [one.text for sweep in sweeps for one in sweep[1:-1] if one.language == language]
    shares = [
        fmean(any(letter in text.lower() for letter in letters) for text in texts) if texts else 0.0
        for texts in (found, real)
    ]
    return {"letters": letters, "outputs": len(found), "share": shares[0], "real": shares[1]}


def _fluency(sweeps: Sequence[Sequence[Judged]], languages: Sequence[str]) -> dict[str, Any]:
    """How likely outputs are under the better pure target, against the ends of the same sweeps.

    `mixed` are outputs between the ends that have words of both languages, `new` all that are
    neither of the ends.
    """
    kinds: dict[str, Callable[[Sequence[Judged], Judged], bool]] = {
        "new": lambda sweep, one: one.text not in (sweep[0].text, sweep[-1].text),
        "mixed": lambda sweep, one: one.is_mixed(languages),
    }
    found: dict[str, Any] = {}
    for name, is_so in kinds.items():
        pairs = [
            (max(one.scores), (sweep[0].scores[0] + sweep[-1].scores[1]) / 2)
            for sweep in sweeps
            for one in {one.text: one for one in sweep[1:-1]}.values()
            if is_so(sweep, one)
        ]
        found[name] = {
            "outputs": len(pairs),
            "score": fmean(own for own, _ in pairs) if pairs else None,
            "ends": fmean(ends for _, ends in pairs) if pairs else None,
        }
    return found
