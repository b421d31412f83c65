"""Where an edge lies in the signs between two words, as it lay between those of the source."""

from __future__ import annotations

import unicodedata
from collections import Counter

_CLASSES = {
    **dict.fromkeys(".!?…。．！？।؟۔", "end"),
    **dict.fromkeys(",;:、，；：،؛", "pause"),
    **dict.fromkeys("\"'`「」『』", "quote"),
    **dict.fromkeys("¿¡", "begin"),
}
_BEGINNINGS = ("space", "opening", "begin")
_CATEGORIES = {"Ps": "opening", "Pi": "quote", "Pe": "closing", "Pf": "quote"}


def cut(left: str, right: str, gap: str, late: bool) -> int:
    """The place in a gap that leaves the kinds of signs on both sides as left and right have them.

    Of equally good places the first, or the last if `late`.
    """
    if gap == left + right:
        return len(left)
    before, after = Counter[str](), Counter(map(_kind, gap))
    wanted_before, wanted_after = Counter(map(_kind, left)), Counter(map(_kind, right))
    costs = []
    for sign in [*gap, ""]:
        costs.append(_distance(before, wanted_before) + _distance(after, wanted_after))
        if sign:
            before[_kind(sign)] += 1
            after[_kind(sign)] -= 1
    best = min(costs)
    return len(costs) - 1 - costs[::-1].index(best) if late else costs.index(best)


def before_next_word(gap: str) -> int:
    """The place in a gap where all that belongs to the word before it has ended."""
    kinds = map(_kind, gap)
    return next((i for i, kind in enumerate(kinds) if kind in _BEGINNINGS), len(gap))


def _kind(sign: str) -> str:
    if sign.isspace():
        return "space"
    return _CLASSES.get(sign) or _CATEGORIES.get(unicodedata.category(sign)) or sign


def _distance(one: Counter[str], other: Counter[str]) -> int:
    return sum(abs(one[kind] - other[kind]) for kind in {*one, *other})
