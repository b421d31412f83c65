"""HTML: what to translate in it, also if it is malformed or only a part of a page."""

from __future__ import annotations

import html
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial

from nmt.documents.aligned import Aligned
from nmt.documents.edits import Edit, Found, Span, Unit, has_words, mask_numbers
from nmt.documents.segments import Segments
from nmt.documents.tags import Attribute, Token, attributes, tokens


def _names(names: str) -> frozenset[str]:
    return frozenset(names.split())


# Elements that end a text. All others, also those of no standard, are parts of a line.
BLOCKS = _names("""
    address article aside audio base blockquote body br caption center col colgroup datalist dd
    details dialog dir div dl dt fieldset figcaption figure footer form frame frameset h1 h2 h3
    h4 h5 h6 head header hgroup hr html legend li link main menu meta nav noembed noframes
    noscript object ol optgroup option p pre script search section select style summary table
    tbody td template textarea tfoot th thead title tr ul video xmp
""")
VOID = _names("""
    area base basefont br col embed frame hr img input link meta param source track wbr
""")
# Elements whose text stays as it is. Those with words for a reader stand for words in a sentence.
_WORDS_KEPT = _names("""
    code kbd samp var math tt
""")
_KEPT = _WORDS_KEPT | _names("""
    audio canvas datalist embed iframe noembed noframes noscript object pre script style svg
    template textarea video xmp
""")
# How often parts to translate may lie in parts not to; only broken pages have more.
_MAX_NESTED = 20
_NEVER = frozenset(["script", "style"])
_TRANSLATED_ATTRIBUTES = ("alt", "title", "placeholder", "aria-label")
# Elements that end without a closing tag where one of these begins.
_CELLS, _ROWS = frozenset(["td", "th"]), frozenset(["tr", "tbody", "thead", "tfoot"])
_ENDED_BY: dict[str, frozenset[str]] = {
    "li": frozenset(["li"]),
    "dt": frozenset(["dt", "dd"]),
    "dd": frozenset(["dt", "dd"]),
    "option": frozenset(["option", "optgroup"]),
    "td": _CELLS | _ROWS,
    "th": _CELLS | _ROWS,
    "tr": _ROWS,
    "p": BLOCKS - {"br", "link", "meta", "script", "style", "template", "noscript"},
}


def find(document: str, target: str | None) -> Found:
    """The texts of a page or of a part of one: blocks, and attributes that people read."""
    return Found(find_within(document, Span(0, len(document)), mask_numbers(document)))


def find_within(document: str, area: Span, taken: set[int]) -> list[Unit]:
    """The same for HTML that is a stretch of a document of some other kind."""
    walker = _Walker(document, Segments(taken))
    for token in tokens(document, area.start, area.end, is_html=True):
        walker.take(token)
    walker.finish(area.end)
    return walker.units


@dataclass
class _Element:
    name: str
    may_translate: bool  # unless its kind of text is kept
    translates: bool
    kept_from: int | None = None  # where a part of a line begins that is not translated
    outer: Segments | None = None  # the texts around, if this is translated inside of what is not


@dataclass
class _Walker:
    document: str
    segments: Segments
    units: list[Unit] = field(default_factory=list)
    elements: list[_Element] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.segments.units = self.units

    def take(self, token: Token) -> None:
        if token.kind in ("open", "empty"):
            self._open(token)
        elif token.kind == "close":
            self._close(token)
        elif not self._top().translates:
            return
        elif token.kind == "text":
            place = Span(token.start, token.end)
            self.segments.text(self.document[token.start : token.end], place)
        else:
            self.segments.point(Span(token.start, token.end))

    def finish(self, end: int) -> None:
        while self.elements:
            self._pop(Span(end, end))
        self.segments.split()

    def _top(self) -> _Element:
        return self.elements[-1] if self.elements else _Element("", True, True)

    def _open(self, token: Token) -> None:
        while self.elements and token.name in _ENDED_BY.get(self.elements[-1].name, ()):
            self._pop(Span(token.start, token.start))
        found = {name.lower(): value for name, value in attributes(self.document, token).items()}
        outer, place = self._top(), Span(token.start, token.end)
        element = _element(token.name, found, outer)
        if element.may_translate:
            self.units.extend(attribute_units(token.name, found))
        if token.kind == "empty" or token.name in VOID:
            if token.name in BLOCKS:
                self.segments.split()
            elif outer.translates:
                self.segments.point(place)
            return
        if token.name in BLOCKS and outer.translates:
            self.segments.split()
        if element.translates and not outer.translates:
            if sum(around.outer is not None for around in self.elements) >= _MAX_NESTED:
                element.translates = False
                self.elements.append(element)
                return
            element.outer, self.segments = self.segments, Segments(self.segments.taken)
            self.segments.units = self.units
        elif outer.translates and token.name not in BLOCKS:
            if element.translates:
                self.segments.open(token.name, place)
            else:
                element.kept_from = token.start
        self.elements.append(element)

    def _close(self, token: Token) -> None:
        place = Span(token.start, token.end)
        if not self._closes(token.name):
            if self._top().translates:
                if token.name in BLOCKS:
                    self.segments.split()
                else:
                    self.segments.close(token.name, place)
            return
        while self.elements[-1].name != token.name:
            self._pop(Span(token.start, token.start))
        self._pop(place)

    def _closes(self, name: str) -> bool:
        """Whether a closing tag has an opening one; those of a line do not reach out of a block."""
        for element in reversed(self.elements):
            if element.name == name:
                return True
            if name not in BLOCKS and element.name in BLOCKS:
                return False
        return False

    def _pop(self, closing: Span) -> None:
        element = self.elements.pop()
        if element.outer is not None:
            self.segments.split()
            self.segments = element.outer
        elif element.kept_from is not None:
            place = Span(element.kept_from, closing.end)
            if element.name in _KEPT - _WORDS_KEPT:
                self.segments.point(place)
            else:
                self.segments.mask(place)
        elif element.translates and element.name in BLOCKS:
            self.segments.split()
        elif element.translates:
            self.segments.close(element.name, closing)


def attribute_units(name: str, found: Mapping[str, Attribute]) -> Iterator[Unit]:
    """Those attributes of a tag that people read."""
    names = list(_TRANSLATED_ATTRIBUTES)
    if name == "meta" and "name" in found and found["name"].value.lower() == "description":
        names.append("content")
    for attribute in (found[name] for name in names if name in found):
        text = html.unescape(attribute.value).strip()
        if has_words(text):
            yield Unit(text, partial(_attribute_edits, attribute, text))


def is_kept(name: str, found: Mapping[str, Attribute]) -> bool:
    """Whether the text of an element is not translated, in one that is."""
    return not _element(name, found, _Element("", True, True)).translates


def _element(name: str, found: Mapping[str, Attribute], outer: _Element) -> _Element:
    """An element that was opened, with what holds for its text."""
    wish = found["translate"].value.lower() if "translate" in found else None
    may = outer.may_translate
    if wish == "no" or ("class" in found and "notranslate" in found["class"].value.split()):
        may = False
    elif wish in ("yes", ""):
        may = True
    kept_kind = name in _KEPT and wish != "yes"
    inherits = outer.translates or may != outer.may_translate or wish == "yes"
    return _Element(name, may, may and inherits and not kept_kind and name not in _NEVER)


def _attribute_edits(attribute: Attribute, text: str, aligned: Aligned) -> Iterable[Edit]:
    if aligned.text == text:
        return
    raw = attribute.value
    before = raw[: len(raw) - len(raw.lstrip())]
    after = raw[len(raw.rstrip()) :]
    quote = attribute.quote or '"'
    escaped = html.escape(aligned.text, quote=False)
    escaped = escaped.replace(quote, "&quot;" if quote == '"' else "&#39;")
    new = f"{before}{escaped}{after}"
    yield Edit(attribute.start, attribute.end, (new if attribute.quote else f'"{new}"',))
