"""From raw parallel text to a training-ready corpus: clean, de-duplicate, make pieces.

Text streams through in chunks of lines, so that memory does not grow with the corpus. Each
finished chunk is a file in a work folder named after the fingerprint of all inputs: a restart
goes on after the last finished chunk, and the corpus appears only when it is complete.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import shutil
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from nmt.config import Config, DataConfig, SourceConfig
from nmt.data.cleaning import Cleaner, check_rules, key_hash, tidy
from nmt.data.corpus import (
    VOCABULARY,
    Corpus,
    RawLine,
    ShardInfo,
    decode_line,
    parse_line,
    read_lines,
    read_raw,
    write_manifest,
)
from nmt.data.dedup import mark_duplicates
from nmt.data.report import SourceReport, load_reports, save_report
from nmt.data.vocabulary import sample_sentences
from nmt.errors import CorpusError
from nmt.progress import Progress
from nmt.text.tokenizer import Tokenizer, train_tokenizer

LINES_PER_CHUNK = 20_000

T = TypeVar("T")


def prepare(config: Config, workers: int | None = None) -> list[SourceReport]:
    """Prepare the corpus that a configuration describes; gives a report for each source.

    The corpus is the same for any number of workers. A corpus already made from the same inputs
    is left as it is. Raises CorpusError for input that cannot be read.
    """
    check_rules(config.data.cleaning)
    directory = Path(config.data.directory)
    fingerprint = _fingerprint(config)
    if _is_made(directory, fingerprint):
        return load_reports(directory)
    work = directory.with_name(f"{directory.name}.work-{fingerprint[:12]}")
    work.mkdir(parents=True, exist_ok=True)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers or os.cpu_count(), mp_context=context) as pool:
        held_out = _held_out_hashes(config.data)
        for source in config.data.sources:
            _clean_source(pool, config.data, source, held_out, work)
        if "duplicate" in config.data.cleaning.rules:
            _drop_duplicates(config.data, work)
        vocabulary = _make_vocabulary(config, work)
        for source in config.data.sources:
            _encode_source(pool, source, vocabulary, work)
    return _finish(config.data, fingerprint, work, directory)


def _is_made(directory: Path, fingerprint: str) -> bool:
    try:
        return Corpus(directory).fingerprint == fingerprint
    except CorpusError:
        return False


def _fingerprint(config: Config) -> str:
    """A digest of everything that decides the result: settings and the bytes of all files."""
    data = config.data
    settings = data.model_dump(mode="json", exclude={"directory", "root"})
    digest = hashlib.sha256(json.dumps([settings, config.languages]).encode())
    root = Path(data.root)
    files = [root / path for source in data.sources for path in source.paths]
    files += _excluded_files(data)
    with Progress("reading", len(files), "files") as progress:
        for path in files:
            try:
                with path.open("rb") as file:
                    while block := file.read(1 << 20):
                        digest.update(block)
            except OSError as error:
                raise CorpusError(f"cannot read {path}: {error.strerror}") from None
            progress.advance()
    return digest.hexdigest()


def _excluded_files(data: DataConfig) -> list[Path]:
    root = Path(data.root)
    files: list[Path] = []
    for pattern in data.exclude:
        found = sorted(root.glob(pattern))
        if not found:
            raise CorpusError(f"data.exclude: no file under {root} matches {pattern!r}")
        files += found
    return files


def _held_out_hashes(data: DataConfig) -> frozenset[int]:
    """Match-key hashes of every column of every held-out file."""
    hashes: set[int] = set()
    for path in _excluded_files(data):
        for number, raw in enumerate(read_lines(path), start=1):
            columns = decode_line(raw, f"{path}:{number}").split("\t")
            hashes.update(key_hash(column) for column in columns if column.strip())
    return frozenset(hashes)


def _clean_source(
    pool: ProcessPoolExecutor,
    data: DataConfig,
    source: SourceConfig,
    held_out: frozenset[int],
    work: Path,
) -> None:
    folder = work / source.name
    if (folder / "cleaned").exists():
        return
    folder.mkdir(exist_ok=True)
    cleaner = Cleaner(data.cleaning, source.languages, held_out)
    lines = read_raw(source, Path(data.root))
    tasks = (
        (_clean_chunk, source, cleaner, chunk, folder / f"{number:06}")
        for number, chunk in enumerate(_chunks(lines, LINES_PER_CHUNK))
    )
    with Progress(f"cleaning {source.name}", unit="pairs") as progress:
        for count in _in_parallel(pool, tasks):
            progress.advance(count)
    (folder / "cleaned").touch()


def _clean_chunk(source: SourceConfig, cleaner: Cleaner, lines: list[RawLine], stem: Path) -> int:
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
            hashes.append(key_hash(*pair))
    report.read = len(lines)
    report.kept = len(kept)
    stem.with_suffix(".txt").write_text("".join(kept), encoding="utf-8", newline="\n")
    np.save(stem.with_suffix(".hash.npy"), np.array(hashes, dtype=np.uint64))
    _write_json(report_path, report.to_json())
    return len(lines)


def _drop_duplicates(data: DataConfig, work: Path) -> None:
    """Write `.keep.npy` beside each chunk: which of its pairs are the first of their kind."""
    if (work / "deduplicated").exists():
        return
    groups: dict[frozenset[str], list[Path]] = {}
    for source in data.sources:
        stems = _stems(work / source.name)
        groups.setdefault(frozenset(source.languages), []).extend(stems)
    with Progress("removing duplicates", len(groups), "language pairs") as progress:
        for stems in groups.values():
            mark_duplicates([stem.with_suffix(".hash.npy") for stem in stems], work / "keep.tmp")
            progress.advance()
    (work / "deduplicated").touch()


def _kept_lines(stem: Path) -> Iterator[tuple[bool, str]]:
    """Each cleaned line of a chunk, and whether it stays after de-duplication."""
    keep_path = stem.with_suffix(".keep.npy")
    with stem.with_suffix(".txt").open(encoding="utf-8", newline="\n") as lines:
        keep = np.load(keep_path) if keep_path.exists() else None
        for index, line in enumerate(lines):
            yield keep is None or bool(keep[index]), line.rstrip("\n")


def _make_vocabulary(config: Config, work: Path) -> Path:
    path = work / VOCABULARY
    if not path.exists():
        stems = [
            (source.languages, stem)
            for source in config.data.sources
            for stem in _stems(work / source.name)
        ]

        def pairs() -> Iterator[tuple[tuple[str, str], list[str]]]:
            for languages, stem in stems:
                for keep, line in _kept_lines(stem):
                    if keep:
                        yield languages, line.split("\t")

        settings = config.data.vocabulary
        sentences = sample_sentences(pairs, config.languages, settings)
        with Progress("making the vocabulary", unit="sentences") as progress:
            counted = _counted(sentences, progress)
            _write_bytes(path, train_tokenizer(counted, config.languages, settings.size))
    return path


def _counted(sentences: Iterable[str], progress: Progress) -> Iterator[str]:
    for sentence in sentences:
        progress.advance()
        yield sentence


def _encode_source(
    pool: ProcessPoolExecutor, source: SourceConfig, vocabulary: Path, work: Path
) -> None:
    stems = _stems(work / source.name)
    with Progress(f"encoding {source.name}", unit="pairs") as progress:
        for count in _in_parallel(pool, ((_encode_chunk, stem, vocabulary) for stem in stems)):
            progress.advance(count)


def _encode_chunk(stem: Path, vocabulary: Path) -> int:
    """Encode the pairs of a chunk that stay into `.npz`; count what went as a duplicate."""
    report_path = stem.with_suffix(".json")
    encoded_path = stem.with_suffix(".npz")
    if not encoded_path.exists():
        tokenizer = Tokenizer.load(vocabulary)
        report = SourceReport.from_json(_load_json(report_path))
        report.forget("duplicate")  # a restart may find a report of this very step
        sides: list[str] = []
        for keep, line in _kept_lines(stem):
            if keep:
                sides += line.split("\t")
            else:
                report.drop("duplicate", line)
        report.kept = len(sides) // 2
        ids = tokenizer.encode_all(sides)
        pieces = np.fromiter((i for side in ids for i in side), dtype=np.uint16)
        lengths = np.array([len(side) for side in ids], dtype=np.int64)
        _write_json(report_path, report.to_json())
        temporary = encoded_path.with_suffix(".tmp.npz")
        np.savez(temporary, pieces=pieces, lengths=lengths)
        temporary.replace(encoded_path)
    with np.load(encoded_path) as arrays:
        return len(arrays["lengths"]) // 2


def _finish(data: DataConfig, fingerprint: str, work: Path, directory: Path) -> list[SourceReport]:
    """Join the chunks into shards and put the complete corpus in its place."""
    corpus = work / "corpus"
    shutil.rmtree(corpus, ignore_errors=True)
    corpus.mkdir()
    reports = [_join_source(source, work, corpus) for source in data.sources]
    infos = [
        ShardInfo(source.name, source.languages, source.weight, report.kept)
        for source, report in zip(data.sources, reports, strict=True)
    ]
    shutil.copyfile(work / VOCABULARY, corpus / VOCABULARY)
    save_report(reports, corpus)
    write_manifest(corpus, fingerprint, infos)
    if directory.exists():
        shutil.rmtree(directory)
    corpus.replace(directory)
    shutil.rmtree(work)
    return reports


def _join_source(source: SourceConfig, work: Path, corpus: Path) -> SourceReport:
    stems = _stems(work / source.name)
    report = SourceReport(source.name, source.languages)
    sides = total = 0
    for stem in stems:
        report.add(SourceReport.from_json(_load_json(stem.with_suffix(".json"))))
        with np.load(stem.with_suffix(".npz")) as arrays:
            sides += len(arrays["lengths"])
            total += len(arrays["pieces"])
    if not sides:
        return report  # a shard without pairs is not written
    open_new = np.lib.format.open_memmap
    pieces = open_new(corpus / f"{source.name}.pieces.npy", "w+", np.uint16, (total,))
    offsets = open_new(corpus / f"{source.name}.offsets.npy", "w+", np.int64, (sides + 1,))
    side = piece = 0
    for stem in stems:
        with np.load(stem.with_suffix(".npz")) as arrays:
            chunk, lengths = arrays["pieces"], arrays["lengths"]
        pieces[piece : piece + len(chunk)] = chunk
        offsets[side + 1 : side + 1 + len(lengths)] = piece + np.cumsum(lengths)
        piece += len(chunk)
        side += len(lengths)
    pieces.flush()
    offsets.flush()
    return report


def _stems(folder: Path) -> list[Path]:
    """The finished chunks of a source, in order, as paths without ending."""
    return sorted(path.with_suffix("") for path in folder.glob("*.json"))


def _chunks(items: Iterable[T], size: int) -> Iterator[list[T]]:
    iterator = iter(items)
    while chunk := list(islice(iterator, size)):
        yield chunk


def _in_parallel(pool: ProcessPoolExecutor, tasks: Iterable[tuple[Any, ...]]) -> Iterator[int]:
    """Run (function, argument, …) tasks, a few ahead of what is finished: input may be endless."""
    ahead = 2 * (os.cpu_count() or 1) + 2
    running: set[Future[int]] = set()
    for function, *arguments in tasks:
        running.add(pool.submit(function, *arguments))
        if len(running) >= ahead:
            done, running = wait(running, return_when=FIRST_COMPLETED)
            yield from (future.result() for future in done)
    for future in running:
        yield future.result()


def _load_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def _write_json(path: Path, tree: object) -> None:
    _write_bytes(path, json.dumps(tree, ensure_ascii=False).encode())


def _write_bytes(path: Path, content: bytes) -> None:
    """Write a file such that a kill leaves all of it or nothing."""
    temporary = path.with_suffix(".tmp")
    temporary.write_bytes(content)
    temporary.replace(path)
