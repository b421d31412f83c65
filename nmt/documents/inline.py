"""Texts with markup inside: one text for the translator, and its marks back on the translation.

A mark goes to the words that are linked to its words. It is never lost or doubled, marks never
cross, and without them the result is the translation, character by character.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import regex

from nmt.documents.aligned import Aligned
from nmt.documents.edits import Part, Span
from nmt.documents.placing import Mark, Placed, place

_SPACES = regex.compile(r"[ \t\r\n\f]+")
# Deeper marks are kept as markup between words; only broken pages nest so many.
_MAX_DEPTH = 30
_MASK = regex.compile(r"\{\s*(\d{1,3})\s*\}")


@dataclass(frozen=True)
class Inline:
    """A text, the marks on it and what its masks stand for."""

    text: str
    marks: Sequence[Mark]
    masks: Mapping[int, Part]

    def render(self, aligned: Aligned, escape: Callable[[str], str]) -> list[Part]:
        """The translation with its marks; `escape` is applied to the translation's own text."""
        placed = place(self.text, self.marks, aligned)
        used: set[int] = set()
        whole = Span(0, len(aligned.text))
        parts = [*_emitted(placed, whole, self._filler(aligned, escape, used))]
        # The translator keeps masks; if it ever fails to, what they stand for is not lost.
        return [*parts, *(part for number, part in self.masks.items() if number not in used)]

    def render_tiles(
        self, aligned: Aligned, escape: Callable[[str], str]
    ) -> list[tuple[Mark, list[Part]]]:
        """The translation divided over the outermost marks, which stay in order."""
        placed = place(self.text, self.marks, aligned, tiles=True)
        used: set[int] = set()
        return [
            (tile.mark, [*_emitted(tile.children, tile.area, self._filler(aligned, escape, used))])
            for tile in placed
        ]

    def _filler(
        self, aligned: Aligned, escape: Callable[[str], str], used: set[int]
    ) -> Callable[[Span], Iterator[Part]]:
        return lambda span: self._filled(aligned, span, escape, used)

    def _filled(
        self, aligned: Aligned, span: Span, escape: Callable[[str], str], used: set[int]
    ) -> Iterator[Part]:
        """A stretch of the translation, with what its masks stand for."""
        text = aligned.text[span.start : span.end]
        end = 0
        for match in _MASK.finditer(text):
            number = int(match[1])
            if number not in self.masks:
                continue
            yield escape(text[end : match.start()])
            if number not in used:
                yield self.masks[number]
            used.add(number)
            end = match.end()
        yield escape(text[end:])


def _emitted(
    placed: Sequence[Placed], area: Span, filled: Callable[[Span], Iterator[Part]]
) -> Iterator[Part]:
    cursor = area.start
    for item in placed:
        yield from filled(Span(cursor, item.area.start))
        yield item.mark.opening
        yield from _emitted(item.children, item.area, filled)
        yield item.mark.closing
        cursor = item.area.end
    yield from filled(Span(cursor, area.end))


@dataclass
class _Space:
    """White space that ends the text so far, and where it goes if nothing follows."""

    siblings: list[Mark]
    index: int
    length: int
    source: Span


@dataclass
class Builder:
    """Puts a text with marks together, in the order of the document.

    White space at both ends of the text is put aside as if it were markup.
    """

    taken: set[int]  # numbers of placeholders that the document has itself
    collapses: bool = True  # whether white space is one space, as in HTML
    _text: list[str] = field(default_factory=list)
    _length: int = 0
    _marks: list[Mark] = field(default_factory=list)
    _open: list[tuple[str, Mark | None]] = field(default_factory=list)
    _masks: dict[int, Part] = field(default_factory=dict)
    _space: _Space | None = None

    def add(self, text: str, source: Span) -> None:
        """Append text; `source` is where it stands, of equal length at least in white space."""
        words = text.strip(" \t\r\n\f")
        if not words:
            self._add_space(text, source)
            return
        before, after = text.index(words[0]), len(text) - len(text.rstrip(" \t\r\n\f"))
        self._add_space(text[:before], Span(source.start, source.start + before))
        self._append(_SPACES.sub(" ", words) if self.collapses else words)
        self._add_space(text[len(text) - after :], Span(source.end - after, source.end))

    def open(self, name: str, opening: Part) -> None:
        """Begin a mark."""
        if len(self._open) >= _MAX_DEPTH:
            self.point(opening)
            self._open.append((name, None))
            return
        mark = Mark(self._length, self._length, opening)
        self._siblings().append(mark)
        self._open.append((name, mark))

    def close(self, name: str, closing: Part) -> bool:
        """End the innermost mark of that name and those inside it; False if there is none."""
        if all(name != opened for opened, _ in self._open):
            return False
        while True:
            opened, mark = self._open.pop()
            if mark is not None:
                mark.end = self._length
            if opened == name:
                break
        if mark is None:
            self.point(closing)
        else:
            mark.closing = closing
        return True

    def point(self, part: Part) -> None:
        """Put markup between the words."""
        self._siblings().append(Mark(self._length, self._length, part))

    def mask(self, part: Part) -> None:
        """Put in what the translator keeps as it would keep a placeholder."""
        free = (n for n in range(1, 1000) if n not in self.taken and n not in self._masks)
        number = next(free, None)
        if number is None:  # no placeholder has more digits
            self.point(part)
            return
        self._masks[number] = part
        self._append(f"{{{number}}}")

    def opened(self) -> list[str]:
        """Names of the marks that are open, the outermost first."""
        return [name for name, mark in self._open if mark is not None]

    def finish(self) -> Inline:
        """The text with its marks; those still open reach up to its end."""
        for _, mark in self._open:
            if mark is not None:
                mark.end = self._length
        text = "".join(self._text)
        if self._space is not None:
            text = text[: len(text) - self._space.length]
            _clip(self._marks, len(text))
            self._space.siblings.insert(
                self._space.index, Mark(len(text), len(text), self._space.source)
            )
        return Inline(text, self._marks, self._masks)

    def _siblings(self) -> list[Mark]:
        return next((m.children for _, m in reversed(self._open) if m is not None), self._marks)

    def _append(self, text: str) -> None:
        self._text.append(text)
        self._length += len(text)
        self._space = None

    def _add_space(self, text: str, source: Span) -> None:
        if not text:
            return
        siblings = self._siblings()
        if not self._length or self._space is not None:
            siblings.append(Mark(self._length, self._length, source))
            return
        space = " " if self.collapses else text
        self._append(space)
        self._space = _Space(siblings, len(siblings), len(space), source)


def _clip(marks: Sequence[Mark], end: int) -> None:
    for mark in marks:
        mark.start, mark.end = min(mark.start, end), min(mark.end, end)
        _clip(mark.children, end)
