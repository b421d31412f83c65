"""Translators without a model, which say truly which of their words came from which."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import regex

from nmt.documents import Aligned, translate_document
from nmt.text.alignment import Link

_WORD = regex.compile(r"\S+")


def _joined(pieces: Sequence[tuple[str, tuple[int, int]]], between: str = " ") -> Aligned:
    """Words in a new order, each with the place that it came from."""
    text, links = "", []
    for word, (start, end) in pieces:
        text += between if text else ""
        links.append(Link(start, end, len(text), len(text) + len(word)))
        text += word
    return Aligned(text, tuple(links))


def same(text: str) -> Aligned:
    return Aligned(text, tuple(Link(*m.span(), *m.span()) for m in _WORD.finditer(text)))


def backwards(text: str) -> Aligned:
    return _joined([(m[0], m.span()) for m in reversed([*_WORD.finditer(text)])])


def upper(text: str) -> Aligned:
    """In upper case except for placeholders."""
    words = [m[0] if regex.search(r"[{%]", m[0]) else m[0].upper() for m in _WORD.finditer(text)]
    remaining = iter(words)
    result = _WORD.sub(lambda _: next(remaining), text)
    if len(result) != len(text):
        return Aligned(result)
    return Aligned(result, same(text).links)


def unlinked(text: str) -> Aligned:
    return Aligned(upper(text).text)


def doubled(text: str) -> Aligned:
    """Each word twice, in two links."""
    pieces = []
    for match in _WORD.finditer(text):
        mask = regex.search(r"[{%]", match[0]) is not None
        pieces += [(match[0], match.span())] * (1 if mask else 2)
    return _joined(pieces)


def merged(text: str) -> Aligned:
    """Two words as one, without spaces, as in a language that writes none."""
    words = [m.span() for m in _WORD.finditer(text)]
    pieces = []
    for i in range(0, len(words), 2):
        start, end = words[i][0], words[min(i + 1, len(words) - 1)][1]
        masks = "".join(regex.findall(r"\{\d+\}", text[start:end]))
        pieces.append(("語" * (1 + i % 3) + masks, (start, end)))
    return _joined(pieces, "")


ALL: tuple[Callable[[str], Aligned], ...] = (same, backwards, upper, unlinked, doubled, merged)


def translated(
    document: str, format: str, one: Callable[[str], Aligned], target: str | None = None
) -> str:
    """A document through a translator of single texts."""
    data = translate_document(
        document.encode(), format, lambda texts: [one(text) for text in texts], target
    )
    return data.decode()


def texts(document: str, format: str) -> list[str]:
    """What a document has to translate."""
    seen: list[str] = []

    def collect(found: Sequence[str]) -> list[Aligned]:
        seen.extend(found)
        return [same(text) for text in found]

    translate_document(document.encode(), format, collect)
    return seen
