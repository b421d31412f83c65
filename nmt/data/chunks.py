"""What preparation keeps of each chunk of lines while it works, and the shards they become.

The files of a chunk share a stem: `.txt` cleaned pairs, `.hash.npy` and `.keep.npy` for
de-duplication, `.npz` piece ids, and `.json` the report, which tells that cleaning is finished.
Each appears whole or not at all, so that work goes on after a kill at any moment.
"""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from nmt.config import SourceConfig
from nmt.data.cleaning import Cleaner, key_hash, tidy
from nmt.data.corpus import RawLine, parse_line
from nmt.data.report import SourceReport
from nmt.errors import CorpusError
from nmt.text.tokenizer import Tokenizer

SOURCES = "sources"

Array = npt.NDArray[Any]


def clean_chunk(source: SourceConfig, cleaner: Cleaner, lines: list[RawLine], stem: Path) -> int:
    """Clean some lines into `.txt`, their hashes into `.hash.npy`, what went into `.json`."""
    report_path = stem.with_suffix(".json")
    if report_path.exists():
        return len(lines)
    report = SourceReport(source.name, source.languages)
    kept: list[str] = []
    hashes: list[int] = []
    for line in lines:
        try:
            pair = tidy(parse_line(source, line))
        except CorpusError as error:
            if cleaner.config.bad_lines == "error":
                raise
            report.drop("bad_line", str(error))
            continue
        if rule := cleaner.dropped_by(pair):
            report.drop(rule, "\t".join(pair))
        else:
            kept.append("\t".join(pair) + "\n")
            # Sorted by language: another source may give the same pair the other way round.
            by_language = sorted(zip(source.languages, pair, strict=True))
            hashes.append(key_hash(*(side for _, side in by_language)))
    report.read = len(lines)
    report.kept = len(kept)
    write_bytes(stem.with_suffix(".txt"), "".join(kept).encode())
    content = io.BytesIO()
    np.save(content, np.array(hashes, dtype=np.uint64))
    write_bytes(stem.with_suffix(".hash.npy"), content.getvalue())
    _write_json(report_path, report.to_json())
    return len(lines)


def encode_chunk(stem: Path, vocabulary: Path) -> int:
    """Encode the pairs of a chunk that stay into `.npz`; count what went as a duplicate."""
    report_path = stem.with_suffix(".json")
    encoded_path = stem.with_suffix(".npz")
    if not encoded_path.exists():
        tokenizer = Tokenizer.load(vocabulary)
        report = SourceReport.from_json(_load_json(report_path))
        report.forget("duplicate")  # a restart may find a report of this very step
        sides: list[str] = []
        for keep, line in kept_lines(stem):
            if keep:
                sides += line.split("\t")
            else:
                report.drop("duplicate", line)
        report.kept = len(sides) // 2
        ids = tokenizer.encode_all(sides)
        pieces = np.fromiter((i for side in ids for i in side), dtype=np.uint16)
        lengths = np.array([len(side) for side in ids], dtype=np.int64)
        _write_json(report_path, report.to_json())
        content = io.BytesIO()
        np.savez(content, pieces=pieces, lengths=lengths)
        write_bytes(encoded_path, content.getvalue())
    with np.load(encoded_path) as arrays:
        return len(arrays["lengths"]) // 2


def kept_lines(stem: Path) -> Iterator[tuple[bool, str]]:
    """Each cleaned line of a chunk, and whether it stays after de-duplication."""
    keep_path = stem.with_suffix(".keep.npy")
    with stem.with_suffix(".txt").open(encoding="utf-8", newline="\n") as lines:
        keep = np.load(keep_path) if keep_path.exists() else None
        for index, line in enumerate(lines):
            yield keep is None or bool(keep[index]), line.rstrip("\n")


def join_source(source: SourceConfig, work: Path, corpus: Path) -> SourceReport:
    """Write the shard of a source, unless all its pairs were dropped; gives the whole report."""
    stems = stems_of(work, source)
    report = source_report(source, stems)
    if report.kept:  # a shard without pairs is not written
        sides = [_encoded(stem, "lengths").size for stem in stems]
        pieces = [int(_encoded(stem, "lengths").sum()) for stem in stems]
        _write_array(
            corpus / f"{source.name}.pieces.npy",
            sum(pieces),
            (_encoded(stem, "pieces") for stem in stems),
        )
        _write_array(corpus / f"{source.name}.offsets.npy", sum(sides) + 1, _offsets(stems, pieces))
    return report


def _offsets(stems: Sequence[Path], pieces: Sequence[int]) -> Iterator[Array]:
    """Where each side of each pair begins among all pieces of a source, and the end."""
    yield np.zeros(1, dtype=np.int64)
    start = 0
    for stem, amount in zip(stems, pieces, strict=True):
        yield start + np.cumsum(_encoded(stem, "lengths"))
        start += amount


def _encoded(stem: Path, name: str) -> Array:
    with np.load(stem.with_suffix(".npz")) as arrays:
        return cast(Array, arrays[name])


def _write_array(path: Path, size: int, parts: Iterable[Array]) -> None:
    """Write parts as one .npy file; plain writing, as mapped pages would fill the memory."""
    with path.open("wb") as file:
        for number, part in enumerate(parts):
            if number == 0:
                header = {"descr": part.dtype.str, "fortran_order": False, "shape": (size,)}
                np.lib.format.write_array_header_1_0(file, header)
            file.write(part.tobytes())


def source_report(source: SourceConfig, stems: Sequence[Path]) -> SourceReport:
    """Join the reports of some chunks of a source."""
    report = SourceReport(source.name, source.languages)
    for stem in stems:
        report.add(SourceReport.from_json(_load_json(stem.with_suffix(".json"))))
    return report


def stems_of(work: Path, source: SourceConfig) -> list[Path]:
    """The finished chunks of a source, in order, as paths without ending."""
    folder = work / SOURCES / source.name
    return sorted(path.with_suffix("") for path in folder.glob("*.json"))


def _load_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def _write_json(path: Path, tree: object) -> None:
    write_bytes(path, json.dumps(tree, ensure_ascii=False).encode())


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file such that a kill leaves all of it or nothing."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    temporary.write_bytes(content)
    temporary.replace(path)
