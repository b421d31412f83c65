"""Tags, comments and the text between them, by position; nothing is lost on the way.

Python's html.parser has no positions of attributes, and takes other things for tags from release to
release.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import regex

_TOKEN = regex.compile(
    r"""
      (?P<comment> <!--(?:-?> | .*?(?:--!?>|\Z)) )
    | (?P<cdata> <!\[CDATA\[.*?(?:\]\]>|\Z) )
    | (?P<instruction> <\?.*?\?> | <\?[^>]*> )
    | (?P<declaration> <![^>]*> )
    | </(?P<closed>[a-zA-Z_][^\s/>]*)[^>]*>
    | <(?P<opened>[a-zA-Z_][^\s/<>]*)
      (?P<attributes>(?:[^"'<>=]+ | =\s*+(?:"[^"]*"|'[^']*') | ["'=])*+)>
    | (?P<bogus> </[^>]*> )
    """,
    regex.VERBOSE | regex.DOTALL,
)
_ATTRIBUTE = regex.compile(
    r"""([^\s"'<>/=]+)(?:\s*=\s*(?:"(?P<double>[^"]*)"|'(?P<single>[^']*)'|(?P<bare>[^\s"'<>]+)))?"""
)
# What is no markup up to the closing tag.
_RAW = {"script", "style", "textarea", "title", "xmp", "iframe", "noembed", "noframes"}


@dataclass(frozen=True)
class Attribute:
    """An attribute of a tag; the places are those of the value without its quotes."""

    value: str
    start: int
    end: int
    quote: str


@dataclass(frozen=True)
class Token:
    """A stretch of markup or text: text, cdata, open, close, empty (<a/>), or other."""

    kind: str
    start: int
    end: int
    name: str = ""


def tokens(document: str, start: int, end: int, is_html: bool) -> Iterator[Token]:
    """All of a document from start to end, in order; the names of HTML in lower case."""
    place = start
    while match := _TOKEN.search(document, place, end):
        if match.start() > place:
            yield Token("text", place, match.start())
        token = _token(match, is_html)
        yield token
        place = match.end()
        if is_html and token.kind == "open" and token.name in _RAW:
            close = regex.compile(rf"</{token.name}(?=[\s/>])", regex.IGNORECASE)
            found = close.search(document, place, end)
            inner_end = found.start() if found else end
            if inner_end > place:
                yield Token("text", place, inner_end)
            place = inner_end
    if place < end:
        yield Token("text", place, end)


def _token(match: regex.Match[str], is_html: bool) -> Token:
    name = match["opened"] or match["closed"] or ""
    name = name.lower() if is_html else name
    if match["closed"]:
        kind = "close"
    elif match["opened"]:
        kind = "empty" if match["attributes"].endswith("/") else "open"
    else:
        kind = "cdata" if match["cdata"] else "other"
    if kind == "open" and name.endswith("/"):
        kind, name = "empty", name.rstrip("/")
    return Token(kind, match.start(), match.end(), name)


def attributes(document: str, tag: Token) -> dict[str, Attribute]:
    """The attributes of an opening tag by their names as they are written."""
    found: dict[str, Attribute] = {}
    for match in _ATTRIBUTE.finditer(document, tag.start + 1 + len(tag.name), tag.end - 1):
        group = match.lastgroup
        quote = {"double": '"', "single": "'"}.get(group or "", "")
        start, end = match.span(group) if group else (match.end(), match.end())
        found.setdefault(match[1], Attribute(document[start:end], start, end, quote))
    return found
