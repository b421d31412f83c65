"""Text as people type it: training on some of it makes a model that takes "hola" and "HOLA!"."""

from __future__ import annotations

import numpy as np
import regex

_LAST_MARKS = regex.compile(r"[\p{P}\s]+$")
_WORD = regex.compile(r"\p{L}{4,}")


def add_noise(text: str, rng: np.random.Generator) -> str:
    """The text with one fault: case, end punctuation or a slip of the finger.

    A text that the drawn fault does not apply to comes back as it was.
    """
    fault = rng.choice(4, p=(0.4, 0.15, 0.25, 0.2))
    if fault == 0:
        return text.lower()
    if fault == 1:
        return text.upper()
    if fault == 2:
        return _LAST_MARKS.sub("", text) or text
    return _slip(text, rng)


def _slip(text: str, rng: np.random.Generator) -> str:
    """Two letters of a longer word swapped, or one left out or typed twice."""
    words = list(_WORD.finditer(text))
    if not words:
        return text
    word = words[rng.integers(len(words))]
    at = int(rng.integers(word.start(), word.end() - 1))
    a, b = text[at], text[at + 1]
    typed = (b + a, b, a + a + b)[rng.integers(3)]
    return text[:at] + typed + text[at + 2 :]
