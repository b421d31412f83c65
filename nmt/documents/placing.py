"""Where the marks of a text lie on its translation.

Each mark takes one stretch of words: of all ways to give the marks stretches that do not overlap,
the one that agrees best with the links. Then white space and punctuation at the edges of a mark
are put inside or outside as in the source.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from nmt.documents.aligned import Aligned
from nmt.documents.edits import Part, Span
from nmt.documents.gaps import before_next_word, cut
from nmt.documents.stretches import best_stretches
from nmt.documents.words import Words, align

# What a mark loses by a word that came from elsewhere. A little less than it gains by one of its
# own, so that "give <b>up</b>" may take in one word between two.
_FOREIGN = 0.9
# What it loses by a word of which nothing is known: just enough not to begin or end with one.
_UNKNOWN = 0.01
# How sure a place is that only follows from the order of the words.
_GUESS = 0.6
_SURE = 0.99


@dataclass
class Mark:
    """A stretch of the source between an opening and a closing, or, if empty, a place in it."""

    start: int
    end: int
    opening: Part
    closing: Part = ""
    children: list[Mark] = field(default_factory=list)


@dataclass(frozen=True)
class Placed:
    """A mark and the stretch of the translation that it got."""

    mark: Mark
    area: Span
    children: list[Placed]


@dataclass(frozen=True)
class _Room:
    """What a mark's children share: source characters, target words by number, characters."""

    source: Span
    first: int
    last: int
    area: Span


def place(text: str, marks: Sequence[Mark], aligned: Aligned, tiles: bool = False) -> list[Placed]:
    """The marks on the translation, in its order; nested as they are in the source.

    As tiles, the outermost marks cover the translation and keep their order.
    """
    words = align(text, aligned, set(_edges(marks)))
    placing = _Placing(text, aligned.text, words)
    room = _Room(Span(0, len(text)), 0, len(words.target), Span(0, len(aligned.text)))
    return placing.tiles(marks, room) if tiles else placing.within(marks, room)


def _edges(marks: Sequence[Mark]) -> Iterator[int]:
    for mark in marks:
        yield from (mark.start, mark.end)
        yield from _edges(mark.children)


@dataclass(frozen=True)
class _Placing:
    text: str
    translation: str
    words: Words

    def within(self, marks: Sequence[Mark], room: _Room) -> list[Placed]:
        """Marks side by side, and what is in them."""
        wordy = [mark for mark in marks if self._count(mark)]
        ranges = dict(zip(map(id, wordy), self._ranges(wordy, room), strict=True))
        found: list[tuple[Mark, tuple[int, int], Span]] = []
        for mark in marks:
            first, last = ranges.get(id(mark), (0, 0))
            if first == last:
                first = last = self._anchor(mark, room, wordy, ranges)
            found.append((mark, (first, last), self._area(mark, first, last, room)))
        found.sort(key=lambda item: item[1])
        placed = []
        cursor = room.area.start
        for mark, (first, last), area in found:
            start = max(area.start, cursor)
            area = Span(start, max(area.end, start))
            cursor = area.end
            inner = _Room(Span(mark.start, mark.end), first, last, area)
            placed.append(Placed(mark, area, self.within(mark.children, inner)))
        return placed

    def tiles(self, marks: Sequence[Mark], room: _Room) -> list[Placed]:
        """Marks that cover the room in their order, white space between them left out."""
        gains = self._gains(self._shares(marks, room), room)
        placed = []
        start = room.area.start
        for mark, (first, last) in zip(marks, best_stretches(gains, tiles=True), strict=True):
            end = self._tile_end(last, room) if mark is not marks[-1] else room.area.end
            area = self._stripped(Span(start, max(start, end)))
            inner = _Room(Span(mark.start, mark.end), first, last, area)
            placed.append(Placed(mark, area, self.within(mark.children, inner)))
            start = max(start, end)
        return placed

    def _tile_end(self, last: int, room: _Room) -> int:
        """The end of a tile whose last word is the one before `last`: with its punctuation."""
        gap = self._gap(last, room)
        return gap.start + before_next_word(self.translation[gap.start : gap.end])

    def _stripped(self, span: Span) -> Span:
        tile = self.translation[span.start : span.end]
        start = span.start + len(tile) - len(tile.lstrip())
        return Span(start, max(start, span.start + len(tile.rstrip())))

    def _count(self, mark: Mark) -> int:
        if mark.start == mark.end:
            return 0
        first, last = self.words.source_range(mark.start, mark.end)
        return last - first

    def _ranges(self, marks: Sequence[Mark], room: _Room) -> list[tuple[int, int]]:
        """The first word of each mark, and the one after its last, in the order of the marks."""
        here = self.words.source_range(*room.source)
        if len(marks) == 1 and self.words.source_range(marks[0].start, marks[0].end) == here:
            inside = marks[0].start <= self.words.source[here[0]].start
            if inside and self.words.source[here[1] - 1].end <= marks[0].end:
                return [(room.first, room.last)]
        shares = self._shares(marks, room)
        centres = [sum(i * x for i, x in s.items()) / (sum(s.values()) or 1) for s in shares]
        order = sorted(range(len(marks)), key=lambda index: centres[index])
        rows = [shares[index] for index in order]
        stretches = self._undisputed(rows, room) or best_stretches(self._gains(rows, room))
        ranges = dict(zip(order, stretches, strict=True))
        return [(room.first + ranges[i][0], room.first + ranges[i][1]) for i in range(len(marks))]

    def _undisputed(
        self, rows: Sequence[Mapping[int, float]], room: _Room
    ) -> list[tuple[int, int]] | None:
        """The stretches if no mark has a word of another one between its own: the usual case."""
        origins = self.words.origins[room.first : room.last]
        stretches: list[tuple[int, int]] = []
        end = 0
        for row in rows:
            if not row or min(row) < end:
                return None
            start, end = min(row), max(row) + 1
            if any(origins[i] and row.get(i, 0) < _SURE for i in range(start, end)):
                return None
            stretches.append((start, end))
        return stretches

    def _gains(self, rows: Sequence[Mapping[int, float]], room: _Room) -> list[list[float]]:
        """What each word of the room is worth to each mark."""
        origins = self.words.origins[room.first : room.last]
        basic = [-_FOREIGN if spans else -_UNKNOWN for spans in origins]
        gains = []
        for row in rows:
            own = [*basic]
            for index, share in row.items():
                own[index] = share - _FOREIGN * (1 - share)
            gains.append(own)
        return gains

    def _shares(self, marks: Sequence[Mark], room: _Room) -> list[dict[int, float]]:
        """For marks in order: the words of the room that came from a mark's words, how much."""
        rows: list[dict[int, float]] = [{} for _ in marks]
        starts, ends = [mark.start for mark in marks], [mark.end for mark in marks]
        for index, spans in enumerate(self.words.origins[room.first : room.last]):
            total = max(1, sum(span.end - span.start for span in spans))
            for span in spans:
                for k in range(bisect_right(ends, span.start), bisect_left(starts, span.end)):
                    own = min(span.end, ends[k]) - max(span.start, starts[k])
                    rows[k][index] = rows[k].get(index, 0) + own / total
        for mark, row in zip(marks, rows, strict=True):
            if not row:
                row.update(self._guessed(mark, room))
        return rows

    def _guessed(self, mark: Mark, room: _Room) -> dict[int, float]:
        """The words at the position of a mark whose words have no links."""
        count = room.last - room.first
        if not count:
            return {}
        outer = self.words.source_range(*room.source)
        first, last = self.words.source_range(mark.start, mark.end)
        scale = count / max(1, outer[1] - outer[0])
        start = min(int((first - outer[0]) * scale), count - 1)
        end = min(count, max(start + 1, int((last - outer[0]) * scale)))
        return dict.fromkeys(range(start, end), _GUESS)

    def _anchor(
        self,
        mark: Mark,
        room: _Room,
        wordy: Sequence[Mark],
        ranges: dict[int, tuple[int, int]],
    ) -> int:
        """The number of the target word that a mark without words comes before."""
        found = self._linked_anchor(mark, room)
        for sibling in wordy:
            first, last = ranges[id(sibling)]
            if first < found < last:
                return last if sibling.start <= mark.start else first
        return found

    def _linked_anchor(self, mark: Mark, room: _Room) -> int:
        outer = self.words.source_range(*room.source)
        before = self.words.source_range(room.source.start, mark.start)[1] - 1
        after = self.words.source_range(mark.end, room.source.end)[0]
        if before < outer[0] or mark.start == room.source.start:
            return room.first
        if after >= outer[1] or mark.end == room.source.end:
            return room.last
        if linked := self._linked(self.words.source[before], room):
            return linked[-1] + 1
        if linked := self._linked(self.words.source[after], room):
            return linked[0]
        share = (before + 1 - outer[0]) / (outer[1] - outer[0])
        return room.first + round(share * (room.last - room.first))

    def _linked(self, word: Span, room: _Room) -> list[int]:
        """Numbers of the words in the room that came from a source word."""
        return [
            index
            for index in range(room.first, room.last)
            if any(s.start < word.end and word.start < s.end for s in self.words.origins[index])
        ]

    def _area(self, mark: Mark, first: int, last: int, room: _Room) -> Span:
        """The characters of a mark that begins with one word and ends before another."""
        has_words = first < last
        start = self._edge(mark, mark.start, first, room, late=has_words)
        if mark.start == mark.end:
            return Span(start, start)
        end = self._edge(mark, mark.end, last, room, late=False)
        return Span(start, max(start, end))

    def _edge(self, mark: Mark, source: int, word: int, room: _Room, late: bool) -> int:
        """Where in the gap before a target word an edge lies that lies so in the source."""
        gap = self._gap(word, room)
        if source == room.source.start and word == room.first:
            return gap.start
        if source == room.source.end and word == room.last:
            return gap.end
        left, right = self._around(source, room)
        between = self.translation[gap.start : gap.end]
        if late and self.text[mark.start : mark.end].rstrip().endswith(("?", "!")):
            right += "".join(sign for sign in between if sign in "¿¡")
        return gap.start + cut(left, right, between, late)

    def _around(self, source: int, room: _Room) -> tuple[str, str]:
        """What is between an edge in the source and the words on both sides."""
        first, last = self.words.source_range(source, source)
        words = self.words.source
        before = words[first - 1].end if first else 0
        after = words[last].start if last < len(words) else len(self.text)
        left = max(before, room.source.start)
        return self.text[left:source], self.text[source : min(after, room.source.end)]

    def _gap(self, word: int, room: _Room) -> Span:
        """The characters between a target word and the one before it, within a room."""
        words = self.words.target
        start = words[word - 1].end if word > room.first else room.area.start
        end = words[word].start if word < room.last else room.area.end
        return Span(start, max(start, end))
