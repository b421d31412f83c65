"""Terms that a translation must use."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import regex

from nmt.errors import InvalidInput
from nmt.text.alignment import Link, Span

# Scripts that write no spaces: a term may begin and end anywhere.
_UNSPACED = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}\p{Thai}]")


@dataclass(frozen=True)
class Glossary:
    """Terms of the source language, each with what stands for it in the target language."""

    terms: Mapping[str, str]

    def __post_init__(self) -> None:
        for source, target in self.terms.items():
            if not source.strip() or not target.strip():
                raise InvalidInput(f"a glossary has the pair {source!r}, {target!r}: one is empty")

    @classmethod
    def read(cls, path: Path) -> Glossary:
        """A file of two columns, with commas between them in a .csv, tabs otherwise.

        Raises InvalidInput, naming the line, for what is not two columns of UTF-8.
        """
        try:
            text = path.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidInput(f"cannot read the glossary {path}: {error}") from None
        delimiter = "," if path.suffix.lower() == ".csv" else "\t"
        terms: dict[str, str] = {}
        reader = csv.reader(text.splitlines(), delimiter=delimiter)
        for row in reader:
            if len(row) != 2:
                raise InvalidInput(
                    f"{path}:{reader.line_num}: {len(row)} columns; a glossary has two, "
                    f"a term and its translation"
                )
            terms[row[0].strip()] = row[1].strip()
        return cls(terms)

    def find(self, sentence: str, closed: Sequence[Span] = ()) -> dict[Span, str]:
        """Where terms stand in a sentence, and what must stand for each; longer terms go first.

        Nothing is found in the `closed` spans. A term that is written small is found in any case,
        and its translation begins with a capital where the term does.
        """
        taken = list(closed)
        found: dict[Span, str] = {}
        for source in sorted(self.terms, key=len, reverse=True):
            for match in _pattern(source).finditer(sentence):
                start, end = match.span()
                if any(start < stop and begin < end for begin, stop in taken):
                    continue
                taken.append((start, end))
                target = self.terms[source]
                if source[0].islower() and match[0][0].isupper():
                    target = target[0].upper() + target[1:]
                found[start, end] = target
        return dict(sorted(found.items()))


def lacking(targets: Iterable[str], translation: str) -> list[str]:
    """The terms that a translation does not hold as often as they are given."""
    wanted = Counter(target.casefold() for target in targets)
    return [
        term
        for term, times in wanted.items()
        if len(_pattern(term).findall(translation.casefold())) < times
    ]


def put_in(terms: Mapping[Span, str], translation: str, links: Sequence[Link]) -> str | None:
    """A translation with each term in the place of the words that are linked to its source.

    None if a term has no such words, or they come between others.
    """
    places: dict[Span, str] = {}
    for (start, end), target in terms.items():
        linked = {
            (link.target_start, link.target_end)
            for link in links
            if start <= link.source_start and link.source_end <= end
        }
        run = _longest_run(sorted(linked), translation)
        if run is None or any(run[0] < b and a < run[1] for a, b in places):
            return None
        places[run] = target
    for (start, end), target in sorted(places.items(), reverse=True):
        if start == 0 or translation[start].isupper():
            target = target[0].upper() + target[1:]
        translation = translation[:start] + target + translation[end:]
    return translation


def _longest_run(words: Sequence[Span], text: str) -> Span | None:
    """The longest stretch of neighbouring words."""
    runs: list[Span] = []
    for start, end in words:
        if runs and not text[runs[-1][1] : start].strip():
            runs[-1] = runs[-1][0], end
        else:
            runs.append((start, end))
    return max(runs, key=lambda run: run[1] - run[0], default=None)


def _pattern(term: str) -> regex.Pattern[str]:
    """A term as a whole word; one with capitals in it only as it is written."""
    words = r"\s+".join(regex.escape(word) for word in term.split())
    flags = regex.IGNORECASE if term == term.lower() else 0
    if _UNSPACED.search(term):
        return regex.compile(words, flags)
    return regex.compile(rf"(?<!\w){words}(?!\w)", flags)
