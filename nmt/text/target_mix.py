"""The target of a translation: weights over languages; a plain language is the simplest case."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from nmt.errors import InvalidMix, UnknownLanguage

TargetLike: TypeAlias = "str | Mapping[str, float] | TargetMix"

SYNTAX = "a target is a language such as 'es' or a mix such as 'es:0.58,pt:0.42'"


@dataclass(frozen=True)
class TargetMix:
    """Languages with positive weights that sum to one, in the order in which they were given.

    The encoder sees the convex combination of the languages' tag embeddings (Johnson et al. 2017,
    section 7.2: "Google's Multilingual Neural Machine Translation System").
    """

    weights: tuple[tuple[str, float], ...]

    @classmethod
    def of(cls, target: TargetLike) -> TargetMix:
        """Read a target from text (`es`, `es:0.58,pt:0.42`), a mapping, or another mix.

        Weights are scaled to sum to one; languages of weight zero are left out.
        Raises InvalidMix for anything malformed.
        """
        if isinstance(target, TargetMix):
            return target
        if isinstance(target, str):
            items = _parse(target)
        elif isinstance(target, Mapping):
            items = list(target.items())
        else:
            raise InvalidMix(f"invalid target {target!r}: {SYNTAX}")
        weights: dict[str, float] = {}
        for language, weight in items:
            if not isinstance(language, str) or not language.strip():
                raise InvalidMix(f"invalid target {target!r}: empty language; {SYNTAX}")
            code = language.strip()
            if code in weights:
                raise InvalidMix(f"invalid target {target!r}: {code} is given twice")
            weights[code] = _checked_weight(code, weight)
        total = sum(weights.values())
        if total <= 0:
            raise InvalidMix(f"invalid target {target!r}: at least one weight must be above 0")
        if math.isinf(total):
            raise InvalidMix(f"invalid target {target!r}: the weights are too large to be added up")
        shares = ((code, weight / total) for code, weight in weights.items())
        return cls(tuple((code, share) for code, share in shares if share > 0))

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages of positive weight."""
        return tuple(code for code, _ in self.weights)

    @property
    def is_plain(self) -> bool:
        """Whether this is one language only."""
        return len(self.weights) == 1

    def row(self, languages: Sequence[str]) -> list[float]:
        """One weight for each language of a model; UnknownLanguage if the model lacks one."""
        for code in self.languages:
            if code not in languages:
                raise UnknownLanguage(code, languages)
        weights = dict(self.weights)
        return [weights.get(code, 0.0) for code in languages]

    def __str__(self) -> str:
        if self.is_plain:
            return self.weights[0][0]
        return ",".join(f"{code}:{weight:.4g}" for code, weight in self.weights)


def _parse(text: str) -> list[tuple[str, object]]:
    if ":" not in text:
        if "," in text:
            raise InvalidMix(f"invalid target {text!r}: no weights; {SYNTAX}")
        return [(text, 1.0)]
    items: list[tuple[str, object]] = []
    for part in text.split(","):
        language, colon, weight = part.partition(":")
        if not colon:
            raise InvalidMix(f"invalid target {text!r}: {part.strip()!r} has no weight; {SYNTAX}")
        try:
            items.append((language, float(weight)))
        except ValueError:
            raise InvalidMix(
                f"invalid target {text!r}: {weight.strip()!r} is not a number; {SYNTAX}"
            ) from None
    return items


def _checked_weight(code: str, weight: object) -> float:
    if isinstance(weight, bool) or not isinstance(weight, (int, float)):
        raise InvalidMix(f"weight of {code} is {weight!r}: it must be a number of 0 or more")
    try:
        number = float(weight)
    except OverflowError:
        raise InvalidMix(f"weight of {code} is too large for a floating-point number") from None
    if not math.isfinite(number) or number < 0:
        raise InvalidMix(f"weight of {code} is {weight}: it must be a number of 0 or more")
    return number
