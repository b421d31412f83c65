"""Running text with markup cut into texts to translate, each of which knows its place."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial

import regex

from nmt.documents.aligned import Aligned
from nmt.documents.edits import Edit, Part, Span, Unit, has_words
from nmt.documents.inline import Builder, Inline

_ENTITY = regex.compile(r"&(?:#\d+|#[xX][\da-fA-F]+|[a-zA-Z]\w*);?")
_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


class Escapes:
    """How characters are written in one text: those written as entities are so again."""

    def __init__(self, table: dict[str, str] | None = None) -> None:
        self.table = dict(_ESCAPES if table is None else table)

    def decode(self, raw: str) -> str:
        """Text without entities, whose spelling is remembered."""
        for match in _ENTITY.finditer(raw):
            character = html.unescape(match[0])
            plain = character.isascii() and (character.isalnum() or character.isspace())
            if len(character) == 1 and match[0].endswith(";") and not plain:
                self.table[character] = match[0]
        return html.unescape(raw)

    def encode(self, text: str) -> str:
        """Text as it may stand in the document."""
        return "".join(self.table.get(character, character) for character in text)


@dataclass
class Segments:
    """Takes the pieces of a document in their order and makes units of them.

    Marks that are open where a text ends go on in the next one.
    """

    taken: set[int]
    collapses: bool = True
    units: list[Unit] = field(default_factory=list)
    new_escapes: Callable[[], Escapes] = Escapes
    escapes: Escapes = field(init=False)
    _builder: Builder = field(init=False)
    _place: Span | None = None

    def __post_init__(self) -> None:
        self._builder = Builder(self.taken, self.collapses)
        self.escapes = self.new_escapes()

    def text(self, raw: str, source: Span) -> None:
        """Append text with entities."""
        self.plain(self.escapes.decode(raw), source)

    def plain(self, text: str, source: Span) -> None:
        """Append text as it is."""
        self._builder.add(text, self._at(source))

    def open(self, name: str, source: Span) -> None:
        """Begin a mark."""
        self._builder.open(name, self._at(source))

    def close(self, name: str, source: Span, closing: Part | None = None) -> None:
        """End a mark; a closing without an opening is kept in its place.

        If the closing of a translation is to be another than that of the source, it is given.
        """
        if not self._builder.close(name, closing or source):
            self._builder.point(source)
        self._at(source)

    def point(self, source: Span) -> None:
        """Put in markup that stands between words."""
        self._builder.point(self._at(source))

    def mask(self, source: Span) -> None:
        """Put in what stands for words but is not translated."""
        self._builder.mask(self._at(source))

    def split(self) -> None:
        """End the text."""
        inline, place = self._builder.finish(), self._place
        if place is not None and has_words(inline.text):
            self.units.append(Unit(inline.text, partial(_edits, inline, place, self.escapes)))
        opened = self._builder.opened()
        self._builder = Builder(self.taken, self.collapses)
        for name in opened:
            self._builder.open(name, "")
        self.escapes = self.new_escapes()
        self._place = None

    def _at(self, source: Span) -> Span:
        start = source.start if self._place is None else self._place.start
        self._place = Span(start, source.end)
        return source


def _edits(inline: Inline, place: Span, escapes: Escapes, aligned: Aligned) -> Iterable[Edit]:
    if aligned.text != inline.text:
        yield Edit(*place, tuple(inline.render(aligned, escapes.encode)))
