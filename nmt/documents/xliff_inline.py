"""The inline codes of XLIFF as marks on a text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from nmt.documents.edits import Span
from nmt.documents.inline import Builder, Inline
from nmt.documents.segments import Escapes
from nmt.documents.tags import Token, attributes
from nmt.documents.xml_tree import Element, local

# Elements with native code, which is not translated, and halves of a pair. All others are around
# words.
_CODE = ("ph", "it", "bpt", "ept")
_BEGIN = {"bpt": "bpt", "bx": "bx", "sc": "sc", "sm": "sm"}
_END = {"ept": "bpt", "ex": "bx", "ec": "sc", "em": "sm"}


class _Event(NamedTuple):
    kind: str  # text, open, close, begin, end, point, mask
    key: str
    place: Span


def content(document: str, source: Element, taken: set[int], escapes: Escapes) -> Inline:
    """The text of a source with its inline codes."""
    builder = Builder(taken, collapses=False)
    events = _paired(_events(document, source.inner))
    for kind, key, place in events:
        raw = document[place.start : place.end]
        if kind == "text":
            builder.add(escapes.decode(raw), place)
        elif kind == "cdata":
            builder.add(raw[9:-3], Span(place.start + 9, place.end - 3))
        elif kind == "open":
            builder.open(key, place)
        elif kind == "close":
            builder.close(key, place)
        elif kind == "mask":
            builder.mask(place)
        else:
            builder.point(place)
    return builder.finish()


def _events(document: str, inner: Sequence[Token]) -> list[_Event]:
    events: list[_Event] = []
    whole: list[int] = []  # where elements begin that are taken as a whole
    whole_kind, whole_key = "", ""
    for token in inner:
        name, place = local(token.name), Span(token.start, token.end)
        if whole:
            whole += [token.start] if token.kind == "open" else []
            if token.kind == "close":
                start = whole.pop()
                if not whole:
                    events.append(_Event(whole_kind, whole_key, Span(start, token.end)))
        elif token.kind in ("open", "empty"):
            kind, key = _kind(document, token, name)
            if token.kind == "open" and kind != "open":
                whole, whole_kind, whole_key = [token.start], kind, key
            else:
                events.append(_Event(kind, key, place))
        elif token.kind == "close":
            events.append(_Event("close", name, place))
        elif token.kind in ("text", "cdata"):
            events.append(_Event(token.kind, "", place))
        else:
            events.append(_Event("point", "", place))
    return events


def _kind(document: str, token: Token, name: str) -> tuple[str, str]:
    """What an element is for the text, and the key of its pair."""
    values = {key: found.value for key, found in attributes(document, token).items()}
    if name == "mrk" and (values.get("translate") == "no" or values.get("mtype") == "protected"):
        return "mask", ""
    identity = values.get("startRef") or values.get("rid") or values.get("id", "")
    if name in _BEGIN:
        return "begin", f"{_BEGIN[name]} {identity}"
    if name in _END:
        return "end", f"{_END[name]} {identity}"
    if token.kind == "empty" or name in _CODE:
        return "point", ""
    return "open", name


def _paired(events: Sequence[_Event]) -> list[_Event]:
    """Halves of a pair around words as marks if they nest with all others, or else as points."""
    paired = [*events]
    stack: list[int] = []
    for index, (kind, key, place) in enumerate(events):
        if kind in ("open", "begin"):
            stack.append(index)
        elif kind == "close":
            while events[stack.pop()][:2] != ("open", key):
                pass
        elif kind == "end" and stack and events[stack[-1]][:2] == ("begin", key):
            begin = stack.pop()
            paired[begin] = _Event("open", key, events[begin].place)
            paired[index] = _Event("close", key, place)
    return paired
