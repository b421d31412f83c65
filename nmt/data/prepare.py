"""From raw parallel text to a training-ready corpus: clean, de-duplicate, make pieces.

Text streams through in chunks of lines, so that memory does not grow with the corpus. Each
finished chunk is a file in a work folder named after the fingerprint of all inputs: a restart
goes on after the last finished chunk, and the corpus appears only when it is complete.
"""

from __future__ import annotations

import glob
import hashlib
import json
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from nmt.config import Config, DataConfig, SourceConfig
from nmt.data.chunks import (
    SOURCES,
    clean_chunk,
    encode_chunk,
    join_source,
    kept_lines,
    source_report,
    stems_of,
    write_bytes,
)
from nmt.data.cleaning import Cleaner, check_rules, key_hash
from nmt.data.corpus import (
    MANIFEST,
    VOCABULARY,
    Corpus,
    ShardInfo,
    decode_line,
    find_file,
    read_lines,
    read_raw,
    write_manifest,
)
from nmt.data.dedup import mark_duplicates
from nmt.data.parallel import Workers
from nmt.data.report import SourceReport, load_reports, save_report
from nmt.data.vocabulary import sample_sentences
from nmt.errors import ConfigError, CorpusError, ModelError
from nmt.progress import Progress
from nmt.text.tokenizer import Tokenizer, extend_tokenizer, train_tokenizer

LINES_PER_CHUNK = 20_000
# Fewer would leave a new language with little more than letters.
LEAST_NEW_PIECES = 100

T = TypeVar("T")


def prepare(config: Config, workers: int | None = None) -> list[SourceReport]:
    """Prepare the corpus that a configuration describes; gives a report for each source.

    The corpus is the same for any number of workers. A corpus already made from the same inputs
    is left as it is. Raises CorpusError for input that cannot be read, for a cleaning that leaves
    nothing, and for a directory that holds something else than a corpus; ConfigError for a
    vocabulary that lacks a language.
    """
    check_rules(config.data.cleaning)
    directory = Path(config.data.directory)
    _check_directory(directory)
    _taken_vocabulary(config)  # an error, if any, before hours of cleaning
    fingerprint = _fingerprint(config)
    if not _is_made(directory, fingerprint):
        work = directory.with_name(f"{directory.name}.work-{fingerprint[:12]}")
        _make_folder(work / SOURCES)
        with Workers(workers) as pool:
            held_out = _held_out_hashes(config.data)
            for source in config.data.sources:
                _clean_source(pool, config.data, source, held_out, work)
            _check_any_left(config.data, work)
            if "duplicate" in config.data.cleaning.rules:
                _drop_duplicates(config.data, work)
            vocabulary = _make_vocabulary(config, work)
            for source in config.data.sources:
                _encode_source(pool, source, vocabulary, work)
        _finish(config.data, fingerprint, work, directory)
    _remove_work_folders(directory)
    return load_reports(directory)


def _check_directory(directory: Path) -> None:
    """The corpus will replace the whole folder: refuse one that holds anything else."""
    if not directory.exists():
        return
    if not directory.is_dir() or (any(directory.iterdir()) and not (directory / MANIFEST).exists()):
        raise CorpusError(
            f"{directory} holds other files than a prepared corpus: choose another data.directory"
        )


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CorpusError(f"cannot make the folder {folder}: {error.strerror}") from None


def _is_made(directory: Path, fingerprint: str) -> bool:
    try:
        return Corpus(directory).fingerprint == fingerprint
    except (CorpusError, ModelError):
        return False


def _remove_work_folders(directory: Path) -> None:
    """Remove what is left of this preparation and of others that were given up."""
    for work in directory.parent.glob(f"{glob.escape(directory.name)}.work-*"):
        shutil.rmtree(work)


def _fingerprint(config: Config) -> str:
    """A digest of everything that decides the result: settings and the bytes of all files."""
    data = config.data
    leave_out: dict[str, Any] = {
        "directory": True,
        "root": True,
        "sources": {"__all__": {"licence", "weight", "synthetic", "distil"}},
    }
    settings = data.model_dump(mode="json", exclude=leave_out)
    digest = hashlib.sha256(json.dumps([settings, config.languages]).encode())
    root = Path(data.root)
    files = [find_file(path, root) for source in data.sources for path in source.paths]
    files += _excluded_files(data)
    if data.vocabulary.from_model:
        files.append(Path(data.vocabulary.from_model) / VOCABULARY)
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
        try:
            found = sorted(root.glob(pattern))
        except (ValueError, NotImplementedError):  # pathlib's answer to an absolute pattern
            raise CorpusError(
                f"data.exclude: {pattern!r} must be a pattern of files under data.root"
            ) from None
        if not found:
            raise CorpusError(f"data.exclude: no file under {root} matches {pattern!r}")
        files += found
    return files


def _held_out_hashes(data: DataConfig) -> frozenset[int]:
    """Match-key hashes of every column of every held-out file."""
    hashes: set[int] = set()
    for path in _excluded_files(data):
        if path.name.removesuffix(".gz").endswith((".jsonl", ".ndjson")):
            raise CorpusError(f"{path}: held-out files are text or TSV, one sentence a column")
        for number, raw in enumerate(read_lines(path), start=1):
            columns = decode_line(raw, f"{path}:{number}").split("\t")
            hashes.update(key_hash(column) for column in columns if column.strip())
    return frozenset(hashes)


def _clean_source(
    pool: Workers,
    data: DataConfig,
    source: SourceConfig,
    held_out: frozenset[int],
    work: Path,
) -> None:
    folder = work / SOURCES / source.name
    if (folder / "cleaned").exists():
        return
    folder.mkdir(exist_ok=True)
    cleaner = Cleaner(data.cleaning, source.languages, held_out)
    lines = read_raw(source, Path(data.root))
    tasks = (
        (clean_chunk, source, cleaner, chunk, folder / f"{number:06}")
        for number, chunk in enumerate(_chunks(lines, LINES_PER_CHUNK))
    )
    with Progress(f"cleaning {source.name}", unit="pairs") as progress:
        for count in pool.run(tasks):
            progress.advance(count)
    (folder / "cleaned").touch()


def _check_any_left(data: DataConfig, work: Path) -> None:
    reports = [source_report(source, stems_of(work, source)) for source in data.sources]
    if not any(report.kept for report in reports):
        dropped = sum((report.dropped for report in reports), Counter())
        reasons = ", ".join(f"{rule} {count:,}" for rule, count in sorted(dropped.items()))
        raise CorpusError(f"no pair is left after cleaning; dropped by rule: {reasons or 'none'}")


def _drop_duplicates(data: DataConfig, work: Path) -> None:
    """Write `.keep.npy` beside each chunk: which of its pairs are the first of their kind."""
    if (work / "deduplicated").exists():
        return
    groups: dict[frozenset[str], list[Path]] = {}
    for source in data.sources:
        stems = stems_of(work, source)
        groups.setdefault(frozenset(source.languages), []).extend(stems)
    with Progress("removing duplicates", len(groups), "language pairs") as progress:
        for stems in groups.values():
            mark_duplicates([stem.with_suffix(".hash.npy") for stem in stems], work / "keep.tmp")
            progress.advance()
    (work / "deduplicated").touch()


def _make_vocabulary(config: Config, work: Path) -> Path:
    path = work / VOCABULARY
    taken = _taken_vocabulary(config)
    new = [code for code in config.languages if not taken or code not in taken.tag_ids]
    if taken and not new:
        write_bytes(path, taken.model)
    elif not path.exists():
        stems = [
            (source.languages, stem)
            for source in config.data.sources
            for stem in stems_of(work, source)
        ]

        def pairs() -> Iterator[tuple[tuple[str, str], list[str]]]:
            for languages, stem in stems:
                for keep, line in kept_lines(stem):
                    if keep:
                        yield languages, line.split("\t")

        settings = config.data.vocabulary
        sentences = sample_sentences(pairs, new, settings)
        with Progress("making the vocabulary", unit="sentences") as progress:
            counted = _counted(sentences, progress)
            if taken:
                made = extend_tokenizer(taken.model, counted, new, settings.size)
            else:
                made = train_tokenizer(counted, new, settings.size)
            write_bytes(path, made)
    return path


def _taken_vocabulary(config: Config) -> Tokenizer | None:
    """The vocabulary to take, if the configuration names one; it needs room for new languages."""
    settings = config.data.vocabulary
    if not settings.from_model:
        return None
    tokenizer = Tokenizer.load(Path(settings.from_model) / VOCABULARY)
    missing = [code for code in config.languages if code not in tokenizer.tag_ids]
    with_text = {code for source in config.data.sources for code in source.languages}
    if unheard := sorted(set(missing) - with_text):
        raise ConfigError(
            f"data.vocabulary.from_model: the vocabulary of {settings.from_model} has no tag for "
            f"{', '.join(unheard)}, and no source has text to make pieces of"
        )
    if missing and settings.size < tokenizer.vocab_size + LEAST_NEW_PIECES:
        raise ConfigError(
            f"data.vocabulary.from_model: the vocabulary of {settings.from_model} has no tag for "
            f"{', '.join(missing)}, only for {', '.join(tokenizer.languages)}. To add pieces to "
            f"its {tokenizer.vocab_size:,}, data.vocabulary.size, which is {settings.size:,}, has "
            f"to be {tokenizer.vocab_size + LEAST_NEW_PIECES:,} or more; leave from_model out to "
            "make a new vocabulary"
        )
    return tokenizer


def _counted(sentences: Iterable[str], progress: Progress) -> Iterator[str]:
    for sentence in sentences:
        progress.advance()
        yield sentence


def _encode_source(pool: Workers, source: SourceConfig, vocabulary: Path, work: Path) -> None:
    tasks = ((encode_chunk, stem, vocabulary) for stem in stems_of(work, source))
    with Progress(f"encoding {source.name}", unit="pairs") as progress:
        for count in pool.run(tasks):
            progress.advance(count)


def _finish(data: DataConfig, fingerprint: str, work: Path, directory: Path) -> None:
    """Join the chunks into shards and put the complete corpus in its place."""
    corpus = work / "corpus"
    shutil.rmtree(corpus, ignore_errors=True)
    corpus.mkdir()
    reports = [join_source(source, work, corpus) for source in data.sources]
    infos = [
        ShardInfo(source.name, source.languages, report.kept)
        for source, report in zip(data.sources, reports, strict=True)
    ]
    shutil.copyfile(work / VOCABULARY, corpus / VOCABULARY)
    save_report(reports, corpus)
    write_manifest(corpus, fingerprint, infos)
    if directory.exists():
        # Moved away whole: a kill in the middle of deleting would leave a damaged corpus.
        directory.replace(work / "replaced")
    corpus.replace(directory)


def _chunks(items: Iterable[T], size: int) -> Iterator[list[T]]:
    iterator = iter(items)
    while chunk := list(islice(iterator, size)):
        yield chunk
