"""XML as a tree whose elements know their places."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NoReturn
from xml.parsers import expat

from nmt.documents.edits import invalid, line_of
from nmt.documents.tags import Attribute, Token, attributes, tokens


@dataclass
class Element:
    """An element: its tag without prefix, the places of its tags, and what is in it."""

    name: str
    tag: Token
    attributes: dict[str, Attribute]
    close: Token
    children: list[Element] = field(default_factory=list)
    inner: list[Token] = field(default_factory=list)  # all tokens between the tags

    def value(self, name: str) -> str:
        """The value of an attribute, empty if there is none."""
        return self.attributes[name].value if name in self.attributes else ""

    def child(self, name: str) -> Element | None:
        """The first child of a name."""
        return next((child for child in self.children if child.name == name), None)


def parse(document: str, format: str) -> Element:
    """The root of a document; InvalidInput names the line of what is wrong.

    Documents with a document type are refused, so that no entity is ever resolved.
    """
    _validate(document, format)
    root = Element("", Token("open", 0, 0), {}, Token("close", 0, 0))
    stack = [root]
    for token in tokens(document, 0, len(document), is_html=False):
        if token.kind in ("open", "empty"):
            for element in stack:
                element.inner.append(token)
            found = Element(local(token.name), token, attributes(document, token), token)
            stack[-1].children.append(found)
            if token.kind == "open":
                stack.append(found)
            continue
        if token.kind == "close":
            stack.pop().close = token
        for element in stack:
            element.inner.append(token)
    return root.children[0]


def local(name: str) -> str:
    """A name without the prefix of its namespace."""
    return name.rpartition(":")[2]


def _validate(document: str, format: str) -> None:
    def refuse(*_: object) -> NoReturn:
        line = line_of(document, max(0, document.find("<!DOCTYPE")))
        raise invalid(format, line, "a document type (<!DOCTYPE>) is not allowed")

    parser = expat.ParserCreate("utf-8")
    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(document.encode("utf-8"), True)
    except expat.ExpatError as error:
        problem = f"column {error.offset + 1}: {expat.ErrorString(error.code)}"
        raise invalid(format, error.lineno, problem) from None
