"""Changes to a document by position, so that all that is not changed stays as it was."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

import regex

from nmt.documents.aligned import Aligned
from nmt.errors import InvalidInput

_PLACEHOLDER = regex.compile(r"\{[^{}]*\}")
_NUMBERED = regex.compile(r"\{\s*(\d{1,3})\s*\}")


class Span(NamedTuple):
    """A stretch of a text by characters; the end is exclusive."""

    start: int
    end: int


# New text, or a stretch of the document, in which other edits may lie.
Part: TypeAlias = str | Span


@dataclass(frozen=True)
class Edit:
    """What comes in the place of the characters from start to end."""

    start: int
    end: int
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class Unit:
    """A text to translate, and what its translation changes in the document."""

    text: str
    edits: Callable[[Aligned], Iterable[Edit]]


@dataclass(frozen=True)
class Found:
    """What a document has to translate, and what changes in it in any case."""

    units: list[Unit] = field(default_factory=list)
    edits: list[Edit] = field(default_factory=list)


def splice(document: str, edits: Iterable[Edit]) -> str:
    """The document with all edits; one may lie in a stretch that another one keeps."""
    ordered = sorted(edits, key=lambda edit: (edit.start, -edit.end))
    starts = [edit.start for edit in ordered]

    def stretch(start: int, end: int) -> Iterator[str]:
        place = start
        for index in range(bisect_left(starts, start), len(ordered)):
            edit = ordered[index]
            if edit.start > end:
                break
            # Those that begin before lie in another one; those that end behind are around this.
            if edit.start < place or edit.end > end:
                continue
            yield document[place : edit.start]
            yield from written(edit.parts)
            place = edit.end
        yield document[place:end]

    def written(parts: Sequence[Part]) -> Iterator[str]:
        for part in parts:
            if isinstance(part, str):
                yield part
            else:
                yield from stretch(part.start, part.end)

    return "".join(stretch(0, len(document)))


def has_words(text: str) -> bool:
    """Whether there is anything to translate besides numbers, signs and placeholders."""
    return any(character.isalpha() for character in _PLACEHOLDER.sub("", text))


def mask_numbers(document: str) -> set[int]:
    """Numbers of placeholders, such as {1}, that a document has itself."""
    return {int(number) for number in _NUMBERED.findall(document)}


def line_of(document: str, place: int) -> int:
    """The number of the line, from 1, that a character is in."""
    return document.count("\n", 0, place) + 1


def invalid(format: str, line: int, problem: str) -> InvalidInput:
    """The error for a document that is not what its format asks for."""
    return InvalidInput(f"{format}, line {line}: {problem}")
