"""Text into sentences and back, with everything between them left as it was."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

import sentencex

# Bullets, numbers, quotation and heading signs, and boxes to tick, as in "  - [x] text".
_MARKERS = re.compile(
    r"\s*(?:(?:[-*+•‣◦▪–—>]|#{1,6}|\(?(?:\d{1,3}|[a-zA-Z])\)|\d{1,3}\.|\[[ xX]\])\s+)*"
)
# Full stops that end no sentence: after one letter ("M. Dupont", "г. Минск", "av. J.-C. est"),
# unless it is the last of several ("5 p.m. Then"), and those with no white space behind them.
_ABBREVIATED = re.compile(r"(?<![\w.])([^\W\d_])\.\s*\Z|\.\Z")
_CLOSING_QUOTES = ('"', "”", "’", "»", "」", "』")
# Where a sentence is cut if it must be, the best places first: clauses, phrases, words, characters.
_CUTS = tuple(
    re.compile(pattern)
    for pattern in (r"[;:；：]\s*|\s+[–—-]\s+", r"[,、，،]\s*", r"\s+", r"(?<=.)(?=.)")
)
# A sign that may end a sentence, with words behind it on its line.
_END_INSIDE = re.compile(r"[^\w\s,、，'’].*\S")
# Half of a character, which Python can hold and no library takes.
_SURROGATES = re.compile(r"[\ud800-\udfff]")


@dataclass(frozen=True)
class Segment:
    """A stretch of text: a sentence, or what stands between sentences and is kept as it is."""

    text: str
    is_sentence: bool


def needs_language(text: str) -> bool:
    """Whether it may depend on the language where the sentences of a text end."""
    return _END_INSIDE.search(text) is not None


def split(text: str, language: str) -> list[Segment]:
    """Sentences and what is between them: white space, line ends, list markers, lines of no words.

    The texts of the segments, one after another, are the text. A line end always ends a sentence.
    For a language without rules of its own, those of English hold.
    """
    return [
        segment
        for line in text.splitlines(keepends=True)
        for segment in _split_line(line, language)
        if segment.text
    ]


def split_long(sentence: str, fits: Callable[[str], bool]) -> list[Segment]:
    """A sentence in parts that fit, cut near the middle at the best places that there are.

    The texts of the segments, one after another, are the sentence.
    """
    if fits(sentence) or len(sentence) < 2:
        return [Segment(sentence, is_sentence=True)]
    middle = len(sentence) / 2
    for cut in _CUTS:
        places = [found for found in cut.finditer(sentence) if 0 < found.end() < len(sentence)]
        # A first word that is cut off from the rest is no help.
        inner = [p for p in places if 0.2 * len(sentence) < p.end() < 0.8 * len(sentence)]
        if inner or (places and cut is _CUTS[-1]):
            place = min(inner or places, key=lambda found: abs(found.end() - middle))
            break
    else:
        return [Segment(sentence, is_sentence=True)]
    head, tail = sentence[: place.end()], sentence[place.end() :]
    words = head.rstrip()
    parts = [*split_long(words, fits), Segment(head[len(words) :], is_sentence=False)]
    return [part for part in [*parts, *split_long(tail, fits)] if part.text]


def join(segments: Sequence[Segment], translations: Sequence[str]) -> list[str]:
    """What stands in the place of each segment: a translation in that of each sentence, in order.

    Where sentences follow each other without white space, as in Japanese, translations into a
    language that has it get a space. Raises ValueError unless there is one translation a sentence.
    """
    sentences = sum(segment.is_sentence for segment in segments)
    if sentences != len(translations):
        raise ValueError(f"{len(translations)} translations for {sentences} sentences")
    remaining = iter(translations)
    texts = [next(remaining) if s.is_sentence else s.text for s in segments]
    for index, (segment, following) in enumerate(pairwise(segments)):
        adjoining = segment.is_sentence and following.is_sentence
        if adjoining and _ends_wide(segment.text) and not _ends_wide(texts[index]):
            texts[index] += " "
    return texts


def _split_line(line: str, language: str) -> Iterator[Segment]:
    marker = _MARKERS.match(line)
    start = marker.end() if marker else 0
    yield Segment(line[:start], is_sentence=False)
    for part in _sentences(line[start:], language):
        words = part.strip()
        before = len(part) - len(part.lstrip()) if words else 0
        after = before + len(words)
        yield Segment(part[:before], is_sentence=False)
        yield Segment(words, is_sentence=any(c.isalpha() for c in words))
        yield Segment(part[after:], is_sentence=False)


def _sentences(line: str, language: str) -> Iterator[str]:
    """Stretches of a line that hold a sentence each, white space included."""
    found = sentencex.segment(language, _SURROGATES.sub("\ufffd", line))
    # Only the lengths are taken from the library, so that no character can get lost or changed.
    ends = [0, *accumulate(len(part) for part in found[:-1]), len(line)]
    start = 0
    for end, next_end in pairwise(ends[1:]):
        if not _goes_on(line[start:end], line[end:next_end]):
            yield line[start:end]
            start = end
    yield line[start:]


def _goes_on(part: str, following: str) -> bool:
    """Whether a sentence was cut in two by mistake."""
    if abbreviated := _ABBREVIATED.search(part):
        letter = abbreviated[1]
        # Scripts without upper and lower case have whole sentences of one letter: "네."
        return letter is None or letter.lower() != letter.upper()
    # "「はい。」と言った": the sentence around a quotation.
    return part.endswith(_CLOSING_QUOTES) and following[:1].isalpha()


def _ends_wide(text: str) -> bool:
    """Whether a text ends with a sign that brings its own space, such as the Japanese full stop."""
    return unicodedata.east_asian_width(text[-1:] or "。") in ("W", "F")
