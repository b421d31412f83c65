"""The text of one block of Markdown, piece by piece."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import regex

from nmt.documents import html
from nmt.documents.edits import Span, Unit
from nmt.documents.markdown_text import MarkdownEscapes, guarded
from nmt.documents.segments import Segments
from nmt.documents.tags import attributes, tokens

# A box to tick, or the kind of a note, before the words of a paragraph.
_MARKER = regex.compile(r"\[[ xX]\]\s+|\[!\w+\]\Z")
# Pieces whose source is not their content.
_SOURCES = {
    "code_inline": regex.compile(r"(`+)(?!`).+?(?<!`)\1(?!`)", regex.DOTALL),
    "autolink": regex.compile(r"<[^<>]*>"),
    "footnote_ref": regex.compile(r"\[\^[^\]]+\]"),
    "softbreak": regex.compile(r"[ \t]*\n[ \t]*"),
    "hardbreak": regex.compile(r"(?:[ \t]*|\\)\n[ \t]*"),
    "link_open": regex.compile(r"\["),
}


class Piece(NamedTuple):
    """What the parser found: a stretch of text, a mark's opening or closing, code, a picture."""

    kind: str
    content: str
    markup: str
    end: int  # of links and pictures, in the text of the block
    children: tuple[Piece, ...]  # of a picture: its description


class _Lost(Exception):
    """The source of a piece is not where it should be."""


@dataclass
class Scan:
    """Follows the pieces of a block in its source; `places` says where its characters stand."""

    document: str
    content: str
    places: Sequence[int]
    taken: set[int]
    in_cell: bool
    cursor: int = 0

    def units(self, pieces: Sequence[Piece], may_have_marker: bool) -> list[Unit]:
        """The texts of the block; none if it is written in a way that cannot be followed."""
        marker = _MARKER.match(pieces[0].content) if pieces and may_have_marker else None
        if marker is not None and pieces[0].kind == "text":
            self.cursor = marker.end()
            rest = pieces[0].content[marker.end() :]
            pieces = [pieces[0]._replace(content=rest), *pieces[1:]]
        try:
            found = [*self._found(pieces)]
        except _Lost:
            return []
        return [guarded(self.document, unit, starts_line=not self.in_cell) for unit in found]

    def _found(self, pieces: Sequence[Piece]) -> Iterator[Unit]:
        segments = Segments(self.taken, new_escapes=partial(MarkdownEscapes, self.in_cell))
        kept_until, kept_from = "", 0
        links: list[int] = []
        for piece in pieces:
            place = self._follow(piece)
            raw = self.document[slice(*place)]
            if kept_until:
                if piece.kind == "html_inline" and raw.lower() == kept_until:
                    segments.mask(Span(kept_from, place.end))
                    kept_until = ""
            elif piece.kind == "html_inline":
                kept_until, kept_from = self._take_tag(segments, place), place.start
            elif piece.kind == "image":
                segments.point(place)
                # The description is the name of the definition where no other is given.
                if _names_itself(raw) is None:
                    yield from self._described(piece)
            elif piece.kind == "link_close":
                link = self.document[links.pop() : place.end]
                name = _names_itself(link)
                segments.close("link", place, None if name is None else f"][{name}]")
            else:
                if piece.kind == "link_open":
                    links.append(place.start)
                _take(segments, piece, raw, place)
        if kept_until:
            segments.point(Span(kept_from, self.places[self.cursor]))
        segments.split()
        yield from segments.units

    def _follow(self, piece: Piece) -> Span:
        """Where a piece stands."""
        if piece.end:
            length = piece.end - self.cursor
        elif pattern := _SOURCES.get(piece.kind):
            match = pattern.match(self.content, self.cursor)
            if match is None:
                raise _Lost
            length = len(match[0])
        else:
            source = piece.content if piece.kind in ("text", "html_inline") else piece.markup
            if not self.content.startswith(source, self.cursor):
                raise _Lost
            length = len(source)
        start = self.cursor
        self.cursor += length
        return Span(self.places[start], self.places[self.cursor])

    def _described(self, picture: Piece) -> Iterator[Unit]:
        """The description of the picture that was just followed."""
        length = len(picture.content)
        opening = self.content.rindex(f"![{picture.content}]", 0, self.cursor) + 2
        places = self.places[opening : opening + length + 1]
        inner = Scan(self.document, picture.content, places, self.taken, self.in_cell)
        yield from inner._found(picture.children)

    def _take_tag(self, segments: Segments, place: Span) -> str:
        """Pass an HTML tag on; the closing tag of the element if it is not translated."""
        tag = next(tokens(self.document, *place, is_html=True))
        if tag.kind in ("open", "empty"):
            found = {k.lower(): v for k, v in attributes(self.document, tag).items()}
            if tag.name in html.BLOCKS:
                segments.split()
            elif tag.kind == "empty" or tag.name in html.VOID:
                segments.point(place)
            elif html.is_kept(tag.name, found):
                return f"</{tag.name}>"
            else:
                segments.open(f"<{tag.name}", place)
            segments.units.extend(html.attribute_units(tag.name, found))
        elif tag.kind == "close":
            segments.close(f"<{tag.name}", place)
        else:
            segments.point(place)
        return ""


def _names_itself(link: str) -> str | None:
    """The text of a link that is also the name of its definition: [text] or [text][]."""
    match = regex.fullmatch(r"!?\[(.*?)\](?:\[\])?", link, regex.DOTALL)
    return match[1] if match and not regex.search(r"(?<!\\)\][\[(]", match[1]) else None


def _take(segments: Segments, piece: Piece, raw: str, place: Span) -> None:
    """Pass on a piece that is not HTML."""
    kind = piece.kind
    escapes = segments.escapes
    assert isinstance(escapes, MarkdownEscapes)
    if kind == "text":
        escapes.note_plain(piece.content)
        segments.plain(piece.content, place)
    elif kind == "text_special":
        escapes.note_special(piece.content, raw)
        segments.plain(piece.content, place)
    elif kind == "softbreak":
        segments.plain(" ", place)
    elif kind == "hardbreak":
        segments.split()
    elif kind.endswith("_open"):
        segments.open(kind.removesuffix("_open"), place)
    elif kind.endswith("_close"):
        segments.close(kind.removesuffix("_close"), place)
    else:
        segments.mask(place)
