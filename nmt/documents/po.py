"""Gettext PO: messages without a translation get one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import regex

from nmt.documents.aligned import Aligned
from nmt.documents.edits import Edit, Found, Unit, has_words, invalid
from nmt.documents.plurals import USUAL, Plural, plural_of
from nmt.documents.po_entries import Entry, Field, entries, written

_HEADER_FORMS = regex.compile(
    r"^Plural-Forms:\s*nplurals\s*=\s*(\d+)\s*;\s*plural\s*=\s*(.*?)\s*;?\s*$",
    regex.MULTILINE | regex.IGNORECASE,
)
_HEADER_LANGUAGE = regex.compile(r"^Language:[^\S\n]*(.*?)\s*$", regex.MULTILINE)
# Up to the escape for a line end, also over several strings.
_HEADER_VALUE = r'(?:[^"\\]|\\[^n]|"\s*")*'
_CHARSET = regex.compile(r"charset=([\w.:-]+)")


def find(document: str, target: str | None) -> Found:
    """Messages to translate, and what the header says of the target language."""
    found = Found()
    listed = [*entries(document)]
    header = next((entry.fields["msgstr"] for entry in listed if _is_header(entry)), None)
    has_plurals = any("msgid_plural" in entry.fields for entry in listed)
    plural = _plural(header.value if header else "", target)
    newline = "\r\n" if "\r\n" in document else "\n"
    if header is not None:
        _check_charset(document, header)
        found.edits.extend(_header_edits(document, header, target, plural, has_plurals, newline))
    for entry in listed:
        found.units.extend(_units(entry, plural, newline))
        found.edits.extend(_surplus(document, entry, plural))
    return found


def _is_header(entry: Entry) -> bool:
    return entry.is_header and "msgstr" in entry.fields


def _check_charset(document: str, header: Field) -> None:
    charset = _CHARSET.search(header.value)
    if charset and charset[1].lower() not in ("utf-8", "utf8", "charset"):
        line = document.count("\n", 0, header.place.start) + 1
        raise invalid(
            "po", line, f"the header names {charset[1]}; change the file with msgconv -t UTF-8"
        )


def _plural(header: str, target: str | None) -> Plural:
    """The forms that translations are to have."""
    match = _HEADER_FORMS.search(header)
    stated = Plural(max(1, int(match[1])), match[2]) if match else None
    known = plural_of(target) if target else None
    language = _HEADER_LANGUAGE.search(header)
    named = language[1] if language else ""
    if stated and (target is None or _same(named, target) or known is None):
        usual = plural_of(target or named)
        alike = usual is not None and usual.forms == stated.forms
        return stated._replace(singular=usual.singular if usual and alike else 0)
    return known or plural_of(named) or USUAL


def _same(one: str, other: str) -> bool:
    return one.replace("_", "-").lower() == other.replace("_", "-").lower()


def _header_edits(
    document: str,
    header: Field,
    target: str | None,
    plural: Plural,
    has_plurals: bool,
    newline: str,
) -> Iterator[Edit]:
    if target is None:
        return
    match = _HEADER_FORMS.search(header.value)
    states = match is not None and (match[1], match[2]) == (str(plural.forms), plural.rule)
    lines = {"Language": target.replace("-", "_")}
    if not states and (has_plurals or "Plural-Forms:" in header.value):
        lines["Plural-Forms"] = plural.header
    for name, value in lines.items():
        line = f"{name}: {value}\\n"
        if stands := regex.search(
            rf'(?<="|\\n){name}:{_HEADER_VALUE}\\n', document, pos=header.place.start
        ):
            yield Edit(*stands.span(), (line,))
        else:
            yield Edit(header.place.end, header.place.end, (f'{newline}"{line}"',))


def _surplus(document: str, entry: Entry, plural: Plural) -> Iterator[Edit]:
    """Empty forms that the target language does not have are left out."""
    for number, form in entry.translations.items():
        if number >= plural.forms and not form.value and number > 0:
            start = document.rindex("\n", 0, form.place.start)
            start -= document[start - 1] == "\r"
            yield Edit(start, form.place.end, ())


def _units(entry: Entry, plural: Plural, newline: str) -> Iterator[Unit]:
    translations = entry.translations
    if "msgid_plural" not in entry.fields:
        if not translations[0].value:
            yield from _unit(entry, entry.fields["msgid"], ["msgstr"], newline)
        return
    missing = [n for n in range(plural.forms) if n not in translations or not translations[n].value]
    one = [n for n in missing if n == plural.singular and plural.forms > 1]
    others = [n for n in missing if n not in one]
    for name, numbers in (("msgid", one), ("msgid_plural", others)):
        yield from _unit(entry, entry.fields[name], [f"msgstr[{n}]" for n in numbers], newline)


def _unit(entry: Entry, message: Field, keywords: Sequence[str], newline: str) -> Iterator[Unit]:
    text = message.value.strip()
    if keywords and has_words(text):
        yield Unit(text, _Filling(entry, message, tuple(keywords), newline).edits)


@dataclass(frozen=True)
class _Filling:
    """Empty or absent translations of one message."""

    entry: Entry
    message: Field
    keywords: tuple[str, ...]
    newline: str

    def edits(self, aligned: Aligned) -> Iterable[Edit]:
        raw = self.message.value
        before, after = raw[: len(raw) - len(raw.lstrip())], raw[len(raw.rstrip()) :]
        value = before + aligned.text + after
        # A message in several lines that do not all end with a line end was wrapped.
        wraps = self.message.lines > 1 and self.message.lines - 1 > len(raw.splitlines())
        wraps = wraps or (self.message.lines > 1 and "\n" not in raw[:-1])
        end = max(form.place.end for form in self.entry.translations.values())
        for keyword in self.keywords:
            field = written(keyword, value, wraps, self.newline)
            if keyword in self.entry.fields:
                yield Edit(*self.entry.fields[keyword].place, (field,))
            else:
                yield Edit(end, end, (self.newline + field,))
