"""Words of a text and of its translation, and which came from which."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import regex

from nmt.documents.aligned import Aligned
from nmt.documents.edits import Span
from nmt.text.alignment import Link

# Where no spaces are written, a character is a word, so that marks may end at any link's border.
_WORD = regex.compile(
    r"""
      \{[^{}\s]*\}                                      # a placeholder
    | [[\p{Han}\p{Hiragana}\p{Katakana}ー\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]&&[\p{L}\p{N}]]\p{M}*
    | \p{N}+(?:[.,]\p{N}+)+
    | [[\p{L}\p{M}\p{N}_]--[\p{Han}\p{Hiragana}\p{Katakana}ー\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]]+
    | \p{S}\p{M}*
    | \p{M}+
    """,
    regex.VERBOSE | regex.V1,
)


@dataclass(frozen=True)
class Words:
    """Both sides word by word; `origins` has for each target word the source stretches."""

    source: list[Span]
    target: list[Span]
    origins: list[list[Span]]

    def source_range(self, start: int, end: int) -> tuple[int, int]:
        """Numbers of the source words that lie at least partly between two characters."""
        first = bisect_right(self.source, start, key=lambda word: word.end)
        return first, max(first, bisect_left(self.source, end, key=lambda word: word.start))


def align(text: str, aligned: Aligned, edges: Collection[int]) -> Words:
    """The words of both sides; `edges` are the places in the text that marks begin or end at.

    Without any links, words correspond by their position.
    """
    source, target = _words(text), _words(aligned.text)
    links = [link for link in aligned.links if link.target_start < link.target_end]
    origins: list[list[Span]] = [[] for _ in target]
    starts = [word.start for word in target]
    ends = [word.end for word in target]
    for link in links or _by_position(source, target):
        first = bisect_right(ends, link.target_start)
        for index in range(first, bisect_left(starts, link.target_end)):
            origins[index].append(_origin(link, target[index], text, aligned.text))
    return _cut_alike(Words(source, target, origins), text, aligned.text, edges)


def _origin(link: Link, word: Span, text: str, translation: str) -> Span:
    """The source stretch of a target word in a link; of a copy, the part that it is a copy of."""
    source, target = Span(*link[:2]), Span(*link[2:])
    shift = source.start - target.start
    if shift == source.end - target.end and target.start <= word.start and word.end <= target.end:
        copied = translation[slice(*target)].casefold() == text[slice(*source)].casefold()
        if copied:
            return Span(word.start + shift, word.end + shift)
    return source


def _words(text: str) -> list[Span]:
    return [Span(*match.span()) for match in _WORD.finditer(text)]


def _by_position(source: Sequence[Span], target: Sequence[Span]) -> list[Link]:
    """Links as if both sides had the same order."""
    if not source or not target:
        return []
    many = max(len(source), len(target))
    pairs = [(i * len(source) // many, i * len(target) // many) for i in range(many)]
    return [Link(*source[a], *target[b]) for a, b in pairs]


def _cut_alike(words: Words, text: str, translation: str, edges: Collection[int]) -> Words:
    """Words with a mark's edge inside, as in H<sub>2</sub>O, in parts; their copies as well."""
    places = sorted(edges)
    cuts: dict[Span, list[int]] = {}
    for word in words.source:
        inner = places[bisect_right(places, word.start) : bisect_left(places, word.end)]
        if inner:
            cuts[word] = sorted({edge - word.start for edge in inner})
    if not cuts:
        return words
    target: list[Span] = []
    origins: list[list[Span]] = []
    for word, spans in zip(words.target, words.origins, strict=True):
        copied = translation[word.start : word.end].casefold()
        original = next(
            (
                cut
                for cut in cuts
                if cut.end - cut.start == word.end - word.start
                and any(span.start < cut.end and cut.start < span.end for span in spans)
                and text[cut.start : cut.end].casefold() == copied
            ),
            None,
        )
        if original is None:
            target.append(word)
            origins.append(spans)
            continue
        target += _cut([word], {word: cuts[original]})
        origins += [[piece] for piece in _cut([original], cuts)]
    return Words(_cut(words.source, cuts), target, origins)


def _cut(source: Sequence[Span], cuts: Mapping[Span, Sequence[int]]) -> list[Span]:
    pieces = []
    for word in source:
        bounds = [0, *cuts.get(word, ()), word.end - word.start]
        pieces += [Span(word.start + a, word.start + b) for a, b in pairwise(bounds)]
    return pieces
