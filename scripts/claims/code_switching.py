"""Sentences that change their language, built from translations of each other and their links."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import regex

from nmt.data.corpus import decode_line, read_lines
from nmt.errors import CorpusError
from nmt.evaluate.testfiles import PAIRS
from nmt.text.alignment import Link, word_spans

PIVOT = "en"
# A cut in the middle leaves at least this share of the words of either sentence on either side.
LEAST_SHARE = 0.25

# No mark; without spaces, where hiragana or a mark ends what was before.
_WORD_START = regex.compile(
    r"(?![\p{Han}\p{Hiragana}\p{Katakana}])[\p{L}\p{N}]"
    r"|(?<=[\p{Hiragana}\P{L}])[\p{Han}\p{Katakana}]"
)

# Where the first and the second sentence are cut, in characters, and as shares of their words.
Cut = tuple[int, int, float, float]


@dataclass(frozen=True)
class Triple:
    """A sentence in two source languages, and its translation."""

    first: str
    second: str
    reference: str


def joined(paths: Sequence[Path], first: str, second: str, target: str) -> list[Triple]:
    """Sentences that are known in three languages, where English joins the lines of all files.

    The files are NAME.en-es.tsv, or NAME.pt-es.tsv with the English in a third column; also .gz.
    """
    known: dict[str, dict[str, str]] = {}
    for line in _lines(paths):
        if english := line.get(PIVOT):
            known[english] = {**line, **known.get(english, {})}
    wanted = {first, second, target}
    return [
        Triple(texts[first], texts[second], texts[target])
        for texts in known.values()
        if wanted <= texts.keys()
    ]


def _lines(paths: Sequence[Path]) -> Iterator[dict[str, str]]:
    """What each line of the files says, by language."""
    for path in paths:
        match = PAIRS.fullmatch(path.name)
        if match is None:
            raise CorpusError(
                f"{path}: cannot tell its languages from its name; use NAME.en-es.tsv"
            )
        codes = [match["first"], match["second"]]
        codes += [PIVOT] if PIVOT not in codes else []
        for number, raw in enumerate(read_lines(path), start=1):
            columns = decode_line(raw, f"{path}:{number}").split("\t")
            yield {code: text for code, text in zip(codes, columns, strict=False) if text.strip()}


def find_cuts(first: str, second: str, links: Sequence[Link]) -> list[Cut]:
    """Where both sentences can be cut so that what stands before, or after, means the same.

    No link crosses such a cut, there are links on both sides, and a word comes next in both.
    """
    ours, theirs = word_spans(first), word_spans(second)
    numbers = {span: i for i, span in enumerate(ours)}, {span: j for j, span in enumerate(theirs)}
    pairs = [
        (numbers[0][link.source_start, link.source_end], numbers[1][link[2], link[3]])
        for link in links
    ]
    cuts = []
    for i in range(1, len(ours)):
        before = [b for a, b in pairs if a < i]
        after = [b for a, b in pairs if a >= i]
        if not before or not after or max(before) >= min(after):
            continue
        j = min(after)
        starts = ours[i][0], theirs[j][0]
        if _begins_word(first, starts[0]) and _begins_word(second, starts[1]):
            cuts.append((*starts, i / len(ours), j / len(theirs)))
    # Of cuts that share their place in the second sentence the first one is enough.
    return [cut for i, cut in enumerate(cuts) if not i or cut[1] > cuts[i - 1][1]]


def _begins_word(text: str, place: int) -> bool:
    """Whether a word begins there; in Japanese, a kanji or katakana after something else."""
    return bool(_WORD_START.match(text, place))


def middle(cuts: Sequence[Cut]) -> Cut | None:
    """The cut that is nearest to the middle of both sentences, if one is near enough."""
    near = [c for c in cuts if all(LEAST_SHARE <= share <= 1 - LEAST_SHARE for share in c[2:])]
    return min(near, key=lambda cut: abs(cut[2] - 0.5) + abs(cut[3] - 0.5), default=None)


def switched(first: str, second: str, cuts: Sequence[Cut]) -> str:
    """The first sentence up to the first cut, the second up to the next, and so on in turn."""
    edges = [(0, 0), *((cut[0], cut[1]) for cut in cuts), (len(first), len(second))]
    parts = [
        (first, second)[turn % 2][start[turn % 2] : end[turn % 2]].strip()
        for turn, (start, end) in enumerate(pairwise(edges))
    ]
    return " ".join(part for part in parts if part)


def mirrored(cuts: Sequence[Cut]) -> list[Cut]:
    """The same cuts seen from the second sentence."""
    return [(b, a, share_b, share_a) for a, b, share_a, share_b in cuts]
