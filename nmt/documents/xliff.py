"""XLIFF 1.2 and 2.0: units without a target get one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from nmt.documents.aligned import Aligned
from nmt.documents.edits import Edit, Found, Part, Unit, has_words, invalid, mask_numbers
from nmt.documents.inline import Inline
from nmt.documents.segments import Escapes
from nmt.documents.xliff_inline import content
from nmt.documents.xml_tree import Element, parse

_CONTAINERS = ("xliff", "file", "body", "group", "unit")
# What a state becomes; in 2.0 it is the segment's.
_STATES = {"1": "needs-review-translation", "2": "translated"}


def find(document: str, target: str | None) -> Found:
    """Sources of units that are to be translated and have no target yet."""
    root = parse(document, "xliff")
    version = root.value("version")[:1]
    if root.name != "xliff" or version not in _STATES:
        raise invalid("xliff", 1, "the document is no <xliff> of version 1.2 or 2.0")
    taken = mask_numbers(document)
    found = Found()
    if target is not None:
        found.edits.extend(_language_edits(root, version, target))
    for element in _translatable(root):
        filling = _filling(document, element, version, taken)
        if filling is not None and has_words(filling.inline.text):
            found.units.append(Unit(filling.inline.text, filling.edits))
    return found


def _language_edits(root: Element, version: str, target: str) -> Iterator[Edit]:
    name = "trgLang" if version == "2" else "target-language"
    for element in [root] if version == "2" else root.children:
        if version == "2" or element.name == "file":
            yield _attribute_edit(element, name, target)


def _attribute_edit(element: Element, name: str, value: str) -> Edit:
    """An edit that sets an attribute of an element with both tags."""
    if name in element.attributes:
        attribute = element.attributes[name]
        return Edit(attribute.start, attribute.end, (value,))
    end = element.tag.start + 1 + len(element.tag.name)
    if element.attributes:
        last = max(attribute.end for attribute in element.attributes.values())
        end = last + 1  # behind the quote
    return Edit(end, end, (f' {name}="{value}"',))


def _translatable(root: Element) -> Iterator[Element]:
    """Units of 1.2 and segments of 2.0 that are not excluded by themselves or from outside."""
    stack = [(root, True)]
    while stack:
        element, translates = stack.pop()
        wish = element.value("translate")
        translates = wish == "yes" or (translates and wish != "no")
        if element.name in ("trans-unit", "segment"):
            if translates:
                yield element
        elif element.name in _CONTAINERS:
            stack += [(child, translates) for child in reversed(element.children)]


def _filling(document: str, unit: Element, version: str, taken: set[int]) -> _Filling | None:
    """What fills the target of a unit; None if it has a target, or no source."""
    source, target = unit.child("source"), unit.child("target")
    if source is None or source.tag.kind == "empty":
        return None
    if target is not None and document[target.tag.end : target.close.start].strip():
        return None
    segmented = unit.child("seg-source")
    origin = segmented if segmented is not None and segmented.inner else source
    escapes = Escapes()
    inline = content(document, origin, taken, escapes)
    return _Filling(document, unit, origin, target, version, inline, escapes)


@dataclass(frozen=True)
class _Filling:
    document: str
    unit: Element
    source: Element
    target: Element | None
    version: str
    inline: Inline
    escapes: Escapes

    def edits(self, aligned: Aligned) -> Iterable[Edit]:
        state = _STATES[self.version]
        own_state = f' state="{state}"' if self.version == "1" else ""
        if aligned.text == self.inline.text:
            parts: list[Part] = [self.document[self.source.tag.end : self.source.close.start]]
        else:
            parts = self.inline.render(aligned, self.escapes.encode)
        if self.version == "2":
            yield _attribute_edit(self.unit, "state", state)
        prefix = self.source.tag.name.rpartition(":")[0]
        name = f"{prefix}:target" if prefix else "target"
        if self.target is None:
            start = self.source.tag.start
            before = self.document[:start]
            indent = before[len(before.rstrip()) :]
            end = self.source.close.end
            yield Edit(end, end, (f"{indent}<{name}{own_state}>", *parts, f"</{name}>"))
            return
        tag = self.target.tag
        attributes = self.document[tag.start + 1 + len(tag.name) : tag.end - 1].rstrip("/").rstrip()
        if "state" in self.target.attributes and self.version == "1":
            place = self.target.attributes["state"]
            offset = tag.start + 1 + len(tag.name)
            attributes = (
                attributes[: place.start - offset] + state + attributes[place.end - offset :]
            )
            own_state = ""
        opening = f"<{tag.name}{attributes}{own_state}>"
        yield Edit(tag.start, self.target.close.end, (opening, *parts, f"</{tag.name}>"))
