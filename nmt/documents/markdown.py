"""Markdown: what to translate in it. Only this module knows markdown-it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache

import regex
from markdown_it import MarkdownIt
from markdown_it.rules_inline import StateInline, image, link
from markdown_it.token import Token
from mdit_py_plugins.footnote import footnote_plugin
from mdit_py_plugins.front_matter import front_matter_plugin

from nmt.documents import html
from nmt.documents.edits import Found, Span, Unit, mask_numbers
from nmt.documents.markdown_inline import Piece, Scan

_LINE = regex.compile(r"([^\r\n]*)(?:\r\n|\r|\n|\Z)")
_HEADING = regex.compile(r"#{1,6}[ \t]+")


def find(document: str, target: str | None) -> Found:
    """The texts of paragraphs, headings, cells, pictures and blocks of HTML."""
    lines = [Span(*match.span(1)) for match in _LINE.finditer(document)]
    taken = mask_numbers(document)
    units: list[Unit] = []
    column = 0
    blocks = _parser().parse(document)
    for number, block in enumerate(blocks):
        parent = blocks[number - 1].type if number else ""
        if block.type == "tr_open":
            column = 0
        if block.type == "html_block" and block.map:
            area = Span(lines[block.map[0]].start, lines[block.map[1] - 1].end)
            # In quotations, there are signs between the lines that are no HTML.
            if _unix(document[slice(*area)]).strip() == block.content.strip():
                units += html.find_within(document, area, taken)
        if block.type != "inline" or not block.map or not block.content:
            continue
        in_cell = parent in ("th_open", "td_open")
        if in_cell:
            places = _cell_places(document, lines[block.map[0]], block.content, column)
            column = places[-1] - lines[block.map[0]].start if places else column
        else:
            here = lines[block.map[0] : block.map[1]]
            places = _places(document, here, block.content, parent == "heading_open")
        if places:
            scan = Scan(document, block.content, places, taken, in_cell)
            units += scan.units([*_pieces(block.children or [])], parent == "paragraph_open")
    return Found(units)


def _unix(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


@lru_cache(maxsize=1)
def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    parser.use(front_matter_plugin)
    parser.use(footnote_plugin, inline=False, move_to_end=False, always_match_refs=True)
    # Text stays apart from what was an escape or entity, which can then be found again.
    parser.disable("text_join")
    parser.inline.ruler.at("link", _with_end(link))
    parser.inline.ruler.at("image", _with_end(image))
    return parser


def _with_end(rule: Callable[[StateInline, bool], bool]) -> Callable[[StateInline, bool], bool]:
    """A rule that notes where what it has found ends."""

    def noting(state: StateInline, silent: bool) -> bool:
        found = rule(state, silent)
        if found and not silent:
            state.tokens[-1].meta["end"] = state.pos
        return found

    return noting


def _places(
    document: str, lines: Sequence[Span], content: str, is_heading: bool
) -> list[int] | None:
    """Where each character of a block's text stands, and its end; None if it cannot be told."""
    places: list[int] = []
    for line, part in zip(lines, content.split("\n"), strict=False):
        raw = document[slice(*line)]
        words = part.lstrip()
        start = len(raw.rstrip()) - len(words.rstrip())
        if is_heading and (heading := _HEADING.search(raw)):
            start = raw.find(words, heading.end())
        if start < 0 or not raw.startswith(words, start):
            return None
        places += [line.start + start] * (len(part) - len(words))
        # One more for the line end.
        places += range(line.start + start, line.start + start + len(words) + 1)
    return places if len(places) == len(content) + 1 else None


def _cell_places(document: str, line: Span, content: str, column: int) -> list[int] | None:
    """The same for a cell of a table, in which a bar is written with a backslash."""
    raw = content.replace("|", r"\|")
    start = document.find(raw, line.start + column, line.end)
    if start < 0:
        return None
    places = []
    for character in content:
        start += character == "|"
        places.append(start)
        start += 1
    return [*places, start]


def _pieces(found: Sequence[Token]) -> Iterator[Piece]:
    """What the library found in the text of a block; an address in <> is one piece."""
    in_address = False
    for token in found:
        is_address = token.type == "link_open" and token.markup == "autolink"
        if not in_address:
            kind = "autolink" if is_address else token.type
            children = tuple(_pieces(token.children or []))
            end = token.meta.get("end", 0)
            yield Piece(kind, token.content, token.markup, end, children)
        in_address = is_address or (in_address and token.type != "link_close")
