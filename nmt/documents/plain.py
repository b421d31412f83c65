"""Plain text: its paragraphs."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

import regex

from nmt.documents.aligned import Aligned
from nmt.documents.edits import Edit, Found, Span, Unit, has_words

# Up to a line without words.
_PARAGRAPH = regex.compile(r"\S(?:.*\S)?(?:[^\S\r\n]*\r?\n[^\S\r\n]*\S(?:.*\S)?)*+")


def find(document: str, target: str | None) -> Found:
    """The paragraphs of a text, without the white space around them."""
    return Found(
        [
            Unit(match[0], partial(_edits, Span(*match.span()), match[0]))
            for match in _PARAGRAPH.finditer(document)
            if has_words(match[0])
        ]
    )


def _edits(place: Span, text: str, aligned: Aligned) -> Iterable[Edit]:
    if aligned.text != text:
        yield Edit(*place, (aligned.text,))
