"""Masks in training pairs, so that a model keeps what they stand for; see `nmt.text.protect`.

Whole batches have them: among pairs of one length, some that are longer would be padding for all.
"""

from __future__ import annotations

import numpy as np
import regex

from nmt.text.protect import mask

# A word that is alike in both languages is a name or a number.
_NAME_OR_NUMBER = regex.compile(r"\b(?:\p{Lu}[\p{L}\p{M}]{2,}|\d+(?:[.,:]\d+)*)\b")
_END = regex.compile(r"[\p{P}\s]*\Z")


def add_masks(source: str, target: str, rng: np.random.Generator) -> tuple[str, str]:
    """A pair with masks in both sentences: for one or two names or numbers that they share.

    Where they share none, one mask is put at the beginning or the end of both.
    """
    first, second = _NAME_OR_NUMBER.findall(source), _NAME_OR_NUMBER.findall(target)
    shared = [w for w in first if first.count(w) == 1 and second.count(w) == 1]
    if not shared:
        if rng.random() < 0.5:
            return f"{mask(1)} {source}", f"{mask(1)} {target}"
        return _at_end(source), _at_end(target)
    count = min(len(shared), int(rng.integers(1, 3)))
    chosen = sorted(rng.permutation(len(shared))[:count])
    for number, index in enumerate(chosen, start=1):
        word = regex.compile(rf"\b{regex.escape(shared[index])}\b")
        source = word.sub(mask(number), source, count=1)
        target = word.sub(mask(number), target, count=1)
    return source, target


def _at_end(text: str) -> str:
    """The text with a mask before its last punctuation marks."""
    end = _END.search(text)
    at = end.start() if end else len(text)
    return f"{text[:at]} {mask(1)}{text[at:]}"
