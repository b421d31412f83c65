"""The entries of a gettext PO file, by position; polib breaks the lines of a file anew."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import regex

from nmt.documents.edits import Span, invalid

_LINE = regex.compile(r"[^\r\n]*")
_FIELD = regex.compile(r'(msgctxt|msgid_plural|msgid|msgstr(?:\[\d+\])?)\s*("(?:[^"\\]|\\.)*")\s*')
_CONTINUED = regex.compile(r'("(?:[^"\\]|\\.)*")\s*')
_ESCAPE = regex.compile(r"\\(?:([0-7]{1,3})|x([\da-fA-F]{1,2})|(.))")
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}
_ESCAPES = {"\\": "\\\\", '"': '\\"'} | {v: f"\\{k}" for k, v in _ESCAPED.items()}
_WIDTH = 77  # where gettext breaks lines


@dataclass
class Field:
    """A message or translation: its value, its place without the last line end, its lines."""

    value: str
    place: Span
    lines: int = 1


@dataclass
class Entry:
    """A message with its translations, by keyword."""

    line: int
    fields: dict[str, Field] = field(default_factory=dict)

    @property
    def is_header(self) -> bool:
        """Whether this is the header, whose translation is about the file."""
        return "msgctxt" not in self.fields and not self.fields["msgid"].value

    @property
    def translations(self) -> dict[int, Field]:
        """Translations by the number of their form; one without a number has the number 0."""
        numbers = {name: int(name[7:-1] or 0) for name in self.fields if name[:7] == "msgstr["}
        if "msgstr" in self.fields:
            numbers["msgstr"] = 0
        return {number: self.fields[name] for name, number in numbers.items()}


def entries(document: str) -> Iterator[Entry]:
    """All entries that are not obsolete; InvalidInput names a line that is wrong."""
    entry: Entry | None = None
    last: Field | None = None
    number, place = 0, 0
    while place < len(document):
        match = _LINE.match(document, place)
        assert match is not None
        number += 1
        start, place = place, _after_line(document, match.end())
        raw = match[0].strip()
        if not raw or raw.startswith("#"):
            continue
        start += match[0].index(raw)
        if continued := _CONTINUED.fullmatch(raw):
            if last is None:
                raise invalid("po", number, "a string belongs to no keyword")
            last.value += unescape(continued[1][1:-1])
            last.place, last.lines = Span(last.place.start, start + len(raw)), last.lines + 1
            continue
        found = _FIELD.fullmatch(raw)
        if found is None:
            raise invalid("po", number, f"{raw[:40]!r} is no keyword with a string in quotes")
        keyword = found[1]
        begins = keyword == "msgctxt" or (
            keyword == "msgid" and (entry is None or [*entry.fields] != ["msgctxt"])
        )
        if begins:
            if entry is not None:
                yield _checked(entry)
            entry = Entry(number)
        if entry is None or keyword in entry.fields:
            raise invalid("po", number, f"{keyword} is not expected here")
        last = Field(unescape(found[2][1:-1]), Span(start, start + len(raw)))
        entry.fields[keyword] = last
    if entry is not None:
        yield _checked(entry)


def _after_line(document: str, end: int) -> int:
    return end + (2 if document.startswith("\r\n", end) else 1)


def _checked(entry: Entry) -> Entry:
    needed = "msgstr[0]" if "msgid_plural" in entry.fields else "msgstr"
    if "msgid" not in entry.fields or needed not in entry.fields:
        raise invalid("po", entry.line, f"an entry needs msgid and {needed}")
    return entry


def unescape(raw: str) -> str:
    """The value of a string without its quotes."""

    def replaced(match: regex.Match[str]) -> str:
        if match[1] or match[2]:
            return chr(int(match[1], 8) if match[1] else int(match[2], 16))
        return _ESCAPED.get(match[3], match[3])

    return _ESCAPE.sub(replaced, raw)


def written(keyword: str, value: str, wraps: bool, newline: str) -> str:
    """A field as gettext writes it: in one line if it has one, and is not to be wrapped."""
    lines = value.splitlines(keepends=True) if "\n" in value[:-1] else [value]
    if wraps:
        lines = [part for line in lines for part in _wrapped(line)]
    quoted = [f'"{_escape(line)}"' for line in lines]
    if len(quoted) > 1 or wraps:
        quoted.insert(0, '""')
    return f"{keyword} " + newline.join(quoted)


def _wrapped(line: str) -> Iterator[str]:
    """A line in parts that end behind white space."""
    part = ""
    for word in regex.findall(r"\S+\s*|\s+", line):
        if part and len(_escape(part + word.rstrip())) > _WIDTH - 2:
            yield part
            part = ""
        part += word
    if part:
        yield part


def _escape(text: str) -> str:
    return "".join(_ESCAPES.get(character, character) for character in text)
