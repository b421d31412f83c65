"""Test files in, and the directions that they hold."""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations, zip_longest
from pathlib import Path

from nmt.data.corpus import decode_line, read_lines
from nmt.errors import CorpusError, InvalidInput, UnknownLanguage

LANGUAGE = r"[a-z]{2,3}(?:-[A-Z0-9][A-Za-z0-9]+)*"
PAIRS = re.compile(rf"(?P<name>.+)\.(?P<first>{LANGUAGE})-(?P<second>{LANGUAGE})\.tsv(\.gz)?")
LINES = re.compile(rf"(?P<name>.+)\.(?P<language>{LANGUAGE})\.txt(\.gz)?")
NAMING = "NAME.en-es.tsv (two columns) or NAME.en.txt (one file a language, aligned), or .gz"


@dataclass(frozen=True)
class DirectionTest:
    """The test sentences of one direction, and their references."""

    name: str
    source: str
    target: str
    sources: tuple[str, ...] = field(repr=False)
    references: tuple[str, ...] = field(repr=False)


def read_tests(
    paths: Iterable[Path],
    languages: Sequence[str],
    *,
    source: str | None = None,
    target: str | None = None,
    limit: int | None = None,
) -> list[DirectionTest]:
    """The directions in test files that a model with these languages can be tested on.

    `NAME.en-es.tsv` gives both directions of its first two columns; `NAME.LL.txt` files of one name
    are aligned line by line and give all pairs among them. Both may be `.gz`. `source` and `target`
    keep the directions from and to a language, `limit` the first sentences of each.
    Says on stderr what it skips: languages that the model does not know, and lines with an empty
    side. Raises CorpusError for files that cannot be used, or if no direction remains.
    """
    for code in (source, target):
        if code is not None and code not in languages:
            raise UnknownLanguage(code, languages)
    if limit is not None and limit < 1:
        raise InvalidInput(f"limit is {limit}: it must be at least 1 sentence")
    tests = [
        test
        for name, columns in _read_all(paths, languages)
        for test in _directions(name, columns, limit)
        if source in (None, test.source) and target in (None, test.target)
    ]
    if not tests:
        raise CorpusError(
            f"nothing to evaluate: the test files hold no direction from {source or 'any language'}"
            f" to {target or 'any language'}; this model knows {', '.join(languages)}"
        )
    _refuse_repeated(tests)
    return tests


def read_translations(
    paths: Iterable[Path], languages: Sequence[str], limit: int | None = None
) -> dict[str, list[str]]:
    """The same sentences in each language of one test: lines in which no side is empty.

    Raises CorpusError for files that cannot be used, or that are of several tests.
    """
    tests = list(_read_all(paths, languages))
    if len(tests) != 1:
        raise CorpusError(
            f"the files hold {len(tests)} tests, give one: NAME.en-es.tsv, or all of NAME.LL.txt"
        )
    columns = tests[0][1]
    rows = [row for row in zip(*columns.values(), strict=True) if all(map(str.strip, row))][:limit]
    if not rows:
        raise CorpusError(f"test {tests[0][0]} has no line with text in all languages")
    return dict(zip(columns, map(list, zip(*rows, strict=True)), strict=True))


def _read_all(
    paths: Iterable[Path], languages: Sequence[str]
) -> Iterator[tuple[str, dict[str, list[str]]]]:
    """Name and aligned lines by language of each test."""
    aligned: dict[str, dict[str, Path]] = {}
    for path in paths:
        match = PAIRS.fullmatch(path.name) or LINES.fullmatch(path.name)
        if match is None:
            raise CorpusError(f"{path}: cannot tell its languages from its name; use {NAMING}")
        name, *codes = match.groupdict().values()
        if unknown := [code for code in codes if code not in languages]:
            _note(f"skipped {path}: this model does not know {', '.join(unknown)}")
        elif len(codes) == 2:
            yield name, dict(zip(codes, _read_columns(path), strict=True))
        elif codes[0] in aligned.setdefault(name, {}):
            raise CorpusError(f"{path} has the name of {aligned[name][codes[0]]}: rename one")
        else:
            aligned[name][codes[0]] = path
    for name, files in aligned.items():
        if len(files) == 1:
            _note(f"skipped {name}: only its {', '.join(files)} file is given, a pair takes two")
        yield name, _read_aligned(files)


def _read_columns(path: Path) -> tuple[list[str], list[str]]:
    firsts, seconds = [], []
    for number, raw in enumerate(read_lines(path), start=1):
        where = f"{path}:{number}"
        text = decode_line(raw, where)
        columns = text.split("\t") if text.strip() else ["", ""]
        if len(columns) < 2:
            raise CorpusError(f"{where}: expected 2 or more columns, found {len(columns)}")
        firsts.append(columns[0])
        seconds.append(columns[1])
    return firsts, seconds


def _read_aligned(files: Mapping[str, Path]) -> dict[str, list[str]]:
    columns: dict[str, list[str]] = {code: [] for code in files}
    rows = zip_longest(*(read_lines(path) for path in files.values()))
    for number, row in enumerate(rows, start=1):
        for (code, path), raw in zip(files.items(), row, strict=True):
            if raw is None:
                raise CorpusError(f"{path} ends before line {number}: aligned files must match")
            columns[code].append(decode_line(raw, f"{path}:{number}"))
    return columns


def _directions(
    name: str, columns: Mapping[str, Sequence[str]], limit: int | None
) -> Iterator[DirectionTest]:
    for first, second in combinations(columns, 2):
        lines = list(zip(columns[first], columns[second], strict=True))
        pairs = [(a, b) for a, b in lines if a.strip() and b.strip()]
        if not pairs:
            raise CorpusError(f"test {name} {first}-{second} holds no sentence pairs")
        if skipped := len(lines) - len(pairs):
            _note(f"{name} {first}-{second}: skipped lines with an empty side: {skipped}")
        firsts, seconds = zip(*pairs[:limit], strict=True)
        yield DirectionTest(name, first, second, firsts, seconds)
        yield DirectionTest(name, second, first, seconds, firsts)


def _refuse_repeated(tests: Sequence[DirectionTest]) -> None:
    counts = Counter((test.name, test.source, test.target) for test in tests)
    (name, source, target), count = counts.most_common(1)[0]
    if count > 1:
        raise CorpusError(f"test {name} {source}>{target} is given {count} times: rename a file")


def _note(message: str) -> None:
    print(message, file=sys.stderr)
