"""Which words of a translation come from which words of its source."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import regex

# A word, or a character where words are not set apart, or any other sign.
_WORD = regex.compile(
    r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]\p{M}*"
    r"|[\p{L}\p{M}\p{N}'’]+|[^\s]"
)
# A link weaker than this is no better than chance.
WEAKEST = 0.1

# T, S pieces of target and source; V, W their words

Span = tuple[int, int]


class Link(NamedTuple):
    """A word of the source and one of the translation, as places of characters, ends excluded."""

    source_start: int
    source_end: int
    target_start: int
    target_end: int

    def moved(self, source: int, target: int) -> Link:
        """The link where its texts begin at these places of longer ones."""
        return Link(
            self.source_start + source,
            self.source_end + source,
            self.target_start + target,
            self.target_end + target,
        )


def link_words(
    source: str,
    target: str,
    source_pieces: Sequence[Span],
    target_pieces: Sequence[Span],
    attention_TS: np.ndarray,
) -> tuple[Link, ...]:
    """The links of a translation, in its order.

    `attention_TS` says how much each piece of the target looks at each piece of the source; the
    spans say where these pieces are. A word is linked to the word that it looks at most, and to
    those that look at it most (Och and Ney 2003 call that the union of two alignments). Words that
    are spelled alike, such as names and numbers, belong together.
    """
    words, others = word_spans(source), word_spans(target)
    if not words or not others or not attention_TS.size:
        return ()
    weights = _overlaps(others, target_pieces) @ attention_TS @ _overlaps(words, source_pieces).T
    weights /= np.maximum(weights.sum(axis=1, keepdims=True), 1e-9)
    weights += _alike(source, words, target, others)
    rows, columns = weights.argmax(axis=1), weights.argmax(axis=0)
    pairs = {(v, int(w)) for v, w in enumerate(rows) if weights[v, w] >= WEAKEST}
    pairs |= {(int(v), w) for w, v in enumerate(columns) if weights[v, w] >= 2 * WEAKEST}
    return tuple(Link(*words[w], *others[v]) for v, w in sorted(pairs))


def word_spans(text: str) -> list[Span]:
    """Where the words of a text are, punctuation marks each by itself."""
    return [match.span() for match in _WORD.finditer(text)]


def _overlaps(words: Sequence[Span], pieces: Sequence[Span]) -> np.ndarray:
    """Which share of each piece lies in each word, [words, pieces]."""
    starts_V, ends_V = np.array(words).T
    starts_T, ends_T = np.array(pieces).T
    common = np.minimum(ends_V[:, None], ends_T) - np.maximum(starts_V[:, None], starts_T)
    shares: np.ndarray = np.maximum(common, 0) / np.maximum(ends_T - starts_T, 1)
    return shares


def _alike(source: str, words: Sequence[Span], target: str, others: Sequence[Span]) -> np.ndarray:
    """1 for words that are spelled alike and occur once on either side, [V, W]."""
    ours = [source[a:b].casefold() for a, b in words]
    theirs = [target[a:b].casefold() for a, b in others]
    return np.array(
        [
            [float(one == other and ours.count(one) == theirs.count(one) == 1) for one in ours]
            for other in theirs
        ]
    )
