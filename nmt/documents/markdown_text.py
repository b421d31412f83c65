"""Text written so that Markdown reads it as text, and marks so that it reads them as marks."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from functools import partial

import regex

from nmt.documents.aligned import Aligned
from nmt.documents.edits import Edit, Part, Unit
from nmt.documents.segments import Escapes

_SPECIAL = regex.compile(r"[\\`*\[\]]|~~|(?<!\w)_|_(?!\w)|<(?=[A-Za-z/!?])|&(?=#?\w+;)|\|")
_SPACES = regex.compile(r"\s*\n\s*")
# What would begin a list, heading or quotation, and where the backslash goes.
_BEGINS_BLOCK = regex.compile(r"(\s*)(?:([-+#>]|#{2,6})(?=\s)|(?=>)|(\d{1,9})(?=[.)](?:\s|\Z)))")
_DELIMITERS = regex.compile(r"\*+|_+|~~")


class MarkdownEscapes(Escapes):
    """How the signs of Markdown are written in one text: plain ones of the source stay so."""

    def __init__(self, in_cell: bool) -> None:
        super().__init__({})
        self._in_cell = in_cell
        self._plain: set[str] = set()
        self._escaped: set[str] = set()

    def note_plain(self, text: str) -> None:
        """See a text of the source that was no markup."""
        self._plain |= set(_SPECIAL.findall(text))

    def note_special(self, character: str, raw: str) -> None:
        """See a character that was written as an escape or an entity."""
        if raw.startswith("&"):
            self.decode(raw)
        else:
            self._escaped.add(character)

    def encode(self, text: str) -> str:
        """Text as it may stand in the document, in one line."""
        text = _SPACES.sub(" ", text)
        plain = self._plain - self._escaped - ({"|"} if self._in_cell else set())
        if not self._in_cell:
            plain.add("|")

        def escaped(match: regex.Match[str]) -> str:
            sign = match[0]
            return sign if sign in plain or sign in self.table else f"\\{sign}"

        return super().encode(_SPECIAL.sub(escaped, text))


def guarded(document: str, unit: Unit, starts_line: bool) -> Unit:
    """The unit, with a translation whose marks are marks, and that does not begin a block."""
    return Unit(unit.text, partial(_guarded_edits, document, unit, starts_line))


def _guarded_edits(
    document: str, unit: Unit, starts_line: bool, aligned: Aligned
) -> Iterable[Edit]:
    for edit in unit.edits(aligned):
        parts = [part for part in edit.parts if part]
        if starts_line and parts and isinstance(parts[0], str):
            parts[0] = _no_block(parts[0])
        yield Edit(edit.start, edit.end, tuple(_flanked(document, parts)))


def _no_block(text: str) -> str:
    match = _BEGINS_BLOCK.match(text)
    if match is None:
        return text
    place = match.end(3) if match[3] else match.end(1)
    return f"{text[:place]}\\{text[place:]}"


def _flanked(document: str, parts: Sequence[Part]) -> list[Part]:
    """The parts, with * for _ inside words, and space where * is no mark without."""
    raw = [part if isinstance(part, str) else document[slice(*part)] for part in parts]
    delimiters = [
        i
        for i, part in enumerate(parts)
        if not isinstance(part, str) and _DELIMITERS.fullmatch(raw[i])
    ]
    written: list[Part] = [*parts]
    if any(raw[i][0] == "_" and _is_inside_word(raw, i) for i in delimiters):
        for i in delimiters:
            written[i] = raw[i] = raw[i].replace("_", "*")
    opened: list[int] = []
    for i in delimiters:
        if not (opened and raw[opened[-1]] == raw[i]):
            opened.append(i)
            inner = next((raw[j] for j in range(i + 1, len(raw)) if j not in delimiters), "")
            if _is_inside(raw[i - 1][-1:] if i else "", inner[:1]):
                written[i] = f" {raw[i]}"
            continue
        inner = next((raw[j] for j in range(i - 1, -1, -1) if j not in delimiters), "")
        if opened.pop() == i - 1:
            written[i - 1] = written[i] = ""  # a mark around nothing would be text
        elif _is_inside(raw[i + 1][:1] if i + 1 < len(raw) else "", inner[-1:]):
            written[i] = f"{raw[i]} "
    return written


def _is_inside_word(raw: Sequence[str], i: int) -> bool:
    around = raw[i - 1][-1:] if i else "", raw[i + 1][:1] if i + 1 < len(raw) else ""
    return all(character.isalnum() for character in around)


def _is_inside(outer: str, inner: str) -> bool:
    """Whether a mark between two characters would be taken for text."""
    return outer.isalnum() and bool(inner) and unicodedata.category(inner)[0] in "PS"
