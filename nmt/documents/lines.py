"""Text broken into lines of about the same length."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from typing import NamedTuple


class Piece(NamedTuple):
    """Text, or markup, that has no length and is not broken."""

    string: str
    is_text: bool


class _Break(NamedTuple):
    """Where a line may end and the next begin, and how much text is before."""

    start: int
    end: int
    length: int


def in_lines(pieces: Sequence[Piece], lines: int, newline: str) -> str:
    """The pieces in so many lines, or fewer if there are not enough words."""
    string = "".join(piece.string for piece in pieces)
    total = sum(len(piece.string) for piece in pieces if piece.is_text)
    breaks = [*_breaks(pieces)]
    chosen: list[_Break] = []
    for line in range(1, lines):
        # Enough of them are left for the lines that follow.
        later = [b for b in breaks if not chosen or b.start >= chosen[-1].end]
        later = [b for b in later if b not in chosen]
        usable = later[: len(later) - (lines - 1 - line)] or later
        if usable:
            chosen.append(min(usable, key=lambda b: abs(b.length - total * line / lines)))
    written, place = [], 0
    for chosen_break in chosen:
        written += [string[place : chosen_break.start], newline]
        place = chosen_break.end
    return "".join([*written, string[place:]])


def _breaks(pieces: Sequence[Piece]) -> Iterator[_Break]:
    """White space between words; between characters where there is none."""
    characters = [(c, piece.is_text) for piece in pieces for c in piece.string]
    visible = [i for i, (_, is_text) in enumerate(characters) if is_text]
    inner = [n for n, i in enumerate(visible) if not characters[i][0].isspace()]
    if not inner:
        return
    spaces = [n for n in range(inner[0], inner[-1]) if characters[visible[n]][0] in " \t"]
    if spaces:
        for n in spaces:
            if n - 1 not in spaces:
                end = n
                while end + 1 in spaces:
                    end += 1
                yield _Break(visible[n], visible[end] + 1, n)
        return
    for n in range(inner[0] + 1, inner[-1] + 1):
        before, after = characters[visible[n - 1]][0], characters[visible[n]][0]
        if _is_wide(before) and _is_wide(after) and not _clings(before, after):
            yield _Break(visible[n], visible[n], n)


def _is_wide(character: str) -> bool:
    return unicodedata.east_asian_width(character) in ("W", "F")


def _clings(before: str, after: str) -> bool:
    """Whether no line may end between two characters."""
    small = after in "ぁぃぅぇぉっゃゅょァィゥェォッャュョー々"
    return small or unicodedata.category(before) == "Ps" or unicodedata.category(after)[0] == "P"
