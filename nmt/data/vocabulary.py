"""Sentences for the shared vocabulary, balanced over languages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from zlib import crc32

from nmt.config import VocabularyConfig

LabelledPairs = Iterable[tuple[tuple[str, str], list[str]]]


def sample_sentences(
    pairs: Callable[[], LabelledPairs], languages: Sequence[str], config: VocabularyConfig
) -> Iterator[str]:
    """About the same number of characters of each of the languages, after a pass that counts them.

    A common language is thinned out, a rare one repeated up to `max_repeats` times: in a sample
    by size it would be left with single characters. Which sentences stay is decided by their
    checksum, so the sample is the same each time.
    """
    characters: Counter[str] = Counter()
    for codes, sides in pairs():
        for code, side in zip(codes, sides, strict=True):
            if code in languages:
                characters[code] += len(side)
    most = max(characters.values(), default=0)
    goal = min(config.characters_per_language, most)
    rates = {
        code: min(goal / characters[code], config.max_repeats)
        for code in languages
        if characters[code]
    }
    for codes, sides in pairs():
        for code, side in zip(codes, sides, strict=True):
            whole, fraction = divmod(rates.get(code, 0), 1)
            chosen = crc32(side.encode()) < fraction * 2**32
            for _ in range(int(whole) + chosen):
                yield side
