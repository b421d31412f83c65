"""JSON: the strings that are values."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

import regex

from nmt.documents.aligned import Aligned
from nmt.documents.edits import Edit, Found, Unit, has_words, invalid

_STRING = regex.compile(r'"(?:[^"\\]|\\.)*+"(?P<key>\s*:)?')

_ESCAPE = regex.compile(r"\\u(?!00[0-7])")


def find(document: str, target: str | None) -> Found:
    """The string values; InvalidInput names line and column of what is not JSON."""
    _validate(document)
    escapes = document.isascii() and _ESCAPE.search(document) is not None
    units = []
    for match in _STRING.finditer(document):
        if match["key"] is None:
            literal = _Literal(match.start(), match[0], escapes)
            if has_words(literal.text):
                units.append(Unit(literal.text, literal.edits))
    return Found(units)


def _validate(document: str) -> None:
    try:
        # Numbers of any length are fine, as they are not looked at.
        json.loads(document, parse_int=str, parse_float=str)
    except json.JSONDecodeError as error:
        problem = f"column {error.colno}: {error.msg}"
        raise invalid("json", error.lineno, problem) from None
    except RecursionError:
        raise invalid("json", 1, "lists and objects lie too deep in each other") from None


@dataclass(frozen=True)
class _Literal:
    start: int
    raw: str
    escapes: bool  # whether the document spells other letters than ASCII as escapes

    @property
    def text(self) -> str:
        return str(json.loads(self.raw)).strip()

    def edits(self, aligned: Aligned) -> Iterable[Edit]:
        value = str(json.loads(self.raw))
        if aligned.text == value.strip():
            return
        before = value[: len(value) - len(value.lstrip())]
        after = value[len(value.rstrip()) :]
        new = json.dumps(before + aligned.text + after, ensure_ascii=self.escapes)
        if r"\/" in self.raw:
            new = new.replace("/", r"\/")
        yield Edit(self.start, self.start + len(self.raw), (new,))
